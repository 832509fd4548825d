//! Ledgers that are held, and disks that cannot be written.

use crate::lab::account::Account;
use crate::lab::seeds;
use crate::migration::run::{Ended, until};
use crate::migration::{ADA, BOB, CAROL, Migration};
use rustix::process::Signal;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

fn all_arrived(migration: &Migration) {
    for user in [ADA, BOB, CAROL] {
        migration.arrived(user);
    }
    migration.run(&["verify", "plan.yaml"]).code(0);
}

#[test]
fn a_ledger_that_another_process_holds_is_not_shared() {
    let migration = Migration::start();
    migration.run(&["plan", "plan.yaml", "--out", "saved.json"]).code(0);
    migration.lab.source.freeze();
    let holder = migration.begin(&["apply", "saved.json"]);
    until("the lock is taken", || {
        migration.run(&["status", "plan.yaml"]).stdout.contains("apply runs on")
    });
    let pid = holder.id().to_string();
    for args in [&["apply", "saved.json"] as &[&str], &["verify", "plan.yaml"]] {
        migration.run(args).code(7).says(&["apply", &pid]).says_what_is_next();
    }
    migration.run(&["status", "plan.yaml"]).code(0).says(&[&pid]);
    migration.lab.source.thaw();
    holder.end().code(0);
    all_arrived(&migration);
}

#[test]
fn the_ledger_of_a_killed_process_is_taken_over() {
    let migration = Migration::start();
    migration.run(&["plan", "plan.yaml", "--out", "saved.json"]).code(0);
    migration.lab.source.freeze();
    let holder = migration.begin(&["apply", "saved.json"]);
    until("the lock is taken", || {
        migration.run(&["status", "plan.yaml"]).stdout.contains("apply runs on")
    });
    holder.signal(Signal::KILL);
    migration.lab.source.thaw();
    assert_eq!(holder.end().code, None);
    migration
        .run(&["status", "plan.yaml"])
        .code(0)
        .says(&["mailferry apply", "was cut off", "run the same command again"])
        .does_not_say(&["apply runs on"]);
    let status = migration.run(&["status", "plan.yaml", "--format", "json"]).code(0);
    status.says(&["\"cut_off\": true"]);
    migration.run(&["apply", "saved.json"]).code(0);
    all_arrived(&migration);
}

#[test]
fn a_ledger_that_cannot_be_made_stops_everything_before_it_begins() {
    let migration = Migration::start();
    fs::write(migration.path(".mailferry"), "a file where the folder should be").unwrap();
    let args = ["apply", "plan.yaml", "--auto-approve"];
    migration.run(&args).code(1).says(&[".mailferry", "E124", "--state"]).says_what_is_next();
    let args = ["apply", "plan.yaml", "--auto-approve", "--state", "/proc/no-such/ledger.sqlite"];
    migration.run(&args).code(1).says(&["/proc/no-such/ledger.sqlite"]).says_what_is_next();
    for user in [ADA, BOB, CAROL] {
        migration.untouched(user);
    }
}

/// Prepares the program as a user whom modes bind: root can write everywhere.
fn as_somebody(migration: &Migration, args: &[&str]) -> Command {
    let account = Account::pick();
    let program = migration.path("mailferry");
    if !program.exists() {
        fs::copy(env!("CARGO_BIN_EXE_mailferry"), &program).unwrap();
    }
    let mut command = Command::new(&program);
    command.args(args);
    migration.prepare(&mut command);
    if account.drop {
        command.uid(account.uid).gid(account.gid);
    }
    command
}

