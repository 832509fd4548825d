//! Every exit code by a real situation, and which one wins when several apply.

// Helpers of tests are not seen as tests by these lints.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod lab;
mod migration;

use lab::{Lab, LabOptions, seeds};
use migration::run::{Ended, Running, until};
use migration::{ADA, BOB, CAROL, Migration};
use rustix::process::Signal;
use std::fs;

const APPLY: [&str; 3] = ["apply", "plan.yaml", "--auto-approve"];

fn something_at(migration: &Migration, user: &str) {
    migration.lab.destination.seed(user, &[("INBOX", vec![seeds::plain(500)])]);
}

#[test]
fn code_0_and_2_done_and_something_to_do() {
    let migration = Migration::start();
    migration.run(&["plan", "plan.yaml"]).code(0);
    migration.run(&["plan", "plan.yaml", "--detailed-exitcode"]).code(2);
    migration.copy();
    migration.run(&["verify", "plan.yaml"]).code(0);
    migration.run(&["plan", "plan.yaml", "--detailed-exitcode"]).code(0);
    migration.run(&["status", "plan.yaml"]).code(0);
    migration.run(&["validate", "plan.yaml"]).code(0);
    migration.run(&["show", "saved.json"]).code(0);
    migration.run(&["--help"]).code(0);
    migration.run(&["--version"]).code(0);
}

#[test]
fn code_1_an_error() {
    let migration = Migration::start();
    migration.run(&["show", "missing.json"]).code(1).says(&["missing.json"]).says_what_is_next();
    migration.run(&["apply", "missing.json"]).code(1).says(&["missing.json"]).says_what_is_next();
    // Everything that was to be done failed.
    let mut command = migration.command(&APPLY);
    command.args(["--only", &format!("create_folder/{ADA}/Projects/2019")]);
    // The server makes its directories when a mailbox is looked at.
    migration.run(&["plan", "plan.yaml"]).code(0);
    migration.lab.destination.forbid_new_folders(ADA);
    Ended::of(command, &APPLY).code(1).says(&["Projects/2019", "could not be created"]);
    migration.lab.destination.allow_new_folders(ADA);
}

#[test]
fn code_3_stale_and_nothing_done() {
    let migration = Migration::start();
    migration.run(&["plan", "plan.yaml", "--out", "saved.json"]).code(0);
    migration.run(&["apply", "saved.json", "--expect", "000000000000"]).code(3);
    migration.run(&["apply", "saved.json", "--max-age", "0s"]).code(3);
    let args = ["apply", "saved.json", "--only", &format!("copy_folder/{ADA}/Projects/2019")];
    migration.lab.source.session(ADA).delete("Projects/2019").unwrap();
    migration.run(&args).code(3).says(&["stale: ", "Projects/2019"]);
    migration.untouched(ADA);
}

#[test]
fn code_4_a_guard_needs_an_acknowledgement() {
    let mut migration = Migration::start();
    something_at(&migration, ADA);
    something_at(&migration, BOB);
    something_at(&migration, CAROL);
    // `plan` never exits 4.
    let shown = migration.run(&["plan", "plan.yaml"]).code(0).says(&["G301", ADA]);
    migration.run(&["plan", "plan.yaml", "--detailed-exitcode"]).code(2);
    migration
        .run(&APPLY)
        .code(4)
        .says(&["Next: acknowledge G3", "`mailferry plan plan.yaml`"])
        .does_not_say(&["mailferry verify"]);
    assert_eq!(migration.lab.destination.dump(ADA, "INBOX").len(), 1);
    // What is printed is ready to paste.
    let items: Vec<&str> = shown
        .stdout
        .lines()
        .filter_map(|line| line.trim().strip_prefix("acknowledge: [ ")?.strip_suffix(" ]"))
        .collect();
    assert_eq!(items.len(), 3, "{shown}");
    migration.wanted.more = format!("acknowledge: [ {} ]\n", items.join(", "));
    migration.write();
    migration.run(&APPLY).code(0);
    assert_eq!(migration.lab.destination.dump(ADA, "INBOX").len(), 7);
    migration.run(&["verify", "plan.yaml"]).code(0);
}

