//! Real mail that is not in this repository, killed on its way and compared by `tests/compare.py`.
//!
//! `MAILFERRY_TEST_MAIL=DIRECTORY cargo test --test end_to_end -- --nocapture real_mail` takes each
//! file of a directory as one message; without it, awkward and plain messages of the tests.

use crate::adoption::accept;
use crate::compared::compare;
use crate::ferry::{ADA, Ferry, Wanted};
use crate::lab::wire::dated;
use crate::lab::{Lab, LabOptions, seeds};
use crate::mailbox::{self, Contents};
use crate::peers;
use crate::random::{Random, number};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime};

const FOLDERS: [&str; 6] = ["INBOX", "Archive", "Lists/Rust", "Entwürfe", "Projects/2019", "R&D"];

fn arrived(lab: &Lab) -> u64 {
    let mut session = lab.destination.session(ADA);
    FOLDERS
        .iter()
        .map(|path| session.status(path).map_or(0, |(_, _, count)| u64::from(count)))
        .sum()
}

/// Messages that are taken when nobody names others.
const OWN: usize = 600;

/// Writes messages of the tests, one in eight of them awkward.
fn own(directory: &Path) {
    let awkward = seeds::awkward();
    for number in 0..OWN {
        let mail = match number % 8 {
            0 => awkward[number / 8 % awkward.len()].clone(),
            _ => seeds::plain(number),
        };
        fs::write(directory.join(format!("{number:04}")), &mail.bytes).expect("a message");
    }
}

/// The messages, in the order of their names.
fn files(lab: &Lab) -> Vec<PathBuf> {
    let directory = std::env::var_os("MAILFERRY_TEST_MAIL").map_or_else(
        || {
            let directory = lab.work.join("mail");
            fs::create_dir(&directory).expect("a directory");
            own(&directory);
            directory
        },
        PathBuf::from,
    );
    let mut files: Vec<PathBuf> = fs::read_dir(directory)
        .expect("MAILFERRY_TEST_MAIL is a directory")
        .map(|entry| entry.expect("a file").path())
        .collect();
    files.sort();
    files
}

/// Puts the files behind the server's back, as they are, dealt out over the folders; the last one
/// gets every tenth as a twin.
fn plant(lab: &Lab, files: &[PathBuf]) -> u64 {
    let mut session = lab.source.session(ADA);
    for path in &FOLDERS[1..] {
        session.create(path).expect("a folder");
    }
    let mut planted = 0;
    for (index, file) in files.iter().enumerate() {
        let bytes = fs::read(file).expect("a message");
        let mut folders = vec![FOLDERS[index % FOLDERS.len()]];
        if index % 10 == 0 {
            folders.push(FOLDERS[FOLDERS.len() - 1]);
        }
        for folder in folders {
            let path = if folder == "INBOX" { "" } else { folder };
            let name = format!("{}.{planted}.lab", 1_300_000_000 + index);
            let planted_file = lab.source.plant(ADA, path, &name, &bytes);
            let date = Duration::from_secs(1_300_000_000 + index as u64 * 1_013);
            File::options()
                .write(true)
                .open(planted_file)
                .and_then(|file| file.set_modified(SystemTime::UNIX_EPOCH + date))
                .expect("a date");
            planted += 1;
        }
    }
    for (index, path) in FOLDERS.iter().enumerate() {
        session.command(&format!("SELECT {}", session.name(path))).expect("a folder");
        let all = session.command("UID SEARCH ALL").expect("UIDs");
        let line = String::from_utf8_lossy(&all[0]).into_owned();
        let uids: Vec<&str> = line.split(' ').skip(2).collect();
        for (word, every) in
            [("\\Seen", 2), ("\\Flagged", 7 + index), ("$label1", 11), ("\\Answered", 5)]
        {
            let set = uids.iter().step_by(every).copied().collect::<Vec<_>>().join(",");
            session.command(&format!("UID STORE {set} +FLAGS ({word})")).expect("flags");
        }
    }
    planted
}

