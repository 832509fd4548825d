//! Plans the folders that the destination lacks.

use super::collisions::Collisions;
use super::copy_folder::Lost;
use super::drafts::Drafts;
use super::mailbox::{Scope, Standing};
use super::mapping::Pair;
use super::object;
use super::order::folder_key;
use super::plan::{Action, CreateFolder, Kind, State, WaitingOn};
use crate::model::folder::FolderPath;
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

/// Plans a creation for each path that is missing, parents included.
pub(super) fn plan(
    scope: &Scope<'_>,
    pairs: &[Pair<'_>],
    collisions: &Collisions,
    lost: &Lost,
    drafts: &mut Drafts,
) -> Created {
    let mut created = Created::default();
    let unread_sources: BTreeMap<&FolderPath, &FolderPath> = pairs
        .iter()
        .filter(|pair| pair.folder.is_none())
        .map(|pair| (&pair.destination, pair.source))
        .collect();
    for (path, want) in wanted(scope, pairs) {
        if let Some(object) = obstacle(scope, &path, &unread_sources, drafts) {
            created.blocked.insert(path, object);
            continue;
        }
        let mut on = scope.on.clone();
        on.extend(collisions.wait(&path));
        on.extend(lost.wait(&path));
        drafts.action(action(scope, &path, want), on);
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

/// Collects the paths to create, what is above before what is below.
fn wanted(scope: &Scope<'_>, pairs: &[Pair<'_>]) -> Vec<(FolderPath, Want)> {
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
    let targets: Vec<FolderPath> = wanted.keys().cloned().collect();
    for target in targets {
        let mut above = target.parent();
        while let Some(path) = above {
            above = path.parent();
            if matches!(scope.standing(&path), Standing::Missing) {
                wanted.entry(path).or_insert_with(|| Want {
                    reason: format!("{target} lies below it"),
                    position: None,
                });
            }
        }
    }
    let mut wanted: Vec<(FolderPath, Want)> = wanted.into_iter().collect();
    wanted.sort_by_cached_key(|(path, _)| folder_key(path));
    wanted
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

fn action(scope: &Scope<'_>, path: &FolderPath, want: Want) -> Action {
    let missing = |above: &FolderPath| matches!(scope.standing(above), Standing::Missing);
    let needs = path
        .parent()
        .filter(missing)
        .map(|above| scope.create_id(&above))
        .into_iter()
        .collect::<BTreeSet<_>>();
    Action {
        id: scope.create_id(path),
        kind: Kind::CreateFolder(CreateFolder {
            mailbox: scope.address.clone(),
            destination_mailbox: scope.wanted.destination.clone(),
            folder: path.clone(),
        }),
        before: State::Absent,
        after: State::Folder,
        reason: want.reason,
        position: want.position.or_else(|| Some(scope.wanted.position.clone())),
        needs,
        reversible: true,
        visible: false,
    }
}

/// Makes the reason to wait for something unreadable.
pub(super) fn readable(object: &str) -> WaitingOn {
    WaitingOn::Readable(object.to_owned())
}
