//! A plan that was saved for review, and when it is applied.

use crate::world::Scope;
use fastrand::Rng;
use mailferry::planner::plan::{Action, Kind, Plan};

/// What was planned earlier.
#[derive(Debug)]
pub(crate) struct Saved {
    /// A stream of its own: what a world is does not depend on it.
    rng: Rng,
    /// No other scope has any.
    whole: bool,
    /// With the number of acknowledgements in the migration plan.
    plan: Option<(Plan, usize)>,
    /// An older plan was applied.
    pub(crate) was_applied: bool,
    /// All that was approved in lives that ended.
    pub(crate) approved: Vec<Action>,
}

impl Saved {
    pub(crate) fn new(seed: u64, scope: Scope) -> Self {
        let rng = Rng::with_seed(seed ^ 0x5a7e_d000);
        Self {
            rng,
            whole: scope == Scope::Whole,
            plan: None,
            was_applied: false,
            approved: Vec::new(),
        }
    }

    /// The plan that the next life applies, in a third of lives; it is refused when the migration
    /// plan is another one since.
    pub(crate) fn reviewed(&mut self, acknowledged: usize) -> Option<Plan> {
        // A plan that removes something is rare, and is reviewed more often.
        let removes = |(plan, _): &(Plan, usize)| {
            plan.actions().any(|action| matches!(action.kind, Kind::RemoveCopies(_)))
        };
        let most = if self.plan.as_ref().is_some_and(removes) { 2 } else { 1 };
        let wanted = self.whole && self.rng.u8(0..3) < most;
        let (plan, then) = self.plan.as_ref().filter(|_| wanted)?;
        let current = *then == acknowledged;
        self.was_applied |= current;
        current.then(|| plan.clone())
    }

    /// Keeps what a life planned, or the older one.
    pub(crate) fn keep(&mut self, planned: Option<(Plan, usize)>) {
        let current = |plan: &(Plan, usize)| planned.as_ref().is_none_or(|now| now.1 == plan.1);
        let stays = self.plan.as_ref().is_some_and(current) && self.rng.bool();
        if !stays && planned.is_some() {
            self.plan = planned;
        }
    }

    /// Whether something is damaged in the end.
    pub(crate) fn damages(&mut self) -> bool {
        self.whole && self.rng.bool()
    }

    /// Whether somebody verifies after the next life.
    pub(crate) fn verifies(&mut self) -> bool {
        self.whole && self.rng.u8(0..3) == 0
    }
}
