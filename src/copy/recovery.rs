//! Finds out what became of messages whose APPEND was never answered, and adopts what another
//! tool copied before us. Both are the same search, by digest and as a multiset; what does not fit
//! into memory is in the side table of the ledger.

use crate::catalogue::Object;
use crate::copy::desk::Desk;
use crate::copy::flags::{self, Change};
use crate::copy::lines::Line;
use crate::copy::look_alikes;
use crate::copy::stop::Stop;
use crate::copy::strays;
use crate::copy::unread::Unread;
use crate::executor::event::Event;
use crate::imap::{Connection, SourceConnection};
use crate::model::flags::{Flags, PermanentFlags};
use crate::model::folder::RawName;
use crate::model::pairing::Round;
use crate::model::uid::{Uid, UidValidity};
use crate::ports::ledger::{Copied, FolderKey, MessageRow, MessageState, Stray};
use crate::ports::search::{Fate, OtherDate, Paired, Reading, SearchId, SourceUid};
use crate::profile::target::Target;
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::time::Duration;

/// Pairs that are recorded together.
const PAGE: usize = 500;

/// Seconds by which a date must be ahead for a server not to keep it. Fresh mail of a source whose
/// clock is ahead is not meant: others deliver it to the destination as well.
const FUTURE: i64 = 86_400;

/// Seconds by which the clock of a server may be behind ours.
const TOLERANCE: i64 = 120;

/// Source folders with their names on the wire and their present UIDVALIDITY.
pub type Sources = Vec<(FolderKey, RawName, UidValidity)>;

/// Who may have brought what a search finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Brought {
    /// We did, not before this time.
    Since(Timestamp),
    /// We did or others, and nobody knows when.
    Ever,
    /// Another tool, before we came.
    Before,
}

/// A search in one destination folder.
#[derive(Debug)]
pub struct Search<'a> {
    /// What every step needs.
    pub desk: &'a Desk,
    /// The source.
    pub source: &'a Line<SourceConnection>,
    /// The destination, with the folder selected.
    pub destination: &'a Line<Connection>,
    /// The destination folder.
    pub folder: &'a FolderKey,
    /// Its UIDVALIDITY.
    pub validity: UidValidity,
    /// What it can store.
    pub permanent: &'a PermanentFlags,
    /// What was changed on the way to it, and what it rewrites itself.
    pub target: &'a Target,
    /// What cannot be read.
    pub unread: &'a Unread,
    /// Source folders whose pending messages may be there, with their present UIDVALIDITY.
    pub sources: Sources,
    /// UIDs below are not looked at; 0 when what is there may be older than anything of ours.
    pub from: Uid,
    /// How long the folder must show nothing new of ours; `None` when nothing can be under way.
    pub quiet: Option<Duration>,
    /// Who may have brought what is found.
    pub brought: Brought,
    /// The folder is not the one that the messages belong into: their user may have moved them.
    pub elsewhere: bool,
    /// It looks for what was in a source folder that was renamed since: a vanished message of
    /// equal look is the same one and no twin of it.
    pub renamed: bool,
}

/// What one page of pairs comes to.
#[derive(Default)]
struct Outcome {
    /// By source folder.
    settled: BTreeMap<usize, Vec<(Uid, MessageState, Option<Copied>)>>,
    /// Strays whose copies they are.
    given: Vec<(Stray, SourceUid, Copied)>,
    /// Flags to add and to take away.
    changes: BTreeMap<Change, Vec<Uid>>,
}

/// A message that was found, with what the ledger knows of it.
struct Known {
    row: MessageRow,
    /// The flags with which it was sent, where the source has other ones now.
    sent: Option<Flags>,
    pair: Paired,
    reading: Reading,
}

