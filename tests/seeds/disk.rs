//! The disk under a ledger: it loses what was not synced, is full, or fails.

use mailferry::error::{Class, Error, ErrorKind};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

/// What a disk does to the calls of a ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ill {
    /// No write finds room, as `SQLITE_FULL`: nothing of it is done.
    Full,
    /// The call is done, and its end is told as `SQLITE_IOERR`.
    DoneAndFailed,
}

/// The files of a ledger, and what of them a loss of power leaves.
#[derive(Clone, Debug)]
pub(crate) struct Disk {
    folder: PathBuf,
    /// For how many calls more.
    ill: Arc<Mutex<Option<(Ill, u64)>>>,
    struck: Arc<Mutex<u64>>,
}

const FILES: [&str; 2] = ["ledger.sqlite", "ledger.sqlite-wal"];

/// Octets of the header of a write-ahead log.
const HEADER: usize = 32;

impl Disk {
    pub(crate) fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), ill: Arc::default(), struck: Arc::default() }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.join(FILES[0])
    }

    /// Makes it ill for so many calls.
    pub(crate) fn falls_ill(&self, ill: Ill, calls: u64) {
        *self.ill.lock().expect("one thread") = Some((ill, calls));
    }

    pub(crate) fn is_well_again(&self) {
        *self.ill.lock().expect("one thread") = None;
    }

    /// How many calls failed.
    pub(crate) fn struck(&self) -> u64 {
        *self.struck.lock().expect("one thread")
    }

    /// Counts a call that writes; what is wrong with it.
    pub(crate) fn strikes(&self) -> Option<Ill> {
        let mut ill = self.ill.lock().expect("one thread");
        let (what, calls) = ill.as_mut()?;
        *calls = calls.checked_sub(1)?;
        *self.struck.lock().expect("one thread") += 1;
        Some(*what)
    }

    /// What is on the disk now stays there.
    pub(crate) fn sync(&self) {
        self.keep_as("synced");
    }

    /// Keeps the files as a process leaves them that is killed: before they are closed in order.
    pub(crate) fn keep_as_killed(&self) {
        self.keep_as("killed");
    }

    fn keep_as(&self, word: &str) {
        for file in FILES {
            let (from, to) = (self.folder.join(file), self.folder.join(format!("{word}-{file}")));
            if from.exists() {
                fs::copy(from, to).expect("a copy");
            } else {
                let _ = fs::remove_file(to);
            }
        }
    }

    /// What was synced is left, and of what was not as much as `share` says, where it lies behind
    /// that in the log: a disk may have written it in time. Nobody may have the ledger open.
    pub(crate) fn lose_power(&self, share: u8) {
        let read = |word: &str, file: &str| {
            fs::read(self.folder.join(format!("{word}-{file}"))).unwrap_or_default()
        };
        let (synced, killed) = (read("synced", FILES[1]), read("killed", FILES[1]));
        let longer = synced.len() > HEADER
            && killed.starts_with(&synced)
            && read("synced", FILES[0]) == read("killed", FILES[0]);
        let _ = fs::remove_file(self.folder.join("ledger.sqlite-shm"));
        for file in FILES {
            let (to, from) = (self.folder.join(file), self.folder.join(format!("synced-{file}")));
            let _ = fs::remove_file(&to);
            if from.exists() {
                fs::copy(from, to).expect("a copy");
            }
        }
        if longer {
            let more = (killed.len() - synced.len()) * usize::from(share) / 255;
            fs::write(self.folder.join(FILES[1]), &killed[..synced.len() + more]).expect("a log");
        }
    }
}

impl Ill {
    /// The error that the ledger makes of it, `src/ledger/fault.rs`.
    pub(crate) fn error(self) -> Error {
        let (code, words) = match self {
            Self::Full => ("E125", "no room is left for the ledger: database or disk is full"),
            Self::DoneAndFailed => ("E127", "the ledger failed: disk I/O error"),
        };
        Error::new(ErrorKind::Failed, code, words).class(Class::Ledger)
    }
}
