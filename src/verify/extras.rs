//! Copies beyond the source's own multiplicity: what a server stored late, after it was sent again.

use crate::catalogue::Object;
use crate::copy::bodies::Read;
use crate::copy::desk::Desk;
use crate::copy::stop::Stop;
use crate::imap::{Connection, FetchRow, ImapError, SequenceSet};
use crate::model::digest::Digest;
use crate::model::flags::Flags;
use crate::model::uid::{Uid, UidValidity};
use crate::ports::ledger::{Copied, FolderKey, MessageState};
use crate::verify::astray::second;
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
    /// The second of it.
    pub second: Option<i64>,
    /// SHA-256 of its octets.
    pub digest: Digest,
    /// The digest of what it says, when that is what it has in common with its twins: the
    /// destination wrote each of them anew.
    pub said: Option<Digest>,
    /// SHA-256 of its twins as they were sent.
    pub sent: BTreeSet<Digest>,
    /// Its flags.
    pub flags: Flags,
    /// The second of its date is the one that was sent; `None` when the server tells no date.
    pub same_date: Option<bool>,
    /// The messages equal to it that the ledger knows here. When it is equal by what it says,
    /// messages of its date that are not there any more are among them: each may be one.
    pub twins: BTreeMap<Uid, Flags>,
    /// A message that is still to be copied, or whose fate is unclear, may be this one.
    pub may_be_wanted: bool,
}

/// What the ledger knows of one copy of ours.
#[derive(Clone)]
struct Twin {
    at: Option<Uid>,
    /// We sent it; it was not there before.
    ours: bool,
    stored: Flags,
    /// SHA-256 of what was sent.
    digest: Digest,
    /// The second of the date that was sent.
    sent: Option<i64>,
}

/// What is cheap to know of the messages that the ledger does not know.
struct Looks {
    sizes: BTreeSet<u64>,
    /// Empty where octets alone count.
    seconds: BTreeSet<i64>,
}

/// What the ledger says of the messages that look like those.
#[derive(Default)]
struct Known {
    copies: HashMap<Digest, Vec<Twin>>,
    /// Sizes of those copies.
    sizes: BTreeSet<u64>,
    /// Copies of ours that are in their place, by the second of their date.
    dated: HashMap<i64, Vec<Twin>>,
    /// Sizes of messages that are still to be copied, or whose fate is unclear.
    unsettled: BTreeSet<u64>,
    /// The seconds of their dates.
    unsettled_dates: BTreeSet<Option<i64>>,
}

/// A message whose octets are nobody's that the ledger knows.
struct Rewritten {
    uid: Uid,
    size: u64,
    digest: Digest,
    said: Digest,
    second: i64,
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
    /// Nothing below is ours; see [`lowest`].
    pub lowest: Uid,
    /// UIDs that stand for a message although the ledger does not know them.
    pub taken: &'a BTreeSet<Uid>,
    /// The destination rewrites messages: what they say counts where their octets differ.
    pub canonical: bool,
}

