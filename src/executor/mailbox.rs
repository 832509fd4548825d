//! Runs the actions of one mailbox, one after the other, on one connection a side.

use crate::accounts::Accounts;
use crate::copy::again::Again;
use crate::copy::desk::Desk;
use crate::copy::lines::Lines;
use crate::copy::roll::Roll;
use crate::copy::stop::Stop;
use crate::desired::{Desired, DesiredMailbox};
use crate::error::{Class, Error, ErrorKind};
use crate::executor::event::{Event, Outcome};
use crate::executor::remove_copies::Seen;
use crate::executor::resting::{self, Rest};
use crate::model::folder::FolderPath;
use crate::model::uid::UidValidity;
use crate::planner::plan::{Action, ActionId, Kind, State};
use crate::ports::dns::DnsView;
use crate::ports::ledger::{JournalEntry, Ledger};
use crate::removal::{self, Hands};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The actions of one mailbox.
#[derive(Debug)]
pub struct MailboxRun {
    pub(super) desk: Desk,
    pub(super) accounts: Arc<Accounts>,
    pub(super) mailbox: DesiredMailbox,
    pub(super) desired: Arc<Desired>,
    pub(super) dns: Arc<dyn DnsView>,
    rest: Rest,
    actions: Vec<Action>,
    /// Those of them that copy.
    copies: BTreeSet<ActionId>,
    pub(super) ended: MailboxEnd,
    /// An action whose failure stops the mailbox: no log-in, no room.
    stopped_by: Option<ActionId>,
    /// No removal of an earlier run is left half done.
    taken_up: bool,
    pub(super) seen: Seen,
}

/// What came of the actions of one mailbox.
#[derive(Debug, Default)]
pub struct MailboxEnd {
    /// By action.
    pub outcomes: BTreeMap<ActionId, Outcome>,
    /// The failure that gives the exit code.
    pub worst: Option<ErrorKind>,
    /// Something changed at the destination.
    pub moved: bool,
    /// The numbers of the copies that did not come to their end.
    pub unfinished: BTreeMap<&'static str, u64>,
}

impl MailboxRun {
    /// Prepares the run of one mailbox.
    pub fn new(
        desk: Desk,
        rest: Rest,
        accounts: Arc<Accounts>,
        (mailbox, desired): (DesiredMailbox, Arc<Desired>),
        dns: Arc<dyn DnsView>,
        actions: Vec<Action>,
    ) -> Self {
        let ended = MailboxEnd::default();
        let copies = actions.iter().filter(|it| matches!(it.kind, Kind::CopyFolder(_)));
        let copies = copies.map(|it| it.id.clone()).collect();
        Self {
            desk,
            accounts,
            mailbox,
            desired,
            dns,
            rest,
            actions,
            copies,
            ended,
            stopped_by: None,
            taken_up: false,
            seen: Seen::default(),
        }
    }

    /// Runs the actions.
    pub async fn run(mut self) -> MailboxEnd {
        let mut lines = Lines::default();
        let mut roll = Roll::new(&self.desired, reviewed(&self.actions));
        for action in std::mem::take(&mut self.actions) {
            let outcome = self.one(&action, &mut lines, &mut roll).await;
            if let Err(error) = self.journal(&action.id, outcome.step(), &outcome.note()).await {
                // What was done is in the ledger's rows; the next intent fails in the same way.
                self.desk.tell(&Event::Notice { message: format!("the journal: {error}") });
            }
            self.desk.tell(&Event::ActionEnded { id: action.id.clone(), outcome: outcome.clone() });
            self.ended.outcomes.insert(action.id, outcome);
        }
        let well =
            |outcome: &Outcome| matches!(outcome, Outcome::Done { .. } | Outcome::AlreadyDone);
        if self.ended.outcomes.values().all(well)
            && let Err(stop) = roll.close_orphans(&self.desk, &self.mailbox).await
        {
            // They stay open, and the next run looks into them again.
            let message = format!("the ledger: {}", stop.into_error());
            self.desk.tell(&Event::Notice { message });
        }
        self.ended.moved |= self.desk.progress.messages() > 0;
        self.ended
    }

    async fn one(&mut self, action: &Action, lines: &mut Lines, roll: &mut Roll) -> Outcome {
        if self.desk.cancel.is_cancelled() {
            return self.ended_early();
        }
        match self.desk.office_hours().await {
            Ok(false) => {}
            Ok(true) => lines.drop_both(),
            Err(_) => return self.ended_early(),
        }
        if let Some(by) = &self.stopped_by {
            return Outcome::Blocked { by: by.clone() };
        }
        if let Some(by) = self.blocker(&action.needs) {
            return Outcome::Blocked { by };
        }
        self.desk.tell(&Event::ActionStarted { id: action.id.clone() });
        // An owner that lost the lock must not reach the servers: the ledger knows.
        if let Err(error) = self.journal(&action.id, "intent", &action.reason).await {
            return self.failed(&action.id, error);
        }
        let ended = self.until_done(action, lines, roll).await;
        match ended {
            Ok(outcome) => {
                self.ended.moved |= matches!(outcome, Outcome::Done { .. });
                outcome
            }
            Err(Stop::Interrupted) => self.ended_early(),
            Err(Stop::Again(error) | Stop::Failed(error)) => self.failed(&action.id, error),
        }
    }

