//! Two services with mailboxes, a migration plan between them, and what happens to both.

use crate::mortal::Disk;
use fastrand::Rng;
use jiff::Timestamp;
use mailferry::desired::{Acknowledgement, Desired};
use mailferry::document;
use mailferry::model::flags::Flags;
use mailferry::model::internal_date::InternalDate;
use mailferry::model::position::Position;
use mailferry::planner::plan::Guard;
use mailferry::simulate::{
    Delivery, Fault, Habit, MailboxTruth, Mischief, Product, Script, Service, Throttle, TokioClock,
    When,
};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;

pub(crate) const PASSWORD: &str = "pw";

/// The ports by which the migration plan names the two services.
pub(crate) const SOURCE: u16 = 1;
pub(crate) const DESTINATION: u16 = 2;

/// Late commits up to this time are found by a search, which waits five seconds at least.
const WITHIN_THE_WAIT: u64 = 4_000;

/// Where folders of the source go; any other keeps its name.
const MAP: [(&str, &str); 4] = [
    ("Sent", "Sent Items"),
    ("Trash", "Deleted Items"),
    ("Spam", "Junk Email"),
    ("Junk", "Junk Email"),
];

/// Where a folder goes, by its names on the wire.
pub(crate) fn goes(folder: &str) -> String {
    let path = folder.replace('.', "/");
    MAP.iter().find(|(from, _)| *from == path).map_or(path, |(_, to)| (*to).to_owned())
}

/// One message that was at the source at some time.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Letter {
    pub(crate) user: String,
    pub(crate) octets: Vec<u8>,
}

/// Everything but the process.
pub(crate) struct World {
    pub(crate) rng: Rng,
    pub(crate) source: Service,
    pub(crate) destination: Service,
    pub(crate) clock: Arc<TokioClock>,
    pub(crate) desired: Desired,
    pub(crate) disk: Disk,
    pub(crate) users: Vec<String>,
    /// The most that the source ever held of each letter at one time, over all folders, and
    /// summed over every time that it came back.
    pub(crate) ever: BTreeMap<Letter, usize>,
    /// How often each letter got a new UID at the source: it was moved, or its folder renumbered.
    /// The copy of one that moves while its answer is outstanding stays where it was sent to.
    pub(crate) moves: BTreeMap<Letter, usize>,
    /// How many letters of a user were delivered with a second and a size.
    looks: BTreeMap<(String, i64, usize), usize>,
    /// Somebody may have moved copies of ours at the destination.
    pub(crate) moved_there: bool,
    /// Somebody may have changed flags of ours at the destination.
    pub(crate) flags_touched: bool,
    /// Mail of ours may be in another folder than it was sent to, or than it belongs into.
    pub(crate) moved: bool,
    number: usize,
    _dir: TempDir,
}

const FOLDERS: [&str; 7] =
    ["INBOX", "Sent", "Trash", "Spam", "Junk", "Projects.2019", "Projects.2019.Deep"];

impl World {
    /// Makes a world from a seed; the plan depends on nothing else.
    pub(crate) fn new(seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        let dir = tempfile::tempdir().expect("a directory");
        let start: Timestamp = "2026-03-01T12:00:00Z".parse().expect("a time");
        let clock = Arc::new(TokioClock::starting_at(start));
        let source = Service::new(Product::rackspace(), clock.clone());
        let destination = Service::new(destination(&mut rng), clock.clone());
        let users: Vec<String> =
            (0..rng.usize(1..3)).map(|n| format!("user-{n}@acme.example")).collect();
        // Without MOVE the copy of a message that moved at the source stays where it is.
        let moved = !destination.product().after.contains(&"MOVE");
        for user in &users {
            source.add_user(user, PASSWORD);
            destination.add_user(user, PASSWORD);
        }
        let desired = desired(dir.path(), &users);
        let mut world = Self {
            rng,
            source,
            destination,
            clock,
            desired,
            disk: Disk::new(dir.path()),
            users,
            ever: BTreeMap::new(),
            moves: BTreeMap::new(),
            looks: BTreeMap::new(),
            moved_there: false,
            flags_touched: false,
            moved,
            number: 0,
            _dir: dir,
        };
        for user in world.users.clone() {
            for folder in FOLDERS {
                if folder.contains("Junk") || folder.contains("Projects") {
                    if world.rng.bool() {
                        continue;
                    }
                    world.source.hands().create(&user, folder).expect("a folder");
                }
                let count = [0, 1, 3, 8, 20][world.rng.usize(0..5)];
                world.grow(&user, folder, count);
            }
        }
        world
    }