impl Search<'_> {
    /// Finds the extra copies, in order of UID.
    pub async fn run(&self) -> Result<Vec<Extra>, Stop> {
        Ok(self.look().await?.0)
    }

    /// Returns with them the messages that may be some and that the server does not give. In memory
    /// are the messages above the lowest of ours that the ledger does not know, and what it knows of
    /// messages that look like them.
    pub(super) async fn look(&self) -> Result<(Vec<Extra>, Vec<Uid>), Stop> {
        let unknown = self.unknown().await?;
        if unknown.is_empty() {
            return Ok((Vec::new(), Vec::new()));
        }
        let seconds = unknown.values().filter(|_| self.canonical).filter_map(second);
        let looks = Looks {
            sizes: unknown.values().filter_map(|row| row.size).collect(),
            seconds: seconds.collect(),
        };
        let ledger = self.known_of(&looks).await?;
        let uids: Vec<Uid> = unknown
            .values()
            .filter(|row| {
                row.size.is_none_or(|size| ledger.sizes.contains(&size))
                    || second(row).is_some_and(|second| ledger.dated.contains_key(&second))
            })
            .map(|row| row.uid)
            .collect();
        let mut extras = Vec::new();
        let mut rewritten = Vec::new();
        let mut withheld = Vec::new();
        for page in uids.chunks(PAGE) {
            self.desk.go_on()?;
            let (read, not_given) = self.read(page).await?;
            withheld.extend(not_given.into_iter().map(|row| row.uid));
            for (uid, body) in read {
                let Some(row) = unknown.get(&uid) else { continue };
                let digest = body.digest;
                // What the server lists is what is looked at again right before a removal; one that
                // rewrites lists other sizes than it serves.
                let size = row.size.unwrap_or(body.sent_size);
                let Some(twins) = ledger.copies.get(&digest) else {
                    if let (Some(said), Some(second)) = (body.canonical, second(row)) {
                        rewritten.push(Rewritten { uid, size, digest, said, second });
                    }
                    continue;
                };
                let date = second(row);
                extras.push(Extra {
                    uid,
                    size,
                    date: row.internal_date_raw.clone().unwrap_or_default(),
                    second: date,
                    digest,
                    said: None,
                    sent: BTreeSet::from([digest]),
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
        extras.extend(self.saying_the_same(rewritten, &ledger, &unknown).await?);
        extras.sort_by_key(|extra| extra.uid);
        Ok((extras, withheld))
    }

    /// Lists what lies above the lowest of ours and the ledger does not know.
    async fn unknown(&self) -> Result<BTreeMap<Uid, FetchRow>, Stop> {
        let (key, validity) = (self.to.clone(), self.validity);
        let known = self
            .desk
            .ledger(move |ledger| ledger.known_destination_uids(&key, validity, Uid(1)))
            .await?;
        let set = SequenceSet::starting_at(self.lowest);
        let rows = self.connection.fetch_rows(&set, read::query(false)).await;
        let mut rows = rows.map_err(|error| self.failed(&error))?;
        let mut unknown: BTreeMap<Uid, FetchRow> = BTreeMap::new();
        while let Some(row) = rows.next().await.map_err(|error| self.failed(&error))? {
            let ours = known.contains(&row.uid) || self.taken.contains(&row.uid);
            if row.uid >= self.lowest && !ours {
                unknown.insert(row.uid, row);
            }
        }
        Ok(unknown)
    }

    /// Finds those that say the same as a copy of ours with their date. The copies are read as they
    /// are there now: nobody keeps what a destination makes of a message.
    async fn saying_the_same(
        &self,
        rewritten: Vec<Rewritten>,
        ledger: &Known,
        unknown: &BTreeMap<Uid, FetchRow>,
    ) -> Result<Vec<Extra>, Stop> {
        let seconds: BTreeSet<i64> = rewritten.iter().map(|one| one.second).collect();
        let dated = seconds.iter().filter_map(|second| ledger.dated.get(second)).flatten();
        let places: Vec<Uid> = dated.filter_map(|twin| twin.at).collect();
        let mut says: BTreeMap<Uid, Option<Digest>> = BTreeMap::new();
        for page in places.chunks(PAGE) {
            self.desk.go_on()?;
            let (read, _) = self.read(page).await?;
            says.extend(read.into_iter().map(|(uid, body)| (uid, body.canonical)));
        }
        let mut extras = Vec::new();
        for Rewritten { uid, size, digest, said, second } in rewritten {
            let (Some(row), Some(dated)) = (unknown.get(&uid), ledger.dated.get(&second)) else {
                continue;
            };
            let says_it = |at: Uid| says.get(&at).is_some_and(|other| *other == Some(said));
            if !dated.iter().filter_map(|twin| twin.at).any(says_it) {
                continue;
            }
            let may_be = |at: Uid| says_it(at) || !says.contains_key(&at);
            let wanted = &ledger.unsettled_dates;
            extras.push(Extra {
                uid,
                size,
                date: row.internal_date_raw.clone().unwrap_or_default(),
                second: Some(second),
                digest,
                said: Some(said),
                sent: dated
                    .iter()
                    .filter(|twin| twin.at.is_some_and(says_it))
                    .map(|twin| twin.digest)
                    .collect(),
                flags: row.flags.clone().unwrap_or_default(),
                same_date: Some(true),
                twins: dated
                    .iter()
                    .filter_map(|twin| Some((twin.at?, twin.stored.clone())))
                    .filter(|(at, _)| may_be(*at))
                    .collect(),
                may_be_wanted: wanted.contains(&Some(second)) || wanted.contains(&None),
            });
        }
        Ok(extras)
    }

    async fn read(&self, uids: &[Uid]) -> Result<(BTreeMap<Uid, Read>, Vec<FetchRow>), Stop> {
        let read = read::destination_bodies(self.connection, uids, self.canonical).await;
        read.map_err(|error| self.failed(&error))
    }

    fn failed(&self, error: &ImapError) -> Stop {
        Stop::from_imap(error, &Object::folder("destination", &self.to.mailbox, &self.to.folder))
    }

    /// Goes through all source folders that go here, a page at a time.
    async fn known_of(&self, looks: &Looks) -> Result<Known, Stop> {
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
                        (MessageState::Acknowledged | MessageState::Verified, Some(copied)) => {
                            self.know(copied, looks, &mut known);
                        }
                        (MessageState::Pending | MessageState::Unclear(_), _) => {
                            known.unsettled.insert(row.listed.size);
                            let date = row.listed.internal_date.as_ref();
                            known.unsettled_dates.insert(date.map(|d| d.instant().as_second()));
                        }
                        _ => {}
                    }
                }
            }
        }
        Ok(known)
    }

    fn know(&self, copied: Copied, looks: &Looks, known: &mut Known) {
        let here =
            |(at, _): &(UidValidity, Uid)| *at == self.validity && copied.elsewhere.is_none();
        let sent = copied.internal_date.as_ref().map(|date| date.instant().as_second());
        let twin = Twin {
            at: copied.destination.filter(here).map(|(_, uid)| uid),
            ours: !copied.adopted,
            stored: copied.stored_flags,
            digest: copied.sent_digest,
            sent,
        };
        if let Some(second) = sent.filter(|second| looks.seconds.contains(second))
            && twin.ours
            && twin.at.is_some()
        {
            known.dated.entry(second).or_default().push(twin.clone());
        }
        if looks.sizes.contains(&copied.size) {
            known.sizes.insert(copied.size);
            known.copies.entry(copied.sent_digest).or_default().push(twin);
        }
    }
}

