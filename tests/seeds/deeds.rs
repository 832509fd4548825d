//! Holds what the destination was told to change against what was approved.

use crate::finding::{Check, Finding};
use crate::life::On;
use crate::world::{self, World};
use mailferry::planner::plan::{Action, Kind, Plan, State};
use mailferry::simulate::{Deed, FolderTruth};
use std::collections::BTreeSet;

/// When a life began.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Since {
    pub(crate) deeds: usize,
    session: u64,
}

impl Since {
    pub(crate) fn now(world: &World) -> Self {
        let destination = &world.destination;
        Self { deeds: destination.deeds().len(), session: destination.newest_session() }
    }

    /// What was done over connections that are newer, and what over those of earlier lives: a server
    /// may carry out a command long after its client died.
    pub(crate) fn done(self, world: &World) -> (Vec<Deed>, Vec<Deed>) {
        let new = |deed: &Deed| deed.session.is_none_or(|session| session > self.session);
        world.destination.deeds().split_off(self.deeds).into_iter().partition(new)
    }
}

/// What a life may do beyond its approved actions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Leave {
    None,
    /// A person agreed to remove extra copies.
    Extras,
}

/// Says what of these deeds falls under no approved action.
pub(crate) fn outside(deeds: &[Deed], approved: &[Action], leave: Leave) -> Vec<Finding> {
    let deeds = deeds.iter().filter(|deed| deed.session.is_some());
    deeds
        .filter(|deed| !falls_under(deed, approved, leave))
        .map(|deed| Check::Plan.finds(format!("{deed:?}")))
        .collect()
}

/// Says what of these deeds the plan does not hold that was reviewed, by that plan and the source
/// alone; `came` says that people came to the source meanwhile.
pub(crate) fn unreviewed(
    world: &World,
    deeds: &[Deed],
    reviewed: &Plan,
    came: bool,
) -> Vec<Finding> {
    let actions: Vec<Action> = reviewed.actions().cloned().collect();
    let mut wrong = outside(deeds, &actions, Leave::None);
    for action in &actions {
        let Kind::RemoveCopies(remove) = &action.kind else { continue };
        let (user, folder) = (mailbox(&action.kind), remove.destination.to_string());
        let of_folder = actions.iter().filter_map(|it| match &it.kind {
            Kind::RemoveCopies(other) if mailbox(&it.kind) == user => Some(other),
            _ => None,
        });
        let of_folder = of_folder.filter(|it| it.destination == remove.destination);
        let most: usize = of_folder.map(|it| it.uids.len()).sum();
        let gone = deeds.iter().filter(|it| it.verb == "EXPUNGE" && it.user == user);
        let gone: BTreeSet<_> =
            gone.filter(|it| it.folder == folder).map(|deed| &deed.octets).collect();
        if gone.len() > most {
            let found = format!("{} removed from {folder}, {most} were reviewed", gone.len());
            wrong.push(Check::Plan.finds(found));
        }
    }
    for deed in deeds.iter().filter(|deed| deed.session.is_some() && deed.verb == "APPEND") {
        let source = world::mailbox(&world.source, &deed.user);
        let has = |folder: &FolderTruth| {
            folder.messages.iter().any(|it| Some(&it.given) == deed.octets.as_ref())
        };
        let reviewed = |name: &str, validity: u32| {
            actions.iter().any(|action| match (&action.kind, &action.before) {
                (Kind::CopyFolder(copy), State::Bound { source, .. }) => {
                    mailbox(&action.kind) == deed.user
                        && copy.destination.to_string() == deed.folder
                        && copy.source.to_string() == name.replace('.', "/")
                        && source.0 == validity
                }
                _ => false,
            })
        };
        let mut from = source.iter().filter(|(_, folder)| has(folder)).peekable();
        // What the source purged meanwhile is nowhere.
        if !came
            && from.peek().is_some()
            && !from.any(|(name, folder)| reviewed(name, folder.uid_validity))
        {
            let found = format!("it comes from a folder that nobody reviewed: {deed:?}");
            wrong.push(Check::Plan.finds(found));
        }
    }
    wrong
}

