//! What can go wrong in the ledger's file.

use crate::error::{Class, Error, ErrorKind};
use crate::model::folder::FolderPath;
use crate::model::uid::{Uid, UidValidity};
use crate::model::words;
use crate::ports::ledger::Owner;
use rusqlite::ErrorCode;

/// A failure inside the ledger, before the file has its name in it.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    /// SQLite's own.
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
    /// The file system's, before SQLite saw the file.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// A value that this crate never writes.
    #[error("{0}")]
    Damaged(String),
    /// Another program's database.
    #[error("it is an SQLite database, but not a ledger of mailferry")]
    Foreign,
    /// A schema that is not known here.
    #[error("its schema is version {found}, this mailferry knows versions up to {known}")]
    Newer { found: i64, known: i64 },
    /// A schema that must be brought up to date by a command that writes.
    #[error("its schema is version {found}, and version {known} is needed")]
    Older { found: i64, known: i64 },
    /// The file system keeps no write-ahead log.
    #[error("SQLite keeps its journal there as `{0}`, not as a write-ahead log")]
    NoWal(String),
    /// Somebody else holds the lock, and may live.
    #[error("{} holds it", describe(.0))]
    Held(Box<Owner>),
    /// Somebody else took the lock from this process.
    #[error("this process does not hold the lock{}", taken_by(.0.as_deref()))]
    Lost(Option<Box<Owner>>),
    /// A result for a message that was never listed.
    #[error("UID {uid} of `{folder}` (UIDVALIDITY {uid_validity}) was never listed")]
    Unlisted { folder: FolderPath, uid_validity: UidValidity, uid: Uid },
    /// The end of a listing that was not begun, or was begun under another UIDVALIDITY.
    #[error("no listing of `{folder}` under UIDVALIDITY {uid_validity} is under way")]
    NotListing { folder: FolderPath, uid_validity: UidValidity },
    /// A copy out of a folder that is bound to no destination.
    #[error("`{0}` is bound to no destination folder, and a copy out of it cannot be recorded")]
    Unbound(FolderPath),
    /// A message in an archive that was never begun.
    #[error("`{0}` was never begun to be archived")]
    Unarchived(FolderPath),
    /// More than SQLite's integers hold.
    #[error("{what} of {value} is more than the ledger can hold")]
    TooLarge { what: &'static str, value: u64 },
}

fn describe(owner: &Owner) -> String {
    format!(
        "`mailferry {}` (process {} on {}, since {})",
        words::shown(owner.command.as_bytes()),
        owner.pid,
        words::shown(owner.host.as_bytes()),
        words::time(owner.since),
    )
}

fn taken_by(owner: Option<&Owner>) -> String {
    owner.map_or_else(String::new, |owner| format!(": {} does", describe(owner)))
}

impl Fault {
    /// Makes the error that the user sees; `name` is the file.
    pub(super) fn named(self, name: &str) -> Error {
        self.explained(name).class(Class::Ledger)
    }

    fn explained(self, name: &str) -> Error {
        match &self {
            Self::Held(owner) => {
                let wait = format!(
                    "wait until it ends, or stop it on {}: kill -INT {}",
                    words::shown(owner.host.as_bytes()),
                    owner.pid
                );
                Error::new(
                    ErrorKind::Locked,
                    "E120",
                    format!("the migration is locked ({name}): {self}"),
                )
                .hint(wait)
                .hint(format!(
                    "its last sign of life was at {}; it is replaced at once when its process is \
                     gone from this machine, and after {} s of silence from another one",
                    words::time(owner.heartbeat),
                    super::lock::LEASE.as_secs(),
                ))
            }
            Self::Lost(_) => {
                Error::new(ErrorKind::Locked, "E121", format!("nothing was written to {name}: {self}"))
                    .hint("what was recorded before is kept; when the other process has ended, run the same command again")
            }
            Self::Sqlite(error) => sqlite(name, error).source(self),
            Self::Io(error) => Error::new(
                ErrorKind::Failed,
                "E124",
                format!("the ledger {name} cannot be opened: {error}"),
            )
            .hint("make its folder writable for this user, or name another place with --state")
            .source(self),
            Self::Newer { .. } => unusable(name, &self, "E122")
                .hint("use the mailferry that wrote it, or a newer one"),
            Self::Older { .. } => unusable(name, &self, "E122")
                .hint("run `mailferry apply` once: it brings the ledger up to date"),
            Self::Foreign => unusable(name, &self, "E122").hint("name another file with --state"),
            Self::NoWal(_) => unusable(name, &self, "E124")
                .hint("name a place on a local disk with --state; network file systems do not do"),
            Self::Damaged(_) => damaged(name, &self.to_string()),
            Self::Unlisted { .. }
            | Self::NotListing { .. }
            | Self::Unbound(_)
            | Self::Unarchived(_)
            | Self::TooLarge { .. } => Error::new(
                ErrorKind::Failed,
                "E128",
                format!("{self}; nothing of it was written to {name}"),
            )
            .hint("this is a mistake in mailferry: please report it with this message"),
        }
    }
}

fn unusable(name: &str, fault: &Fault, code: &'static str) -> Error {
    Error::new(ErrorKind::Failed, code, format!("the ledger {name} cannot be used: {fault}"))
}

fn damaged(name: &str, words: &str) -> Error {
    Error::new(ErrorKind::Failed, "E123", format!("the ledger {name} is damaged: {words}"))
        .hint("put back a backup of it, with its -wal file when there is one")
        .hint("without one, move it away: the next plan finds what was copied by comparing digests")
}

fn sqlite(name: &str, error: &rusqlite::Error) -> Error {
    let words = words::shown(error.to_string().as_bytes());
    let failed = |code, message: String| Error::new(ErrorKind::Failed, code, message);
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseCorrupt) => damaged(name, &words),
        Some(ErrorCode::NotADatabase) => {
            failed("E122", format!("{name} is not a ledger, or a damaged one: {words}"))
                .hint("name another file with --state, or put back a backup of this one")
        }
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied | ErrorCode::CannotOpen) => {
            failed("E124", format!("the ledger {name} cannot be opened or written: {words}"))
                .hint("make the file and its folder writable for this user, or name another place with --state")
        }
        Some(ErrorCode::DiskFull) => failed("E125", format!("no room is left for the ledger {name}: {words}"))
            .hint("make room on that disk and run the same command again: it goes on where it stopped"),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            failed("E126", format!("another process keeps the ledger {name} busy: {words}"))
                .hint("end what has it open (a backup, an SQLite shell) and run the same command again")
        }
        _ => failed("E127", format!("the ledger {name} failed: {words}"))
            .hint("look at the disk and its messages, then run the same command again"),
    }
}
