//! What of some messages is in the folder that is open at the destination.

use crate::copy::inventory;
use crate::imap::{Connection, ImapError, RowQuery, SequenceSet};
use crate::model::uid::Uid;
use crate::ports::ledger::Listed;
use std::collections::BTreeMap;

/// Messages that one command names.
pub const BATCH: usize = 500;

/// Returns those messages of the folder that are there, with flags and size.
///
/// # Errors
/// When not every row could be read: what is missing then is not gone.
pub async fn those_there(
    connection: &Connection,
    uids: impl IntoIterator<Item = Uid>,
) -> Result<BTreeMap<Uid, Listed>, ImapError> {
    let uids: Vec<Uid> = uids.into_iter().collect();
    let mut there = BTreeMap::new();
    for batch in uids.chunks(BATCH) {
        let query = RowQuery { flags: true, size: true, ..RowQuery::default() };
        let set = SequenceSet::from_uids(batch.iter().copied());
        let mut rows = connection.fetch_rows(&set, query).await?;
        while let Some(row) = rows.next().await? {
            there.insert(row.uid, inventory::listed(row)?);
        }
    }
    Ok(there)
}
