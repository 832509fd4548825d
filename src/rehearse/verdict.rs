//! Looks at the services' own stores and says what is really there.

use crate::desired::{Mapped, Moves};
use crate::model::address::Address;
use crate::model::digest::Digest;
use crate::model::folder::{FolderPath, SpecialUse};
use crate::rehearse::copies::{Copies, Copy, altered, path};
use crate::rehearse::performance::Verdict;
use crate::rehearse::reviewed::Reviewed;
use crate::rehearse::stage::{Player, Stage};
use crate::simulate::{Habit, MailboxTruth, Message, Service, Writer};
use crate::verify::evidence::Evidence;
use crate::verify::exception::Fate;
use std::collections::{BTreeMap, BTreeSet};

/// Judges both stores, and what `verify` said last.
pub(crate) fn judge(
    stage: &Stage,
    reviewed: &Reviewed,
    evidence: Option<&Evidence>,
    source_changed: Vec<String>,
    gone: Vec<String>,
) -> Verdict {
    let mut verdict = Verdict { gone, source_changed, ..Verdict::default() };
    for player in &stage.players {
        let both = mailbox(&stage.source, &player.source)
            .zip(mailbox(&stage.destination, &player.destination));
        let Some((here, there)) = both else {
            verdict.untrue.push(format!("{} is not on the stage", player.mailbox.source));
            continue;
        };
        one(stage, player, &here, &there, reviewed, evidence, &mut verdict);
    }
    verdict
}

fn mailbox(service: &Service, user: &str) -> Option<MailboxTruth> {
    service.oracle().mailbox(user)
}

#[allow(clippy::too_many_arguments, reason = "both stores and all that was said of them")]
fn one(
    stage: &Stage,
    player: &Player,
    here: &MailboxTruth,
    there: &MailboxTruth,
    reviewed: &Reviewed,
    evidence: Option<&Evidence>,
    verdict: &mut Verdict,
) {
    let address = &player.mailbox.source;
    let proven =
        evidence.and_then(|evidence| evidence.mailboxes.iter().find(|it| it.mailbox == *address));
    let named: BTreeMap<(FolderPath, u32), String> = proven
        .iter()
        .flat_map(|proven| &proven.exceptions)
        .filter(|it| it.fate == Fate::Excepted)
        .map(|it| ((it.folder.clone(), it.uid.0), it.class.clone()))
        .collect();
    let copies = Copies::of(stage, address, there);
    // Each copy stands for one message.
    let mut taken: BTreeSet<(FolderPath, u32)> = BTreeSet::new();
    let mut now: BTreeMap<Digest, usize> = BTreeMap::new();
    let mut listed = 0;
    for (name, folder) in here {
        let from = path(&stage.source, name);
        let to = reviewed.get(&(address.clone(), from.clone()));
        let special = folder.special_use.and_then(SpecialUse::from_attribute);
        let exclude = &player.mailbox.exclude;
        let wanted = stage.desired.folders.wanted(&from, special, exclude);
        for message in &folder.messages {
            verdict.at_source += 1;
            listed += 1;
            let digest = Digest::of(&message.given);
            *now.entry(digest).or_default() += 1;
            let place = format!("{address}: {from}: UID {}", message.uid);
            let in_time = player.mailbox.messages.range.holds(Some(&message.date));
            if matches!(wanted, Mapped::Excluded { .. }) || !in_time {
                verdict.excluded += 1;
                continue;
            }
            let free = |(folder, copy): &&Copy<'_>| !taken.contains(&(folder.clone(), copy.uid));
            // Of twins the one with its flags and date, and rather ours than that of others.
            let find = |all: Option<&Vec<Copy<'_>>>, within: bool| {
                all.into_iter()
                    .flatten()
                    .filter(free)
                    .filter(|(folder, _)| !within || Some(folder) == to)
                    .min_by_key(|(_, copy)| {
                        (altered(message, copy).is_some(), copy.writer == Writer::Other)
                    })
                    .map(|(folder, copy)| (folder.clone(), (*copy).clone()))
            };
            let equal = copies.octets.get(&digest);
            let alike = copies.says_of.get(&digest).and_then(|says| copies.says.get(says));
            let found = find(equal, true)
                .map(|it| (it, false))
                .or_else(|| find(alike, true).map(|it| (it, true)));
            if let Some(((folder, copy), changed)) = found {
                verdict.arrived += 1;
                verdict.changed += usize::from(changed);
                if let Some(why) = altered(message, &copy) {
                    verdict.altered.push(format!("{place}: {why}"));
                }
                taken.insert((folder, copy.uid));
            } else if let Some(reason) = named.get(&(from.clone(), message.uid)) {
                if !has_cause(stage, message, reason) {
                    verdict.untrue.push(format!(
                        "{place}: `verify` says that it stays behind ({reason}), and nothing at the destination is against it"
                    ));
                }
                *verdict.excepted.entry(reason.clone()).or_default() += 1;
            } else if let Some((folder, copy)) = find(equal, false).or_else(|| find(alike, false)) {
                // A copy may stay where its message was before that moved, if the plan says so.
                if stage.desired.folders.moves == Moves::Leave
                    && reviewed.values().any(|to| *to == folder)
                {
                    verdict.stayed += 1;
                } else {
                    let to = to.map_or_else(|| "nowhere".to_owned(), ToString::to_string);
                    verdict.misplaced.push(format!("{place}: in {folder}, planned {to}"));
                }
                taken.insert((folder, copy.uid));
            } else {
                verdict.lost.push(place);
            }
        }
    }
    doubles(stage, address, &copies, verdict);
    uncalled(stage, address, &copies, &taken, &now, verdict);
    verdict.gone_since += stage
        .ever
        .iter()
        .filter(|((of, _), _)| of == address)
        .map(|((_, digest), (_, ever))| {
            ever - now.get(digest).copied().unwrap_or_default().min(*ever)
        })
        .sum::<usize>();
    if proven.is_none() {
        verdict.untrue.push(format!("{address}: there is no evidence of `verify`"));
    }
    if let Some(proven) = proven {
        let account = proven.account();
        if account.listed != listed {
            verdict.untrue.push(format!(
                "{address}: verify accounts for {} messages, and {listed} are at the source",
                account.listed
            ));
        }
        if !account.is_exact() {
            verdict.untrue.push(format!("{address}: the accounting of verify does not add up"));
        }
    }
}

