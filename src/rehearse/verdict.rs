//! Looks at the services' own stores and says what is really there.

use crate::desired::Mapped;
use crate::imap::mailbox_name;
use crate::message::canonical::Canonical;
use crate::model::address::Address;
use crate::model::digest::Digest;
use crate::model::flags::Flags;
use crate::model::folder::{FolderPath, RawName, SpecialUse};
use crate::planner::plan::{Kind, Plan};
use crate::rehearse::performance::Verdict;
use crate::rehearse::stage::{Player, Stage};
use crate::simulate::{MailboxTruth, Message, Service, Writer};
use crate::verify::evidence::Evidence;
use crate::verify::exception::Fate;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

/// Where the reviewed plans sent each folder.
pub(crate) type Reviewed = BTreeMap<(Address, FolderPath), FolderPath>;

/// Adds what a plan says to what was reviewed.
pub(crate) fn review(reviewed: &mut Reviewed, plan: &Plan) {
    for action in plan.actions() {
        if let Kind::CopyFolder(copy) = &action.kind {
            reviewed.insert((copy.mailbox.clone(), copy.source.clone()), copy.destination.clone());
        }
    }
}

/// Flags that every destination keeps.
const SYSTEM: [&str; 4] = ["\\Seen", "\\Answered", "\\Flagged", "\\Draft"];

/// Lines of one kind that are kept; more would hide the others.
const SHOWN: usize = 20;

/// Everything at the source as a text, to see that nobody changes it.
pub(crate) fn snapshot(stage: &Stage) -> String {
    let mut text = String::new();
    for player in &stage.players {
        let Some(truth) = stage.source.oracle().mailbox(&player.source) else { continue };
        for (name, folder) in truth {
            let _ = writeln!(
                text,
                "{} {name} {} {}",
                player.source, folder.uid_validity, folder.subscribed
            );
            for message in folder.messages {
                let _ = writeln!(
                    text,
                    "  {} {} {} {}",
                    message.uid,
                    message.flags,
                    message.date.as_str(),
                    message.given.len()
                );
            }
        }
    }
    text
}

/// Judges both stores, and what `verify` said last.
pub(crate) fn judge(
    stage: &Stage,
    reviewed: &Reviewed,
    evidence: Option<&Evidence>,
    source_changed: Vec<String>,
) -> Verdict {
    let mut verdict = Verdict { source_changed, ..Verdict::default() };
    for player in &stage.players {
        let both = mailbox(&stage.source, &player.source)
            .zip(mailbox(&stage.destination, &player.destination));
        let Some((here, there)) = both else {
            verdict.untrue.push(format!("{} is not on the stage", player.mailbox.source));
            continue;
        };
        one(stage, player, &here, &there, reviewed, evidence, &mut verdict);
    }
    for list in
        [&mut verdict.lost, &mut verdict.doubled, &mut verdict.misplaced, &mut verdict.altered]
    {
        if list.len() > SHOWN {
            let more = list.len() - SHOWN;
            list.truncate(SHOWN);
            list.push(format!("and {more} more"));
        }
    }
    verdict
}

fn mailbox(service: &Service, user: &str) -> Option<MailboxTruth> {
    service.oracle().mailbox(user)
}

fn path(service: &Service, name: &str) -> FolderPath {
    let separator = Some(service.product().separator);
    mailbox_name::decode(&RawName(name.as_bytes().to_vec()), separator, "")
        .unwrap_or_else(|_| FolderPath::inbox())
}

/// The copies in a destination mailbox by what they are recognised by.
struct Copies<'a> {
    octets: BTreeMap<Digest, Vec<(FolderPath, &'a Message)>>,
    says: BTreeMap<Digest, Vec<(FolderPath, &'a Message)>>,
}

impl<'a> Copies<'a> {
    fn of(service: &Service, there: &'a MailboxTruth) -> Self {
        let mut copies = Self { octets: BTreeMap::new(), says: BTreeMap::new() };
        for (name, folder) in there {
            let path = path(service, name);
            for message in &folder.messages {
                let of = (path.clone(), message);
                copies.octets.entry(Digest::of(&message.given)).or_default().push(of.clone());
                copies.says.entry(Canonical::of(&message.given)).or_default().push(of);
            }
        }
        copies
    }
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
    let copies = Copies::of(&stage.destination, there);
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
            let free = |(folder, copy): &&(FolderPath, &Message)| {
                !taken.contains(&(folder.clone(), copy.uid))
            };
            let find = |all: Option<&Vec<(FolderPath, &Message)>>, within: bool| {
                all.into_iter()
                    .flatten()
                    .filter(free)
                    .find(|(folder, _)| !within || Some(folder) == to)
                    .map(|(folder, copy)| (folder.clone(), (*copy).clone()))
            };
            let equal = copies.octets.get(&digest);
            let says = Canonical::of(&message.given);
            let alike = copies.says.get(&says);
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
                *verdict.excepted.entry(reason.clone()).or_default() += 1;
            } else if let Some((folder, copy)) = find(equal, false).or_else(|| find(alike, false)) {
                let to = to.map_or_else(|| "nowhere".to_owned(), ToString::to_string);
                verdict.misplaced.push(format!("{place}: in {folder}, planned {to}"));
                taken.insert((folder, copy.uid));
            } else {
                verdict.lost.push(place);
            }
        }
    }
    doubles(stage, address, &copies, verdict);
    verdict.gone_since += stage
        .ever
        .iter()
        .filter(|((of, _), _)| of == address)
        .map(|((_, digest), ever)| ever - now.get(digest).copied().unwrap_or_default().min(*ever))
        .sum::<usize>();
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

/// Looks for messages that sessions stored more often than they ever were at the source.
fn doubles(stage: &Stage, address: &Address, copies: &Copies<'_>, verdict: &mut Verdict) {
    for (digest, all) in &copies.octets {
        let ours: Vec<_> =
            all.iter().filter(|(_, it)| matches!(it.writer, Writer::Session(_))).collect();
        let ever = stage.ever.get(&(address.clone(), *digest)).copied();
        // What was transformed has other octets than any message of the source: it is counted by
        // what it says.
        let ever = ever.unwrap_or_else(|| {
            let says = all.first().map(|(_, it)| Canonical::of(&it.given));
            says.map_or(0, |says| stage.said.get(&(address.clone(), says)).copied().unwrap_or(0))
        });
        if ours.len() > ever {
            let places: Vec<String> =
                ours.iter().map(|(folder, it)| format!("{folder} UID {}", it.uid)).collect();
            verdict.doubled.push(format!(
                "{address}: {ever} at the source, {} stored: {}",
                ours.len(),
                places.join(", ")
            ));
        }
    }
}

/// Says what differs between a message and its copy besides its octets.
fn altered(message: &Message, copy: &Message) -> Option<String> {
    let system = |flags: &Flags| {
        SYSTEM.iter().filter(|flag| flags.contains(flag)).copied().collect::<Vec<_>>().join(" ")
    };
    if !message.date.same_instant(&copy.date) {
        return Some(format!("{} there and {} here", copy.date.as_str(), message.date.as_str()));
    }
    let (here, there) = (system(&message.flags), system(&copy.flags));
    (here != there).then(|| format!("flags `{there}` there and `{here}` here"))
}
