//! How many messages may be in flight on one connection: a state machine without a clock.

/// The window of one connection: doubles each round trip until the first sign of trouble, then
/// grows by one a round trip and halves at every further sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    size: usize,
    most: usize,
    in_flight: usize,
    /// Until the first trouble every answer makes room for one more, which doubles the window
    /// each round trip.
    steady: bool,
    /// Answers since the window grew last, once it is steady.
    answers: usize,
    /// Messages that were in flight at the last trouble: their refusals tell nothing new.
    echoes: usize,
}

impl Pace {
    /// Makes a window of `start` messages that never holds more than `most`; both at least one.
    pub const fn new(start: usize, most: usize) -> Self {
        let most = if most == 0 { 1 } else { most };
        let size = if start == 0 { 1 } else { start };
        let size = if size > most { most } else { size };
        Self { size, most, in_flight: 0, steady: false, answers: 0, echoes: 0 }
    }

    /// Returns how many messages may be in flight.
    pub const fn size(&self) -> usize {
        self.size
    }

    /// Returns how many are.
    pub const fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// Takes a place when there is one; `cap` is what another limit leaves, at least one.
    pub fn enter(&mut self, cap: usize) -> bool {
        let room = self.in_flight < self.size.min(cap.max(1));
        self.in_flight += usize::from(room);
        room
    }

    /// Notes that a message was taken.
    pub fn went_well(&mut self) {
        self.echoes = self.echoes.saturating_sub(1);
        // A window that was never full says nothing about a larger one.
        if self.size == self.most || self.in_flight < self.size {
            return;
        }
        if !self.steady {
            self.size += 1;
            return;
        }
        self.answers += 1;
        if self.answers >= self.size {
            self.answers = 0;
            self.size += 1;
        }
    }

    /// Notes a refusal.
    pub fn trouble(&mut self) {
        if self.echoes > 0 {
            self.echoes -= 1;
            return;
        }
        self.steady = true;
        self.answers = 0;
        self.size = (self.size / 2).max(1);
        self.echoes = self.in_flight.saturating_sub(1);
    }

    /// Gives a place back.
    pub fn leave(&mut self) {
        self.in_flight = self.in_flight.saturating_sub(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Sends and has answered whole round trips; returns the window after each.
    fn round_trips(pace: &mut Pace, count: usize) -> Vec<usize> {
        (0..count)
            .map(|_| {
                while pace.enter(usize::MAX) {}
                for _ in 0..pace.in_flight() {
                    pace.went_well();
                    pace.leave();
                }
                pace.size()
            })
            .collect()
    }

    #[test]
    fn it_doubles_until_the_first_trouble_and_then_grows_by_one() {
        let mut pace = Pace::new(1, 16);
        // The answers of a round trip come while the window is full only at its begin.
        assert_eq!(round_trips(&mut pace, 1), [2]);
        let mut pace = full_doubling();
        pace.enter(usize::MAX);
        pace.trouble();
        assert_eq!(pace.size(), 8);
        let before = pace.size();
        while pace.enter(usize::MAX) {}
        for _ in 0..before {
            pace.went_well();
        }
        assert_eq!(pace.size(), before + 1);
    }

    /// A window that is kept full: each answer is followed by the next messages at once.
    fn full_doubling() -> Pace {
        let mut pace = Pace::new(1, 16);
        let mut sizes = vec![pace.size()];
        for _ in 0..4 {
            while pace.enter(usize::MAX) {}
            for _ in 0..pace.size() {
                pace.went_well();
                pace.leave();
                while pace.enter(usize::MAX) {}
            }
            sizes.push(pace.size());
        }
        assert_eq!(sizes, [1, 2, 4, 8, 16]);
        pace
    }

    #[test]
    fn refusals_of_one_window_are_one_sign() {
        let mut pace = Pace::new(16, 16);
        while pace.enter(usize::MAX) {}
        for _ in 0..16 {
            pace.trouble();
            pace.leave();
        }
        assert_eq!(pace.size(), 8);
        while pace.enter(usize::MAX) {}
        pace.trouble();
        assert_eq!(pace.size(), 4);
    }

    proptest! {
        #[test]
        fn it_stays_within_its_bounds_and_always_lets_one_through(
            start in 0_usize..40,
            most in 0_usize..40,
            steps in proptest::collection::vec((0_u8..4, 0_usize..20), 0..300),
        ) {
            let mut pace = Pace::new(start, most);
            let mut out = 0_usize;
            for (step, cap) in steps {
                let before = pace.size();
                match step {
                    0 => {
                        let entered = pace.enter(cap);
                        prop_assert_eq!(entered, out < before.min(cap.max(1)));
                        out += usize::from(entered);
                    }
                    1 if out > 0 => {
                        pace.went_well();
                        prop_assert!(pace.size() == before || pace.size() == before + 1);
                        pace.leave();
                        out -= 1;
                    }
                    2 if out > 0 => {
                        pace.trouble();
                        prop_assert!(pace.size() == before || pace.size() == (before / 2).max(1));
                        pace.leave();
                        out -= 1;
                    }
                    _ => {}
                }
                prop_assert!(pace.size() >= 1 && pace.size() <= most.max(1));
                prop_assert_eq!(pace.in_flight(), out);
            }
            if out == 0 {
                prop_assert!(pace.enter(0));
            }
        }
    }
}
