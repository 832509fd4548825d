//! A clock that follows tokio's time, so that a test with paused time replays exactly.

use crate::ports::clock::Clock;
use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

/// Starts at a given time and goes on as tokio's time does.
#[derive(Clone, Copy, Debug)]
pub struct TokioClock {
    start: Timestamp,
    origin: Instant,
}

impl TokioClock {
    /// Starts the clock now, inside a tokio runtime.
    pub fn starting_at(start: Timestamp) -> Self {
        Self { start, origin: Instant::now() }
    }
}

impl Clock for TokioClock {
    fn now(&self) -> Timestamp {
        let gone = SignedDuration::try_from(self.origin.elapsed()).unwrap_or(SignedDuration::MAX);
        self.start.checked_add(gone).unwrap_or(Timestamp::MAX)
    }
}
