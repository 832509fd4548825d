//! Refusals that are about a mailbox as a whole.

use super::row::{Pattern, Product, Row, Scope, seen};
use crate::error::Class::Mailbox;

pub(super) const ROWS: &[Row] = &[
    Row {
        code: "E201",
        products: &[Product::Any, Product::Dovecot, Product::Cyrus, Product::MigrationBatch],
        class: Mailbox,
        scope: Scope::Account,
        pattern: Pattern::of(
            &["OVERQUOTA"],
            &[&["quota exceeded"], &["mailbox is full"], &["not enough disk quota"]],
        ),
        sentence: "the mailbox is full",
        next: &[
            "Raise the quota of this mailbox or exclude folders, then apply again: it goes on where it stopped.",
        ],
        examples: &[
            seen("NO [OVERQUOTA] Quota exceeded (mailbox for user is full)", "Dovecot 2.3.19"),
            seen(
                "NO [OVERQUOTA] Not enough disk quota",
                "dovecot/core, src/lib-storage/mail-error.h",
            ),
            seen("NO [OVERQUOTA] Sorry", "RFC 5530 section 3"),
            seen("Quota exceeded", "migration guides for Rackspace Email"),
            seen(
                "This mailbox is full. Please free up some space so that email can be downloaded.",
                "Microsoft, troubleshooting of IMAP mailbox migration",
            ),
        ],
    },
    Row {
        code: "E184",
        products: &[Product::Exchange],
        class: Mailbox,
        scope: Scope::Account,
        pattern: Pattern::of(
            &[],
            &[&["duplicate folders", "detected in the mailbox"], &["connection is closed. 15"]],
        ),
        sentence: "two folders of the mailbox have one name",
        next: &["Rename one of them in Outlook on the web, then run the same command again."],
        examples: &[
            seen("BAD Duplicate folders {0} were detected in the mailbox.", "Exchange Server 2013"),
            seen("BYE Connection is closed. 15", "Exchange Server 2013"),
        ],
    },
    Row {
        code: "E185",
        products: &[Product::MigrationBatch],
        class: Mailbox,
        scope: Scope::Account,
        pattern: Pattern::of(&[], &[&["recipientnotfound"], &["a recipient wasn't found for"]]),
        sentence: "there is no mailbox for this address at the destination",
        next: &[
            "Create the user with a licence for Exchange Online and this primary address, then start again.",
        ],
        examples: &[
            seen("RecipientNotFound", "migration guides for Rackspace Email"),
            seen(
                "A recipient wasn't found for ada on the target. Create a recipient of the appropriate type",
                "Microsoft, troubleshooting of IMAP mailbox migration",
            ),
        ],
    },
    Row {
        code: "E186",
        products: &[Product::Any],
        class: Mailbox,
        scope: Scope::Account,
        pattern: Pattern::of(&["CONTACTADMIN"], &[]),
        sentence: "WHO says that its administrator has to look at this mailbox",
        next: &["Ask the administrator of the server, with the words above."],
        examples: &[seen("NO [CONTACTADMIN]", "RFC 5530 section 3, the code")],
    },
];
