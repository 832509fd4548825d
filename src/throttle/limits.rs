//! How many connections there may be, and when a command may go out: a state machine that is told
//! the time. One for each server and one for each account at it.

use std::time::Duration;

/// So much calm makes room for one more connection. Exchange's budgets are refilled within
/// minutes, and the requests for a pause that were seen last up to five.
const CALM: Duration = Duration::from_secs(30);

/// Signs that come together are one: the answers to what was on its way already.
const TOGETHER: Duration = Duration::from_secs(5);

/// The longest wait of our own choice.
const LONGEST: Duration = Duration::from_secs(60);

/// The connections to one server, or of one account, and the time until which nothing goes out.
/// Times are counted from the begin of the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// As the migration plan says.
    most: u16,
    ceiling: u16,
    in_use: u16,
    hold_until: Duration,
    /// The last halving or growth, from which calm is counted.
    changed: Duration,
    halved: Option<Duration>,
    /// Waits without a time of the server's in a row.
    unnamed: u32,
    last_sign: Option<Duration>,
}

/// What a sign of trouble changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// Connections before and after, when they were halved.
    pub halved: Option<(u16, u16)>,
    /// How long from now nothing may go out.
    pub wait: Duration,
    /// By how much this made the wait longer than it was.
    pub longer: Duration,
}

impl Limits {
    /// Allows so many connections; at least one.
    pub const fn new(most: u16) -> Self {
        let most = if most == 0 { 1 } else { most };
        Self {
            most,
            ceiling: most,
            in_use: 0,
            hold_until: Duration::ZERO,
            changed: Duration::ZERO,
            halved: None,
            unnamed: 0,
            last_sign: None,
        }
    }

    /// Returns how many connections there may be at this time.
    pub fn ceiling(&mut self, now: Duration) -> u16 {
        while self.ceiling < self.most && now >= self.changed.saturating_add(CALM) {
            self.ceiling += 1;
            self.changed = self.changed.saturating_add(CALM);
        }
        self.ceiling
    }

    /// Returns when the ceiling grows next; `None` when it is as high as it may be.
    pub fn grows_at(&self) -> Option<Duration> {
        (self.ceiling < self.most).then(|| self.changed.saturating_add(CALM))
    }

    /// Tells whether there is room for one more connection.
    pub fn has_room(&mut self, now: Duration) -> bool {
        self.in_use < self.ceiling(now)
    }

    /// Takes a place for a connection; ask [`Limits::has_room`] first.
    pub fn take(&mut self) {
        self.in_use = self.in_use.saturating_add(1);
    }

    /// Gives a place back.
    pub fn give_back(&mut self) {
        self.in_use = self.in_use.saturating_sub(1);
    }

    /// Returns how many connections there are.
    pub const fn in_use(&self) -> u16 {
        self.in_use
    }

    /// Tells whether there are more connections than there may be.
    pub fn is_over(&mut self, now: Duration) -> bool {
        self.in_use > self.ceiling(now)
    }

    /// Returns how long nothing may go out yet; `None` when it may now.
    pub fn held(&self, now: Duration) -> Option<Duration> {
        self.hold_until.checked_sub(now).filter(|left| !left.is_zero())
    }

    /// Halves the connections, once for signs that come together.
    pub fn halve(&mut self, now: Duration) -> Option<(u16, u16)> {
        let before = self.ceiling(now);
        self.changed = now;
        if self.halved.is_some_and(|at| now < at.saturating_add(TOGETHER)) {
            return None;
        }
        self.halved = Some(now);
        // Half of what there is: half of what is only allowed would change nothing.
        let present = before.min(self.in_use.max(1));
        self.ceiling = (present / 2).max(1);
        Some((before, self.ceiling))
    }

