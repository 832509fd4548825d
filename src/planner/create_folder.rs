//! Plans the folders that the destination lacks.

use super::drafts::Drafts;
use super::mailbox::{Scope, Standing, Waits};
use super::mapping::Pair;
use super::order::folder_key;
use super::plan::{Action, CreateFolder, Kind, State, WaitingOn};
use super::{object, special_use};
use crate::model::folder::{FolderPath, SpecialUse};
use crate::model::position::Position;
use crate::model::reading::{Failure, Reading};
use std::collections::{BTreeMap, BTreeSet};

/// Destination paths that would have to be created and may not, because something at or above
/// them could not be read; with the unknown object.
#[derive(Debug, Default)]
pub(super) struct Created {
    blocked: BTreeMap<FolderPath, String>,
}

impl Created {
    /// Returns what keeps a missing path from being created.
    pub(super) fn blocked(&self, path: &FolderPath) -> Option<&String> {
        self.blocked.get(path)
    }

    pub(super) fn is_blocked(&self, path: &FolderPath) -> bool {
        self.blocked.contains_key(path)
    }
}

/// Why a path is wanted.
struct Want {
    reason: String,
    position: Option<Position>,
}

/// Plans a creation for each folder that is missing. What lies above it and is no folder at the
/// source is made by the server on the way, RFC 3501 section 6.3.3.
pub(super) fn plan(
    scope: &Scope<'_>,
    pairs: &[Pair<'_>],
    waits: &Waits<'_>,
    drafts: &mut Drafts,
) -> Created {
    let mut created = Created::default();
    let unread_sources: BTreeMap<&FolderPath, &FolderPath> = pairs
        .iter()
        .filter(|pair| pair.folder.is_none())
        .map(|pair| (&pair.destination, pair.source))
        .collect();
    let wanted = wanted(scope, pairs);
    let uses = special_use::at_creation(scope, pairs, |path| wanted.contains_key(path));
    let mut in_order: Vec<(&FolderPath, &Want)> = wanted.iter().collect();
    in_order.sort_by_cached_key(|(path, _)| folder_key(path));
    for (path, want) in in_order {
        if let Some(object) = obstacle(scope, path, &unread_sources, drafts) {
            created.blocked.insert(path.clone(), object);
            continue;
        }
        let mut on = scope.on.clone();
        on.extend(waits.collisions.wait(path));
        on.extend(waits.views.wait(path));
        on.extend(waits.lost.wait(path));
        let mut action = action(scope, path, want, uses.get(path).copied());
        action.needs = above(path)
            .find(|above| wanted.contains_key(above))
            .into_iter()
            .map(|above| scope.create_id(&above))
            .collect();
        drafts.action(action, on);
    }
    for pair in pairs {
        let mut at = Some(pair.destination.clone());
        while let Some(path) = at {
            at = path.parent();
            if matches!(scope.standing(&path), Standing::Selectable(..)) {
                drafts.as_wanted.insert(scope.create_id(&path));
            }
        }
    }
    created
}

/// Collects the folders to create.
fn wanted(scope: &Scope<'_>, pairs: &[Pair<'_>]) -> BTreeMap<FolderPath, Want> {
    let mut wanted: BTreeMap<FolderPath, Want> = BTreeMap::new();
    for pair in pairs.iter().filter(|pair| pair.folder.is_some()) {
        let missing =
            matches!(scope.standing(&pair.destination), Standing::Missing | Standing::NameOnly);
        if !missing {
            continue;
        }
        wanted.entry(pair.destination.clone()).or_insert_with(|| Want {
            reason: format!("{} goes there", pair.source),
            position: pair.position.clone(),
        });
    }
    wanted
}

/// What lies above a path, the nearest first.
fn above(path: &FolderPath) -> impl Iterator<Item = FolderPath> {
    std::iter::successors(path.parent(), FolderPath::parent)
}

/// Returns the unknown object that forbids to call this path absent.
fn obstacle(
    scope: &Scope<'_>,
    path: &FolderPath,
    unread_sources: &BTreeMap<&FolderPath, &FolderPath>,
    drafts: &mut Drafts,
) -> Option<String> {
    let mailbox = &scope.wanted.destination;
    let position = Some(&scope.wanted.position);
    if let Reading::Unreadable(failure) = &scope.destination.namespace {
        let object = object::destination_namespace(mailbox);
        drafts.unknown(object.clone(), failure.clone(), position);
        return Some(object);
    }
    if *path == FolderPath::inbox() {
        let object = object::destination_folder(mailbox, path);
        let failure = Failure {
            message: format!("{mailbox} lists no INBOX, which every mailbox has"),
            words: None,
            hint: Some(
                "Sign in to the mailbox once, so that the server sets it up, then plan again."
                    .to_owned(),
            ),
        };
        drafts.unknown(object.clone(), failure, position);
        return Some(object);
    }
    let mut at = Some(path.clone());
    while let Some(above) = at {
        if let Standing::Unreadable(failure) = scope.standing(&above) {
            let object = object::destination_folder(mailbox, &above);
            drafts.unknown(object.clone(), failure.clone(), position);
            return Some(object);
        }
        if let Some(source) = unread_sources.get(&above) {
            return Some(object::source_folder(scope.address, source));
        }
        at = above.parent();
    }
    None
}

fn action(
    scope: &Scope<'_>,
    path: &FolderPath,
    want: &Want,
    special_use: Option<SpecialUse>,
) -> Action {
    Action {
        id: scope.create_id(path),
        kind: Kind::CreateFolder(CreateFolder {
            mailbox: scope.address.clone(),
            destination_mailbox: scope.wanted.destination.clone(),
            folder: path.clone(),
            special_use,
        }),
        before: State::Absent,
        after: State::Folder,
        reason: want.reason.clone(),
        position: want.position.clone().or_else(|| Some(scope.wanted.position.clone())),
        needs: BTreeSet::new(),
        reversible: true,
        visible: false,
    }
}

/// Makes the reason to wait for something unreadable.
pub(super) fn readable(object: &str) -> WaitingOn {
    WaitingOn::Readable(object.to_owned())
}
