//! The proof: fresh connections, both sides listed and read again, every message accounted for.

mod astray;
mod checks;
pub mod evidence;
mod folder;
mod mailbox;

use crate::accounts::Accounts;
use crate::copy::desk::Desk;
use crate::desired::Desired;
use crate::error::Result;
use crate::executor::event::Event;
use crate::verify::evidence::{Evidence, MailboxEvidence, Totals};
use futures_util::StreamExt;
use std::sync::Arc;

/// Mailboxes that are verified together.
const MAILBOXES: usize = 4;

/// Verifies every mailbox of the migration plan.
///
/// An object that cannot be read is an unknown check of its mailbox; a failure of the ledger
/// ends the verification.
pub async fn verify(
    desired: &Arc<Desired>,
    accounts: &Arc<Accounts>,
    desk_of: impl Fn(&crate::model::address::Address) -> Desk,
    only: Option<&crate::model::address::Address>,
) -> Result<Evidence> {
    let mailboxes: Vec<_> = desired
        .mailboxes
        .values()
        .filter(|mailbox| only.is_none_or(|only| *only == mailbox.source))
        .cloned()
        .collect();
    let mut runs = futures_util::stream::iter(mailboxes.into_iter().map(|mailbox| {
        let desk = desk_of(&mailbox.source);
        desk.tell(&Event::ActionStarted {
            id: crate::planner::plan::ActionId(format!("verify/{}", mailbox.source)),
        });
        mailbox::verify(Arc::clone(desired), Arc::clone(accounts), desk, mailbox)
    }))
    .buffer_unordered(MAILBOXES);
    let mut found: Vec<MailboxEvidence> = Vec::new();
    while let Some(mailbox) = runs.next().await {
        found.push(mailbox?);
    }
    found.sort_by(|a, b| a.mailbox.cmp(&b.mailbox));
    let totals = Totals::of(&found);
    Ok(Evidence {
        format_version: evidence::FORMAT_VERSION.to_owned(),
        migration: desired.name.clone(),
        document: desired.document,
        mailboxes: found,
        totals,
    })
}
