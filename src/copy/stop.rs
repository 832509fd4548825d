//! Why a pass over a folder ended early.

use crate::catalogue::{self, Object};
use crate::error::{Error, ErrorKind, Retry};
use crate::imap::ImapError;

/// The end of a pass that was not its normal end.
#[derive(Debug)]
pub enum Stop {
    /// A connection is of no more use, or the server asked to wait: again with fresh connections.
    Again(Error),
    /// It failed; trying again now would not help.
    Failed(Error),
    /// Ctrl-C or SIGTERM; what was answered is recorded.
    Interrupted,
}

impl Stop {
    /// Sorts a failure of one command on a connection.
    pub fn from_imap(error: &ImapError, object: &Object) -> Self {
        let explained = catalogue::imap(error, object);
        if matches!(error, ImapError::Interrupted) {
            Self::Interrupted
        } else if error.loses_connection() || catalogue::passes(error) {
            Self::Again(explained)
        } else {
            Self::Failed(explained)
        }
    }
}

impl Stop {
    /// Makes the error that ends a command.
    pub fn into_error(self) -> Error {
        match self {
            Self::Again(error) | Self::Failed(error) => error,
            Self::Interrupted => {
                Error::new(ErrorKind::Interrupted, "E130", "interrupted while looking")
                    .hint("Run the same command again.")
            }
        }
    }
}

impl From<Error> for Stop {
    /// Sorts a failure that is explained already: a sign-in or the ledger.
    fn from(error: Error) -> Self {
        match (error.kind, error.retry) {
            (ErrorKind::Interrupted | ErrorKind::Terminated, _) => Self::Interrupted,
            (ErrorKind::Locked | ErrorKind::Declined, _) | (_, Retry::Never) => Self::Failed(error),
            (_, Retry::AtOnce | Retry::Transient | Retry::After(_)) => Self::Again(error),
        }
    }
}
