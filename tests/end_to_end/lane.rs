//! One mailbox whose copy is killed again and again, in whatever it does.

use crate::books::Books;
use crate::far::{Far, Real};
use crate::ferry::{Ferry, Running, Wanted};
use crate::lab::Lab;
use crate::random::Random;
use crate::simulated::Exchange;
use crate::truth::{Truth, Twin};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Two of them become one at the destination.
const FOLDERS: [&str; 7] =
    ["INBOX", "Archive", "Spam", "Old Spam", "Projects/2019", "Lists/Rust", "Large"];
const APPLY: [&str; 5] = ["apply", "plan.yaml", "--auto-approve", "--format", "json"];

/// Below the migration plan.
const LEDGER: &str = ".mailferry/acme.sqlite";

/// Where the plan sends a folder.
pub(crate) fn goes(path: &str) -> String {
    let to = if matches!(path, "Spam" | "Old Spam") { "Junk Email" } else { path };
    to.to_owned()
}

/// What a kill is aimed at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Aim {
    Anytime,
    Listing,
    Sending,
    Recovery,
    Closing,
    Large,
    Flags,
    Hanging,
}

/// Sending and recovery more often than the rest: they are what can lose and double.
const AIMS: [Aim; 10] = [
    Aim::Sending,
    Aim::Recovery,
    Aim::Sending,
    Aim::Large,
    Aim::Flags,
    Aim::Sending,
    Aim::Recovery,
    Aim::Closing,
    Aim::Listing,
    Aim::Anytime,
];

/// Of these a server can be told to hang.
const AIMS_AT_EXCHANGE: [Aim; 14] = [
    Aim::Sending,
    Aim::Recovery,
    Aim::Hanging,
    Aim::Sending,
    Aim::Recovery,
    Aim::Flags,
    Aim::Hanging,
    Aim::Recovery,
    Aim::Large,
    Aim::Sending,
    Aim::Closing,
    Aim::Recovery,
    Aim::Anytime,
    Aim::Listing,
];

/// What the kills met.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    /// Kills of a run that was at work and had something left to do.
    pub(crate) kills: u64,
    /// Runs that ended before they could be killed.
    pub(crate) missed: u64,
    /// Kills by what the run was doing.
    pub(crate) met: BTreeMap<&'static str, u64>,
    /// Messages that were at the destination and that the ledger did not know of.
    pub(crate) orphans: usize,
    /// Those of them that their user moved to another folder.
    pub(crate) moved: usize,
}

impl Tally {
    pub(crate) fn add(&mut self, other: &Self) {
        self.kills += other.kills;
        self.missed += other.missed;
        self.orphans += other.orphans;
        self.moved += other.moved;
        for (phase, count) in &other.met {
            *self.met.entry(phase).or_default() += count;
        }
    }
}

/// A mailbox with a migration plan and a ledger of its own.
pub(crate) struct Lane<'a> {
    pub(crate) lab: &'a Lab,
    pub(crate) user: String,
    pub(crate) ferry: Ferry,
    pub(crate) truth: Truth<'a>,
    pub(crate) tally: Tally,
    random: Random,
    pub(crate) twin: Twin,
    aims: &'static [Aim],
    first_aim: usize,
    /// Every message that ever was at the destination without the ledger knowing of it.
    orphans: BTreeSet<(String, u32)>,
}

impl<'a> Lane<'a> {
    pub(crate) fn new(lab: &'a Lab, user: &str, twin: Twin, random: Random) -> Self {
        let mailboxes = [user];
        let ferry = Ferry::beside(lab, user, &Self::wanted(&mailboxes));
        let far = Box::new(Real::new(&lab.destination, user));
        Self::with(lab, user, twin, random, (ferry, far, &AIMS))
    }

    /// Copies to a simulated Exchange instead of the lab's destination.
    pub(crate) fn to_exchange(
        lab: &'a Lab,
        exchange: &Exchange,
        user: &str,
        twin: Twin,
        random: Random,
    ) -> Self {
        let destination_port = Some(exchange.port());
        let mailboxes = [user];
        let wanted = Wanted { destination_port, ..Self::wanted(&mailboxes) };
        let ferry = Ferry::beside(lab, user, &wanted);
        exchange.trusted_by(&ferry.path("ca.pem"));
        let far = Box::new(exchange.mailbox(user));
        Self::with(lab, user, twin, random, (ferry, far, &AIMS_AT_EXCHANGE))
    }

