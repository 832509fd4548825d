//! Archives folders of the source to files of this machine: mbox or Maildir, with a ledger and a
//! proof of their own.

pub mod files;
mod maildir;
mod manifest;
mod mbox;
pub mod mboxrd;
mod names;
mod pages;
mod proof;
mod run;

pub use manifest::{NAME as MANIFEST, recorded_as, write as write_manifest};
pub use proof::{FolderProof, prove};
pub use run::{FolderRun, archive};

use crate::desired::DesiredMailbox;
use crate::model::date_range::DateRange;
use std::path::PathBuf;

/// How messages are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// One file a folder; lines that could be taken for a separator have a `>` more (mboxrd).
    Mbox,
    /// One file a message, in directories named as Maildir++ does.
    Maildir,
}

impl Format {
    /// Returns the word of the ledger and of the manifest for it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Mbox => "mbox",
            Self::Maildir => "maildir",
        }
    }
}

/// What is archived, and where to.
#[derive(Clone, Debug)]
pub struct Order {
    /// The mailbox.
    pub mailbox: DesiredMailbox,
    /// Which messages.
    pub range: DateRange,
    /// The absolute path of the archive, which is there.
    pub to: PathBuf,
    /// The path under which the ledger knows it, when it was moved since.
    pub recorded: Option<String>,
    /// How messages are kept.
    pub format: Format,
}

impl Order {
    /// Returns the name of the archive in the ledger.
    pub fn name(&self) -> String {
        self.recorded.clone().unwrap_or_else(|| self.to.to_string_lossy().into_owned())
    }
}
