//! The rules of the output: deterministic, plain without a terminal, whole for programs, and
//! never a secret or an escape sequence in it.

// Helpers of tests are not seen as tests by these lints.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod lab;
mod migration;

use lab::bind::Zone;
use lab::dovecot::MASTER;
use lab::{Lab, LabOptions, seeds};
use migration::run::{Ended, Running};
use migration::{ADA, BOB, Migration, files_below};
use serde_json::Value;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};

const APPLY: [&str; 3] = ["apply", "plan.yaml", "--auto-approve"];
const WRONG: &str = "wrong-but-secret-still";
const ESC: char = '\u{1b}';

fn with_zone() -> Migration {
    let mut migration = Migration::empty(LabOptions {
        zones: vec![Zone::rackspace("acme.example")],
        ..LabOptions::default()
    });
    migration.lab.source.seed(ADA, &migration::folders(0));
    migration.lab.source.seed(BOB, &migration::folders(100));
    let dns = migration.lab.dns.as_ref().unwrap().address(1);
    migration.wanted.more = format!(
        "dns:\n  provider: {{ kind: manual }}\n  resolvers: [ \"{dns}\" ]\n  zones:\n    acme.example:\n      servers: [ \"{dns}\" ]\n      mx: [ {{ host: mx.new.example, preference: 10 }} ]\n"
    );
    migration.write();
    migration
}

#[test]
fn the_same_world_gives_the_same_octets() {
    let migration = with_zone();
    for format in ["text", "markdown", "html"] {
        let args = ["plan", "plan.yaml", "--format", format];
        let (first, second) = (migration.run(&args).code(0), migration.run(&args).code(0));
        assert!(first.stdout.contains("acme.example"), "{first}");
        assert_eq!(first.stdout, second.stdout, "{format}");
    }
    let args = ["plan", "plan.yaml", "--format", "json"];
    let json = migration.run(&args).code(0).stdout;
    assert_eq!(json, migration.run(&args).code(0).stdout);
    let saved = || -> Value {
        migration.run(&["plan", "plan.yaml", "--out", "saved.json"]).code(0);
        let text = fs::read_to_string(migration.path("saved.json")).unwrap();
        let mut saved: Value = serde_json::from_str(&text).unwrap();
        assert!(saved["made_at"].is_string());
        saved["made_at"] = Value::Null;
        saved
    };
    let (first, second) = (saved(), saved());
    assert_eq!(first, second);
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!((&json["plan"], &json["digest"]), (&first["plan"], &first["digest"]));
    // Any format of a saved plan is as it was.
    let text = migration.run(&["plan", "plan.yaml", "--out", "saved.json"]).code(0).stdout;
    let shown = migration.run(&["show", "saved.json"]).code(0).stdout;
    assert_eq!(text, shown);
    let last: Vec<&str> = text.lines().rev().take(2).collect();
    assert!(last[0].contains("mailferry apply saved.json --expect "), "{text}");
    assert!(last[1].starts_with("Plan: ") && last[1].ends_with("0 unknown."), "{text}");
}

#[test]
fn json_is_as_its_schema_says() {
    let migration = with_zone();
    let schema: Value =
        serde_json::from_str(&migration.run(&["schema", "saved-plan"]).code(0).stdout).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let printed = migration
        .run(&["plan", "plan.yaml", "--format", "json", "--out", "saved.json"])
        .code(0)
        .stdout;
    let printed: Value = serde_json::from_str(&printed).unwrap();
    let mut plan: Value =
        serde_json::from_str(&fs::read_to_string(migration.path("saved.json")).unwrap()).unwrap();
    for field in ["format_version", "digest", "plan"] {
        plan[field] = printed[field].clone();
    }
    let errors: Vec<String> = validator
        .iter_errors(&plan)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert!(errors.is_empty(), "{errors:#?}");
    let events = migration.run(&["apply", "plan.yaml", "--auto-approve", "--format", "json"]);
    let lines: Vec<Value> = events
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect();
    let ended = lines.iter().filter(|event| event["event"] == "action_ended").count();
    assert!(ended >= 10, "{events}");
    let events = events.code(0);
    assert!(!events.stderr.contains('{'), "{events}");
    let evidence = migration.run(&["verify", "plan.yaml", "--format", "json"]).code(0).stdout;
    let evidence: Value = serde_json::from_str(&evidence).unwrap();
    assert_eq!(evidence["totals"]["account"]["copied"], 26);
    let status = migration.run(&["status", "plan.yaml", "--format", "json"]).code(0).stdout;
    assert!(serde_json::from_str::<Value>(&status).unwrap()["mailboxes"][ADA].is_object());
}

