//! Looks at the services' own stores and at nothing of the program's but its evidence.

use crate::finding::{Check, Failure, Finding, none_of};
use crate::people::People;
use crate::process::{Applied, Fixed};
use crate::trouble::WITHIN_THE_WAIT;
use crate::world::{Letter, World, goes, mailbox, rewrites};
use mailferry::error::ErrorKind;
use mailferry::simulate::Writer;
use mailferry::verify::evidence::{self, Evidence, MailboxEvidence, Verdict};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// How often a letter is at the destination.
#[derive(Clone, Copy, Debug, Default)]
struct There {
    ours: usize,
    others: usize,
}

/// What was found besides that all is well.
#[derive(Debug)]
pub(crate) struct Judged {
    /// More copies of ours are there than messages.
    pub(crate) extra: bool,
}

/// Both stores in numbers, and what others did.
struct Stores {
    now: BTreeMap<Letter, usize>,
    there: BTreeMap<Letter, There>,
    /// By letter, destination folder and second of the date: messages that belong into it, and
    /// copies of ours in it.
    folders: BTreeMap<(Letter, String, i64), (usize, usize)>,
    /// Letters that others moved, deleted or renumbered at the destination.
    elsewhere: BTreeSet<Letter>,
    /// Those of them that were not only moved, or that were moved out of a folder that got another
    /// UIDVALIDITY: what is missing there is copied again, as `G303` says.
    renumbered: BTreeSet<Letter>,
    /// Letters whose flags others changed there.
    flagged: BTreeSet<Letter>,
    /// Copies that others deleted there.
    deleted: BTreeMap<Letter, usize>,
    /// Copies that were stored when nobody waited for them any more.
    late: BTreeMap<Letter, usize>,
}

impl Stores {
    fn of(world: &World) -> Self {
        let mut stores = Self {
            now: BTreeMap::new(),
            there: BTreeMap::new(),
            folders: BTreeMap::new(),
            elsewhere: BTreeSet::new(),
            renumbered: BTreeSet::new(),
            flagged: BTreeSet::new(),
            deleted: BTreeMap::new(),
            late: BTreeMap::new(),
        };
        for user in &world.users {
            let letter = |octets: &[u8]| Letter { user: user.clone(), octets: octets.to_vec() };
            for (name, folder) in mailbox(&world.source, user) {
                for message in folder.messages {
                    let letter = letter(&message.given);
                    *stores.now.entry(letter.clone()).or_default() += 1;
                    let date = message.date.instant().as_second();
                    stores.folders.entry((letter, goes(&name), date)).or_default().0 += 1;
                }
            }
            for (name, folder) in mailbox(&world.destination, user) {
                for message in folder.messages {
                    let letter = letter(&message.given);
                    let count = stores.there.entry(letter.clone()).or_default();
                    if message.writer == Writer::Other {
                        count.others += 1;
                        continue;
                    }
                    count.ours += 1;
                    let date = message.date.instant().as_second();
                    stores.folders.entry((letter, name.clone(), date)).or_default().1 += 1;
                }
            }
        }
        let made_anew = made_anew(world);
        for deed in world.destination.deeds() {
            let Some(octets) = deed.octets else { continue };
            let letter = Letter { user: deed.user, octets: octets.to_vec() };
            match (deed.session, deed.verb.as_str()) {
                (Some(_), _) => {
                    if deed.late.is_some_and(|late| late > Duration::from_millis(WITHIN_THE_WAIT)) {
                        *stores.late.entry(letter).or_default() += 1;
                    }
                }
                (None, "STORE") => {
                    stores.flagged.insert(letter);
                }
                (None, "DELETE") => {
                    *stores.deleted.entry(letter.clone()).or_default() += 1;
                    stores.renumbered.insert(letter.clone());
                    stores.elsewhere.insert(letter);
                }
                (None, "RENUMBER") => {
                    stores.renumbered.insert(letter.clone());
                    stores.elsewhere.insert(letter);
                }
                (None, "MOVE") => {
                    if made_anew.contains(&(letter.user.clone(), deed.folder)) {
                        stores.renumbered.insert(letter.clone());
                    }
                    stores.elsewhere.insert(letter);
                }
                (None, _) => {}
            }
        }
        stores
    }

    fn there(&self, letter: &Letter) -> There {
        self.there.get(letter).copied().unwrap_or_default()
    }

    fn count(counts: &BTreeMap<Letter, usize>, letter: &Letter) -> usize {
        counts.get(letter).copied().unwrap_or_default()
    }

