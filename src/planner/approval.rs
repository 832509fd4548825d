//! What a reviewed plan lets run of a plan that was made now.

use super::object;
use super::order;
use super::plan::{
    Action, ActionId, CopyFolder, CreateFolder, Estimate, Kind, Plan, RemoveCopies, State,
};
use crate::model::size::Size;
use crate::model::uid_set::UidSet;
use std::collections::{BTreeMap, BTreeSet};

/// A copy may have grown by this many octets since the review, whatever the share. One large mail
/// with attachments must not make a small folder stale.
const GROWTH: u64 = 500_000_000;

/// The verdict on each action.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Approval {
    /// Actions of the fresh plan that were reviewed and are ready, in its order.
    pub run: Vec<Action>,
    /// Reviewed actions that the world no longer fits, with the difference.
    pub stale: Vec<(ActionId, String)>,
    /// Reviewed actions whose `after` the world was seen to equal.
    pub done: Vec<ActionId>,
    /// Reviewed actions that wait in the fresh plan.
    pub waiting: Vec<ActionId>,
    /// Reviewed actions of a mailbox of which something could not be read: whether the world still
    /// fits them, nobody knows.
    pub unread: Vec<ActionId>,
    /// Actions of the fresh plan that nobody reviewed.
    pub not_approved: Vec<ActionId>,
}

/// Compares a reviewed plan with one made now, from the same migration plan.
///
/// What runs is always an action of `fresh`: an edited saved plan can leave actions out and can
/// bring none in.
pub fn approve(saved: &Plan, fresh: &Plan) -> Approval {
    let reviewed: BTreeMap<&ActionId, &Action> =
        saved.actions().map(|action| (&action.id, action)).collect();
    let planned: BTreeSet<&ActionId> = fresh.actions().map(|action| &action.id).collect();
    let mut verdict = Approval::default();
    let mut runs: BTreeSet<&ActionId> = BTreeSet::new();
    for action in &fresh.ready {
        let Some(approved) = reviewed.get(&action.id) else {
            verdict.not_approved.push(action.id.clone());
            continue;
        };
        let blocker =
            action.needs.iter().find(|need| planned.contains(need) && !runs.contains(need));
        if let Some(difference) = difference(approved, action, &planned) {
            verdict.stale.push((action.id.clone(), difference));
        } else if let Some(need) = blocker {
            let reason = format!("it needs {need}, which does not run");
            verdict.stale.push((action.id.clone(), reason));
        } else {
            runs.insert(&action.id);
            verdict.run.push(reviewed_part(approved, action));
        }
    }
    for waiting in &fresh.waiting {
        let id = waiting.action.id.clone();
        match reviewed.get(&id) {
            None => verdict.not_approved.push(id),
            Some(approved) => match difference(approved, &waiting.action, &planned) {
                Some(difference) => verdict.stale.push((id, difference)),
                None => verdict.waiting.push(id),
            },
        }
    }
    for action in saved.actions().filter(|action| !planned.contains(&action.id)) {
        if fresh.as_wanted.contains(&action.id) {
            verdict.done.push(action.id.clone());
        } else if unread(action, fresh) {
            verdict.unread.push(action.id.clone());
        } else {
            let gone = "it is not planned any more: what it works on is not there".to_owned();
            verdict.stale.push((action.id.clone(), gone));
        }
    }
    verdict
}

impl Approval {
    /// Tells whether the world no longer fits a reviewed action.
    pub fn is_stale(&self, id: &ActionId) -> bool {
        self.stale.iter().any(|(stale, _)| stale == id)
    }

    /// Calls removals done of which the ledger says that every reviewed copy was removed: what is
    /// to be removed from the same folder now, nobody reviewed.
    pub fn removed_before(&mut self, removed: &BTreeSet<ActionId>, fresh: &Plan) {
        let planned: BTreeSet<&ActionId> = fresh.actions().map(|action| &action.id).collect();
        let (done, stale) =
            std::mem::take(&mut self.stale).into_iter().partition(|(id, _)| removed.contains(id));
        self.stale = stale;
        let done: Vec<(ActionId, String)> = done;
        for (id, _) in done {
            if planned.contains(&id) {
                self.not_approved.push(id.clone());
            }
            self.done.push(id);
        }
    }
}

