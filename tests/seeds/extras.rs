//! Copies of ours beyond the messages, what `verify` says of them, and what was removed.

use crate::finding::{Check, Finding};
use crate::people::People;
use crate::process::{Fixed, Stays};
use crate::stores::{Stores, text};
use crate::world::{Letter, World, mailbox, rewrites};
use mailferry::simulate::{Deed, Habit};
use mailferry::verify::evidence::{self, Evidence, MailboxEvidence, Verdict};
use std::collections::BTreeMap;

/// Tells whether a check names extra copies.
pub(crate) fn is_named(check: &evidence::Check) -> bool {
    check.name == "no extra copies" && check.verdict != Verdict::Holds
}

/// The most extra copies that can be named of a mailbox: all that stand for no message.
pub(crate) fn most(stores: &Stores, user: &str) -> u64 {
    let of_user = stores.there.iter().filter(|(letter, _)| letter.user == user);
    of_user
        .map(|(letter, there)| {
            there.all().saturating_sub(Stores::count(&stores.now, letter)) as u64
        })
        .sum()
}

/// Copies of ours in a folder that messages of the letter belong into, beyond these and beyond all
/// that ever were: `verify` looks for extra copies where a message belongs, and of another date
/// there may be a twin's, see docs/safety.md.
fn beyond(people: &People, stores: &Stores) -> BTreeMap<(Letter, String), usize> {
    let mut beyond: BTreeMap<(Letter, String), usize> = BTreeMap::new();
    for ((letter, folder, _), (wanted, ours)) in &stores.folders {
        let (there, ever) = (stores.there(letter), Stores::count(&people.ever, letter));
        // Where a folder got another UIDVALIDITY since, all was found anew, and anybody may have
        // brought it.
        let anew = stores.renumbered.contains(letter) || stores.anew.contains(letter);
        if *wanted == 0 || ours <= wanted || there.ours <= ever || anew {
            continue;
        }
        // Copies of what vanished at the source stay, and may be these.
        let vanished = ever.saturating_sub(Stores::count(&stores.now, letter));
        let count = (ours - wanted).saturating_sub(vanished).min(there.ours - ever);
        if count == 0 {
            continue;
        }
        *beyond.entry((letter.clone(), folder.clone())).or_default() += count;
    }
    beyond
}

/// Whether `verify` names the extra copies that the stores show, and after a removal which were
/// left, each for a reason that is one.
pub(crate) fn named(
    world: &World,
    people: &People,
    stores: &Stores,
    evidence: &Evidence,
    fixed: Option<&Fixed>,
) -> Vec<Finding> {
    let mut wrong = Vec::new();
    let beyond = beyond(people, stores);
    for user in &world.users {
        let of_user = evidence.mailboxes.iter().filter(|it| it.mailbox.as_str() == *user);
        let checks = of_user.flat_map(MailboxEvidence::all_checks).filter(|check| is_named(check));
        let (checks, count) = checks.fold((0, 0), |(n, sum), check| (n + 1, sum + check.count));
        let those = || beyond.iter().filter(|((letter, _), _)| letter.user == *user);
        // One that others moved or deleted may be what an extra copy stands for.
        let least: usize = those()
            .map(|((letter, _), count)| count.saturating_sub(Stores::count(&stores.taken, letter)))
            .sum();
        // Where messages are made anew, one of the same date may be it as well.
        let taken = if rewrites(&world.destination) { Stores::sum(&stores.taken, user) } else { 0 };
        let least = (least as u64).saturating_sub(taken);
        // While an equal one of ours is not where it was copied to, it may be that one.
        let in_place =
            |((letter, _), _): (&(Letter, String), &usize)| !stores.elsewhere.contains(letter);
        let most = most(stores, user);
        let none_named = checks == 0 && fixed.is_none() && those().any(in_place);
        if none_named || count < least || count > most {
            let list: Vec<String> = those()
                .map(|((letter, folder), count)| format!("{count} in {folder}: {}", text(letter)))
                .collect();
            wrong.push(Check::Unnamed.finds(format!(
                "{user}: {count} named in {checks} checks; the stores show {least} to {most}: {list:#?}"
            )));
        }
    }
    if let Some(fixed) = fixed {
        wrong.extend(left(world, people, stores, fixed, &beyond));
    }
    wrong
}

