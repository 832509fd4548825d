//! Remarks about a mailbox that a reviewer should read; they block nothing.

use super::codes;
use super::drafts::Drafts;
use super::mailbox::{Scope, Standing};
use super::mapping::Pair;
use crate::desired::Moves;
use crate::model::reading::Reading;
use crate::model::size::Size;
use crate::model::words::quoted;
use crate::observed::FolderState;
use std::collections::BTreeMap;

/// Finds what is worth a remark.
pub(super) fn find(scope: &Scope<'_>, pairs: &[Pair<'_>], drafts: &mut Drafts) {
    another_product(scope, drafts);
    denied(scope, drafts);
    lost_flags(scope, pairs, drafts);
    settled_without_copy(scope, pairs, drafts);
    other_dates(scope, pairs, drafts);
    moves(scope, pairs, drafts);
    quota(scope, pairs, drafts);
    may_be_refused(scope, pairs, drafts);
    if let Reading::Unreadable(failure) = &scope.source.namespace {
        let message = format!("the namespace at the source could not be read: {}", failure.message);
        remark(scope, codes::NOT_TOLD, message, drafts);
    }
}

fn remark(scope: &Scope<'_>, code: &str, message: String, drafts: &mut Drafts) {
    drafts.finding(code, scope.address.as_str(), message, Some(&scope.wanted.position));
}

fn another_product(scope: &Scope<'_>, drafts: &mut Drafts) {
    if scope.target.disagrees() {
        let message = format!(
            "the destination says that it is {}, and the migration plan says `profile: {}`, which \
             counts",
            scope.target.told.name, scope.target.profile.name
        );
        remark(scope, codes::ANOTHER_PRODUCT, message, drafts);
    }
}

/// Names what the source lists like a folder and denies.
fn denied(scope: &Scope<'_>, drafts: &mut Drafts) {
    let is_denied = |reading: &Reading<FolderState>| reading.present().is_some_and(|s| s.denied);
    let folders = scope.source.folders.iter();
    for (path, _) in folders.filter(|(_, reading)| is_denied(reading)) {
        let message = format!(
            "{path} is listed at the source, which says that there is no such folder, as Dovecot \
             does of a deleted one with folders below it; those are copied"
        );
        remark(scope, codes::NONEXISTENT, message, drafts);
    }
}

fn lost_flags(scope: &Scope<'_>, pairs: &[Pair<'_>], drafts: &mut Drafts) {
    let mut folders: BTreeMap<String, u64> = BTreeMap::new();
    for pair in pairs {
        let Some((_, contents)) = pair.folder else { continue };
        let there = match scope.standing(&pair.destination) {
            Standing::Selectable(_, there) => Some(there),
            _ => None,
        };
        let lost = super::copy_folder::lost_flags(scope, contents, there);
        if !lost.is_empty() {
            *folders.entry(lost.to_string()).or_default() += 1;
        }
    }
    for (flags, count) in folders {
        let message = format!(
            "the destination cannot store {flags}; in use in {count} {}",
            if count == 1 { "folder" } else { "folders" }
        );
        remark(scope, codes::LOST_FLAGS, message, drafts);
    }
}

fn settled_without_copy(scope: &Scope<'_>, pairs: &[Pair<'_>], drafts: &mut Drafts) {
    let mut excepted: BTreeMap<String, u64> = BTreeMap::new();
    let mut vanished = 0;
    for pair in pairs {
        let Some((_, contents)) = pair.folder else { continue };
        let Some(census) = scope.census(pair.source, contents.messages) else { continue };
        vanished += census.vanished;
        for (reason, count) in census.excepted {
            *excepted.entry(reason).or_default() += count;
        }
    }
    for (reason, count) in excepted {
        let message = format!("{} behind: {reason}", messages(count, "stays", "stay"));
        remark(scope, codes::EXCEPTED, message, drafts);
    }
    if vanished > 0 {
        let message = format!(
            "{} not at the source any more, in folders that still are",
            messages(vanished, "is", "are")
        );
        remark(scope, codes::VANISHED, message, drafts);
    }
}

