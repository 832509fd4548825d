//! Destination folders that may hold copies of messages that are elsewhere at the source now: an
//! interrupted run sent them, and they left their source folder before it was known what became
//! of them.

use crate::copy::desk::Desk;
use crate::copy::lines::Line;
use crate::copy::stop::Stop;
use crate::desired::DesiredMailbox;
use crate::imap::SourceConnection;
use crate::model::folder::FolderPath;
use crate::model::uid::{Uid, UidValidity};
use crate::ports::ledger::{Checkpoint, FolderKey, Need};
use std::collections::{BTreeMap, BTreeSet};

/// What every source folder of a mailbox with something new is looked for in.
#[derive(Debug, Default)]
pub(super) struct Orphans {
    /// Where such copies may be: in this folder from this UID on.
    folders: BTreeMap<FolderPath, (UidValidity, Uid)>,
    /// Those that were noted after a part of the mailbox was copied: the next run looks as well.
    late: BTreeSet<FolderPath>,
    /// Those that were seen to stand still in this run.
    still: BTreeSet<FolderPath>,
    /// Those that nothing goes to any more, so that no copy closes their checkpoint.
    deserted: BTreeSet<FolderPath>,
    /// Source folders that were looked for in all of them.
    looked: BTreeSet<FolderPath>,
}

impl Orphans {
    /// Finds them, before anything is sent: those that earlier runs noted, and destination folders
    /// whose checkpoint is open and of which a source folder is gone or lost messages.
    pub(super) async fn find(
        desk: &Desk,
        source: &Line<SourceConnection>,
        mailbox: &DesiredMailbox,
    ) -> Result<Self, Stop> {
        let address = mailbox.destination.clone();
        let (noted, open) = desk
            .ledger(move |ledger| {
                let mut open = Vec::new();
                for (folder, checkpoint) in ledger.open_checkpoints(&address)? {
                    let key = FolderKey { mailbox: address.clone(), folder };
                    let bound = ledger.bound_to(&key)?;
                    let lost = ledger.lost_unanswered(&key)?;
                    open.push((key, checkpoint, bound, lost));
                }
                Ok((ledger.orphans(&address)?, open))
            })
            .await?;
        let mut orphans = Self { folders: noted, ..Self::default() };
        for (key, checkpoint, bound, lost) in open {
            let gone = |from: &FolderKey| {
                let named = source.folders.contains_key(&from.folder)
                    || source.unread.contains_key(&from.folder);
                from.mailbox == mailbox.source && !named
            };
            if bound.iter().all(gone) {
                orphans.deserted.insert(key.folder.clone());
            }
            if lost || bound.iter().any(gone) {
                orphans.add(desk, key, &checkpoint).await?;
            }
        }
        Ok(orphans)
    }

    /// Notes a folder that lost messages, before its checkpoint is closed, and that it stood still.
    pub(super) async fn settled(
        &mut self,
        desk: &Desk,
        key: &FolderKey,
        checkpoint: &Checkpoint,
    ) -> Result<(), Stop> {
        self.stands_still(&key.folder);
        let asked = key.clone();
        if desk.ledger(move |ledger| ledger.lost_unanswered(&asked)).await? {
            self.late.insert(key.folder.clone());
            self.add(desk, key.clone(), checkpoint).await?;
        }
        Ok(())
    }

    async fn add(
        &mut self,
        desk: &Desk,
        key: FolderKey,
        checkpoint: &Checkpoint,
    ) -> Result<(), Stop> {
        let (validity, from) = (checkpoint.uid_validity, checkpoint.uid_next.max(Uid(1)));
        let from = match self.folders.get(&key.folder) {
            Some((was, earlier)) if *was == validity => from.min(*earlier),
            _ => from,
        };
        self.folders.insert(key.folder.clone(), (validity, from));
        Ok(desk.ledger(move |ledger| ledger.set_orphan(&key, Some((validity, from)))).await?)
    }

    /// Has the next run look in all of them as well.
    pub(super) fn keep(&mut self) {
        self.late.extend(self.folders.keys().cloned());
    }

    pub(super) fn folders(&self) -> &BTreeMap<FolderPath, (UidValidity, Uid)> {
        &self.folders
    }

    /// Tells whether a folder was seen to stand still in this run.
    pub(super) fn is_still(&self, folder: &FolderPath) -> bool {
        self.still.contains(folder)
    }

    /// Notes that a folder stood still for as long as it has to.
    pub(super) fn stands_still(&mut self, folder: &FolderPath) {
        self.still.insert(folder.clone());
    }

    /// Notes that a source folder was looked for in all of them.
    pub(super) fn looked_for(&mut self, source: &FolderPath) {
        self.looked.insert(source.clone());
    }

    /// Forgets them when each of these source folders was looked for in them or has nothing that
    /// could be there, and closes the checkpoints of folders that nothing goes to any more.
    pub(super) async fn close(
        &self,
        desk: &Desk,
        mailbox: &DesiredMailbox,
        sources: impl Iterator<Item = &FolderPath>,
    ) -> Result<(), Stop> {
        if self.folders.is_empty() {
            return Ok(());
        }
        for folder in sources.filter(|folder| !self.looked.contains(folder)) {
            let key = FolderKey { mailbox: mailbox.source.clone(), folder: folder.clone() };
            let asked = key.clone();
            let Some(validity) = desk.ledger(move |ledger| ledger.listed_under(&asked)).await?
            else {
                continue;
            };
            if desk.page_for(&key, validity, Need::ToSend, &mut Uid(1)).await?.is_some() {
                return Ok(());
            }
        }
        for folder in self.folders.keys().filter(|folder| !self.late.contains(folder)) {
            let key = FolderKey { mailbox: mailbox.destination.clone(), folder: folder.clone() };
            let deserted = self.deserted.contains(folder);
            desk.ledger(move |ledger| {
                if let Some(checkpoint) = ledger.checkpoint(&key)?.filter(|it| it.open && deserted)
                {
                    ledger.set_checkpoint(&key, &Checkpoint { open: false, ..checkpoint })?;
                }
                ledger.set_orphan(&key, None)
            })
            .await?;
        }
        Ok(())
    }
}
