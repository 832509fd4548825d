//! Copies beyond the source's own multiplicity: what a server stored late, after it was sent again.

use crate::catalogue::Object;
use crate::copy::desk::Desk;
use crate::copy::stop::Stop;
use crate::imap::{Connection, FetchRow, ImapError, SequenceSet};
use crate::model::digest::Digest;
use crate::model::flags::Flags;
use crate::model::uid::{Uid, UidValidity};
use crate::ports::ledger::{FolderKey, MessageState};
use crate::verify::astray::{There, second};
use crate::verify::evidence::Check;
use crate::verify::folder::FolderProof;
use crate::verify::read::{self, PAGE};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// A message of a destination folder that the ledger does not know, equal to one that it knows.
#[derive(Clone, Debug)]
pub struct Extra {
    /// At the destination.
    pub uid: Uid,
    /// Octets.
    pub size: u64,
    /// INTERNALDATE at the destination, as the server wrote it.
    pub date: String,
    /// SHA-256 of its octets.
    pub digest: Digest,
    /// Its flags.
    pub flags: Flags,
    /// The second of its date is the one that was sent; `None` when the server tells no date.
    pub same_date: Option<bool>,
    /// The messages with these octets that the ledger knows here.
    pub twins: BTreeMap<Uid, Flags>,
    /// A message that is still to be copied, or whose fate is unclear, may be this one.
    pub may_be_wanted: bool,
}

/// What the ledger knows of one copy of ours.
struct Twin {
    at: Option<Uid>,
    /// We sent it; it was not there before.
    ours: bool,
    stored: Flags,
    /// The second of the date that was sent.
    sent: Option<i64>,
}

/// What the ledger says of the messages of some sizes.
#[derive(Default)]
struct Known {
    copies: HashMap<Digest, Vec<Twin>>,
    /// Sizes of those copies.
    sizes: BTreeSet<u64>,
    /// Sizes of messages that are still to be copied, or whose fate is unclear.
    unsettled: BTreeSet<u64>,
}

/// Where extra copies are looked for.
#[derive(Debug)]
pub struct Search<'a> {
    /// The ledger.
    pub desk: &'a Desk,
    /// The destination, with the folder open.
    pub connection: &'a Connection,
    /// The destination folder.
    pub to: &'a FolderKey,
    /// Its UIDVALIDITY now.
    pub validity: UidValidity,
    /// Nothing below is ours.
    pub lowest: Uid,
    /// UIDs that stand for a message although the ledger does not know them.
    pub taken: &'a BTreeSet<Uid>,
}

