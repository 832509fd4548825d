//! How much may be in flight on one connection.

use crate::throttle::pace::Pace;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// APPENDs in flight. With a round trip of 40 ms a window of 16 moved 199 messages a second and
/// one of 64 moved 313, against 18 with one; 16 keeps what is unclear after a crash small.
pub const MESSAGES: usize = 16;

/// Octets in flight: four mailboxes at once stay below 24 MB.
const OCTETS: u64 = 4 << 20;

/// The window of one connection.
#[derive(Clone, Debug)]
pub struct Window(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug)]
struct State {
    pace: Pace,
    octets: u64,
}

/// A place in the window, free again when dropped.
#[derive(Debug)]
pub struct Place {
    window: Window,
    octets: u64,
}

impl Window {
    /// Makes an empty window that starts with so many messages; it grows up to [`MESSAGES`].
    pub fn new(start: usize) -> Self {
        let state = State { pace: Pace::new(start, MESSAGES), octets: 0 };
        Self(Arc::new(Inner { state: Mutex::new(state), changed: Notify::new() }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a place for a message of `size` octets; one that is larger than the window
    /// takes it whole. `cap` is asked each time how many messages something else allows.
    pub async fn enter(&self, size: u64, cap: impl Fn() -> usize) -> Place {
        let octets = size.min(OCTETS);
        loop {
            // Before the look, so that no change is missed after it.
            let mut changed = std::pin::pin!(self.0.changed.notified());
            changed.as_mut().enable();
            {
                let mut state = self.state();
                if state.octets + octets <= OCTETS && state.pace.enter(cap()) {
                    state.octets += octets;
                    return Place { window: self.clone(), octets };
                }
            }
            changed.await;
        }
    }
}

impl Place {
    /// Notes that the message was taken.
    pub fn went_well(&self) {
        self.window.state().pace.went_well();
    }

    /// Notes that it was refused.
    pub fn trouble(&self) {
        self.window.state().pace.trouble();
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        {
            let mut state = self.window.state();
            state.pace.leave();
            state.octets = state.octets.saturating_sub(self.octets);
        }
        self.window.0.changed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    async fn is_full(window: &Window, size: u64) -> bool {
        let soon = Duration::from_millis(20);
        tokio::time::timeout(soon, window.enter(size, || MESSAGES)).await.is_err()
    }

    #[tokio::test]
    async fn messages_and_octets_are_bounded_and_given_back() {
        let window = Window::new(MESSAGES);
        let mut places = Vec::new();
        for _ in 0..MESSAGES {
            places.push(window.enter(1, || MESSAGES).await);
        }
        assert!(is_full(&window, 1).await);
        places.pop();
        assert!(!is_full(&window, 1).await);
        places.clear();
        // One that is larger than everything goes alone.
        let large = window.enter(100 << 20, || MESSAGES).await;
        assert!(is_full(&window, 1).await);
        drop(large);
        assert!(!is_full(&window, 1).await);
    }

    #[tokio::test]
    async fn another_limit_counts_too() {
        let window = Window::new(MESSAGES);
        let first = window.enter(1, || 2).await;
        let _second = window.enter(1, || 2).await;
        let third = tokio::time::timeout(Duration::from_millis(20), window.enter(1, || 2)).await;
        assert!(third.is_err());
        drop(first);
        drop(window.enter(1, || 2).await);
    }

    #[tokio::test]
    async fn a_refusal_halves_and_answers_give_back() {
        let window = Window::new(4);
        let places = [
            window.enter(1, || MESSAGES).await,
            window.enter(1, || MESSAGES).await,
            window.enter(1, || MESSAGES).await,
            window.enter(1, || MESSAGES).await,
        ];
        places[0].trouble();
        drop(places);
        let _one = window.enter(1, || MESSAGES).await;
        let two = window.enter(1, || MESSAGES).await;
        assert!(is_full(&window, 1).await);
        two.went_well();
        two.went_well();
    }
}