/// Every extra copy is gone or stays for a reason, and each reason is one in this world.
fn left(
    world: &World,
    people: &People,
    stores: &Stores,
    fixed: &Fixed,
    beyond: &BTreeMap<(Letter, String), usize>,
) -> Vec<Finding> {
    let mut wrong = Vec::new();
    let mut stays: BTreeMap<(Letter, String), usize> = BTreeMap::new();
    for one in &fixed.stays {
        let folder = mailbox(&world.destination, &one.user).remove(&one.folder);
        let copy = folder.iter().flat_map(|it| &it.messages).find(|it| it.uid == one.uid);
        let Some(copy) = copy else {
            wrong.push(Check::Extra.finds(format!("it is said to stay and is gone: {one:?}")));
            continue;
        };
        let letter = Letter { user: one.user.clone(), octets: copy.given.to_vec() };
        let date = copy.date.instant().as_second();
        if !can_be(world, people, stores, one, &letter, date) {
            wrong
                .push(Check::Extra.finds(format!("that is no reason: {one:?}: {}", text(&letter))));
        }
        *stays.entry((letter, one.folder.clone())).or_default() += 1;
    }
    for (place, count) in beyond {
        let stays = stays.get(place).copied().unwrap_or_default();
        if *count > stays {
            let (letter, folder) = place;
            wrong.push(Check::Extra.finds(format!(
                "{count} extra copies in {folder}, and {stays} are said to stay: {}",
                text(letter)
            )));
        }
    }
    wrong
}

/// Tells whether the reason for which a copy stays can be one, by what people did.
fn can_be(
    world: &World,
    people: &People,
    stores: &Stores,
    stays: &Stays,
    letter: &Letter,
    date: i64,
) -> bool {
    let rewrites = rewrites(&world.destination);
    // Where messages are made anew, what has the same date is a twin as far as anybody knows.
    let any = |letters: Vec<&Letter>| {
        letters.into_iter().any(|it| it == letter || (rewrites && it.user == letter.user))
    };
    let displaced = any(stores.elsewhere.iter().collect());
    match stays.reason.as_str() {
        why if why.starts_with("the server lacks UIDPLUS") => {
            !world.destination.product().after.contains(&"UIDPLUS")
        }
        why if why.starts_with("its flags were changed") => {
            // What Exchange forgets of APPEND is set afterwards, and a late copy never gets it.
            let late = world.destination.product().has(Habit::FlaggedOnAppendForgotten);
            late || any(stores.set.keys().collect()) || any(stores.reflagged.iter().collect())
        }
        // One that came and went at the source before it was copied may be this one.
        why if why.starts_with("a message of this size or date is still to be copied") => {
            people.ever.iter().any(|(it, ever)| {
                let gone = *ever > Stores::count(&stores.now, it) || people.moves.contains_key(it);
                let alike = it.octets.len() == letter.octets.len()
                    || (rewrites
                        && people.looks.contains_key(&(it.user.clone(), date, it.octets.len())));
                it.user == letter.user && gone && alike
            })
        }
        why if why.starts_with("a message of ours that is equal to it is not where")
            || why.starts_with("not all messages that it is a copy of are there")
            || why.starts_with("nobody knows where the message is") =>
        {
            displaced
        }
        _ => false,
    }
}

fn letters(deeds: Vec<Deed>, verb: &str) -> BTreeMap<Letter, usize> {
    let mut all: BTreeMap<Letter, usize> = BTreeMap::new();
    for deed in deeds.into_iter().filter(|deed| deed.verb == verb) {
        let Some(octets) = deed.octets else { continue };
        *all.entry(Letter { user: deed.user, octets: octets.to_vec() }).or_default() += 1;
    }
    all
}

/// Nothing went but the copies of what people deleted at the source, untouched, and extra copies.
pub(crate) fn removals(
    people: &People,
    world: &World,
    stores: &Stores,
    fixed: Option<&Fixed>,
) -> Vec<Finding> {
    let gone = letters(world.destination.deeds(), "EXPUNGE");
    let deleted = letters(world.source.deeds(), "DELETE");
    let mut extras = fixed.map_or(0, |fixed| fixed.removed);
    let mut wrong = Vec::new();
    for (letter, gone) in &gone {
        // One that moved may have been copied anew where it is now; what is lost shows elsewhere.
        let moves = Stores::count(&people.moves, letter);
        let allowed = Stores::count(&deleted, letter) + moves;
        let more = gone.saturating_sub(allowed) as u64;
        if more > extras {
            wrong.push(Check::Removal.finds(format!(
                "{gone} removed, deleted or moved at the source {allowed}: {}",
                text(letter)
            )));
        }
        extras = extras.saturating_sub(more);
        if !world.wide.propagate && fixed.is_none() {
            let found = format!("nobody wanted that: {}", text(letter));
            wrong.push(Check::Removal.finds(found));
        }
        // Where it has a twin, the other one may be what somebody flagged.
        // What its user flagged and deleted then is another copy than the one that went later.
        let alone =
            stores.there(letter).ours == 0 && *gone == 1 && !stores.deleted.contains_key(letter);
        if alone && stores.set.get(letter).is_some_and(|set| !set.is_empty()) {
            let found = format!("its user had flagged it: {}", text(letter));
            wrong.push(Check::Removal.finds(found));
        }
    }
    wrong
}
