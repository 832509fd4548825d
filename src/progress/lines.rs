//! Plain lines, for a log or a pipe.

use super::board::Board;
use super::text::safe;
use super::{ended, patience};
use crate::executor::event::{Event, Listener, Outcome};
use crate::ports::clock::Clock;
use jiff::Timestamp;
use std::fmt;
use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};

/// Seconds between two lines for the total.
const EVERY: i64 = 60;

/// Writes a line a minute for the total, and one at the end of each action that had something to
/// say.
pub struct Lines {
    clock: Arc<dyn Clock>,
    inner: Mutex<Inner>,
    /// Nothing but what makes everything stand still, and what no result says.
    quiet: bool,
}

struct Inner {
    out: Box<dyn Write + Send>,
    board: Board,
    /// When the total was written last; the begin of the copy at first.
    last: Option<Timestamp>,
    /// The total changed since then.
    news: bool,
}

impl Lines {
    /// Makes a listener that writes to `out`, usually standard error.
    pub fn new(out: Box<dyn Write + Send>, clock: Arc<dyn Clock>) -> Self {
        let inner = Inner { out, board: Board::default(), last: None, news: false };
        Self { clock, inner: Mutex::new(inner), quiet: false }
    }

    /// Makes a listener that writes only for what it has to wait, and what it takes note of.
    pub fn quiet(out: Box<dyn Write + Send>, clock: Arc<dyn Clock>) -> Self {
        Self { quiet: true, ..Self::new(out, clock) }
    }

    /// Writes the total when its minute is over; call it now and then, because nothing happens
    /// while a server makes everything wait.
    pub fn tick(&self) {
        let now = self.clock.now();
        self.inner().total_when_due(now);
    }

    /// Writes the total for the last time.
    pub fn finish(&self) {
        let now = self.clock.now();
        let mut inner = self.inner();
        if inner.news && !self.quiet {
            inner.total(now);
        }
    }

    fn inner(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Listener for Lines {
    fn tick(&self) {
        Self::tick(self);
    }

    fn finished(&self) {
        self.finish();
    }

    fn event(&self, event: &Event) {
        let loud =
            matches!(event, Event::Throttled { .. } | Event::Holding { .. } | Event::Notice { .. });
        if self.quiet && !loud {
            return;
        }
        let now = self.clock.now();
        let mut inner = self.inner();
        if matches!(event, Event::PhaseStarted { .. }) && inner.news {
            inner.total(now);
        }
        let waits = inner.board.long_wait(event, now, EVERY);
        inner.board.take(event, now);
        match event {
            Event::PhaseStarted { phase, .. } => {
                inner.last = Some(now);
                inner.write(now, &format!("{phase} begins"));
            }
            Event::Looked { object, readable: false } => {
                inner.write(now, &format!("{} cannot be read", safe(object)));
            }
            Event::Compared { unchanged, all } => {
                inner.write(now, &format!("as reviewed: {unchanged} of {all} objects"));
            }
            Event::Progress { .. } => inner.news = true,
            Event::Holding { .. } => {
                inner.news = true;
                if let Some(line) = waits {
                    inner.write(now, &line);
                }
            }
            // Whoever watches a run that stands still wants to know why, and at once.
            Event::Throttled { .. } => {
                if let Some(line) = patience::describe(event) {
                    inner.write(now, &line);
                }
            }
            Event::Notice { message } => inner.write(now, &format!("note: {}", safe(message))),
            Event::ActionEnded { id, outcome } => {
                inner.news |= matches!(outcome, Outcome::Done { .. });
                for line in ended::describe(id, outcome).unwrap_or_default() {
                    inner.write(now, &line);
                }
            }
            Event::Looked { .. }
            | Event::ActionStarted { .. }
            | Event::Waited(_)
            | Event::Excepted { .. } => {}
        }
        inner.total_when_due(now);
    }
}

impl Inner {
    fn total_when_due(&mut self, now: Timestamp) {
        let Some(last) = self.last else {
            self.last = Some(now);
            return;
        };
        if self.board.copies() && now.duration_since(last).as_secs() >= EVERY {
            self.total(now);
        }
    }

    fn total(&mut self, now: Timestamp) {
        let total = self.board.total(now);
        self.write(now, &total);
        self.last = Some(now);
        self.news = false;
    }

    fn write(&mut self, now: Timestamp, line: &str) {
        // Nobody can be told that standard error is gone; the work goes on.
        let _ = writeln!(self.out, "{} {line}", now.strftime("%Y-%m-%dT%H:%M:%SZ"));
    }
}

impl fmt::Debug for Lines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lines").finish_non_exhaustive()
    }
}
