//! What of a destination folder is not known: unanswered APPENDs, messages of others, another
//! folder in its place.

use crate::catalogue::Object;
use crate::copy::desk::Desk;
use crate::copy::folder::{FolderCopy, Open, same_validity};
use crate::copy::inventory;
use crate::copy::recovery::{Brought, Search, Sources};
use crate::copy::roll::Roll;
use crate::copy::stop::Stop;
use crate::copy::unread::Unread;
use crate::executor::event::Event;
use crate::imap::Selected;
use crate::model::uid::{Uid, UidValidity};
use crate::ports::ledger::{Checkpoint, FolderKey, MessageRow, MessageState, Pass};
use std::time::Duration;

/// The UIDNEXT of a checkpoint that was taken before adopting: no folder has a UID 0, and a fresh
/// folder has UIDNEXT 1.
const FROM_THE_FIRST: Uid = Uid(0);

/// A folder as it was selected.
fn seen(selected: &Selected) -> Pass {
    Pass {
        uid_validity: selected.uid_validity,
        uid_next: selected.uid_next,
        messages: selected.exists,
        highest_modseq: selected.highest_modseq,
    }
}

impl FolderCopy<'_> {
    /// Finds out what became of unanswered APPENDs, and adopts what was there before us.
    pub(super) async fn settle_unclear(
        &self,
        open: &Open<'_>,
        roll: &mut Roll,
    ) -> Result<u64, Stop> {
        let (key, source) = (self.destination_key(), self.source_key());
        let asked = key.clone();
        let (checkpoint, bound) = self
            .desk
            .ledger(move |ledger| Ok((ledger.checkpoint(&asked)?, ledger.bound_to(&asked)?)))
            .await?;
        let mut found = 0;
        // When the folder is another one now, it stands for nothing where nobody is left to review:
        // nothing was bound yet, or what was bound is gone at the source.
        let is_left = |key: &FolderKey| {
            let (folders, unread) = (&open.source.folders, &open.source.unread);
            key.mailbox != source.mailbox
                || folders.contains_key(&key.folder)
                || unread.contains_key(&key.folder)
        };
        let stands = |checkpoint: &Checkpoint| {
            checkpoint.uid_validity == open.to.uid_validity || bound.iter().any(is_left)
        };
        if let Some(checkpoint) = checkpoint.filter(stands) {
            let another = checkpoint.uid_validity != open.to.uid_validity;
            if another && !bound.contains(&source) {
                // Whoever reviewed this copy did not review what became of the others'.
                let object = self.destination_object();
                same_validity(&object, checkpoint.uid_validity, open.to.uid_validity)?;
            }
            if another || checkpoint.open {
                let sources = self.present(open, &bound).await?;
                if another {
                    self.void(&sources, open.to.uid_validity).await?;
                    self.open_checkpoint(open, FROM_THE_FIRST).await?;
                }
                let from = if another { FROM_THE_FIRST } else { checkpoint.uid_next };
                let least = self.quiet(&key).await?;
                let quiet = checkpoint.open.then_some(least);
                if let Some(quiet) = quiet {
                    self.desk.tell(&Event::Holding {
                        side: "server",
                        object: format!(
                            "{}: looking whether {} stands still, to find out what became of \
                             messages that an interrupted run sent",
                            key.mailbox, key.folder
                        ),
                        seconds: quiet.as_secs(),
                        words: String::new(),
                    });
                }
                let adopt = from == FROM_THE_FIRST;
                let brought = if adopt { Brought::Before } else { Brought::Since(checkpoint.at) };
                found += self.search(open, sources.clone(), from, quiet, brought).run().await?;
                if !adopt {
                    self.gone(open, &bound, &checkpoint).await?;
                }
                // Another folder in its place says nothing about what was moved out of it before.
                if checkpoint.open {
                    found += self.look_elsewhere(open, &sources).await?;
                }
                // What was not found was not sent.
                let asked = key.clone();
                self.desk.ledger(move |ledger| ledger.forget_flags_when_sent(&asked)).await?;
                if checkpoint.open && !another {
                    self.list_what_left(open, &sources).await?;
                    roll.orphans().settled(self.desk, &key, &checkpoint).await?;
                }
                self.close_checkpoint().await?;
                self.examine_again(open).await?;
            }
        }
        if !bound.contains(&source) {
            found += self.begin(open, &bound).await?;
        }
        Ok(found)
    }

    /// Returns how long a destination folder must stand still. A server that answers slowly also
    /// stores late: four times its slowest answer, in this run or one before.
    pub(super) async fn quiet(&self, folder: &FolderKey) -> Result<Duration, Stop> {
        let folder = folder.clone();
        let recorded = self.desk.ledger(move |ledger| ledger.slowest_append(&folder)).await?;
        let slowest = self.desk.progress.slowest().max(recorded.unwrap_or_default());
        Ok(self.desk.policy.quiet.max(4 * slowest))
    }

    /// Makes everything pending that was copied into another folder than the one that is there
    /// now: what the ledger calls copied is not in it, or under UIDs that are not known.
    ///
    /// That it is another one was a guard of the plan, or the copy would not run.
    async fn void(&self, sources: &Sources, now: UidValidity) -> Result<(), Stop> {
        for (key, _, validity) in sources {
            let (mut from, validity) = (Uid(1), *validity);
            while let Some(rows) = self.desk.page(key, validity, &mut from).await? {
                let elsewhere: Vec<_> = rows
                    .iter()
                    .filter(|row| !row.vanished && copied_into_another(row, now))
                    .map(|row| (row.listed.uid, MessageState::Pending, None))
                    .collect();
                let key = key.clone();
                self.desk.ledger(move |ledger| ledger.settle(&key, validity, &elsewhere)).await?;
            }
        }
        Ok(())
    }

    /// Binds the source folder to its destination, and adopts what is there before us.
    ///
    /// The checkpoint is opened first, with an UIDNEXT below every UID: after a crash in between,
    /// the search is made again.
    async fn begin(&self, open: &Open<'_>, bound: &[FolderKey]) -> Result<u64, Stop> {
        let (key, source) = (self.destination_key(), self.source_key());
        let adopting = open.to.exists > 0;
        let checkpoint = Checkpoint {
            uid_validity: open.to.uid_validity,
            uid_next: if adopting { FROM_THE_FIRST } else { open.to.uid_next },
            at: self.desk.clock.now(),
            open: adopting,
        };
        self.desk
            .ledger({
                let (key, source) = (key.clone(), source.clone());
                move |ledger| {
                    ledger.set_checkpoint(&key, &checkpoint)?;
                    ledger.bind(&source, &key)
                }
            })
            .await?;
        if !adopting {
            return Ok(0);
        }
        // What lies there for messages of the others cannot be adopted.
        let others = self.present(open, bound).await?;
        self.search(open, others, Uid(1), None, Brought::Ever).place().await?;
        let ours = vec![(source, open.source_name.clone(), open.from.uid_validity)];
        let found = self.search(open, ours, FROM_THE_FIRST, None, Brought::Before).run().await?;
        self.close_checkpoint().await?;
        self.examine_again(open).await?;
        Ok(found)
    }

    /// A search may have examined another source folder on this connection.
    async fn examine_again(&self, open: &Open<'_>) -> Result<(), Stop> {
        let object = self.source_object();
        let selected = open
            .source
            .connection
            .examine(open.source_name)
            .await
            .map_err(|error| Stop::from_imap(&error, &object))?;
        same_validity(&object, open.from.uid_validity, selected.uid_validity)
    }

    /// Lists source folders that messages left since they were listed: what was sent of them and
    /// could not be read any more has to be looked for wherever it is now.
    async fn list_what_left(&self, open: &Open<'_>, sources: &Sources) -> Result<(), Stop> {
        let own = self.source_key();
        for (key, _, validity) in sources {
            let known = (*key == own).then(|| seen(&open.from));
            inventory::now(self.desk, open.source, key, *validity, known).await?;
        }
        Ok(())
    }

    /// The source folders that go into this destination folder, as they are now.
    async fn present(&self, open: &Open<'_>, bound: &[FolderKey]) -> Result<Sources, Stop> {
        let mut sources = Vec::new();
        for key in bound {
            let object = Object::folder("source", &key.mailbox, &key.folder);
            // One that is gone has nothing left to send; see `gone`.
            let Some(name) = open.source.name(&key.folder)? else { continue };
            let selected = open
                .source
                .connection
                .examine(name)
                .await
                .map_err(|error| Stop::from_imap(&error, &object))?;
            sources.push((key.clone(), name.clone(), selected.uid_validity));
        }
        Ok(sources)
    }

    /// Finds the UIDs of messages that were taken without a word about it, by a server without
    /// UIDPLUS or one that leaves it out at times: without them their flags could not be brought up
    /// to date, and twins out of another source folder would be taken for them. Their bodies are
    /// read back for it, once.
    pub(super) async fn place_unplaced(&self, open: &Open<'_>) -> Result<(), Stop> {
        let sources = vec![(self.source_key(), open.source_name.clone(), open.from.uid_validity)];
        self.search(open, sources, Uid(1), None, Brought::Ever).place().await
    }

    /// Names what was pending in source folders that are gone and may be here.
    async fn gone(
        &self,
        open: &Open<'_>,
        bound: &[FolderKey],
        since: &Checkpoint,
    ) -> Result<(), Stop> {
        let (from, brought) = (since.uid_next, Brought::Since(since.at));
        for key in bound {
            if open.source.name(&key.folder)?.is_some() {
                continue;
            }
            let asked = key.clone();
            let listed = self.desk.ledger(move |ledger| ledger.listed_under(&asked)).await?;
            if let Some(validity) = listed {
                self.search(open, Vec::new(), from, None, brought).gone(key, validity).await?;
            }
        }
        Ok(())
    }

    pub(super) fn search<'s>(
        &'s self,
        open: &'s Open<'_>,
        sources: Sources,
        from: Uid,
        quiet: Option<Duration>,
        brought: Brought,
    ) -> SearchOwner<'s> {
        SearchOwner {
            folder: self.destination_key(),
            desk: self.desk,
            unread: &self.unread,
            open,
            sources,
            from: from.max(Uid(1)),
            quiet,
            brought,
        }
    }
}

