//! Numbers of one folder in one run.

/// Numbers of one folder in one run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Messages sent and taken.
    pub copied: u64,
    /// Their octets.
    pub bytes: u64,
    /// Messages found at the destination by digest: after an interruption, or adopted.
    pub found: u64,
    /// Messages that are in another place at the source than when they were copied, and were not
    /// copied again.
    pub moved: u64,
    /// Messages whose flags were brought up to date.
    pub flags: u64,
    /// Messages that stay behind for a reason that the plan showed, newly so in this run.
    pub excepted: u64,
    /// Messages that stay behind for a reason that the plan could not show: a server refused them
    /// or gave no content, or they need a transform that is not allowed. Newly so in this run.
    pub refused: u64,
}