/// Counts what `messages` of the migration plan leaves behind.
fn other_dates(scope: &Scope<'_>, pairs: &[Pair<'_>], drafts: &mut Drafts) {
    let range = &scope.wanted.messages.range;
    let excluded: u64 = pairs
        .iter()
        .filter_map(|pair| scope.census(pair.source, pair.folder?.1.messages))
        .map(|census| census.excluded)
        .sum();
    if excluded > 0 {
        let message = format!(
            "{} behind: only messages {range} are copied",
            messages(excluded, "stays", "stay")
        );
        remark(scope, codes::OTHER_DATES, message, drafts);
    }
}

/// Says what is taken for moved or listed anew, as far as size and date can tell; what is equal to
/// the last octet, only the copy finds out.
fn moves(scope: &Scope<'_>, pairs: &[Pair<'_>], drafts: &mut Drafts) {
    for pair in pairs {
        let Some((_, contents)) = pair.folder else { continue };
        let Some(census) = scope.census(pair.source, contents.messages) else { continue };
        let to = pair.source;
        if let Some(was) = census.was_uid_validity {
            let again = census.moved.get(to).copied().unwrap_or(0);
            let message = format!(
                "the UIDVALIDITY of {to} was {was} and is {}: its messages are compared with what \
                 was copied, and {} not copied again",
                contents.uid_validity,
                messages(again, "looks equal and is", "look equal and are")
            );
            remark(scope, codes::NEW_UIDS, message, drafts);
        }
        let what = match scope.desired.folders.moves {
            Moves::Follow => "what is equal is not copied again, and its copy is moved, too",
            Moves::Leave => "what is equal is not copied again, and its copy stays where it is",
        };
        for (from, count) in census.moved.iter().filter(|(from, _)| *from != to) {
            // Twins may have come from another folder than the one that is named.
            let message = format!(
                "{} like what is not in {from} any more, and may have moved; {what}",
                messages(*count, &format!("in {to} looks"), &format!("in {to} look"))
            );
            remark(scope, codes::MOVED, message, drafts);
        }
    }
}

/// Names that some installations of the product refuse, which nobody can know before.
fn may_be_refused(scope: &Scope<'_>, pairs: &[Pair<'_>], drafts: &mut Drafts) {
    for &c in scope.target.profile.names.may_refuse {
        if scope.separator() == Some(c) {
            continue;
        }
        let to_create = pairs.iter().filter(|pair| {
            pair.folder.is_some()
                && matches!(scope.standing(&pair.destination), Standing::Missing)
                && pair.destination.components().iter().any(|part| part.contains(c))
        });
        let names: Vec<String> = to_create.map(|pair| pair.destination.to_string()).collect();
        let Some(first) = names.first() else { continue };
        let more = names.len() - 1;
        let names = match more {
            0 => first.clone(),
            more => format!("{first} and {more} more"),
        };
        let message = format!(
            "the destination may refuse `{c}` in a name, as Dovecot does with Maildir++, and does \
             not tell before: {names}; then only these wait, and \
             `folders.characters: {{ {}: \"_\" }}` replaces it",
            quoted(c)
        );
        remark(scope, codes::MAY_BE_REFUSED, message, drafts);
    }
}

fn messages(count: u64, one: &str, many: &str) -> String {
    if count == 1 { format!("1 message {one}") } else { format!("{count} messages {many}") }
}

fn quota(scope: &Scope<'_>, pairs: &[Pair<'_>], drafts: &mut Drafts) {
    let mailbox = &scope.wanted.destination;
    let quota = match &scope.destination.quota {
        Reading::Absent => return,
        Reading::Present(quota) => quota,
        Reading::Unreadable(failure) => {
            let message = format!(
                "the quota of {mailbox} could not be read, so nobody knows whether the mail fits: {}",
                failure.message
            );
            return remark(scope, codes::NOT_TOLD, message, drafts);
        }
    };
    let Some(limit) = quota.limit else { return };
    let bytes: u64 = pairs
        .iter()
        .filter_map(|pair| scope.census(pair.source, pair.folder?.1.messages))
        .map(|census| census.to_copy_bytes)
        .sum();
    let room = limit.saturating_sub(quota.used);
    if bytes > room {
        let message = format!(
            "{} are to be copied and {mailbox} has room for {} of {}; give it a larger quota or \
             exclude folders",
            Size(bytes),
            Size(room),
            Size(limit)
        );
        remark(scope, codes::OVER_QUOTA, message, drafts);
    }
}
