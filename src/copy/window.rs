//! How much may be in flight on one connection.

use crate::copy::stop::Stop;
use crate::error::{Error, ErrorKind};
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// APPENDs in flight. With a round trip of 40 ms a window of 16 moved 199 messages a second and
/// one of 64 moved 313, against 18 with one; 16 keeps what is unclear after a crash small.
const MESSAGES: usize = 16;

/// Octets in flight: four mailboxes at once stay below 24 MB.
const OCTETS: u32 = 4 << 20;

/// The window of one connection.
#[derive(Clone, Debug)]
pub struct Window {
    messages: Arc<Semaphore>,
    octets: Arc<Semaphore>,
}

/// A place in the window, free again when dropped.
#[derive(Debug)]
pub struct Place {
    _message: OwnedSemaphorePermit,
    _octets: OwnedSemaphorePermit,
}

impl Window {
    /// Makes an empty window.
    pub fn new() -> Self {
        Self {
            messages: Arc::new(Semaphore::new(MESSAGES)),
            octets: Arc::new(Semaphore::new(OCTETS as usize)),
        }
    }

    /// Waits for a place for a message of `size` octets; one that is larger than the window
    /// takes it whole.
    pub async fn enter(&self, size: u64) -> Result<Place, Stop> {
        let octets = u32::try_from(size).unwrap_or(OCTETS).min(OCTETS);
        let closed = |error| {
            Stop::Failed(
                Error::new(ErrorKind::Failed, "E397", "the window was closed while it was in use")
                    .source(error),
            )
        };
        let message = Arc::clone(&self.messages).acquire_owned().await.map_err(closed)?;
        let octets = Arc::clone(&self.octets).acquire_many_owned(octets).await.map_err(closed)?;
        Ok(Place { _message: message, _octets: octets })
    }
}

impl Default for Window {
    fn default() -> Self {
        Self::new()
    }
}
