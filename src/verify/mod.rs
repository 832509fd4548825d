//! The proof: fresh connections, both sides listed and read again, every message accounted for.

mod astray;
mod checks;
pub mod displaced;
pub mod evidence;
pub mod exception;
pub mod extras;
mod folder;
mod group;
mod mailbox;
mod marks;
mod read;
mod refusals;
pub mod sample;
mod sides;
mod stands;
mod walk;

use crate::accounts::Accounts;
use crate::copy::desk::Desk;
use crate::desired::{self, Compare, Desired};
use crate::error::Result;
use crate::executor::event::Event;
use crate::message::canonical;
use crate::model::sampling::Sampling;
use crate::verify::evidence::{Account, Check, Evidence, MailboxEvidence, Totals};
use futures_util::StreamExt;
use std::sync::Arc;

/// Verifies every mailbox of the migration plan.
///
/// An object that cannot be read is an unknown check of its mailbox; a failure of the ledger
/// ends the verification.
pub async fn verify(
    desired: &Arc<Desired>,
    accounts: &Arc<Accounts>,
    desk_of: impl Fn(&crate::model::address::Address) -> Desk,
    only: Option<&crate::model::address::Address>,
    sampling: Sampling,
    began: jiff::Timestamp,
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
        mailbox::verify(Arc::clone(desired), Arc::clone(accounts), desk, mailbox, sampling)
    }))
    .buffer_unordered(desired::MAILBOXES.into());
    let mut found: Vec<MailboxEvidence> = Vec::new();
    while let Some(mailbox) = runs.next().await {
        found.push(mailbox?);
    }
    found.sort_by(|a, b| a.mailbox.cmp(&b.mailbox));
    let mut account = Account::default();
    for mailbox in &found {
        account.add(&mailbox.account());
    }
    let checks = vec![Check::of_account(&account)];
    let totals = Totals::of(&found, &checks);
    let rewrites = desired.compare == Some(Compare::Canonical) || account.equal_under_profile > 0;
    Ok(Evidence {
        format_version: evidence::FORMAT_VERSION.to_owned(),
        migration: desired.name.clone(),
        document: desired.document,
        mailboxes: found,
        totals,
        began: Some(began),
        sampling,
        profile: rewrites.then(|| canonical::PROFILE.to_owned()),
        profile_is_assumed: rewrites,
        checks,
    })
}
