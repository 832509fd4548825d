//! The server is in trouble for a while, or ended a connection that can be opened again.

use super::row::{Pattern, Product, Row, Scope, seen};
use crate::error::Class::Transient;

pub(super) const ROWS: &[Row] = &[
    Row {
        code: "E173",
        products: &[Product::Exchange],
        class: Transient,
        scope: Scope::Account,
        pattern: Pattern::of(&[], &[&["connection closed"], &["connection is closed. 14"]]),
        sentence: "WHO closed the connection, as Exchange does after ten errors and after a request for a pause",
        next: &[
            "Nothing is to be done: mailferry goes on with a fresh connection, and replaces each one after seven errors.",
        ],
        examples: &[
            seen("BYE Connection closed. 14", "github.com/simonrob/email-oauth2-proxy issue 191"),
            seen("BYE Connection is closed. 14", "Exchange Server 2013"),
            seen("BYE Connection closed.", "imapsync, FAQ.Office365"),
        ],
    },
    Row {
        code: "E177",
        products: &[Product::Exchange, Product::Dovecot],
        class: Transient,
        scope: Scope::Account,
        pattern: Pattern::of(
            &[],
            &[&["connection is closed. 13"], &["disconnected for inactivity"]],
        ),
        sentence: "WHO closed a connection that was idle for too long",
        next: &["Nothing is to be done: mailferry goes on with a fresh connection."],
        examples: &[
            seen("BYE Connection is closed. 13", "Exchange Server 2013"),
            seen("BYE Disconnected for inactivity.", "dovecot/core, src/imap"),
        ],
    },
    Row {
        code: "E178",
        products: &[Product::Exchange],
        class: Transient,
        scope: Scope::Account,
        pattern: Pattern::of(&[], &[&["session invalidated"]]),
        sentence: "WHO ended the session, because the mailbox moved or its settings changed",
        next: &["Nothing is to be done: mailferry goes on with a fresh connection."],
        examples: &[seen("BYE Session invalidated - {0}", "Exchange Server 2013")],
    },
    // Exchange says it of a mailbox without access as of one that is moved or whose token has ended.
    Row {
        code: "E183",
        products: &[Product::Exchange],
        class: Transient,
        scope: Scope::Account,
        pattern: Pattern::of(&[], &[&["authenticated but not connected"]]),
        sentence: "the log-in was accepted, and WHO cannot open the mailbox",
        next: &[
            "Look whether the mailbox exists and is licensed, whether its name is right, whether IMAP is on for it, and whether the account that signs in has FullAccess.",
            "When all of that holds, it is a fault of the service or the trace of many short connections, which lasted longer than it was tried again: run the same command again later.",
        ],
        examples: &[seen(
            "BAD User is authenticated but not connected.",
            "github.com/simonrob/email-oauth2-proxy issues 74 and 275",
        )],
    },
    Row {
        code: "E174",
        products: &[Product::Dovecot],
        class: Transient,
        scope: Scope::Account,
        pattern: Pattern::of(&[], &[&["too many invalid imap commands"]]),
        sentence: "WHO ended the connection after too many commands that it did not understand",
        next: &[
            "If this repeats, report it with the words above: it may be a defect of mailferry.",
        ],
        examples: &[seen("BYE Too many invalid IMAP commands.", "dovecot/core, src/imap")],
    },
    Row {
        code: "E175",
        products: &[Product::Exchange],
        class: Transient,
        scope: Scope::Account,
        pattern: Pattern::of(&[], &[&["server unavailable"]]),
        sentence: "WHO has trouble behind its front door",
        next: &[
            "Apply again later: it goes on where it stopped.",
            "If it stays, look at the quota of the mailbox: Exchange says this of a full one too.",
        ],
        examples: &[
            seen("NO Server Unavailable. 15", "imapsync, FAQ.Exchange"),
            seen("BAD Server Unavailable. 15", "imapsync, FAQ.Office365"),
        ],
    },
    Row {
        code: "E179",
        products: &[Product::Any, Product::Dovecot],
        class: Transient,
        scope: Scope::Account,
        pattern: Pattern::of(&["EXPUNGEISSUED"], &[]),
        sentence: "messages went away after the folder was listed",
        next: &["Nothing is to be done: mailferry lists the folder again."],
        examples: &[seen(
            "NO [EXPUNGEISSUED] Some of the requested messages no longer exist.",
            "dovecot/core, src/imap",
        )],
    },
    Row {
        code: "E176",
        products: &[Product::Any, Product::Dovecot],
        class: Transient,
        scope: Scope::Account,
        pattern: Pattern::of(&["UNAVAILABLE", "INUSE", "SERVERBUG"], &[]),
        sentence: "WHO is busy or in trouble",
        next: &["Run the same command again later: it goes on where it stopped."],
        examples: &[
            seen(
                "NO [UNAVAILABLE] Temporary authentication failure.",
                "dovecot/core, src/login-common",
            ),
            seen("NO [UNAVAILABLE] User's backend down for maintenance", "RFC 5530 section 3"),
            seen("NO [INUSE] Mailbox in use", "RFC 5530 section 3"),
            seen("NO [SERVERBUG] This should not happen", "RFC 5530 section 3"),
            seen(
                "NO [SERVERBUG] Internal error occurred. Refer to server log for more information.",
                "dovecot/core, src/lib-storage",
            ),
        ],
    },
];
