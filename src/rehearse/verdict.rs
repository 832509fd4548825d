//! Looks at the services' own stores and says what is really there.

use crate::desired::{Mapped, Moves};
use crate::imap::mailbox_name;
use crate::message::canonical::Canonical;
use crate::model::address::Address;
use crate::model::digest::Digest;
use crate::model::flags::Flags;
use crate::model::folder::{FolderPath, RawName, SpecialUse};
use crate::planner::plan::{Kind, Plan};
use crate::rehearse::performance::Verdict;
use crate::rehearse::stage::{Player, Stage};
use crate::simulate::{Habit, MailboxTruth, Message, Service, Writer};
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

/// What a destination mailbox holds, wherever: how often each octets are there.
pub(crate) type Held = BTreeMap<(Address, Digest), usize>;

/// Counts what the destination holds now.
pub(crate) fn held(stage: &Stage) -> Held {
    let mut held = Held::new();
    for player in &stage.players {
        let Some(truth) = stage.destination.oracle().mailbox(&player.destination) else { continue };
        for message in truth.values().flat_map(|folder| &folder.messages) {
            let key = (player.mailbox.source.clone(), Digest::of(&message.given));
            *held.entry(key).or_default() += 1;
        }
    }
    held
}

/// Counts what went away from each mailbox between two looks.
pub(crate) fn gone(before: &Held, after: &Held) -> BTreeMap<Address, usize> {
    let mut gone = BTreeMap::new();
    for ((address, digest), count) in before {
        let now = after.get(&(address.clone(), *digest)).copied().unwrap_or_default();
        if now < *count {
            *gone.entry(address.clone()).or_default() += count - now;
        }
    }
    gone
}

/// Counts the copies of each mailbox that a plan removes.
pub(crate) fn removals(plan: &Plan) -> BTreeMap<Address, usize> {
    let mut removals = BTreeMap::new();
    for action in &plan.ready {
        if let Kind::RemoveCopies(remove) = &action.kind {
            *removals.entry(remove.mailbox.clone()).or_default() += remove.uids.len();
        }
    }
    removals
}

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

fn path(service: &Service, name: &str) -> FolderPath {
    let separator = Some(service.product().separator);
    mailbox_name::decode(&RawName(name.as_bytes().to_vec()), separator, "")
        .or_else(|_| FolderPath::new(vec![name.to_owned()]))
        .unwrap_or_else(|_| FolderPath::inbox())
}

type Copy<'a> = (FolderPath, &'a Message);

/// The copies in a destination mailbox by what they are recognised by: their octets, and what they
/// say where no letter of the source has their octets.
struct Copies<'a> {
    octets: BTreeMap<Digest, Vec<Copy<'a>>>,
    says: BTreeMap<Digest, Vec<Copy<'a>>>,
    /// How often a letter that says this was at the source, of those without a copy of its octets.
    said: BTreeMap<Digest, usize>,
    /// What those letters say, by the digest of their octets.
    says_of: BTreeMap<Digest, Digest>,
}

