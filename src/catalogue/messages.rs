//! Refusals that are about one message: it is tried once more, alone on a fresh connection.

use super::row::{Asked, Pattern, Product, Row, Scope, seen};
use crate::error::Class::{Folder, Message};

const SHRINK: &[&str] = &[
    "Raise the destination's limit for received and sent messages (Exchange: MaxReceiveSize and MaxSendSize of the mailbox and of the account that signs in, up to 150 MB), then apply again.",
    "Or keep the message elsewhere: it stays at the source.",
];

const REFUSED: &[&str] = &[
    "The words above are the server's own; correct what they name and run the same command again.",
];

pub(super) const ROWS: &[Row] = &[
    Row {
        code: "E211",
        products: &[Product::Any, Product::Exchange, Product::Dovecot, Product::Cyrus],
        class: Message,
        scope: Scope::Account,
        pattern: Pattern::of(
            &["TOOBIG"],
            &[
                &["maximum size of appendable message"],
                &["maximum message size exceeded"],
                &["mail size is larger than the maximum size"],
                &["message size exceeds"],
                &["message too large"],
            ],
        ),
        sentence: "a message is larger than WHO takes",
        next: SHRINK,
        examples: &[
            seen(
                "NO Maximum size of appendable message has been exceeded",
                "imapsync, FAQ.Office365",
            ),
            seen("BAD maximum message size exceeded", "imapsync, its table of errors"),
            seen(
                "NO [LIMIT] Mail size is larger than the maximum size allowed by server configuration",
                "Dovecot 2.3.19",
            ),
            seen("NO [TOOBIG] Message size exceeds fixed limit", "Cyrus 3.6.1"),
            seen("Message too large for destination", "migration guides for Rackspace Email"),
            seen(
                "550 5.3.4 Message too large (G17)",
                "github.com/rackerlabs/support-how-to, common-email-bounces (SMTP)",
            ),
        ],
    },
    Row {
        code: "E212",
        products: &[Product::Cyrus],
        class: Message,
        scope: Scope::Account,
        pattern: Pattern::of(&[], &[&["contains nul"]]),
        sentence: "a message holds NUL octets, which WHO does not take",
        next: &["Allow the transform `nul-octets` in `folders.transforms`, then apply again."],
        examples: &[seen("NO Message contains NUL characters", "Cyrus 3.6.1")],
    },
    Row {
        code: "E213",
        products: &[Product::Cyrus],
        class: Message,
        scope: Scope::Account,
        pattern: Pattern::of(&[], &[&["bare newlines"]]),
        sentence: "a message holds line feeds without carriage returns, which WHO does not take",
        next: &["Allow the transform `line-ends` in `folders.transforms`, then apply again."],
        examples: &[seen("NO Message contains bare newlines", "Cyrus 3.6.1")],
    },
    Row {
        code: "E214",
        products: &[Product::Cyrus, Product::Any],
        class: Message,
        scope: Scope::Account,
        pattern: Pattern::of(
            &[],
            &[
                &["contains invalid header"],
                &["header limit reached"],
                &["unable to parse message"],
            ],
        ),
        sentence: "WHO cannot read the header of a message",
        next: &[
            "Keep the message elsewhere: it stays at the source. Its content is not changed to please a server.",
        ],
        examples: &[
            seen("NO Message contains invalid header", "Cyrus 3.6.1"),
            seen("NO header limit reached", "imapsync, its table of errors"),
            seen("BAD Invalid Arguments: Unable to parse message", "imapsync, its table of errors"),
        ],
    },
    Row {
        code: "E215",
        products: &[Product::Dovecot, Product::Cyrus],
        class: Message,
        scope: Scope::Account,
        pattern: Pattern::of(&[], &[&["zero byte message"], &["zero-length message"]]),
        sentence: "a message without a single octet, which WHO does not take",
        next: &["Nothing is to be done: there is nothing in it."],
        examples: &[
            seen("NO Can't save a zero byte message", "Dovecot 2.3.19"),
            seen("NO Zero-length message literal", "Cyrus 3.6.1"),
        ],
    },
    Row {
        code: "E216",
        products: &[Product::Exchange, Product::Any],
        class: Message,
        scope: Scope::Account,
        pattern: Pattern::of(
            &[],
            &[&["invalid flag list"], &["invalid system flag"], &["contains deleted flag"]],
        ),
        sentence: "a message has flags that WHO does not take",
        next: &[
            "Report it with the words above: flags that the folder cannot store are left out before.",
        ],
        examples: &[
            seen("NO APPEND Invalid flag list", "imapsync, FAQ.APPEND_errors"),
            seen("BAD Invalid system flag \\FORWARDED", "github.com/imapsync/imapsync issue 144"),
            seen(
                "NO [CANNOT] APPEND Contains Deleted flag",
                "github.com/imapsync/imapsync issue 420",
            ),
        ],
    },
    Row {
        code: "E217",
        products: &[Product::Exchange],
        class: Message,
        scope: Scope::Account,
        pattern: Pattern::of(&[], &[&["command argument error. 11"], &["command error. 11"]])
            .to(&[Asked::Append]),
        sentence: "WHO refuses a message without saying why",
        next: &[
            "Exchange says this of a message that is too large, has a line beyond some 10,000 octets, is broken MIME, or goes to a full mailbox: look at these.",
            "Keep the message elsewhere when none of it can be mended: it stays at the source.",
        ],
        examples: &[
            seen("BAD Command Argument Error. 11", "imapsync, FAQ.Exchange"),
            seen("BAD Command Error. 11", "Exchange Server 2013"),
        ],
    },
    Row {
        code: "E217",
        products: &[Product::Exchange],
        class: Folder,
        scope: Scope::Account,
        pattern: Pattern::of(&[], &[&["command argument error. 11"], &["command error. 11"]])
            .to(&[Asked::Folder, Asked::Messages, Asked::Create, Asked::Mailbox]),
        sentence: "WHO refuses COMMAND without saying why",
        next: REFUSED,
        examples: &[seen(
            "BAD Command Argument Error. 11",
            "github.com/imapsync/imapsync issues 239 and 327 (STATUS and FETCH)",
        )],
    },
    Row {
        code: "E218",
        products: &[Product::Exchange],
        class: Message,
        scope: Scope::Account,
        pattern: Pattern::of(&[], &[&["append failed"]]),
        sentence: "WHO refuses a message, perhaps for a keyword among its flags",
        next: REFUSED,
        examples: &[seen("NO APPEND failed", "github.com/imapsync/imapsync issue 498")],
    },
    Row {
        code: "E219",
        products: &[Product::Exchange, Product::Client],
        class: Message,
        scope: Scope::Account,
        pattern: Pattern::of(&[], &[&["retrieval using the imap4 protocol failed"]]),
        sentence: "the source gives a notice in place of a message that it cannot show over IMAP",
        next: &["Open the item in Outlook: it is an appointment or a broken item, and not mail."],
        examples: &[seen(
            "Retrieval using the IMAP4 protocol failed for the following message: 12345",
            "github.com/jstedfast/MailKit issue 1615",
        )],
    },
];
