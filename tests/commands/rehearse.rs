//! `rehearse`: whole migration plans against the simulated services, with processes that are killed.

use crate::json;
use crate::migration::run::{Ended, Running, until};
use rustix::process::Signal;
use serde_json::Value;
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;

/// A migration plan in a directory of its own. Nothing that it names is there.
struct Rehearsal(TempDir);

const HEAD: &str = "\
version: 1
name: rehearsed
domains: [acme.example]
secrets:
  old: { env: NOBODY_SETS_THIS }
  new: { file: secrets/not-there }
";

const SIDES: &str = "\
source:
  product: rackspace-email
  login: { admin: migrator@acme.example, secret: old, style: master-user }
destination:
  product: imap
  profile: exchange-online
  imap: { host: imap.new.example, ca: not-there.pem }
  login: { admin: migrator, secret: new, style: sasl-plain }
folders:
  map: { Sent: Sent Items, Trash: Deleted Items, Spam: Junk Email }
  exclude: [ \"Archive/2009/**\" ]
mailboxes:
  - { address: ada@acme.example }
  - { address: bob@acme.example, destination: robert@acme.example }
";

const ZONES: &str = "\
dns:
  zones:
    acme.example:
      mx: [ { host: mx.new.example, preference: 10 } ]
      spf: \"v=spf1 include:spf.new.example -all\"
      autodiscover: autodiscover.new.example
";

impl Rehearsal {
    fn of(parts: &[&str]) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        std::fs::write(dir.path().join("plan.yaml"), parts.concat()).expect("the plan is written");
        Self(dir)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mailferry"));
        command.args(args).current_dir(self.path()).env_remove("MAILFERRY_TRUST");
        command.env("HOME", self.path()).env_remove("XDG_CONFIG_HOME");
        command
    }

    fn run(&self, args: &[&str]) -> Ended {
        Ended::of(self.command(args), args)
    }

    fn begin(&self, args: &[&str]) -> Running {
        Running::of(self.command(args), args)
    }

    fn report(&self) -> Value {
        json(&std::fs::read_to_string(self.path().join("out/report.json")).expect("a report"))
    }
}

fn count(report: &Value, what: &str) -> u64 {
    report["verdict"][what].as_u64().unwrap_or_else(|| panic!("{what}: {report:#}"))
}

#[test]
fn a_plan_is_rehearsed_to_its_end_with_faults_and_kills() {
    let rehearsal = Rehearsal::of(&[HEAD, SIDES, ZONES]);
    let ended = rehearsal
        .run(&["rehearse", "plan.yaml", "--out", "out", "--messages", "60", "--seed", "7"])
        .code(0);
    ended.says(&[
        "no server of the plan is reached, none of its secrets is read",
        "Killed by `kill -9`",
        "the step `mx/acme.example`",
        "lost 0 · doubled 0",
        "The rehearsal went well",
        "out/report.html",
    ]);
    let report = rehearsal.report();
    assert_eq!(report["days"], 15, "a day before the change and two weeks after it");
    let killed = |act: &Value| {
        let steps = act["steps"].as_array().expect("steps");
        steps.iter().filter(|step| step["ran"]["ended"] == "killed").count()
    };
    let kills: usize = report["acts"].as_array().expect("acts").iter().map(killed).sum();
    assert_eq!(kills, 2, "{report:#}");
    assert!(report["faults"].as_object().expect("faults").len() >= 4, "{:#}", report["faults"]);
    let (all, there) = (count(&report, "at_source"), count(&report, "arrived"));
    assert!(all > 100 && there > 80, "{all} {there}");
    assert_eq!(report["verdict"]["excepted"]["too-large"], 1, "{:#}", report["verdict"]);
    assert!(count(&report, "excluded") > 0 && count(&report, "gone_since") > 4);
    assert_eq!(all, there + count(&report, "excluded") + 1);
    let page = std::fs::read_to_string(rehearsal.path().join("out/report.html")).expect("a page");
    assert!(page.contains("It went well.") && page.contains("throttle-by-no"));
    // What was rehearsed is never taken for what was done.
    assert!(!rehearsal.path().join(".mailferry").exists());
    assert!(!rehearsal.path().join(".config").exists(), "nobody was trusted");
}

