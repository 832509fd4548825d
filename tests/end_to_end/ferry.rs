//! Runs the program on a migration plan of its own.

use crate::lab::Lab;
use crate::lab::dovecot::MASTER;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// No run takes longer, so that a test that hangs says where.
const PATIENCE: Duration = Duration::from_secs(150);

/// The mailbox of most tests.
pub(crate) const ADA: &str = "ada@acme.example";

/// The usual folder map.
pub(crate) const MAP: &str = "map: { Sent: Sent Items, Trash: Deleted Items, Spam: Junk Email }";

/// What is particular to a migration plan.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wanted<'a> {
    pub(crate) mailboxes: &'a [&'a str],
    /// Below `folders:`, in flow style, for example `map: { Sent: Sent Items }`.
    pub(crate) folders: &'a str,
    /// Below `destination:`, a whole line.
    pub(crate) destination: &'a str,
    /// Further lines at the end.
    pub(crate) more: String,
    /// Another destination than the lab's, by its port with TLS.
    pub(crate) destination_port: Option<u16>,
    /// Another source than the lab's: its port with TLS, and the administrator's log-in there.
    pub(crate) source: Option<(u16, &'a str)>,
}

/// The program, its migration plan and its ledger.
#[derive(Debug)]
pub(crate) struct Ferry {
    work: PathBuf,
    trust: String,
    runs: std::cell::Cell<usize>,
}

/// What a run gave.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// A run that was not waited for yet.
#[derive(Debug)]
pub(crate) struct Running {
    child: Child,
    stdout: PathBuf,
    stderr: PathBuf,
    what: String,
}

impl Ferry {
    /// Writes `plan.yaml` into the lab's work directory.
    pub(crate) fn new(lab: &Lab, wanted: &Wanted<'_>) -> Self {
        Self::at(lab.work.clone(), lab, wanted)
    }

    /// Writes `plan.yaml` into a directory below, for migrations that run side by side.
    pub(crate) fn beside(lab: &Lab, directory: &str, wanted: &Wanted<'_>) -> Self {
        let work = lab.work.join(directory);
        fs::create_dir(&work).expect("a directory of its own");
        Self::at(work, lab, wanted)
    }

    fn at(work: PathBuf, lab: &Lab, wanted: &Wanted<'_>) -> Self {
        fs::copy(&lab.ca_pem, work.join("ca.pem")).expect("the CA can be copied");
        let (source, destination) = ports(lab, wanted);
        let trust = format!("localhost:{source},localhost:{destination}");
        let ferry = Self { work, trust, runs: 0.into() };
        ferry.write_plan(lab, wanted);
        ferry
    }

    /// Writes the migration plan anew.
    pub(crate) fn write_plan(&self, lab: &Lab, wanted: &Wanted<'_>) {
        fs::write(self.path("plan.yaml"), yaml(lab, wanted)).expect("the plan can be written");
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.work.join(name)
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).expect("a file that mailferry wrote")
    }

    /// Starts the program in the work directory.
    pub(crate) fn start(&self, arguments: &[&str]) -> Running {
        self.runs.set(self.runs.get() + 1);
        let number = self.runs.get();
        let (stdout, stderr) =
            (self.path(&format!("run-{number}.out")), self.path(&format!("run-{number}.err")));
        let child = Command::new(env!("CARGO_BIN_EXE_mailferry"))
            .args(arguments)
            .current_dir(&self.work)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", &self.work)
            .env("XDG_CONFIG_HOME", self.work.join("config"))
            .env("MAILFERRY_TRUST", &self.trust)
            .env("OLD_ADMIN_PASSWORD", MASTER.1)
            .env("NEW_PASSWORD", Lab::DESTINATION_PASSWORD)
            .stdin(Stdio::null())
            .stdout(File::create(&stdout).expect("a file for stdout"))
            .stderr(File::create(&stderr).expect("a file for stderr"))
            .spawn()
            .expect("mailferry can be started");
        Running { child, stdout, stderr, what: arguments.join(" ") }
    }

    /// Runs the program to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        self.start(arguments).wait()
    }

    /// Runs the program to its end and checks its exit code.
    pub(crate) fn expect(&self, code: i32, arguments: &[&str]) -> Ran {
        let ran = self.run(arguments);
        assert_eq!(
            ran.code,
            code,
            "mailferry {} ended with another code:\n{}\n{}",
            arguments.join(" "),
            ran.stdout,
            ran.stderr
        );
        ran
    }

    /// Plans into `saved.json` and returns the digest.
    pub(crate) fn plan(&self) -> String {
        self.expect(0, &["plan", "plan.yaml", "--out", "saved.json"]);
        let saved: Value = serde_json::from_str(&self.read("saved.json")).expect("JSON");
        saved["digest"].as_str().expect("a digest").to_owned()
    }

    /// Returns the plan as it is now, as data.
    pub(crate) fn planned(&self) -> Value {
        let ran = self.run(&["plan", "plan.yaml", "--format", "json"]);
        serde_json::from_str(&ran.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}\n{}", ran.stdout, ran.stderr))
    }

    /// Plans and applies what was planned.
    pub(crate) fn plan_and_apply(&self, code: i32) -> Ran {
        let digest = self.plan();
        self.expect(code, &["apply", "saved.json", "--expect", &digest])
    }

    /// Verifies and checks that everything holds.
    pub(crate) fn verify(&self) -> Ran {
        self.expect(0, &["verify", "plan.yaml"])
    }

    /// Applies until one apply ends with 0; any other code than the allowed ones fails the test.
    pub(crate) fn apply_until_done(&self, allowed: &[i32]) -> usize {
        for attempt in 1..=10 {
            let ran = self.run(&["apply", "plan.yaml", "--auto-approve"]);
            if ran.code == 0 {
                return attempt;
            }
            assert!(allowed.contains(&ran.code), "{ran:#?}");
        }
        panic!("ten applies were not enough");
    }

    /// Checks that nothing is left to do, and that the proof holds.
    pub(crate) fn settled(&self) {
        self.verify();
        let ran = self.run(&["plan", "plan.yaml", "--detailed-exitcode"]);
        assert_eq!(ran.code, 0, "something is left to do:\n{}{}", ran.stdout, ran.stderr);
    }

    /// Returns how many messages of a mailbox the ledger calls copied.
    pub(crate) fn copied(&self, mailbox: &str) -> u64 {
        let ran = self.expect(0, &["status", "plan.yaml", "--format", "json"]);
        let status: Value = serde_json::from_str(&ran.stdout).expect("JSON");
        status["mailboxes"][mailbox]["copied"].as_u64().unwrap_or(0)
    }
}

