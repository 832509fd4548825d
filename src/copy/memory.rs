//! What the copy of a folder remembers from one pass to the next.

use crate::copy::bodies::Read;
use crate::model::uid::Uid;
use std::collections::{BTreeMap, BTreeSet};

/// What the copy of a folder remembers from one pass, and one pair of connections, to the next.
#[derive(Debug, Default)]
pub struct Memory {
    /// First readings of large messages.
    pub first: BTreeMap<Uid, Read>,
    /// Messages that were refused among others: each is tried once more, alone on a fresh
    /// connection, after everything else.
    pub suspects: BTreeSet<Uid>,
    /// One of them was refused on the connection that is open now.
    pub met_here: bool,
}
