//! Looks at the copies of messages that vanished at the source, where the migration plan wants them
//! to follow.

use super::{Eyes, ends_the_look};
use crate::blocking;
use crate::catalogue::{self, Object};
use crate::copy::inventory;
use crate::copy::lines::{self, Line};
use crate::copy::stop::Stop;
use crate::desired::DesiredMailbox;
use crate::error::{Error, ErrorKind, Result};
use crate::imap::{Connection, SourceConnection};
use crate::model::folder::FolderPath;
use crate::model::reading::{Failure, Reading};
use crate::model::uid::{Uid, UidValidity};
use crate::planner::census::{Census, Deleted};
use crate::ports::ledger::{FolderKey, Look, MessageRow};
use crate::removal::{self, Intent, Own, Purpose, Standing, Unsettled, Verdict};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tokio::sync::Mutex;

/// Copies that one action removes; the rest comes with later plans.
const MOST: usize = 20_000;

/// Ledger rows read at once.
const PAGE: usize = 2_000;

/// What vanished from the folders of one mailbox.
#[derive(Debug, Default)]
pub(super) struct Vanishing {
    /// By source folder.
    pub(super) folders: BTreeMap<FolderPath, Vanished>,
    /// What may be what vanished elsewhere.
    pub(super) unsettled: Arc<Mutex<Unsettled>>,
    /// Folders that are not copied.
    pub(super) outside: Vec<FolderPath>,
}

/// What vanished from one folder.
#[derive(Debug)]
pub(super) struct Vanished {
    /// UIDVALIDITY at the source.
    pub(super) validity: UidValidity,
    /// The folder at the destination.
    pub(super) destination: FolderPath,
    /// Source UIDs of copied messages that a complete listing lacks, ascending.
    pub(super) uids: Vec<Uid>,
    /// Copied messages, these included.
    pub(super) copied: u64,
}

impl Vanishing {
    /// Tells whether anything vanished.
    pub(super) fn is_empty(&self) -> bool {
        self.folders.values().all(|folder| folder.uids.is_empty())
    }
}

impl Eyes {
    /// Adds what is in folders that are not copied; one that cannot be listed may hold everything
    /// that vanished.
    pub(super) async fn outside(
        &self,
        line: &Line<SourceConnection>,
        mailbox: &DesiredMailbox,
        vanishing: &Vanishing,
    ) -> Result<()> {
        if vanishing.is_empty() {
            return Ok(());
        }
        let mut unsettled = vanishing.unsettled.lock().await;
        for path in &vanishing.outside {
            let object = Object::folder("source", &mailbox.source, path);
            let Some(name) = line.name(path)? else { continue };
            let walked = match line.connection.examine(name).await {
                Ok(selected) => {
                    inventory::walk(&line.connection, name, &selected, &object, |page| {
                        for listed in &page {
                            unsettled.add_outside(Look::of(listed));
                        }
                        std::future::ready(Ok(()))
                    })
                    .await
                }
                Err(error) => Err(Stop::from_imap(&error, &object)),
            };
            match walked {
                Ok(_) => {}
                Err(Stop::Failed(error)) if !ends_the_look(&error) => unsettled.add_unknown(),
                Err(Stop::Again(error) | Stop::Failed(error)) => return Err(error),
                Err(Stop::Interrupted) => {
                    return Err(Error::new(
                        ErrorKind::Interrupted,
                        "E130",
                        "interrupted while looking",
                    ));
                }
            }
        }
        Ok(())
    }

    /// Completes the censuses of a mailbox with the copies of what vanished; returns why they could
    /// not be looked at.
    pub(super) async fn follow(
        &self,
        mailbox: &DesiredMailbox,
        vanishing: &Vanishing,
        censuses: &mut [(FolderKey, Census)],
    ) -> Result<Option<Failure>> {
        if vanishing.is_empty() {
            return Ok(None);
        }
        let address = mailbox.source.clone();
        let begun =
            blocking::ledger(&self.ledger, move |ledger| removal::begun(ledger, &address)).await?;
        let looked = self
            .patiently(async |_| self.deleted(mailbox, vanishing, begun.as_ref()).await)
            .await?;
        let mut deleted = match looked {
            Reading::Present(deleted) => deleted,
            Reading::Absent => return Ok(None),
            Reading::Unreadable(failure) => return Ok(Some(failure)),
        };
        for (key, census) in censuses {
            census.deleted = deleted.remove(&key.folder);
        }
        Ok(None)
    }

