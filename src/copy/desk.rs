//! What every step of a copy needs at hand: the ledger, the listener, the signals.

use crate::blocking;
use crate::copy::pace::Pace;
use crate::copy::progress::MailboxProgress;
use crate::copy::stop::Stop;
use crate::error::{Result, Retry};
use crate::executor::event::{Event, Listener};
use crate::model::uid::{Uid, UidValidity};
use crate::ports::clock::Clock;
use crate::ports::ledger::{FolderKey, Ledger, MessageRow, Need};
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Rows of the ledger that are in memory at once.
const PAGE: usize = 2_000;

/// Where [`Desk::page`] stands behind UID 4294967295.
const BEHIND_ALL: Uid = Uid(0);

/// The hours are looked at again this often while it is outside of them.
const HOURS_STEP: Duration = Duration::from_secs(60);

/// Shared by all folders of a run.
#[derive(Clone, Debug)]
pub struct Desk {
    /// What was done.
    pub ledger: Arc<dyn Ledger>,
    /// Who wants to know.
    pub listener: Arc<dyn Listener>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Ends the run after what is in flight.
    pub cancel: CancellationToken,
    /// How carefully it goes.
    pub policy: Policy,
    /// How fast and when; `None` for work that no limit of the migration plan is about.
    pub pace: Option<Arc<Pace>>,
    /// Numbers of the mailbox in this run.
    pub progress: Arc<MailboxProgress>,
}

/// How carefully a run goes.
#[derive(Clone, Debug)]
pub struct Policy {
    /// A message that moved at the source is moved at the destination, too; otherwise its copy
    /// stays where it is.
    pub follow_moves: bool,
    /// How long a destination folder must stand still before an unanswered APPEND counts as not
    /// done. A server goes on executing what was in its socket buffer when we died: without
    /// a wait, 39 kills left 220 doubles, with it none.
    pub quiet: Duration,
}

impl Desk {
    /// Runs a ledger call where it may block.
    pub async fn ledger<T, F>(&self, call: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&dyn Ledger) -> Result<T> + Send + 'static,
    {
        blocking::ledger(&self.ledger, call).await
    }

    /// Reads the next page of a source folder's rows, in order of UID, and moves `from` behind it;
    /// `None` after the last. Behind the highest UID that there is, `from` is 0, which no message
    /// has.
    pub async fn page(
        &self,
        key: &FolderKey,
        validity: UidValidity,
        from: &mut Uid,
    ) -> Result<Option<Vec<MessageRow>>> {
        self.paged(key, validity, None, from).await
    }

    /// Reads the next page of those rows that a step needs, like [`Desk::page`].
    pub async fn page_for(
        &self,
        key: &FolderKey,
        validity: UidValidity,
        need: Need,
        from: &mut Uid,
    ) -> Result<Option<Vec<MessageRow>>> {
        self.paged(key, validity, Some(need), from).await
    }

    async fn paged(
        &self,
        key: &FolderKey,
        validity: UidValidity,
        need: Option<Need>,
        from: &mut Uid,
    ) -> Result<Option<Vec<MessageRow>>> {
        if *from == BEHIND_ALL {
            return Ok(None);
        }
        let (key, start) = (key.clone(), *from);
        let read = move |ledger: &dyn Ledger| match need {
            Some(need) => ledger.rows_for(&key, validity, need, start, PAGE),
            None => ledger.rows(&key, validity, start, PAGE),
        };
        let rows = self.ledger(read).await?;
        let Some(last) = rows.last() else { return Ok(None) };
        *from = last.listed.uid.behind().unwrap_or(BEHIND_ALL);
        Ok(Some(rows))
    }

    /// Returns where the pages begin of those rows that a step needs.
    pub async fn pages_for(
        &self,
        key: &FolderKey,
        validity: UidValidity,
        need: Need,
    ) -> Result<Vec<Uid>> {
        let key = key.clone();
        self.ledger(move |ledger| ledger.pages_for(&key, validity, need, PAGE)).await
    }

    /// Tells the listener.
    pub fn tell(&self, event: &Event) {
        self.listener.event(event);
    }

    /// Returns an error when the run shall end.
    pub fn go_on(&self) -> Result<(), Stop> {
        if self.cancel.is_cancelled() {
            return Err(Stop::Interrupted);
        }
        // Connections would not live through a day of rest: it is waited for without any.
        match self.pace.as_ref().and_then(|pace| pace.rest(self.clock.now())) {
            Some(outside) => Err(Stop::Again(outside)),
            None => Ok(()),
        }
    }

    /// Waits until it is within the hours of the migration plan, and tells whether it had to.
    pub async fn office_hours(&self) -> Result<bool, Stop> {
        let mut told = false;
        while let Some(outside) = self.pace.as_ref().and_then(|pace| pace.rest(self.clock.now())) {
            let Retry::After(milliseconds) = outside.retry else { return Ok(told) };
            let wait = Duration::from_millis(milliseconds);
            if !told {
                told = true;
                self.tell(&Event::Holding {
                    side: "server",
                    object: outside.message,
                    seconds: wait.as_secs(),
                    words: String::new(),
                });
            }
            // In steps, because the clock of the machine may be set meanwhile.
            self.rest(wait.min(HOURS_STEP)).await?;
        }
        Ok(told)
    }

    /// Waits until octets may go out; a message that is begun is finished, whatever comes.
    pub async fn spend(&self, octets: u64) {
        if let Some(pace) = &self.pace {
            let wait = pace.take(octets);
            if !wait.is_zero() {
                tokio::time::sleep(wait).await;
            }
        }
    }

    /// Waits, unless the run shall end.
    pub async fn rest(&self, time: Duration) -> Result<(), Stop> {
        tokio::select! {
            () = self.cancel.cancelled() => Err(Stop::Interrupted),
            () = tokio::time::sleep(time) => Ok(()),
        }
    }
}