    /// Acts over as many connections as it takes. A copy counts its own tries, by messages.
    async fn until_done(
        &mut self,
        action: &Action,
        lines: &mut Lines,
        roll: &mut Roll,
    ) -> Result<Outcome, Stop> {
        let (mut again, mut removed) = (Again::default(), None);
        loop {
            let before = removed;
            let error = match self.act(action, lines, roll, &mut removed).await {
                Err(Stop::Again(error)) => error,
                ended => return ended,
            };
            // What comes next starts with connections that work.
            lines.drop_both();
            // The end of the hours in the middle of an action is no failure of it.
            if self.desk.office_hours().await? {
                continue;
            }
            if removed > before.or(Some(0)) {
                again.moved_on();
            }
            again.hold(&self.desk, error).await?;
        }
    }

    /// Acts once; `removed` is how many copies earlier tries removed, `None` at the first.
    async fn act(
        &mut self,
        action: &Action,
        lines: &mut Lines,
        roll: &mut Roll,
        removed: &mut Option<u64>,
    ) -> Result<Outcome, Stop> {
        if matches!(action.kind, Kind::RemoveCopies(_)) {
            // One that failed before may have left something: the next intent would hide it.
            self.taken_up = false;
        }
        let gone = self.take_up(lines).await?;
        // A batch that an earlier try of this action began.
        *removed = Some(removed.map_or(0, |removed| removed + gone));
        match &action.kind {
            Kind::CreateFolder(params) => self.create(params, lines).await,
            Kind::SetSubscription(params) => self.subscribe(params, lines).await,
            Kind::CopyFolder(params) => self.copy(params, &action.before, lines, roll).await,
            Kind::RemoveCopies(params) => {
                self.remove_copies(params, &action.before, lines, removed.get_or_insert(0)).await
            }
        }
    }

    /// Takes up what a removal left that was cut off, before anything is concluded from what is at
    /// the destination; returns how many copies it took.
    async fn take_up(&mut self, lines: &mut Lines) -> Result<u64, Stop> {
        let address = self.mailbox.source.clone();
        let begun = move |ledger: &dyn Ledger| removal::begun(ledger, &address);
        let mut gone = 0;
        if !self.taken_up && self.desk.ledger(begun).await?.is_some() {
            let line = lines.destination(&self.accounts, &self.mailbox).await?;
            let taken = removal::take_up(&self.desk, &self.mailbox, line, Hands::Free).await?;
            gone = taken.map_or(0, |taken| taken.gone);
        }
        self.taken_up = true;
        Ok(gone)
    }

    /// A mailbox that was told to rest waits; nothing of it failed.
    fn ended_early(&self) -> Outcome {
        match self.rest.pause() {
            Some(pause) => Outcome::Skipped { reason: resting::sentence(pause) },
            None => Outcome::Interrupted,
        }
    }

    fn failed(&mut self, id: &ActionId, error: Error) -> Outcome {
        let whole_mailbox =
            matches!(error.class, Class::Mailbox | Class::Credential | Class::Ledger)
                || matches!(
                    error.kind,
                    ErrorKind::Unobservable | ErrorKind::Locked | ErrorKind::Declined
                );
        if whole_mailbox {
            self.stopped_by = Some(id.clone());
        }
        if error.kind == ErrorKind::Stale {
            return Outcome::Stale { difference: sentence(&error) };
        }
        let worst = self.ended.worst.map_or(error.kind, |worst| worst.or_before(error.kind));
        self.ended.worst = Some(worst);
        Outcome::Failed {
            message: error.message,
            words: error.words,
            hints: error.hints,
            code: error.code,
        }
    }

    /// Returns an action that was needed and is not done. A stale copy did nothing: what only had to
    /// wait for its end goes on, and may be what makes it right.
    fn blocker(&self, needs: &BTreeSet<ActionId>) -> Option<ActionId> {
        let blocks = |needed: &&ActionId| match self.ended.outcomes.get(*needed) {
            None | Some(Outcome::Done { .. } | Outcome::AlreadyDone) => false,
            Some(Outcome::Stale { .. }) => !self.copies.contains(*needed),
            Some(_) => true,
        };
        needs.iter().find(blocks).cloned()
    }

    async fn journal(&self, id: &ActionId, step: &str, note: &str) -> crate::error::Result<()> {
        let entry = JournalEntry {
            at: self.desk.clock.now(),
            action: id.0.clone(),
            step: step.to_owned(),
            note: crate::model::words::shown(note.as_bytes()),
        };
        self.desk.ledger(move |ledger| ledger.journal(&entry)).await
    }
}

/// The source UIDVALIDITYs with which copies were reviewed.
fn reviewed(actions: &[Action]) -> BTreeMap<FolderPath, UidValidity> {
    let copies = actions.iter().filter_map(|action| match (&action.kind, &action.before) {
        (Kind::CopyFolder(params), State::Bound { source, .. }) => {
            Some((params.source.clone(), *source))
        }
        _ => None,
    });
    copies.collect()
}

fn sentence(error: &Error) -> String {
    match &error.words {
        Some(words) => format!("{error} ({words})"),
        None => error.to_string(),
    }
}
