//! What a search reads: listings and bodies of both sides.

use crate::catalogue::{self, Object};
use crate::copy::bodies::{Digester, Read};
use crate::copy::matching::{self, Candidate, Keys, Unsettled};
use crate::copy::recovery::{Key, Search};
use crate::copy::stop::Stop;
use crate::imap::{FetchRow, RowQuery, SequenceSet};
use crate::model::address::Address;
use crate::model::digest::Digest;
use crate::model::flags::Flags;
use crate::model::uid::Uid;
use crate::ports::ledger::{Copied, FolderKey, Listed, Look, MessageRow, MessageState};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tokio::time::Instant;

/// Time between two looks at a folder that should stand still.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// A folder into which others deliver look-alikes all the time never shows nothing new. After
/// this many times [`Search::quiet`], two minutes, an APPEND would have timed out on a connection
/// that lives, so one whose connection is dead is over too.
const PATIENCE: u32 = 24;

impl Search<'_> {
    /// Lists what the ledger does not know and what may be ours, until nothing new of that kind
    /// came for the time of [`Search::quiet`].
    pub(super) async fn candidates(
        &self,
        unsettled: &[Unsettled<Key>],
        unplaced: &BTreeMap<Key, (MessageState, Copied)>,
    ) -> Result<(Vec<Candidate>, BTreeMap<Uid, Flags>), Stop> {
        let (folder, validity, from) = (self.folder.clone(), self.validity, self.from);
        let known = self
            .desk
            .ledger(move |ledger| ledger.known_destination_uids(&folder, validity, from))
            .await?;
        let taken = unplaced.iter().map(|(key, (_, copied))| Unsettled {
            key: *key,
            size: copied.size,
            date: copied.internal_date.clone(),
        });
        let keys = Keys::of(&unsettled.iter().cloned().chain(taken).collect::<Vec<_>>());
        let mut candidates = Vec::new();
        let mut flags = BTreeMap::new();
        let mut next = self.from;
        let begun = Instant::now();
        let mut still_since = begun;
        loop {
            let rows = self.above(next).await?;
            for row in rows {
                next = Uid(next.0.max(row.uid.0.saturating_add(1)));
                let candidate = Candidate {
                    uid: row.uid,
                    size: row.size.unwrap_or_default(),
                    date: row.internal_date,
                };
                if !known.contains(&candidate.uid) && keys.may_hold(&candidate) {
                    flags.insert(candidate.uid, row.flags.unwrap_or_default());
                    candidates.push(candidate);
                    still_since = Instant::now();
                }
            }
            match self.quiet {
                Some(quiet)
                    if still_since.elapsed() < quiet && begun.elapsed() < quiet * PATIENCE =>
                {
                    self.desk.rest(LOOK_EVERY.min(quiet)).await?;
                }
                _ => return Ok((candidates, flags)),
            }
        }
    }

    /// Leaves out messages that have a look-alike in their mailbox: what is found in another folder
    /// may be the copy of that one, and a message that is taken for its twin is lost, while one
    /// that is sent again is found and can be removed. Where the destination makes messages anew,
    /// those of any size may say the same: only the date tells them apart.
    pub(super) async fn leave_twins_out(
        &self,
        unsettled: &mut Vec<Unsettled<Key>>,
        rows: &BTreeMap<Key, MessageRow>,
    ) -> Result<(), Stop> {
        let rewrites = self.target.profile.rewrites;
        let look_of = |listed: &Listed| {
            let look = Look::of(listed);
            if rewrites { Look { size: 0, ..look } } else { look }
        };
        let looks: BTreeSet<Look> = rows.values().map(|row| look_of(&row.listed)).collect();
        let mut seen: BTreeMap<Look, u32> = BTreeMap::new();
        let mailboxes: BTreeSet<Address> =
            self.sources.iter().map(|(key, _, _)| key.mailbox.clone()).collect();
        for mailbox in mailboxes {
            let asked = mailbox.clone();
            let folders = self.desk.ledger(move |ledger| ledger.source_folders(&asked)).await?;
            for (folder, validity) in folders {
                let Some(validity) = validity else { continue };
                let key = FolderKey { mailbox: mailbox.clone(), folder };
                let mut from = Uid(1);
                while let Some(page) = self.desk.page(&key, validity, &mut from).await? {
                    self.desk.go_on()?;
                    for row in page.iter().filter(|row| !(self.renamed && row.vanished)) {
                        let look = look_of(&row.listed);
                        let (first, last) = (
                            Look { size: look.size, second: None },
                            Look { size: look.size, second: Some(i64::MAX) },
                        );
                        for ours in looks.range(first..=last) {
                            // One without a date may be the twin of any.
                            if *ours == look || look.second.is_none() || ours.second.is_none() {
                                *seen.entry(*ours).or_default() += 1;
                            }
                        }
                    }
                }
            }
        }
        unsettled.retain(|message| {
            rows.get(&message.key)
                .is_some_and(|row| seen.get(&look_of(&row.listed)).copied().unwrap_or(0) <= 1)
        });
        Ok(())
    }

    /// Returns the sizes of messages at or above [`Search::from`] that the ledger does not know.
    pub(super) async fn unknown_sizes(&self) -> Result<BTreeSet<u64>, Stop> {
        let (folder, validity, from) = (self.folder.clone(), self.validity, self.from);
        let known = self
            .desk
            .ledger(move |ledger| ledger.known_destination_uids(&folder, validity, from))
            .await?;
        let rows = self.above(from).await?;
        Ok(rows.iter().filter(|row| !known.contains(&row.uid)).filter_map(|row| row.size).collect())
    }

    pub(super) async fn above(&self, from: Uid) -> Result<Vec<FetchRow>, Stop> {
        let failed = |error| Stop::from_imap(&error, &self.object());
        // New messages become visible to a session between commands.
        self.destination.connection.noop().await.map_err(failed)?;
        let query = RowQuery {
            flags: true,
            internal_date: true,
            size: true,
            modseq: false,
            header_fields: Vec::new(),
        };
        let mut rows = self
            .destination
            .connection
            .fetch_rows(&SequenceSet::starting_at(from), query)
            .await
            .map_err(failed)?;
        let mut above = Vec::new();
        while let Some(row) = rows.next().await.map_err(failed)? {
            // `n:*` always names the last message, even one below n: RFC 3501 section 6.4.8.
            if row.uid >= from {
                above.push(row);
            }
        }
        Ok(above)
    }

    pub(super) async fn destination_digests(
        &self,
        candidates: &[Candidate],
    ) -> Result<BTreeMap<Uid, Digest>, Stop> {
        let uids: Vec<Uid> = candidates.iter().map(|candidate| candidate.uid).collect();
        let mut digests = BTreeMap::new();
        let failed = |error| Stop::from_imap(&error, &self.object());
        for batch in uids.chunks(200) {
            self.desk.go_on()?;
            let bodies = self
                .destination
                .connection
                .fetch_bodies(&SequenceSet::from_uids(batch.iter().copied()))
                .await
                .map_err(failed)?;
            let mut digester = Digester::new(bodies, &[]).canonical(self.target.profile.rewrites);
            while let Some(read) = digester.next().await.map_err(failed)? {
                digests.extend(self.identity(&read).map(|digest| (read.uid, digest)));
            }
        }
        Ok(digests)
    }

    pub(super) async fn source_digests(
        &self,
        unsettled: &[Unsettled<Key>],
        candidates: &[Candidate],
    ) -> Result<BTreeMap<Key, Read>, Stop> {
        let mut by_folder: BTreeMap<usize, BTreeSet<Uid>> = BTreeMap::new();
        for message in matching::worth_reading(unsettled, candidates) {
            by_folder.entry(message.key.0).or_default().insert(message.key.1);
        }
        let mut reads = BTreeMap::new();
        for (index, uids) in by_folder {
            let Some((key, name, validity)) = self.sources.get(index) else { continue };
            let object = Object::folder("source", &key.mailbox, &key.folder);
            let failed = |error| Stop::from_imap(&error, &object);
            let selected = self.source.connection.examine(name).await.map_err(failed)?;
            if selected.uid_validity != *validity {
                let (was, now) = (*validity, selected.uid_validity);
                return Err(Stop::Failed(catalogue::new_validity(&object, was, now)));
            }
            let uids: Vec<Uid> = uids.into_iter().collect();
            for batch in uids.chunks(200) {
                self.desk.go_on()?;
                let bodies = self
                    .source
                    .connection
                    .fetch_bodies(&SequenceSet::from_uids(batch.iter().copied()))
                    .await
                    .map_err(failed)?;
                let mut digester = Digester::new(bodies, &self.target.rules.transforms())
                    .canonical(self.target.profile.rewrites);
                while let Some(read) = digester.next().await.map_err(failed)? {
                    reads.insert((index, read.uid), read);
                }
            }
        }
        Ok(reads)
    }
}
