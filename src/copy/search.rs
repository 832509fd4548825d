//! What a search reads: listings and bodies of both sides, into the side table.

use crate::catalogue::{self, Object};
use crate::copy::bodies::{Digester, Read};
use crate::copy::inventory;
use crate::copy::recovery::Search;
use crate::copy::stop::Stop;
use crate::copy::unread::Giver;
use crate::imap::{RowQuery, SequenceSet};
use crate::message::rules::Rules;
use crate::message::transform::Transform;
use crate::model::address::Address;
use crate::model::digest::Digest;
use crate::model::uid::{Uid, UidValidity};
use crate::ports::ledger::{FolderKey, Listed, Look, MessageRow, MessageState, Need};
use crate::ports::search::{Fate, Ours, Reading, SearchId, SourceUid, Theirs};
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::time::Instant;

/// Time between two looks at a folder that should stand still.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// A folder into which others deliver look-alikes all the time never shows nothing new. After
/// this many times [`Search::quiet`] (two minutes of the least quiet, five seconds; longer where the
/// server answers slowly) an APPEND would have timed out on a connection that lives, so one whose
/// connection is dead is over too.
const PATIENCE: u32 = 24;

/// Rows of a listing that are in memory at once.
const ROWS: usize = 500;

/// Bodies of one FETCH.
const BODIES: usize = 200;