    /// Acknowledges what a person has to acknowledge.
    pub(crate) fn acknowledge(&mut self, guards: &[Guard]) -> bool {
        let mut any = false;
        for guard in guards.iter().filter(|guard| !guard.acknowledged) {
            self.desired.acknowledged.push(Acknowledgement {
                code: guard.code.clone(),
                object: guard.object.clone(),
                digest: guard.digest.clone(),
                position: Position { file: "plan.yaml".to_owned(), line: 1, column: 1 },
            });
            any = true;
        }
        any
    }

    /// Delivers letters to a folder of the source; some are equal to others to the last octet.
    fn grow(&mut self, user: &str, folder: &str, count: usize) {
        for _ in 0..count {
            self.number += 1;
            let known: Vec<Letter> =
                self.ever.keys().filter(|letter| letter.user == user).cloned().collect();
            let twin = self.rng.u8(0..6) == 0 && !known.is_empty();
            let octets = if twin {
                known[self.rng.usize(0..known.len())].octets.clone()
            } else {
                letter(&mut self.rng, self.number).into_bytes()
            };
            // Few dates, so that many letters look alike; and some that have one of their own.
            let mut second = 1_700_000_000 + self.rng.i64(0..4);
            if self.number.is_multiple_of(3) {
                second = 1_700_000_010 + i64::try_from(self.number).expect("few letters");
            }
            let date = Timestamp::from_second(second).expect("a time");
            let flags = [&[][..], &["\\Seen"], &["\\Seen", "\\Flagged"], &["\\Answered"]];
            let flags = Flags::from_words(flags[self.rng.usize(0..4)]);
            let delivery = Delivery {
                flags,
                date: Some(InternalDate::from_timestamp(date)),
                ..Delivery::new(octets.clone())
            };
            self.source.hands().deliver(user, folder, delivery).expect("a delivery");
            *self.looks.entry((user.to_owned(), second, octets.len())).or_default() += 1;
            *self.ever.entry(Letter { user: user.to_owned(), octets }).or_default() += 1;
        }
    }

    fn new_uid(&mut self, user: &str, octets: &[u8]) {
        let letter = Letter { user: user.to_owned(), octets: octets.to_vec() };
        *self.moves.entry(letter).or_default() += 1;
    }

    /// Tells whether a letter has a look-alike in its mailbox, see docs/safety.md: of the same date
    /// and size, or of the same date alone where the destination makes messages anew.
    pub(crate) fn has_look_alikes(&self, letter: &Letter) -> bool {
        let rewrites = !self.destination.product().habits.is_empty();
        let user = mailbox(&self.source, &letter.user);
        let mut dates = user
            .values()
            .flat_map(|folder| &folder.messages)
            .filter(|message| message.given == letter.octets)
            .map(|message| message.date.instant().as_second());
        dates.any(|date| {
            let alike = self.looks.iter().filter(|((user, second, size), _)| {
                (user, *second) == (&letter.user, date)
                    && (rewrites || *size == letter.octets.len())
            });
            alike.map(|(_, count)| count).sum::<usize>() > 1
        })
    }

