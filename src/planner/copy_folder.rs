//! Plans the copies of folders.

use super::census::Census;
use super::create_folder::{Created, readable};
use super::drafts::Drafts;
use super::mailbox::{Scope, Standing, Waits};
use super::mapping::Pair;
use super::plan::{Action, CopyFolder, Estimate, Kind, State, WaitingOn};
use super::{codes, guard, object};
use crate::model::flags::Flags;
use crate::model::folder::FolderPath;
use crate::model::reading::{Failure, Reading};
use crate::model::size::Size;
use crate::observed::FolderContents;
use std::collections::{BTreeMap, BTreeSet};

/// Source folders whose destination folder is not the one that was copied into.
#[derive(Debug, Default)]
pub(super) struct Lost {
    /// By source folder: where it goes, and what it waits for.
    folders: BTreeMap<FolderPath, (FolderPath, Option<WaitingOn>)>,
}

impl Lost {
    /// Tells whether the destination folder of a source folder is another one.
    pub(super) fn has(&self, source: &FolderPath) -> bool {
        self.folders.contains_key(source)
    }

    /// Returns what the creation of a destination path waits for.
    pub(super) fn wait(&self, destination: &FolderPath) -> Option<WaitingOn> {
        let mut below = self.folders.values().filter(|(path, _)| path.is_within(destination));
        below.find_map(|(_, on)| on.clone())
    }
}

/// Guards the folders that are gone from the destination, or were made anew, since they were
/// copied into: what the ledger calls copied may not be there.
pub(super) fn lost_folders(scope: &Scope<'_>, pairs: &[Pair<'_>], drafts: &mut Drafts) -> Lost {
    let mut lost = Lost::default();
    for pair in pairs {
        let Some(known) = pair
            .folder
            .and_then(|(_, contents)| scope.census(pair.source, contents.messages))
            .and_then(|census| census.destination_uid_validity)
        else {
            continue;
        };
        let now = match scope.standing(&pair.destination) {
            Standing::Selectable(_, contents) if contents.uid_validity != known => {
                format!("has UIDVALIDITY {}", contents.uid_validity)
            }
            Standing::Missing | Standing::NameOnly => {
                "is not there (when its user renamed it, name it back first: its messages would be \
                 there twice)"
                    .to_owned()
            }
            Standing::Selectable(..) | Standing::Unreadable(_) => continue,
        };
        let guard = guard::make(
            codes::OTHER_FOLDER,
            format!("{}/{}", scope.address, pair.source),
            format!(
                "the destination folder is not the one that was copied into: {} {now}; accepted, \
                 what is there is matched by digest and what is missing is copied again",
                pair.destination
            ),
            // Not what is there now: creating the missing folder must not void the
            // acknowledgement that let it be created.
            vec![format!(
                "{} was copied into a folder with UIDVALIDITY {known}; {} is another one",
                pair.source, pair.destination
            )],
            Some(&scope.wanted.position),
            &scope.desired.acknowledged,
        );
        let entry = (pair.destination.clone(), guard::wait(&guard));
        lost.folders.insert(pair.source.clone(), entry);
        drafts.guards.push(guard);
    }
    lost
}

