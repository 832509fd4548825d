//! Where each source folder of a mailbox goes.

use super::drafts::Drafts;
use super::mailbox::{Scope, Standing};
use super::{codes, object};
use crate::desired::Mapped;
use crate::model::folder::FolderPath;
use crate::model::position::Position;
use crate::model::reading::{Failure, Reading};
use crate::model::words::quoted;
use crate::observed::{FolderContents, FolderState};
use std::collections::BTreeMap;

/// A source folder with its place at the destination.
#[derive(Debug)]
pub(super) struct Pair<'a> {
    pub(super) source: &'a FolderPath,
    /// `None` when the folder could not be read.
    pub(super) folder: Option<(&'a FolderState, &'a FolderContents)>,
    pub(super) destination: FolderPath,
    /// The rule that gave the place, when it was not the folder's own name.
    pub(super) position: Option<Position>,
}

/// A name that holds the destination's separator would be two folders there.
fn unwritable(scope: &Scope<'_>, path: &FolderPath, destination: &FolderPath) -> Option<Failure> {
    let separator = scope.separator()?;
    let component = destination.components().iter().find(|part| part.contains(separator))?;
    Some(Failure {
        message: format!(
            "{path} of {} has no place: `{component}` holds `{separator}`, which parts folders at the destination",
            scope.address
        ),
        words: None,
        hint: Some(format!(
            "Say in the migration plan what replaces it: `folders.characters: {{ {}: {} }}`, or map the folder.",
            quoted(separator),
            quoted(if separator == '-' { '_' } else { '-' })
        )),
    })
}

/// A path that the destination's profile has no way to hold.
fn refused(scope: &Scope<'_>, path: &FolderPath, destination: &FolderPath) -> Option<Failure> {
    let why = scope.target.profile.names.refusal(destination)?;
    Some(Failure {
        message: format!("{path} of {} has no place: {why}", scope.address),
        words: None,
        hint: Some(
            "Map the folder to a shorter name or to a place further up, or exclude it.".to_owned(),
        ),
    })
}

/// Where the migration plan sends a folder, before the destination's profile has its say.
fn wanted(scope: &Scope<'_>, path: &FolderPath) -> Mapped {
    let (policy, exclude) = (&scope.desired.folders, &scope.wanted.exclude);
    policy.wanted(path, scope.special_use(path), exclude)
}

/// Where a folder goes.
fn mapped(scope: &Scope<'_>, path: &FolderPath) -> Mapped {
    let (policy, exclude) = (&scope.desired.folders, &scope.wanted.exclude);
    policy.map(path, scope.special_use(path), exclude, &scope.target.profile.names)
}

/// Returns the names at the source that are subscribed, have folders below them and are none, each
/// with its place at the destination.
pub(super) fn subscribed_names<'a>(scope: &Scope<'a>) -> Vec<(&'a FolderPath, FolderPath)> {
    let is_name = |state: &FolderState| state.contents.is_none() && state.subscribed;
    let folders = scope.source.folders.iter();
    let names = folders.filter(|(_, reading)| reading.present().is_some_and(is_name));
    names
        .filter_map(|(path, _)| match mapped(scope, path) {
            Mapped::To { path: to, .. } => {
                unplaced(scope, path, &to).is_none().then_some((path, to))
            }
            Mapped::Excluded { .. } | Mapped::Invalid { .. } => None,
        })
        .collect()
}

/// Says why a path at the destination cannot be.
fn unplaced(scope: &Scope<'_>, path: &FolderPath, destination: &FolderPath) -> Option<Failure> {
    unwritable(scope, path, destination)
        .or_else(|| refused(scope, path, destination))
        .or_else(|| no_inferiors(scope, path, destination))
}

/// A folder that is to be made below one that can have none below it.
fn no_inferiors(scope: &Scope<'_>, path: &FolderPath, destination: &FolderPath) -> Option<Failure> {
    if !matches!(scope.standing(destination), Standing::Missing) {
        return None;
    }
    let folders = &scope.destination.folders;
    let closed = std::iter::successors(destination.parent(), FolderPath::parent).find(|above| {
        folders.get(above).and_then(Reading::present).is_some_and(|state| state.no_inferiors)
    })?;
    Some(Failure {
        message: format!(
            "{path} of {} has no place: the destination says that {closed} can have no folders \
             below it (\\Noinferiors)",
            scope.address
        ),
        words: None,
        hint: Some("Map the folder to a name that lies beside it, or exclude it.".to_owned()),
    })
}

