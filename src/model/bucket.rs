//! A token bucket: how long to wait so that no more than so many octets go out in a second.

use std::time::Duration;

/// What may go out at once after a pause.
const BURST: Duration = Duration::from_secs(1);

/// A token bucket over a clock that the caller reads. Octets are never refused: who takes more
/// than there is waits for it, so that a message larger than a second's worth passes, too.
#[derive(Clone, Copy, Debug)]
pub struct Bucket {
    octets_a_second: u64,
    /// When everything that was taken is paid for, on the caller's clock.
    paid: Duration,
}

impl Bucket {
    /// Makes a full bucket; `now` is the caller's clock. At least one octet a second passes.
    pub fn new(octets_a_second: u64, now: Duration) -> Self {
        Self { octets_a_second: octets_a_second.max(1), paid: now.saturating_sub(BURST) }
    }

    /// Takes octets and returns how long to wait before they may go out.
    pub fn take(&mut self, octets: u64, now: Duration) -> Duration {
        let nanoseconds = u128::from(octets) * 1_000_000_000 / u128::from(self.octets_a_second);
        let cost = Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(u64::MAX));
        self.paid = self.paid.max(now.saturating_sub(BURST)).saturating_add(cost);
        self.paid.saturating_sub(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Duration = Duration::from_secs(1_000);

    #[test]
    fn a_second_of_octets_passes_at_once_and_the_rest_waits_for_its_time() {
        let mut bucket = Bucket::new(1_000, START);
        assert_eq!(bucket.take(1_000, START), Duration::ZERO);
        assert_eq!(bucket.take(2_000, START), Duration::from_secs(2));
        // Who has waited owes nothing and has nothing saved.
        let later = START + Duration::from_secs(2);
        assert_eq!(bucket.take(500, later), Duration::from_millis(500));
        // A long pause saves one second and no more.
        let idle = START + Duration::from_secs(100);
        assert_eq!(bucket.take(3_000, idle), Duration::from_secs(2));
    }

    #[test]
    fn over_a_long_time_the_rate_is_kept() {
        let mut bucket = Bucket::new(10_000, START);
        let mut now = START;
        for _ in 0..100 {
            now += bucket.take(7_777, now);
        }
        let least = Duration::from_millis(77_770 - 1_001);
        assert!(now >= START + least, "{now:?}");
    }
}
