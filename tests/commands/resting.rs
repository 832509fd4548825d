//! `pause`, `resume` and `retry`.

use crate::lab::{Lab, LabOptions, seeds};
use crate::migration::run::until;
use crate::migration::{ADA, BOB, CAROL, Migration};
use crate::{APPLY, dated, json};

fn copied(lab: &Lab, user: &str) -> u32 {
    lab.destination.session(user).status("INBOX").map_or(0, |(_, _, count)| count)
}

#[test]
fn a_mailbox_that_rests_is_left_out_and_is_no_failure() {
    let migration = Migration::start();
    migration.run(&["pause", "plan.yaml", ADA, "--note", "on holiday"]).code(0).says(&["rests"]);
    migration
        .run(&["plan", "plan.yaml", "--out", "saved.json"])
        .code(0)
        .says(&["mailferry resume", "on holiday"]);
    migration.run(&["apply", "saved.json"]).code(0).says(&[ADA, "rests since", "on holiday"]);
    migration.untouched(ADA);
    migration.arrived(BOB);
    migration.arrived(CAROL);
    let status = json(&migration.run(&["status", "plan.yaml", "--format", "json"]).code(0).stdout);
    assert_eq!(status["paused"][ADA]["note"], "on holiday", "{status}");
    migration.run(&["status", "plan.yaml"]).code(0).says(&["rests since"]);
    let told = migration.run(&["resume", "plan.yaml", ADA, "--format", "json"]).code(0);
    assert_eq!(json(&told.stdout)["rested"], true);
    migration.run(&["resume", "plan.yaml", ADA]).code(0).says(&["did not rest"]);
    migration.run(&APPLY).code(0);
    migration.arrived(ADA);
    migration.run(&["pause", "plan.yaml", "nobody@acme.example"]).code(64).says_what_is_next();
    migration.run(&["pause", "plan.yaml", "nobody"]).code(64);
}

#[test]
fn a_running_apply_ends_its_work_on_a_mailbox_that_is_told_to_rest() {
    let mut migration = Migration::empty(LabOptions::default());
    // Slow enough to be met at work: 200 messages are 20 seconds.
    let mail = |user: &str| {
        let date = "01-Jan-2020 00:00:00 +0000";
        (0..200).map(|n| dated(&format!("{user} {n}"), date, 2_000)).collect()
    };
    migration.lab.source.seed(ADA, &[("INBOX", mail("ada"))]);
    migration.lab.source.seed(BOB, &[("INBOX", vec![seeds::plain(1)])]);
    migration.wanted.more = "limits: { bandwidth: 20KB }\n".to_owned();
    migration.write();
    let mut running = migration.begin(&APPLY);
    until("something is copied", || copied(&migration.lab, ADA) > 5);
    // The lock is held, and nobody waits for it.
    migration.run(&["pause", "plan.yaml", ADA]).code(0);
    running_ends(&mut running);
    let ended = running.end().code(0).says(&["rests since"]);
    let there = copied(&migration.lab, ADA);
    assert!((1..200).contains(&there), "{there}");
    // What was copied of the folder that did not come to its end counts; BOB has one message.
    ended.says(&[&format!("Copied {} messages", there + 1)]);
    migration.run(&["resume", "plan.yaml", ADA]).code(0);
    migration.wanted.more = String::new();
    migration.write();
    migration.run(&APPLY).code(0);
    migration.arrived(ADA);
    migration.arrived(BOB);
    migration.run(&["verify", "plan.yaml"]).code(0);
}

fn running_ends(running: &mut crate::migration::run::Running) {
    let begun = std::time::Instant::now();
    until("the apply ends", || running.is_over());
    assert!(begun.elapsed() < std::time::Duration::from_secs(8), "{:?}", begun.elapsed());
}

#[test]
fn what_stays_behind_is_tried_again_only_when_somebody_says_so() {
    let mut migration = Migration::empty(LabOptions::default());
    // A CR at the very end: the next octets of the command would make a line end of it.
    let raw = b"From: ada@acme.example\r\nSubject: cut\r\n\r\nabc\r";
    migration.lab.source.seed(ADA, &[("Sent", vec![seeds::plain(1)])]);
    migration.lab.source.plant(ADA, "Sent", "1000000000.M1P1.raw", raw);
    let folders = migration.wanted.folders.clone();
    migration.wanted.folders = format!("{folders}\n  transforms: []");
    migration.write();
    // Nobody had seen in the plan that it stays behind: this apply did not do everything.
    migration.run(&APPLY).code(5).says(&["that the plan did not name"]);
    // Later ones have nothing to fail at, and say it.
    migration.run(&APPLY).code(0).says(&["behind since earlier runs", "mailferry retry"]);
    migration.run(&["verify", "plan.yaml"]).code(6);
    migration.run(&["retry", "plan.yaml", ADA, "--reason", "no-body"]).code(64).says(&[
        "E531",
        "`no-body`",
        "The reasons that there are: `needs-transform",
    ]);
    migration.run(&["status", "plan.yaml"]).code(0).says(&["1 excepted", "1 needs-transform"]);
    migration.run(&["retry", "plan.yaml", ADA, "--folder", "Nowhere"]).code(64).says_what_is_next();
    let told =
        migration.run(&["retry", "plan.yaml", ADA, "--folder", "Sent", "--format", "json"]).code(0);
    assert_eq!(json(&told.stdout)["retried"], 1, "{told}");
    migration.run(&["plan", "plan.yaml", "--detailed-exitcode"]).code(2);
    // It still cannot be sent, so it stays behind anew.
    migration.run(&APPLY).code(5);
    migration.run(&["retry", "plan.yaml", ADA]).code(0).says(&["1 message is tried again"]);
    migration.wanted.folders = folders;
    migration.write();
    migration.run(&APPLY).code(0).says(&["Copied 1 message"]);
    migration.run(&["verify", "plan.yaml"]).code(0);
    let retry = ["retry", "plan.yaml", ADA, "--reason"];
    migration.run(&[&retry[..], &["too-large"]].concat()).code(0).says(&["nothing was changed"]);
    migration.run(&[&retry[..], &["tolarge"]].concat()).code(64).says(&["E531", "`tolarge`"]);
}
