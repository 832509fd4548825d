//! Holds the lock of a migration for as long as a command runs.

use crate::blocking;
use crate::error::{Error, Result};
use crate::ports::clock::Clock;
use crate::ports::ledger::{Ledger, Owner};
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// A sign of life this often; the lease is 120 s.
const HEARTBEAT: Duration = Duration::from_secs(30);

/// The lock, held. Dropping it gives the lock back.
#[derive(Debug)]
pub struct Held {
    ledger: Arc<dyn Ledger>,
    beat: JoinHandle<()>,
    lost: Arc<Mutex<Option<Error>>>,
}

impl Held {
    /// Takes the lock or fails at once; `cancel` is cancelled when it is lost.
    pub fn take(
        ledger: Arc<dyn Ledger>,
        owner: &Owner,
        clock: Arc<dyn Clock>,
        cancel: CancellationToken,
    ) -> Result<Self> {
        ledger.acquire(owner)?;
        let lost = Arc::new(Mutex::new(None));
        let beat = tokio::spawn(beat(Arc::clone(&ledger), clock, cancel, Arc::clone(&lost)));
        Ok(Self { ledger, beat, lost })
    }

    /// Returns why the lock was lost, when it was.
    pub fn lost(&self) -> Option<Error> {
        self.lost.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take()
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.beat.abort();
        // A lock that cannot be given back ends with this process: the next owner sees that it
        // is gone.
        let _ = self.ledger.release();
    }
}

async fn beat(
    ledger: Arc<dyn Ledger>,
    clock: Arc<dyn Clock>,
    cancel: CancellationToken,
    lost: Arc<Mutex<Option<Error>>>,
) {
    loop {
        tokio::time::sleep(HEARTBEAT).await;
        let (ledger, now) = (Arc::clone(&ledger), clock.now());
        let beat = blocking::call(move || ledger.heartbeat(now)).await;
        if let Ok(Err(error)) = beat {
            *lost.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(error);
            cancel.cancel();
            return;
        }
    }
}
