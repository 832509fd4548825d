//! Plans the removal of copies whose messages vanished at the source.

use super::census::Deleted;
use super::copy_folder::Lost;
use super::create_folder::readable;
use super::drafts::Drafts;
use super::mail_flow::{self, MailFlow};
use super::mailbox::{Scope, Standing};
use super::mapping::Pair;
use super::plan::{Action, Kind, RemoveCopies, State, WaitingOn};
use super::{codes, guard, object};
use crate::desired::Deletions;
use crate::model::digest::Digest;
use crate::model::folder::{FolderPath, SpecialUse};
use crate::model::reading::Reading;
use crate::model::records::Mx;
use crate::model::share::Share;
use std::collections::BTreeSet;

/// Folders that providers empty by themselves, when no attribute says what they are: Rackspace
/// Email removes what is in Trash and Spam for 30 days.
const PURGED: [&str; 13] = [
    "Trash",
    "Deleted",
    "Deleted Items",
    "Deleted Messages",
    "Spam",
    "Junk",
    "Junk Email",
    "Junk E-mail",
    "Junk E-mails",
    "Junk Mail",
    "Junk Items",
    "Bulk",
    "Bulk Mail",
];

/// Plans the removal for each folder that something vanished from.
pub(super) fn plan(scope: &Scope<'_>, pairs: &[Pair<'_>], lost: &Lost, drafts: &mut Drafts) {
    let Deletions::Propagate(share) = scope.desired.folders.deletions else { return };
    let mut ready: Vec<(&Pair<'_>, Deleted)> = Vec::new();
    for pair in pairs {
        let Some((_, contents)) = pair.folder else { continue };
        let Some(census) = scope.census(pair.source, contents.messages) else { continue };
        let deleted = census.deleted.unwrap_or_default();
        if deleted.uids.is_empty() {
            drafts.as_wanted.insert(scope.removal_id(pair.source));
        }
        for (reason, count) in &deleted.stay {
            stay(scope, pair.source, *count, reason, drafts);
        }
        let gone = deleted.removable + deleted.stay.values().sum::<u64>();
        let emptied = contents.messages == 0 && gone > share.of(deleted.copied);
        if deleted.uids.is_empty() || lost.has(pair.source) {
            continue;
        }
        let why_not = if purged(scope, pair.source) {
            Some("providers empty such a folder by themselves".to_owned())
        } else if !scope.destination.capabilities.contains("UIDPLUS") {
            Some("the destination lacks UIDPLUS, without which nothing is ever expunged".to_owned())
        } else if emptied {
            Some("the whole folder is empty at the source, which looks like an accident".to_owned())
        } else {
            None
        };
        match why_not {
            Some(reason) => stay(scope, pair.source, deleted.removable, &reason, drafts),
            None => ready.push((pair, deleted)),
        }
    }
    if ready.is_empty() {
        return;
    }
    let (mail, mut on) = match mail(scope, drafts) {
        Ok(mail) => mail,
        Err(reason) => {
            for (pair, deleted) in ready {
                stay(scope, pair.source, deleted.removable, &reason, drafts);
            }
            return;
        }
    };
    on.extend(scope.on.iter().cloned());
    on.extend(unread_folders(scope, pairs, drafts));
    for (pair, deleted) in ready {
        let (Some((_, contents)), Standing::Selectable(_, there)) =
            (pair.folder, scope.standing(&pair.destination))
        else {
            continue;
        };
        let mut on = on.clone();
        on.extend(many(scope, pair, &deleted, share, drafts));
        let action = Action {
            id: scope.removal_id(pair.source),
            kind: Kind::RemoveCopies(RemoveCopies {
                mailbox: scope.address.clone(),
                destination_mailbox: scope.wanted.destination.clone(),
                source: pair.source.clone(),
                destination: pair.destination.clone(),
                uids: deleted.uids,
                copied: deleted.copied,
            }),
            before: State::Vanished {
                source: contents.uid_validity,
                destination: there.uid_validity,
                mail: mail.clone(),
            },
            after: State::CopiesRemoved {
                source: contents.uid_validity,
                folder: pair.destination.clone(),
            },
            reason: "their messages vanished at the source".to_owned(),
            position: Some(scope.wanted.position.clone()),
            // It runs after the copies, and needs none: what is not settled then holds back what
            // may be it.
            needs: BTreeSet::new(),
            reversible: false,
            visible: true,
        };
        drafts.action(action, on);
    }
}

/// Says of copies that they stay, and why.
fn stay(scope: &Scope<'_>, source: &FolderPath, count: u64, reason: &str, drafts: &mut Drafts) {
    let copies = if count == 1 { "copy of a message" } else { "copies of messages" };
    let stay = if count == 1 { "stays" } else { "stay" };
    let message = format!("{count} {copies} that vanished from {source} {stay}: {reason}");
    drafts.finding(
        codes::COPIES_STAY,
        scope.address.as_str(),
        message,
        Some(&scope.wanted.position),
    );
}

/// Tells whether a provider empties a folder, or one above it, by itself.
fn purged(scope: &Scope<'_>, path: &FolderPath) -> bool {
    let named = path
        .components()
        .iter()
        .any(|part| PURGED.iter().any(|name| name.eq_ignore_ascii_case(part.trim())));
    let mut at = Some(path.clone());
    while let Some(path) = at {
        let used = scope.source.special_uses.get(&path);
        if matches!(used, Some(SpecialUse::Trash | SpecialUse::Junk)) {
            return true;
        }
        at = path.parent();
    }
    named
}

/// Returns the MX that were seen and what there is to wait for, or why nothing may be removed.
fn mail(scope: &Scope<'_>, drafts: &mut Drafts) -> Result<(BTreeSet<Mx>, Vec<WaitingOn>), String> {
    let domain = scope.address.domain();
    let directory = scope.directory.get(&domain);
    match mail_flow::of(&domain, scope.desired, directory, scope.zones.get(&domain)) {
        MailFlow::AtSource(mail) => Ok((mail, Vec::new())),
        MailFlow::Moved(reason) => Err(format!(
            "{reason}; what vanishes at a source without new mail is no deletion by its user"
        )),
        MailFlow::Untold(why) => {
            Err(format!("{why}, so that nobody knows yet where its mail shall arrive"))
        }
        MailFlow::Unreadable(object) => Ok((BTreeSet::new(), vec![readable(&object)])),
        MailFlow::Unwatched => {
            let guard = guard::make(
                codes::MAIL_UNWATCHED,
                domain.to_string(),
                format!(
                    "copies of what vanished at the source are to be removed, and the migration \
                     plan has no `dns.zones` entry with the MX of {domain}; accepted, you say that \
                     its mail still arrives at the source, and take this out when it moves"
                ),
                vec![format!("mail of {domain} arrives at the source")],
                None,
                &scope.desired.acknowledged,
            );
            let on = guard::wait(&guard).into_iter().collect();
            if !drafts.guards.contains(&guard) {
                drafts.guards.push(guard);
            }
            Ok((BTreeSet::new(), on))
        }
    }
}

/// Waits for every folder of the source that could not be read: what vanished may be there.
fn unread_folders(scope: &Scope<'_>, pairs: &[Pair<'_>], drafts: &mut Drafts) -> Vec<WaitingOn> {
    let mut on = Vec::new();
    for (path, reading) in &scope.source.folders {
        if let Reading::Unreadable(failure) = reading {
            let object = object::source_folder(scope.address, path);
            drafts.unknown(object.clone(), failure.clone(), Some(&scope.wanted.position));
            on.push(readable(&object));
        }
    }
    for pair in pairs {
        if let Some((_, contents)) = pair.folder
            && scope.census(pair.source, contents.messages).is_none()
        {
            on.push(readable(&object::source_folder(scope.address, pair.source)));
        }
    }
    on
}

