//! What a code or a server's words mean, for `mailferry explain`.

use crate::catalogue::{Example, Product, Row, Said, find, rows};
use crate::error::Class;
use serde::Serialize;
use std::collections::BTreeSet;

/// The page that lists every code; the tests hold it against the source.
const PAGE: &str = include_str!("../../docs/errors.md");

/// What is known about one code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// The code.
    pub code: &'static str,
    /// What it says; words in capitals stand for what is named there.
    pub says: &'static str,
    /// What a person does.
    pub next: &'static str,
    /// The meanings of server answers with this code; empty for every other code.
    pub answers: Vec<Meaning>,
}

/// One meaning of a server's answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Meaning {
    /// What it is about.
    pub class: Class,
    /// What mailferry does by itself.
    pub by_itself: &'static str,
    /// Who says it.
    pub products: &'static [Product],
    /// What a person does, a step each.
    pub next: &'static [&'static str],
    /// Known texts and where they were seen.
    pub texts: &'static [Example],
}

impl Class {
    /// Returns what mailferry does by itself about a failure of this class.
    pub const fn by_itself(self) -> &'static str {
        match self {
            Self::Throttle => {
                "waits as long as the server says (else 1, 2, 4 … up to 60 seconds), with every connection of the account, halves its connections, and goes on"
            }
            Self::Credential => {
                "stops this mailbox and never tries the same log-in again in this run, so that no account is locked out; the other mailboxes go on"
            }
            Self::Message => {
                "tries the message once more, alone on a fresh connection, and leaves it behind with its reason when it is refused again; the other messages go on"
            }
            Self::Folder => "stops this folder; the other folders go on",
            Self::Mailbox => "stops this mailbox; the other mailboxes go on",
            Self::Transient => {
                "tries again on a fresh connection after 1, 2, 4 … seconds, and gives the folder up when nothing moved on five times in a row"
            }
            Self::Bug => "stops what it was doing there; nothing is concluded from the answer",
            Self::Line => {
                "connects again and finds out what arrived before it sends anything twice; it gives the folder up when nothing moved on five times in a row"
            }
            Self::Ledger => "ends the command, because without a ledger nothing is safe to do",
            Self::Other => "says it and goes on with everything that does not depend on it",
        }
    }
}

/// The rows of the page: code, sentence, next step.
fn page() -> impl Iterator<Item = (&'static str, &'static str, &'static str)> {
    PAGE.lines().filter_map(|line| {
        let (code, rest) = line.strip_prefix("| `")?.split_once("` | ")?;
        let (says, next) = rest.strip_suffix(" |")?.split_once(" | ")?;
        is_code(code).then_some((code, says, next))
    })
}

fn is_code(text: &str) -> bool {
    let digits = text.strip_prefix(['E', 'F', 'G', 'P']);
    digits.is_some_and(|digits| digits.len() == 3 && digits.bytes().all(|b| b.is_ascii_digit()))
}

fn meaning(row: &Row) -> Meaning {
    Meaning {
        class: row.class,
        by_itself: row.class.by_itself(),
        products: row.products,
        next: row.next,
        texts: row.examples,
    }
}

/// Explains a code, in any case; `None` when there is none like it.
pub fn code(text: &str) -> Option<Explanation> {
    let wanted = text.trim().to_uppercase();
    let (code, says, next) = page().find(|(code, ..)| *code == wanted)?;
    let answers = rows().filter(|row| row.code == code).map(meaning).collect();
    Some(Explanation { code, says, next, answers })
}

/// Explains a server's words; `None` when no row of the table knows them.
pub fn words(text: &str) -> Option<Explanation> {
    let row = find(&Said::read(text))?;
    let mut explained = code(row.code)?;
    explained.answers = vec![meaning(row)];
    Some(explained)
}

/// Tells whether a text looks like a code rather than like a server's words.
pub fn looks_like_a_code(text: &str) -> bool {
    let text = text.trim();
    text.len() <= 6 && text.chars().all(char::is_alphanumeric) && text.chars().any(char::is_numeric)
}

/// Returns the known codes that are nearest to one that is not known, three at most.
pub fn near(text: &str) -> Vec<&'static str> {
    let wanted = text.trim().to_uppercase();
    let letter = wanted.chars().next();
    let number = |code: &str| code.get(1..).and_then(|digits| digits.parse::<i64>().ok());
    let mut codes: Vec<&'static str> =
        page().map(|(code, ..)| code).collect::<BTreeSet<_>>().into_iter().collect();
    codes.sort_by_key(|code| {
        let apart = number(code).zip(number(&wanted)).map_or(i64::MAX, |(a, b)| (a - b).abs());
        (code.chars().next() != letter, apart, *code)
    });
    codes.truncate(3);
    codes
}
