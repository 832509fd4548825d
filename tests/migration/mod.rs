//! A migration plan between the servers of a lab, and runs of the real program on it.

// Each test file uses a part of this; it says by panicking what it cannot do.
#![allow(dead_code, missing_docs, unreachable_pub)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::missing_panics_doc)]
#![allow(missing_debug_implementations, clippy::must_use_candidate)]

pub mod run;

use crate::lab::client::Stored;
use crate::lab::dovecot::{ImapServer, MASTER};
use crate::lab::seeds::{self, Mail};
use crate::lab::{Lab, LabOptions};
use run::{Ended, Running};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

pub const ADA: &str = "ada@acme.example";
pub const BOB: &str = "bob@acme.example";
pub const CAROL: &str = "carol@acme.example";

/// Everything of one mailbox: folder, then messages.
pub type Contents = BTreeMap<String, Vec<Stored>>;

/// What a migration plan says, piece by piece; each can be replaced before it is written.
#[derive(Clone)]
pub struct Wanted {
    pub name: String,
    pub secrets: Vec<String>,
    pub source: String,
    pub login: String,
    pub destination: String,
    pub folders: String,
    pub mailboxes: Vec<String>,
    pub more: String,
}

impl Wanted {
    /// Copies every mailbox with the administrator's log-in, through TLS.
    pub fn between(source: u16, destination: u16, users: &[&str]) -> Self {
        Self {
            name: "acme".to_owned(),
            secrets: vec![
                "old: { env: OLD_PASSWORD }".to_owned(),
                "new: { env: NEW_PASSWORD }".to_owned(),
            ],
            source: format!("{{ host: localhost, port: {source}, ca: ca.pem }}"),
            login: format!("login: {{ admin: {}, secret: old, style: master-user }}", MASTER.0),
            destination: format!("{{ host: localhost, port: {destination}, ca: ca.pem }}"),
            folders: "map: { Sent: Sent Items, Trash: Deleted Items, Spam: Junk Email }".to_owned(),
            mailboxes: users
                .iter()
                .map(|user| format!("{{ address: {user}, destination_secret: new }}"))
                .collect(),
            more: String::new(),
        }
    }

    pub fn text(&self) -> String {
        let list = |items: &[String], mark: &str| {
            items.iter().fold(String::new(), |text, item| text + "  " + mark + item + "\n")
        };
        format!(
            "version: 1\nname: {}\ndomains: [acme.example]\nsecrets:\n{}source:\n  product: imap\n  imap: {}\n  {}\ndestination:\n  product: imap\n  imap: {}\nfolders:\n  {}\nmailboxes:\n{}{}",
            self.name,
            list(&self.secrets, ""),
            self.source,
            self.login,
            self.destination,
            self.folders,
            list(&self.mailboxes, "- "),
            self.more
        )
    }
}

/// A lab with a migration plan in its work directory.
pub struct Migration {
    pub lab: Lab,
    pub wanted: Wanted,
    /// Where the plan is and where the program runs.
    pub dir: PathBuf,
}

impl Migration {
    /// Starts the servers with three mailboxes of a few folders each.
    pub fn start() -> Self {
        let migration = Self::empty(LabOptions::default());
        for (number, user) in [ADA, BOB, CAROL].into_iter().enumerate() {
            migration.lab.source.seed(user, &folders(number * 100));
        }
        migration
    }

    /// Starts the servers without mail.
    pub fn empty(options: LabOptions) -> Self {
        let users = options.users.clone();
        let lab = Lab::start(options);
        let users: Vec<&str> = users.iter().map(String::as_str).collect();
        let wanted = Wanted::between(lab.source.port, lab.destination.port, &users);
        let dir = lab.work.clone();
        fs::copy(&lab.ca_pem, dir.join("ca.pem")).expect("the CA is copied");
        fs::copy(&lab.other_ca_pem, dir.join("other-ca.pem")).expect("the CA is copied");
        let migration = Self { lab, wanted, dir };
        migration.write();
        migration
    }

    /// Writes `plan.yaml` as it is wanted now.
    pub fn write(&self) {
        self.write_as("plan.yaml", &self.wanted);
    }

    pub fn write_as(&self, file: &str, wanted: &Wanted) {
        fs::write(self.path(file), wanted.text()).expect("the plan is written");
    }

    pub fn path(&self, file: &str) -> PathBuf {
        self.dir.join(file)
    }