    fn wanted<'w>(mailboxes: &'w [&'w str]) -> Wanted<'w> {
        Wanted {
            mailboxes,
            folders: "map: { Spam: Junk Email, Old Spam: Junk Email }, merge: [ Junk Email ]",
            ..Wanted::default()
        }
    }

    fn with(
        lab: &'a Lab,
        user: &str,
        twin: Twin,
        mut random: Random,
        (ferry, far, aims): (Ferry, Box<dyn Far + 'a>, &'static [Aim]),
    ) -> Self {
        let mut truth = Truth::new(lab, user, far);
        for path in FOLDERS {
            if path != "INBOX" && path != "Spam" {
                truth.folder(path);
            }
            truth.grow(path, 40, &mut random);
        }
        Self {
            lab,
            user: user.to_owned(),
            ferry,
            truth,
            tally: Tally::default(),
            random,
            twin,
            aims,
            first_aim: 0,
            orphans: BTreeSet::new(),
        }
    }

    /// Begins with another aim than the other lanes.
    pub(crate) fn beginning_with(self, aim: usize) -> Self {
        Self { first_aim: aim, ..self }
    }

    fn books(&self) -> Books {
        Books::read(&self.ferry.path(LEDGER))
    }

    /// Kills until so many kills met a run at work with something left to do.
    pub(crate) fn kill(&mut self, wanted: u64) {
        let mut tries = 0;
        // Each lane begins elsewhere, so that few kills meet everything as well.
        let mut aims = self.aims.iter().cycle().skip(self.first_aim);
        while self.tally.kills < wanted {
            assert!(
                tries < wanted * 3 + 10,
                "{}: too few kills meet work: {:?}",
                self.user,
                self.tally
            );
            let aim = *aims.next().expect("they come again and again");
            tries += 1;
            self.prepare(aim);
            self.strike(aim);
        }
    }

    /// Sees to it that there is something to do of the kind.
    fn prepare(&mut self, aim: Aim) {
        let random = &mut self.random;
        for _ in 0..2 {
            let path = *random.pick(&FOLDERS[..6]);
            let count = 5 + random.below(25);
            self.truth.grow(path, count, random);
        }
        let books = Books::read(&self.ferry.path(LEDGER));
        match aim {
            Aim::Large => self.truth.grow_large("Large", random),
            Aim::Flags => {
                let path = *random.pick(&FOLDERS[..6]);
                self.truth.change_flags(path, 60, random);
            }
            Aim::Hanging => {
                self.truth.grow("INBOX", 5, random);
                self.truth.far.hang(random.below(4));
            }
            _ => {}
        }
        self.truth.far.harm(&mut self.random);
        let count = self.random.below(6);
        self.deliver(count, &books);
    }

    /// Lets others deliver. What lies in a folder before anything is copied into it is adopted, which
    /// is not what this is about.
    fn deliver(&mut self, count: u64, books: &Books) {
        let sources = |to: &str| FOLDERS.iter().filter(|path| goes(path) == to).count();
        let begun =
            |to: &str| books.begun.get(to).is_some_and(|bound| *bound as usize == sources(to));
        self.truth.deliver(
            count,
            self.twin,
            |path| Some(goes(path)).filter(|to| begun(to)),
            &mut self.random,
        );
    }

    /// Starts an apply and kills it.
    fn strike(&mut self, aim: Aim) {
        let before = self.arrived();
        let mut apply = self.ferry.start(&APPLY);
        self.wait(aim, before, &mut apply);
        let events = apply.events();
        if !apply.runs() {
            let ended = apply.wait();
            assert_eq!(ended.code, 0, "{}: an apply ended by itself: {ended:#?}", self.user);
            self.tally.missed += 1;
            return;
        }
        apply.kill();
        let books = self.books();
        let hangs = aim == Aim::Hanging && self.truth.far.hangs();
        let phase = if hangs { Some("hanging") } else { self.phase(&events, &books) };
        let Some(phase) = phase else {
            self.tally.missed += 1;
            return;
        };
        let new = self.count_orphans(&books);
        if self.truth.far.rewrites() && self.twin == Twin::OtherDate {
            self.user_moves(&books);
        }
        self.tally.kills += 1;
        *self.tally.met.entry(phase).or_default() += 1;
        eprintln!("{}: kill {}: {phase}, {new} unanswered", self.user, self.tally.kills);
    }

    /// Waits for a moment of the kind.
    fn wait(&mut self, aim: Aim, before: u64, apply: &mut Running) {
        let begun = Instant::now();
        let enough = before + 1 + self.random.below(30);
        let micros = |most: u64, random: &mut Random| Duration::from_micros(random.below(most));
        let after = match aim {
            Aim::Anytime => Duration::from_millis(self.random.below(7_000)),
            // A folder has to stand still for five seconds.
            Aim::Recovery => Duration::from_millis(self.random.below(5_500)),
            Aim::Listing => micros(60_000, &mut self.random),
            Aim::Sending | Aim::Closing | Aim::Flags => micros(15_000, &mut self.random),
            Aim::Large => micros(150_000, &mut self.random),
            Aim::Hanging => micros(400_000, &mut self.random),
        };
        while apply.runs() && begun.elapsed() < Duration::from_secs(60) {
            let reached = match aim {
                Aim::Anytime => true,
                Aim::Sending => self.arrived() >= enough,
                Aim::Flags => Books::flags_wait(&self.ferry.path(LEDGER)),
                Aim::Listing => seen(&apply.events(), "action_started", "copy_folder"),
                Aim::Recovery => seen(&apply.events(), "holding", "to find out what became"),
                Aim::Closing => seen(&apply.events(), "action_ended", "copy_folder"),
                Aim::Large => seen(&apply.events(), "action_started", "/Large"),
                Aim::Hanging => self.truth.far.hangs(),
            };
            if reached {
                break;
            }
            sleep(Duration::from_millis(1));
        }
        // Others do not wait for us.
        let busy = matches!(aim, Aim::Anytime | Aim::Recovery) && self.random.below(3) == 0;
        let moment = Instant::now();
        while apply.runs() && moment.elapsed() < after {
            if busy && moment.elapsed() < Duration::from_secs(1) {
                let books = self.books();
                self.deliver(1, &books);
            }
            sleep(after.saturating_sub(moment.elapsed()).min(Duration::from_millis(50)));
        }
    }

    /// Counts what is at the destination.
    fn arrived(&mut self) -> u64 {
        let paths = FOLDERS.iter().filter(|path| **path != "Old Spam");
        paths.map(|path| self.truth.far.count(&goes(path))).sum()
    }

    /// Names what a run was at when it was killed; `None` when nothing was left to do.
    fn phase(&self, events: &[Value], books: &Books) -> Option<&'static str> {
        let unlisted = self.truth.messages.len() > books.entries.len();
        let flags_due = self.truth.messages.iter().any(|(key, message)| {
            books
                .entries
                .get(key)
                .and_then(|entry| entry.copied_flags.as_ref())
                .is_some_and(|flags| *flags != message.flags)
        });
        if !unlisted && !flags_due && books.pending(None) == 0 && books.open.is_empty() {
            return None;
        }
        let running = events.iter().rev().find_map(|event| {
            let id = event["id"].as_str()?;
            (event["event"] == "action_started").then(|| id.to_owned())
        });
        let ended = running.as_ref().is_some_and(|running| {
            events.iter().any(|event| event["event"] == "action_ended" && event["id"] == **running)
        });
        let Some(running) = running.filter(|_| !ended) else { return Some("looking") };
        let Some(folder) = running.strip_prefix(&format!("copy_folder/{}/", self.user)) else {
            return Some("making a folder");
        };
        let holds = events.last().filter(|event| event["event"] == "holding");
        let searches = holds
            .is_some_and(|event| event["object"].to_string().contains("to find out what became"));
        Some(if books.listing.contains(folder) {
            "listing"
        } else if searches {
            "recovery"
        } else if holds.is_some() {
            "waiting"
        } else if folder == "Large" && books.pending(Some("Large")) > 0 {
            "a large message"
        } else if books.pending(Some(folder)) > 0 {
            "sending"
        } else if books.flags_due(folder) > 0 {
            "flags"
        } else {
            "closing"
        })
    }

