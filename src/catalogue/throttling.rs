//! The server asks for patience.

use super::row::{Pattern, Product, Row, Scope, seen};
use crate::error::Class::Throttle;

pub(super) const ROWS: &[Row] = &[
    Row {
        code: "E171",
        products: &[Product::Exchange],
        class: Throttle,
        scope: Scope::Account,
        pattern: Pattern::of(&[], &[&["is throttled"]]),
        sentence: "WHO asks for a pause",
        next: &[
            "Nothing is to be done: mailferry waits as long as the server says, and then goes on with half of the connections.",
            "If it takes too long, ask Microsoft to lift the IMAP throttling of the tenant for some weeks.",
        ],
        examples: &[
            seen(
                "NO Request is throttled. Suggested Backoff Time: 299609 milliseconds",
                "github.com/imapsync/imapsync issue 198",
            ),
            seen(
                "BAD Request is throttled. Suggested Backoff Time: 89117 milliseconds",
                "github.com/simonrob/email-oauth2-proxy issue 191",
            ),
            seen(
                "BAD Request is throttled. Suggested Backoff Time: 299961 milliseconds",
                "the parser tests of imapflow",
            ),
        ],
    },
    Row {
        code: "E172",
        products: &[Product::Gmail, Product::Dovecot],
        class: Throttle,
        scope: Scope::Account,
        pattern: Pattern::of(&["THROTTLED"], &[]),
        sentence: "WHO slows this account down",
        next: &["Nothing is to be done: mailferry waits, longer each time that it comes again."],
        examples: &[seen("NO [THROTTLED]", "dovecot/core, src/lib-imap/imap-resp-code.h")],
    },
    Row {
        code: "E108",
        products: &[Product::Rackspace],
        class: Throttle,
        scope: Scope::Server,
        pattern: Pattern::of(&[], &[&["concurrent connections from this client"]]),
        sentence: "WHO has too many connections from this machine",
        next: &["Lower `SIDE.limits.connections`: Rackspace names five or less."],
        examples: &[seen(
            "421 Too many concurrent connections from this client (G2)",
            "github.com/rackerlabs/support-how-to, common-email-bounces (SMTP)",
        )],
    },
    Row {
        code: "E108",
        products: &[Product::Dovecot, Product::Gmail, Product::Rackspace],
        class: Throttle,
        scope: Scope::Connections,
        pattern: Pattern::of(
            &[],
            &[
                &["maximum number of connections"],
                &["too many simultaneous"],
                &["too many concurrent connections"],
            ],
        ),
        sentence: "WHO has too many connections of this user",
        next: &["Close other mail programs of this user, or lower `SIDE.limits`."],
        examples: &[
            seen(
                "NO [LIMIT] Maximum number of connections from user+IP exceeded (mail_max_userip_connections=10)",
                "Dovecot 2.3.19",
            ),
            seen(
                "NO [UNAVAILABLE] Maximum number of connections from user+IP exceeded (mail_max_userip_connections=30)",
                "github.com/mscdex/node-imap issue 882 (an older Dovecot)",
            ),
            seen(
                "NO [ALERT] Too many simultaneous connections. (Failure)",
                "github.com/zone-eu/wildduck issue 35 (Gmail)",
            ),
            seen("Too many simultaneous connections", "migration guides for Rackspace Email"),
            seen("Too many concurrent connections to this mailbox", "the source of FairEmail"),
        ],
    },
];
