//! Bars at a terminal.

use super::board::Board;
use super::ended;
use super::text::{bar, column, safe};
use crate::executor::event::{Event, Listener, Outcome};
use crate::model::address::Address;
use crate::ports::clock::Clock;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Mailboxes shown at once: they fit a terminal of 24 lines with room for messages.
const ROWS: usize = 16;

/// Columns for the name of a mailbox.
const NAME: usize = 32;

/// Columns of a bar.
const BAR: u64 = 24;

/// Shows a bar for each mailbox under way, and the total below.
pub struct Bars {
    clock: Arc<dyn Clock>,
    multi: MultiProgress,
    inner: Mutex<Inner>,
}

struct Inner {
    board: Board,
    rows: BTreeMap<Address, ProgressBar>,
    total: Option<ProgressBar>,
    names: usize,
}

impl Bars {
    /// Makes bars on standard error.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self::on(ProgressDrawTarget::stderr(), clock)
    }

    /// Makes bars on any terminal that indicatif can draw on.
    pub fn on(target: ProgressDrawTarget, clock: Arc<dyn Clock>) -> Self {
        let inner = Inner { board: Board::default(), rows: BTreeMap::new(), total: None, names: 0 };
        Self { clock, multi: MultiProgress::with_draw_target(target), inner: Mutex::new(inner) }
    }

    /// Brings rates and waiting times up to date; call it about once a second.
    pub fn tick(&self) {
        let now = self.clock.now();
        let mut inner = self.inner();
        inner.show_all(&self.multi, now);
    }

    /// Takes the bars away, so that other output can follow.
    pub fn finish(&self) {
        let mut inner = self.inner();
        for row in std::mem::take(&mut inner.rows).into_values().chain(inner.total.take()) {
            row.finish_and_clear();
            self.multi.remove(&row);
        }
    }

    fn say(&self, line: &str) {
        // A terminal that is gone takes no message either.
        let _ = self.multi.println(line);
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Listener for Bars {
    fn tick(&self) {
        Self::tick(self);
    }

    fn finished(&self) {
        self.finish();
    }

    fn event(&self, event: &Event) {
        let now = self.clock.now();
        let mut inner = self.inner();
        inner.board.take(event, now);
        match event {
            Event::PhaseStarted { .. } => {
                for row in std::mem::take(&mut inner.rows).into_values() {
                    row.finish_and_clear();
                    self.multi.remove(&row);
                }
                inner.show_all(&self.multi, now);
            }
            Event::Compared { unchanged, all } => {
                self.say(&format!("The world is as reviewed: {unchanged} of {all} objects"));
            }
            Event::Looked { object, readable: false } => {
                self.say(&format!("{} cannot be read", safe(object)));
                inner.show_total(&self.multi, now);
            }
            Event::Looked { .. } => inner.show_total(&self.multi, now),
            Event::Progress { mailbox, .. } => {
                inner.show(&self.multi, mailbox, now);
                inner.show_total(&self.multi, now);
            }
            Event::Holding { .. } | Event::Throttled { .. } => inner.show_all(&self.multi, now),
            Event::Notice { message } => self.say(&safe(message)),
            // What was done shows in the bars, and in the summary afterwards.
            Event::ActionEnded { outcome: Outcome::Done { .. }, .. }
            | Event::ActionStarted { .. }
            | Event::Waited(_)
            | Event::Excepted { .. } => {}
            Event::ActionEnded { id, outcome } => {
                for line in ended::describe(id, outcome).unwrap_or_default() {
                    self.say(&line);
                }
            }
        }
    }
}

impl Inner {
    fn show_all(&mut self, multi: &MultiProgress, now: Timestamp) {
        let shown: Vec<Address> = self.rows.keys().cloned().collect();
        for mailbox in shown {
            self.show(multi, &mailbox, now);
        }
        self.show_total(multi, now);
    }

    fn show(&mut self, multi: &MultiProgress, mailbox: &Address, now: Timestamp) {
        if !self.rows.contains_key(mailbox) {
            self.make_room(multi);
            if self.rows.len() >= ROWS {
                return;
            }
            // In the order of the names, the total last.
            let place = self.rows.range(..mailbox).count();
            self.rows.insert(mailbox.clone(), multi.insert(place, line()));
            self.names = self.names.max(unicode_width::UnicodeWidthStr::width(mailbox.as_str()));
        }
        let (Some(row), Some(lane)) = (self.rows.get(mailbox), self.board.lanes.get(mailbox))
        else {
            return;
        };
        row.set_message(format!(
            "{}  {}  {}",
            column(mailbox.as_str(), self.names.min(NAME)),
            bar(lane.messages, lane.messages_total, BAR),
            self.board.lane(mailbox, lane, now)
        ));
    }

    /// Gives the row of a finished mailbox to another one.
    fn make_room(&mut self, multi: &MultiProgress) {
        if self.rows.len() < ROWS {
            return;
        }
        let ended = |mailbox: &&Address| {
            self.board.lanes.get(mailbox).is_some_and(|lane| lane.messages >= lane.messages_total)
        };
        let Some(mailbox) = self.rows.keys().find(ended).cloned() else { return };
        if let Some(row) = self.rows.remove(&mailbox) {
            row.finish_and_clear();
            multi.remove(&row);
        }
    }

    fn show_total(&mut self, multi: &MultiProgress, now: Timestamp) {
        let total = self.total.get_or_insert_with(|| multi.add(line()));
        total.set_message(self.board.total(now));
    }
}

/// Makes a row that shows nothing but its message: indicatif's own rates come from its own clock.
fn line() -> ProgressBar {
    let style = ProgressStyle::with_template("{wide_msg}")
        .unwrap_or_else(|_| ProgressStyle::default_spinner());
    ProgressBar::new_spinner().with_style(style)
}

impl fmt::Debug for Bars {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bars").finish_non_exhaustive()
    }
}
