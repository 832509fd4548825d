//! What the events add up to.

use super::text::{count, safe, span};
use crate::executor::event::{Event, Outcome};
use crate::model::address::Address;
use crate::model::size::Size;
use jiff::Timestamp;
use std::collections::{BTreeMap, VecDeque};

/// Rates are taken over this many seconds: long enough to be calm, short enough to show a brake.
const WINDOW: i64 = 30;

/// The state of a run, as far as it is shown.
#[derive(Debug, Default)]
pub(super) struct Board {
    pub(super) lanes: BTreeMap<Address, Lane>,
    phase: &'static str,
    phase_total: Option<u64>,
    looked: u64,
    unreadable: u64,
    created: u64,
    subscribed: u64,
    meter: Meter,
    holds: BTreeMap<(&'static str, String), Hold>,
}

/// One mailbox.
#[derive(Debug, Default)]
pub(super) struct Lane {
    pub(super) messages: u64,
    pub(super) messages_total: u64,
    bytes: u64,
    bytes_total: u64,
    meter: Meter,
}

#[derive(Debug)]
struct Hold {
    until: Timestamp,
    words: String,
}

/// How fast a number grows.
#[derive(Debug, Default)]
struct Meter(VecDeque<(Timestamp, u64)>);

impl Meter {
    fn note(&mut self, now: Timestamp, done: u64) {
        // A sample a second bounds the memory; the first one is the base.
        match self.0.back() {
            Some((at, _)) if now.duration_since(*at).as_secs() < 1 => {}
            _ => self.0.push_back((now, done)),
        }
        while self.0.get(1).is_some_and(|(at, _)| now.duration_since(*at).as_secs() >= WINDOW) {
            self.0.pop_front();
        }
    }

    /// Returns what came in how many milliseconds, once a second is over.
    fn growth(&self, now: Timestamp, done: u64) -> Option<(u64, u64)> {
        // The newest one that is old enough, so that a standstill shows as one.
        let old = |(at, _): &&(Timestamp, u64)| now.duration_since(*at).as_secs() >= WINDOW;
        let (at, base) = self.0.iter().rev().find(old).or_else(|| self.0.front())?;
        let millis = u64::try_from(now.duration_since(*at).as_millis()).ok()?;
        (millis >= 1_000).then_some((done.saturating_sub(*base), millis))
    }

    /// Describes rate and time left, each when it is known.
    fn describe(&self, now: Timestamp, done: u64, all: u64) -> Vec<String> {
        let mut parts = Vec::new();
        let Some((grown, millis)) = self.growth(now, done) else { return parts };
        let left = all.saturating_sub(done);
        if grown == 0 || left == 0 {
            return parts;
        }
        parts.push(match u128::from(grown) * 1_000 / u128::from(millis) {
            0 => "under 1 msg/s".to_owned(),
            rate => format!("{} msg/s", count(u64::try_from(rate).unwrap_or(u64::MAX))),
        });
        let seconds = u128::from(left) * u128::from(millis) / u128::from(grown) / 1_000;
        parts.push(format!("left {}", span(u64::try_from(seconds).unwrap_or(u64::MAX))));
        parts
    }
}

impl Board {
    /// Takes an event.
    pub(super) fn take(&mut self, event: &Event, now: Timestamp) {
        match event {
            Event::PhaseStarted { phase, total } => {
                *self = Self { phase, phase_total: *total, ..Self::default() };
            }
            Event::Looked { readable, .. } => {
                self.looked += 1;
                self.unreadable += u64::from(!readable);
            }
            Event::Progress { mailbox, messages, messages_total, bytes, bytes_total, .. } => {
                let lane = self.lanes.entry(mailbox.clone()).or_default();
                lane.messages = *messages;
                lane.messages_total = *messages_total;
                lane.bytes = *bytes;
                lane.bytes_total = *bytes_total;
                lane.meter.note(now, *messages);
                let done = self.sums().0;
                self.meter.note(now, done);
            }
            Event::Holding { side, object, seconds, words } => {
                let seconds = i64::try_from(*seconds).unwrap_or(i64::MAX);
                self.hold(side, object, seconds, words, now);
            }
            Event::Throttled { side, mailbox, milliseconds, words, .. } if *milliseconds > 0 => {
                let seconds = i64::try_from(milliseconds.div_ceil(1_000)).unwrap_or(i64::MAX);
                self.hold(side, mailbox, seconds, words, now);
            }
            Event::ActionEnded { outcome: Outcome::Done { tally }, .. } => {
                let number = |key| tally.get(key).copied().unwrap_or_default();
                self.created += number("folders");
                self.subscribed += number("subscriptions");
            }
            _ => {}
        }
        self.holds.retain(|_, hold| hold.until > now);
    }

    fn hold(
        &mut self,
        side: &'static str,
        object: &str,
        seconds: i64,
        words: &str,
        now: Timestamp,
    ) {
        self.holds.insert((side, object.to_owned()), Hold::from(now, seconds, words));
    }