/// Tells whether something keeps a message from the destination: its size or its octets.
fn has_cause(stage: &Stage, message: &Message, class: &str) -> bool {
    let product = stage.destination.product();
    let size = message.given.len() as u64;
    let wanted = stage.desired.destination.message_size.map(|size| size.0);
    let limit = product.has(Habit::AppendSizeLimit).then_some(product.append_limit);
    let too_large = wanted.into_iter().chain(limit).any(|limit| size > limit);
    if class == "too-large" {
        return too_large;
    }
    let longest = message.given.split(|octet| *octet == b'\n').map(<[u8]>::len).max();
    let long = product.has(Habit::LineLimit) && longest.is_some_and(|it| it > product.line_limit);
    let head = message.given.windows(4).position(|four| four == b"\r\n\r\n");
    let raw = !message.given.get(..head.unwrap_or(0)).unwrap_or_default().is_ascii();
    too_large || long || raw
}

/// Looks for copies that nobody asked for: of messages that the migration plan leaves out.
fn uncalled(
    stage: &Stage,
    address: &Address,
    copies: &Copies<'_>,
    taken: &BTreeSet<(FolderPath, u32)>,
    now: &BTreeMap<Digest, usize>,
    verdict: &mut Verdict,
) {
    for (digest, all) in &copies.octets {
        let Some((_, ever)) = stage.ever.get(&(address.clone(), *digest)) else { continue };
        // The copies of what vanished from the source since are nobody's, and stay.
        let vanished = ever.saturating_sub(now.get(digest).copied().unwrap_or_default());
        let free: Vec<String> = all
            .iter()
            .filter(|(folder, it)| {
                matches!(it.writer, Writer::Session(_))
                    && !taken.contains(&(folder.clone(), it.uid))
            })
            .map(|(folder, it)| format!("{folder} UID {}", it.uid))
            .collect();
        if free.len() > vanished {
            verdict.uncalled.push(format!("{address}: {}", free.join(", ")));
        }
    }
}

/// Looks for messages that sessions stored more often than they ever were at the source.
fn doubles(stage: &Stage, address: &Address, copies: &Copies<'_>, verdict: &mut Verdict) {
    let equal = copies.octets.iter().filter_map(|(digest, all)| {
        let (_, times) = stage.ever.get(&(address.clone(), *digest))?;
        Some((all, *times))
    });
    // What was changed on its way has other octets than any letter: it is counted by what it says.
    let alike = copies
        .says
        .iter()
        .map(|(says, all)| (all, copies.said.get(says).copied().unwrap_or_default()));
    for (all, ever) in equal.chain(alike) {
        let ours: Vec<String> = all
            .iter()
            .filter(|(_, it)| matches!(it.writer, Writer::Session(_)))
            .map(|(folder, it)| format!("{folder} UID {}", it.uid))
            .collect();
        if ours.len() > ever {
            verdict.doubled.push(format!(
                "{address}: {ever} at the source, {} stored: {}",
                ours.len(),
                ours.join(", ")
            ));
        }
    }
}

#[cfg(test)]
mod tests;