    /// Says what is at the source and neither at the destination nor was deleted there.
    fn lost(&self, world: &World, people: &People) -> Vec<Finding> {
        let mut lost = Vec::new();
        for (letter, count) in &self.now {
            let there = self.there(letter);
            // What was deleted before it was restored at the source was the copy of another one.
            let deleted = Self::count(&self.deleted, letter);
            let deleted = deleted - Self::count(&people.restored, letter);
            let total = there.ours + there.others + deleted;
            if world.stays_behind(&letter.octets) {
                if there.ours > 0 {
                    lost.push(Check::Limit.finds(text(letter)));
                }
            } else if total < *count {
                let found = format!("{count} at the source, {there:?}: {}", text(letter));
                lost.push(Check::Lost.finds(found));
            }
        }
        lost
    }
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
    if applied.ends_as.is_none() {
        let lost = Stores::of(world).lost(world, &world.people());
        if !lost.is_empty() {
            let told = format!("apply ends well: {:?} {:#?}", applied.ends_as, applied.report);
            return Err(Failure { findings: lost, more: told });
        }
    }
    // An APPEND without an answer changes the destination, and nobody knows it.
    let unanswered = !world.struck().is_empty();
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

/// Compares both stores, and the evidence with what they hold; `fixed` says what became of the
/// extra copies.
pub(crate) fn judge(
    world: &World,
    evidence: &Evidence,
    fixed: Option<&Fixed>,
) -> Result<Judged, Failure> {
    let people = world.people();
    let stores = Stores::of(world);
    let mut wrong = stores.lost(world, &people);
    for user in &world.users {
        let destination = mailbox(&world.destination, user);
        for (name, folder) in &mailbox(&world.source, user) {
            let to = goes(name);
            let Some(target) = destination.get(&to) else {
                wrong.push(Check::Place.finds(format!("{user}: {to} is not there")));
                continue;
            };
            for message in &folder.messages {
                let letter = Letter { user: user.clone(), octets: message.given.to_vec() };
                // Deleted in one folder and delivered to another one is moved, for whoever sees both.
                let left =
                    Stores::count(&people.ever, &letter) > Stores::count(&stores.now, &letter);
                if people.moves.contains_key(&letter)
                    || left
                    || stores.elsewhere.contains(&letter)
                    || world.stays_behind(&message.given)
                {
                    // It is looked for everywhere.
                    continue;
                }
                let twins: Vec<_> =
                    target.messages.iter().filter(|it| it.given == message.given).collect();
                let here = format!("{user}: {name}: UID {}", message.uid);
                if twins.is_empty() {
                    wrong.push(Check::Place.finds(format!("{here} is not in {to}")));
                } else if !twins.iter().any(|it| it.date.instant() == message.date.instant()) {
                    wrong.push(Check::Date.finds(format!("{here} has another one")));
                }
                // What others delivered with our octets and second may stand for ours.
                let theirs = twins.iter().any(|it| it.writer == Writer::Other);
                let flagged = theirs
                    || stores.flagged.contains(&letter)
                    || twins.iter().any(|it| it.flags == message.flags);
                if !twins.is_empty() && !flagged {
                    let (there, ours) = (&twins[0].flags, &message.flags);
                    let found = format!("{here} has others: {there} there, {ours} at the source");
                    wrong.push(Check::Flags.finds(found));
                }
            }
        }
    }
    let rewrites = rewrites(&world.destination);
    let mut extra = false;
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
        // copy is not where it was.
        let again = stores.renumbered.contains(letter)
            || (moves > 0 && stores.elsewhere.contains(letter))
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
    wrong.extend(removals(&people, world, &stores, fixed));
    wrong.extend(checks(&people, &stores, evidence, fixed));
    wrong.extend(accounts(world, &stores, evidence));
    let more = |failure| Failure { more: places(world), ..failure };
    none_of(wrong).map_err(more).map(|()| Judged { extra })
}

/// Nothing went but the copies of what people deleted at the source, untouched, and extra copies.
fn removals(
    people: &People,
    world: &World,
    stores: &Stores,
    fixed: Option<&Fixed>,
) -> Vec<Finding> {
    let mut gone: BTreeMap<Letter, usize> = BTreeMap::new();
    for deed in world.destination.deeds() {
        if deed.verb == "EXPUNGE"
            && let Some(octets) = deed.octets
        {
            let letter = Letter { user: deed.user, octets: octets.to_vec() };
            *gone.entry(letter).or_default() += 1;
        }
    }
    let mut deleted: BTreeMap<Letter, usize> = BTreeMap::new();
    for deed in world.source.deeds() {
        if deed.verb == "DELETE"
            && let Some(octets) = deed.octets
        {
            let letter = Letter { user: deed.user, octets: octets.to_vec() };
            *deleted.entry(letter).or_default() += 1;
        }
    }
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
        let alone = stores.there(letter).ours == 0 && *gone == 1;
        if alone && stores.flagged.contains(letter) {
            let found = format!("its user had flagged it: {}", text(letter));
            wrong.push(Check::Removal.finds(found));
        }
    }
    wrong
}

