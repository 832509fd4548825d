//! `verify` and `apply --fix-own-duplicates` between two real servers.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]

mod lab;
mod migration;

use lab::seeds::{self, Mail};
use migration::{ADA, Migration};
use serde_json::Value;

fn migration(messages: usize, checks: &str) -> Migration {
    let mut migration = Migration::empty(lab::LabOptions::default());
    migration.lab.source.seed(
        ADA,
        &[
            ("INBOX", (0..messages).map(seeds::plain).collect()),
            ("Projects/2019", (500..505).map(seeds::plain).collect::<Vec<Mail>>()),
        ],
    );
    migration.wanted = migration::Wanted::between(
        migration.lab.source.port,
        migration.lab.destination.port,
        &[ADA],
    );
    checks.clone_into(&mut migration.wanted.more);
    migration.write();
    migration.copy();
    migration
}

fn evidence(migration: &Migration, args: &[&str], code: i32) -> Value {
    let args = [&["verify", "plan.yaml", "--format", "json"], args].concat();
    serde_json::from_str(&migration.run(&args).code(code).stdout).expect("the evidence is JSON")
}

fn account(evidence: &Value, number: &str) -> u64 {
    evidence["totals"]["account"][number].as_u64().unwrap_or_else(|| panic!("{number}"))
}

#[test]
fn a_sample_reads_what_it_says_and_is_drawn_again_the_same() {
    let migration = migration(60, "");
    let sampled = evidence(&migration, &["--sample", "10"], 0);
    assert_eq!(account(&sampled, "bodies_equal"), 10);
    assert_eq!(account(&sampled, "listed_only"), 55);
    assert_eq!(account(&sampled, "copied"), 65);
    let chance = &sampled["mailboxes"][0]["chance"];
    assert_eq!((chance["of"].as_u64(), chance["drawn"].as_u64()), (Some(65), Some(10)));
    // 1 - 0.05^(1/10).
    assert_eq!(chance["at_most_per_million"].as_u64(), Some(258_866));
    // The same ten, and nobody else is proven: what was drawn is proven already.
    migration.run(&["status", "plan.yaml", "--format", "json"]).code(0).says(&["\"verified\": 1"]);
    let again = evidence(&migration, &["--sample", "10"], 0);
    assert_eq!(again["mailboxes"][0]["chance"], *chance);
    migration.run(&["verify", "plan.yaml", "--sample", "20%"]).code(0).says(&[
        "13 of 65 drawn",
        "with 95 % confidence at most",
        "52 messages compared by size, flags, date and key fields only",
    ]);
    let full = evidence(&migration, &["--full"], 0);
    assert_eq!((account(&full, "bodies_equal"), account(&full, "listed_only")), (65, 0));
    migration.run(&["verify", "plan.yaml", "--sample", "none"]).code(64);
}

#[test]
fn a_message_that_was_replaced_shows_in_the_listing_of_a_sample_too() {
    let migration = migration(30, "checks: { sample: 1 }\n");
    // Somebody removes a message before it was ever proven, and one is put there that is no copy.
    let victim = migration.lab.destination.dump(ADA, "INBOX")[7].clone();
    migration.lab.destination.session(ADA).remove("INBOX", victim.uid).unwrap();
    let sampled = evidence(&migration, &[], 6);
    assert_eq!(account(&sampled, "missing"), 1);
    let named = &sampled["mailboxes"][0]["exceptions"][0];
    assert_eq!(
        (named["fate"].as_str(), named["folder"].as_str()),
        (Some("missing"), Some("INBOX"))
    );
    migration
        .run(&["verify", "plan.yaml"])
        .code(6)
        .says(&["1 message is missing", "NOT VERIFIED", "Next: ", "--exceptions"])
        .does_not_say(&["all there: 1"]);
}

