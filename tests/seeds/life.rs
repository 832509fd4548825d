//! The life of one simulated process: it ends after a number of operations on sockets and ledger,
//! and things happen before some of them.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use tokio_util::sync::CancellationToken;

/// What an operation is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum On {
    Socket,
    /// Before the first request of a line to the tenant is answered.
    Tls,
    Ledger,
}

/// Something that happens between two operations.
pub(crate) type Happening = Box<dyn FnOnce() + Send>;

/// Shared by everything that the process touches.
#[derive(Clone, Debug)]
pub(crate) struct Life(Arc<Inner>);

struct Inner {
    last: u64,
    steps: AtomicU64,
    end: CancellationToken,
    /// What the operation was on that it did not live to do.
    killed_at: Mutex<Option<On>>,
    /// By the operation before which it happens, the last one first.
    happenings: Mutex<Vec<(u64, Happening)>>,
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Life").field("last", &self.last).finish_non_exhaustive()
    }
}

impl Life {
    /// Ends before the operation behind this many; `None` lives on.
    pub(crate) fn of(steps: Option<u64>) -> Self {
        let inner = Inner {
            last: steps.unwrap_or(u64::MAX),
            steps: AtomicU64::new(0),
            end: CancellationToken::new(),
            killed_at: Mutex::default(),
            happenings: Mutex::default(),
        };
        Self(Arc::new(inner))
    }

    /// Lets something happen before an operation.
    pub(crate) fn happens(&self, before: u64, what: Happening) {
        let mut happenings = self.0.happenings.lock().expect("one thread");
        happenings.push((before, what));
        happenings.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
    }

    /// Counts an operation; false when the process did not live to do it.
    pub(crate) fn step(&self, on: On) -> bool {
        if self.0.end.is_cancelled() {
            return false;
        }
        let step = self.0.steps.fetch_add(1, Ordering::Relaxed);
        loop {
            let mut happenings = self.0.happenings.lock().expect("one thread");
            let Some((_, what)) = happenings.pop_if(|(at, _)| *at <= step) else { break };
            drop(happenings);
            what();
        }
        if step < self.0.last {
            return true;
        }
        *self.0.killed_at.lock().expect("one thread") = Some(on);
        self.0.end.cancel();
        false
    }

    /// Operations so far.
    pub(crate) fn steps(&self) -> u64 {
        self.0.steps.load(Ordering::Relaxed)
    }

    /// Ends it from outside.
    pub(crate) fn end(&self) {
        self.0.end.cancel();
    }

    /// Tells on what the operation was before which it was killed.
    pub(crate) fn killed_at(&self) -> Option<On> {
        *self.0.killed_at.lock().expect("one thread")
    }

    /// Cancelled at the end.
    pub(crate) fn over(&self) -> &CancellationToken {
        &self.0.end
    }
}
