//! Two services with mailboxes, and a migration plan between them.

use crate::cloud::{self, Cloud, Flow};
use crate::disk::{Disk, Ill};
use crate::life::Life;
use crate::mutant::Mutants;
use crate::others::Others;
use crate::people::People;
use crate::saved::Saved;
use crate::scene::{Wide, desired, destination};
use crate::trouble;
use crate::wall::Wall;
use fastrand::Rng;
use jiff::{SignedDuration, Timestamp};
use mailferry::desired::{Acknowledgement, Desired};
use mailferry::model::position::Position;
use mailferry::planner::plan::Guard;
use mailferry::simulate::{Deed, Habit, MailboxTruth, Product, Script, Service, TokioClock};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tempfile::TempDir;

pub(crate) const PASSWORD: &str = "pw";

/// The ports by which the migration plan names the two services.
pub(crate) const SOURCE: u16 = 1;
pub(crate) const DESTINATION: u16 = 2;

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

/// How much a seed decides. The regressions of before there was more keep their worlds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    Narrow,
    Wide,
    /// Wide, and most have a zone whose MX moves; an Exchange then belongs to a tenant.
    Whole,
}

/// Everything but the process.
pub(crate) struct World {
    pub(crate) rng: Rng,
    pub(crate) scope: Scope,
    pub(crate) wide: Wide,
    pub(crate) source: Service,
    pub(crate) destination: Service,
    pub(crate) cloud: Option<Cloud>,
    pub(crate) wall: Arc<Wall>,
    pub(crate) desired: Desired,
    pub(crate) disk: Disk,
    pub(crate) users: Vec<String>,
    pub(crate) mutants: Mutants,
    pub(crate) saved: Saved,
    pub(crate) people: Arc<Mutex<People>>,
    pub(crate) others: Arc<Mutex<Others>>,
    /// A stream of its own for what people do at both sides.
    pub(crate) own: Rng,
    pub(crate) clock: TokioClock,
    /// The MX may move as soon as a plan removes something.
    pub(crate) may_move: bool,
    /// Clock jumps and ill disks so far.
    pub(crate) jumps: Arc<Mutex<u64>>,
    _dir: TempDir,
}

const FOLDERS: [&str; 7] =
    ["INBOX", "Sent", "Trash", "Spam", "Junk", "Projects.2019", "Projects.2019.Deep"];

/// Rows of the ledger that are read at once, and bodies of one FETCH (`src/copy/desk.rs`,
/// `src/copy/search.rs`): what ends with one of them is seen only beyond.
const PAGE: usize = 2_000;
const BATCH: usize = 200;

/// What fits into a full mailbox: a few letters.
const QUOTA: u64 = 3_000;

impl World {
    /// Makes a world from a seed; the plan depends on nothing else.
    pub(crate) fn new(seed: u64, scope: Scope, mutants: Mutants) -> Self {
        let mut rng = Rng::with_seed(seed);
        let dir = tempfile::tempdir().expect("a directory");
        let start: Timestamp = "2026-03-01T12:00:00Z".parse().expect("a time");
        let clock = TokioClock::starting_at(start);
        let wide = match scope {
            Scope::Narrow => Wide::default(),
            // A stream of its own, so that a world differs by what it has more.
            Scope::Wide | Scope::Whole => {
                let many = match seed {
                    _ if seed % 500 == 499 => PAGE + 100,
                    _ if seed % 24 == 23 => BATCH + 30,
                    _ => 0,
                };
                Wide { many, ..Wide::drawn(&mut Rng::with_seed(seed ^ 0x5eed)) }
            }
        };
        let mut product = Product::rackspace();
        if let Some(few) = wide.few {
            product.connections = few + 1;
        }
        let source = Service::new(product, Arc::new(clock));
        let product = wide.applied(destination(&mut rng));
        let destination = Service::new(product, Arc::new(clock));
        source.keep_deeds();
        destination.keep_deeds();
        let users: Vec<String> =
            (0..rng.usize(1..3)).map(|n| format!("user-{n}@acme.example")).collect();
        for user in &users {
            source.add_user(user, PASSWORD);
            destination.add_user(user, PASSWORD);
        }
        // A stream of its own as well.
        let mut drawn = Rng::with_seed(seed ^ 0x7e4a);
        let watched = scope == Scope::Whole && drawn.u8(0..4) > 0;
        let cloud = watched.then(|| {
            let exchange = rewrites(&destination);
            let tenant = exchange.then(|| cloud::tenant(clock, &destination, &users));
            Cloud::new(drawn.fork(), tenant)
        });
        let desired = desired(dir.path(), &users, &wide, cloud.as_ref());
        let mut people = People::new(source.clone(), clock, users.clone());
        people.odd = wide.odd;
        people.large = wide.limit.map_or(0, |limit| usize::try_from(limit).expect("a size") + 1);
        people.rename = wide.rename;
        people.takes_away = scope != Scope::Narrow;
        people.rewritten = rewrites(&destination);
        for user in &users {
            for folder in FOLDERS {
                if folder.contains("Junk") || folder.contains("Projects") {
                    if rng.bool() {
                        continue;
                    }
                    source.hands().create(user, folder).expect("a folder");
                }
                let count = [0, 1, 3, 8, 20][rng.usize(0..5)];
                people.grow(&mut rng, user, folder, count);
            }
        }
        people.grow(&mut rng, &users[0], "INBOX", wide.many);
        people.leave();
        let mut own = Rng::with_seed(seed ^ 0x0b07);
        let mut others = Others::new(destination.clone(), users.clone(), own.fork());
        if scope == Scope::Whole {
            others.were_there();
        }
        Self {
            rng,
            scope,
            wide,
            source,
            destination,
            cloud,
            wall: Arc::new(Wall::new(clock)),
            desired,
            disk: Disk::new(dir.path()),
            users,
            mutants,
            saved: Saved::new(seed, scope),
            people: Arc::new(Mutex::new(people)),
            others: Arc::new(Mutex::new(others)),
            own,
            clock,
            may_move: false,
            jumps: Arc::default(),
            _dir: dir,
        }
    }