#[test]
fn what_users_do_after_the_proof_is_no_failure_and_has_its_date() {
    let migration = migration(8, "");
    migration.run(&["verify", "plan.yaml"]).code(0).says(&["all there · flags and dates equal"]);
    let there = migration.lab.destination.dump(ADA, "INBOX");
    let mut session = migration.lab.destination.session(ADA);
    session.create("Archive").unwrap();
    session.remove("INBOX", there[0].uid).unwrap();
    migration.lab.destination.deliver(ADA, "Archive", &[], &seeds::plain(1).date, &there[1].bytes);
    session.remove("INBOX", there[1].uid).unwrap();
    drop(session);
    let after = evidence(&migration, &[], 0);
    assert_eq!(account(&after, "removed_by_user"), 1);
    assert_eq!(account(&after, "in_another_folder"), 1);
    assert_eq!(account(&after, "copied"), 11);
    migration.run(&["verify", "plan.yaml"]).code(0).says(&[
        "1 message was removed by its user",
        "1 message was moved by its user",
        "proven in place on 20",
        "now in Archive",
        "13 at the source = 11 copied + 1 in another folder + 1 removed by their user",
    ]);
}

/// Returns the entry that a run prints to be pasted.
fn entry(said: &str) -> String {
    let entry = said.lines().find_map(|line| line.split_once("acknowledge: ")).expect("an entry").1;
    format!("acknowledge: {entry}\n")
}

fn exceptions(migration: &Migration, code: i32) -> Vec<String> {
    migration.run(&["verify", "plan.yaml", "--exceptions", "list.csv"]).code(code);
    let list = std::fs::read_to_string(migration.path("list.csv")).unwrap();
    list.lines().skip(1).map(str::to_owned).collect()
}

#[test]
fn what_was_there_before_us_is_compared_with_the_source_and_named() {
    let mut migration = Migration::empty(lab::LabOptions::default());
    let mails: Vec<Mail> = (1..=4).map(seeds::plain).collect();
    migration.lab.source.seed(ADA, &[("INBOX", mails.clone())]);
    // As it is, with another date, with a flag more, with a flag less.
    let server = &migration.lab.destination;
    let flags = |mail: &Mail| mail.flags.clone();
    for (index, mail) in mails.iter().take(3).enumerate() {
        let mut flags = flags(mail);
        if index == 2 {
            flags.push("\\Flagged".to_owned());
        }
        let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
        let date = if index == 1 { "02-Jan-2025 09:00:00 +0000" } else { &mail.date };
        server.deliver(ADA, "INBOX", &flags, date, &mail.bytes);
    }
    migration.wanted = migration::Wanted::between(
        migration.lab.source.port,
        migration.lab.destination.port,
        &[ADA],
    );
    migration.write();
    migration.wanted.more = entry(&migration.run(&["plan", "plan.yaml"]).code(0).stdout);
    migration.write();
    migration.copy();
    migration.run(&["verify", "plan.yaml"]).code(0).says(&[
        "all there · flags and dates equal, but for 2 that were there before us",
        "2 messages were there before us, with another date or other flags",
    ]);
    let listed = exceptions(&migration, 0);
    assert_eq!(listed.len(), 2, "{listed:?}");
    let uid = |index: usize| migration.lab.source.dump(ADA, "INBOX")[index].uid;
    for (index, said) in [(1, "date 02-Jan-2025 09:00:00 +0000"), (2, "flags `\\Flagged`")] {
        let line = listed.iter().find(|line| line.contains(said)).expect(said);
        assert_eq!(line.split(',').nth(3), Some(uid(index).to_string().as_str()), "{line}");
        assert!(line.contains(",before,there-before,"), "{line}");
    }
    let found = evidence(&migration, &[], 0);
    assert_eq!(account(&found, "already_there"), 3);
    let folders = found["mailboxes"][0]["folders"].as_array().unwrap();
    let inbox = folders.iter().find(|folder| folder["source"] == "INBOX").unwrap();
    let check = inbox["checks"]
        .as_array()
        .unwrap()
        .iter()
        .find(|check| check["name"] == "as they were before us")
        .unwrap();
    assert_eq!((check["count"].as_u64(), check["verdict"].as_str()), (Some(2), Some("holds")));
    // What its user does there since is another matter.
    let there = server_uid(&migration, &mails[0].bytes);
    migration
        .lab
        .destination
        .session(ADA)
        .store("INBOX", there, "+FLAGS", &["\\Answered"])
        .unwrap();
    migration
        .run(&["verify", "plan.yaml"])
        .code(0)
        .says(&["dates equal, flags as their user left them, but for 2 that were there before us"]);
}

