//! Refusals that no other row knows: what was asked tells how far they reach.

use super::row::{Asked, Pattern, Product, Row, Scope, Status, seen};
use crate::error::Class::{Bug, Credential, Folder, Mailbox, Message};

const CORRECT: &[&str] = &[
    "The words above are the server's own; correct what they name and run the same command again.",
];

const CORRECT_OR_EXCLUDE: &[&str] = &[
    "The words above are the server's own; correct what they name and run the same command again. A folder that cannot be read at all: exclude it in the migration plan (`folders.exclude`).",
];

const ONE: &[Asked] = &[Asked::Create, Asked::Folder, Asked::Messages];

pub(super) const ROWS: &[Row] = &[
    Row {
        code: "E104",
        products: &[Product::Any],
        class: Credential,
        scope: Scope::Account,
        pattern: Pattern::any(&[Status::No], &[Asked::SignIn]),
        sentence: "WHO refused the log-in",
        next: super::credentials::REFUSED,
        examples: &[seen("NO [ALERT] Invalid credentials (Failure)", "Gmail")],
    },
    Row {
        code: "E151",
        products: &[Product::Any],
        class: Message,
        scope: Scope::Account,
        pattern: Pattern::any(&[Status::No], &[Asked::Append]),
        sentence: "COMMAND was refused",
        next: CORRECT,
        examples: &[seen("NO I do not like this one", "RFC 3501 section 6.3.11, any NO")],
    },
    Row {
        code: "E152",
        products: &[Product::Any],
        class: Message,
        scope: Scope::Account,
        pattern: Pattern::any(&[Status::Bad], &[Asked::Append]),
        sentence: "the server did not understand COMMAND",
        next: &[
            "If this repeats, report it with the words above: it may be a defect of mailferry.",
        ],
        examples: &[seen("BAD Invalid message", "RFC 3501 section 6.3.11, any BAD")],
    },
    Row {
        code: "E151",
        products: &[Product::Any],
        class: Folder,
        scope: Scope::Account,
        pattern: Pattern::any(&[Status::No], ONE),
        sentence: "COMMAND was refused",
        next: CORRECT_OR_EXCLUDE,
        examples: &[seen("NO not this one", "RFC 3501 section 6.3, any NO")],
    },
    Row {
        code: "E151",
        products: &[Product::Any],
        class: Mailbox,
        scope: Scope::Account,
        pattern: Pattern::any(&[Status::No], &[Asked::Mailbox]),
        sentence: "COMMAND was refused",
        next: CORRECT,
        examples: &[seen("NO not here", "RFC 3501 section 6.3, any NO")],
    },
    Row {
        code: "E152",
        products: &[Product::Any],
        class: Bug,
        scope: Scope::Account,
        pattern: Pattern::any(
            &[Status::Bad],
            &[Asked::SignIn, Asked::Create, Asked::Folder, Asked::Messages, Asked::Mailbox],
        ),
        sentence: "the server did not understand COMMAND",
        next: &[
            "If this repeats, report it with the words above: it may be a defect of mailferry.",
        ],
        examples: &[seen("BAD Unknown command", "RFC 3501 section 7.1.3, any BAD")],
    },
];