impl Search<'_> {
    /// Searches, records what was found, and returns how many messages that were.
    pub async fn run(&self) -> Result<u64, Stop> {
        let id = self.begin().await?;
        let outcome = match self.find(id).await {
            Ok(found) => self.doubt(id).await.map(|()| found),
            Err(stop) => Err(stop),
        };
        self.end(id, outcome).await
    }

    /// Gives messages that were taken without a word about their UID theirs, and does no more.
    pub(super) async fn place_only(&self) -> Result<(), Stop> {
        let id = self.begin().await?;
        let outcome = self.find_unplaced(id).await;
        self.end(id, outcome).await
    }

    /// Names what was pending in a source folder that is gone, see [`Search::name_gone`].
    pub(super) async fn gone(&self, key: &FolderKey, validity: UidValidity) -> Result<(), Stop> {
        let id = self.begin().await?;
        let outcome = self.name_gone(id, key, validity).await;
        self.end(id, outcome).await
    }

    pub(super) fn adopts(&self) -> bool {
        !matches!(self.brought, Brought::Since(_))
    }

    async fn begin(&self) -> Result<SearchId, Stop> {
        Ok(self.desk.ledger(|ledger| ledger.begin_search()).await?)
    }

    async fn end<T>(&self, id: SearchId, outcome: Result<T, Stop>) -> Result<T, Stop> {
        let ended = self.desk.ledger(move |ledger| ledger.end_search(id)).await;
        let value = outcome?;
        ended?;
        Ok(value)
    }

    async fn find(&self, id: SearchId) -> Result<u64, Stop> {
        self.add_ours(id, true).await?;
        if self.target.profile.rewrites {
            // The octets of what was taken without a UID are not kept there, so that nothing can
            // be set aside for it: a look-alike is sent again rather than taken for it.
            self.desk.ledger(move |ledger| ledger.leave_out_like_unplaced(id)).await?;
        }
        if self.count(id, Fate::Unsettled).await? == 0 || self.add_theirs(id).await? == 0 {
            return Ok(0);
        }
        if self.elsewhere && !self.leave_twins_out(id).await? {
            return Ok(0);
        }
        self.read_theirs(id).await?;
        self.place(id).await?;
        self.read_ours(id).await?;
        self.pair(id, Fate::Unsettled).await?;
        if self.adopts() {
            self.leave_out_moved(id).await?;
            let most = look_alikes::EXAMPLES;
            let (count, first) =
                self.desk.ledger(move |ledger| ledger.look_alikes(id, most)).await?;
            let object = self.object().to_string();
            if let Some(message) = look_alikes::sentence(&object, count, &first) {
                self.desk.tell(&Event::Notice { message });
            }
        }
        self.record(id).await
    }

    async fn find_unplaced(&self, id: SearchId) -> Result<(), Stop> {
        self.add_ours(id, false).await?;
        if self.count(id, Fate::Unplaced).await? == 0 || self.add_theirs(id).await? == 0 {
            return Ok(());
        }
        self.read_theirs(id).await?;
        self.place(id).await
    }

    async fn pair(&self, id: SearchId, fate: Fate) -> Result<(), Stop> {
        let now = self.desk.clock.now().as_second();
        let future = now.saturating_add(FUTURE);
        let other = match (fate, self.brought) {
            (Fate::Unsettled, Brought::Before) => OtherDate::Any,
            (Fate::Unsettled, Brought::Since(at)) => {
                OtherDate::Unkept { since: at.as_second() - TOLERANCE, future }
            }
            (Fate::Unsettled, Brought::Ever) | (Fate::Unplaced, _) => {
                OtherDate::Unkept { since: i64::MIN, future }
            }
        };
        for round in Round::ALL {
            // In a folder that it does not belong into, only the very same message is ours.
            if self.elsewhere && fate == Fate::Unsettled && round == Round::Octets {
                continue;
            }
            self.desk.ledger(move |ledger| ledger.pair(id, fate, round, other)).await?;
        }
        Ok(())
    }

    /// Gives messages that were taken without a word about their UID theirs, before anything else
    /// is paired: a copy that stands for one of them cannot stand for its twin as well.
    async fn place(&self, id: SearchId) -> Result<(), Stop> {
        self.pair(id, Fate::Unplaced).await?;
        let mut behind = None;
        loop {
            let pairs = self.page_of_pairs(id, Fate::Unplaced, behind).await?;
            let Some(last) = pairs.last() else { return Ok(()) };
            behind = Some(last.key);
            let mut results: BTreeMap<usize, Vec<_>> = BTreeMap::new();
            for (row, pair) in self.rows(pairs).await? {
                let Some(mut copied) = row.copied else { continue };
                copied.destination = Some((self.validity, pair.found.uid));
                copied.elsewhere = self.elsewhere.then(|| self.folder.folder.clone());
                let result = (row.listed.uid, row.state, Some(copied));
                results.entry(pair.key.0).or_default().push(result);
            }
            for (index, group) in results {
                self.settle(index, group).await?;
            }
        }
    }

    async fn page_of_pairs(
        &self,
        id: SearchId,
        fate: Fate,
        behind: Option<SourceUid>,
    ) -> Result<Vec<Paired>, Stop> {
        self.desk.go_on()?;
        Ok(self.desk.ledger(move |ledger| ledger.paired(id, fate, behind, PAGE)).await?)
    }

    /// Reads the rows of messages that have a partner.
    async fn rows(&self, pairs: Vec<Paired>) -> Result<Vec<(MessageRow, Paired)>, Stop> {
        let sources = self.keys();
        let found = self
            .desk
            .ledger(move |ledger| {
                let mut found = Vec::with_capacity(pairs.len());
                for pair in pairs {
                    let (index, uid) = pair.key;
                    let Some((key, validity)) = sources.get(index) else { continue };
                    let row = ledger.rows(key, *validity, uid, 1)?.pop();
                    found.extend(row.filter(|row| row.listed.uid == uid).map(|row| (row, pair)));
                }
                Ok(found)
            })
            .await?;
        Ok(found)
    }

    fn keys(&self) -> Vec<(FolderKey, UidValidity)> {
        self.sources.iter().map(|(key, _, validity)| (key.clone(), *validity)).collect()
    }

    pub(super) async fn settle(
        &self,
        index: usize,
        group: Vec<(Uid, MessageState, Option<Copied>)>,
    ) -> Result<(), Stop> {
        let Some((key, _, validity)) = self.sources.get(index).cloned() else { return Ok(()) };
        Ok(self.desk.ledger(move |ledger| ledger.settle(&key, validity, &group)).await?)
    }

    /// Records the pairs, a page at a time.
    async fn record(&self, id: SearchId) -> Result<u64, Stop> {
        let (mut count, mut behind) = (0, None);
        loop {
            let pairs = self.page_of_pairs(id, Fate::Unsettled, behind).await?;
            let Some(last) = pairs.last() else { return Ok(count) };
            behind = Some(last.key);
            let rows = self.rows(pairs).await?;
            let sent = self.sent(&rows).await?;
            let known = rows.into_iter().filter_map(|(row, pair)| {
                let (sent, reading) = (sent.get(&pair.key).cloned(), pair.reading.clone()?);
                Some(Known { row, sent, pair, reading })
            });
            count += self.page(known.collect()).await?;
        }
    }

    /// Returns the flags with which messages were sent, where the source has other ones now.
    async fn sent(
        &self,
        rows: &[(MessageRow, Paired)],
    ) -> Result<BTreeMap<SourceUid, Flags>, Stop> {
        let mut by_source: BTreeMap<usize, Vec<Uid>> = BTreeMap::new();
        for (_, pair) in rows {
            by_source.entry(pair.key.0).or_default().push(pair.key.1);
        }
        let mut sent = BTreeMap::new();
        for (index, uids) in by_source {
            let Some((key, _, validity)) = self.sources.get(index).cloned() else { continue };
            let flags = self
                .desk
                .ledger(move |ledger| ledger.flags_when_sent(&key, validity, &uids))
                .await?;
            sent.extend(flags.into_iter().map(|(uid, flags)| ((index, uid), flags)));
        }
        Ok(sent)
    }

    async fn page(&self, known: Vec<Known>) -> Result<u64, Stop> {
        let mut vacated = self.vacated(&known).await?;
        let mut outcome = Outcome::default();
        for known in &known {
            self.one(known, &mut vacated, &mut outcome);
        }
        // Before the ledger says that they are stored; done twice they do no harm.
        let connection = &self.destination.connection;
        flags::store(connection, &outcome.changes, &self.object()).await?;
        let mut count = self.give(outcome.given).await?;
        for (index, group) in outcome.settled {
            let Some((key, _, _)) = self.sources.get(index) else { continue };
            let messages = group.len() as u64;
            let bytes = group.iter().filter_map(|(_, _, c)| c.as_ref()).map(|c| c.size).sum();
            self.settle(index, group).await?;
            self.desk.progress.add(&key.folder, messages, bytes, false);
            count += messages;
        }
        Ok(count)
    }

    /// Decides about one message that was found.
    fn one(&self, known: &Known, vacated: &mut Vec<Stray>, outcome: &mut Outcome) {
        let Known { row, sent, pair, reading } = known;
        let (key @ (index, uid), found) = (pair.key, &pair.found);
        // Of a message with our octets and another date, or without one of its own, nobody can
        // tell whether somebody else delivered it, nor of one that may be older than what we sent.
        let dated = row.listed.internal_date.is_some();
        let older = self.elsewhere && self.from == Uid(0);
        let adopted = self.adopts() || !pair.same_date || !dated || older;
        let was = |stray: &Stray| {
            let digest = stray.row.copied.as_ref().map(|copied| copied.source_digest);
            digest == Some(reading.source_digest)
        };
        let stray = vacated.iter().position(was).map(|index| vacated.swap_remove(index));
        // It may lack flags that the source has: another tool copied it, or the source changed
        // since it was sent. It loses only what the source took away since we sent it: a user may
        // have set the others here.
        let (wanted, _) = row.listed.flags.storable(self.permanent);
        let missing = wanted.minus(&found.flags);
        let gone = match sent {
            Some(sent) if !adopted && stray.is_none() => {
                let (sent, _) = sent.storable(self.permanent);
                let still = sent.minus(&wanted);
                still.minus(&still.minus(&found.flags))
            }
            _ => Flags::default(),
        };
        let (stored_flags, source_flags) = if self.elsewhere {
            // Nothing is written while a folder is only looked into: what the copy lacks stands out
            // as changed at the source, and is brought up to date after everything is sent.
            (found.flags.clone(), row.listed.flags.minus(&missing).plus(&gone))
        } else {
            if !(missing.is_empty() && gone.is_empty()) {
                let change = flags::words(&missing, &gone);
                outcome.changes.entry(change).or_default().push(found.uid);
            }
            (found.flags.plus(&missing).minus(&gone), row.listed.flags.clone())
        };
        let copied = Copied {
            destination: Some((self.validity, found.uid)),
            source_digest: reading.source_digest,
            sent_digest: reading.sent_digest,
            size: reading.sent_size,
            stored_flags,
            source_flags,
            tried_flags: None,
            internal_date: found.date.clone(),
            transforms: reading.transforms.clone(),
            adopted,
            found: !adopted,
            elsewhere: self.elsewhere.then(|| self.folder.folder.clone()),
        };
        if let Some(stray) = stray {
            let source_flags = stray.row.copied.as_ref().map(|was| was.source_flags.clone());
            let copied = Copied { source_flags: source_flags.unwrap_or_default(), ..copied };
            outcome.given.push((stray, key, copied));
            return;
        }
        let result = (uid, MessageState::Acknowledged, Some(copied));
        outcome.settled.entry(index).or_default().push(result);
    }

    /// Strays that were moved here by a MOVE that nobody lived to record.
    async fn vacated(&self, known: &[Known]) -> Result<Vec<Stray>, Stop> {
        let Some((source, _, _)) = self.sources.first().filter(|_| !self.adopts()) else {
            return Ok(Vec::new());
        };
        let listed = known.iter().map(|known| &known.row.listed);
        let (vacated, away) =
            strays::vacated(self.desk, self.destination, &source.mailbox, self.folder, listed)
                .await?;
        if let (true, Some(name)) = (away, self.destination.name(&self.folder.folder)?) {
            let failed = |error| Stop::from_imap(&error, &self.object());
            self.destination.connection.select(name).await.map_err(failed)?;
        }
        Ok(vacated)
    }

    async fn give(&self, given: Vec<(Stray, SourceUid, Copied)>) -> Result<u64, Stop> {
        let count = given.len() as u64;
        let sources = self.keys();
        self.desk
            .ledger(move |ledger| {
                given.iter().try_for_each(|(stray, (index, uid), copied)| {
                    let Some((key, validity)) = sources.get(*index) else { return Ok(()) };
                    ledger.take_over(stray, key, *validity, *uid, copied)
                })
            })
            .await?;
        Ok(count)
    }

    pub(super) fn object(&self) -> Object {
        Object::folder("destination", &self.folder.mailbox, &self.folder.folder)
    }
}