    /// Looks at the copies of what vanished from a mailbox; nothing is written.
    async fn deleted(
        &self,
        mailbox: &DesiredMailbox,
        vanishing: &Vanishing,
        begun: Option<&Intent>,
    ) -> Result<BTreeMap<FolderPath, Deleted>> {
        let line = lines::destination(&self.accounts, mailbox).await?;
        let unsettled = vanishing.unsettled.lock().await;
        let mut found = BTreeMap::new();
        for (path, vanished) in vanishing.folders.iter().filter(|(_, one)| !one.uids.is_empty()) {
            let key = FolderKey { mailbox: mailbox.source.clone(), folder: path.clone() };
            let begun = begun.filter(|begun| {
                begun.purpose == Purpose::Deletion
                    && begun.of.as_ref().is_some_and(|of| *of == (path.clone(), vanished.validity))
            });
            let deleted = self.of_folder(mailbox, &line, &key, vanished, &unsettled, begun).await?;
            found.insert(path.clone(), deleted);
        }
        Ok(found)
    }

    async fn of_folder(
        &self,
        mailbox: &DesiredMailbox,
        line: &Line<Connection>,
        key: &FolderKey,
        vanished: &Vanished,
        unsettled: &Unsettled,
        begun: Option<&Intent>,
    ) -> Result<Deleted> {
        let object = Object::folder("destination", &mailbox.destination, &vanished.destination);
        let failed = |error| catalogue::imap(&error, &object);
        let mut deleted = Deleted { copied: vanished.copied, ..Deleted::default() };
        let Some(name) = line.name(&vanished.destination)? else {
            // The plan itself names a folder that is gone.
            return Ok(deleted);
        };
        let there = line.connection.examine(name).await.map_err(failed)?.uid_validity;
        let begun: BTreeSet<Uid> =
            begun.iter().flat_map(|begun| begun.messages.iter().map(|own| own.at)).collect();
        let mut from = vanished.uids.first().copied();
        while let Some(start) = from {
            let (asked, validity) = (key.clone(), vanished.validity);
            let rows = blocking::ledger(&self.ledger, move |ledger| {
                ledger.rows(&asked, validity, start, PAGE)
            })
            .await?;
            from = rows.last().and_then(|last| last.listed.uid.behind());
            let own = candidates(&rows, vanished, there, unsettled, &mut deleted);
            let standings = removal::look(&line.connection, &own).await.map_err(failed)?;
            for (own, standing) in own.into_iter().zip(standings) {
                let ours = begun.contains(&own.at);
                match standing {
                    Standing::AsStored => {}
                    Standing::Marked | Standing::Gone if ours => deleted.begun += 1,
                    other => {
                        *deleted.stay.entry(other.why().to_owned()).or_default() += 1;
                        continue;
                    }
                }
                deleted.removable += 1;
                if let Some(uid) = own.source.filter(|_| deleted.uids.len() < MOST) {
                    deleted.uids.insert(uid);
                }
            }
            if vanished.uids.last().is_none_or(|last| from.is_none_or(|from| from > *last)) {
                break;
            }
        }
        Ok(deleted)
    }
}

/// Picks the copies that may go, and counts those that stay.
fn candidates(
    rows: &[MessageRow],
    vanished: &Vanished,
    there: UidValidity,
    unsettled: &Unsettled,
    deleted: &mut Deleted,
) -> Vec<Own> {
    let mut own = Vec::new();
    for row in rows.iter().filter(|row| vanished.uids.binary_search(&row.listed.uid).is_ok()) {
        match removal::judge(row, there, unsettled) {
            Verdict::MayGo(one) => own.push(one),
            Verdict::Stays(reason) => *deleted.stay.entry(reason.to_owned()).or_default() += 1,
            Verdict::NoCopy => {}
        }
    }
    own
}
