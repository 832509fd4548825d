//! Keeps every connection of a run within what the servers allow: how many there are, and when a
//! command may go out.
//!
//! The rules are in [`limits`] and [`pace`], which are told the time; this file knows the clock,
//! the tasks that wait, and who listens.

pub mod limits;
pub mod pace;

mod account;

pub use account::{AccountBrake, AccountKey, Allowed, Place};

use crate::error::{Error, ErrorKind, Result};
use crate::executor::event::{Event, Listener, Waited};
use limits::Limits;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Two requests for patience within this time, from whichever accounts, halve the connections to
/// the whole server.
const REPEAT: Duration = Duration::from_secs(60);

/// Everything that the run knows about the patience of its servers.
#[derive(Debug)]
pub struct Throttle {
    begun: Instant,
    state: Mutex<State>,
    /// A place was given back, or a time to wait changed.
    changed: Notify,
    attention: Mutex<Attention>,
}

#[derive(Debug, Default)]
struct State {
    servers: BTreeMap<(&'static str, String), Server>,
    accounts: BTreeMap<AccountKey, Limits>,
    waited: BTreeMap<(&'static str, String), Waited>,
}

#[derive(Debug)]
struct Server {
    limits: Limits,
    /// When an account there was asked for patience last.
    sign: Option<Duration>,
}

/// Who is told, and who ends every wait.
#[derive(Debug, Default)]
struct Attention {
    listener: Option<Arc<dyn Listener>>,
    cancel: CancellationToken,
}

impl Default for Throttle {
    fn default() -> Self {
        Self {
            begun: Instant::now(),
            state: Mutex::default(),
            changed: Notify::new(),
            attention: Mutex::default(),
        }
    }
}

impl Throttle {
    /// Tells this listener from now on.
    pub fn tell(&self, listener: Arc<dyn Listener>) {
        self.attention().listener = Some(listener);
    }

    /// Ends every wait when this token is cancelled.
    pub fn end_with(&self, cancel: CancellationToken) {
        self.attention().cancel = cancel;
    }

    /// Returns what had to be waited for so far, by side and mailbox.
    pub fn waited(&self) -> Vec<Waited> {
        self.state().waited.values().cloned().collect()
    }

    fn attention(&self) -> MutexGuard<'_, Attention> {
        self.attention.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Duration {
        self.begun.elapsed()
    }

    fn cancel(&self) -> CancellationToken {
        self.attention().cancel.clone()
    }

    /// Sleeps for the whole time; an error when the run shall end.
    pub async fn sleep(&self, time: Duration) -> Result<()> {
        let cancel = self.cancel();
        tokio::select! {
            biased;
            () = cancel.cancelled() => Err(interrupted()),
            () = tokio::time::sleep(time) => Ok(()),
        }
    }

    /// Tells something to read that stops nothing.
    pub fn notice(&self, message: String) {
        self.event(&Event::Notice { message });
    }

    fn event(&self, event: &Event) {
        let listener = self.attention().listener.clone();
        if let Some(listener) = listener {
            listener.event(event);
        }
    }
}

fn interrupted() -> Error {
    Error::new(ErrorKind::Interrupted, "E130", "interrupted while waiting for a server")
        .hint("Run the same command again: it goes on where it stopped.")
}

#[cfg(test)]
mod tests;
