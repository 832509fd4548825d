//! Clocks that follow tokio's time, so that a test with paused time replays exactly.

use crate::ports::clock::Clock;
use jiff::{SignedDuration, Timestamp};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;
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

/// Goes on as tokio's time does, and can be moved ahead by hand; clones are one clock.
#[derive(Clone, Debug)]
pub struct SteppedClock {
    flow: TokioClock,
    /// Nanoseconds ahead of `flow`: 292 years fit.
    ahead: Arc<AtomicI64>,
}

impl SteppedClock {
    /// Starts the clock now at the given time.
    pub fn starting_at(start: Timestamp) -> Self {
        Self { flow: TokioClock::starting_at(start), ahead: Arc::default() }
    }

    /// Moves the clock ahead for everybody who has it; it never goes back, and stands at the end of
    /// the years that it can tell.
    pub fn advance(&self, by: Duration) {
        let by = i64::try_from(by.as_nanos()).unwrap_or(i64::MAX);
        // Nobody can be told of a failure, and there is none: the closure always gives a value.
        let _ = self.ahead.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |ahead| {
            Some(ahead.saturating_add(by))
        });
    }

    /// Returns how far the clock was moved by hand.
    pub fn advanced(&self) -> Duration {
        Duration::from_nanos(u64::try_from(self.ahead.load(Ordering::SeqCst)).unwrap_or(0))
    }
}

impl Clock for SteppedClock {
    fn now(&self) -> Timestamp {
        let ahead = SignedDuration::from_nanos(self.ahead.load(Ordering::SeqCst));
        self.flow.now().checked_add(ahead).unwrap_or(Timestamp::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_step_moves_every_clone_and_time_goes_on_meanwhile() {
        let start: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let clock = SteppedClock::starting_at(start);
        let clone: Arc<dyn Clock> = Arc::new(clock.clone());
        tokio::time::advance(Duration::from_secs(5)).await;
        clock.advance(Duration::from_secs(86_400));
        clock.advance(Duration::from_millis(1));
        let gone = SignedDuration::from_millis(86_405_001);
        assert_eq!(clone.now().duration_since(start), gone);
        assert_eq!(clock.advanced(), Duration::from_millis(86_400_001));
        clock.advance(Duration::MAX);
        assert!(clone.now() > start, "it never goes back");
    }
}