    /// Returns what lies at the destination and is neither known to the ledger nor of others.
    pub(crate) fn unknown(&mut self, books: &Books) -> BTreeSet<(String, u32)> {
        let mut found = BTreeSet::new();
        for path in FOLDERS.iter().map(|path| goes(path)).collect::<BTreeSet<_>>() {
            let Some(uids) = self.truth.far.uids(&path) else { continue };
            let known = |uid: &u32| {
                books.known.get(&path).is_some_and(|known| known.contains(uid))
                    || self.truth.theirs.get(&path).is_some_and(|theirs| theirs.contains_key(uid))
            };
            found.extend(uids.iter().filter(|uid| !known(uid)).map(|uid| (path.clone(), *uid)));
        }
        found
    }

    /// Lets the user move some of what is unanswered.
    fn user_moves(&mut self, books: &Books) {
        for (path, uid) in self.unknown(books) {
            if self.random.below(3) == 0 && self.truth.keep(&path, uid) {
                self.tally.moved += 1;
            }
        }
    }

    fn count_orphans(&mut self, books: &Books) -> usize {
        let found = self.unknown(books);
        let before = self.orphans.len();
        self.orphans.extend(found);
        self.tally.orphans = self.orphans.len();
        self.orphans.len() - before
    }

    /// Reads the ledger after a kill, when the destination has stored what was in its socket.
    pub(crate) fn after_a_kill(&mut self) -> Books {
        sleep(Duration::from_millis(500));
        self.books()
    }

    /// Starts an apply and kills it when some of a folder arrived.
    pub(crate) fn kill_while_sending(&mut self) {
        self.strike(Aim::Sending);
    }
}

fn seen(events: &[Value], kind: &str, id: &str) -> bool {
    events.iter().any(|event| {
        let named = || {
            [&event["id"], &event["words"], &event["object"]]
                .iter()
                .any(|it| it.to_string().contains(id))
        };
        event["event"] == kind && (id.is_empty() || named())
    })
}