#[test]
fn a_folder_that_may_not_be_written_is_named_and_nothing_is_copied() {
    let migration = Migration::start();
    let account = Account::pick();
    let config = migration.path("config");
    fs::create_dir(&config).unwrap();
    let ledger = migration.path("ledger");
    fs::create_dir(&ledger).unwrap();
    for path in [&config, &ledger, &migration.dir] {
        account.own(path);
    }
    let args = ["apply", "plan.yaml", "--auto-approve", "--state", "ledger/x.sqlite"];
    fs::set_permissions(&ledger, fs::Permissions::from_mode(0o555)).unwrap();
    Ended::of(as_somebody(&migration, &args), &args)
        .code(1)
        .says(&["ledger/x.sqlite", "Permission denied", "--state"])
        .says_what_is_next();
    for user in [ADA, BOB, CAROL] {
        migration.untouched(user);
    }
    fs::set_permissions(&ledger, fs::Permissions::from_mode(0o755)).unwrap();
    Ended::of(as_somebody(&migration, &args), &args).code(0);
    // A ledger that became read-only: it can be looked at, and nothing is copied.
    fs::set_permissions(ledger.join("x.sqlite"), fs::Permissions::from_mode(0o444)).unwrap();
    fs::set_permissions(&ledger, fs::Permissions::from_mode(0o555)).unwrap();
    let delivered = seeds::plain(999);
    migration.lab.source.deliver(ADA, "INBOX", &[], &delivered.date, &delivered.bytes);
    Ended::of(as_somebody(&migration, &args), &args).code(1).says(&["ledger/x.sqlite"]);
    let args = ["plan", "plan.yaml", "--state", "ledger/x.sqlite", "--detailed-exitcode"];
    Ended::of(as_somebody(&migration, &args), &args).code(2);
    assert_eq!(migration.lab.destination.dump(ADA, "INBOX").len(), 6);
    fs::set_permissions(&ledger, fs::Permissions::from_mode(0o755)).unwrap();
}

/// The largest file that the program may write, in blocks of 512 octets: the kernel refuses the
/// rest as it does when a disk is full.
fn on_a_small_disk(migration: &Migration, blocks: u32, args: &[&str]) -> Ended {
    let mut command = Command::new("/bin/sh");
    let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\"");
    command.args(["-c", &script, env!("CARGO_BIN_EXE_mailferry")]).args(args);
    migration.prepare(&mut command);
    Ended::of(command, args)
}

#[test]
fn a_disk_that_fills_up_in_the_middle_loses_and_doubles_nothing() {
    let migration = Migration::start();
    let many: Vec<_> = (1_000..1_300).map(seeds::plain).collect();
    migration.lab.source.seed(ADA, &[("Many", many)]);
    let before = migration.at_source();
    let mut stopped = 0;
    for blocks in [64, 128, 200, 280, 360, 440] {
        let args = ["apply", "plan.yaml", "--auto-approve"];
        let ended = on_a_small_disk(&migration, blocks, &args);
        if ended.code != Some(0) {
            stopped += 1;
            let ended = ended.says(&["acme.sqlite"]).says_what_is_next();
            assert!(matches!(ended.code, Some(1 | 5)), "{ended}");
        }
    }
    assert!(stopped >= 2, "the disk was never too small");
    migration.run(&["apply", "plan.yaml", "--auto-approve"]).code(0);
    all_arrived(&migration);
    assert_eq!(before, migration.at_source());
}

#[test]
fn a_plan_that_cannot_be_saved_is_an_error() {
    let migration = Migration::start();
    let args = ["plan", "plan.yaml", "--out", "no/such/folder/saved.json"];
    migration
        .run(&args)
        .code(1)
        .says(&["no/such/folder/saved.json", "could not be written"])
        .says_what_is_next();
}

/// A ledger from a commit could say of every message that it is copied and proven.
#[test]
fn a_ledger_that_git_tracks_is_refused() {
    let migration = Migration::start();
    migration.copy().code(0);
    let git = |args: &[&str]| {
        let ended = Command::new("git").arg("-C").arg(&migration.dir).args(args).output();
        assert!(ended.expect("git runs").status.success(), "git {args:?}");
    };
    git(&["init", "--quiet"]);
    migration.run(&["status", "plan.yaml"]).code(0);
    git(&["add", "--force", ".mailferry/acme.sqlite"]);
    for args in
        [&["status", "plan.yaml"] as &[&str], &["plan", "plan.yaml"], &["verify", "plan.yaml"]]
    {
        migration
            .run(args)
            .code(1)
            .says(&["E312", "acme.sqlite", "git tracks it"])
            .says_what_is_next();
    }
    git(&["rm", "--quiet", "--cached", ".mailferry/acme.sqlite"]);
    migration.run(&["verify", "plan.yaml"]).code(0);
}