    /// Describes a wait that begins and that the next total comes too late for: it lasts at least
    /// so many seconds, or nothing was copied yet. Several mailboxes that wait for the same are
    /// told once.
    pub(super) fn long_wait(&self, event: &Event, now: Timestamp, least: i64) -> Option<String> {
        let Event::Holding { side, object, seconds, words } = event else { return None };
        let known = self.holds.get(&(*side, object.clone()));
        let seconds = i64::try_from(*seconds).unwrap_or(i64::MAX);
        if known.is_some_and(|hold| hold.until > now) || (self.copies() && seconds < least) {
            return None;
        }
        Some(Hold::from(now, seconds, words).describe(side, Some(object), now))
    }

    /// Tells whether a mailbox was heard of.
    pub(super) fn copies(&self) -> bool {
        !self.lanes.is_empty()
    }

    /// Describes one mailbox without its name: `14,201 / 17,330   1.1 GB   212 msg/s   left 15 s`.
    pub(super) fn lane(&self, mailbox: &Address, lane: &Lane, now: Timestamp) -> String {
        let numbers = format!("{} / {}", count(lane.messages), count(lane.messages_total));
        let mut parts = vec![format!("{numbers:>17}"), format!("{:>8}", Size(lane.bytes))];
        let hold = self
            .holds
            .iter()
            .find(|((_, object), hold)| object == mailbox.as_str() && hold.until > now);
        match hold {
            Some(((side, _), hold)) => parts.push(hold.describe(side, None, now)),
            None => parts.extend(lane.meter.describe(now, lane.messages, lane.messages_total)),
        }
        parts.join("   ")
    }

    /// Describes everything in one line.
    pub(super) fn total(&self, now: Timestamp) -> String {
        if !self.copies() {
            let mut parts = vec![self.looking()];
            parts.extend(self.folders());
            parts.extend(self.waits(now));
            return parts.join(" · ");
        }
        let (messages, messages_total, bytes, bytes_total) = self.sums();
        let mut parts =
            vec![format!("total {} / {} messages", count(messages), count(messages_total))];
        // `verify` counts messages alone.
        if bytes_total > 0 {
            parts.push(format!("{} / {}", Size(bytes), Size(bytes_total)));
        }
        parts.extend(self.folders());
        parts.extend(self.meter.describe(now, messages, messages_total));
        parts.extend(self.waits(now));
        parts.join(" · ")
    }

    fn waits(&self, now: Timestamp) -> impl Iterator<Item = String> {
        let holds = self.holds.iter().filter(move |(_, hold)| hold.until > now);
        holds.map(move |((side, object), hold)| hold.describe(side, Some(object), now))
    }

    /// What was made besides copies, each when there is some of it.
    fn folders(&self) -> impl Iterator<Item = String> {
        [(self.created, "created"), (self.subscribed, "subscribed")]
            .into_iter()
            .filter(|(number, _)| *number > 0)
            .map(|(number, what)| {
                format!(
                    "{} {} {what}",
                    count(number),
                    if number == 1 { "folder" } else { "folders" }
                )
            })
    }

    fn looking(&self) -> String {
        let mut text = safe(self.phase);
        if self.looked > 0 {
            text = format!("{text} · {}", count(self.looked));
            if let Some(total) = self.phase_total {
                text = format!("{text} / {}", count(total));
            }
            text.push_str(" looked at");
        }
        if self.unreadable > 0 {
            text = format!("{text} · {} unreadable", count(self.unreadable));
        }
        text
    }

    fn sums(&self) -> (u64, u64, u64, u64) {
        let sum = |pick: fn(&Lane) -> u64| self.lanes.values().map(pick).sum();
        (
            sum(|lane| lane.messages),
            sum(|lane| lane.messages_total),
            sum(|lane| lane.bytes),
            sum(|lane| lane.bytes_total),
        )
    }
}

impl Hold {
    fn from(now: Timestamp, seconds: i64, words: &str) -> Self {
        let wait = jiff::SignedDuration::from_secs(seconds);
        Self { until: now.checked_add(wait).unwrap_or(Timestamp::MAX), words: words.to_owned() }
    }

    fn describe(&self, side: &str, object: Option<&String>, now: Timestamp) -> String {
        let seconds = u64::try_from(self.until.duration_since(now).as_secs()).unwrap_or(0);
        // A copy that tries again names the object and the failure in one sentence.
        let who = match (side, object) {
            ("server", Some(object)) => safe(object),
            (side, Some(object)) => format!("{side} {}", safe(object)),
            (side, None) => side.to_owned(),
        };
        if self.words.is_empty() {
            return format!("waiting {}: {who}", span(seconds));
        }
        format!("waiting {}: {who} said \"{}\"", span(seconds), safe(&self.words))
    }
}
