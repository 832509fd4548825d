//! `archive`: identical octets, resumed after `kill -9`, nothing overwritten, and a proof that can
//! fail. What is in the files is judged by a reader of its own.

use crate::lab::{LabOptions, seeds};
use crate::migration::run::until;
use crate::migration::{ADA, Migration};
use crate::{dated, json};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

const MANIFEST: &str = "mailferry-manifest.json";

fn archive<'a>(to: &'a str, format: &'a str) -> Vec<&'a str> {
    vec!["archive", "plan.yaml", "--mailbox", ADA, "--to", to, "--format", format]
}

/// Messages with everything that an mbox could trip over.
fn tricky(migration: &Migration) {
    migration.lab.source.seed(
        ADA,
        &[
            ("INBOX", vec![seeds::plain(1), seeds::plain(2).flags(&["\\Seen", "$label1"])]),
            ("Projects/2019", (3..6).map(seeds::plain).collect()),
            ("Sent", seeds::awkward()),
        ],
    );
    let raw: [&[u8]; 6] = [
        b"Subject: a\r\n\r\nFrom here\r\n>From there\r\n>>From\r\n",
        b"From me\r\nSubject: the header too\r\n\r\nx\r\n",
        b"Subject: bare\n\nFrom a\nline\rFrom b\n>From c\r",
        b"Subject: nul\r\n\r\na\0b\0\r\n\r\n\r\n",
        b"Subject: no end\r\n\r\nFrom ",
        b"Subject: no end\r\n\r\n>From",
    ];
    for (number, octets) in raw.iter().enumerate() {
        let file = format!("100000000{number}.M1P1.raw");
        migration.lab.source.plant(ADA, "Projects/2019", &file, octets);
    }
}

fn without_quotes(octets: &[u8]) -> Vec<u8> {
    let lines = octets.split_inclusive(|&octet| octet == b'\n').map(|line| {
        let marks = line.iter().take_while(|&&octet| octet == b'>').count();
        if marks > 0 && line[marks..].starts_with(b"From ") { &line[1..] } else { line }
    });
    lines.collect::<Vec<_>>().concat()
}

/// Reads an archive by its manifest: folder, then octets, sorted.
fn read(dir: &Path) -> BTreeMap<String, Vec<Vec<u8>>> {
    let manifest = json(&fs::read_to_string(dir.join(MANIFEST)).expect("a manifest"));
    let mbox = manifest["format"] == "mbox";
    let mut folders = BTreeMap::new();
    for folder in manifest["folders"].as_array().expect("folders") {
        let place = dir.join(folder["place"].as_str().expect("a place"));
        let mut messages = Vec::new();
        for message in folder["messages"].as_array().expect("messages") {
            let number = |name: &str| usize::try_from(message[name].as_u64().unwrap()).unwrap();
            messages.push(if mbox {
                let file = fs::read(&place).expect("an mbox");
                let (begins, stored) = (number("begins"), number("stored"));
                without_quotes(&file[begins..begins + stored])
            } else {
                let name = message["name"].as_str().expect("a name");
                fs::read(place.join("cur").join(name)).expect("a message")
            });
            assert_eq!(messages.last().unwrap().len(), number("size"));
        }
        messages.sort();
        folders.insert(folder["folder"].as_str().unwrap().to_owned(), messages);
    }
    folders
}

/// Everything at the source: folder, then octets, sorted.
fn source(migration: &Migration) -> BTreeMap<String, Vec<Vec<u8>>> {
    let all = migration.lab.source.dump_all(ADA).into_iter();
    all.map(|(folder, messages)| {
        let mut octets: Vec<Vec<u8>> = messages.into_iter().map(|one| one.bytes).collect();
        octets.sort();
        (folder, octets)
    })
    .collect()
}

fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    fs::metadata(path).expect("it is there").permissions().mode() & 0o777
}