    /// What people do at the source while nothing runs.
    pub(crate) fn live(&mut self) {
        for user in self.users.clone() {
            let mailbox = mailbox(&self.source, &user);
            let hands = self.source.hands();
            for (folder, truth) in mailbox.iter().filter(|(_, truth)| truth.selectable) {
                let here = truth.messages.len();
                match self.rng.u8(0..10) {
                    0 | 1 => {
                        let count = self.rng.usize(1..4);
                        self.grow(&user, folder, count);
                    }
                    2 if here > 0 => {
                        let message = &truth.messages[self.rng.usize(0..here)];
                        hands.delete(&user, folder, message.uid).expect("a message");
                    }
                    3 if here > 0 => {
                        let message = &truth.messages[self.rng.usize(0..here)];
                        let words = ["\\Seen", "\\Flagged", "\\Answered"];
                        let word = words[self.rng.usize(0..3)];
                        let mut flags = message.flags.clone();
                        flags.insert(word);
                        hands.set_flags(&user, folder, message.uid, flags).expect("flags");
                    }
                    4 if here > 0 => {
                        let others: Vec<&String> =
                            mailbox.keys().filter(|it| *it != folder).collect();
                        let to = others[self.rng.usize(0..others.len())];
                        let message = &truth.messages[self.rng.usize(0..here)];
                        hands.move_message(&user, folder, message.uid, to).expect("a move");
                        self.new_uid(&user, &message.given);
                    }
                    5 if here > 0 && self.rng.u8(0..4) == 0 => {
                        hands.renumber(&user, folder).expect("a folder");
                        for message in &truth.messages {
                            self.new_uid(&user, &message.given);
                        }
                    }
                    _ => {}
                }
            }
        }
    }

    /// Draws what goes wrong at both services until further notice.
    pub(crate) fn trouble(&mut self) {
        let (mut here, mut there) = (Vec::new(), Vec::new());
        for _ in 0..self.rng.usize(0..6) {
            let fault = self.fault();
            self.flags_touched |= matches!(fault.what, Mischief::Flag { .. });
            self.moved_there |= matches!(fault.what, Mischief::Move { .. });
            there.push(fault);
        }
        for _ in 0..self.rng.usize(0..3) {
            here.push(Fault {
                when: When::Connection(self.rng.u64(1..6)),
                what: match self.rng.u8(0..2) {
                    0 => Mischief::CutFromClient(self.rng.u64(1..3_000)),
                    _ => Mischief::CutToClient(self.rng.u64(1..30_000)),
                },
            });
        }
        self.source.set_script(Script::new(here));
        self.destination.set_script(Script::new(there));
    }

    pub(crate) fn peace(&self) {
        self.source.set_script(Script::default());
        self.destination.set_script(Script::default());
    }

    fn fault(&mut self) -> Fault {
        let rng = &mut self.rng;
        let time = Duration::from_millis(rng.u64(1..WITHIN_THE_WAIT));
        let append = When::Command { verb: "APPEND".to_owned(), user: None, nth: rng.u64(1..40) };
        let folder = ["INBOX", "Sent Items", "Junk Email"][rng.usize(0..3)].to_owned();
        let other = ["INBOX", "Drafts", "Deleted Items"][rng.usize(0..3)].to_owned();
        let verbs = ["SELECT", "LIST", "UID FETCH", "STATUS", "UID STORE", "CREATE", "NOOP"];
        let command = When::Command {
            verb: verbs[rng.usize(0..verbs.len())].to_owned(),
            user: None,
            nth: rng.u64(1..6),
        };
        let (when, what) = match rng.u8(0..17) {
            0 => (When::Connection(rng.u64(1..6)), Mischief::CutFromClient(rng.u64(1..20_000))),
            1 => (When::Connection(rng.u64(1..6)), Mischief::CutToClient(rng.u64(1..20_000))),
            2 => (append, Mischief::DropBefore),
            3 | 4 => (append, Mischief::DropAfter),
            5 | 6 => (append, Mischief::LateCommit(time)),
            7 => (append, Mischief::Hang),
            8 => (append, Mischief::Delay(time)),
            9 => (append, Mischief::No("[UNAVAILABLE] Try again later".to_owned())),
            10 => (append, Mischief::Throttle(time)),
            11 => (append, Mischief::DeliverTwin { folder }),
            12 if folder != other => (append, Mischief::Move { from: folder, to: other }),
            13 => (append, Mischief::Flag { folder, flag: "\\Draft".to_owned() }),
            14 => (command, Mischief::DropBefore),
            15 => (command, Mischief::DropAfter),
            _ => (command, Mischief::No("[SERVERBUG] Internal error occurred".to_owned())),
        };
        Fault { when, what }
    }