/// Guards the removal of more than the share of a folder.
fn many(
    scope: &Scope<'_>,
    pair: &Pair<'_>,
    deleted: &Deleted,
    share: Share,
    drafts: &mut Drafts,
) -> Option<WaitingOn> {
    if deleted.removable <= share.of(deleted.copied) {
        return None;
    }
    let guard = guard::make(
        codes::MANY_DELETIONS,
        format!("{}/{}", scope.address, pair.source),
        format!(
            "{} of {} copies are to be removed, because their messages vanished at the source: \
             more than {share}; accepted, exactly these are removed",
            deleted.removable, deleted.copied
        ),
        vec![format!(
            "{} copies, UIDs {} at the source",
            deleted.removable,
            shown(&deleted.uids.to_string())
        )],
        Some(&scope.wanted.position),
        &scope.desired.acknowledged,
    );
    let on = guard::wait(&guard);
    drafts.guards.push(guard);
    on
}

/// Cuts a long list of UIDs and keeps what it is bound to.
fn shown(uids: &str) -> String {
    const MOST: usize = 200;
    match uids.char_indices().nth(MOST) {
        None => uids.to_owned(),
        Some((at, _)) => {
            let digest = Digest::of(uids.as_bytes()).short();
            format!("{}… (digest {digest})", uids.get(..at).unwrap_or_default())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_list_is_cut_and_still_tells_every_other_list_apart() {
        let list = |last: u32| format!("{}{last}", "1,".repeat(200));
        assert_eq!(shown("1:3"), "1:3");
        assert!(shown(&list(7)).len() < 250);
        assert_ne!(shown(&list(7)), shown(&list(9)));
    }
}
