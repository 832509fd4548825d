//! How much of the source is listed before copies follow deletions.

use super::relay::{Harm, Relay};
use crate::lab::{LabOptions, seeds};
use crate::migration::{ADA, Migration};
use std::collections::BTreeMap;

/// How often each folder was listed, on connections from this one on.
fn listings(relay: &Relay, from: usize) -> BTreeMap<String, usize> {
    let mut listed = BTreeMap::new();
    for heard in &relay.heard()[from..] {
        let mut open = String::new();
        for line in String::from_utf8_lossy(&heard.commands).lines() {
            if let Some((_, name)) = line.split_once(" EXAMINE ") {
                name.split(" (").next().unwrap().trim_matches('"').clone_into(&mut open);
            }
            if line.contains(" UID FETCH 1:") && line.contains("RFC822.SIZE") {
                *listed.entry(open.clone()).or_default() += 1;
            }
        }
    }
    listed
}

#[test]
fn a_rollback_whose_line_is_cut_goes_on_over_another() {
    let mut migration =
        Migration::empty(LabOptions { users: vec![ADA.to_owned()], ..LabOptions::default() });
    let mails = (0..450).map(seeds::plain).collect();
    migration.lab.source.seed(ADA, &[("INBOX", mails)]);
    let relay = Relay::start(migration.lab.destination.plain_port, |_| Harm::None);
    migration.wanted.destination =
        format!("{{ host: localhost, port: {}, tls: none }}", relay.port);
    migration.write();
    let run = |args: &[&str]| migration.run(&[args, &["--trust", "localhost"]].concat());
    run(&["apply", "plan.yaml", "--auto-approve"]).code(0);
    let rollback = |more: &[&str]| {
        let args = ["rollback", "plan.yaml", ADA, "--copies", "--format", "json"];
        let ended = run(&[&args[..], more].concat());
        let told: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
        (ended, told)
    };
    let digest = || rollback(&[]).1["digest"].as_str().unwrap().to_owned();
    let first = digest();
    let looks = relay.heard().len();
    rollback(&["--expect", &first]).0.code(0);
    let answers = relay.heard()[looks].answers.clone();
    let is_expunged = |octets: &[u8]| octets == b" EXPUNGE\r\n";
    let expunged = answers.windows(10).position(is_expunged).expect("an untagged EXPUNGE");
    run(&["apply", "plan.yaml", "--auto-approve"]).code(0);
    let digest = digest();
    // While it looks, and then when half of a batch is told to be gone.
    let first = relay.heard().len();
    relay.harm(move |number| match number - first {
        0 => Harm::CutAnswers(expunged / 3),
        1 => Harm::CutAnswers(expunged + 1_000),
        _ => Harm::None,
    });
    let (ended, told) = rollback(&["--expect", &digest]);
    ended.code(0);
    let heard = &relay.heard()[first..];
    assert_eq!(heard.iter().filter(|heard| heard.harmed).count(), 2, "both lines were cut");
    assert_eq!(told["removed"], 450, "{told}");
    assert!(migration.lab.destination.dump(ADA, "INBOX").is_empty());
}

#[test]
fn every_folder_of_the_source_is_listed_once_for_all_removals_of_a_mailbox() {
    let mut migration =
        Migration::empty(LabOptions { users: vec![ADA.to_owned()], ..LabOptions::default() });
    let names = ["INBOX", "Work", "Lists", "Old", "Out"];
    for (number, name) in names.iter().enumerate() {
        let mails = (0..20).map(|mail| seeds::plain(100 * number + mail)).collect();
        migration.lab.source.seed(ADA, &[(name, mails)]);
    }
    let relay = Relay::start(migration.lab.source.plain_port, |_| Harm::None);
    migration.wanted.source = format!("{{ host: localhost, port: {}, tls: none }}", relay.port);
    migration.wanted.folders.push_str("\n  exclude: [ Out ]\n  deletions: propagate");
    migration.write();
    let run = |migration: &Migration, args: &[&str]| {
        migration.run(&[args, &["--trust", "localhost"]].concat())
    };
    run(&migration, &["apply", "plan.yaml", "--auto-approve"]).code(0);
    let mut session = migration.lab.source.session(ADA);
    for name in ["INBOX", "Work", "Lists"] {
        session.command(&format!("SELECT {name}")).unwrap();
        session.command("UID STORE 4 +FLAGS (\\Deleted)").unwrap();
        session.command("UID EXPUNGE 4").unwrap();
    }
    let shown = run(&migration, &["plan", "plan.yaml"]);
    let entry = shown.stdout.lines().find_map(|line| line.trim().strip_prefix("acknowledge: "));
    migration.wanted.more = format!("acknowledge: {}\n", entry.expect("a guard"));
    migration.write();
    run(&migration, &["plan", "plan.yaml", "--out", "saved.json"]).says(&["3 to remove"]);
    let before = relay.heard().len();
    run(&migration, &["plan", "plan.yaml"]).code(0);
    let (planned, after) = (listings(&relay, before), relay.heard().len());
    run(&migration, &["apply", "saved.json"]).code(0).says(&["Removed 3 copies"]);
    let applied = listings(&relay, after);
    for name in names {
        let count = |of: &BTreeMap<String, usize>| of.get(name).copied().unwrap_or_default();
        // What a plan lists, an apply lists before it acts.
        let more = count(&applied) - count(&planned);
        assert!(more <= 1, "{name} was listed {more} times for removals: {planned:?} {applied:?}");
    }
    for name in ["INBOX", "Work", "Lists"] {
        let goes = if name == "INBOX" { "INBOX" } else { name };
        assert_eq!(migration.lab.destination.dump(ADA, goes).len(), 19, "{name}");
    }
}