/// Plans a copy for each folder that has something to copy or to bring up to date.
pub(super) fn plan(
    scope: &Scope<'_>,
    pairs: &[Pair<'_>],
    waits: &Waits<'_>,
    created: &Created,
    drafts: &mut Drafts,
) {
    let lost = waits.lost;
    let mut copies: Vec<(Action, Vec<WaitingOn>)> = Vec::new();
    for pair in pairs {
        let Some((_, contents)) = pair.folder else { continue };
        let Some(census) = scope.census(pair.source, contents.messages) else {
            not_listed(scope, pair.source, drafts);
            continue;
        };
        let standing = scope.standing(&pair.destination);
        if !has_work(&census) && !lost.folders.contains_key(pair.source) {
            if matches!(standing, Standing::Selectable(..)) {
                drafts.as_wanted.insert(scope.copy_id(pair.source));
            }
            if let Standing::Unreadable(failure) = standing {
                unread_destination(scope, pair, failure, drafts);
            }
            continue;
        }
        let mut on = scope.on.clone();
        on.extend(waits.collisions.wait(&pair.destination));
        on.extend(waits.views.wait(&pair.destination));
        on.extend(lost.folders.get(pair.source).and_then(|(_, on)| on.clone()));
        if let Standing::Unreadable(failure) = standing {
            on.push(readable(&unread_destination(scope, pair, failure, drafts)));
        } else if let Some(object) = created.blocked(&pair.destination) {
            on.push(readable(object));
        }
        let destination = match standing {
            Standing::Selectable(_, there) => Some(there),
            _ => None,
        };
        copies.push((action(scope, pair, contents, destination, &census, drafts), on));
    }
    if let Some(first_copy) = not_empty(scope, pairs, copies.is_empty(), drafts) {
        for (_, on) in &mut copies {
            on.push(first_copy.clone());
        }
    }
    for (action, on) in copies {
        drafts.action(action, on);
    }
}

fn has_work(census: &Census) -> bool {
    census.to_copy > 0
        || census.flags_changed > 0
        || census.unclear > 0
        || census.over_limit > 0
        || census.interrupted
}

fn not_listed(scope: &Scope<'_>, source: &FolderPath, drafts: &mut Drafts) {
    let failure = Failure {
        message: format!("the messages of {source} of {} could not be listed", scope.address),
        words: None,
        hint: Some("Plan again; if it stays so, run `mailferry doctor`.".to_owned()),
    };
    let object = object::source_folder(scope.address, source);
    drafts.unknown(object, failure, Some(&scope.wanted.position));
}

fn unread_destination(
    scope: &Scope<'_>,
    pair: &Pair<'_>,
    failure: &Failure,
    drafts: &mut Drafts,
) -> String {
    let object = object::destination_folder(&scope.wanted.destination, &pair.destination);
    drafts.unknown(object.clone(), failure.clone(), Some(&scope.wanted.position));
    object
}

/// Guards the first copy into a mailbox that holds messages: what is there may be an earlier copy
/// by another tool. All copying of the mailbox waits, because after the first folder the ledger
/// would no longer tell that nothing was copied.
fn not_empty(
    scope: &Scope<'_>,
    pairs: &[Pair<'_>],
    nothing_to_copy: bool,
    drafts: &mut Drafts,
) -> Option<WaitingOn> {
    if nothing_to_copy || scope.was_copied_into() {
        return None;
    }
    let mut seen = BTreeSet::new();
    let mut covers = Vec::new();
    for pair in pairs.iter().filter(|pair| pair.folder.is_some()) {
        if let Standing::Selectable(_, contents) = scope.standing(&pair.destination)
            && contents.messages > 0
            && seen.insert(&pair.destination)
        {
            covers.push(format!("{} UIDVALIDITY {}", pair.destination, contents.uid_validity));
        }
    }
    if covers.is_empty() {
        return None;
    }
    let guard = guard::make(
        codes::NOT_EMPTY,
        scope.address.to_string(),
        format!(
            "{} holds messages and the ledger knows of no copy; accepted, what is there already \
             is adopted by digest matching, and what another tool changed on its way is copied \
             again beside it",
            scope.wanted.destination
        ),
        covers,
        Some(&scope.wanted.position),
        &scope.desired.acknowledged,
    );
    let on = guard::wait(&guard);
    drafts.guards.push(guard);
    on
}

fn action(
    scope: &Scope<'_>,
    pair: &Pair<'_>,
    contents: &FolderContents,
    destination: Option<&FolderContents>,
    census: &Census,
    drafts: &Drafts,
) -> Action {
    let create = scope.create_id(&pair.destination);
    let needs = drafts.has(&create).then_some(create).into_iter().collect::<BTreeSet<_>>();
    Action {
        id: scope.copy_id(pair.source),
        kind: Kind::CopyFolder(CopyFolder {
            mailbox: scope.address.clone(),
            destination_mailbox: scope.wanted.destination.clone(),
            source: pair.source.clone(),
            destination: pair.destination.clone(),
            estimate: estimate(scope, contents, destination, census),
        }),
        before: State::Bound {
            source: contents.uid_validity,
            destination: destination.map(|there| there.uid_validity),
        },
        after: State::CopiedTo {
            source: contents.uid_validity,
            folder: pair.destination.clone(),
            transforms: scope.target.rules.names(),
        },
        reason: reason(census),
        position: pair.position.clone().or_else(|| Some(scope.wanted.position.clone())),
        needs,
        reversible: true,
        visible: false,
    }
}

fn estimate(
    scope: &Scope<'_>,
    contents: &FolderContents,
    destination: Option<&FolderContents>,
    census: &Census,
) -> Estimate {
    let mut excepted = BTreeMap::new();
    if census.over_limit > 0 {
        let reason = match scope.target.message_size.map(Size) {
            Some(limit) => format!("larger than the destination's limit of {}", whole(limit)),
            None => "larger than the destination's limit".to_owned(),
        };
        excepted.insert(reason, census.over_limit);
    }
    Estimate {
        messages: census.to_copy,
        bytes: census.to_copy_bytes,
        flags: census.flags_changed,
        excepted,
        unclear: census.unclear,
        lost_flags: lost_flags(scope, contents, destination),
    }
}

/// Returns a size without a decimal that is zero.
fn whole(size: Size) -> String {
    size.to_string().replace(".0 ", " ")
}

/// A folder that is still to be created is taken to store what the INBOX stores. Where nothing
/// was told, nothing is said to be lost.
pub(super) fn lost_flags(
    scope: &Scope<'_>,
    contents: &FolderContents,
    destination: Option<&FolderContents>,
) -> Flags {
    let inbox = scope.destination.folders.get(&FolderPath::inbox());
    let inbox = inbox.and_then(Reading::present).and_then(|state| state.contents.as_ref());
    destination
        .or(inbox)
        .and_then(|there| there.permanent_flags.as_ref())
        .map(|permanent| contents.flags.storable(&scope.target.profile.permanent(permanent)).1)
        .unwrap_or_default()
}

fn reason(census: &Census) -> String {
    let parts = [
        (census.to_copy > 0, "messages are missing at the destination"),
        (census.flags_changed > 0, "flags changed at the source"),
        (census.unclear > 0 || census.interrupted, "an interrupted run left messages unclear"),
        (census.over_limit > 0, "messages above the size limit are to be recorded"),
    ];
    let said: Vec<&str> = parts.iter().filter(|(holds, _)| *holds).map(|(_, text)| *text).collect();
    if said.is_empty() {
        return "what was copied must be found again".to_owned();
    }
    said.join("; ")
}