#[test]
fn code_5_partly_applied() {
    let migration = Migration::start();
    migration.run(&["plan", "plan.yaml"]).code(0);
    migration.lab.destination.forbid_new_folders(ADA);
    migration.run(&APPLY).code(5);
    migration.lab.destination.allow_new_folders(ADA);
    migration.run(&APPLY).code(0);
    for user in [ADA, BOB, CAROL] {
        migration.arrived(user);
    }
}

#[test]
fn code_6_a_check_failed() {
    let migration = Migration::start();
    migration.run(&["verify", "plan.yaml"]).code(6).says(&["not copied yet"]);
    migration.copy();
    let mut session = migration.lab.destination.session(ADA);
    let gone = session.dump("INBOX").unwrap()[1].uid;
    session.remove("INBOX", gone).unwrap();
    migration.run(&["verify", "plan.yaml"]).code(6).says(&[
        ADA,
        "INBOX",
        "not found in any folder",
    ]);
}

#[test]
fn code_7_locked_and_8_unknown_and_9_declined() {
    let mut migration = Migration::start();
    // Nobody can be asked.
    migration.run(&["apply", "plan.yaml"]).code(9).says(&["not approved"]).says_what_is_next();
    for user in [ADA, BOB, CAROL] {
        migration.untouched(user);
    }
    migration.lab.source.freeze();
    let holder = migration.begin(&APPLY);
    until("the lock is taken", || {
        migration.run(&["status", "plan.yaml"]).stdout.contains("apply runs on")
    });
    migration.run(&APPLY).code(7).says(&[&holder.id().to_string()]);
    migration.lab.source.thaw();
    holder.end().code(0);
    migration.lab.source.stop();
    migration.run(&["plan", "plan.yaml"]).code(8);
    migration.run(&["verify", "plan.yaml"]).code(8);
}

#[test]
fn code_64_usage_and_65_an_invalid_plan() {
    let migration = Migration::start();
    fs::write(migration.path("bad.yaml"), "version: 1\nnme: x\n").unwrap();
    let usage: [&[&str]; 7] = [
        &["nonsense"],
        &["plan"],
        &["plan", "plan.yaml", "--format", "xml"],
        &["apply", "plan.yaml", "--expect", "0123456789ab"],
        &["apply", "saved.json", "--expect", "01234567"],
        &["apply", "plan.yaml", "--trust", "a b"],
        &["verify", "plan.yaml", "--only", "no address"],
    ];
    for args in usage {
        migration.run(args).code(64);
    }
    for command in ["validate", "plan", "apply", "verify", "status"] {
        migration.run(&[command, "bad.yaml"]).code(65).says(&["bad.yaml", "nme"]);
        migration.run(&[command, "no-such.yaml"]);
    }
    // A file that is not there is an error of its own for `apply`, which takes two kinds of file.
    migration.run(&["plan", "no-such.yaml"]).code(65).says(&["no-such.yaml"]);
}

/// Starts an apply of a mailbox that takes a while, and waits until messages are on their way.
fn in_the_middle(migration: &Migration) -> Running {
    let count = || migration.lab.destination.session(ADA).status("INBOX").unwrap().2;
    let before = count();
    let running = migration.begin(&APPLY);
    until("messages arrive", || count() > before + 20);
    running
}

fn long() -> Migration {
    let migration =
        Migration::empty(LabOptions { users: vec![ADA.to_owned()], ..LabOptions::default() });
    migration.lab.source.seed(ADA, &[("INBOX", (0..1_000).map(seeds::plain).collect())]);
    migration
}

#[test]
fn code_130_and_143_interrupted_and_the_ledger_is_right() {
    let migration = long();
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143)] {
        let running = in_the_middle(&migration);
        running.signal(signal);
        let ended = running.end().code(code).says(&["Run the same command again"]);
        let there = migration.lab.destination.dump(ADA, "INBOX").len();
        assert!(there < 1_000, "it was over before the signal\n{ended}");
        // What was answered is recorded: the rest is exactly what is still to do.
        let left = 1_000 - there;
        migration.run(&["status", "plan.yaml"]).code(0).says(&[
            &format!("{} copied", thousands(there)),
            &format!("{} to copy", thousands(left)),
        ]);
    }
    migration.run(&APPLY).code(0);
    migration.arrived(ADA);
    migration.run(&["verify", "plan.yaml"]).code(0);
}