    /// Everything at the source, to see that nobody changes it.
    pub(crate) fn at_source(&self) -> String {
        use std::fmt::Write as _;
        let mut all = String::new();
        for user in &self.users {
            for (folder, truth) in mailbox(&self.source, user) {
                let validity = truth.uid_validity;
                let _ = writeln!(all, "{user} {folder} {validity} {}", truth.subscribed);
                for message in truth.messages {
                    let (uid, flags, date) = (message.uid, &message.flags, &message.date);
                    let _ = writeln!(all, "  {uid} {flags} {date:?} {}", message.served.len());
                }
            }
        }
        all
    }
}

/// Everything in a mailbox of a service.
pub(crate) fn mailbox(service: &Service, user: &str) -> MailboxTruth {
    service.oracle().mailbox(user).expect("a user")
}

fn letter(rng: &mut Rng, number: usize) -> String {
    let id = if rng.u8(0..5) == 0 {
        String::new()
    } else {
        format!("Message-ID: <{number}@acme.example>\r\n")
    };
    // Few lengths, so that many letters look alike.
    let lines = "Some words of a letter.\r\n".repeat(rng.usize(0..3));
    format!(
        "From: a@acme.example\r\nDate: Mon, 01 Mar 2021 10:00:00 +0000\r\nSubject: Letter {number:05}\r\n{id}\r\n{number:05}\r\n{lines}"
    )
}

fn destination(rng: &mut Rng) -> Product {
    match rng.u8(0..4) {
        0 => {
            let mut product = Product::plain();
            if rng.bool() {
                product.after.retain(|word| *word != "CONDSTORE");
            }
            product.folders.retain(|folder| folder.name != "Junk");
            product
        }
        1 => {
            let mut product = Product::plain();
            product.after.retain(|word| !["UIDPLUS", "MOVE"].contains(word));
            product
        }
        _ => {
            let mut product = Product::exchange_online()
                .without(Habit::BasicAuthRefused)
                .without(Habit::ClosedConnectionsLinger);
            if rng.u8(0..3) == 0 {
                product.throttle = Some(Throttle {
                    appends: 12,
                    per: Duration::from_secs(10),
                    backoff: Duration::from_secs(rng.u64(1..40)),
                });
            }
            product
        }
    }
}

fn desired(dir: &std::path::Path, users: &[String]) -> Desired {
    let mailboxes = users.iter().fold(String::new(), |text, user| {
        text + &format!("  - {{ address: {user}, secret: pw, destination_secret: pw }}\n")
    });
    let text = format!(
        "\
version: 1
name: seeds
domains: [acme.example]
secrets: {{ pw: {{ env: PW }} }}
source:
  product: imap
  imap: {{ host: localhost, port: {SOURCE}, tls: none }}
destination:
  product: imap
  imap: {{ host: localhost, port: {DESTINATION}, tls: none }}
folders:
  map: {{ Sent: Sent Items, Trash: Deleted Items, Spam: Junk Email, Junk: Junk Email }}
  merge: [ Junk Email ]
mailboxes:
{mailboxes}"
    );
    let path = dir.join("plan.yaml");
    std::fs::write(&path, text).expect("the plan is written");
    let loaded = document::load(&path, &document::Options::default()).expect("it can be read");
    loaded.desired.unwrap_or_else(|| panic!("{}", loaded.diagnostics.render(false)))
}
