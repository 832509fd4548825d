//! Finds out what became of messages whose APPEND was never answered, and adopts what another
//! tool copied before us. Both are the same search, by digest and as a multiset.

use crate::catalogue::Object;
use crate::copy::bodies::Read;
use crate::copy::desk::Desk;
use crate::copy::folder::same_validity;
use crate::copy::lines::Line;
use crate::copy::look_alikes;
use crate::copy::matching::{self, Candidate, Found, Mark, Unsettled};
use crate::copy::stop::Stop;
use crate::copy::strays;
use crate::executor::event::Event;
use crate::imap::{Connection, SequenceSet, SourceConnection};
use crate::message::rules::Rules;
use crate::message::transform::Transform;
use crate::model::digest::Digest;
use crate::model::flags::{Flags, PermanentFlags};
use crate::model::folder::RawName;
use crate::model::uid::{Uid, UidValidity};
use crate::ports::ledger::{Copied, FolderKey, MessageRow, MessageState, Stray};
use crate::profile::target::Target;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Which messages of which source folder are unsettled.
pub(super) type Key = (usize, Uid);

/// Source folders with their names on the wire and their present UIDVALIDITY.
pub type Sources = Vec<(FolderKey, RawName, UidValidity)>;

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
    /// Source folders whose pending messages may be there, with their present UIDVALIDITY.
    pub sources: Sources,
    /// UIDs below are not looked at.
    pub from: Uid,
    /// How long the folder must show nothing new of ours; `None` when nothing can be under way.
    pub quiet: Option<Duration>,
    /// What is found was there before we came.
    pub adopt: bool,
    /// The folder is not the one that the messages belong into: their user may have moved them.
    pub elsewhere: bool,
    /// It looks for what was in a source folder that was renamed since: a vanished message of
    /// equal look is the same one and no twin of it.
    pub renamed: bool,
}

/// What may be at the destination, by what the ledger knows of it.
#[derive(Debug, Default)]
struct Sent {
    /// Pending, so that it may be there or not.
    unsettled: Vec<Unsettled<Key>>,
    /// The rows of those.
    rows: BTreeMap<Key, MessageRow>,
    /// Surely taken, by a server that did not say under which UID (no UIDPLUS).
    unplaced: BTreeMap<Key, (MessageState, Copied)>,
}