/// Tells whether a folder would meet one that the destination has for something else than mail,
/// and names it as unknown: where its mail shall go, only a person can say.
fn no_mail(scope: &Scope<'_>, path: &FolderPath, drafts: &mut Drafts) -> bool {
    let Mapped::To { path: destination, position } = wanted(scope, path) else { return false };
    let first = destination.components().first();
    let meets = |name: &&str| first.is_some_and(|first| first.eq_ignore_ascii_case(name));
    if !scope.target.profile.no_mail.iter().any(meets) {
        return false;
    }
    let failure = Failure {
        message: format!(
            "{path} of {} has no place: {destination} is no folder for mail at the destination \
             (profile {})",
            scope.address, scope.target.profile.label
        ),
        words: None,
        hint: Some("Map the folder to another name in `folders.map`, or exclude it.".to_owned()),
    };
    let place = position.as_ref().unwrap_or(&scope.wanted.position);
    drafts.unknown(object::source_folder(scope.address, path), failure, Some(place));
    true
}

/// Says which name the destination's profile changed, and to what.
fn renamed(scope: &Scope<'_>, path: &FolderPath, destination: &FolderPath, drafts: &mut Drafts) {
    if let Mapped::To { path: wanted, position } = wanted(scope, path)
        && wanted != *destination
    {
        let message = format!(
            "{wanted} becomes {destination}: the destination cannot hold the name (profile {})",
            scope.target.profile.label
        );
        let place = position.as_ref().unwrap_or(&scope.wanted.position);
        drafts.finding(codes::RENAMED, scope.address.as_str(), message, Some(place));
    }
}

/// Maps the folders that can be selected and those that could not be read; the latter keep their
/// place, so that nothing else is planned there as if they were absent.
pub(super) fn pairs<'a>(scope: &Scope<'a>, drafts: &mut Drafts) -> Vec<Pair<'a>> {
    let mut pairs = Vec::new();
    let mut excluded: BTreeMap<Position, (Vec<&FolderPath>, u64)> = BTreeMap::new();
    for (path, reading) in &scope.source.folders {
        let folder = match reading {
            Reading::Absent => continue,
            Reading::Unreadable(_) => None,
            Reading::Present(state) => match &state.contents {
                None => continue,
                Some(contents) => Some((state, contents)),
            },
        };
        if no_mail(scope, path, drafts) {
            continue;
        }
        match mapped(scope, path) {
            Mapped::To { path: destination, position } => {
                renamed(scope, path, &destination, drafts);
                let unplaced = folder.and_then(|_| unplaced(scope, path, &destination));
                if let Some(failure) = unplaced {
                    let place = position.as_ref().unwrap_or(&scope.wanted.position);
                    drafts.unknown(
                        object::source_folder(scope.address, path),
                        failure,
                        Some(place),
                    );
                    continue;
                }
                if let Reading::Unreadable(failure) = reading {
                    drafts.unknown(
                        object::source_folder(scope.address, path),
                        failure.clone(),
                        Some(&scope.wanted.position),
                    );
                }
                pairs.push(Pair { source: path, folder, destination, position });
            }
            Mapped::Excluded { position } => {
                let count = excluded.entry(position).or_default();
                count.0.push(path);
                count.1 += folder.map_or(0, |(_, contents)| u64::from(contents.messages));
            }
            Mapped::Invalid { reason, position } => drafts.unknown(
                object::source_folder(scope.address, path),
                Failure {
                    message: format!("{path} of {} has no place: {reason}", scope.address),
                    words: None,
                    hint: Some("Correct the folder rule, or exclude the folder.".to_owned()),
                },
                Some(position.as_ref().unwrap_or(&scope.wanted.position)),
            ),
        }
    }
    for (position, (folders, messages)) in excluded {
        let message = format!(
            "{} with {messages} {}: excluded by the migration plan",
            named(&folders),
            if messages == 1 { "message" } else { "messages" },
        );
        drafts.finding(codes::EXCLUDED, scope.address.as_str(), message, Some(&position));
    }
    pairs.sort_by_cached_key(|pair| super::order::folder_key(pair.source));
    pairs
}

/// Names folders for a sentence: as many as are read at a glance.
fn named(folders: &[&FolderPath]) -> String {
    const GLANCE: usize = 3;
    let names: Vec<String> = folders.iter().take(GLANCE).map(ToString::to_string).collect();
    let more = folders.len().saturating_sub(GLANCE);
    let word = if folders.len() == 1 { "folder" } else { "folders" };
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{} {word} ({}{more})", folders.len(), names.join(", "))
}