    pub(crate) fn people(&self) -> MutexGuard<'_, People> {
        self.people.lock().expect("one thread")
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

    /// What people do at both sides while nothing runs.
    pub(crate) fn live(&mut self) {
        let mut people = self.people.lock().expect("one thread");
        people.look();
        people.live(&mut self.rng);
        people.leave();
        drop(people);
        if self.scope != Scope::Narrow {
            self.live_there();
        }
        if let Some(cloud) = &mut self.cloud {
            cloud.live();
            if cloud.zone.has_moved() {
                self.others.lock().expect("one thread").arrive();
            }
        }
    }

    /// Whether a seed has a second act: what people delete before it is copied removes no copy.
    pub(crate) fn has_a_second_act(&self) -> bool {
        self.cloud.is_some() && self.wide.propagate
    }

    /// What people do at the destination: each of them is seldom.
    fn live_there(&mut self) {
        let hands = self.destination.hands();
        for user in &self.users {
            let mailbox = mailbox(&self.destination, user);
            let folders: Vec<_> =
                mailbox.iter().filter(|(_, it)| !it.messages.is_empty()).collect();
            if folders.is_empty() {
                continue;
            }
            let (name, folder) = folders[self.rng.usize(0..folders.len())];
            let message = &folder.messages[self.rng.usize(0..folder.messages.len())];
            match self.rng.u8(0..16) {
                0 => hands.renumber(user, name).expect("a folder"),
                1 => hands.delete(user, name, message.uid).expect("a message"),
                2..=5 => {
                    let mut flags = message.flags.clone();
                    flags.insert(["\\Draft", "\\Flagged"][self.rng.usize(0..2)]);
                    hands.set_flags(user, name, message.uid, flags).expect("a message");
                }
                _ => {}
            }
        }
    }

    /// Draws what goes wrong at both services until further notice.
    pub(crate) fn trouble(&mut self) {
        let (mut here, mut there) = trouble::usual(&mut self.rng);
        if self.scope != Scope::Narrow {
            let (more_here, more_there) = trouble::wide(&mut self.rng);
            here.extend(more_here);
            there.extend(more_there);
            self.set_quota(self.wide.full.then_some(QUOTA));
        }
        if let Some(cloud) = &mut self.cloud {
            cloud.trouble();
        }
        self.source.set_script(Script::new(here));
        self.destination.set_script(Script::new(there));
    }