impl Search<'_> {
    /// Searches, records what was found, and returns how many messages that were.
    pub async fn run(&self) -> Result<u64, Stop> {
        let Sent { mut unsettled, rows, unplaced } = self.sent().await?;
        if self.elsewhere {
            self.leave_twins_out(&mut unsettled, &rows).await?;
        }
        if self.target.profile.rewrites {
            // The octets of what was taken without a UID are not kept there, so that nothing can
            // be set aside for it: a look-alike is sent again rather than taken for it.
            let taken: BTreeSet<u64> = unplaced.values().map(|(_, copied)| copied.size).collect();
            unsettled.retain(|message| !taken.contains(&message.size));
        }
        if unsettled.is_empty() {
            return Ok(0);
        }
        let (candidates, flags) = self.candidates(&unsettled, &unplaced).await?;
        if candidates.is_empty() {
            return Ok(0);
        }
        let digests = self.destination_digests(&candidates).await?;
        let dates: BTreeMap<Uid, &Candidate> = candidates.iter().map(|c| (c.uid, c)).collect();
        let mut theirs = their_marks(&digests, &dates, &flags);
        self.place(unplaced, &mut theirs).await?;
        let ours = self.source_digests(&unsettled, &candidates).await?;
        let pairs = matching::pair(&self.our_marks(&ours, &rows), &theirs);
        if self.adopt {
            let alike = look_alikes::find(&unsettled, &candidates, &pairs);
            if let Some(message) = look_alikes::sentence(&self.object().to_string(), &alike) {
                self.desk.tell(&Event::Notice { message });
            }
        }
        let mut vacated = self.vacated(&pairs, &rows).await?;
        let mut given: Vec<(Stray, Key, Copied)> = Vec::new();
        let mut results: BTreeMap<usize, Vec<(Uid, MessageState, Option<Copied>)>> =
            BTreeMap::new();
        let mut lacking: BTreeMap<Vec<String>, Vec<Uid>> = BTreeMap::new();
        for (key @ (folder, uid), found) in &pairs {
            let (Some(row), Some(read), Some(candidate)) =
                (rows.get(key), ours.get(key), dates.get(&found.uid))
            else {
                continue;
            };
            // In a folder that it does not belong into, only the very same message is ours.
            let dated = row.listed.internal_date.is_some();
            if self.elsewhere && !(found.same_date && dated) {
                continue;
            }
            // A message with our octets and another date was delivered by somebody else; of one
            // without a date nobody can tell.
            let adopted = self.adopt || !found.same_date || !dated;
            let there = flags.get(&found.uid).cloned().unwrap_or_default();
            // It may lack flags that the source has: another tool copied it, or the source changed
            // since it was sent. It never loses any: a user may have set them here.
            let (wanted, _) = row.listed.flags.storable(self.permanent);
            let missing = wanted.minus(&there);
            let stored = if missing.is_empty() {
                there
            } else {
                let words = missing.iter().map(str::to_owned).collect();
                lacking.entry(words).or_default().push(found.uid);
                there.plus(&missing)
            };
            let copied = Copied {
                destination: Some((self.validity, found.uid)),
                source_digest: read.digest,
                sent_digest: read.sent_digest,
                size: read.sent_size,
                stored_flags: stored,
                source_flags: row.listed.flags.clone(),
                internal_date: candidate.date.clone(),
                transforms: applied(read, &self.target.rules),
                adopted,
                found: !adopted,
                elsewhere: self.elsewhere.then(|| self.folder.folder.clone()),
            };
            let was = |stray: &Stray| {
                stray.row.copied.as_ref().is_some_and(|copied| copied.source_digest == read.digest)
            };
            if let Some(index) = vacated.iter().position(was) {
                let stray = vacated.swap_remove(index);
                let source_flags = stray.row.copied.as_ref().map(|was| was.source_flags.clone());
                let copied = Copied { source_flags: source_flags.unwrap_or_default(), ..copied };
                given.push((stray, *key, copied));
                continue;
            }
            results.entry(*folder).or_default().push((
                *uid,
                MessageState::Acknowledged,
                Some(copied),
            ));
        }
        // Before the ledger says that they are stored; done twice they do no harm.
        self.add_flags(&lacking).await?;
        let mut count = self.give(given).await?;
        for (index, group) in results {
            let Some((key, _, validity)) = self.sources.get(index).cloned() else { continue };
            count += group.len() as u64;
            let bytes = group.iter().filter_map(|(_, _, c)| c.as_ref()).map(|c| c.size).sum();
            let (messages, folder) = (group.len() as u64, key.folder.clone());
            self.desk.ledger(move |ledger| ledger.settle(&key, validity, &group)).await?;
            self.desk.progress.add(&folder, messages, bytes, false);
        }
        Ok(count)
    }

    /// Gives messages that were taken without a word about their UID theirs, and does no more.
    pub(super) async fn place_only(&self) -> Result<(), Stop> {
        let Sent { unplaced, .. } = self.sent().await?;
        if unplaced.is_empty() {
            return Ok(());
        }
        let (candidates, flags) = self.candidates(&[], &unplaced).await?;
        let digests = self.destination_digests(&candidates).await?;
        let dates: BTreeMap<Uid, &Candidate> = candidates.iter().map(|c| (c.uid, c)).collect();
        self.place(unplaced, &mut their_marks(&digests, &dates, &flags)).await
    }

    /// Strays that were moved here by a MOVE that nobody lived to record.
    async fn vacated(
        &self,
        pairs: &BTreeMap<Key, Found>,
        rows: &BTreeMap<Key, MessageRow>,
    ) -> Result<Vec<Stray>, Stop> {
        let Some((source, _, _)) = self.sources.first().filter(|_| !self.adopt) else {
            return Ok(Vec::new());
        };
        let listed = pairs.keys().filter_map(|key| Some(&rows.get(key)?.listed));
        let (vacated, away) =
            strays::vacated(self.desk, self.destination, &source.mailbox, self.folder, listed)
                .await?;
        if let (true, Some(name)) = (away, self.destination.name(&self.folder.folder)) {
            let failed = |error| Stop::from_imap(&error, &self.object());
            self.destination.connection.select(name).await.map_err(failed)?;
        }
        Ok(vacated)
    }

    async fn give(&self, given: Vec<(Stray, Key, Copied)>) -> Result<u64, Stop> {
        let count = given.len() as u64;
        let sources: Vec<_> =
            self.sources.iter().map(|(key, _, validity)| (key.clone(), *validity)).collect();
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

    fn our_marks(
        &self,
        reads: &BTreeMap<Key, Read>,
        rows: &BTreeMap<Key, MessageRow>,
    ) -> BTreeMap<Key, Mark> {
        let mark = |(key, read): (&Key, &Read)| {
            let listed = &rows.get(key)?.listed;
            let second = listed.internal_date.as_ref().map(|date| date.instant().as_second());
            let (flags, _) = listed.flags.storable(self.permanent);
            Some((*key, Mark { digest: self.identity(read)?, second, flags }))
        };
        reads.iter().filter_map(mark).collect()
    }

    /// Adds flags, one command for all messages that lack the same.
    async fn add_flags(&self, lacking: &BTreeMap<Vec<String>, Vec<Uid>>) -> Result<(), Stop> {
        if self.elsewhere && !lacking.is_empty() {
            self.make_writable().await?;
        }
        for (flags, uids) in lacking {
            self.destination
                .connection
                .uid_store(
                    &SequenceSet::from_uids(uids.iter().copied()),
                    true,
                    &Flags::from_words(flags),
                )
                .await
                .map_err(|error| Stop::from_imap(&error, &self.object()))?;
        }
        Ok(())
    }

    /// Selects a folder that was only examined.
    async fn make_writable(&self) -> Result<(), Stop> {
        let Some(name) = self.destination.name(&self.folder.folder) else { return Ok(()) };
        let failed = |error| Stop::from_imap(&error, &self.object());
        let selected = self.destination.connection.select(name).await.map_err(failed)?;
        same_validity(&self.object(), self.validity, selected.uid_validity)
    }

    /// What a message is recognised by: its octets, or what it says where the destination writes
    /// messages anew and keeps the octets of none.
    pub(super) fn identity(&self, read: &Read) -> Option<Digest> {
        if self.target.profile.rewrites { read.canonical } else { Some(read.sent_digest) }
    }

    pub(super) fn object(&self) -> Object {
        Object::folder("destination", &self.folder.mailbox, &self.folder.folder)
    }

    /// Reads from the ledger which messages of the source folders may have been sent.
    async fn sent(&self) -> Result<Sent, Stop> {
        let mut sent = Sent::default();
        for (index, (key, _, validity)) in self.sources.iter().enumerate() {
            let mut from = Uid(1);
            while let Some(rows) = self.desk.page(key, *validity, &mut from).await? {
                for row in rows {
                    let key = (index, row.listed.uid);
                    let open =
                        matches!(row.state, MessageState::Pending | MessageState::Unclear(_));
                    if open && !row.vanished {
                        sent.unsettled.push(Unsettled {
                            key,
                            size: row.listed.size,
                            date: row.listed.internal_date.clone(),
                        });
                        sent.rows.insert(key, row);
                    } else if let Some(copied) = row.copied
                        && copied.destination.is_none()
                    {
                        sent.unplaced.insert(key, (row.state, copied));
                    }
                }
            }
        }
        Ok(sent)
    }

    /// Gives messages that were taken without a word about their UID theirs, before anything else
    /// is paired: a copy that stands for one of them cannot stand for its twin as well.
    async fn place(
        &self,
        unplaced: BTreeMap<Key, (MessageState, Copied)>,
        theirs: &mut BTreeMap<Uid, Mark>,
    ) -> Result<(), Stop> {
        let mark = |(key, (_, copied)): (&Key, &(MessageState, Copied))| {
            let second = copied.internal_date.as_ref().map(|date| date.instant().as_second());
            let flags = copied.stored_flags.clone();
            (*key, Mark { digest: copied.sent_digest, second, flags })
        };
        let mut pairs = matching::pair(&unplaced.iter().map(mark).collect(), theirs);
        // With another date it was delivered by somebody else, and is theirs.
        pairs.retain(|_, found| found.same_date);
        for taken in pairs.values() {
            theirs.remove(&taken.uid);
        }
        let mut results: BTreeMap<usize, Vec<_>> = BTreeMap::new();
        for ((index, uid), (state, mut copied)) in unplaced {
            let Some(found) = pairs.get(&(index, uid)) else { continue };
            copied.destination = Some((self.validity, found.uid));
            copied.elsewhere = self.elsewhere.then(|| self.folder.folder.clone());
            results.entry(index).or_default().push((uid, state, Some(copied)));
        }
        for (index, group) in results {
            let Some((key, _, validity)) = self.sources.get(index).cloned() else { continue };
            self.desk.ledger(move |ledger| ledger.settle(&key, validity, &group)).await?;
        }
        Ok(())
    }
}

fn their_marks(
    digests: &BTreeMap<Uid, Digest>,
    dates: &BTreeMap<Uid, &Candidate>,
    flags: &BTreeMap<Uid, Flags>,
) -> BTreeMap<Uid, Mark> {
    let mark = |(&uid, &digest): (&Uid, &Digest)| {
        let date = dates.get(&uid).and_then(|candidate| candidate.date.as_ref());
        let second = date.map(|date| date.instant().as_second());
        (uid, Mark { digest, second, flags: flags.get(&uid).cloned().unwrap_or_default() })
    };
    digests.iter().map(mark).collect()
}

/// The transforms that changed something; none where nothing could be sent.
fn applied(read: &Read, rules: &Rules) -> Vec<String> {
    let needed = rules.needed(&read.traits).unwrap_or_default();
    needed.into_iter().map(Transform::label).collect()
}