/// Names the copies of a reviewed plan whose folder at the source is not there any more, or is
/// another one.
pub(crate) fn misfits(world: &World, reviewed: &Plan) -> Vec<String> {
    let misfit = |action: &&Action| match (&action.kind, &action.before) {
        (Kind::CopyFolder(copy), State::Bound { source, .. }) => {
            let name = copy.source.to_string().replace('/', ".");
            let folders = world::mailbox(&world.source, copy.mailbox.as_str());
            folders
                .get(&name)
                .is_none_or(|folder| folder.uid_validity != source.0 && !folder.messages.is_empty())
        }
        _ => false,
    };
    reviewed.actions().filter(misfit).map(|action| action.id.0.clone()).collect()
}

fn falls_under(deed: &Deed, approved: &[Action], leave: Leave) -> bool {
    let of_user = || approved.iter().filter(|action| mailbox(&action.kind) == deed.user);
    let removes = |folder: &str| {
        of_user().any(|action| match &action.kind {
            Kind::RemoveCopies(remove) => remove.destination.to_string() == folder,
            _ => false,
        })
    };
    let copies = |folder: &str| {
        of_user().any(|action| match &action.kind {
            Kind::CopyFolder(copy) => copy.destination.to_string() == folder,
            _ => false,
        })
    };
    let marks = deed.flags.iter().any(|flag| flag.eq_ignore_ascii_case("\\Deleted"));
    match deed.verb.as_str() {
        "CREATE" => of_user().any(|action| match &action.kind {
            Kind::CreateFolder(create) => {
                let wanted = create.folder.to_string();
                let made = deed.folder.trim_end_matches('/');
                wanted == made || wanted.starts_with(&format!("{made}/"))
            }
            _ => false,
        }),
        "SUBSCRIBE" => of_user().any(|action| match &action.kind {
            Kind::SetSubscription(subscribe) => subscribe.folder.to_string() == deed.folder,
            _ => false,
        }),
        // Into the folder that was reviewed, and no other one of its name.
        "APPEND" => of_user().any(|action| match (&action.kind, &action.before) {
            (Kind::CopyFolder(copy), State::Bound { destination, .. }) => {
                copy.destination.to_string() == deed.folder
                    && destination.is_none_or(|known| deed.told == Some(known.0))
            }
            _ => false,
        }),
        "MOVE" => copies(&deed.to),
        "STORE +FLAGS" if marks => removes(&deed.folder) || leave == Leave::Extras,
        "EXPUNGE" => removes(&deed.folder) || leave == Leave::Extras,
        // A mark that a killed removal left is taken off by whatever runs next.
        "STORE -FLAGS" if marks => of_user().next().is_some() || leave == Leave::Extras,
        // What was found in another folder gets the flags that it lacks there.
        "STORE +FLAGS" | "STORE -FLAGS" => {
            of_user().any(|action| matches!(action.kind, Kind::CopyFolder(_)))
        }
        _ => false,
    }
}

fn mailbox(kind: &Kind) -> &str {
    match kind {
        Kind::CreateFolder(it) => it.destination_mailbox.as_str(),
        Kind::CopyFolder(it) => it.destination_mailbox.as_str(),
        Kind::SetSubscription(it) => it.destination_mailbox.as_str(),
        Kind::RemoveCopies(it) => it.destination_mailbox.as_str(),
    }
}

/// The kills of a course by what they were before.
pub(crate) fn word(on: On) -> &'static str {
    match on {
        On::Socket => "kills before an operation on a socket",
        On::Tls => "kills within a request to the tenant",
        On::Ledger => "kills before a call of the ledger",
    }
}

/// How many messages were expunged as the migration plan says.
pub(crate) fn expunges(world: &World) -> u64 {
    world.destination.deeds().iter().filter(|deed| deed.verb == "EXPUNGE").count() as u64
}
