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
        .code(6)
        .says(&["it may be the last", "No extra copy of ours can be removed"]);
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
