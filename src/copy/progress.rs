//! The numbers of one mailbox in one run.

use crate::executor::event::{Event, Listener};
use crate::model::address::Address;
use crate::model::folder::FolderPath;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;
use tokio::time::Instant;

/// Counts what is settled and tells it at most ten times a second.
#[derive(Debug)]
pub struct MailboxProgress {
    mailbox: Address,
    listener: Arc<dyn Listener>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    messages: u64,
    bytes: u64,
    messages_total: u64,
    bytes_total: u64,
    told: Option<Instant>,
    slowest: Duration,
    /// The folder that moved on last.
    folder: Option<FolderPath>,
}

const INTERVAL: Duration = Duration::from_millis(100);

impl MailboxProgress {
    /// Starts at nothing of the expected totals.
    pub fn new(
        mailbox: Address,
        listener: Arc<dyn Listener>,
        messages_total: u64,
        bytes_total: u64,
    ) -> Self {
        let state = State {
            messages: 0,
            bytes: 0,
            messages_total,
            bytes_total,
            told: None,
            slowest: Duration::ZERO,
            folder: None,
        };
        Self { mailbox, listener, state: Mutex::new(state) }
    }

    /// Makes the totals what was really settled, and tells it: an estimate never stays the end.
    pub fn finish(&self) {
        let mut state = self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let Some(folder) = state.folder.clone() else { return };
        state.messages_total = state.messages;
        state.bytes_total = state.bytes;
        drop(state);
        self.add(&folder, 0, 0, true);
    }

    /// Notes how long the answer to an APPEND took.
    pub fn answered(&self, time: Duration) {
        let mut state = self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        state.slowest = state.slowest.max(time);
    }

    /// Returns the slowest answer to an APPEND in this run.
    pub fn slowest(&self) -> Duration {
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner).slowest
    }

    /// Returns how many messages were settled in this run.
    pub fn messages(&self) -> u64 {
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner).messages
    }

    /// Adds settled messages.
    pub fn add(&self, folder: &FolderPath, messages: u64, bytes: u64, last: bool) {
        // A panic elsewhere must not hide progress: the numbers are valid in any case.
        let mut state = self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        state.folder = Some(folder.clone());
        state.messages += messages;
        state.bytes += bytes;
        // Mail arrives while we copy: never show more than all.
        state.messages_total = state.messages_total.max(state.messages);
        state.bytes_total = state.bytes_total.max(state.bytes);
        if !last && state.told.is_some_and(|told| told.elapsed() < INTERVAL) {
            return;
        }
        state.told = Some(Instant::now());
        let event = Event::Progress {
            mailbox: self.mailbox.clone(),
            folder: folder.clone(),
            messages: state.messages,
            messages_total: state.messages_total,
            bytes: state.bytes,
            bytes_total: state.bytes_total,
        };
        drop(state);
        self.listener.event(&event);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Default)]
    struct Kept(Mutex<Vec<(u64, u64)>>);

    impl Listener for Kept {
        fn event(&self, event: &Event) {
            if let Event::Progress { messages, messages_total, .. } = event {
                self.0.lock().unwrap().push((*messages, *messages_total));
            }
        }
    }

    #[test]
    fn the_end_is_what_was_counted_and_is_always_told() {
        let kept = Arc::new(Kept::default());
        let ada = "ada@acme.example".parse().unwrap();
        let progress = MailboxProgress::new(ada, Arc::<Kept>::clone(&kept), 145, 0);
        progress.finish();
        assert!(kept.0.lock().unwrap().is_empty(), "nothing moved, and nothing is told");
        progress.add(&FolderPath::inbox(), 100, 0, false);
        // Too soon after the first to be told.
        progress.add(&FolderPath::inbox(), 25, 0, false);
        progress.finish();
        assert_eq!(*kept.0.lock().unwrap(), [(100, 145), (125, 125)]);
    }
}
