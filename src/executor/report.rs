//! What came of a run, as data: renderers and exit codes are made from it.

use crate::error::ErrorKind;
use crate::executor::event::{Outcome, Waited};
use crate::planner::plan::ActionId;
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
    /// What had to be waited for because a server asked for it.
    pub waited: Vec<Waited>,
}

impl RunReport {
    /// Returns the sum of one number over all actions that were done.
    pub fn sum(&self, number: &str) -> u64 {
        self.outcomes
            .values()
            .map(|outcome| match outcome {
                Outcome::Done { tally } => tally.get(number).copied().unwrap_or_default(),
                _ => 0,
            })
            .sum()
    }
}