/// Returns what differs between the reviewed action and the one planned now.
fn difference(approved: &Action, now: &Action, planned: &BTreeSet<&ActionId>) -> Option<String> {
    if target(&approved.kind) != target(&now.kind) {
        return Some("it works on other mailboxes or folders than reviewed".to_owned());
    }
    if approved.after != now.after {
        return Some(format!(
            "reviewed to end as {}, now it would end as {}",
            state(&approved.after),
            state(&now.after)
        ));
    }
    if approved.before != now.before && !created_since(approved, now, planned) {
        return Some(format!(
            "reviewed with {}, now there is {}",
            state(&approved.before),
            state(&now.before)
        ));
    }
    if let (Kind::RemoveCopies(reviewed), Kind::RemoveCopies(fresh)) = (&approved.kind, &now.kind) {
        let none = reviewed.uids.both(&fresh.uids).is_empty();
        return none.then(|| "none of the reviewed copies is to be removed any more".to_owned());
    }
    let (Kind::CopyFolder(reviewed), Kind::CopyFolder(grown)) = (&approved.kind, &now.kind) else {
        return None;
    };
    let (reviewed, grown) = (reviewed.estimate.bytes, grown.estimate.bytes);
    let share = u128::from(grown) * 10 > u128::from(reviewed) * 12;
    (share && grown.saturating_sub(reviewed) > GROWTH)
        .then(|| format!("reviewed with {} to copy, now there are {}", Size(reviewed), Size(grown)))
}

/// Leaves out of an action what nobody reviewed: messages that vanished since are for the next plan.
fn reviewed_part(approved: &Action, now: &Action) -> Action {
    let mut action = now.clone();
    if let (Kind::RemoveCopies(reviewed), Kind::RemoveCopies(removal)) =
        (&approved.kind, &mut action.kind)
    {
        removal.uids = removal.uids.both(&reviewed.uids);
    }
    action
}

/// Leaves the volatile estimate out of the comparison.
fn target(kind: &Kind) -> Kind {
    match kind {
        Kind::CopyFolder(copy) => {
            Kind::CopyFolder(CopyFolder { estimate: Estimate::default(), ..copy.clone() })
        }
        // Which of two mailboxes asks for a folder does not change what is created.
        Kind::CreateFolder(create) => Kind::CreateFolder(CreateFolder {
            mailbox: create.destination_mailbox.clone(),
            ..create.clone()
        }),
        Kind::SetSubscription(_) => kind.clone(),
        Kind::RemoveCopies(removal) => {
            let (uids, copied) = (UidSet::default(), 0);
            Kind::RemoveCopies(RemoveCopies { uids, copied, ..removal.clone() })
        }
    }
}

/// Tells whether the only difference is that the reviewed creation of the folder is done.
fn created_since(approved: &Action, now: &Action, planned: &BTreeSet<&ActionId>) -> bool {
    let (State::Bound { source, destination: None }, State::Bound { source: still, .. }) =
        (&approved.before, &now.before)
    else {
        return false;
    };
    let Kind::CopyFolder(copy) = &approved.kind else { return false };
    let create =
        ActionId(format!("create_folder/{}/{}", copy.destination_mailbox, copy.destination));
    source == still && approved.needs.contains(&create) && !planned.contains(&create)
}

fn unread(action: &Action, fresh: &Plan) -> bool {
    let (mailbox, destination) = (order::mailbox(action), order::destination_mailbox(action));
    fresh.unknown.iter().any(|unknown| object::concerns(&unknown.object, mailbox, destination))
}

