//! What can go wrong between a request and the end of its answer.

use crate::imap::ImapError;
use std::io::ErrorKind;

/// A request without a complete answer. What the server did is unknown.
#[derive(Clone, Debug, thiserror::Error)]
pub enum HttpError {
    /// There is no connection, or it cannot be protected.
    #[error("{0}")]
    Reach(ImapError),
    /// Silence for too long.
    #[error("{host}: no answer to {what} for {seconds} s")]
    Timeout {
        /// Who is silent.
        host: String,
        /// What was waited for.
        what: &'static str,
        /// The limit.
        seconds: u64,
    },
    /// The connection ended before the answer was complete, or the answer is no HTTP.
    #[error("{host}: the connection was lost before the answer was complete ({reason})")]
    Lost {
        /// Who ended it.
        host: String,
        /// How.
        reason: String,
    },
    /// The answer is longer than any that is expected.
    #[error("{host}: the answer is longer than {octets} octets")]
    TooLong {
        /// Who sent it.
        host: String,
        /// The limit.
        octets: usize,
    },
    /// Nothing was sent, because it cannot be said in HTTP.
    #[error("{host}: the request cannot be said in HTTP ({reason})")]
    Unsayable {
        /// To whom.
        host: String,
        /// Why.
        reason: String,
    },
    /// Nothing more was sent: the run shall end.
    #[error("the wait for the server was ended")]
    Interrupted,
}

impl HttpError {
    /// Tells whether the same request may be answered when it is sent again.
    pub fn passes(&self) -> bool {
        match self {
            Self::Reach(ImapError::Tls { source, .. }) => is_lost(source.kind()),
            Self::Reach(error) => matches!(
                error,
                ImapError::Resolve { .. } | ImapError::Connect { .. } | ImapError::Timeout { .. }
            ),
            Self::Timeout { .. } | Self::Lost { .. } => true,
            Self::TooLong { .. } | Self::Unsayable { .. } | Self::Interrupted => false,
        }
    }
}

/// Tells whether a connection ended during the handshake; anything else of TLS is a refusal of one
/// side, which stays.
fn is_lost(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::ConnectionReset
            | ErrorKind::ConnectionAborted
            | ErrorKind::BrokenPipe
            | ErrorKind::UnexpectedEof
            | ErrorKind::TimedOut
    )
}
