//! What a reviewed removal took away before.

use crate::error::Result;
use crate::planner::plan::{Action, Kind, State};
use crate::ports::ledger::{FolderKey, Ledger, MessageState};

/// Ledger rows read at once.
const PAGE: usize = 2_000;

/// Tells whether an action removes copies, and the ledger says that every one of them was removed.
///
/// # Errors
/// Those of the ledger.
pub fn is_done(ledger: &dyn Ledger, action: &Action) -> Result<bool> {
    let (Kind::RemoveCopies(params), State::Vanished { source, .. }) =
        (&action.kind, &action.before)
    else {
        return Ok(false);
    };
    let key = FolderKey { mailbox: params.mailbox.clone(), folder: params.source.clone() };
    let (mut from, mut removed) = (params.uids.first(), 0);
    while let Some(start) = from {
        let rows = ledger.rows(&key, *source, start, PAGE)?;
        for row in rows.iter().filter(|row| params.uids.contains(row.listed.uid)) {
            if row.state != MessageState::Removed {
                return Ok(false);
            }
            removed += 1;
        }
        from = rows.last().and_then(|last| last.listed.uid.behind());
    }
    Ok(removed > 0 && removed == params.uids.len())
}
