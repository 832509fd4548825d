//! The system's clock.

use crate::ports::clock::Clock;
use jiff::Timestamp;

/// Tells the time of the operating system.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[allow(clippy::disallowed_methods, reason = "the one place that reads the system's clock")]
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_goes_on_and_is_not_the_epoch() {
        let first = SystemClock.now();
        assert!(first > "2025-01-01T00:00:00Z".parse().unwrap());
        assert!(SystemClock.now() >= first);
    }
}
