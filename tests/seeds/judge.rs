//! Looks at the services' own stores and at nothing of the program's but its evidence.

use crate::world::{Letter, World, goes, mailbox};
use mailferry::simulate::Writer;
use mailferry::verify::evidence::{Evidence, Verdict};
use std::collections::BTreeMap;

/// How often a letter is at the destination.
#[derive(Clone, Copy, Debug, Default)]
struct There {
    ours: usize,
    others: usize,
}

/// Compares both stores, and the evidence with what they hold.
pub(crate) fn judge(world: &World, evidence: &Evidence) -> Result<(), String> {
    let mut wrong = Vec::new();
    let mut now: BTreeMap<Letter, usize> = BTreeMap::new();
    let mut there: BTreeMap<Letter, There> = BTreeMap::new();
    for user in &world.users {
        let source = mailbox(&world.source, user);
        let destination = mailbox(&world.destination, user);
        let letter = |octets: &[u8]| Letter { user: user.clone(), octets: octets.to_vec() };
        for message in source.values().flat_map(|folder| &folder.messages) {
            *now.entry(letter(&message.given)).or_default() += 1;
        }
        for message in destination.values().flat_map(|folder| &folder.messages) {
            let count = there.entry(letter(&message.given)).or_default();
            match message.writer {
                Writer::Session(_) => count.ours += 1,
                Writer::Other => count.others += 1,
            }
        }
        for (name, folder) in &source {
            let to = goes(name);
            let Some(target) = destination.get(&to) else {
                wrong.push(format!("{user}: {to} is not there"));
                continue;
            };
            if world.moved || world.moved_there {
                continue;
            }
            for message in &folder.messages {
                let twins: Vec<_> =
                    target.messages.iter().filter(|it| it.given == message.given).collect();
                if twins.is_empty() && world.moves.contains_key(&letter(&message.given)) {
                    // It is looked for everywhere below.
                } else if twins.is_empty() {
                    wrong.push(format!("{user}: {name}: UID {} is not in {to}", message.uid));
                } else if !twins.iter().any(|it| it.date.instant() == message.date.instant())
                    && !world.moves.contains_key(&letter(&message.given))
                {
                    wrong.push(format!("{user}: {name}: UID {} has another date", message.uid));
                }
                // What others delivered with our octets and second may stand for ours.
                let theirs = twins.iter().any(|it| it.writer == Writer::Other);
                let flagged = theirs || twins.iter().any(|it| it.flags == message.flags);
                if !world.flags_touched && !twins.is_empty() && !flagged {
                    wrong.push(format!(
                        "{user}: {name}: UID {} has other flags: {} there, {} here",
                        message.uid, twins[0].flags, message.flags
                    ));
                }
            }
        }
    }
    for (letter, count) in &now {
        let there = there.get(letter).copied().unwrap_or_default();
        if there.ours + there.others < *count {
            wrong.push(format!("lost: {count} at the source, {there:?}: {}", text(letter)));
        }
    }
    for (letter, there) in &there {
        let ever = world.ever.get(letter).copied().unwrap_or_default();
        let moves = world.moves.get(letter).copied().unwrap_or_default();
        // Sent again: what has a look-alike where it was sent to, and what has a new UID while its
        // copy is not where it was.
        let again = world.moved_there || world.has_look_alikes(letter);
        let allowed = if again { ever + moves } else { ever };
        if there.ours > allowed {
            wrong.push(format!("doubled: {ever} ever at the source, {there:?}: {}", text(letter)));
        }
    }
    // What others delivered with our octets may be a late copy of ours as well, and is named; so is
    // the copy of a message that was deleted at the source before it was known to be copied.
    let doubtful = there.iter().any(|(letter, there)| {
        there.others > 0 || there.ours > now.get(letter).copied().unwrap_or_default()
    });
    for check in evidence.checks.iter().chain(evidence.mailboxes.iter().flat_map(|mailbox| {
        mailbox.checks.iter().chain(mailbox.folders.iter().flat_map(|folder| &folder.checks))
    })) {
        let excused = doubtful && check.name == "no extra copies";
        if check.verdict != Verdict::Holds && !excused {
            wrong.push(format!("verify: {check:?}"));
        }
    }
    for proven in &evidence.mailboxes {
        let account = proven.account();
        let user = proven.mailbox.as_str();
        let truth: usize =
            mailbox(&world.source, user).values().map(|folder| folder.messages.len()).sum();
        if account.listed != truth as u64 || !account.is_exact() {
            wrong.push(format!("{user}: {truth} at the source, accounted for {account:?}"));
        }
    }
    if wrong.is_empty() { Ok(()) } else { Err(format!("{}\n{}", wrong.join("\n"), places(world))) }
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
    format!("{}: {}", letter.user, String::from_utf8_lossy(&letter.octets).replace("\r\n", " | "))
}