fn server_uid(migration: &Migration, bytes: &[u8]) -> u32 {
    let there = migration.lab.destination.dump(ADA, "INBOX");
    there.iter().find(|message| message.bytes == bytes).expect("it is there").uid
}

/// Writes a letter of the text of a message at the destination, where its server keeps it.
fn write_over(migration: &Migration, number: usize, from: u8, to: u8) {
    let line = |first: u8| [b"\n", &[first][..], format!("ote {number}.").as_bytes()].concat();
    let (was, now) = (line(from), line(to));
    let files = migration::files_below(&migration.lab.destination.dir.join("mail"));
    let place = |octets: &[u8]| octets.windows(was.len()).position(|part| part == was);
    let (file, mut octets) =
        files.into_iter().find(|(_, octets)| place(octets).is_some()).expect("its file");
    let at = place(&octets).unwrap();
    octets[at..at + now.len()].copy_from_slice(&now);
    std::fs::write(file, octets).unwrap();
}

#[test]
fn what_was_found_changed_is_read_by_every_later_sample_until_it_is_well() {
    let migration = migration(40, "");
    migration.run(&["verify", "plan.yaml", "--full"]).code(0);
    write_over(&migration, 7, b'N', b'M');
    let sample = ["verify", "plan.yaml", "--sample", "1"];
    // The one message that is drawn is another one: a sample says nothing of the rest.
    migration.run(&sample).code(0);
    migration.run(&["verify", "plan.yaml", "--full"]).code(6).says(&["is not what was sent"]);
    for _ in 0..2 {
        migration.run(&sample).code(6).says(&["1 message is not what was sent"]);
    }
    write_over(&migration, 7, b'M', b'N');
    let found = evidence(&migration, &["--sample", "1"], 0);
    assert_eq!(account(&found, "bodies_equal"), 2, "it is read once more, and well");
    let found = evidence(&migration, &["--sample", "1"], 0);
    assert_eq!(account(&found, "bodies_equal"), 1);
}

#[test]
fn flags_that_a_user_sets_before_the_first_proof_are_noted_and_flags_that_are_lost_are_accepted() {
    let mut migration = migration(6, "");
    let there = migration.lab.destination.dump(ADA, "INBOX")[2].uid;
    migration.lab.destination.session(ADA).store("INBOX", there, "+FLAGS", &["\\Seen"]).unwrap();
    migration.run(&["verify", "plan.yaml"]).code(0).says(&[
        "all there · dates equal, flags as their user left them",
        "1 message has flags that its user changed",
    ]);
    // A flag that is not there any more before anybody proved that it was.
    let late = seeds::plain(50);
    migration.lab.source.deliver(ADA, "INBOX", &["\\Flagged"], &late.date, &late.bytes);
    migration.copy();
    let there = server_uid(&migration, &late.bytes);
    migration.lab.destination.session(ADA).store("INBOX", there, "-FLAGS", &["\\Flagged"]).unwrap();
    let said = migration
        .run(&["verify", "plan.yaml"])
        .code(6)
        .says(&["1 message lost flags at the destination", "Next: to accept that 1 of"])
        .does_not_say(&["mailferry apply"]);
    let listed = exceptions(&migration, 6);
    assert!(listed.len() == 1 && listed[0].contains(",unflagged,flags-lost,"), "{listed:?}");
    migration.wanted.more = entry(&said.stdout);
    migration.write();
    migration.run(&["verify", "plan.yaml"]).code(0).says(&["flags equal but for 1"]);
    migration.run(&["plan", "plan.yaml"]).does_not_say(&["covers nothing any more"]);
}