#[test]
fn both_formats_hold_the_identical_octets_and_a_second_run_writes_nothing() {
    let migration = Migration::empty(LabOptions::default());
    tricky(&migration);
    let before = migration.lab.source.dump_all(ADA);
    let wanted = source(&migration);
    for format in ["mbox", "maildir"] {
        let args = archive(format, format);
        migration.run(&args).code(0).says(&["Read back", MANIFEST]);
        assert_eq!(read(&migration.path(format)), wanted, "{format}");
        assert_eq!(
            (mode(&migration.path(format)), mode(&migration.path(format).join(MANIFEST))),
            (0o700, 0o600)
        );
        migration.run(&args).code(0).says(&["Wrote 0 messages"]);
        migration.run(&[&args[..], &["--verify"]].concat()).code(0);
        assert_eq!(read(&migration.path(format)), wanted, "{format}");
    }
    assert_eq!(migration.lab.source.dump_all(ADA), before, "the source is as it was");
    let mbox = fs::read(migration.path("mbox/Projects.2019.mbox")).expect("an mbox");
    assert_eq!(mode(&migration.path("mbox/Projects.2019.mbox")), 0o600);
    let separators = mbox.split(|&octet| octet == b'\n').filter(|line| line.starts_with(b"From "));
    assert_eq!(separators.count(), 9, "every message has one separator and no line looks like one");
    let names: Vec<String> = fs::read_dir(migration.path("maildir/cur"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(names.iter().filter(|name| name.ends_with(":2,S")).count(), 1, "{names:?}");
    // New mail is added to both.
    migration.lab.source.seed(ADA, &[("INBOX", vec![seeds::plain(7)])]);
    for format in ["mbox", "maildir"] {
        migration.run(&archive(format, format)).code(0).says(&["Wrote 1 message"]);
        assert_eq!(read(&migration.path(format)), source(&migration), "{format}");
    }
}

#[test]
fn a_killed_archive_goes_on_without_loss_or_double() {
    let migration = Migration::empty(LabOptions::default());
    let date = "01-Jan-2020 00:00:00 +0000";
    let mail = (0..600).map(|n| dated(&format!("m{n}"), date, 300 + n % 7 * 900)).collect();
    migration.lab.source.seed(ADA, &[("INBOX", mail)]);
    for (format, written) in [("mbox", "INBOX.mbox"), ("maildir", "cur")] {
        let args = archive(format, format);
        let place = migration.path(format).join(written);
        let size = || match fs::metadata(&place) {
            Ok(found) if found.is_dir() => fs::read_dir(&place).unwrap().count() as u64,
            Ok(found) => found.len(),
            Err(_) => 0,
        };
        let mut at_work = 0;
        for _ in 0..4 {
            let before = size();
            let mut running = migration.begin(&args);
            until("more is written", || size() > before || running.is_over());
            at_work += u32::from(!running.is_over());
            running.signal(rustix::process::Signal::KILL);
            drop(running);
        }
        assert!(at_work >= 2, "it was killed at work {at_work} times");
        migration.run(&args).code(0).says(&["600 listed, 600 in the archive"]);
        assert_eq!(read(&migration.path(format)), source(&migration), "{format}");
        migration.run(&[&args[..], &["--verify"]].concat()).code(0);
    }
}

#[test]
fn days_and_folders_are_chosen_and_counted() {
    let migration = Migration::empty(LabOptions::default());
    let mail =
        ["31-Dec-2018 12:00:00 +0000", "01-Jan-2019 00:00:00 +0000", "02-Jan-2020 00:00:00 +0000"]
            .map(|date| dated(date, date, 50));
    migration.lab.source.seed(ADA, &[("Projects/2019", mail.to_vec()), ("INBOX", mail.to_vec())]);
    let mut args = archive("some", "mbox");
    args.extend(["--folder", "Projects/2019", "--since", "2019-01-01", "--until", "2020-01-01"]);
    args.extend(["--output", "json"]);
    let told = migration.run(&args).code(0);
    let folders = json(&told.stdout)["folders"].clone();
    assert_eq!(folders.as_array().map(Vec::len), Some(1), "{folders}");
    let of = |name: &str| folders[0][name].as_u64();
    assert_eq!((of("listed"), of("in_archive"), of("excluded")), (Some(3), Some(1), Some(2)));
    assert_eq!(json(&told.stdout)["written"], Value::from(1));
    migration.run(&[&archive("x", "mbox")[..], &["--folder", "Nowhere"]].concat()).code(64);
    migration.run(&[&archive("x", "mbox")[..], &["--since", "soon"]].concat()).code(64);
}

#[test]
fn nothing_is_overwritten_and_what_was_changed_is_seen() {
    let migration = Migration::empty(LabOptions::default());
    migration.lab.source.seed(ADA, &[("INBOX", (0..3).map(seeds::plain).collect())]);
    fs::create_dir(migration.path("taken")).unwrap();
    fs::write(migration.path("taken/INBOX.mbox"), "mine").unwrap();
    migration.run(&archive("taken", "mbox")).code(1).says(&["in the way"]).says_what_is_next();
    assert_eq!(fs::read(migration.path("taken/INBOX.mbox")).unwrap(), b"mine");
    fs::create_dir_all(migration.path("mail/cur")).unwrap();
    migration.run(&archive("mail", "maildir")).code(1).says(&["in the way"]);
    fs::create_dir(migration.path("other")).unwrap();
    fs::write(migration.path("other").join(MANIFEST), "mine").unwrap();
    migration.run(&archive("other", "mbox")).code(1).says(&["in the way"]);

    let args = archive("mbox", "mbox");
    let verify = [&args[..], &["--verify"]].concat();
    migration.run(&args).code(0);
    migration.run(&archive("mbox", "maildir")).code(64).says(&["begun as mbox"]);
    let path = migration.path("mbox/INBOX.mbox");
    let whole = fs::read(&path).unwrap();
    let mut other = whole.clone();
    let at = other.len() - 10;
    other[at] ^= 1;
    fs::write(&path, &other).unwrap();
    migration.run(&verify).code(6).says(&["other octets"]);
    fs::write(&path, [&whole[..], b"more"].concat()).unwrap();
    migration.run(&verify).code(6).says(&["octets, and"]);
    migration.run(&args).code(6).says(&["changed since it was archived"]);
    fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    migration.run(&verify).code(6);
    fs::remove_file(&path).unwrap();
    migration.run(&verify).code(6);
    fs::write(&path, &whole).unwrap();
    migration.run(&verify).code(0);
    // Moved, it can be proven, and nothing is written into it.
    fs::rename(migration.path("mbox"), migration.path("moved")).unwrap();
    let moved = archive("moved", "mbox");
    let verify_moved = [&moved[..], &["--verify"]].concat();
    migration.run(&verify_moved).code(0).says(&["3 listed, 3 in the archive"]);
    migration.run(&moved).code(1).says(&["E511", "recorded as", "/mbox"]).says_what_is_next();
    fs::write(migration.path("moved/INBOX.mbox"), &other).unwrap();
    migration.run(&verify_moved).code(6).says(&["other octets"]);
    fs::write(migration.path("moved/INBOX.mbox"), &whole).unwrap();
    fs::rename(migration.path("moved"), migration.path("mbox")).unwrap();
    migration.run(&verify).code(0);
    // A message that is not archived yet is missing for the proof alone.
    migration.lab.source.seed(ADA, &[("INBOX", vec![seeds::plain(9)])]);
    migration.run(&verify).code(6).says(&["not in the archive"]);
    migration.run(&args).code(0);
    migration.run(&verify).code(0);
    // What goes at the source stays in the archive.
    let mut session = migration.lab.source.session(ADA);
    let uid = session.dump("INBOX").unwrap()[0].uid;
    session.remove("INBOX", uid).unwrap();
    migration.run(&verify).code(0).says(&["1 gone at the source since"]);
}
