//! What came of a run, as data: renderers and exit codes are made from it.

use crate::error::ErrorKind;
use crate::executor::event::{Outcome, Waited};
use crate::planner::approval::Approval;
use crate::planner::plan::{ActionId, Plan};
use std::collections::BTreeMap;

/// What came of a run.
#[derive(Debug, Default)]
pub struct RunReport {
    /// By action.
    pub outcomes: BTreeMap<ActionId, Outcome>,
    /// The failure that gives the exit code, when something failed.
    pub worst: Option<ErrorKind>,
    /// Something changed at the destination.
    pub moved: bool,
    /// Ctrl-C or SIGTERM came.
    pub interrupted: bool,
    /// The numbers of the copies that did not come to their end: a signal, a mailbox that was told
    /// to rest, a failure.
    pub unfinished: BTreeMap<&'static str, u64>,
    /// What had to be waited for because a server asked for it.
    pub waited: Vec<Waited>,
}

impl RunReport {
    /// Returns the sum of one number over all that this run did, also where it did not come to an
    /// end.
    pub fn sum(&self, number: &str) -> u64 {
        let done: u64 = self
            .outcomes
            .values()
            .map(|outcome| match outcome {
                Outcome::Done { tally } => tally.get(number).copied().unwrap_or_default(),
                _ => 0,
            })
            .sum();
        done + self.unfinished.get(number).copied().unwrap_or_default()
    }

    /// Chooses what the run ends as; `None` is done. The first that applies of a lost lock, a declined
    /// consent, stale with nothing done, partly done, a guard without acknowledgement, a failure,
    /// something unreadable.
    pub fn ends_as(&self, fresh: &Plan, approval: &Approval) -> Option<ErrorKind> {
        let stale = !approval.stale.is_empty()
            || self.outcomes.values().any(|outcome| matches!(outcome, Outcome::Stale { .. }));
        let failed = self.worst.is_some() || self.sum("refused") > 0 || !approval.unread.is_empty();
        let waits = |id: &ActionId| fresh.waiting.iter().any(|waiting| waiting.action.id == *id);
        let unacknowledged = fresh.needs_acknowledgement() && approval.waiting.iter().any(waits);
        if let Some(kind @ (ErrorKind::Locked | ErrorKind::Declined)) = self.worst {
            return Some(kind);
        }
        if stale && !self.moved {
            return Some(ErrorKind::Stale);
        }
        if self.moved && (stale || failed) {
            return Some(ErrorKind::Partial);
        }
        if unacknowledged {
            return Some(ErrorKind::Unacknowledged);
        }
        self.worst.or_else(|| (!fresh.unknown.is_empty()).then_some(ErrorKind::Unobservable))
    }
}
