//! Lists and reads messages of one side for a comparison.

use crate::copy::bodies::{Digester, Read};
use crate::imap::{
    Bodies, Connection, FetchRow, ImapError, RowQuery, Rows, SequenceSet, SourceConnection,
};
use crate::message::transform::{Transform, by_names};
use crate::model::uid::Uid;
use std::collections::BTreeMap;

/// Messages that are compared together: their rows and digests are in memory at once.
pub(super) const PAGE: usize = 500;

/// The fields that tell a message from others, and that a server which keeps the order of fields
/// and nothing else would still show.
const KEY_FIELDS: [&str; 6] = ["From", "To", "Cc", "Subject", "Date", "References"];

/// Asks for flags, date and size, and for the key fields when no body will be read.
pub(super) fn query(key_fields: bool) -> RowQuery {
    RowQuery {
        flags: true,
        internal_date: true,
        size: true,
        modseq: false,
        header_fields: if key_fields {
            KEY_FIELDS.iter().map(|name| (*name).to_owned()).collect()
        } else {
            Vec::new()
        },
    }
}

/// Takes a listing to its end.
pub(super) async fn collect(mut rows: Rows) -> Result<BTreeMap<Uid, FetchRow>, ImapError> {
    let mut collected = BTreeMap::new();
    while let Some(row) = rows.next().await? {
        collected.insert(row.uid, row);
    }
    Ok(collected)
}

/// Digests bodies; `canonical` digests what they say as well.
pub(super) async fn digests(
    bodies: Bodies,
    transforms: &[Transform],
    canonical: bool,
) -> Result<BTreeMap<Uid, Read>, ImapError> {
    let mut digester = Digester::new(bodies, transforms).canonical(canonical);
    let mut read = BTreeMap::new();
    while let Some(body) = digester.next().await? {
        read.insert(body.uid, body);
    }
    Ok(read)
}

/// Lists messages of the source.
pub(super) async fn source_rows(
    connection: &SourceConnection,
    uids: &[Uid],
    key_fields: bool,
) -> Result<BTreeMap<Uid, FetchRow>, ImapError> {
    let query = RowQuery { internal_date: false, size: false, ..query(key_fields) };
    collect(connection.fetch_rows(&SequenceSet::from_uids(uids.iter().copied()), query).await?)
        .await
}

/// Reads messages of the source, as they are and changed again as the ledger says that each was
/// changed.
pub(super) async fn source_bodies(
    connection: &SourceConnection,
    by_transforms: BTreeMap<Vec<String>, Vec<Uid>>,
    canonical: bool,
) -> Result<BTreeMap<Uid, Read>, ImapError> {
    let mut read = BTreeMap::new();
    for (labels, uids) in by_transforms {
        // What another version did cannot be done again: such a message differs.
        let transforms = by_names(&labels).unwrap_or_default();
        let set = SequenceSet::from_uids(uids);
        let bodies = connection.fetch_bodies(&set).await?;
        read.extend(digests(bodies, &transforms, canonical).await?);
    }
    Ok(read)
}

/// Lists messages of the destination.
pub(super) async fn destination_rows(
    connection: &Connection,
    uids: &[Uid],
    key_fields: bool,
) -> Result<BTreeMap<Uid, FetchRow>, ImapError> {
    if uids.is_empty() {
        return Ok(BTreeMap::new());
    }
    let set = SequenceSet::from_uids(uids.iter().copied());
    collect(connection.fetch_rows(&set, query(key_fields)).await?).await
}

/// Reads messages of the destination.
pub(super) async fn destination_bodies(
    connection: &Connection,
    uids: &[Uid],
    canonical: bool,
) -> Result<BTreeMap<Uid, Read>, ImapError> {
    if uids.is_empty() {
        return Ok(BTreeMap::new());
    }
    let set = SequenceSet::from_uids(uids.iter().copied());
    digests(connection.fetch_bodies(&set).await?, &[], canonical).await
}
