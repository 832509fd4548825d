//! What is about to be removed, as the journal keeps it.

use crate::copy::desk::Desk;
use crate::error::{Error, ErrorKind, Result};
use crate::model::address::Address;
use crate::model::flags::Flags;
use crate::model::folder::FolderPath;
use crate::model::uid::{Uid, UidValidity};
use crate::ports::ledger::{FolderKey, JournalEntry, Ledger};
use serde::{Deserialize, Serialize};

const INTENT: &str = "intent";

/// Why messages are removed; it says what becomes of their rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// A copy is taken back: its message is to be copied again.
    Rollback,
    /// Its message vanished at the source, and the migration plan wants the copy to follow.
    Deletion,
    /// An extra copy, which no row stands for.
    Extra,
}

/// A message of ours at the destination, as it was left there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Own {
    /// UID at the destination.
    pub at: Uid,
    /// UID at the source of the row that it is the copy of.
    pub source: Option<Uid>,
    /// RFC822.SIZE in octets.
    pub size: u64,
    /// Flags as stored.
    pub flags: Flags,
}

/// Messages of one destination folder whose removal was begun.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Intent {
    /// Why.
    pub purpose: Purpose,
    /// The destination folder.
    pub folder: FolderPath,
    /// Its UIDVALIDITY.
    pub uid_validity: UidValidity,
    /// The source folder whose rows know them, and its UIDVALIDITY.
    pub of: Option<(FolderPath, UidValidity)>,
    /// The messages.
    pub messages: Vec<Own>,
}

impl Intent {
    /// Returns the source folder of a mailbox whose rows know the messages.
    pub fn source(&self, mailbox: &Address) -> Option<(FolderKey, UidValidity)> {
        let (folder, validity) = self.of.clone()?;
        Some((FolderKey { mailbox: mailbox.clone(), folder }, validity))
    }
}

/// The name of all removals of a mailbox in the journal: one at a time is under way.
fn action(mailbox: &Address) -> String {
    format!("removal/{mailbox}")
}

/// Returns the removal of a mailbox that was begun and, as far as the ledger knows, not ended.
pub fn begun(ledger: &dyn Ledger, mailbox: &Address) -> Result<Option<Intent>> {
    let last = ledger.journal_last(&action(mailbox))?;
    let Some(entry) = last.filter(|entry| entry.step == INTENT) else { return Ok(None) };
    serde_json::from_str(&entry.note).map(Some).map_err(|error| {
        Error::new(
            ErrorKind::Failed,
            "E522",
            format!("{mailbox}: the journal's entry of a cut-off removal cannot be read"),
        )
        .hint("Report this: nothing is removed while it is not known what was begun.")
        .source(error)
    })
}

/// Writes down what is about to be removed. It is on disk before anything is: without it nobody could
/// tell after a loss of power that it was us who removed a message.
pub(super) async fn begin(desk: &Desk, mailbox: &Address, intent: &Intent) -> Result<()> {
    let note = serde_json::to_string(intent).map_err(|error| {
        Error::new(ErrorKind::Failed, "E523", "the intent of a removal could not be written")
            .source(error)
    })?;
    let entry = entry(desk, mailbox, INTENT, note);
    desk.ledger(move |ledger| ledger.journal_durably(&entry)).await
}

/// Writes down that nothing is under way any more.
pub(super) async fn end(desk: &Desk, mailbox: &Address, gone: usize) -> Result<()> {
    let entry = entry(desk, mailbox, "done", format!("{gone} removed"));
    desk.ledger(move |ledger| ledger.journal(&entry)).await
}

fn entry(desk: &Desk, mailbox: &Address, step: &str, note: String) -> JournalEntry {
    JournalEntry { at: desk.clock.now(), action: action(mailbox), step: step.to_owned(), note }
}
