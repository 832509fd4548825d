//! What the parts of the planner collect, and how it becomes ready and waiting.

use super::codes;
use super::collisions::folded;
use super::order::{self, Natural};
use super::plan::{
    Action, ActionId, CreateFolder, Finding, Guard, Kind, Settled, Unknown, Waiting, WaitingOn,
};
use crate::model::address::Address;
use crate::model::folder::{FolderPath, SpecialUse};
use crate::model::position::Position;
use crate::model::reading::Failure;
use std::collections::{BTreeMap, BTreeSet};

/// Collects what the parts of the planner find.
#[derive(Debug, Default)]
pub(super) struct Drafts {
    actions: BTreeMap<ActionId, Waiting>,
    pub(super) guards: Vec<Guard>,
    unknown: BTreeMap<String, Unknown>,
    findings: BTreeMap<(String, Natural, String, Option<Position>), Finding>,
    settled: BTreeMap<String, Settled>,
    touched: BTreeSet<Address>,
    missed: bool,
    pub(super) as_wanted: BTreeSet<ActionId>,
    /// Mailboxes by the label of their destination's profile.
    pub(super) profiles: BTreeMap<String, u64>,
}

/// The parts of a plan, in their final order.
#[derive(Debug)]
pub(super) struct Finished {
    pub(super) ready: Vec<Action>,
    pub(super) waiting: Vec<Waiting>,
    pub(super) guards: Vec<Guard>,
    pub(super) unknown: Vec<Unknown>,
    pub(super) findings: Vec<Finding>,
    pub(super) settled: BTreeMap<String, Settled>,
    pub(super) as_wanted: BTreeSet<ActionId>,
    pub(super) profiles: BTreeMap<String, u64>,
}

impl Drafts {
    /// Adds an action with what it waits for. A second one with the same id adds what it needs
    /// and waits for to the first.
    pub(super) fn action(&mut self, action: Action, on: Vec<WaitingOn>) {
        if let Some(there) = self.actions.get_mut(&action.id) {
            there.action.needs.extend(action.needs);
            for reason in on {
                if !there.on.contains(&reason) {
                    there.on.push(reason);
                }
            }
            return;
        }
        self.touched.insert(order::mailbox(&action).clone());
        self.actions.insert(action.id.clone(), Waiting { action, on });
    }

    pub(super) fn has(&self, id: &ActionId) -> bool {
        self.actions.contains_key(id)
    }

    /// Returns the special use that a planned creation gives its folder.
    pub(super) fn special_use_of(&self, id: &ActionId) -> Option<SpecialUse> {
        match &self.actions.get(id)?.action.kind {
            Kind::CreateFolder(create) => create.special_use,
            _ => None,
        }
    }

    /// Returns the first creation at or below a path of a destination mailbox.
    pub(super) fn created_within(&self, mailbox: &Address, path: &FolderPath) -> Option<ActionId> {
        let mut creations =
            self.actions.iter().filter_map(|(id, draft)| match &draft.action.kind {
                Kind::CreateFolder(create) => Some((id, create)),
                _ => None,
            });
        let within = |create: &CreateFolder| {
            create.destination_mailbox == *mailbox && create.folder.is_within(path)
        };
        creations.find(|(_, create)| within(create)).map(|(id, _)| id.clone())
    }

    /// Tells whether anything is planned for a mailbox.
    pub(super) fn touches(&self, mailbox: &Address) -> bool {
        self.touched.contains(mailbox)
    }

    /// Counts one object of a kind, settled or not.
    pub(super) fn count(&mut self, kind: &str, settled: bool) {
        let entry = self.settled.entry(kind.to_owned()).or_default();
        entry.all += 1;
        entry.settled += u64::from(settled);
    }

    /// Names something that could not be read; a second time it is the same entry.
    pub(super) fn unknown(
        &mut self,
        object: String,
        failure: Failure,
        position: Option<&Position>,
    ) {
        self.missed = true;
        let position = position.cloned();
        self.unknown.entry(object.clone()).or_insert_with(|| Unknown { object, failure, position });
    }

    /// Tells whether anything was named as unknown since the last call, named before or not.
    pub(super) fn missed(&mut self) -> bool {
        std::mem::take(&mut self.missed)
    }

    /// Adds a remark; the same one a second time is one.
    pub(super) fn finding(
        &mut self,
        code: &str,
        object: impl Into<String>,
        message: String,
        position: Option<&Position>,
    ) {
        let (code, object) = (code.to_owned(), object.into());
        // What two patterns exclude is two remarks; what several records say of one server is one.
        let place = position.filter(|_| code == codes::EXCLUDED).cloned();
        let key = (code.clone(), Natural::new(&object), message.clone(), place);
        self.findings.entry(key).or_insert_with(|| Finding {
            code,
            object,
            message,
            position: position.cloned(),
        });
    }

    /// Orders everything and tells what is ready from what waits.
    pub(super) fn finish(mut self) -> Finished {
        self.guards.sort_by_cached_key(|guard| (guard.code.clone(), Natural::new(&guard.object)));
        let mut unknown: Vec<Unknown> = self.unknown.into_values().collect();
        unknown.sort_by_cached_key(|unknown| Natural::new(&unknown.object));
        let mut drafts: Vec<Waiting> = self.actions.into_values().collect();
        drafts.sort_by_cached_key(|draft| order::action_key(&draft.action));
        one_after_the_other(&mut drafts);

        let planned: BTreeSet<ActionId> =
            drafts.iter().map(|draft| draft.action.id.clone()).collect();
        let mut ready: Vec<Action> = Vec::new();
        let mut is_ready: BTreeSet<ActionId> = BTreeSet::new();
        let mut waiting = Vec::new();
        // The order puts what is needed first, so that one pass is enough.
        for mut draft in drafts {
            for need in &draft.action.needs {
                if planned.contains(need) && !is_ready.contains(need) {
                    draft.on.push(WaitingOn::Action(need.clone()));
                }
            }
            if draft.on.is_empty() {
                is_ready.insert(draft.action.id.clone());
                ready.push(draft.action);
            } else {
                waiting.push(draft);
            }
        }
        Finished {
            ready,
            waiting,
            guards: self.guards,
            unknown,
            findings: self.findings.into_values().collect(),
            settled: self.settled,
            as_wanted: self.as_wanted,
            profiles: self.profiles,
        }
    }
}

/// Lets each copy into a destination folder need the one before it, so that after an interruption
/// one twin never takes the other's place. Names that differ in case only may be one folder.
fn one_after_the_other(drafts: &mut [Waiting]) {
    let mut last: BTreeMap<(Address, String), ActionId> = BTreeMap::new();
    for draft in drafts {
        if let Kind::CopyFolder(copy) = &draft.action.kind {
            let key = (copy.destination_mailbox.clone(), folded(&copy.destination));
            if let Some(earlier) = last.insert(key, draft.action.id.clone()) {
                draft.action.needs.insert(earlier);
            }
        }
    }
}
