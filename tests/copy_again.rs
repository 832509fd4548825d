//! A second apply on real servers that allow one connection a side.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says so by panicking")]

mod lab;

use lab::dovecot::MASTER;
use lab::seeds;
use lab::{Lab, LabOptions};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

const ADA: &str = "ada@acme.example";
const BOB: &str = "bob@acme.example";

struct Bench {
    lab: Lab,
    plan: PathBuf,
}

impl Bench {
    fn start() -> Self {
        let users = vec![ADA.to_owned(), BOB.to_owned()];
        let lab = Lab::start(LabOptions { users, ..LabOptions::default() });
        for user in [ADA, BOB] {
            lab.source.seed(
                user,
                &[
                    ("INBOX", (0..12).map(seeds::plain).collect()),
                    ("Clients/North", (20..26).map(seeds::plain).collect()),
                ],
            );
        }
        std::fs::copy(&lab.ca_pem, lab.work.join("ca.pem")).unwrap();
        let plan = lab.work.join("plan.yaml");
        let bench = Self { lab, plan };
        bench.write("");
        bench
    }

    /// One connection a side for two mailboxes: whoever takes the places in the wrong order hangs.
    fn write(&self, acknowledged: &str) {
        let text = format!(
            "version: 1\nname: again\ndomains: [acme.example]\n\
             secrets:\n  old: {{ env: OLD }}\n  new: {{ env: NEW }}\n\
             source:\n  product: rackspace-email\n  \
             imap: {{ host: localhost, port: {}, ca: ca.pem }}\n  \
             login: {{ admin: {}, secret: old, style: master-user }}\n  \
             limits: {{ connections: 1 }}\n\
             destination:\n  product: imap\n  \
             imap: {{ host: localhost, port: {}, ca: ca.pem }}\n  \
             limits: {{ connections: 1 }}\n\
             mailboxes:\n  - {{ address: {ADA}, destination_secret: new }}\n  \
             - {{ address: {BOB}, destination_secret: new }}\n{acknowledged}",
            self.lab.source.port, MASTER.0, self.lab.destination.port,
        );
        std::fs::write(&self.plan, text).unwrap();
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let mut child = Command::new(env!("CARGO_BIN_EXE_mailferry"))
            .args(arguments)
            .arg(Path::new("plan.yaml"))
            .args(["--trust", "localhost"])
            .current_dir(&self.lab.work)
            .env("XDG_CONFIG_HOME", self.lab.work.join("config"))
            .env("OLD", MASTER.1)
            .env("NEW", Lab::DESTINATION_PASSWORD)
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let begun = Instant::now();
        while child.try_wait().unwrap().is_none() {
            if begun.elapsed() > Duration::from_secs(120) {
                child.kill().unwrap();
                panic!("{arguments:?} hangs: {:?}", child.wait_with_output().unwrap());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        child.wait_with_output().unwrap()
    }

    /// Runs a command that ends with this code, and returns what it printed.
    fn expect(&self, code: i32, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}\n{text}\n{errors}");
        text
    }

    fn bodies(&self, path: &str) -> Vec<Vec<u8>> {
        let there = self.lab.destination.dump(ADA, path);
        let mut bodies: Vec<_> = there.into_iter().map(|stored| stored.bytes).collect();
        bodies.sort();
        bodies
    }
}

#[test]
fn a_folder_that_was_made_anew_is_filled_again_and_not_called_done() {
    let bench = Bench::start();
    bench.expect(0, &["apply", "--auto-approve"]);
    bench.expect(0, &["verify"]);
    let all = bench.bodies("Clients/North");
    assert_eq!(all.len(), 6);

    let mut client = bench.lab.destination.session(ADA);
    client.delete("Clients/North").unwrap();
    client.create("Clients/North").unwrap();
    client.append("Clients/North", &[], Some("02-Jan-2025 09:00:00 +0000"), &all[2]).unwrap();
    bench.expect(6, &["verify"]);

    let plan = bench.expect(0, &["plan"]);
    let acknowledge = plan
        .lines()
        .find(|line| line.trim_start().starts_with("acknowledge:"))
        .unwrap_or_else(|| panic!("no acknowledgement in\n{plan}"));
    bench.write(&format!("{}\n", acknowledge.trim()));
    bench.expect(0, &["apply", "--auto-approve"]);
    assert_eq!(bench.bodies("Clients/North"), all, "nothing is missing and nothing is there twice");
    bench.expect(0, &["plan", "--detailed-exitcode"]);
    bench.expect(0, &["verify"]);
}

#[test]
fn mailboxes_do_not_wait_for_each_others_places() {
    let bench = Bench::start();
    bench.expect(0, &["apply", "--auto-approve"]);
    // Ada's run begins with a folder at the destination, Bob's with a copy.
    bench.lab.source.seed(ADA, &[("Clients/South", vec![seeds::plain(30)])]);
    bench.lab.source.seed(BOB, &[("INBOX", vec![seeds::plain(31)])]);
    bench.expect(0, &["apply", "--auto-approve"]);
    bench.expect(0, &["verify"]);
}

#[test]
fn a_name_with_folders_below_it_only_becomes_a_folder() {
    let bench = Bench::start();
    bench.lab.source.session(ADA).create("Clients").unwrap();
    bench.lab.source.seed(ADA, &[("Clients", vec![seeds::plain(40)])]);
    bench.lab.destination.session(ADA).create("Clients/North").unwrap();
    let clients = |bench: &Bench| {
        let folders = bench.lab.destination.folders(ADA);
        folders.iter().any(|folder| folder.path == "Clients" && folder.selectable())
    };
    assert!(!clients(&bench), "the destination makes no folder of a mere name");
    bench.expect(0, &["apply", "--auto-approve"]);
    assert!(clients(&bench));
    assert_eq!(bench.bodies("Clients").len(), 1);
}