#[test]
fn other_servers_are_rehearsed_with_starttls_and_without_tls() {
    let sides = "\
source:
  product: imap
  imap: { host: imap.old.example, tls: starttls }
  passwords: { csv: secrets/passwords.csv }
destination:
  product: imap
  imap: { host: localhost, port: 1143, tls: none }
  login: { admin: migrator, secret: new, style: master-user }
folders:
  map: { Sent: Sent Items, Trash: Deleted Items, Spam: Junk Email, Junk: Junk Email }
  merge: [ Junk Email ]
  deletions: propagate
messages: { since: 2018-01-01 }
limits: { bandwidth: 20KB, hours: { only: \"20:00-20:01\", zone: Europe/Berlin } }
mailboxes:
  - { address: ada@acme.example, destination_user: ada }
dns:
  zones:
    acme.example: { spf: \"v=spf1 include:spf.new.example -all\" }
";
    let rehearsal = Rehearsal::of(&[HEAD, sides]);
    let ended = rehearsal.run(&[
        "rehearse",
        "plan.yaml",
        "--calm",
        "--out",
        "out",
        "--messages",
        "40",
        "--format",
        "json",
    ]);
    let report = json(&ended.code(0).stdout);
    assert_eq!(report, rehearsal.report());
    assert_eq!(report["faults"], serde_json::json!({}));
    let cast = report["cast"].to_string();
    assert!(cast.contains("STARTTLS") && cast.contains("no TLS"), "{cast}");
    assert!(count(&report, "excluded") > 0, "messages of years before 2018");
    // Records other than an MX are changed, too, and no day of a cutover passes.
    let acts = report["acts"].to_string();
    assert!(acts.contains("the step `spf/acme.example`") && report["days"] == 1, "{report:#}");
    // Copies of what vanished are removed only after a person said so.
    assert_eq!(report["guards"][0]["code"], "G322", "{report:#}");
}

#[test]
fn what_no_rehearsal_can_do_is_told() {
    let rehearsal = Rehearsal::of(&[HEAD, SIDES]);
    std::fs::create_dir(rehearsal.path().join("full")).expect("a directory");
    std::fs::write(rehearsal.path().join("full/ledger.sqlite"), "x").expect("a file");
    rehearsal
        .run(&["rehearse", "plan.yaml", "--out", "full"])
        .code(64)
        .says(&["E326", "full is not empty"])
        .says_what_is_next();
    rehearsal
        .run(&["rehearse", "plan.yaml", "--state", "x.sqlite"])
        .code(64)
        .says(&["E325"])
        .says_what_is_next();
    rehearsal
        .run(&["plan", "plan.yaml", "--rehearsal", "plan.yaml"])
        .code(1)
        .says(&["E320", "no directions of a rehearsal"])
        .says_what_is_next();
    rehearsal.run(&["rehearse"]).code(64);
    // What is rehearsed never gets into a ledger of the user's.
    rehearsal.run(&["plan", "plan.yaml", "--rehearsal", "x.json", "--state", "y.sqlite"]).code(64);
    let broken = Rehearsal::of(&[HEAD, "nonsense: 1\n"]);
    broken.run(&["rehearse", "broken.yaml"]).code(65);
    broken.run(&["rehearse", "plan.yaml"]).code(65).says(&["nonsense", "E065"]);
}

#[test]
fn directions_lead_to_nobody_else() {
    let rehearsal = Rehearsal::of(&[HEAD, SIDES]);
    std::fs::write(
        rehearsal.path().join("nowhere.json"),
        "{\"format_version\": \"1.0\", \"routes\": {}, \"ca\": \"/ca.pem\", \"ahead\": 0, \
         \"mailboxes\": [\"ada@acme.example\"], \"acknowledged\": []}",
    )
    .expect("a file");
    rehearsal
        .run(&["plan", "plan.yaml", "--rehearsal", "nowhere.json"])
        .code(8)
        .says(&["this server is not part of the rehearsal"]);
}

#[test]
fn every_habit_is_listed_with_its_source() {
    let rehearsal = Rehearsal::of(&[HEAD]);
    let listed = json(&rehearsal.run(&["rehearse", "--habits", "--format", "json"]).code(0).stdout);
    let listed = listed["habits"].as_array().expect("habits").len();
    assert_eq!(listed, mailferry::simulate::HABITS.len());
    rehearsal.run(&["rehearse", "--habits"]).code(0).says(&[
        "throttle-by-no",
        "reported",
        "imapsync issue 198",
        "assumed",
    ]);
}

/// A mailbox as `plan --observation` writes it: one folder with messages of two sizes.
fn observed(address: &str, folder: &str, small: u64, large: u64) -> Value {
    let sizes = serde_json::json!([
        { "at_least": 2048, "messages": small, "octets": small * 3_000 },
        { "at_least": 8_388_608, "messages": large, "octets": large * 10_000_000 },
    ]);
    let shape = serde_json::json!({
        "messages": small + large, "octets": small * 3_000 + large * 10_000_000,
        "largest": 10_000_000, "sizes": sizes,
        "over_limit": { "limit": 36_700_160, "messages": 0, "octets": 0 },
        "oldest": "2019-01-01T00:00:00Z", "newest": "2026-01-01T00:00:00Z",
        "undated": 0, "flags": { "\\Seen": small + large },
    });
    let state = serde_json::json!({
        "present": { "subscribed": true, "messages": small + large, "shape": shape }
    });
    let folders = serde_json::json!([{ "path": folder, "state": state }]);
    let contents = serde_json::json!({ "present": { "quota": "absent", "folders": folders } });
    serde_json::json!({ "address": address, "contents": contents })
}

#[test]
fn the_real_folders_and_sizes_are_played_scaled_down_and_forecast_in_full() {
    let rehearsal = Rehearsal::of(&[HEAD, SIDES]);
    let observation = serde_json::json!({
        "format_version": 1, "mailferry": "0.1.0", "made_at": "2026-11-01T00:00:00Z",
        "anonymous": false, "product": "rackspace-email",
        "mailboxes": [
            observed("ada@acme.example", "Clients/Files of 2019", 3_000, 6_000),
            observed("bob@acme.example", "INBOX", 30, 0),
        ],
    });
    std::fs::write(rehearsal.path().join("seen.json"), observation.to_string()).expect("a file");
    rehearsal
        .run(&[
            "rehearse",
            "plan.yaml",
            "--calm",
            "--out",
            "out",
            "--messages",
            "40",
            "--from-observation",
            "seen.json",
        ])
        .code(0)
        .says(&["The real one, by the observation", "ada@acme.example", "9,030 messages"]);
    let report = rehearsal.report();
    let plan = std::fs::read_to_string(rehearsal.path().join("out/plan-1.json")).expect("a plan");
    assert!(plan.contains("Clients/Files of 2019"), "the folder is played under its own name");
    let played = report["messages"][0].as_u64().expect("a number");
    assert!((40..=80).contains(&played), "{played}");
    let forecast = &report["forecast"];
    assert_eq!(forecast["to_copy"]["messages"], 9_030, "{forecast:#}");
    assert_eq!(forecast["large"][0]["mailbox"], "ada@acme.example");
    assert_eq!(forecast["large"][0]["over"], 53_687_091_200_u64, "60 GB in a mailbox of 50");
    std::fs::write(rehearsal.path().join("seen.json"), "{}").expect("a file");
    rehearsal
        .run(&["rehearse", "plan.yaml", "--from-observation", "seen.json"])
        .code(1)
        .says(&["E327", "is no observation"])
        .says_what_is_next();
}

#[test]
fn a_rehearsal_ends_with_what_only_another_migration_plan_can_change() {
    let rehearsal = Rehearsal::of(&[HEAD, SIDES]);
    let mut ada = observed("ada@acme.example", "Work", 5, 0);
    let folders = ada["contents"]["present"]["folders"].as_array_mut().expect("folders");
    let mut twin = folders[0].clone();
    twin["path"] = "work".into();
    folders.push(twin);
    let observation = serde_json::json!({
        "format_version": 1, "mailferry": "0.1.0", "made_at": "2026-11-01T00:00:00Z",
        "anonymous": false, "product": "rackspace-email", "mailboxes": [ada],
    });
    std::fs::write(rehearsal.path().join("seen.json"), observation.to_string()).expect("a file");
    let args = ["rehearse", "plan.yaml", "--out", "out", "--from-observation", "seen.json"];
    rehearsal.run(&args).code(6).says(&[
        "Work and work differ in upper and lower case only",
        "change the migration plan, and rehearse again",
        "IN THE WAY  G302 ada@acme.example/Work",
    ]);
    let report = rehearsal.report();
    assert_eq!(report["in_the_way"][0], "G302 ada@acme.example/Work", "{report:#}");
    let page = std::fs::read_to_string(rehearsal.path().join("out/report.html")).expect("a page");
    assert!(page.contains("Nothing was copied: the migration plan has to change."), "{page}");
}

#[test]
fn a_folder_without_a_place_ends_a_rehearsal_with_what_to_write() {
    let sides = SIDES.replace("  profile: exchange-online\n", "");
    let rehearsal = Rehearsal::of(&[HEAD, &sides]);
    // What a rehearsal makes up fits the migration plan; what was observed may not.
    let args = ["rehearse", "plan.yaml", "--calm", "--messages", "20", "--out", "made-up"];
    rehearsal.run(&args).code(0);
    let observation = serde_json::json!({
        "format_version": 1, "mailferry": "0.1.0", "made_at": "2026-11-01T00:00:00Z",
        "anonymous": false, "product": "rackspace-email",
        "mailboxes": [observed("ada@acme.example", "Contracts \\/ NDA", 5, 0)],
    });
    std::fs::write(rehearsal.path().join("seen.json"), observation.to_string()).expect("a file");
    let args = ["rehearse", "plan.yaml", "--out", "out", "--from-observation", "seen.json"];
    rehearsal.run(&args).code(6).says(&[
        "holds `/`, which parts folders at the destination",
        "folders.characters",
        "IN THE WAY  source folder ada@acme.example/Contracts",
    ]);
}

/// What the README shows first.
#[test]
fn the_example_for_microsoft_365_is_rehearsed_to_its_end() {
    let rehearsal = Rehearsal::of(&[HEAD]);
    let plan =
        concat!(env!("CARGO_MANIFEST_DIR"), "/examples/plans/rackspace-to-microsoft-365.yaml");
    let args =
        ["rehearse", plan, "--messages", "50", "--mailboxes", "2", "--seed", "3", "--out", "out"];
    rehearsal.run(&args).code(0).says(&["asked for a token", "The rehearsal went well"]);
    let report = rehearsal.report();
    let faults = report["faults"].as_object().expect("faults");
    assert!(faults.keys().any(|name| name.starts_with("tenant: ")), "{faults:#?}");
}

#[test]
fn services_that_are_kept_meet_other_commands_until_ctrl_c() {
    // The real commands need the file of the authority.
    let sides = SIDES.replace(", ca: not-there.pem", "");
    let rehearsal = Rehearsal::of(&[HEAD, &sides]);
    let kept = rehearsal.begin(&[
        "rehearse",
        "plan.yaml",
        "--calm",
        "--keep",
        "--out",
        "out",
        "--messages",
        "20",
    ]);
    let directions = rehearsal.path().join("out/rehearsal.json");
    let report = rehearsal.path().join("out/report.html");
    until("the rehearsal is over", || report.exists());
    let directions = directions.to_str().expect("a path");
    let args = ["plan", "plan.yaml", "--rehearsal", directions, "--observation", "seen.json"];
    rehearsal.run(&args).code(0).says(&["source 2/2 mailboxes"]);
    let args = ["status", "plan.yaml", "--rehearsal", directions];
    rehearsal.run(&args).code(0).says(&["copied"]);
    kept.signal(Signal::INT);
    kept.end().code(0);
    // Its plans approve nothing at the real servers, and its directions are gone with it.
    rehearsal
        .run(&["apply", "out/plan-1.json"])
        .code(3)
        .says(&["E307", "good with its --rehearsal only"]);
    rehearsal.run(&["plan", "plan.yaml", "--rehearsal", directions]).code(1).says(&["E320"]);
    assert!(!rehearsal.path().join(".mailferry").exists());
    // What was seen of the simulated source can be rehearsed in turn.
    let args =
        ["rehearse", "plan.yaml", "--calm", "--from-observation", "seen.json", "--messages", "20"];
    rehearsal.run(&args).code(0);
}

#[test]
fn a_rehearsal_that_is_interrupted_ends_with_130() {
    let rehearsal = Rehearsal::of(&[HEAD, SIDES]);
    let running = rehearsal.begin(&["rehearse", "plan.yaml", "--out", "out"]);
    let apply = rehearsal.path().join("out/03-apply.txt");
    until("something is applied", || apply.exists());
    running.signal(Signal::INT);
    running.end().code(130).says(&["E130", "interrupted"]);
    // What it printed until then is kept, also of the command that was under way.
    let kept = std::fs::read_to_string(apply).expect("its text");
    assert!(kept.starts_with("$ mailferry apply"), "{kept}");
}

/// The second `apply` loses its only connection to the source while it looks; waiting for another
/// one before the lost one was let go, it waited for itself.
#[test]
fn one_connection_to_the_source_is_enough_when_it_is_lost() {
    let sides = SIDES
        .replace("style: master-user }\n", "style: master-user }\n  limits: { connections: 1 }\n");
    assert!(sides.contains("connections: 1"));
    let rehearsal = Rehearsal::of(&[HEAD, &sides]);
    rehearsal
        .run(&["rehearse", "plan.yaml", "--out", "out", "--messages", "40", "--seed", "3"])
        .code(0)
        .says(&["lost 0 · doubled 0"]);
}