fn thousands(number: usize) -> String {
    if number < 1_000 {
        number.to_string()
    } else {
        format!("{},{:03}", number / 1_000, number % 1_000)
    }
}

#[test]
fn a_signal_before_anything_was_done_and_a_second_one() {
    let migration = long();
    migration.lab.source.freeze();
    let running = migration.begin(&APPLY);
    until("the lock is taken", || {
        migration.run(&["status", "plan.yaml"]).stdout.contains("apply runs on")
    });
    running.signal(Signal::INT);
    running.end().code(130).says(&["before anything was done"]);
    migration.lab.source.thaw();
    migration.untouched(ADA);

    let running = in_the_middle(&migration);
    migration.lab.destination.freeze();
    running.signal(Signal::TERM);
    std::thread::sleep(std::time::Duration::from_millis(500));
    running.signal(Signal::TERM);
    running.end().code(143);
    migration.lab.destination.thaw();
    migration.run(&APPLY).code(0);
    migration.arrived(ADA);
}

/// Precedence, safety.md 28: 130/143, 64, 65, 7, 9, 3, 5, 4, 1, 6, 8, 2, 0.
#[test]
fn usage_comes_before_an_invalid_plan_and_before_a_stale_one() {
    let migration = Migration::start();
    fs::write(migration.path("bad.yaml"), "version: 1\nnme: x\n").unwrap();
    fs::write(migration.path("edited.json"), "{ \"format_version\": \"2.0\" }").unwrap();
    migration.run(&["plan", "bad.yaml", "--trust", "a b"]).code(64);
    migration.run(&["apply", "edited.json", "--max-age", "soon"]).code(64);
    migration.run(&["apply", "bad.yaml", "--max-age", "soon"]).code(64);
    migration.run(&["verify", "bad.yaml", "--only", "no address"]).code(64);
}

#[test]
fn a_lock_comes_before_a_declined_consent_and_an_invalid_plan_before_both() {
    let migration = Migration::start();
    fs::write(migration.path("bad.yaml"), "version: 1\nnme: x\n").unwrap();
    migration.lab.source.freeze();
    let holder = migration.begin(&APPLY);
    until("the lock is taken", || {
        migration.run(&["status", "plan.yaml"]).stdout.contains("apply runs on")
    });
    let untrusting = |args: &[&str]| {
        let mut command = migration.command(args);
        command.env_remove("MAILFERRY_TRUST").env("XDG_CONFIG_HOME", migration.path("other"));
        Ended::of(command, args)
    };
    untrusting(&APPLY).code(7);
    untrusting(&["verify", "plan.yaml"]).code(7);
    untrusting(&["apply", "bad.yaml", "--auto-approve", "--state", ".mailferry/acme.sqlite"])
        .code(65);
    migration.lab.source.thaw();
    holder.end().code(0);
    untrusting(&APPLY).code(9);
}

#[test]
fn partly_done_comes_before_a_guard_and_a_guard_before_what_is_unknown() {
    let mut migration = Migration::start();
    something_at(&migration, ADA);
    migration.lab.source.refuse(CAROL, "IMAP is disabled");
    // Bob is copied, Ada waits for a person, Carol cannot be read: a guard comes first.
    migration.run(&APPLY).code(4);
    migration.arrived(BOB);
    migration.run(&["plan", "plan.yaml", "--detailed-exitcode"]).code(8);
    migration.lab.source.user(CAROL, Lab::SOURCE_PASSWORD);
    // Carol's folders cannot be made, the rest of hers is copied: partly done comes first.
    migration.lab.destination.forbid_new_folders(CAROL);
    migration.run(&APPLY).code(5);
    migration.lab.destination.allow_new_folders(CAROL);
}

#[test]
fn a_failed_check_comes_before_what_is_unknown() {
    let mut migration = Migration::start();
    migration.copy();
    let mut session = migration.lab.destination.session(ADA);
    let gone = session.dump("INBOX").unwrap()[1].uid;
    session.remove("INBOX", gone).unwrap();
    migration.lab.source.refuse(CAROL, "IMAP is disabled");
    migration.run(&["verify", "plan.yaml"]).code(6).says(&[CAROL, "IMAP_is_disabled"]);
    migration.run(&["verify", "plan.yaml", "--only", CAROL]).code(8);
}
