//! What must hold for every world, not only for those of the scenarios.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]

#[path = "planner_properties/forecast.rs"]
mod forecast;
mod planning;
#[path = "planner_properties/sketch.rs"]
mod sketch;

use mailferry::desired::{Deletions, Desired};
use mailferry::model::address::Address;
use mailferry::model::flags::{Flags, PermanentFlags};
use mailferry::model::folder::FolderPath;
use mailferry::model::reading::{Failure, Reading};
use mailferry::model::share::Share;
use mailferry::model::uid::{Uid, UidValidity};
use mailferry::observed::{FolderContents, FolderState, MailboxState, Observed};
use mailferry::planner::approval::approve;
use mailferry::planner::census::{Census, Deleted, LedgerSummary};
use mailferry::planner::order;
use mailferry::planner::plan::{Action, ActionId, Kind, Plan, State, WaitingOn};
use mailferry::ports::ledger::FolderKey;
use planning::{acknowledge, add_mailbox, desired, path};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

const SOURCE: [&str; 10] =
    ["INBOX", "Sent", "Spam", "Junk", "Work", "work", "A", "A/1", "A/10", "A/1/x"];
const DESTINATION: [&str; 11] = [
    "INBOX",
    "Sent Items",
    "Junk Email",
    "Work",
    "work",
    "WORK",
    "A",
    "A/1",
    "A/10",
    "A/1/x",
    "Else",
];

#[derive(Clone, Copy, Debug)]
enum Seen {
    Missing,
    NameOnly,
    Unreadable,
    Folder { messages: u32, subscribed: bool },
}

#[derive(Clone, Debug)]
struct World {
    desired: Desired,
    observed: Observed,
    ledger: LedgerSummary,
}

fn failure() -> Failure {
    Failure { message: "time-out".to_owned(), words: None, hint: None }
}

fn reading(seen: Seen, name: &str, uid_validity: u32) -> Option<Reading<FolderState>> {
    let state = |contents, subscribed| {
        Reading::Present(FolderState {
            name: name.to_owned(),
            subscribed,
            contents,
            non_existent: false,
            denied: false,
            no_inferiors: false,
        })
    };
    match seen {
        Seen::Missing => None,
        Seen::NameOnly => Some(state(None, false)),
        Seen::Unreadable => Some(Reading::Unreadable(failure())),
        Seen::Folder { messages, subscribed } => {
            Some(state(Some(contents(messages, uid_validity)), subscribed))
        }
    }
}

fn contents(messages: u32, uid_validity: u32) -> FolderContents {
    FolderContents {
        uid_validity: UidValidity(uid_validity),
        uid_next: Uid(messages + 1),
        messages,
        bytes: Some(u64::from(messages) * 100),
        highest_modseq: None,
        flags: Flags::from_words(["\\Seen", "$label1"]),
        permanent_flags: Some(PermanentFlags {
            flags: Flags::from_words(["\\Seen"]),
            any_keyword: false,
        }),
        shape: None,
    }
}

fn mailbox(names: &[&str], seen: &[Seen], base: u32) -> Reading<MailboxState> {
    let folders = names
        .iter()
        .zip(seen)
        .zip(base..)
        .filter_map(|((name, seen), number)| Some((path(name), reading(*seen, name, number)?)))
        .collect();
    Reading::Present(MailboxState {
        told: mailferry::model::server::Told::default(),
        capabilities: BTreeSet::from(["UIDPLUS".to_owned()]),
        namespace: Reading::Absent,
        folders,
        special_uses: BTreeMap::new(),
        quota: Reading::Absent,
    })
}

fn seen(unreadable: u32) -> impl Strategy<Value = Seen> {
    prop_oneof![
        3 => Just(Seen::Missing),
        1 => Just(Seen::NameOnly),
        6 => (0..4_u32, any::<bool>())
            .prop_map(|(messages, subscribed)| Seen::Folder { messages, subscribed }),
        // Last, because shrinking tries what stands earlier even at a weight of 0.
        unreadable => Just(Seen::Unreadable),
    ]
}

/// Numbers from which a census is made: copied so far, excepted, too large, interrupted, flags,
/// and whether the destination's UIDVALIDITY is known and still the same.
type Past = (u64, bool, bool, bool, bool, Option<bool>);

fn past() -> impl Strategy<Value = Past> {
    (0..4_u64, any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>(), any::<Option<bool>>())
}