    /// Draws what happens in the middle of a life of about so many operations.
    pub(crate) fn happenings(&mut self, life: &Life, steps: u64) {
        if let Some(cloud) = &mut self.cloud {
            cloud.happenings(life, steps);
            let (zone, others) = (Arc::clone(&cloud.zone), Arc::clone(&self.others));
            let arrives = move || {
                if zone.has_moved() {
                    others.lock().expect("one thread").arrive();
                }
            };
            life.happens(self.own.u64(0..steps), Box::new(arrives));
        }
        if self.scope == Scope::Narrow {
            return;
        }
        for _ in 0..self.rng.usize(0..4) {
            let at = self.rng.u64(0..steps);
            let mut rng = self.rng.fork();
            match self.rng.u8(0..4) {
                0 => {
                    let (wall, jumps) = (Arc::clone(&self.wall), Arc::clone(&self.jumps));
                    let hours = [-72, -24, -1, 1, 24, 24 * 20][rng.usize(0..6)];
                    let by = SignedDuration::from_hours(hours);
                    life.happens(
                        at,
                        Box::new(move || {
                            wall.set(by);
                            *jumps.lock().expect("one thread") += 1;
                        }),
                    );
                }
                1 => {
                    let disk = self.disk.clone();
                    let ill = if rng.bool() { Ill::Full } else { Ill::DoneAndFailed };
                    let calls = [1, 1, 2, 40][rng.usize(0..4)];
                    life.happens(at, Box::new(move || disk.falls_ill(ill, calls)));
                }
                _ => {
                    let people = Arc::clone(&self.people);
                    let come = move || {
                        people.lock().expect("one thread").come_meanwhile(&mut rng);
                    };
                    life.happens(at, Box::new(come));
                }
            }
        }
    }

    /// Lets time pass between two lives.
    pub(crate) async fn pass(&mut self) {
        tokio::time::sleep(Duration::from_millis(self.rng.u64(1..8_000))).await;
        if self.wide.days && self.rng.bool() {
            let days = self.rng.u64(1..40);
            tokio::time::sleep(Duration::from_secs(days * 86_400)).await;
        }
    }

    fn set_quota(&self, quota: Option<u64>) {
        for user in &self.users {
            self.destination.hands().set_quota(user, quota).expect("a user");
        }
    }

    /// Nothing goes wrong at the services.
    pub(crate) fn calm(&mut self) {
        self.source.set_script(Script::default());
        self.destination.set_script(Script::default());
        self.disk.is_well_again();
        if self.scope != Scope::Narrow {
            self.set_quota(None);
        }
    }

    /// Nothing goes wrong any more, and what is under way comes to its end.
    pub(crate) async fn peace(&mut self) {
        self.may_move = false;
        if let Some(cloud) = &mut self.cloud {
            cloud.peace();
        }
        self.calm();
        if self.scope != Scope::Narrow {
            tokio::time::sleep(Duration::from_secs(600)).await;
        }
    }

    /// Tells whether the destination refuses a letter, so that it stays behind.
    pub(crate) fn stays_behind(&self, octets: &[u8]) -> bool {
        self.wide.limit.is_some_and(|limit| octets.len() as u64 > limit)
    }

    /// Faults that struck, by kind.
    pub(crate) fn struck(&self) -> BTreeMap<String, u64> {
        let mut struck = BTreeMap::new();
        for (side, service) in [("source", &self.source), ("destination", &self.destination)] {
            for fault in service.script().struck() {
                let kind = format!("{:?}", fault.what);
                let kind = kind.split([' ', '(']).next().unwrap_or_default();
                *struck.entry(format!("{side} {kind}")).or_default() += 1;
            }
        }
        struck
    }

    /// Where mail arrives; without a tenant nobody watches it.
    pub(crate) fn flow(&self) -> Option<Flow> {
        self.cloud.as_ref().map(|cloud| cloud.zone.flow())
    }

    /// What others did at the destination.
    pub(crate) fn others(&self) -> Vec<Deed> {
        self.destination.deeds().into_iter().filter(|deed| deed.session.is_none()).collect()
    }

    /// Tells whether others did anything at the destination since there were so many deeds and
    /// letters of theirs.
    pub(crate) fn others_since(&self, deeds: usize, letters: u64) -> bool {
        self.others.lock().expect("one thread").count() > letters
            || self.destination.deeds()[deeds..].iter().any(|deed| deed.session.is_none())
    }

    /// Everything at the destination, to see whether anything changed.
    pub(crate) fn at_destination(&self) -> String {
        use std::fmt::Write as _;
        let mut all = String::new();
        for user in &self.users {
            for (folder, truth) in mailbox(&self.destination, user) {
                let _ = writeln!(all, "{user} {folder} {} {}", truth.uid_next, truth.subscribed);
                for message in truth.messages {
                    let _ = writeln!(all, "  {} {}", message.uid, message.flags);
                }
            }
        }
        all
    }
}

/// Tells whether a service makes messages anew.
pub(crate) fn rewrites(service: &Service) -> bool {
    service.product().has(Habit::AddHeaders)
}

/// Everything in a mailbox of a service.
pub(crate) fn mailbox(service: &Service, user: &str) -> MailboxTruth {
    service.oracle().mailbox(user).expect("a user")
}
