//! A plan in one line.

use super::order;
use super::plan::{Action, Kind, Plan, WaitingOn};
use crate::model::address::Address;
use std::collections::BTreeSet;

/// What a plan would do, in numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Folders to create.
    pub create: usize,
    /// Subscriptions to set.
    pub change: usize,
    /// Copies to remove, because their messages vanished at the source.
    pub remove: usize,
    /// Mailboxes with something to copy.
    pub copy: usize,
    /// Actions that wait, whatever they do.
    pub waiting: usize,
    /// Steps for a person.
    pub for_person: usize,
    /// Objects that could not be read.
    pub unknown: usize,
}

impl Plan {
    /// Returns all actions, ready ones first.
    pub fn actions(&self) -> impl Iterator<Item = &Action> {
        self.ready.iter().chain(self.waiting.iter().map(|waiting| &waiting.action))
    }

    /// Tells whether anything is ready, waiting or left to a person.
    pub fn changes(&self) -> bool {
        !(self.ready.is_empty() && self.waiting.is_empty() && self.for_person.is_empty())
    }

    /// Tells whether an action waits for an acknowledgement.
    pub fn needs_acknowledgement(&self) -> bool {
        let mut on = self.waiting.iter().flat_map(|waiting| &waiting.on);
        on.any(|reason| matches!(reason, WaitingOn::Acknowledgement { .. }))
    }

    /// Counts what the plan would do.
    pub fn counts(&self) -> Counts {
        let mut counts = Counts {
            waiting: self.waiting.len(),
            for_person: self.for_person.len(),
            unknown: self.unknown.len(),
            ..Counts::default()
        };
        let mut copied: BTreeSet<&Address> = BTreeSet::new();
        for action in self.actions() {
            match &action.kind {
                Kind::CreateFolder(_) => counts.create += 1,
                Kind::SetSubscription(_) => counts.change += 1,
                Kind::RemoveCopies(removal) => counts.remove += removal.uids.len(),
                Kind::CopyFolder(_) => {
                    copied.insert(order::mailbox(action));
                }
            }
        }
        counts.copy = copied.len();
        counts
    }

    /// Returns the line that ends every output of a plan.
    pub fn summary_line(&self) -> String {
        let counts = self.counts();
        format!(
            "Plan: {} to create, {} to change, {} to remove, {} {} to copy, {} waiting, {} for a \
             person, {} unknown.",
            counts.create,
            counts.change,
            counts.remove,
            counts.copy,
            if counts.copy == 1 { "mailbox" } else { "mailboxes" },
            counts.waiting,
            counts.for_person,
            counts.unknown,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::digest::Digest;
    use crate::model::reading::Failure;
    use crate::planner::plan::{LookedAt, Unknown};
    use std::collections::BTreeMap;

    #[test]
    fn what_is_only_unknown_is_no_change_and_is_counted() {
        let failure = Failure { message: "time-out".to_owned(), words: None, hint: None };
        let plan = Plan {
            name: "acme".to_owned(),
            source: "imap".to_owned(),
            destination: "imap".to_owned(),
            document: Digest::of(b"acme"),
            looked_at: LookedAt::default(),
            ready: Vec::new(),
            waiting: Vec::new(),
            for_person: Vec::new(),
            settled: BTreeMap::new(),
            guards: Vec::new(),
            unknown: vec![Unknown { object: "x".to_owned(), failure, position: None }],
            findings: Vec::new(),
            as_wanted: BTreeSet::new(),
            profiles: BTreeMap::new(),
        };
        assert!(!plan.changes() && !plan.needs_acknowledgement());
        assert_eq!(
            plan.summary_line(),
            "Plan: 0 to create, 0 to change, 0 to remove, 0 mailboxes to copy, 0 waiting, 0 for a \
             person, 1 unknown."
        );
    }
}
