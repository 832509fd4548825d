//! Names that a source lists like folders and that are none.

use crate::blocking;
use crate::catalogue;
use crate::copy::lines::{Line, selectable};
use crate::error::Result;
use crate::imap::SourceConnection;
use crate::model::uid::Uid;
use crate::ports::ledger::{FolderKey, Ledger};
use std::sync::Arc;

/// Tells whether a name of a source stands for no folder although LIST does not say so: Dovecot
/// lists the deleted folder above others like that (Maildir++).
///
/// It is one only when it has names below it, the server says of it to EXAMINE and to STATUS that
/// it does not exist, and the ledger knows no message of it. Everything else, a lost line too, is
/// no proof, and opening the folder tells what is wrong.
///
/// # Errors
/// Those of the ledger.
pub async fn is_nonexistent(
    ledger: &Arc<dyn Ledger>,
    source: &Line<SourceConnection>,
    key: &FolderKey,
) -> Result<bool> {
    let path = &key.folder;
    let Some(entry) = source.folders.get(path).filter(|entry| selectable(entry)) else {
        return Ok(false);
    };
    let mut listed = source.folders.keys().chain(source.unread.keys());
    if !listed.any(|below| below != path && below.is_within(path)) {
        return Ok(false);
    }
    let asked = key.clone();
    let known = blocking::ledger(ledger, move |ledger| match ledger.listed_under(&asked)? {
        Some(validity) => Ok(!ledger.rows(&asked, validity, Uid(1), 1)?.is_empty()),
        None => Ok(false),
    })
    .await?;
    if known {
        return Ok(false);
    }
    let connection = &source.connection;
    let examined = connection.examine(&entry.name).await.err();
    if !examined.is_some_and(|error| catalogue::denies_the_folder(&error)) {
        return Ok(false);
    }
    let status = connection.status(&entry.name).await.err();
    Ok(status.is_some_and(|error| catalogue::denies_the_folder(&error)))
}
