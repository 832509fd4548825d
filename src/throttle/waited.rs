//! What had to be waited for, for the end of a run.

use serde::Serialize;

/// What one mailbox had to wait for on one side.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Waited {
    /// `source` or `destination`.
    pub side: &'static str,
    /// The mailbox.
    pub mailbox: String,
    /// How often the server asked for patience.
    pub times: u64,
    /// For how long in all, in milliseconds, overlapping waits counted once.
    pub milliseconds: u64,
    /// The fewest connections to which its halvings led, when there were any.
    pub fewest_connections: Option<u16>,
    /// The server's words, the last time.
    pub words: String,
}