fn census(listed: u64, past: Past, there: Option<UidValidity>) -> Census {
    let (copied, excepted, over_limit, interrupted, flags, same) = past;
    let mut left = listed.saturating_sub(copied);
    let mut take = |wanted: bool| {
        let taken = u64::from(wanted && left > 0);
        left -= taken;
        taken
    };
    let excepted = take(excepted);
    let over_limit = take(over_limit);
    let known = same.map(|same| match there {
        Some(there) if same => there,
        _ => UidValidity(9_999),
    });
    Census {
        listed,
        bytes: listed * 100,
        to_copy: left,
        to_copy_bytes: left * 100,
        flags_changed: u64::from(flags),
        excepted: if excepted > 0 {
            BTreeMap::from([("unparsable".to_owned(), excepted)])
        } else {
            BTreeMap::new()
        },
        over_limit,
        excluded: 0,
        unclear: 0,
        vanished: 0,
        destination_uid_validity: known,
        interrupted,
        was_uid_validity: None,
        moved: BTreeMap::new(),
        deleted: (there.is_some() && there == known && copied > 0).then(|| Deleted {
            copied: 10,
            // Of ten, five are within the share, and nine are not.
            removable: copied * 3,
            uids: (1..).map(Uid).take(usize::try_from(copied * 3).unwrap()).collect(),
            ..Deleted::default()
        }),
    }
}

/// The mapping of the migration plan, written a second time and simpler.
fn mapped(source: &FolderPath) -> FolderPath {
    match source.to_string().as_str() {
        "Sent" => path("Sent Items"),
        "Spam" | "Junk" => path("Junk Email"),
        _ => source.clone(),
    }
}

fn world(unreadable: u32) -> impl Strategy<Value = World> {
    let one = (
        proptest::collection::vec(seen(unreadable), SOURCE.len()),
        proptest::collection::vec(seen(unreadable), DESTINATION.len()),
        proptest::collection::vec(past(), SOURCE.len()),
        proptest::sample::select(vec![0_u8; 8].into_iter().chain(1..=4).collect::<Vec<u8>>()),
    );
    (proptest::collection::vec(one, 1..4), any::<bool>()).prop_map(move |(mailboxes, merge)| {
        let mut world =
            World { desired: desired(), observed: Observed::default(), ledger: <_>::default() };
        world.desired.folders.deletions = Deletions::Propagate(Share::default());
        if merge {
            world.desired.folders.merge.insert(path("Junk Email"));
        }
        for (number, (source, destination, pasts, whole)) in mailboxes.into_iter().enumerate() {
            let name = format!("user{number}@acme.example");
            add_mailbox(&mut world.desired, &name, &name, 34);
            let address: Address = name.parse().unwrap();
            let source = mailbox(&SOURCE, &source, 100);
            let mut destination = mailbox(&DESTINATION, &destination, 200);
            // Without unreadable things, every mailbox has an INBOX; a server without one is
            // something that cannot be planned.
            if unreadable == 0
                && let Reading::Present(state) = &mut destination
            {
                let inbox = Seen::Folder { messages: 1, subscribed: false };
                let inbox = reading(inbox, "INBOX", 200).unwrap();
                state.folders.insert(FolderPath::inbox(), inbox);
            }
            remember(&mut world.ledger, &address, &source, &destination, &pasts);
            let whole = if unreadable == 0 { 0 } else { whole };
            let hidden = |at: u8, side: Reading<MailboxState>| match whole {
                wanted if wanted == at => Reading::Unreadable(failure()),
                wanted if wanted == at + 1 => Reading::Absent,
                _ => side,
            };
            world.observed.source.insert(address.clone(), hidden(1, source));
            world.observed.destination.insert(address, hidden(3, destination));
        }
        world
    })
}

fn remember(
    ledger: &mut LedgerSummary,
    address: &Address,
    source: &Reading<MailboxState>,
    destination: &Reading<MailboxState>,
    pasts: &[Past],
) {
    let (source, destination) = (source.present().unwrap(), destination.present().unwrap());
    for ((folder, reading), past) in source.folders.iter().zip(pasts) {
        let Some(contents) = reading.present().and_then(|state| state.contents.as_ref()) else {
            continue;
        };
        let there = destination.folders.get(&mapped(folder)).and_then(Reading::present);
        let there = there.and_then(|state| Some(state.contents.as_ref()?.uid_validity));
        let key = FolderKey { mailbox: address.clone(), folder: folder.clone() };
        ledger.folders.insert(key, census(u64::from(contents.messages), *past, there));
    }
}

