//! How far the proof of a destination folder has come; over new connections it goes on from there.

use crate::imap::FetchRow;
use crate::model::folder::{FolderPath, RawName};
use crate::model::uid::{Uid, UidValidity};
use crate::verify::astray::{Astray, There};
use crate::verify::checks::Findings;
use crate::verify::extras::Extra;
use crate::verify::refusals::Refusals;
use std::collections::BTreeSet;

/// What is done for good.
pub(super) struct Walk {
    /// Grows with everything that need not be read again.
    pub(super) steps: u64,
    pub(super) there: There,
    /// Source folders that were gone through.
    pub(super) done: Vec<Findings>,
    /// The one that is under way.
    pub(super) pages: Option<Pages>,
    /// Messages that are not where the ledger says, of all of them.
    pub(super) astray: Vec<Astray>,
    /// Where those were looked for already.
    pub(super) looked: BTreeSet<FolderPath>,
    /// Messages there that may be one of them, and that the server does not give.
    pub(super) withheld: Vec<(FolderPath, FetchRow)>,
    /// Copies there beyond those that the ledger knows, and messages that may be some and that the
    /// server does not give; `None` before they were looked for.
    pub(super) beyond: Option<(Vec<Extra>, Vec<Uid>)>,
}

/// One source folder as it was listed, and how many of its messages were compared.
pub(super) struct Pages {
    pub(super) uids: Vec<Uid>,
    /// Messages of other dates than the migration plan wants.
    pub(super) other_dates: BTreeSet<Uid>,
    pub(super) next: usize,
    pub(super) found: Findings,
    /// What each side does not give.
    pub(super) refused: (Refusals, Refusals),
}

impl Walk {
    pub(super) fn new(name: RawName, validity: UidValidity) -> Self {
        Self {
            steps: 0,
            there: There::new(name, validity),
            done: Vec::new(),
            pages: None,
            astray: Vec::new(),
            looked: BTreeSet::new(),
            withheld: Vec::new(),
            beyond: None,
        }
    }
}