    /// Takes a request for patience: exactly as long as the server says, else 1, 2, 4 … seconds.
    pub fn hold(&mut self, now: Duration, named: Option<Duration>) -> Change {
        let calm = self.last_sign.is_none_or(|at| now >= at.saturating_add(2 * LONGEST));
        let echo = self.held(now).is_some();
        self.last_sign = Some(now);
        let wait = named.unwrap_or_else(|| {
            if calm {
                self.unnamed = 0;
            }
            let wait = Duration::from_secs(1 << self.unnamed.min(6)).min(LONGEST);
            // Answers to what was on its way are no reason to wait longer the next time.
            self.unnamed = self.unnamed.saturating_add(u32::from(!echo));
            wait
        });
        let until = self.hold_until.max(now.saturating_add(wait));
        let longer = until.saturating_sub(self.hold_until.max(now));
        self.hold_until = until;
        // Calm begins when the wait is over.
        let halved = self.halve(now);
        self.changed = self.changed.max(until);
        Change { halved, wait: until.saturating_sub(now), longer }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn the_first_sign_halves_and_calm_gives_one_back_at_a_time() {
        let mut limits = Limits::new(8);
        for _ in 0..8 {
            assert!(limits.has_room(s(0)));
            limits.take();
        }
        assert!(!limits.has_room(s(0)));
        let change = limits.hold(s(10), Some(s(20)));
        assert_eq!((change.halved, change.wait), (Some((8, 4)), s(20)));
        assert_eq!(limits.held(s(29)), Some(s(1)));
        assert_eq!(limits.held(s(30)), None);
        assert!(limits.is_over(s(30)));
        assert_eq!(limits.ceiling(s(59)), 4);
        assert_eq!(limits.ceiling(s(60)), 5);
        assert_eq!(limits.grows_at(), Some(s(90)));
        assert_eq!(limits.ceiling(s(3_600)), 8);
        assert_eq!(limits.grows_at(), None);
    }

    #[test]
    fn a_shorter_wait_never_shortens_a_longer_one_and_echoes_halve_once() {
        let mut limits = Limits::new(16);
        (0..16).for_each(|_| limits.take());
        assert_eq!(limits.hold(s(0), Some(s(300))).longer, s(300));
        let echo = limits.hold(s(1), Some(s(2)));
        assert_eq!((echo.halved, echo.wait, echo.longer), (None, s(299), s(0)));
        assert_eq!(limits.hold(s(100), Some(s(300))).halved, Some((8, 4)));
        assert_eq!(limits.held(s(100)), Some(s(300)));
    }

    #[test]
    fn a_wait_that_nobody_named_grows_and_is_forgotten() {
        let mut limits = Limits::new(1);
        let waits: Vec<u64> =
            [0, 1, 3, 7, 15, 31, 63, 123].map(|at| limits.hold(s(at), None).wait.as_secs()).into();
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60]);
        assert_eq!(limits.hold(s(1_000), None).wait, s(1));
    }

    #[test]
    fn an_absurd_wait_is_kept_and_nothing_overflows() {
        let mut limits = Limits::new(2);
        let wait = Duration::from_millis(u64::MAX);
        assert_eq!(limits.hold(s(5), Some(wait)).wait, wait);
        limits.hold(s(6), Some(Duration::MAX));
        assert!(limits.held(s(7)).is_some());
        assert_eq!(limits.ceiling(s(1_000_000)), 1);
    }

    proptest! {
        #[test]
        fn nothing_goes_out_early_and_the_ceiling_keeps_its_bounds(
            most in 0_u16..20,
            steps in proptest::collection::vec((0_u8..5, 0_u64..200, 0_u64..400), 0..200),
        ) {
            let mut limits = Limits::new(most);
            let (mut now, mut until, mut out) = (Duration::ZERO, Duration::ZERO, 0_u16);
            for (step, later, wait) in steps {
                now += Duration::from_millis(later * 250);
                match step {
                    0 if limits.has_room(now) => { limits.take(); out += 1; }
                    1 if out > 0 => { limits.give_back(); out -= 1; }
                    2 => {
                        limits.hold(now, Some(s(wait)));
                        until = until.max(now + s(wait));
                    }
                    3 => {
                        let before = limits.ceiling(now);
                        if let Some((from, to)) = limits.halve(now) {
                            prop_assert_eq!(from, before);
                            prop_assert!(to >= 1 && to <= before.div_ceil(2).max(1));
                        }
                    }
                    _ => {}
                }
                let ceiling = limits.ceiling(now);
                prop_assert!(ceiling >= 1 && ceiling <= most.max(1));
                prop_assert_eq!(limits.held(now), until.checked_sub(now).filter(|d| !d.is_zero()));
                prop_assert_eq!(limits.in_use(), out);
                if out < ceiling { prop_assert!(limits.has_room(now)); }
            }
            // Calm gives everything back.
            let calm = now.max(until) + CALM * u32::from(most.max(1));
            prop_assert_eq!(limits.ceiling(calm), most.max(1));
        }
    }
}