/// Runs the program with a terminal as all three streams: `script` belongs to Debian's base.
fn at_a_terminal(migration: &Migration, line: &str, plain: bool) -> String {
    let mut command = Command::new("script");
    let program = env!("CARGO_BIN_EXE_mailferry");
    command.args(["-qec", &format!("'{program}' {line}"), "/dev/null"]);
    migration.prepare(&mut command);
    command.env("TERM", "xterm-256color").env("SHELL", "/bin/sh");
    if plain {
        command.env("NO_COLOR", "1");
    }
    Ended::of(command, &[line]).stdout
}

#[test]
fn colours_and_bars_are_for_terminals() {
    let migration = Migration::start();
    for args in [
        &["plan", "plan.yaml"] as &[&str],
        &["validate", "plan.yaml"],
        &APPLY,
        &["verify", "plan.yaml"],
        &["status", "plan.yaml"],
        &["plan", "no-such.yaml"],
    ] {
        let ended = migration.run(args);
        assert!(!ended.all().contains([ESC, '\r', '█', '░']), "{ended}");
    }
    assert!(at_a_terminal(&migration, "plan plan.yaml", false).contains("\u{1b}["));
    let plain = at_a_terminal(&migration, "plan plan.yaml", true);
    assert!(plain.contains("Plan: "), "{plain}");
    // Bars move the cursor; colours are what NO_COLOR is about.
    for text in [&plain, &at_a_terminal(&migration, "plan plan.yaml --no-color", false)] {
        let colours = text
            .split(ESC)
            .skip(1)
            .filter_map(|rest| rest.strip_prefix('['))
            .filter(|rest| {
                rest.trim_start_matches(|c: char| c.is_ascii_digit() || c == ';').starts_with('m')
            })
            .count();
        assert_eq!(colours, 0, "{text:?}");
    }
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let migration = Migration::start();
    let closed = |args: &[&str]| {
        let mut child =
            migration.command(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!stderr.contains("panicked") && !stderr.contains("error["), "{args:?}: {stderr}");
        assert_eq!(output.status.code(), Some(0), "{args:?}: {stderr}");
    };
    closed(&["plan", "plan.yaml", "--format", "json"]);
    closed(&["schema"]);
    closed(&["--help"]);
    closed(&["apply", "plan.yaml", "--auto-approve", "--format", "json"]);
    closed(&["verify", "plan.yaml"]);
    for user in [ADA, BOB] {
        migration.arrived(user);
    }
}

#[test]
fn output_that_cannot_be_written_is_an_error() {
    let migration = Migration::start();
    let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let mut command = migration.command(&["plan", "plan.yaml"]);
    command.stdout(full);
    let output = command.stderr(Stdio::piped()).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("could not be written"));
}

#[test]
fn markdown_fits_into_a_pull_request() {
    let migration =
        Migration::empty(LabOptions { users: vec![ADA.to_owned()], ..LabOptions::default() });
    let mut session = migration.lab.source.session(ADA);
    for number in 0..600 {
        let path = format!("Customers of the year {number} with a long name/Case {number}");
        session.create(&path).unwrap();
        if number % 3 == 0 {
            let mail = seeds::plain(number);
            session.append(&path, &[], Some(&mail.date), &mail.bytes).unwrap();
        }
    }
    // What is unlike its neighbours cannot be folded into one line.
    let shown = migration.run(&["plan", "plan.yaml", "--format", "markdown"]).code(0).stdout;
    assert!(shown.len() <= 60_000, "{} bytes", shown.len());
    assert!(shown.contains("Plan: ") && shown.contains("0 unknown."), "{shown}");
    assert!(shown.contains("acme"), "{shown}");
}