/// Keeps what a [`Search`] borrows.
pub(super) struct SearchOwner<'s> {
    folder: FolderKey,
    desk: &'s Desk,
    unread: &'s Unread,
    open: &'s Open<'s>,
    sources: Sources,
    from: Uid,
    quiet: Option<Duration>,
    brought: Brought,
}

impl SearchOwner<'_> {
    pub(super) async fn run(self) -> Result<u64, Stop> {
        self.with().run().await
    }

    async fn place(self) -> Result<(), Stop> {
        self.with().place_only().await
    }

    async fn gone(self, key: &FolderKey, validity: UidValidity) -> Result<(), Stop> {
        self.with().gone(key, validity).await
    }

    fn with(&self) -> Search<'_> {
        Search {
            desk: self.desk,
            source: self.open.source,
            destination: self.open.destination,
            folder: &self.folder,
            validity: self.open.to.uid_validity,
            permanent: &self.open.to.permanent_flags,
            target: &self.open.target,
            unread: self.unread,
            sources: self.sources.clone(),
            from: self.from,
            quiet: self.quiet,
            brought: self.brought,
            elsewhere: false,
            renamed: false,
        }
    }
}

fn copied_into_another(row: &MessageRow, now: UidValidity) -> bool {
    matches!(row.state, MessageState::Acknowledged | MessageState::Verified)
        && row
            .copied
            .as_ref()
            .filter(|copied| copied.elsewhere.is_none())
            .is_some_and(|copied| copied.destination.is_none_or(|(at, _)| at != now))
}