impl Running {
    /// Sends a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("mailferry runs");
    }

    /// Ends it without a chance to do anything.
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("mailferry can be killed");
        self.child.wait().expect("mailferry can be waited for");
    }

    /// Tells whether it still runs.
    pub(crate) fn runs(&mut self) -> bool {
        self.child.try_wait().expect("mailferry can be waited for").is_none()
    }

    /// Returns what it wrote to stderr so far.
    pub(crate) fn said(&self) -> String {
        fs::read_to_string(&self.stderr).unwrap_or_default()
    }

    /// Returns the events that it wrote so far, when it runs with `--format json`.
    pub(crate) fn events(&self) -> Vec<Value> {
        let text = fs::read_to_string(&self.stdout).unwrap_or_default();
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        whole.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// Returns its number among the processes.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Returns the most memory of its own that it was seen with, in KiB, when it is over or this is
    /// enough. The pages of the program itself are not its own: those of an unoptimised one are 42
    /// of 54 MiB.
    pub(crate) fn most_memory(&mut self, mut enough: impl FnMut() -> bool) -> u64 {
        let mut most = 0;
        while self.runs() && !enough() {
            let status =
                fs::read_to_string(format!("/proc/{}/status", self.id())).unwrap_or_default();
            // A process that ends has none.
            let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"));
            let now = line.and_then(|rest| rest.trim().strip_suffix(" kB")?.parse().ok());
            most = most.max(now.unwrap_or(0));
            std::thread::sleep(Duration::from_millis(2));
        }
        most
    }

    /// Waits for its end.
    pub(crate) fn wait(mut self) -> Ran {
        let start = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("mailferry can be waited for") {
                break status;
            }
            if start.elapsed() > PATIENCE {
                let _ = self.child.kill();
                let _ = self.child.wait();
                let ran = self.ran(None);
                panic!("mailferry {} did not end: {ran:#?}", self.what);
            }
            std::thread::sleep(Duration::from_millis(10));
        };
        self.ran(Some(status))
    }

    fn ran(&self, status: Option<ExitStatus>) -> Ran {
        let read = |path: &Path| fs::read_to_string(path).expect("the output is text");
        Ran {
            code: status.and_then(|status| status.code()).unwrap_or(-1),
            stdout: read(&self.stdout),
            stderr: read(&self.stderr),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // A test that failed leaves nothing behind; one that ended has nothing to kill.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The ports of source and destination.
fn ports(lab: &Lab, wanted: &Wanted<'_>) -> (u16, u16) {
    let source = wanted.source.map_or(lab.source.port, |(port, _)| port);
    (source, wanted.destination_port.unwrap_or(lab.destination.port))
}

fn yaml(lab: &Lab, wanted: &Wanted<'_>) -> String {
    let (source, destination) = ports(lab, wanted);
    let mailboxes = wanted
        .mailboxes
        .iter()
        .map(|address| format!("  - {{ address: {address}, destination_secret: new }}"))
        .collect::<Vec<_>>()
        .join("\n");
    format!(
        "\
version: 1
name: acme
domains: [acme.example]
secrets: {{ old: {{ env: OLD_ADMIN_PASSWORD }}, new: {{ env: NEW_PASSWORD }} }}
source:
  product: imap
  imap: {{ host: localhost, port: {source}, ca: ca.pem }}
  login: {login}
destination:
  product: imap
  imap: {{ host: localhost, port: {destination}, ca: ca.pem }}
{special}folders: {{ {folders} }}
mailboxes:
{mailboxes}
{more}",
        login = wanted.source.map_or_else(
            || format!("{{ admin: {}, secret: old, style: master-user }}", MASTER.0),
            |(_, login)| login.to_owned()
        ),
        special = wanted.destination,
        folders = wanted.folders,
        more = wanted.more,
    )
}