#[test]
fn no_escape_sequence_of_a_server_reaches_a_terminal() {
    let mut migration = Migration::start();
    // Behind the server's back, which refuses such names itself: a folder whose decoded name
    // clears the screen and turns text around, as a mailbox from elsewhere may have it.
    let mut session = migration.lab.source.session(ADA);
    session.create("Trap").unwrap();
    let maildir = migration.lab.source.dir.join("mail").join(ADA).join("Maildir");
    let name = lab::wire::encode_name("red\u{1b}[31m\u{202e}gone\u{7}");
    fs::rename(maildir.join(".Trap"), maildir.join(format!(".{name}"))).unwrap();
    migration.lab.source.plant(
        ADA,
        "red\u{1b}[31m\u{202e}gone\u{7}",
        "1.m.x",
        &seeds::plain(7).bytes,
    );
    migration.lab.source.refuse(BOB, "off\u{1b}[2J<b>now</b>");
    let mut seen = String::new();
    for args in [
        &["plan", "plan.yaml", "--out", "saved.json"] as &[&str],
        &["plan", "plan.yaml", "--format", "markdown"],
        &["plan", "plan.yaml", "--format", "html"],
        &["plan", "plan.yaml", "--format", "json"],
        &["show", "saved.json"],
        &["apply", "plan.yaml", "--auto-approve", "--dry-run"],
        &["apply", "plan.yaml", "--auto-approve", "--format", "json"],
        &["apply", "saved.json"],
        &["verify", "plan.yaml"],
        &["verify", "plan.yaml", "--format", "html", "--report", "report.html"],
        &["status", "plan.yaml"],
    ] {
        let ended = migration.run(args);
        let bad = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
        // JSON is for programs, which get the name itself: escaped as JSON, never raw.
        let json = args.contains(&"json");
        let raw = |c: char| if json { c.is_control() && c != '\n' } else { bad(c) };
        assert!(!ended.stdout.contains(raw), "{args:?}: {:?}", ended.stdout);
        assert!(!ended.stderr.contains(bad), "{args:?}: {:?}", ended.stderr);
        if args.contains(&"html") {
            assert!(!ended.stdout.contains("<b>now"), "{ended}");
        }
        seen.push_str(&ended.all());
    }
    assert!(seen.contains("gone"), "the folder is named");
    assert!(seen.contains("now"), "the server's words are repeated");
    let report = fs::read_to_string(migration.path("report.html")).unwrap();
    assert!(!report.contains(ESC) && !report.contains('\u{202e}'));
}

#[test]
fn no_secret_is_ever_written() {
    let mut migration = with_zone();
    migration.wanted.secrets.push("bobs: { env: BOBS_PASSWORD }".to_owned());
    migration.wanted.mailboxes[1] =
        format!("{{ address: {BOB}, source_secret: bobs, destination_secret: new }}");
    migration.write();
    let secrets = [MASTER.1, Lab::DESTINATION_PASSWORD, WRONG];
    let clean = |what: &str, octets: &[u8]| {
        for secret in secrets {
            let found = octets.windows(secret.len()).any(|window| window == secret.as_bytes());
            assert!(!found, "{what} holds {secret}");
        }
    };
    migration.lab.source.freeze();
    let start = |args: &[&str]| {
        let mut command = migration.command(args);
        command.env("BOBS_PASSWORD", WRONG).env("RUST_LOG", "trace");
        Running::of(command, args)
    };
    let mut running = start(&["-v", "apply", "plan.yaml", "--auto-approve"]);
    for _ in 0..20 {
        assert!(!running.is_over());
        clean("the command line", &fs::read(format!("/proc/{}/cmdline", running.id())).unwrap());
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    migration.lab.source.thaw();
    clean("apply", running.end().code(8).all().as_bytes());
    let mut runs: Vec<Vec<&str>> = vec![
        vec!["-v", "apply", "plan.yaml", "--auto-approve", "--format", "json"],
        vec!["-v", "verify", "plan.yaml", "--report", "report.html"],
        vec!["-v", "verify", "plan.yaml", "--format", "json"],
        vec!["-v", "validate", "plan.yaml", "--format", "json"],
        vec!["-v", "status", "plan.yaml"],
    ];
    for format in ["text", "markdown", "json", "html"] {
        runs.push(vec!["-v", "plan", "plan.yaml", "--format", format, "--out", "saved.json"]);
    }
    for args in runs {
        let ended = start(&args).end();
        assert!(matches!(ended.code, Some(0 | 6 | 8)), "{ended}");
        clean(&args.join(" "), ended.all().as_bytes());
    }
    let files = files_below(&migration.dir);
    for wanted in ["acme.sqlite", "saved.json", "report.html", "evidence", "config"] {
        assert!(
            files.iter().any(|(path, _)| path.to_string_lossy().contains(wanted)),
            "no {wanted} was written"
        );
    }
    for (path, octets) in &files {
        clean(&path.to_string_lossy(), octets);
    }
    // What lies beside the plan is for its owner alone.
    for (path, _) in files_below(&migration.path(".mailferry")) {
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{}: {mode:o}", path.display());
    }
}
