//! Every literal text finds its own row, and the documents say what the table says.

use super::*;
use crate::imap::error::Words;

/// Every command to which a row may be the answer.
fn contexts(row: &Row) -> Vec<Asked> {
    let all = [
        Asked::SignIn,
        Asked::Append,
        Asked::Create,
        Asked::Folder,
        Asked::Messages,
        Asked::Mailbox,
    ];
    if row.pattern.asked.is_empty() { all.to_vec() } else { row.pattern.asked.to_vec() }
}

#[test]
fn every_literal_text_finds_its_own_row_before_any_other() {
    let mut texts = 0;
    for row in rows() {
        assert!(
            !row.examples.is_empty(),
            "{} has no text: nobody knows that it is reached",
            row.code
        );
        for example in row.examples {
            for asked in contexts(row) {
                let said = Said { asked: Some(asked), ..Said::read(example.words) };
                let found = find(&said).unwrap_or_else(|| panic!("{}: {said:?}", row.code));
                assert!(
                    std::ptr::eq(found, row),
                    "{}: `{}` to {asked:?} finds a row of {}",
                    row.code,
                    example.words,
                    found.code
                );
            }
            texts += 1;
        }
    }
    assert!(texts > 80, "only {texts} texts");
}

#[test]
fn a_text_without_its_command_finds_its_code() {
    for row in rows() {
        for example in row.examples {
            let particular = !row.pattern.codes.is_empty() || !row.pattern.texts.is_empty();
            let found = explain::words(example.words).map(|found| found.code);
            if particular {
                assert_eq!(found, Some(row.code), "{}", example.words);
            }
            // As a log shows it: with a tag, or as an untagged line.
            if particular && Said::read(example.words).status.is_some() {
                let line = format!("a17 {}", example.words);
                assert_eq!(explain::words(&line).map(|found| found.code), Some(row.code), "{line}");
            }
        }
    }
    assert_eq!(explain::words("NO we are closed on Sundays"), None);
}

#[test]
fn what_a_server_answered_is_read_as_its_text_is() {
    for row in rows() {
        for example in row.examples {
            let said = Said::read(example.words);
            let Some(status) = said.status else { continue };
            let text = example.words.split_once(' ').unwrap().1;
            let words = Words::new(text.as_bytes());
            for asked in contexts(row) {
                let command = match asked {
                    Asked::SignIn => "the log-in",
                    Asked::Append => "APPEND",
                    Asked::Create => "CREATE",
                    Asked::Folder => "EXAMINE",
                    Asked::Messages => "UID FETCH",
                    Asked::Mailbox => "LIST",
                };
                let words = words.clone();
                let error = match (status, asked) {
                    (Status::No, Asked::SignIn) => ImapError::SignIn { words },
                    (Status::No, _) => ImapError::No { command, words },
                    (Status::Bad, _) => ImapError::Bad { command, words },
                    (Status::Bye, _) => {
                        ImapError::Closed { command, bye: Some(words), reason: None }
                    }
                };
                let found = row_of(&error).unwrap();
                assert!(std::ptr::eq(found, row), "{error:?} finds {}", found.code);
                assert_eq!(class(&error), row.class);
            }
        }
    }
}

#[test]
fn every_row_is_explained_by_the_page() {
    for row in rows() {
        let explained =
            explain::code(row.code).unwrap_or_else(|| panic!("{} has no row", row.code));
        let longest = ["WHO", "COMMAND"]
            .iter()
            .fold(vec![row.sentence], |parts, mark| {
                parts.into_iter().flat_map(|part| part.split(mark)).collect()
            })
            .into_iter()
            .map(str::trim)
            .max_by_key(|part| part.len())
            .unwrap();
        assert!(explained.says.contains(longest), "{}: `{longest}` is not on the page", row.code);
        assert!(!row.next.is_empty());
    }
}

#[test]
fn a_code_that_is_not_there_has_neighbours() {
    assert_eq!(explain::code("e104").unwrap().code, "E104");
    assert_eq!(explain::code("E999"), None);
    assert_eq!(explain::near("E110")[0], "E110");
    assert!(explain::near("G399").iter().all(|code| code.starts_with('G')));
    assert!(explain::looks_like_a_code("E104") && !explain::looks_like_a_code("RecipientNotFound"));
}

#[test]
fn words_of_entra_mean_nothing_over_imap() {
    for text in
        ["[SERVERBUG] access_denied", "invalid_grant", "x: AADSTS7000215: y", "invalid_request"]
    {
        let words = Words::new(text.as_bytes());
        for error in [
            ImapError::SignIn { words: words.clone() },
            ImapError::No { command: "APPEND", words: words.clone() },
            ImapError::Bad { command: "SELECT", words },
        ] {
            let found = row_of(&error);
            let entra = found.is_some_and(|row| row.products.contains(&Product::Entra));
            assert!(!entra, "{error:?} finds {found:?}");
        }
    }
    assert_eq!(explain::words("AADSTS7000215").map(|found| found.code), Some("E191"));
    let refused = ImapError::No { command: "APPEND", words: Words::new(b"access_denied") };
    assert_ne!(class(&refused), Class::Credential);
}
