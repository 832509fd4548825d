//! Lists and reads messages of one side for a comparison.

use crate::copy::bodies::{Digester, Read};
use crate::imap::{
    Bodies, Connection, FetchRow, ImapError, RowQuery, Rows, SequenceSet, SourceConnection,
};
use crate::message::transform::{Transform, by_names};
use crate::model::uid::Uid;
use crate::verify::refusals::Refusals;
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

/// A side from which bodies are read.
#[derive(Clone, Copy)]
pub(super) enum Giver<'a> {
    Source(&'a SourceConnection),
    Destination(&'a Connection),
}

impl Giver<'_> {
    async fn fetch(self, uids: &[Uid]) -> Result<Bodies, ImapError> {
        let set = SequenceSet::from_uids(uids.iter().copied());
        match self {
            Self::Source(connection) => connection.fetch_bodies(&set).await,
            Self::Destination(connection) => connection.fetch_bodies(&set).await,
        }
    }

    /// Digests bodies into `read`, also those that came before an error; `canonical` digests what
    /// they say as well.
    async fn digest(
        self,
        uids: &[Uid],
        transforms: &[Transform],
        canonical: bool,
        read: &mut BTreeMap<Uid, Read>,
    ) -> Result<(), ImapError> {
        let bodies = self.fetch(uids).await?;
        let mut digester = Digester::new(bodies, transforms).canonical(canonical);
        while let Some(body) = digester.next().await? {
            read.insert(body.uid, body);
        }
        Ok(())
    }

    /// Digests bodies; what the server does not give goes to `refusals`, each message alone.
    async fn given(
        self,
        uids: &[Uid],
        transforms: &[Transform],
        canonical: bool,
        refusals: &mut Refusals,
    ) -> Result<BTreeMap<Uid, Read>, ImapError> {
        let is_owed = |refusals: &Refusals, uid: &Uid| {
            refusals.of(*uid).is_none() && !refusals.read.contains_key(uid)
        };
        let mut left: Vec<Uid> =
            uids.iter().copied().filter(|uid| is_owed(refusals, uid)).collect();
        let mut alone = refusals.fell();
        while !left.is_empty() {
            let count = if alone { 1 } else { left.len() };
            let asked: Vec<Uid> = left.drain(..count).collect();
            alone = false;
            let read = &mut refusals.read;
            if let Err(error) = self.digest(&asked, transforms, canonical, read).await {
                let owed: Vec<Uid> =
                    asked.iter().copied().filter(|uid| is_owed(refusals, uid)).collect();
                refusals.take(error, &asked, &owed)?;
                if asked.len() > 1 {
                    alone = true;
                    left.splice(..0, owed);
                }
            }
        }
        Ok(uids.iter().filter_map(|uid| refusals.read.remove_entry(uid)).collect())
    }
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
    refusals: &mut Refusals,
) -> Result<BTreeMap<Uid, Read>, ImapError> {
    let mut read = BTreeMap::new();
    for (labels, uids) in by_transforms {
        // What another version did cannot be done again: such a message differs.
        let transforms = by_names(&labels).unwrap_or_default();
        let giver = Giver::Source(connection);
        read.extend(giver.given(&uids, &transforms, canonical, refusals).await?);
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

/// Reads messages of the destination; one that it refuses is an error. Returns with them those that
/// it still lists and does not give: they may be anything.
pub(super) async fn destination_bodies(
    connection: &Connection,
    uids: &[Uid],
    canonical: bool,
) -> Result<(BTreeMap<Uid, Read>, Vec<FetchRow>), ImapError> {
    let mut read = BTreeMap::new();
    if uids.is_empty() {
        return Ok((read, Vec::new()));
    }
    Giver::Destination(connection).digest(uids, &[], canonical, &mut read).await?;
    let left: Vec<Uid> = uids.iter().copied().filter(|uid| !read.contains_key(uid)).collect();
    let withheld = destination_rows(connection, &left, false).await?.into_values().collect();
    Ok((read, withheld))
}

/// Reads messages of the destination; what it does not give goes to `refusals`.
pub(super) async fn destination_bodies_given(
    connection: &Connection,
    uids: &[Uid],
    canonical: bool,
    refusals: &mut Refusals,
) -> Result<BTreeMap<Uid, Read>, ImapError> {
    Giver::Destination(connection).given(uids, &[], canonical, refusals).await
}
