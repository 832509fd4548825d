//! The life of one simulated process: it ends after a number of operations on sockets and ledger.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio_util::sync::CancellationToken;

/// Shared by everything that the process touches.
#[derive(Clone, Debug)]
pub(crate) struct Life(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    last: u64,
    steps: AtomicU64,
    end: CancellationToken,
}

impl Life {
    /// Ends before the operation behind this many; `None` lives on.
    pub(crate) fn of(steps: Option<u64>) -> Self {
        let inner = Inner {
            last: steps.unwrap_or(u64::MAX),
            steps: AtomicU64::new(0),
            end: CancellationToken::new(),
        };
        Self(Arc::new(inner))
    }

    /// Counts an operation; false when the process did not live to do it.
    pub(crate) fn step(&self) -> bool {
        if self.0.end.is_cancelled() {
            return false;
        }
        if self.0.steps.fetch_add(1, Ordering::Relaxed) < self.0.last {
            return true;
        }
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

    pub(crate) fn is_over(&self) -> bool {
        self.0.end.is_cancelled()
    }

    /// Cancelled at the end.
    pub(crate) fn over(&self) -> &CancellationToken {
        &self.0.end
    }
}