#[test]
fn real_mail_arrives_octet_by_octet_whatever_kills_the_copy() {
    let kills = number("MAILFERRY_TEST_KILLS", 2);
    let mut random = Random::new("real mail");
    let lab = Lab::start(LabOptions::default());
    let files = files(&lab);
    let planted = plant(&lab, &files);
    let before = mailbox::files(&lab.source, ADA);
    let octets: usize = before.values().map(Vec::len).sum();
    // Every folder of the source has its name at the destination.
    let ferry = Ferry::new(&lab, &Wanted { mailboxes: &[ADA], ..Wanted::default() });
    let start = Instant::now();
    for kill in 1..=kills {
        let enough = planted * kill / (kills + 1) + random.below(planted / (kills + 1) / 2);
        let mut apply = ferry.start(&["apply", "plan.yaml", "--auto-approve"]);
        while apply.runs() && arrived(&lab) < enough {
            sleep(Duration::from_millis(2));
        }
        assert!(apply.runs(), "{:#?}", apply.wait());
        apply.kill();
        eprintln!("kill {kill}: {} of {planted} are there", arrived(&lab));
    }
    let ran = ferry.run(&["apply", "plan.yaml", "--auto-approve"]);
    eprintln!("{}\n{}{}", ran.code, ran.stdout, ran.stderr);
    let copied = start.elapsed();
    let verified = ferry.run(&["verify", "plan.yaml"]);
    eprintln!("{}\n{}", verified.code, verified.stdout);
    let output = compare(&lab, ADA, Lab::SOURCE_PASSWORD, &[]);
    eprintln!("{}", String::from_utf8_lossy(&output.stdout));
    eprintln!("{}", String::from_utf8_lossy(&output.stderr));
    eprintln!(
        "{planted} messages, {octets} octets as files, {kills} kills: {:.0} s to the end of the copy",
        copied.as_secs_f32()
    );
    assert!(mailbox::files(&lab.source, ADA) == before, "the source changed");
    assert_eq!(ran.code, 0, "not every message was copied");
    let (here, there) = (lab.source.dump_all(ADA), lab.destination.dump_all(ADA));
    for path in FOLDERS {
        assert_eq!(here[path].len(), there[path].len(), "{path}: messages are missing or doubled");
    }
    // What a destination changes on its own, and what a transform changed, is named by both.
    let same = output.status.code() == Some(0);
    let named = verified.code == 6 || verified.stdout.contains("after a named transform");
    assert!(same || named, "{}", verified.stdout);
}

#[test]
fn real_mail_by_mbsync_for_the_record() {
    let lab = Lab::start(LabOptions::default());
    let planted = plant(&lab, &files(&lab));
    let start = Instant::now();
    let output = peers::mbsync(&lab, ADA, &["*"]);
    let copied = start.elapsed();
    eprintln!("{}\n{}", output.status, String::from_utf8_lossy(&output.stderr));
    let compared = compare(&lab, ADA, Lab::SOURCE_PASSWORD, &["--limit", "3"]);
    eprintln!("{}", String::from_utf8_lossy(&compared.stdout));
    eprintln!("{planted} messages in {:.0} s", copied.as_secs_f32());
    assert!(compared.status.code().is_some_and(|code| code < 2), "nothing was compared");
}

/// What a tool brought of what it was asked for, by how often octets and date are there.
#[derive(Debug, Default)]
struct Brought {
    asked: usize,
    as_it_is: usize,
    changed: usize,
    twice: usize,
}

fn brought(here: &Contents, there: &Contents) -> Brought {
    let mut brought = Brought::default();
    for (path, messages) in here {
        let mut left: BTreeMap<(&[u8], i64), usize> = BTreeMap::new();
        for message in messages.iter().filter(|message| message.flags.contains("\\Seen")) {
            *left.entry((&message.bytes, message.date)).or_default() += 1;
            brought.asked += 1;
        }
        for message in there.get(path).into_iter().flatten() {
            let key = (message.bytes.as_slice(), message.date);
            match left.get_mut(&key) {
                Some(0) => brought.twice += 1,
                Some(count) => {
                    *count -= 1;
                    brought.as_it_is += 1;
                }
                None => brought.changed += 1,
            }
        }
    }
    brought
}

