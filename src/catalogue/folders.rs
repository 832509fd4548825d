//! Refusals that are about one folder.

use super::row::{Asked, Pattern, Product, Row, Scope, seen};
use crate::error::Class::{Bug, Folder};

const RENAME: &[&str] =
    &["Map the folder to another name in `folders.map`, or exclude it; then plan again."];

const ONE: &[Asked] = &[Asked::Create, Asked::Folder, Asked::Messages];

pub(super) const ROWS: &[Row] = &[
    Row {
        code: "E222",
        products: &[Product::Exchange],
        class: Folder,
        scope: Scope::Account,
        pattern: Pattern::of(&[], &[&["folder name is reserved"]]),
        sentence: "the server keeps this folder name for itself",
        next: RENAME,
        examples: &[seen(
            "NO Folder name is reserved",
            "imapsync, FAQ.Office365 (the folder Files)",
        )],
    },
    Row {
        code: "E225",
        products: &[Product::Any, Product::Exchange],
        class: Folder,
        scope: Scope::Account,
        pattern: Pattern::of(&["ALREADYEXISTS"], &[&["mailbox already exists"]]),
        sentence: "a folder of this name is there, perhaps in other capitals",
        next: RENAME,
        examples: &[
            seen("NO Mailbox already exists", "imapsync, FAQ.Exchange"),
            seen("NO [ALREADYEXISTS] Mailbox \"that\" already exists", "RFC 5530 section 3"),
        ],
    },
    Row {
        code: "E227",
        products: &[Product::MigrationBatch],
        class: Folder,
        scope: Scope::Account,
        pattern: Pattern::of(&[], &[&["utf-7 conversion"]]),
        sentence: "a folder name was not understood",
        next: &[
            "Nothing is to be done with mailferry: it writes every name. With migration batches, rename the folder at the source.",
        ],
        examples: &[seen("Folder UTF-7 conversion error", "migration guides for Rackspace Email")],
    },
    Row {
        code: "E221",
        products: &[Product::Any, Product::Dovecot],
        class: Folder,
        scope: Scope::Account,
        pattern: Pattern::of(&["NONEXISTENT", "TRYCREATE"], &[]),
        sentence: "the folder is not there any more",
        next: &[
            "Plan again: the world changed since the plan was made. When it stays so, exclude the folder in the migration plan (`folders.exclude`).",
        ],
        examples: &[
            seen("NO [NONEXISTENT] No such mailbox", "RFC 5530 section 3"),
            seen("NO [TRYCREATE] Mailbox doesn't exist: Archive", "Dovecot 2.3.19"),
        ],
    },
    Row {
        code: "E223",
        products: &[Product::Any, Product::Dovecot],
        class: Folder,
        scope: Scope::Account,
        pattern: Pattern::of(&["NOPERM"], &[]),
        sentence: "whoever signs in may not do this in the folder",
        next: &["Give the right to the account that signs in, or exclude the folder."],
        examples: &[seen("NO [NOPERM] Access denied", "RFC 5530 section 3")],
    },
    Row {
        code: "E224",
        products: &[Product::Any, Product::Dovecot],
        class: Folder,
        scope: Scope::Account,
        pattern: Pattern::of(&["CORRUPTION"], &[]),
        sentence: "WHO says that the folder is damaged",
        next: &[
            "Ask the administrator of the server to mend it, then run the same command again; or exclude the folder in the migration plan (`folders.exclude`).",
        ],
        examples: &[seen("NO [CORRUPTION] Cannot open mailbox", "RFC 5530 section 3")],
    },
    Row {
        code: "E226",
        products: &[Product::Any],
        class: Folder,
        scope: Scope::Account,
        pattern: Pattern::of(&["CANNOT", "LIMIT"], &[]).to(ONE),
        sentence: "WHO never does this, or has a limit that forbids it",
        next: RENAME,
        examples: &[
            seen("NO [CANNOT] Adjacent slashes are not supported", "RFC 5530 section 3"),
            seen("NO [LIMIT] At most 32 flags in one mailbox supported", "RFC 5530 section 3"),
        ],
    },
    Row {
        code: "E187",
        products: &[Product::Exchange],
        class: Bug,
        scope: Scope::Account,
        pattern: Pattern::of(&[], &[&["command error. 12"], &["received in invalid state"]]),
        sentence: "WHO did not expect COMMAND now",
        next: &["Report it with the words above: it may be a defect of mailferry."],
        examples: &[
            seen("BAD Command Error. 12", "Exchange Server 2013"),
            seen("BAD Command received in Invalid state.", "Exchange Server 2013"),
        ],
    },
];