/// The checks of the evidence: all hold, but for what the stores themselves explain.
fn checks(
    people: &People,
    stores: &Stores,
    evidence: &Evidence,
    fixed: Option<&Fixed>,
) -> Vec<Finding> {
    // What others delivered with our octets may be a late copy of ours as well, and is named; so is
    // the copy of a message that was deleted at the source before it was known to be copied.
    let named = |check: &&evidence::Check| {
        check.name == "no extra copies" && check.verdict != Verdict::Holds
    };
    let doubtful =
        stores.there.iter().filter(|(letter, _)| people.ever.contains_key(letter)).any(
            |(letter, there)| there.others > 0 || there.ours > Stores::count(&stores.now, letter),
        );
    let may_be_extra = match fixed {
        None => doubtful,
        Some(fixed) => !fixed.left.is_empty() || fixed.moved > 0,
    };
    let of_mailboxes = evidence.mailboxes.iter().flat_map(MailboxEvidence::all_checks);
    let mut wrong: Vec<Finding> = evidence
        .checks
        .iter()
        .chain(of_mailboxes)
        .filter(|check| check.verdict != Verdict::Holds && !(may_be_extra && named(check)))
        // What its user removed before any proof is missing.
        .filter(|check| stores.deleted.is_empty() || check.name != "all there")
        .map(|check| Check::Verify.finds(format!("{check:?}")))
        .collect();
    if fixed.is_some() {
        return wrong;
    }
    for ((letter, folder, _), (wanted, ours)) in &stores.folders {
        let (there, ever) = (stores.there(letter), Stores::count(&people.ever, letter));
        // `verify` looks for extra copies where a message belongs, and of another date there may
        // be a twin's: see docs/safety.md.
        if *wanted == 0 || ours <= wanted || there.ours <= ever {
            continue;
        }
        // While an equal one of ours is not where it was copied to, it may be that one.
        if stores.elsewhere.contains(letter) {
            continue;
        }
        let of_user = evidence.mailboxes.iter().filter(|it| it.mailbox.as_str() == letter.user);
        if !of_user.flat_map(MailboxEvidence::all_checks).any(|check| named(&check)) {
            let found = format!("{ours} in {folder} for {wanted}, {there:?}: {}", text(letter));
            wrong.push(Check::Unnamed.finds(found));
        }
    }
    wrong
}

/// The equations of the evidence, against the stores.
fn accounts(world: &World, stores: &Stores, evidence: &Evidence) -> Vec<Finding> {
    let mut wrong = Vec::new();
    for proven in &evidence.mailboxes {
        let account = proven.account();
        let user = proven.mailbox.as_str();
        let source = mailbox(&world.source, user);
        let all = || source.values().flat_map(|folder| &folder.messages);
        let truth = all().count() as u64;
        let behind = all().filter(|message| world.stays_behind(&message.given)).count() as u64;
        let open = account.pending + account.unclear + account.changed + account.unread;
        let deleted: usize =
            stores.deleted.iter().filter(|(it, _)| it.user == user).map(|(_, count)| count).sum();
        if account.listed != truth
            || !account.is_exact()
            || account.excepted != behind
            || account.missing > deleted as u64
            // Nobody removed anything after a proof.
            || account.removed_by_user > 0
            || open > 0
        {
            wrong.push(Check::Account.finds(format!(
                "{user}: {truth} at the source, {behind} of them stay behind; accounted for {account:?}"
            )));
        }
    }
    wrong
}

/// Folders of the destination that sessions met under more than one UIDVALIDITY.
fn made_anew(world: &World) -> BTreeSet<(String, String)> {
    let mut told: BTreeMap<(String, String), BTreeSet<u32>> = BTreeMap::new();
    for deed in world.destination.deeds().into_iter().filter(|deed| deed.octets.is_some()) {
        told.entry((deed.user, deed.folder)).or_default().extend(deed.told);
    }
    told.into_iter().filter(|(_, all)| all.len() > 1).map(|(folder, _)| folder).collect()
}

/// Where every letter is, on both sides.
fn places(world: &World) -> String {
    let mut all: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for user in &world.users {
        for (side, service) in [("source", &world.source), ("destination", &world.destination)] {
            for (name, folder) in mailbox(service, user) {
                for message in folder.messages {
                    let subject = String::from_utf8_lossy(&message.given);
                    let subject = subject.lines().find(|line| line.starts_with("Subject"));
                    let key = format!("{user} {}", subject.unwrap_or("?"));
                    all.entry(key).or_default().push(format!(
                        "{side} {name} UID {} at {} `{}` {:?}",
                        message.uid,
                        message.date.instant().as_second() % 10,
                        message.flags,
                        message.writer
                    ));
                }
            }
        }
    }
    let lines = all.into_iter().map(|(letter, places)| format!("{letter}: {}", places.join("; ")));
    lines.collect::<Vec<_>>().join("\n")
}

fn text(letter: &Letter) -> String {
    let octets: String =
        String::from_utf8_lossy(&letter.octets).replace("\r\n", " | ").chars().take(300).collect();
    format!("{}: {octets}", letter.user)
}