fn make(world: &World) -> Plan {
    mailferry::planner::plan(&world.desired, &world.observed, &world.ledger)
}

fn accept_all(world: &mut World) {
    for guard in make(world).guards {
        acknowledge(&mut world.desired, &guard.code, &guard.object, &guard.digest);
    }
}

/// Leaves the world as the ready actions of a plan say that they leave it.
fn simulate(world: &mut World, plan: &Plan) {
    for action in &plan.ready {
        let destination = world.observed.destination.get_mut(order::destination_mailbox(action));
        let Some(Reading::Present(mailbox)) = destination else { panic!("{}", action.id) };
        match &action.kind {
            Kind::CreateFolder(create) => {
                let number = 500 + u32::try_from(mailbox.folders.len()).unwrap();
                let made = Seen::Folder { messages: 0, subscribed: false };
                let made = reading(made, "made", number).unwrap();
                mailbox.folders.insert(create.folder.clone(), made);
            }
            Kind::SetSubscription(subscription) => {
                let folder = mailbox.folders.get_mut(&subscription.folder);
                let Some(Reading::Present(folder)) = folder else { panic!("{}", action.id) };
                folder.subscribed = true;
            }
            Kind::RemoveCopies(removal) => {
                let (mailbox, folder) = (removal.mailbox.clone(), removal.source.clone());
                let census = world.ledger.folders.get_mut(&FolderKey { mailbox, folder }).unwrap();
                census.deleted = None;
            }
            Kind::CopyFolder(copy) => {
                let folder = mailbox.folders.get_mut(&copy.destination);
                let Some(Reading::Present(folder)) = folder else { panic!("{}", action.id) };
                let there = folder.contents.as_mut().expect("what is copied into can be selected");
                let key = FolderKey { mailbox: copy.mailbox.clone(), folder: copy.source.clone() };
                let census = world.ledger.folders.get_mut(&key).unwrap();
                there.messages += u32::try_from(census.to_copy).unwrap();
                if census.over_limit > 0 {
                    census.excepted.insert("too large".to_owned(), census.over_limit);
                }
                *census = Census {
                    to_copy: 0,
                    to_copy_bytes: 0,
                    flags_changed: 0,
                    over_limit: 0,
                    interrupted: false,
                    destination_uid_validity: Some(there.uid_validity),
                    ..census.clone()
                };
            }
        }
    }
    world.ledger.empty = false;
}

fn is_unreadable<T>(reading: Option<&Reading<T>>) -> bool {
    matches!(reading, Some(Reading::Unreadable(_)))
}

/// Tells whether an action works on or below something that could not be read.
fn touches_unknown(world: &World, action: &Action) -> bool {
    let source = world.observed.source.get(order::mailbox(action));
    let destination = world.observed.destination.get(order::destination_mailbox(action));
    let (Some(Reading::Present(source)), Some(Reading::Present(destination))) =
        (source, destination)
    else {
        return true;
    };
    let Kind::CreateFolder(create) = &action.kind else { return false };
    let above = |folder: &FolderPath| create.folder.is_within(folder);
    let there = |(folder, reading)| above(folder) && is_unreadable(Some(reading));
    let here = |(folder, reading)| above(&mapped(folder)) && is_unreadable(Some(reading));
    destination.folders.iter().any(there) || source.folders.iter().any(here)
}

/// Changes a reviewed plan as somebody might who wants something else to run.
fn edited(mut plan: Plan, edits: &[(usize, u8)]) -> Plan {
    for &(at, edit) in edits {
        if plan.ready.is_empty() {
            break;
        }
        let at = at % plan.ready.len();
        match edit {
            0 => drop(plan.ready.remove(at)),
            1 => plan.ready[at].after = State::Absent,
            2 => plan.ready[at].id = ActionId(format!("{}x", plan.ready[at].id)),
            3 => plan.ready[at].needs.clear(),
            4 => plan.ready[at].before = State::Absent,
            _ => {
                let mut more = plan.ready[at].clone();
                more.id = ActionId("copy_folder/eve@acme.example/INBOX".to_owned());
                plan.ready.insert(0, more);
            }
        }
    }
    plan
}