    /// Prepares the program with both servers trusted and nobody at a terminal.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mailferry"));
        command.args(args);
        self.prepare(&mut command);
        command
    }

    /// Gives a command the environment of this migration, and no other.
    pub fn prepare(&self, command: &mut Command) {
        let (source, destination) = (&self.lab.source, &self.lab.destination);
        command
            .current_dir(&self.dir)
            .stdin(Stdio::null())
            .env_clear()
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .env("HOME", &self.dir)
            .env("XDG_CONFIG_HOME", self.path("config"))
            .env("OLD_PASSWORD", MASTER.1)
            .env("NEW_PASSWORD", Lab::DESTINATION_PASSWORD)
            .env(
                "MAILFERRY_TRUST",
                [source.port, source.plain_port, destination.port, destination.plain_port]
                    .map(|port| format!("localhost:{port}"))
                    .join(","),
            );
    }

    /// Runs the program to its end.
    pub fn run(&self, args: &[&str]) -> Ended {
        Ended::of(self.command(args), args)
    }

    /// Starts the program and leaves it running.
    pub fn begin(&self, args: &[&str]) -> Running {
        Running::of(self.command(args), args)
    }

    /// Plans into `saved.json` and applies that; both must succeed.
    pub fn copy(&self) -> Ended {
        self.run(&["plan", "plan.yaml", "--out", "saved.json"]).code(0);
        self.run(&["apply", "saved.json"]).code(0)
    }

    /// Everything at the source, to compare with later: it must never change.
    pub fn at_source(&self) -> BTreeMap<String, Contents> {
        everything(&self.lab.source)
    }

    pub fn at_destination(&self) -> BTreeMap<String, Contents> {
        everything(&self.lab.destination)
    }

    /// Asserts that every message of a mailbox arrived, once, with its flags and date, and that
    /// nothing else is there.
    #[track_caller]
    pub fn arrived(&self, user: &str) {
        same(&self.lab.source.dump_all(user), &self.lab.destination.dump_all(user), user);
    }

    /// Asserts that nothing at all was written for a mailbox.
    #[track_caller]
    pub fn untouched(&self, user: &str) {
        let there = self.lab.destination.dump_all(user);
        assert!(there.values().all(Vec::is_empty), "{user}: something was written: {there:?}");
        let folders: Vec<&String> = there.keys().collect();
        let own = ["Deleted Items", "Drafts", "INBOX", "Junk Email", "Sent Items"];
        assert_eq!(folders, own, "{user}: a folder was made");
    }
}

/// A few folders with messages that differ from `first` on.
pub fn folders(first: usize) -> Vec<(&'static str, Vec<Mail>)> {
    let some = |from: usize, count: usize| (first + from..first + from + count).map(seeds::plain);
    vec![
        ("INBOX", some(0, 6).collect()),
        ("Sent", some(10, 3).map(|mail| mail.flags(&["\\Seen"])).collect()),
        ("Projects/2019", some(20, 2).map(|mail| mail.flags(&["\\Flagged"])).collect()),
        ("Müller & Söhne", some(30, 2).collect()),
    ]
}

fn everything(server: &ImapServer) -> BTreeMap<String, Contents> {
    [ADA, BOB, CAROL].into_iter().map(|user| (user.to_owned(), server.dump_all(user))).collect()
}

/// Where a source folder goes in these tests.
pub fn goes_to(path: &str) -> &str {
    match path {
        "Sent" => "Sent Items",
        "Trash" => "Deleted Items",
        "Spam" => "Junk Email",
        other => other,
    }
}

/// Compares two mailboxes as multisets of (octets, date, flags), folder by folder.
#[track_caller]
pub fn same(source: &Contents, destination: &Contents, user: &str) {
    let multiset = |messages: &[Stored]| {
        let mut list: Vec<_> = messages
            .iter()
            .map(|message| (message.bytes.clone(), message.date, message.flags.clone()))
            .collect();
        list.sort();
        list
    };
    let mut wanted = BTreeMap::new();
    for (path, messages) in source {
        wanted.entry(goes_to(path).to_owned()).or_insert_with(Vec::new).extend(messages.clone());
    }
    for (path, messages) in &wanted {
        let there = destination.get(path).map(|there| multiset(there)).unwrap_or_default();
        let (here, missing) = (multiset(messages), there.len());
        assert!(here == there, "{user}: {path}: {} at the source, {missing} there", here.len());
    }
    for (path, messages) in destination {
        assert!(wanted.contains_key(path) || messages.is_empty(), "{user}: {path} is too much");
    }
}

/// Every file below a directory, with its octets.
pub fn files_below(dir: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(files_below(&path));
        } else {
            let octets = fs::read(&path).unwrap_or_default();
            found.push((path, octets));
        }
    }
    found
}
