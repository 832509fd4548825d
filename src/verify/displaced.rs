//! Messages of ours that are not where the ledger says, over a whole mailbox: what looks like an
//! extra copy may be one of them, that its user moved.

use crate::catalogue::Object;
use crate::copy::desk::Desk;
use crate::copy::lines::{Line, selectable};
use crate::copy::stop::Stop;
use crate::imap::{Connection, FetchRow, ImapError};
use crate::model::address::Address;
use crate::model::digest::Digest;
use crate::model::flags::Flags;
use crate::model::folder::{FolderPath, RawName};
use crate::model::uid::{Uid, UidValidity};
use crate::ports::ledger::{Copied, FolderKey, Look, MessageRow, MessageState};
use crate::verify::extras::Extra;
use crate::verify::read::{self, PAGE};
use std::collections::{BTreeMap, BTreeSet};

/// What an extra copy has in common with the messages that it may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Likeness {
    /// SHA-256 of the octets that were sent.
    Octets(Digest),
    /// The second of the date, where the destination makes messages anew.
    Second(i64),
}

impl Likeness {
    /// Returns the one by which an extra copy is counted: what is rewritten keeps its date only.
    pub fn of(extra: &Extra, canonical: bool) -> Self {
        let second = extra.second.filter(|_| canonical);
        second.map_or(Self::Octets(extra.digest), Self::Second)
    }

    /// Returns all that a copy of ours has.
    pub(super) fn all(copied: &Copied) -> impl Iterator<Item = Self> {
        let date = copied.internal_date.as_ref().map(|date| date.instant().as_second());
        [Some(Self::Octets(copied.sent_digest)), date.map(Self::Second)].into_iter().flatten()
    }
}

/// How many messages of ours are not where the ledger says.
#[derive(Debug, Default)]
pub struct Displaced {
    counts: BTreeMap<Likeness, u64>,
    /// Sizes of messages that are still to be copied, or whose fate is unclear.
    unsettled: BTreeSet<u64>,
    /// The seconds of their dates.
    unsettled_dates: BTreeSet<Option<i64>>,
}

/// A message that an extra copy may be.
struct Place {
    /// Where the ledger says that it is; `None` when it does not know under which UID.
    at: Option<(UidValidity, Uid)>,
    /// What it has in common with extra copies.
    like: Vec<Likeness>,
}

/// Those of every folder of the destination.
type Places = BTreeMap<FolderPath, Vec<Place>>;

impl Displaced {
    /// Looks for those that the extra copies may be. The extra copies were listed before: what is in
    /// its place now was there then. Another folder may be open afterwards.
    ///
    /// One that its user marked as deleted is not in its place: without MOVE, clients copy and mark.
    ///
    /// # Errors
    /// When a folder cannot be read: what is there is unknown.
    pub async fn look(
        desk: &Desk,
        line: &Line<Connection>,
        mailbox: &Address,
        extras: &[&Extra],
        canonical: bool,
    ) -> Result<Self, Stop> {
        let mut displaced = Self::default();
        if extras.is_empty() {
            return Ok(displaced);
        }
        let octets = extras.iter().flat_map(|extra| extra.sent.iter().copied());
        let wanted: BTreeSet<Likeness> = octets
            .map(Likeness::Octets)
            .chain(extras.iter().map(|extra| Likeness::of(extra, canonical)))
            .collect();
        let sizes: BTreeSet<u64> = extras.iter().map(|extra| extra.size).collect();
        let places = displaced.places(desk, mailbox, &wanted, sizes).await?;
        for (folder, those) in places {
            desk.go_on()?;
            let object = Object::folder("destination", mailbox, &folder);
            let there = match line.entry(&folder)?.filter(|entry| selectable(entry)) {
                Some(entry) => in_place(&line.connection, &entry.name, &those)
                    .await
                    .map_err(|error| Stop::from_imap(&error, &object))?,
                None => BTreeSet::new(),
            };
            let away = |place: &&Place| place.at.is_none_or(|at| !there.contains(&at));
            for likeness in those.iter().filter(away).flat_map(|place| &place.like) {
                *displaced.counts.entry(*likeness).or_default() += 1;
            }
        }
        Ok(displaced)
    }

