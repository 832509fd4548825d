//! The server refuses whoever signs in. None of these is tried again with the same log-in.

use super::row::{Asked, Pattern, Product, Row, Scope, seen};
use crate::error::Class::Credential;

pub(super) const ROWS: &[Row] = &[
    Row {
        code: "E109",
        products: &[Product::Any, Product::Gmail, Product::Dovecot],
        class: Credential,
        scope: Scope::Account,
        pattern: Pattern::of(&[], &[&["disabled"], &["not enabled for imap"]]).to(&[Asked::SignIn]),
        sentence: "IMAP is off for this mailbox at WHO",
        next: &["Switch IMAP on for the mailbox, then run the same command again."],
        examples: &[
            seen("NO [CONTACTADMIN] IMAP access is disabled", "Dovecot 2.3.19, field nologin"),
            seen("NO [ALERT] Your account is not enabled for IMAP use.", "Gmail"),
        ],
    },
    Row {
        code: "E181",
        products: &[Product::Any],
        class: Credential,
        scope: Scope::Account,
        pattern: Pattern::of(&["EXPIRED"], &[]),
        sentence: "WHO says that the password is no longer valid",
        next: &["Set a new password for the mailbox and put it where the secret is read from."],
        examples: &[seen("NO [EXPIRED] That password isn't valid any more", "RFC 5530 section 3")],
    },
    Row {
        code: "E182",
        products: &[Product::Any],
        class: Credential,
        scope: Scope::Account,
        pattern: Pattern::of(&["PRIVACYREQUIRED"], &[]),
        sentence: "WHO takes no password without TLS",
        next: &["Use `SIDE.imap.tls: implicit` or `starttls`."],
        examples: &[seen(
            "NO [PRIVACYREQUIRED] Connection offers no privacy",
            "RFC 5530 section 3",
        )],
    },
    Row {
        code: "E104",
        products: &[Product::Any, Product::Dovecot, Product::Exchange, Product::MigrationBatch],
        class: Credential,
        scope: Scope::Account,
        pattern: Pattern::of(
            &["AUTHENTICATIONFAILED", "AUTHORIZATIONFAILED"],
            &[
                &["authentication failed"],
                &["authenticate failed"],
                &["login failed"],
                &["authenticationfailed"],
                &["trouble signing in to this account"],
            ],
        ),
        sentence: "WHO refused the log-in",
        next: REFUSED,
        examples: &[
            seen("NO [AUTHENTICATIONFAILED] Authentication failed.", "Dovecot 2.3.19"),
            seen("NO [AUTHORIZATIONFAILED] No such authorization-ID", "RFC 5530 section 3"),
            seen("NO AUTHENTICATE failed.", "Microsoft, OAuth for IMAP, POP and SMTP"),
            seen("NO LOGIN failed.", "Exchange Server 2013"),
            seen("AUTHENTICATIONFAILED", "migration guides for Rackspace Email"),
            seen(
                "We had trouble signing in to this account. Confirm that you're using the correct user name and password.",
                "Microsoft, troubleshooting of IMAP mailbox migration",
            ),
        ],
    },
];

pub(super) const REFUSED: &[&str] = &[
    "The password is wrong, the user is unknown there, or IMAP is off for this mailbox.",
    "Correct the secret or the log-in in the migration plan, then run the same command again.",
];
