//! `mailferry explain`: codes, server words, and what is neither.

// Helpers of tests are not seen as tests by these lints.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use serde_json::Value;
use std::process::{Command, Output};

fn explain(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_mailferry")).arg("explain").args(args).output().unwrap()
}

#[track_caller]
fn text(args: &[&str]) -> String {
    let output = explain(args);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[track_caller]
fn refused(args: &[&str], says: &[&str]) {
    let output = explain(args);
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(64), "{stderr}");
    for word in says {
        assert!(stderr.contains(word), "{word}: {stderr}");
    }
}

#[test]
fn a_code_of_a_server_s_answer_is_explained_with_its_texts() {
    let shown = text(&["E108"]);
    for words in [
        "E108  ",
        "About: throttle (said by: dovecot, gmail, rackspace)",
        "Next: Close other mail programs",
        "NO [LIMIT] Maximum number of connections from user+IP exceeded",
        "Too many simultaneous connections",
        "seen: ",
    ] {
        assert!(shown.contains(words), "{words}: {shown}");
    }
    // Some codes have several meanings: what was asked tells them apart.
    let shown = text(&["e217"]);
    assert!(shown.contains("About: message") && shown.contains("About: folder"), "{shown}");
}

#[test]
fn every_other_code_is_explained_too() {
    for (code, words) in [
        ("E120", "the migration is locked"),
        ("P012", "two mailboxes go to the same destination"),
        ("G301", "the ledger knows of no copy"),
        ("F204", "Messages stay behind"),
    ] {
        let shown = text(&[code]);
        assert!(shown.contains(words) && shown.contains("Next: "), "{shown}");
    }
}

#[test]
fn the_words_of_a_server_find_their_code() {
    for (line, code) in [
        ("NO Request is throttled. Suggested Backoff Time: 7 milliseconds", "E171"),
        ("a17 BAD Command Argument Error. 11", "E217"),
        ("* BYE Connection closed. 14", "E173"),
        ("[OVERQUOTA] anything", "E201"),
        ("RecipientNotFound", "E185"),
        ("Message too large for destination", "E211"),
        ("Folder UTF-7 conversion error", "E227"),
        ("STARTTLS handshake failed", "E103"),
        ("AUTHENTICATIONFAILED", "E104"),
        ("Quota exceeded", "E201"),
    ] {
        let shown = text(&[line]);
        assert!(shown.starts_with(&format!("{code}  ")), "{line}: {shown}");
    }
    // Without quotes the shell makes several words of it.
    assert!(text(&["Too", "many", "simultaneous", "connections"]).starts_with("E108"));
}

#[test]
fn json_has_all_of_it() {
    let shown: Value = serde_json::from_str(&text(&["E171", "--format", "json"])).unwrap();
    assert_eq!(shown["code"], "E171");
    let answer = &shown["answers"][0];
    assert_eq!(
        (&answer["class"], &answer["products"][0]),
        (&"throttle".into(), &"exchange".into())
    );
    assert!(answer["texts"][0]["words"].as_str().unwrap().contains("Suggested Backoff Time"));
    assert!(answer["next"].as_array().is_some_and(|next| !next.is_empty()));
    let other: Value = serde_json::from_str(&text(&["E120", "--format", "json"])).unwrap();
    assert!(other["answers"].as_array().unwrap().is_empty());
    assert!(other["next"].as_str().unwrap().contains("Wait"));
}

#[test]
fn what_is_not_known_is_a_mistake_of_usage() {
    refused(&["E113x"], &["E010", "is no code"]);
    refused(&["E229"], &["E010", "The nearest ones are E2"]);
    refused(&["NO we are closed on Sundays"], &["E011", "no known answer"]);
    refused(&[], &["CODE|TEXT"]);
}