    /// Goes through everything that the ledger knows of a mailbox, a page at a time: also what
    /// vanished at the source, and what the migration plan does not want any more.
    async fn places(
        &mut self,
        desk: &Desk,
        mailbox: &Address,
        wanted: &BTreeSet<Likeness>,
        mut sizes: BTreeSet<u64>,
    ) -> Result<Places, Stop> {
        let mut places = Places::new();
        let mut newest = BTreeMap::new();
        let known = desk.ledger(|ledger| ledger.tallies()).await?;
        for source in known.into_keys() {
            let key = source.clone();
            let bound = desk.ledger(move |ledger| ledger.binding(&key)).await?;
            let Some(bound) = bound.filter(|bound| bound.mailbox == *mailbox) else { continue };
            let key = source.clone();
            let listed = desk.ledger(move |ledger| ledger.listed_under(&key)).await?;
            let Some(validity) = listed else { continue };
            let mut from = Uid(1);
            while let Some(rows) = desk.page(&source, validity, &mut from).await? {
                desk.go_on()?;
                for row in &rows {
                    if self.place(row, &bound, wanted, &mut places) {
                        sizes.insert(row.listed.size);
                    }
                }
            }
            newest.insert(source, validity);
        }
        // Those of a source folder that was another one then.
        let looks: BTreeSet<Look> =
            sizes.into_iter().map(|size| Look { size, second: None }).collect();
        let sources: BTreeSet<Address> =
            newest.keys().map(|source: &FolderKey| source.mailbox.clone()).collect();
        for address in sources {
            let looks = looks.clone();
            let strays =
                desk.ledger(move |ledger| ledger.strays(&address, &looks, usize::MAX)).await?;
            for stray in strays {
                if newest.get(&stray.source) != Some(&stray.uid_validity)
                    && stray.destination.mailbox == *mailbox
                {
                    self.place(&stray.row, &stray.destination, wanted, &mut places);
                }
            }
        }
        Ok(places)
    }

    /// Notes where a message is, and returns whether it may be one of the extra copies.
    fn place(
        &mut self,
        row: &MessageRow,
        bound: &FolderKey,
        wanted: &BTreeSet<Likeness>,
        places: &mut Places,
    ) -> bool {
        match (&row.state, &row.copied) {
            (MessageState::Acknowledged | MessageState::Verified, Some(copied)) => {
                let like: Vec<Likeness> =
                    Likeness::all(copied).filter(|one| wanted.contains(one)).collect();
                if like.is_empty() {
                    return false;
                }
                let folder = copied.elsewhere.as_ref().unwrap_or(&bound.folder);
                let place = Place { at: copied.destination, like };
                places.entry(folder.clone()).or_default().push(place);
                true
            }
            (MessageState::Pending | MessageState::Unclear(_), _) => {
                self.unsettled.insert(row.listed.size);
                let date = row.listed.internal_date.as_ref();
                self.unsettled_dates.insert(date.map(|date| date.instant().as_second()));
                false
            }
            _ => false,
        }
    }

    /// Returns how many messages an extra copy may be.
    pub fn of(&self, extra: &Extra, canonical: bool) -> u64 {
        let equal = extra.sent.iter().map(|digest| self.count(Likeness::Octets(*digest)));
        equal.chain([self.count(Likeness::of(extra, canonical))]).max().unwrap_or_default()
    }

    /// Returns how many messages have something in common with an extra copy.
    pub(super) fn count(&self, likeness: Likeness) -> u64 {
        self.counts.get(&likeness).copied().unwrap_or_default()
    }

    /// Tells whether a message of any folder that is still to be copied, or whose fate is unclear,
    /// may be this one.
    pub fn may_be_wanted(&self, extra: &Extra, canonical: bool) -> bool {
        let dates = &self.unsettled_dates;
        self.unsettled.contains(&extra.size)
            || (canonical && (dates.contains(&None) || dates.contains(&extra.second)))
    }
}

/// Returns where messages are in their place in a folder.
async fn in_place(
    connection: &Connection,
    name: &RawName,
    those: &[Place],
) -> Result<BTreeSet<(UidValidity, Uid)>, ImapError> {
    let validity = connection.examine(name).await?.uid_validity;
    let known: BTreeSet<Uid> = those
        .iter()
        .filter_map(|place| place.at)
        .filter(|(known, _)| *known == validity)
        .map(|(_, uid)| uid)
        .collect();
    let mut there = BTreeSet::new();
    for page in known.into_iter().collect::<Vec<_>>().chunks(PAGE) {
        let rows = read::destination_rows(connection, page, false).await?;
        there.extend(rows.into_values().filter(is_used).map(|row| (validity, row.uid)));
    }
    Ok(there)
}

/// Tells whether nobody marked a message as deleted.
fn is_used(row: &FetchRow) -> bool {
    let marked = |flags: &Flags| flags.iter().any(|flag| flag.eq_ignore_ascii_case("\\Deleted"));
    row.flags.as_ref().is_some_and(|flags| !marked(flags))
}
