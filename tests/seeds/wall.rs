//! The clock on the wall of the machine that mailferry runs on: somebody may set it, while
//! the clocks of the services and the time that passes go on.

use jiff::{SignedDuration, Timestamp};
use mailferry::ports::clock::Clock;
use mailferry::simulate::TokioClock;
use std::sync::Mutex;

#[derive(Debug)]
pub(crate) struct Wall {
    right: TokioClock,
    wrong_by: Mutex<SignedDuration>,
}

impl Wall {
    pub(crate) fn new(right: TokioClock) -> Self {
        Self { right, wrong_by: Mutex::default() }
    }

    /// Sets it forward or back.
    pub(crate) fn set(&self, by: SignedDuration) {
        *self.wrong_by.lock().expect("one thread") += by;
    }
}

impl Clock for Wall {
    fn now(&self) -> Timestamp {
        let by = *self.wrong_by.lock().expect("one thread");
        self.right.now().checked_add(by).unwrap_or(Timestamp::MAX)
    }
}