/// Tells whether an action is one that is planned now, or removes a part of what that would.
fn part_of(action: &Action, now: &Action) -> bool {
    let mut whole = action.clone();
    if let (Kind::RemoveCopies(part), Kind::RemoveCopies(all)) = (&mut whole.kind, &now.kind) {
        if part.uids.both(&all.uids) != part.uids {
            return false;
        }
        part.uids = all.uids.clone();
    }
    whole == *now
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn what_a_plan_leaves_needs_no_plan(mut world in world(0)) {
        accept_all(&mut world);
        let plan = make(&world);
        prop_assert!(plan.waiting.is_empty(), "everything readable and accepted: {:?}", plan.waiting);
        simulate(&mut world, &plan);
        let again = make(&world);
        prop_assert!(!again.changes(), "{:?} {:?}", again.ready, again.waiting);
        prop_assert!(again.settled["folders"].settled == again.settled["folders"].all);
    }

    #[test]
    fn an_interrupted_plan_is_finished_by_the_next(mut world in world(0), cut in 0..20_usize) {
        accept_all(&mut world);
        let mut first = make(&world);
        let reviewed = first.clone();
        first.ready.truncate(cut);
        simulate(&mut world, &first);
        let second = make(&world);
        prop_assert!(second.waiting.is_empty(), "acknowledgements still hold: {:?}", second.waiting);
        let approval = approve(&reviewed, &second);
        prop_assert!(approval.stale.is_empty(), "{:?}", approval.stale);
        prop_assert_eq!(approval.run.len() + approval.done.len(), reviewed.ready.len());
        simulate(&mut world, &second);
        prop_assert!(!make(&world).changes());
    }

    #[test]
    fn what_could_not_be_read_is_never_created(mut world in world(2), accept in any::<bool>()) {
        if accept {
            accept_all(&mut world);
        }
        let plan = make(&world);
        for action in plan.actions() {
            prop_assert!(!touches_unknown(&world, action), "{}", action.id);
        }
        for waiting in &plan.waiting {
            prop_assert!(!waiting.on.is_empty());
            for on in &waiting.on {
                if let WaitingOn::Readable(object) = on {
                    prop_assert!(plan.unknown.iter().any(|unknown| unknown.object == *object));
                }
            }
        }
    }

    #[test]
    fn the_order_is_the_same_and_puts_needs_first(world in world(1), seed in any::<u64>()) {
        let plan = make(&world);
        let mut shuffled = world.clone();
        let mut pairs: Vec<_> = std::mem::take(&mut shuffled.ledger.folders).into_iter().collect();
        let turn = usize::try_from(seed % 7).unwrap();
        pairs.reverse();
        let length = pairs.len().max(1);
        pairs.rotate_left(turn % length);
        shuffled.ledger.folders = pairs.into_iter().collect();
        for guard in plan.guards.iter().rev() {
            acknowledge(&mut shuffled.desired, &guard.code, &guard.object, "000000000000");
        }
        let other = make(&shuffled);
        prop_assert_eq!(&plan.ready, &other.ready);
        prop_assert_eq!(&plan.waiting, &other.waiting);
        prop_assert_eq!(plan.digest(), make(&world).digest());
        let mut before: BTreeSet<&ActionId> = BTreeSet::new();
        let ready: BTreeSet<&ActionId> = plan.ready.iter().map(|action| &action.id).collect();
        for action in &plan.ready {
            for need in &action.needs {
                prop_assert!(!ready.contains(need) || before.contains(need), "{}", action.id);
            }
            prop_assert!(before.insert(&action.id), "an id stands once");
        }
    }

    #[test]
    fn an_edited_approval_brings_nothing_in(
        world in world(1),
        other in world(1),
        edits in proptest::collection::vec((any::<usize>(), 0..6_u8), 0..6),
        same in any::<bool>(),
    ) {
        let fresh = make(&world);
        let saved = edited(if same { fresh.clone() } else { make(&other) }, &edits);
        let approval = approve(&saved, &fresh);
        for action in &approval.run {
            prop_assert!(fresh.ready.iter().any(|now| part_of(action, now)), "only what is planned now");
            let reviewed = saved.actions().any(|saved| {
                saved.id == action.id && saved.after == action.after
            });
            prop_assert!(reviewed, "only what was reviewed");
        }
        for id in &approval.done {
            prop_assert!(fresh.as_wanted.contains(id));
        }
        prop_assert_eq!(approve(&fresh, &fresh).run, fresh.ready);
    }
}
