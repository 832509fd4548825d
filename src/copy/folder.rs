//! Copies one folder: list, find out what is unclear, send what is missing, bring flags in line.

use crate::accounts::Accounts;
use crate::catalogue::{self, Object};
use crate::copy::again::Again;
use crate::copy::desk::Desk;
use crate::copy::inventory::{self, Listing};
use crate::copy::lines::{Line, Lines};
use crate::copy::memory::Memory;
use crate::copy::roll::Roll;
use crate::copy::stop::Stop;
use crate::copy::tally::Tally;
use crate::copy::unread::Unread;
use crate::desired::DesiredMailbox;
use crate::error::{Error, ErrorKind};
use crate::imap::{Connection, Selected, SourceConnection};
use crate::model::folder::{FolderPath, RawName};
use crate::model::uid::UidValidity;
use crate::ports::ledger::{FolderKey, Pass};
use crate::profile::target::Target;

/// What to copy, as it was approved.
#[derive(Debug)]
pub struct FolderCopy<'a> {
    /// What every step needs.
    pub desk: &'a Desk,
    /// Opens connections.
    pub accounts: &'a Accounts,
    /// The mailbox.
    pub mailbox: &'a DesiredMailbox,
    /// The folder at the source.
    pub source: &'a FolderPath,
    /// The folder at the destination.
    pub destination: &'a FolderPath,
    /// UIDVALIDITY at the source, as approved.
    pub source_validity: UidValidity,
    /// UIDVALIDITY at the destination, as approved; `None` when the folder was still to be made.
    pub destination_validity: Option<UidValidity>,
    /// What cannot be read in this run.
    pub unread: Unread,
}

/// Both folders, opened.
pub(super) struct Open<'a> {
    pub(super) source: &'a Line<SourceConnection>,
    pub(super) destination: &'a Line<Connection>,
    pub(super) source_name: &'a RawName,
    pub(super) destination_name: &'a RawName,
    pub(super) from: Selected,
    pub(super) to: Selected,
    pub(super) target: Target,
}

impl FolderCopy<'_> {
    pub(super) fn source_key(&self) -> FolderKey {
        FolderKey { mailbox: self.mailbox.source.clone(), folder: self.source.clone() }
    }

    pub(super) fn destination_key(&self) -> FolderKey {
        FolderKey { mailbox: self.mailbox.destination.clone(), folder: self.destination.clone() }
    }

    pub(super) fn source_object(&self) -> Object {
        Object::folder("source", &self.mailbox.source, self.source)
    }

    pub(super) fn destination_object(&self) -> Object {
        Object::folder("destination", &self.mailbox.destination, self.destination)
    }

    /// Copies until nothing is left to do, over as many connections as it takes. `tally` grows by
    /// what was done, however it ends.
    pub async fn run(
        &self,
        lines: &mut Lines,
        roll: &mut Roll,
        tally: &mut Tally,
    ) -> Result<(), Stop> {
        let mut memory = Memory::default();
        let mut again = Again::default();
        loop {
            let before = (*tally, memory.steps(), self.unread.steps(), roll.done());
            match self.pass(lines, roll, tally, &mut memory).await {
                Ok(()) => return Ok(()),
                Err(Stop::Again(error)) => {
                    lines.drop_both();
                    memory.met_here = false;
                    if self.desk.office_hours().await? {
                        // The end of the hours is no failure, and no try that came to nothing.
                        continue;
                    }
                    let now = (*tally, memory.steps(), self.unread.steps(), roll.done());
                    if now != before {
                        again.moved_on();
                    }
                    again.hold(self.desk, error).await?;
                }
                Err(stop) => return Err(stop),
            }
        }
    }

    async fn pass(
        &self,
        lines: &mut Lines,
        roll: &mut Roll,
        tally: &mut Tally,
        memory: &mut Memory,
    ) -> Result<(), Stop> {
        self.desk.go_on()?;
        lines.open(self.accounts, self.mailbox).await?;
        let (source, destination) = lines.sides()?;
        roll.call(self.desk, source, destination, self.mailbox).await?;
        let open = self.open(lines).await?;
        let Listing { pass, incomplete } = match roll.take(self.source, &open.from) {
            Some(pass) => Listing { pass, incomplete: None },
            None => self.list(&open).await?,
        };
        self.unread.doubt(false);
        tally.found += self.settle_unclear(&open, roll).await?;
        tally.found += self.look_into_orphans(&open, roll).await?;
        let taken = self.take_over(&open, tally).await;
        tally.refused += self.unread.stayed();
        taken?;
        self.send_pending(&open, roll.end(self.source), tally, memory).await?;
        self.place_unplaced(&open).await?;
        let flags = self.flags(&open).await?;
        tally.flags += flags.touched;
        // What can be copied is copied; the pass is no complete one.
        if let Some(error) = incomplete.or(memory.incomplete.take()) {
            return Err(Stop::Failed(error));
        }
        if let Some(error) = self.left_in_doubt(open.from.uid_validity).await? {
            return Err(Stop::Failed(error));
        }
        self.end(pass).await?;
        if let Some(error) = flags.failed {
            return Err(Stop::Failed(error));
        }
        self.desk.progress.add(self.source, 0, 0, true);
        Ok(())
    }

    async fn list(&self, open: &Open<'_>) -> Result<Listing, Stop> {
        inventory::record_readable(
            self.desk,
            &open.source.connection,
            open.source_name,
            &open.from,
            &self.source_key(),
            &self.source_object(),
        )
        .await
    }

    async fn end(&self, pass: Pass) -> Result<(), Stop> {
        let key = self.source_key();
        Ok(self.desk.ledger(move |ledger| ledger.end_pass(&key, pass)).await?)
    }

    /// Opens both folders and checks that they are those that were approved.
    async fn open<'l>(&self, lines: &'l Lines) -> Result<Open<'l>, Stop> {
        let (source, destination) = lines.sides()?;
        let (from_object, to_object) = (self.source_object(), self.destination_object());
        let source_name = source.name(self.source)?.ok_or_else(|| gone(&from_object))?;
        let destination_name =
            destination.name(self.destination)?.ok_or_else(|| gone(&to_object))?;
        let from = source
            .connection
            .examine(source_name)
            .await
            .map_err(|error| Stop::from_imap(&error, &from_object))?;
        let target = destination.target(self.accounts);
        let mut to = destination
            .connection
            .select(destination_name)
            .await
            .map_err(|error| Stop::from_imap(&error, &to_object))?;
        same_validity(&from_object, self.source_validity, from.uid_validity)?;
        if let Some(approved) = self.destination_validity {
            same_validity(&to_object, approved, to.uid_validity)?;
        }
        if to.read_only {
            return Err(Stop::Failed(
                Error::new(
                    ErrorKind::Failed,
                    "E203",
                    format!("{to_object}: it cannot be written to"),
                )
                .hint("Give the destination user the right to insert messages, then apply again."),
            ));
        }
        to.permanent_flags = target.profile.permanent(&to.permanent_flags);
        Ok(Open { source, destination, source_name, destination_name, from, to, target })
    }
}

/// Fails when a folder is another one than it was.
pub fn same_validity(object: &Object, known: UidValidity, now: UidValidity) -> Result<(), Stop> {
    if known == now {
        return Ok(());
    }
    Err(Stop::Failed(catalogue::new_validity(object, known, now)))
}

/// The failure of a folder that was there and is not.
pub fn gone(object: &Object) -> Stop {
    Stop::Failed(
        Error::new(ErrorKind::Stale, "E132", format!("{object}: it is not there any more"))
            .hint("Plan again: the world changed since the plan was made."),
    )
}
