//! Cuts messages into FETCH commands.

use crate::copy::send::BUFFERED;
use crate::model::uid::Uid;
use crate::ports::ledger::MessageRow;
use std::collections::{BTreeSet, VecDeque};

/// UIDs in one FETCH: a bulk FETCH that stalls while the destination rests would be cut by the
/// source's own time-out.
const BATCH_MESSAGES: usize = 200;

/// Octets in one FETCH, for the same reason.
const BATCH_OCTETS: u64 = 32 << 20;

/// Cuts the pending messages into FETCH commands; a large message goes alone, and so does one that
/// is to be kept apart.
pub fn batches(rows: &[MessageRow], apart: &BTreeSet<Uid>) -> VecDeque<Vec<Uid>> {
    let mut batches = VecDeque::new();
    let mut batch = Vec::new();
    let mut octets = 0_u64;
    for row in rows {
        let size = row.listed.size;
        let large = size > BUFFERED || apart.contains(&row.listed.uid);
        let full =
            batch.len() == BATCH_MESSAGES || octets.saturating_add(size) > BATCH_OCTETS || large;
        if full && !batch.is_empty() {
            batches.push_back(std::mem::take(&mut batch));
            octets = 0;
        }
        batch.push(row.listed.uid);
        octets = octets.saturating_add(size);
        if large {
            batches.push_back(std::mem::take(&mut batch));
            octets = 0;
        }
    }
    if !batch.is_empty() {
        batches.push_back(batch);
    }
    batches
}
