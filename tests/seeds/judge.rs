//! Looks at the services' own stores and at nothing of the program's but its evidence.

use crate::extras;
use crate::finding::{Check, Failure, Finding, none_of};
use crate::people::People;
use crate::process::{Applied, Fixed};
use crate::proof;
use crate::said::says_the_same;
use crate::stores::{Stores, all_deeds, places, text};
use crate::world::{Letter, World, goes, mailbox, rewrites};
use mailferry::error::ErrorKind;
use mailferry::executor::event::Outcome;
use mailferry::planner::plan::Kind;
use mailferry::simulate::{Habit, Message, Mischief, Writer};
use mailferry::verify::evidence::Evidence;
use std::collections::BTreeMap;

/// What was found besides that all is well.
#[derive(Debug)]
pub(crate) struct Judged {
    /// More copies of ours are there than messages.
    pub(crate) extra: bool,
}

/// What a run says it came to, against what both stores say. `before` is the destination before it,
/// where nobody else changed anything meanwhile.
pub(crate) fn honest(
    world: &World,
    applied: &Applied,
    before: Option<&str>,
) -> Result<(), Failure> {
    let Some(before) = before else { return Ok(()) };
    let changed = before != world.at_destination();
    let wrong = |why: &str| {
        let told = format!("{:?} {:#?}", applied.ends_as, applied.report);
        Err(Failure { findings: vec![Check::Honest.finds(why)], more: told })
    };
    // What nobody reviewed is left, and that is no failure.
    let all = !applied.not_approved.iter().any(|kind| matches!(kind, Kind::CopyFolder(_)));
    if applied.ends_as.is_none() && all {
        let lost = Stores::of(world).lost(world, &world.people());
        if !lost.is_empty() {
            let told = format!("apply ends well: {:?} {:#?}", applied.ends_as, applied.report);
            return Err(Failure { findings: lost, more: told });
        }
    }
    // Nor does it know what was done when its ledger took no note of it.
    let unnoted = applied.report.outcomes.values().any(|outcome| {
        matches!(outcome, Outcome::Failed { code, .. } if ["E125", "E127"].contains(&&**code))
    });
    let unanswered = unnoted || may_be_unanswered(world);
    if changed && !applied.report.moved && !unanswered {
        return wrong("the destination changed, and apply says that nothing did");
    }
    match applied.ends_as {
        Some(ErrorKind::Stale) if changed && !unanswered => {
            wrong("apply says that nothing was done")
        }
        Some(ErrorKind::Partial) if !changed && applied.report.sum("copied") > 0 => {
            wrong("apply says that it copied, and nothing changed")
        }
        _ => Ok(()),
    }
}

/// A command whose answer is lost changes the destination, and nobody knows it; so does one that is
/// carried out when nobody waits any more, also one of an earlier run.
fn may_be_unanswered(world: &World) -> bool {
    let script = world.destination.script();
    let lost = script.struck().iter().any(|fault| {
        matches!(
            fault.what,
            Mischief::CutFromClient(_)
                | Mischief::CutToClient(_)
                | Mischief::DropAfter
                | Mischief::LateCommit(_)
                | Mischief::Hang
                | Mischief::NewUidValidity { .. }
        )
    });
    lost || world.destination.deeds().iter().any(|deed| deed.late.is_some())
}

/// Compares both stores, and the evidence with what they hold; `fixed` says what became of the
/// extra copies.
pub(crate) fn judge(
    world: &World,
    evidence: &Evidence,
    fixed: Option<&Fixed>,
) -> Result<Judged, Failure> {
    let stores = Stores::of(world);
    let people = world.people();
    let stores = stores.of_the_source(&people);
    let mut wrong = stores.lost(world, &people);
    for user in &world.users {
        wrong.extend(copies(world, &people, &stores, user));
    }
    wrong.extend(kept(world, &stores));
    let (extra, doubled) = doubled(world, &people, &stores);
    wrong.extend(doubled);
    wrong.extend(extras::removals(&people, world, &stores, fixed));
    wrong.extend(extras::named(world, &people, &stores, evidence, fixed));
    wrong.extend(proof::checks(&stores, evidence, fixed));
    wrong.extend(proof::accounts(world, &stores, evidence));
    let more = |failure| Failure { more: places(world) + &all_deeds(world), ..failure };
    none_of(wrong).map_err(more).map(|()| Judged { extra })
}

