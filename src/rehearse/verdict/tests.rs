//! The judge of a rehearsal has to see what is wrong.

use super::*;
use crate::document;
use crate::model::flags::Flags;
use crate::model::sampling::Sampling;
use crate::model::uid::{Uid, UidValidity};
use crate::rehearse::Choice;
use crate::rehearse::watch::{gone, held};
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
    let desired = document::load(&path, &document::Options::default()).unwrap().desired.unwrap();
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
    assert_eq!((small.lost.len(), small.untrue.len()), (0, 1), "it is not too large: {small:?}");
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
        sound.holds() && sound.arrived + sound.excluded == sound.at_source && sound.arrived > 15,
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
