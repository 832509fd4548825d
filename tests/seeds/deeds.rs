//! Holds what the destination was told to change against what was approved.

use crate::finding::{Check, Finding};
use crate::life::On;
use crate::world::World;
use mailferry::planner::plan::{Action, Kind, State};
use mailferry::simulate::Deed;

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