/// Whether a copy of every message of a user is where it belongs, with its date and flags. A letter
/// that somebody moved is looked for in every folder.
fn copies(world: &World, people: &People, stores: &Stores, user: &str) -> Vec<Finding> {
    let mut wrong = Vec::new();
    let destination = mailbox(&world.destination, user);
    let mut all: BTreeMap<&[u8], Vec<(&str, &Message)>> = BTreeMap::new();
    for (name, folder) in &destination {
        for message in &folder.messages {
            all.entry(&message.given).or_default().push((name, message));
            if rewrites(&world.destination) && !says_the_same(&message.given, &message.served) {
                let found = format!("{user}: {name}: UID {} was {:?}", message.uid, message.given);
                wrong.push(Check::Content.finds(found));
            }
        }
    }
    for (name, folder) in &mailbox(&world.source, user) {
        let to = goes(name);
        if !destination.contains_key(&to) {
            wrong.push(Check::Place.finds(format!("{user}: {to} is not there")));
            continue;
        }
        for message in &folder.messages {
            let letter = Letter { user: user.to_owned(), octets: message.given.to_vec() };
            if world.stays_behind(&message.given) || stores.deleted.contains_key(&letter) {
                // Nobody knows which of its twins is the one that was deleted.
                continue;
            }
            // Deleted in one folder and delivered to another one is moved, for whoever sees both.
            let left = Stores::count(&people.ever, &letter) > Stores::count(&stores.now, &letter);
            let anywhere =
                left || people.placed.contains(&letter) || stores.taken.contains_key(&letter);
            let copies: Vec<&Message> = all
                .get(&*message.given)
                .into_iter()
                .flatten()
                .filter(|(folder, _)| anywhere || *folder == to)
                .map(|(_, copy)| *copy)
                .collect();
            let here = format!("{user}: {name}: UID {}", message.uid);
            if copies.is_empty() {
                // What is nowhere is lost, and found as that.
                if !anywhere {
                    wrong.push(Check::Place.finds(format!("{here} is not in {to}")));
                }
                continue;
            }
            // What its user moved into a folder before that was copied for the first time is adopted
            // there, also for its twin of another date.
            let adopted =
                stores.taken.contains_key(&letter) && Stores::count(&people.ever, &letter) > 1;
            let dated = copies.iter().any(|copy| copy.date.instant() == message.date.instant());
            if !dated && !adopted {
                wrong.push(Check::Date.finds(format!("{here} has another one")));
            }
            // What others delivered with our octets and second may stand for ours.
            let theirs = copies.iter().any(|copy| copy.writer == Writer::Other);
            // Where the copy was found anew since, or for a message that was elsewhere, what the source took away meanwhile does not
            // follow; where it was moved, nothing that is set after it was stored.
            let elsewhere =
                left || people.placed.contains(&letter) || stores.elsewhere.contains(&letter);
            let anew = stores.reflagged.contains(&letter) && elsewhere;
            let later = world.destination.product().has(Habit::FlaggedOnAppendForgotten)
                && message.flags.contains("\\Flagged");
            let astray =
                (later || stores.reflagged.contains(&letter)) && stores.taken.contains_key(&letter);
            let set = stores.set.get(&letter);
            let fits = |copy: &&Message| {
                let besides = copy.flags.minus(&message.flags);
                let by_user = |word: &str| set.is_some_and(|set| set.contains(word));
                (astray || message.flags.minus(&copy.flags).is_empty())
                    && (theirs || anew || adopted || besides.iter().all(by_user))
            };
            if !copies.iter().any(fits) {
                let there: Vec<String> = copies.iter().map(|it| it.flags.to_string()).collect();
                let found =
                    format!("{here} has others: {there:?} there, {} at the source", message.flags);
                wrong.push(Check::Flags.finds(found));
            }
        }
    }
    wrong
}

/// Whether a flag that others set at the destination is still there, when nobody at the source can
/// have caused it to go.
fn kept(world: &World, stores: &Stores) -> Vec<Finding> {
    let mut wrong = Vec::new();
    for user in &world.users {
        let destination = mailbox(&world.destination, user);
        for (letter, set) in stores.set.iter().filter(|(letter, _)| letter.user == *user) {
            let copies = || {
                let all = destination.values().flat_map(|folder| &folder.messages);
                all.filter(|copy| *copy.given == *letter.octets)
            };
            // Its user may have deleted that one; what the program removes is looked at elsewhere.
            if stores.deleted.contains_key(letter) {
                continue;
            }
            for word in set {
                let may_go = word != "\\Draft" && stores.reflagged.contains(letter);
                if !may_go && !copies().any(|copy| copy.flags.contains(word)) {
                    let found = format!("{word} that its user set is gone: {}", text(letter));
                    wrong.push(Check::Flags.finds(found));
                }
            }
        }
    }
    wrong
}

/// Whether more copies of ours are there than messages, and what of them nothing explains.
fn doubled(world: &World, people: &People, stores: &Stores) -> (bool, Vec<Finding>) {
    let rewrites = rewrites(&world.destination);
    let (mut extra, mut wrong) = (false, Vec::new());
    for (letter, there) in &stores.there {
        let ever = Stores::count(&people.ever, letter);
        let moves = Stores::count(&people.moves, letter);
        let late = Stores::count(&stores.late, letter);
        let gone = Stores::count(&stores.deleted, letter);
        extra |= there.ours > Stores::count(&stores.now, letter);
        if there.ours <= ever + late {
            continue;
        }
        // Sent again: what has a look-alike where it was sent to, and what has a new UID while its
        // copy is not where it was. So is what moved out of a folder that got another UIDVALIDITY
        // since the review: it is not listed before somebody reviews that.
        let again = stores.renumbered.contains(letter)
            || (moves > 0 && stores.elsewhere.contains(letter))
            || (world.saved.was_applied
                && people.placed.contains(letter)
                && stores.anew.contains(letter))
            || people.has_look_alikes(letter, rewrites);
        let allowed = match (again, moves) {
            (false, _) => ever,
            // Others took the copy from where it was before it was known.
            (true, 0) if stores.elsewhere.contains(letter) => ever + 1,
            (true, moves) => ever + moves,
        };
        if there.ours > allowed + late {
            wrong.push(Check::Doubled.finds(format!(
                "{ever} ever at the source, {moves} moves, {late} late, {gone} deleted, {there:?}: {}",
                text(letter)
            )));
        }
    }
    (extra, wrong)
}