/// Copies every read message as it is, as imapsync does between two Dovecots, in its place.
fn half_by_the_lab(lab: &Lab, source: &Contents) {
    let mut session = lab.destination.session(ADA);
    for (path, messages) in source {
        // It may be there, as the INBOX is.
        let _ = session.create(path);
        for message in messages.iter().filter(|message| message.flags.contains("\\Seen")) {
            let flags: Vec<&str> = message.flags.iter().map(String::as_str).collect();
            let date = dated(message.date);
            session.append_uid(path, &flags, Some(&date), &message.bytes).expect("a message");
        }
    }
}

/// `MAILFERRY_TEST_IMAPSYNC=FILE` lets imapsync itself copy the first half, as it does by default
/// and with a header added where a Message-ID is missing; it is in no Debian package.
#[test]
fn what_a_tool_half_copied_is_adopted_and_the_rest_is_sent() {
    if std::env::var_os("MAILFERRY_TEST_IMAPSYNC").is_some() {
        finishes_after(|lab, _| half_by_imapsync(lab, &[]));
        // Without, imapsync leaves some of these messages out.
        finishes_after(|lab, _| half_by_imapsync(lab, &["--addheader"]));
    } else {
        finishes_after(half_by_the_lab);
    }
}

fn half_by_imapsync(lab: &Lab, options: &[&str]) {
    let output = peers::imapsync(lab, ADA, &[&["--search", "SEEN"], options].concat());
    eprintln!("imapsync {options:?}: {}", output.status);
    let said = String::from_utf8_lossy(&output.stdout);
    for line in said.lines().filter(|line| {
        ["Messages transferred", "Messages skipped", "Detected", "The sync", "Messages void"]
            .iter()
            .any(|start| line.starts_with(start))
    }) {
        eprintln!("imapsync: {line}");
    }
}

/// Lets a tool copy every second message, adopts them and sends the rest.
fn finishes_after(tool: impl Fn(&Lab, &Contents)) {
    let lab = Lab::start(LabOptions::default());
    let planted = plant(&lab, &files(&lab));
    let plain = (0..200).map(seeds::plain).collect();
    lab.source.seed(ADA, &[("INBOX", seeds::awkward()), ("Archive", plain)]);
    let source = lab.source.dump_all(ADA);
    tool(&lab, &source);
    let there = lab.destination.dump_all(ADA);
    let all: usize = source.values().map(Vec::len).sum();
    let half = brought(&source, &there);
    eprintln!("{planted} planted, {all} at the source; brought: {half:?}");
    assert!(half.as_it_is > 0, "the tool brought nothing");

    let wanted = Wanted { mailboxes: &[ADA], ..Wanted::default() };
    let ferry = Ferry::new(&lab, &wanted);
    let ran = accept(&lab, &ferry, &wanted);
    eprintln!("{}{}", ran.stdout, ran.stderr);
    let now = lab.destination.dump_all(ADA);
    for (path, before) in &there {
        let now: BTreeSet<u32> = now[path].iter().map(|message| message.uid).collect();
        let kept = before.iter().all(|message| now.contains(&message.uid));
        assert!(kept, "{path}: something is gone");
    }
    let found = format!("Found {} messages", half.as_it_is);
    assert!(ran.stdout.contains(&found), "{found}");
    let compared = compare(&lab, ADA, Lab::SOURCE_PASSWORD, &[]);
    eprintln!("{}", String::from_utf8_lossy(&compared.stdout));
    let verified = ferry.run(&["verify", "plan.yaml"]);
    eprintln!("{}\n{}", verified.code, verified.stdout);
    let count: usize = now.values().map(Vec::len).sum();
    assert_eq!(count, all + half.changed + half.twice, "each once, beside what was changed");
}
