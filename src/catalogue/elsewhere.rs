//! Texts that users of other programs bring along: of clients, and of Exchange's migration batches.
//! No IMAP server says them; they are here for `mailferry explain`.

use super::row::{Pattern, Product, Row, Scope, seen};
use crate::error::Class::{Line, Other};

const KB: &str = "Microsoft, troubleshooting of IMAP mailbox migration";

pub(super) const ROWS: &[Row] = &[
    Row {
        code: "E106",
        products: &[Product::Client],
        class: Line,
        scope: Scope::Account,
        pattern: Pattern::of(
            &[],
            &[
                &["broken pipe"],
                &["connection reset by peer"],
                &["timeout waiting", "data from server"],
                &["socket closed while reading"],
                &["ssl read error"],
                &["when not connected"],
            ],
        ),
        sentence: "the connection was lost",
        next: &[
            "With mailferry nothing is to be done: it connects again and finds out what arrived before it sends anything twice.",
            "Where it comes at one folder each time, look at its name: old Exchange servers fail at one that ends with a blank.",
        ],
        examples: &[
            seen("Write failed 'Broken pipe'", "imapsync, FAQ.Exchange"),
            seen("Connection reset by peer", "imapsync, FAQ.Exchange"),
            seen("timeout waiting 120s for data from server", "imapsync, FAQ.Exchange"),
            seen("socket closed while reading data from server", "imapsync, FAQ.Exchange"),
            seen("SSL read error", "imapsync, FAQ.Exchange"),
            seen(
                "Trying command when NOT connected",
                "imapsync, FAQ.Office365: Exchange asked for a pause and hung up",
            ),
        ],
    },
    Row {
        code: "E103",
        products: &[Product::Client],
        class: Line,
        scope: Scope::Account,
        pattern: Pattern::of(&[], &[&["starttls handshake"]]),
        sentence: "could not prove who it is",
        next: &["Use port 993 and leave `tls` out; `tls: starttls` is for port 143."],
        examples: &[seen("STARTTLS handshake failed", "migration guides for Rackspace Email")],
    },
    Row {
        code: "E102",
        products: &[Product::MigrationBatch],
        class: Line,
        scope: Scope::Account,
        pattern: Pattern::of(&[], &[&["the connection to the server", "could not be completed"]]),
        sentence: "no connection to the",
        next: &["Check host, port and firewall; for Rackspace Email: secure.emailsrvr.com, 993."],
        examples: &[seen(
            "The connection to the server secure.emailsrvr.com could not be completed.",
            KB,
        )],
    },
    Row {
        code: "E107",
        products: &[Product::MigrationBatch],
        class: Line,
        scope: Scope::Account,
        pattern: Pattern::of(&[], &[&["the connection to the server", "timed out"]]),
        sentence: "no answer to",
        next: &["Try again with fewer connections at once."],
        examples: &[seen(
            "The connection to the server secure.emailsrvr.com timed out after 00:00:15.",
            KB,
        )],
    },
    Row {
        code: "E411",
        products: &[Product::MigrationBatch],
        class: Other,
        scope: Scope::Account,
        pattern: Pattern::of(
            &[],
            &[
                &["invalidcsv"],
                &["upload file can't be empty"],
                &["the csv file contains more than"],
                &["is missing from the csv file"],
                &["has the wrong number of columns"],
            ],
        ),
        sentence: "the CSV file of a migration batch is not as Exchange wants it",
        next: &[
            "It needs the columns EmailAddress, UserName and Password, a value in each, no blanks around them, at most 50,000 rows and 10 MB, in UTF-8.",
            "mailferry copies without it; `mailboxes.csv` of the migration plan is another file.",
        ],
        examples: &[
            seen("InvalidCsv", "migration guides for Rackspace Email"),
            seen("Upload file can't be empty", KB),
            seen("The CSV file contains more than 50,000 rows", KB),
            seen("Column \"Password\" is missing from the CSV file", KB),
            seen("Row 7 has the wrong number of columns. Expected number: 3. Actual number: 2", KB),
        ],
    },
    Row {
        code: "E412",
        products: &[Product::MigrationBatch],
        class: Other,
        scope: Scope::Account,
        pattern: Pattern::of(&[], &[&["the migration batch already exists"]]),
        sentence: "a migration batch of this name is there already",
        next: &["Give the new one another name, or remove the old one when it is done."],
        examples: &[seen("The migration batch already exists.", KB)],
    },
];