#[test]
fn a_folder_that_cannot_be_at_the_destination_is_in_the_equation() {
    let mut migration = migration(3, "");
    migration.wanted.folders.push_str("\n  characters: { \"#\": \"\" }");
    migration.write();
    let mails: Vec<Mail> = (60..62).map(seeds::plain).collect();
    migration.lab.source.seed(ADA, &[("##", mails)]);
    let found = evidence(&migration, &[], 6);
    assert_eq!((account(&found, "listed"), account(&found, "pending")), (10, 2));
    migration
        .run(&["verify", "plan.yaml"])
        .code(6)
        .says(&["1 folder cannot be at the destination", "10 at the source = 8 copied + 2 to copy"])
        .says(&["`folders.map`"])
        .does_not_say(&["mailferry apply"]);
}

#[test]
fn what_vanished_at_the_source_and_a_folder_that_is_gone_are_in_the_equation() {
    let migration = migration(6, "");
    let uid = migration.lab.source.dump(ADA, "INBOX")[2].uid;
    migration.lab.source.session(ADA).remove("INBOX", uid).unwrap();
    migration.lab.source.session(ADA).delete("Projects/2019").unwrap();
    let after = evidence(&migration, &[], 0);
    let of = |number| account(&after, number);
    assert_eq!((of("listed"), of("ever_listed"), of("vanished"), of("copied")), (5, 11, 6, 5));
    migration
        .run(&["verify", "plan.yaml"])
        .code(0)
        .says(&["11 ever listed at the source = 5 copied + 6 vanished at the source"]);
}

#[test]
fn a_folder_that_is_made_anew_at_the_destination_is_a_matter_for_an_acknowledgement() {
    let migration = migration(6, "");
    let mut session = migration.lab.destination.session(ADA);
    session.delete("Projects/2019").unwrap();
    migration.run(&["plan", "plan.yaml"]).code(0).says(&["G303", "name it back first"]);
    migration
        .run(&["verify", "plan.yaml"])
        .code(6)
        .says(&["has to be acknowledged before, `mailferry plan plan.yaml` says"]);
    session.create("Projects/2019").unwrap();
    migration.run(&["verify", "plan.yaml", "--exceptions", "list.csv"]).code(6);
    let list = std::fs::read_to_string(migration.path("list.csv")).unwrap();
    assert!(list.contains("When `mailferry plan` shows G303"), "{list}");
    migration
        .run(&["plan", "plan.yaml"])
        .code(0)
        .says(&["G303"])
        .does_not_say(&["name it back first"]);
}