fn state(state: &State) -> String {
    match state {
        State::Absent => "no such folder".to_owned(),
        State::Folder => "a folder".to_owned(),
        State::Subscribed(true) => "a subscription".to_owned(),
        State::Subscribed(false) => "no subscription".to_owned(),
        State::Bound { source, destination: Some(destination) } => {
            format!("source UIDVALIDITY {source} and destination UIDVALIDITY {destination}")
        }
        State::Bound { source, destination: None } => {
            format!("source UIDVALIDITY {source} and a destination folder not seen yet")
        }
        State::CopiedTo { source, folder, transforms } => {
            let transforms: Vec<&str> = transforms.iter().map(String::as_str).collect();
            let with = if transforms.is_empty() { "no transforms" } else { &transforms.join(", ") };
            format!("source UIDVALIDITY {source} copied to {folder} with {with}")
        }
        State::Vanished { source, destination, mail } => {
            let mail: Vec<String> = mail.iter().map(ToString::to_string).collect();
            let mail =
                if mail.is_empty() { "MX not looked at".to_owned() } else { mail.join(", ") };
            format!("source UIDVALIDITY {source}, destination UIDVALIDITY {destination}, {mail}")
        }
        State::CopiesRemoved { source, folder } => {
            format!("source UIDVALIDITY {source} without copies in {folder} of what vanished")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::digest::Digest;
    use crate::model::reading::Failure;
    use crate::model::uid::UidValidity;
    use crate::planner::plan::{LookedAt, Unknown, Waiting, WaitingOn};

    const CREATE: &str = "create_folder/ada@acme.example/Notes";
    const COPY: &str = "copy_folder/ada@acme.example/Notes";

    fn plan(ready: Vec<Action>) -> Plan {
        Plan {
            name: "acme".to_owned(),
            source: "imap".to_owned(),
            destination: "imap".to_owned(),
            document: Digest::of(b"acme"),
            looked_at: LookedAt::default(),
            ready,
            waiting: Vec::new(),
            for_person: Vec::new(),
            settled: BTreeMap::new(),
            guards: Vec::new(),
            unknown: Vec::new(),
            findings: Vec::new(),
            as_wanted: BTreeSet::new(),
            profiles: BTreeMap::new(),
        }
    }

    fn create() -> Action {
        let ada: crate::model::address::Address = "ada@acme.example".parse().unwrap();
        Action {
            id: ActionId(CREATE.to_owned()),
            kind: Kind::CreateFolder(CreateFolder {
                special_use: None,
                mailbox: ada.clone(),
                destination_mailbox: ada,
                folder: "Notes".parse().unwrap(),
            }),
            before: State::Absent,
            after: State::Folder,
            reason: String::new(),
            position: None,
            needs: BTreeSet::new(),
            reversible: true,
            visible: false,
        }
    }

    fn copy(bytes: u64, destination: Option<u32>) -> Action {
        let ada: crate::model::address::Address = "ada@acme.example".parse().unwrap();
        let notes: crate::model::folder::FolderPath = "Notes".parse().unwrap();
        Action {
            id: ActionId(COPY.to_owned()),
            kind: Kind::CopyFolder(CopyFolder {
                mailbox: ada.clone(),
                destination_mailbox: ada,
                source: notes.clone(),
                destination: notes.clone(),
                estimate: Estimate { bytes, ..Estimate::default() },
            }),
            before: State::Bound {
                source: UidValidity(7),
                destination: destination.map(UidValidity),
            },
            after: State::CopiedTo {
                source: UidValidity(7),
                folder: notes,
                transforms: BTreeSet::new(),
            },
            needs: if destination.is_none() {
                BTreeSet::from([ActionId(CREATE.to_owned())])
            } else {
                BTreeSet::new()
            },
            ..create()
        }
    }

    fn ran(approval: &Approval) -> Vec<&str> {
        approval.run.iter().map(|action| action.id.0.as_str()).collect()
    }

    #[test]
    fn what_was_reviewed_runs_and_nothing_else() {
        let fresh = plan(vec![create(), copy(10, None)]);
        assert_eq!(ran(&approve(&fresh, &fresh)), [CREATE, COPY]);
        let approval = approve(&plan(vec![create()]), &fresh);
        assert_eq!(ran(&approval), [CREATE]);
        assert_eq!(approval.not_approved, [ActionId(COPY.to_owned())]);
    }

    #[test]
    fn another_after_or_target_is_stale_and_so_is_what_needs_it() {
        let saved = plan(vec![create(), copy(10, None)]);
        let mut fresh = saved.clone();
        fresh.ready[0].after = State::Subscribed(true);
        let approval = approve(&saved, &fresh);
        assert!(approval.run.is_empty());
        assert!(approval.stale[0].1.contains("reviewed to end as a folder"), "{approval:?}");
        assert!(approval.stale[1].1.contains("it needs create_folder/"), "{approval:?}");

        let mut fresh = saved.clone();
        if let Kind::CopyFolder(copy) = &mut fresh.ready[1].kind {
            copy.destination_mailbox = "eve@acme.example".parse().unwrap();
        }
        assert_eq!(ran(&approve(&saved, &fresh)), [CREATE]);
    }

    #[test]
    fn a_copy_goes_on_after_its_reviewed_folder_was_created() {
        let saved = plan(vec![create(), copy(10, None)]);
        let mut fresh = plan(vec![copy(10, Some(9))]);
        fresh.as_wanted.insert(ActionId(CREATE.to_owned()));
        let approval = approve(&saved, &fresh);
        assert_eq!(ran(&approval), [COPY]);
        assert_eq!(approval.done, [ActionId(CREATE.to_owned())]);
    }

    #[test]
    fn a_destination_folder_that_nobody_reviewed_makes_a_copy_stale() {
        let mut unread = copy(10, None);
        unread.needs.clear();
        for saved in [unread, copy(10, Some(8))] {
            let approval = approve(&plan(vec![saved]), &plan(vec![copy(10, Some(9))]));
            assert!(approval.run.is_empty());
            assert!(approval.stale[0].1.contains("UIDVALIDITY 9"), "{approval:?}");
        }
    }

    #[test]
    fn growth_is_stale_only_beyond_both_tolerances() {
        let verdict = |reviewed, now| {
            let saved = plan(vec![copy(reviewed, Some(9))]);
            approve(&saved, &plan(vec![copy(now, Some(9))])).run.len()
        };
        assert_eq!(verdict(0, GROWTH), 1, "500 MB more are tolerated");
        assert_eq!(verdict(0, GROWTH + 1), 0);
        assert_eq!(verdict(10 * GROWTH, 12 * GROWTH), 1, "1.2 times is tolerated");
        assert_eq!(verdict(10 * GROWTH, 12 * GROWTH + 1), 0);
        assert_eq!(verdict(10 * GROWTH, 0), 1, "less to do is no surprise");
    }

    #[test]
    fn what_is_not_planned_any_more_is_done_only_when_it_was_seen() {
        let saved = plan(vec![create()]);
        let gone = approve(&saved, &plan(Vec::new()));
        assert!(gone.done.is_empty());
        assert!(gone.stale[0].1.contains("not there"), "{gone:?}");

        let mut unread = plan(Vec::new());
        unread.unknown.push(Unknown {
            object: "destination mailbox ada@acme.example".to_owned(),
            failure: Failure { message: "time-out".to_owned(), words: None, hint: None },
            position: None,
        });
        let unread = approve(&saved, &unread);
        assert_eq!((unread.stale.len(), unread.unread.len()), (0, 1), "{unread:?}");
    }

    #[test]
    fn what_waits_now_does_not_run_although_it_was_reviewed_as_ready() {
        let saved = plan(vec![create()]);
        let mut fresh = plan(Vec::new());
        let on = vec![WaitingOn::Readable("source mailbox ada@acme.example".to_owned())];
        fresh.waiting.push(Waiting { action: create(), on });
        let approval = approve(&saved, &fresh);
        assert!(approval.run.is_empty());
        assert_eq!(approval.waiting, [ActionId(CREATE.to_owned())]);
    }
}