/// Returns the UID of a destination folder below which nothing can be an extra copy of ours; `None`
/// when nothing was sent into it.
pub async fn lowest(
    desk: &Desk,
    to: &FolderKey,
    validity: UidValidity,
) -> Result<Option<Uid>, Stop> {
    let known = lowest_known(desk, to, validity).await?;
    from(desk, to, validity, known).await
}

/// Returns the same where the lowest UID is known that the ledger says we sent. What was stored late,
/// after it was looked for and before it was sent again, lies below.
pub(super) async fn from(
    desk: &Desk,
    to: &FolderKey,
    validity: UidValidity,
    known: Option<Uid>,
) -> Result<Option<Uid>, Stop> {
    let key = to.clone();
    let first = desk.ledger(move |ledger| ledger.first_uid_next(&key, validity)).await?;
    Ok(known.into_iter().chain(first).min())
}

async fn lowest_known(
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

/// Reads extra copies and all their twins again, in the folder that is open, and returns those that
/// are there with all of theirs, equal as they were.
pub async fn are_there(
    connection: &Connection,
    extras: &[&Extra],
) -> Result<BTreeSet<Uid>, ImapError> {
    let mut there = BTreeSet::new();
    for canonical in [false, true] {
        let these = extras.iter().filter(|extra| extra.said.is_some() == canonical);
        let all = |extra: &Extra| -> Vec<Uid> {
            extra.twins.keys().copied().chain([extra.uid]).collect()
        };
        let uids: BTreeSet<Uid> = these.clone().flat_map(|extra| all(extra)).collect();
        let mut digests: BTreeMap<Uid, (Digest, Option<Digest>)> = BTreeMap::new();
        for page in uids.into_iter().collect::<Vec<_>>().chunks(PAGE) {
            let (read, _) = read::destination_bodies(connection, page, canonical).await?;
            digests.extend(read.into_iter().map(|(uid, it)| (uid, (it.digest, it.canonical))));
        }
        let equal = |extra: &Extra, uid: &Uid| {
            digests.get(uid).is_some_and(|(digest, canonical)| match extra.said {
                Some(said) => *canonical == Some(said),
                None => *digest == extra.digest,
            })
        };
        let well = these.filter(|extra| all(extra).iter().all(|uid| equal(extra, uid)));
        there.extend(well.map(|extra| extra.uid));
    }
    Ok(there)
}