impl Search<'_> {
    /// Finds the extra copies, in order of UID. In memory are the messages above the lowest of ours
    /// that the ledger does not know, and what it knows of messages of their sizes.
    pub async fn run(&self) -> Result<Vec<Extra>, Stop> {
        let object = Object::folder("destination", &self.to.mailbox, &self.to.folder);
        let failed = |error: ImapError| Stop::from_imap(&error, &object);
        let (key, validity) = (self.to.clone(), self.validity);
        let known = self
            .desk
            .ledger(move |ledger| ledger.known_destination_uids(&key, validity, Uid(1)))
            .await?;
        let mut rows = self
            .connection
            .fetch_rows(&SequenceSet::starting_at(self.lowest), read::query(false))
            .await
            .map_err(failed)?;
        let mut unknown: BTreeMap<Uid, FetchRow> = BTreeMap::new();
        while let Some(row) = rows.next().await.map_err(failed)? {
            let ours = known.contains(&row.uid) || self.taken.contains(&row.uid);
            if row.uid >= self.lowest && !ours {
                unknown.insert(row.uid, row);
            }
        }
        if unknown.is_empty() {
            return Ok(Vec::new());
        }
        let sizes: BTreeSet<u64> = unknown.values().filter_map(|row| row.size).collect();
        let ledger = self.known_of(&sizes).await?;
        let uids: Vec<Uid> = unknown
            .values()
            .filter(|row| row.size.is_none_or(|size| ledger.sizes.contains(&size)))
            .map(|row| row.uid)
            .collect();
        let mut extras = Vec::new();
        for page in uids.chunks(PAGE) {
            self.desk.go_on()?;
            let bodies =
                read::destination_bodies(self.connection, page, false).await.map_err(failed)?;
            for (uid, body) in bodies {
                let Some(twins) = ledger.copies.get(&body.digest) else { continue };
                let Some(row) = unknown.get(&uid) else { continue };
                let date = second(row);
                extras.push(Extra {
                    uid,
                    size: body.sent_size,
                    date: row.internal_date_raw.clone().unwrap_or_default(),
                    digest: body.digest,
                    flags: row.flags.clone().unwrap_or_default(),
                    same_date: date
                        .map(|date| twins.iter().any(|twin| twin.ours && twin.sent == Some(date))),
                    twins: twins
                        .iter()
                        // Only a message that we sent can have been sent twice by us.
                        .filter(|twin| twin.ours && twin.sent.is_some() && twin.sent == date)
                        .filter_map(|twin| Some((twin.at?, twin.stored.clone())))
                        .collect(),
                    may_be_wanted: ledger.unsettled.contains(&body.sent_size),
                });
            }
        }
        extras.sort_by_key(|extra| extra.uid);
        Ok(extras)
    }

    /// Goes through all source folders that go here, a page at a time.
    async fn known_of(&self, sizes: &BTreeSet<u64>) -> Result<Known, Stop> {
        let mut known = Known::default();
        let to = self.to.clone();
        let sources = self.desk.ledger(move |ledger| ledger.bound_to(&to)).await?;
        for source in sources {
            let key = source.clone();
            let validity = self.desk.ledger(move |ledger| ledger.listed_under(&key)).await?;
            let Some(validity) = validity else { continue };
            let mut from = Uid(1);
            while let Some(rows) = self.desk.page(&source, validity, &mut from).await? {
                for row in rows {
                    match (&row.state, row.copied) {
                        (MessageState::Acknowledged | MessageState::Verified, Some(copied))
                            if sizes.contains(&copied.size) =>
                        {
                            known.sizes.insert(copied.size);
                            let sent = copied.internal_date.as_ref();
                            let at = copied
                                .destination
                                .filter(|(at, _)| {
                                    *at == self.validity && copied.elsewhere.is_none()
                                })
                                .map(|(_, uid)| uid);
                            known.copies.entry(copied.sent_digest).or_default().push(Twin {
                                at,
                                ours: !copied.adopted,
                                stored: copied.stored_flags,
                                sent: sent.map(|date| date.instant().as_second()),
                            });
                        }
                        (MessageState::Pending | MessageState::Unclear(_), _) => {
                            known.unsettled.insert(row.listed.size);
                        }
                        _ => {}
                    }
                }
            }
        }
        Ok(known)
    }
}

impl FolderProof<'_> {
    /// Looks for copies beyond the source's own multiplicity. Only what came after our first
    /// APPEND can be ours, and where the server keeps dates, only what has the date of its twin:
    /// the same message at another time was delivered by somebody else.
    pub(super) async fn extra_copies(&self, there: &There) -> Result<Check, Stop> {
        let mut check = Check::new("no extra copies");
        let Some(lowest) = there.lowest else { return Ok(check) };
        let to = FolderKey { mailbox: self.mailbox.destination.clone(), folder: self.to.clone() };
        let search = Search {
            desk: self.desk,
            connection: &self.destination.connection,
            to: &to,
            validity: there.validity,
            lowest,
            taken: &there.taken,
        };
        for extra in search.run().await? {
            if there.dates_lost || extra.same_date != Some(false) {
                check.broken(format!(
                    "destination UID {}: equal to a message that is there already",
                    extra.uid
                ));
            }
        }
        Ok(check)
    }
}

/// Returns the lowest UID of a destination folder that the ledger says we sent; `None` when there is
/// none. Nothing below can be an extra copy of ours.
pub async fn lowest(
    desk: &Desk,
    to: &FolderKey,
    validity: UidValidity,
) -> Result<Option<Uid>, Stop> {
    let mut lowest: Option<Uid> = None;
    let bound = to.clone();
    for source in desk.ledger(move |ledger| ledger.bound_to(&bound)).await? {
        let key = source.clone();
        let Some(listed) = desk.ledger(move |ledger| ledger.listed_under(&key)).await? else {
            continue;
        };
        let mut from = Uid(1);
        while let Some(rows) = desk.page(&source, listed, &mut from).await? {
            desk.go_on()?;
            for copied in rows.into_iter().filter_map(|row| row.copied) {
                if let Some((at, uid)) = copied.destination
                    && at == validity
                    && !copied.adopted
                    && copied.elsewhere.is_none()
                {
                    lowest = Some(lowest.map_or(uid, |lowest| lowest.min(uid)));
                }
            }
        }
    }
    Ok(lowest)
}

/// Digests messages of the folder that is open.
pub async fn bodies(
    connection: &Connection,
    uids: &[Uid],
) -> Result<BTreeMap<Uid, Digest>, ImapError> {
    let read = read::destination_bodies(connection, uids, false).await?;
    Ok(read.into_iter().map(|(uid, body)| (uid, body.digest)).collect())
}