#[test]
fn an_extra_copy_of_ours_is_removed_when_a_person_agrees_and_nothing_else_is() {
    let migration = migration(6, "");
    let mail = seeds::plain(3);
    let server = &migration.lab.destination;
    // A late commit of ours; the same at another time, by somebody else; one that its user flagged.
    server.deliver(ADA, "INBOX", &[], &mail.date, &mail.bytes);
    server.deliver(ADA, "INBOX", &[], "02-Jan-2025 09:00:00 +0000", &mail.bytes);
    let other = seeds::plain(4);
    server.deliver(ADA, "INBOX", &["\\Flagged"], &other.date, &other.bytes);
    let before = server.dump(ADA, "INBOX");
    migration
        .run(&["verify", "plan.yaml"])
        .code(6)
        .says(&["2 extra copies", "apply plan.yaml --fix-own-duplicates"]);
    let fix = ["apply", "plan.yaml", "--fix-own-duplicates"];
    // Nobody is there to agree, and no flag stands for a person.
    let asked = migration.run(&fix).code(9).says(&[
        "E084",
        "1 extra copy of ours",
        "its flags were changed",
    ]);
    migration.run(&[&fix[..], &["--auto-approve"]].concat()).code(64);
    migration.run(&[&fix[..], &["--expect", "000000000000"]].concat()).code(3).says(&["E083"]);
    migration.run(&[&fix[..], &["--dry-run"]].concat()).code(6).says(&["Dry run"]);
    assert_eq!(server.dump(ADA, "INBOX").len(), before.len(), "nothing was removed yet");
    let digest = asked.stdout.split("digest ").nth(1).unwrap()[..12].to_owned();
    migration
        .run(&[&fix[..], &["--expect", &digest]].concat())
        .code(6)
        .says(&["Removed 1 extra copy."]);
    let after = server.dump(ADA, "INBOX");
    let gone: Vec<u32> =
        before.iter().map(|m| m.uid).filter(|uid| !after.iter().any(|m| m.uid == *uid)).collect();
    assert_eq!(gone, [before[6].uid], "exactly the late commit is gone");
    // Done again it does nothing.
    migration
        .run(&[&fix[..], &["--expect", &digest]].concat())
        .code(6)
        .says(&["No extra copy of ours can be removed"]);
    assert_eq!(server.dump(ADA, "INBOX").len(), after.len());
    // Without the flagged one, what is left came at another time and is nobody's double.
    let flagged = after.iter().find(|m| m.flags.contains("\\Flagged")).unwrap();
    server.session(ADA).remove("INBOX", flagged.uid).unwrap();
    migration
        .run(&fix)
        .code(0)
        .says(&["stays: its date is another one", "No extra copy of ours can be removed"])
        .does_not_say(&["a copy of UID :"]);
    migration.run(&["verify", "plan.yaml"]).code(0);
}

#[test]
fn the_last_copy_is_never_removed() {
    let migration = migration(6, "");
    let mail = seeds::plain(3);
    let server = &migration.lab.destination;
    server.deliver(ADA, "INBOX", &[], &mail.date, &mail.bytes);
    // Its user removed the copy that the ledger knows: the other one is all there is.
    let first = server.dump(ADA, "INBOX").into_iter().find(|m| m.bytes == mail.bytes).unwrap();
    server.session(ADA).remove("INBOX", first.uid).unwrap();
    migration
        .run(&["apply", "plan.yaml", "--fix-own-duplicates", "--dry-run"])
        .code(0)
        .says(&["this may be it", "No extra copy of ours can be removed"]);
}

#[test]
fn the_reports_for_machines_are_well_formed() {
    let migration = migration(4, "");
    let uid = migration.lab.destination.dump(ADA, "INBOX")[1].uid;
    migration.lab.destination.session(ADA).remove("INBOX", uid).unwrap();
    let junit = migration.run(&["verify", "plan.yaml", "--format", "junit"]).code(6).stdout;
    assert!(junit.starts_with("<?xml"), "{junit}");
    assert!(junit.contains("<failure message=\"1 message is missing\">source UID 2"), "{junit}");
    let list = ["verify", "plan.yaml", "--exceptions", "list.csv"];
    migration.run(&list).code(6);
    let csv = std::fs::read_to_string(migration.path("list.csv")).unwrap();
    assert!(csv.lines().nth(1).unwrap().contains("ada@acme.example,INBOX,"), "{csv}");
    assert!(!csv.contains("Note 1"), "no subject unless it is asked for");
    migration.run(&[&list[..], &["--with-subjects"]].concat()).code(6);
    let csv = std::fs::read_to_string(migration.path("list.csv")).unwrap();
    let header = String::from_utf8_lossy(&seeds::plain(1).bytes).into_owned();
    let subject =
        header.lines().find_map(|line| line.strip_prefix("Subject: ")).unwrap().to_owned();
    assert!(csv.contains(&subject), "{subject}: {csv}");
    migration.run(&["verify", "plan.yaml", "--exceptions", "list.txt"]).code(64).says(&["E081"]);
    for (_, octets) in migration::files_below(&migration.path(".mailferry")) {
        let text = String::from_utf8_lossy(&octets).into_owned();
        assert!(!text.contains(&subject), "a subject is kept beside the ledger");
    }
}