impl Search<'_> {
    /// Adds what the ledger says may have been sent: what is surely there and nobody said where,
    /// and, when `unsettled`, what may be there or not.
    pub(super) async fn add_ours(&self, id: SearchId, unsettled: bool) -> Result<(), Stop> {
        let need = if unsettled { Need::ToFind } else { Need::Unplaced };
        for (index, (key, _, validity)) in self.sources.iter().enumerate() {
            let mut from = Uid(1);
            while let Some(rows) = self.desk.page_for(key, *validity, need, &mut from).await? {
                self.desk.go_on()?;
                let ours = rows.into_iter().filter_map(|row| self.ours(index, row));
                let mut ours: Vec<Ours> =
                    ours.filter(|ours| unsettled || ours.fate == Fate::Unplaced).collect();
                self.flags_when_sent(key, *validity, &mut ours).await?;
                if !ours.is_empty() {
                    self.desk.ledger(move |ledger| ledger.add_ours(id, &ours)).await?;
                }
            }
        }
        Ok(())
    }

    /// Gives unsettled messages the flags with which they may have been sent: twins are told apart
    /// by them.
    async fn flags_when_sent(
        &self,
        key: &FolderKey,
        validity: UidValidity,
        ours: &mut [Ours],
    ) -> Result<(), Stop> {
        // What is adopted was not sent by us.
        let unsettled = ours.iter().filter(|ours| !self.adopts() && ours.fate == Fate::Unsettled);
        let (key, uids) = (key.clone(), unsettled.map(|ours| ours.key.1).collect::<Vec<_>>());
        let sent =
            self.desk.ledger(move |ledger| ledger.flags_when_sent(&key, validity, &uids)).await?;
        for ours in ours.iter_mut() {
            if let Some(flags) = sent.get(&ours.key.1) {
                (ours.flags, _) = flags.storable(self.permanent);
            }
        }
        Ok(())
    }

    fn ours(&self, index: usize, row: MessageRow) -> Option<Ours> {
        let key = (index, row.listed.uid);
        let open = matches!(row.state, MessageState::Pending | MessageState::Unclear(_));
        if open && !row.vanished {
            return Some(self.unsettled(key, &row.listed));
        }
        let copied = row.copied.filter(|copied| copied.destination.is_none())?;
        let second = copied.internal_date.as_ref().map(|date| date.instant().as_second());
        Some(Ours {
            key,
            fate: Fate::Unplaced,
            look: Look { size: copied.size, second },
            flags: copied.stored_flags,
            identity: Some(copied.sent_digest),
            any_size: false,
        })
    }

    fn unsettled(&self, key: SourceUid, listed: &Listed) -> Ours {
        let (flags, _) = listed.flags.storable(self.permanent);
        // Octets that are made anew, or changed on their way, have another length there.
        let any_size = self.target.profile.rewrites || !self.target.rules.transforms().is_empty();
        let look = Look::of(listed);
        Ours { key, fate: Fate::Unsettled, look, flags, identity: None, any_size }
    }

    /// Adds what lies in the folder, is not known to the ledger and may be ours, until nothing new of
    /// that kind came for the time of [`Search::quiet`]. Returns how many messages that are.
    pub(super) async fn add_theirs(&self, id: SearchId) -> Result<u64, Stop> {
        let mut count = 0;
        let mut next = self.from.max(Uid(1));
        let begun = Instant::now();
        let mut still_since = begun;
        loop {
            let new = self.above(id, &mut next).await?;
            if new > 0 {
                count += new;
                still_since = Instant::now();
            }
            match self.quiet {
                Some(quiet)
                    if still_since.elapsed() < quiet && begun.elapsed() < quiet * PATIENCE =>
                {
                    self.desk.rest(LOOK_EVERY.min(quiet)).await?;
                }
                _ => return Ok(count),
            }
        }
    }

    /// Adds what lies at or above a UID, and moves it behind the last one.
    async fn above(&self, id: SearchId, next: &mut Uid) -> Result<u64, Stop> {
        let failed = |error| Stop::from_imap(&error, &self.object());
        // New messages become visible to a session between commands.
        self.destination.connection.noop().await.map_err(failed)?;
        let query =
            RowQuery { flags: true, internal_date: true, size: true, ..RowQuery::default() };
        let from = *next;
        let set = SequenceSet::starting_at(from);
        let mut rows = self.destination.connection.fetch_rows(&set, query).await.map_err(failed)?;
        let (mut new, mut page) = (0, Vec::with_capacity(ROWS));
        while let Some(row) = rows.next().await.map_err(failed)? {
            // `n:*` always names the last message, even one below n: RFC 3501 section 6.4.8.
            if row.uid < from {
                continue;
            }
            *next = Uid(next.0.max(row.uid.0.saturating_add(1)));
            let Listed { uid, size, flags, internal_date: date, .. } =
                inventory::listed(row).map_err(failed)?;
            page.push(Theirs { uid, size, date, flags });
            if page.len() == ROWS {
                new += self.keep(id, std::mem::take(&mut page)).await?;
            }
        }
        Ok(new + self.keep(id, page).await?)
    }

    async fn keep(&self, id: SearchId, page: Vec<Theirs>) -> Result<u64, Stop> {
        self.desk.go_on()?;
        let (folder, validity) = (self.folder.clone(), self.validity);
        Ok(self.desk.ledger(move |ledger| ledger.add_theirs(id, &folder, validity, &page)).await?)
    }

    /// Leaves out messages that have a look-alike in their mailbox: what is found in another folder
    /// may be the copy of that one, and a message that is taken for its twin is lost, while one
    /// that is sent again is found and can be removed. Where the destination makes messages anew,
    /// those of any size may say the same: only the date tells them apart. Returns whether any is
    /// left.
    pub(super) async fn leave_twins_out(&self, id: SearchId) -> Result<bool, Stop> {
        // Only the very same message is ours here, its date included.
        self.desk.ledger(move |ledger| ledger.leave_out_other_dates(id)).await?;
        if self.count(id, Fate::Unsettled).await? > 0 {
            let mailboxes: BTreeSet<Address> =
                self.sources.iter().map(|(key, _, _)| key.mailbox.clone()).collect();
            for mailbox in mailboxes {
                self.count_alike(id, mailbox).await?;
            }
        }
        self.desk.ledger(move |ledger| ledger.leave_out_twins(id)).await?;
        let left = self.desk.ledger(move |ledger| ledger.theirs(id, Uid(0), 1)).await?;
        Ok(!left.is_empty())
    }

    async fn count_alike(&self, id: SearchId, mailbox: Address) -> Result<(), Stop> {
        let asked = mailbox.clone();
        let folders = self.desk.ledger(move |ledger| ledger.source_folders(&asked)).await?;
        for (folder, validity) in folders {
            let Some(validity) = validity else { continue };
            let key = FolderKey { mailbox: mailbox.clone(), folder };
            let mut from = Uid(1);
            while let Some(page) = self.desk.page(&key, validity, &mut from).await? {
                self.desk.go_on()?;
                let rows = page.iter().filter(|row| !(self.renamed && row.vanished));
                let looks: Vec<Look> = rows.map(|row| Look::of(&row.listed)).collect();
                let any_size = self.target.profile.rewrites;
                self.desk.ledger(move |ledger| ledger.count_alike(id, &looks, any_size)).await?;
            }
        }
        Ok(())
    }

    pub(super) async fn count(&self, id: SearchId, fate: Fate) -> Result<u64, Stop> {
        Ok(self.desk.ledger(move |ledger| ledger.count_ours(id, fate)).await?)
    }

    /// Reads what lies in the folder and may be ours.
    pub(super) async fn read_theirs(&self, id: SearchId) -> Result<(), Stop> {
        let mut above = Uid(0);
        loop {
            self.desk.go_on()?;
            let uids = self.desk.ledger(move |ledger| ledger.theirs(id, above, BODIES)).await?;
            let Some(last) = uids.last() else { return Ok(()) };
            above = *last;
            let mut read: Vec<(Uid, Digest)> = Vec::new();
            let rewrites = self.target.profile.rewrites;
            let giver = Giver::Destination(&self.destination.connection);
            let unread = self
                .unread
                .read(
                    giver,
                    &self.folder.folder,
                    &self.object(),
                    &uids,
                    |bodies| Digester::new(bodies, &[]).canonical(rewrites),
                    |body| read.extend(self.identity(&body).map(|digest| (body.uid, digest))),
                )
                .await?;
            let unread: Vec<Uid> = unread.into_keys().collect();
            self.desk
                .ledger(move |ledger| {
                    ledger.unread_theirs(id, &unread)?;
                    ledger.identify_theirs(id, &read)
                })
                .await?;
        }
    }

    /// Reads those messages of the source that may lie in the folder.
    pub(super) async fn read_ours(&self, id: SearchId) -> Result<(), Stop> {
        let mut behind = None;
        let mut open = None;
        loop {
            self.desk.go_on()?;
            let near = self.desk.ledger(move |ledger| ledger.near_ours(id, behind, BODIES)).await?;
            behind = near.last().copied();
            if behind.is_none() {
                return Ok(());
            }
            for group in near.chunk_by(|a, b| a.0 == b.0) {
                let Some(&(index, _)) = group.first() else { continue };
                if open != Some(index) {
                    self.examine(index).await?;
                    open = Some(index);
                }
                let uids: Vec<Uid> = group.iter().map(|(_, uid)| *uid).collect();
                self.read_group(id, index, &uids).await?;
            }
        }
    }

    /// Opens a source folder, which must be the one that was listed.
    async fn examine(&self, index: usize) -> Result<(), Stop> {
        let Some((key, name, validity)) = self.sources.get(index) else { return Ok(()) };
        let object = Object::folder("source", &key.mailbox, &key.folder);
        let selected = self
            .source
            .connection
            .examine(name)
            .await
            .map_err(|error| Stop::from_imap(&error, &object))?;
        if selected.uid_validity != *validity {
            let (was, now) = (*validity, selected.uid_validity);
            return Err(Stop::Failed(catalogue::new_validity(&object, was, now)));
        }
        Ok(())
    }

    async fn read_group(&self, id: SearchId, index: usize, uids: &[Uid]) -> Result<(), Stop> {
        let Some((key, _, _)) = self.sources.get(index) else { return Ok(()) };
        let object = Object::folder("source", &key.mailbox, &key.folder);
        let (transforms, rewrites) = (self.target.rules.transforms(), self.target.profile.rewrites);
        let mut read: Vec<(SourceUid, Reading)> = Vec::new();
        let unread = self
            .unread
            .read(
                Giver::Source(&self.source.connection),
                &key.folder,
                &object,
                uids,
                |bodies| Digester::new(bodies, &transforms).canonical(rewrites).dated(),
                |body| {
                    let reading = Reading {
                        identity: self.identity(&body),
                        source_digest: body.digest,
                        sent_digest: body.sent_digest,
                        sent_size: body.sent_size,
                        transforms: applied(&body, &self.target.rules),
                        header_second: body.header_date.map(|date| date.instant().as_second()),
                    };
                    read.push(((index, body.uid), reading));
                },
            )
            .await?;
        let unread: Vec<SourceUid> = unread.into_keys().map(|uid| (index, uid)).collect();
        self.desk
            .ledger(move |ledger| {
                ledger.unread_ours(id, &unread)?;
                ledger.identify_ours(id, &read)
            })
            .await?;
        Ok(())
    }

    /// What a message is recognised by: its octets, or what it says where the destination writes
    /// messages anew and keeps the octets of none.
    fn identity(&self, read: &Read) -> Option<Digest> {
        if self.target.profile.rewrites { read.canonical } else { Some(read.sent_digest) }
    }

    /// Names what was pending in a source folder that is gone and may be here: nothing of it can be
    /// compared or sent any more, and it keeps nothing else back.
    pub(super) async fn name_gone(
        &self,
        id: SearchId,
        key: &FolderKey,
        validity: UidValidity,
    ) -> Result<(), Stop> {
        let mut from = Uid(1);
        while let Some(rows) = self.desk.page(key, validity, &mut from).await? {
            self.desk.go_on()?;
            let pending = rows.iter().filter(|row| row.state == MessageState::Pending);
            let ours: Vec<Ours> =
                pending.map(|row| self.unsettled((0, row.listed.uid), &row.listed)).collect();
            self.desk.ledger(move |ledger| ledger.add_ours(id, &ours)).await?;
        }
        if self.count(id, Fate::Unsettled).await? == 0 || self.add_theirs(id).await? == 0 {
            return Ok(());
        }
        let reason = "its source folder is gone, and a message of its size or date came into the destination folder while it was sent";
        let mut behind = None;
        loop {
            let near = self.desk.ledger(move |ledger| ledger.near_ours(id, behind, ROWS)).await?;
            behind = near.last().copied();
            if behind.is_none() {
                return Ok(());
            }
            let unclear =
                |(_, uid): &SourceUid| (*uid, MessageState::Unclear(reason.to_owned()), None);
            let (results, key): (Vec<_>, _) = (near.iter().map(unclear).collect(), key.clone());
            self.desk.ledger(move |ledger| ledger.settle(&key, validity, &results)).await?;
        }
    }
}

/// The transforms that changed something; none where nothing could be sent.
fn applied(read: &Read, rules: &Rules) -> Vec<String> {
    let needed = rules.needed(&read.traits).unwrap_or_default();
    needed.into_iter().map(Transform::label).collect()
}
