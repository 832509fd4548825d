//! What the reviewed plans said of copies and removals.

use crate::model::address::Address;
use crate::model::folder::FolderPath;
use crate::planner::plan::{Kind, Plan};
use std::collections::BTreeMap;

/// Where the reviewed plans sent each folder.
pub(crate) type Reviewed = BTreeMap<(Address, FolderPath), FolderPath>;

/// Adds what a plan says to what was reviewed.
pub(crate) fn review(reviewed: &mut Reviewed, plan: &Plan) {
    for action in plan.actions() {
        if let Kind::CopyFolder(copy) = &action.kind {
            reviewed.insert((copy.mailbox.clone(), copy.source.clone()), copy.destination.clone());
        }
    }
}

/// Counts the copies of each mailbox that a plan removes.
pub(crate) fn removals(plan: &Plan) -> BTreeMap<Address, usize> {
    let mut removals = BTreeMap::new();
    for action in &plan.ready {
        if let Kind::RemoveCopies(remove) = &action.kind {
            *removals.entry(remove.mailbox.clone()).or_default() += remove.uids.len();
        }
    }
    removals
}