impl<'a> Copies<'a> {
    fn of(stage: &Stage, address: &Address, there: &'a MailboxTruth) -> Self {
        let mut octets: BTreeMap<Digest, Vec<Copy<'a>>> = BTreeMap::new();
        for (name, folder) in there {
            let path = path(&stage.destination, name);
            for message in &folder.messages {
                octets.entry(Digest::of(&message.given)).or_default().push((path.clone(), message));
            }
        }
        let known = |digest: &Digest| stage.ever.contains_key(&(address.clone(), *digest));
        let mut copies =
            Self { octets, says: BTreeMap::new(), said: BTreeMap::new(), says_of: BTreeMap::new() };
        for (digest, all) in &copies.octets {
            let Some((_, first)) = all.first().filter(|_| !known(digest)) else { continue };
            let says = Canonical::of(&first.given);
            copies.says.entry(says).or_default().extend(all.iter().cloned());
        }
        if copies.says.is_empty() {
            return copies;
        }
        for ((of, digest), (letter, times)) in &stage.ever {
            if of == address && !copies.octets.contains_key(digest) {
                let says = Canonical::of(letter);
                *copies.said.entry(says).or_default() += times;
                copies.says_of.insert(*digest, says);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document;
    use crate::model::sampling::Sampling;
    use crate::model::uid::{Uid, UidValidity};
    use crate::rehearse::Choice;
    use crate::simulate::{Delivery, Hands};
    use crate::verify::evidence::{Account, FolderEvidence, MailboxEvidence, Totals};
    use crate::verify::exception::Exception;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    const PLAN: &str = "\
version: 1
name: judged
domains: [acme.example]
secrets: { pw: { env: PW } }
source: { product: imap, imap: { host: old.example } }
destination: { product: imap, imap: { host: new.example } }
folders: { exclude: [ Left ] }
mailboxes: [ { address: ada@acme.example, secret: pw, destination_secret: pw } ]
";

    /// A stage on which everything was copied as planned, by others.
    async fn copied(dir: &std::path::Path) -> (Stage, Reviewed) {
        let path = dir.join("plan.yaml");
        std::fs::write(&path, PLAN).unwrap();
        let desired =
            document::load(&path, &document::Options::default()).unwrap().desired.unwrap();
        let choice = Choice {
            seed: 1,
            messages: 20,
            mailboxes: 1,
            calm: true,
            observation: None,
            program: std::path::PathBuf::new(),
            flags: Vec::new(),
        };
        let mut stage = Stage::set(desired, &choice, dir).await.unwrap();
        let left: FolderPath = "Left".parse().unwrap();
        let letter = stage.author.fresh(ADA, &left, "2026-01-01T00:00:00Z".parse().unwrap());
        let _ = stage.source.hands().create(ADA, "Left");
        stage.deliver(&stage.players[0].clone(), &letter).unwrap();
        let mut reviewed = Reviewed::new();
        let player = stage.players[0].clone();
        for (name, folder) in mailbox(&stage.source, &player.source).unwrap() {
            let path = path_of(&stage, &name);
            if path == left {
                continue;
            }
            reviewed.insert((player.mailbox.source.clone(), path.clone()), path);
            let _ = there(&stage).create(&player.destination, &name);
            for message in folder.messages {
                let delivery = Delivery {
                    flags: message.flags,
                    date: Some(message.date),
                    ..Delivery::new(message.given)
                };
                there(&stage).deliver(&player.destination, &name, delivery).unwrap();
            }
        }
        (stage, reviewed)
    }

    /// What a sound `verify` says of the source.
    fn evidence(stage: &Stage) -> Evidence {
        let truth = mailbox(&stage.source, ADA).unwrap();
        let listed = truth.values().map(|folder| folder.messages.len() as u64).sum();
        let account = Account { listed, ever_listed: listed, copied: listed, ..Account::default() };
        let folder = FolderEvidence {
            source: FolderPath::inbox(),
            destination: Some(FolderPath::inbox()),
            account,
            checks: Vec::new(),
            transforms: BTreeMap::new(),
        };
        let mailbox = MailboxEvidence {
            mailbox: ADA.parse().unwrap(),
            destination: ADA.parse().unwrap(),
            folders: vec![folder],
            checks: Vec::new(),
            profile: None,
            exceptions: Vec::new(),
            acceptance: None,
            chance: None,
        };
        Evidence {
            format_version: "1.2".to_owned(),
            migration: "judged".to_owned(),
            document: Digest::of(b""),
            mailboxes: vec![mailbox],
            totals: Totals::default(),
            began: None,
            sampling: Sampling::default(),
            profile: None,
            profile_is_assumed: false,
            checks: Vec::new(),
        }
    }

    #[tokio::test]
    async fn a_copy_that_goes_and_one_that_nobody_asked_for_are_seen() {
        let dir = tempfile::tempdir().unwrap();
        let (stage, _) = copied(dir.path()).await;
        let before = held(&stage);
        assert!(gone(&before, &held(&stage)).is_empty());
        let inbox = stage.destination.oracle().messages(ADA, "INBOX").unwrap();
        there(&stage).move_message(ADA, "INBOX", inbox[0].uid, "Sent").unwrap();
        assert!(gone(&before, &held(&stage)).is_empty(), "a move takes nothing away");
        there(&stage).delete(ADA, "INBOX", inbox[1].uid).unwrap();
        assert_eq!(gone(&before, &held(&stage)), BTreeMap::from([(ADA.parse().unwrap(), 1)]));

        let dir = tempfile::tempdir().unwrap();
        let (stage, reviewed) = copied(dir.path()).await;
        let mut told = evidence(&stage);
        let judged = |told: &Evidence| judge(&stage, &reviewed, Some(told), Vec::new(), Vec::new());
        let message = stage.source.oracle().messages(ADA, "Left").unwrap().remove(0);
        assert!(judged(&told).holds());
        append(&stage, &message.given).await;
        assert_eq!(judged(&told).uncalled.len(), 1, "the migration plan leaves it out");

        let message = stage.source.oracle().messages(ADA, "INBOX").unwrap().remove(0);
        let exception = Exception {
            folder: FolderPath::inbox(),
            uid_validity: UidValidity(1),
            uid: Uid(message.uid),
            size: 1,
            date: None,
            fate: Fate::Excepted,
            class: "too-large".to_owned(),
            reason: "too-large".to_owned(),
            next: "".into(),
            code: None,
            accepted: false,
        };
        for copy in stage.destination.oracle().messages(ADA, "INBOX").unwrap() {
            if copy.given == message.given {
                there(&stage).delete(ADA, "INBOX", copy.uid).unwrap();
            }
        }
        assert_eq!(judged(&told).lost.len(), 1);
        told.mailboxes[0].exceptions.push(exception);
        let small = judged(&told);
        assert_eq!(
            (small.lost.len(), small.untrue.len()),
            (0, 1),
            "it is not too large: {small:?}"
        );
    }

    fn path_of(stage: &Stage, name: &str) -> FolderPath {
        path(&stage.source, name)
    }

    fn there(stage: &Stage) -> Hands {
        stage.destination.hands()
    }

    fn verdict(stage: &Stage, reviewed: &Reviewed) -> Verdict {
        judge(stage, reviewed, Some(&evidence(stage)), Vec::new(), Vec::new())
    }

    const ADA: &str = "ada@acme.example";

    #[tokio::test]
    async fn what_is_wrong_in_the_stores_is_seen() {
        let dir = tempfile::tempdir().unwrap();
        let (mut stage, reviewed) = copied(dir.path()).await;
        let sound = verdict(&stage, &reviewed);
        assert!(
            sound.holds()
                && sound.arrived + sound.excluded == sound.at_source
                && sound.arrived > 15,
            "{sound:?}"
        );
        let told = evidence(&stage);
        let changed = judge(&stage, &reviewed, Some(&told), vec!["x".to_owned()], Vec::new());
        assert!(!changed.holds(), "the source changed");
        let gone = judge(&stage, &reviewed, Some(&told), Vec::new(), vec!["x".to_owned()]);
        assert!(!gone.holds(), "a copy is gone");
        let unproven = judge(&stage, &reviewed, None, Vec::new(), Vec::new());
        assert!(!unproven.holds(), "nobody verified anything");

        let inbox = stage.destination.oracle().messages(ADA, "INBOX").unwrap();
        let flags = Flags::from_words(["\\Draft"]);
        there(&stage).set_flags(ADA, "INBOX", inbox[0].uid, flags).unwrap();
        let other = verdict(&stage, &reviewed);
        assert_eq!((other.altered.len(), other.holds()), (1, false), "{other:?}");
        there(&stage).set_flags(ADA, "INBOX", inbox[0].uid, inbox[0].flags.clone()).unwrap();

        there(&stage).move_message(ADA, "INBOX", inbox[0].uid, "Sent").unwrap();
        let moved = verdict(&stage, &reviewed);
        assert_eq!((moved.misplaced.len(), moved.lost.len()), (1, 0), "{moved:?}");
        stage.desired.folders.moves = Moves::Leave;
        let left = verdict(&stage, &reviewed);
        assert_eq!((left.misplaced.len(), left.stayed), (0, 1), "{left:?}");
        stage.desired.folders.moves = Moves::Follow;

        there(&stage).delete(ADA, "INBOX", inbox[1].uid).unwrap();
        let lost = verdict(&stage, &reviewed);
        assert_eq!((lost.lost.len(), lost.holds()), (1, false), "{lost:?}");
    }

    #[tokio::test]
    async fn a_message_that_sessions_stored_more_often_than_it_was_there_is_doubled() {
        let dir = tempfile::tempdir().unwrap();
        let (stage, reviewed) = copied(dir.path()).await;
        let message = stage.destination.oracle().messages(ADA, "INBOX").unwrap().remove(0);
        append(&stage, &message.given).await;
        let once = verdict(&stage, &reviewed);
        let told = (once.doubled.len(), once.uncalled.len());
        assert_eq!(told, (0, 1), "others stored the first, and nobody asks for another: {once:?}");
        append(&stage, &message.given).await;
        let twice = verdict(&stage, &reviewed);
        assert_eq!((twice.doubled.len(), twice.holds()), (1, false), "{twice:?}");
    }

    async fn append(stage: &Stage, octets: &[u8]) {
        let secret = &stage.players[0].mailbox.destination_login.secret;
        let password = crate::rehearse::directions::made_up(secret);
        let mut stream = stage.destination.connect();
        let login = format!("a LOGIN {ADA} {password}\r\nb APPEND INBOX {{{}+}}\r\n", octets.len());
        stream.write_all(login.as_bytes()).await.unwrap();
        stream.write_all(octets).await.unwrap();
        stream.write_all(b"\r\nc LOGOUT\r\n").await.unwrap();
        let mut said = String::new();
        stream.read_to_string(&mut said).await.unwrap();
        assert!(said.contains("b OK"), "{said}");
    }
}
