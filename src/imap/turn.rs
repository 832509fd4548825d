//! The order of streamed FETCH commands on one connection: each waits for the one before.
//!
//! Dovecot 2.3 answers two that were sent together by turns, and one that nobody takes yet would
//! hold up the one that somebody takes. A place is taken when the command is made, not when the
//! task that sends it happens to run: sent in another order, the second would fill its channel
//! while its taker still waits for the first.

use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::oneshot;

/// Held while a command streams; the next one begins when every clone is gone.
#[derive(Clone, Debug)]
pub(crate) struct Turn {
    _ends: Arc<oneshot::Sender<()>>,
}

/// Ends when the turn before is over.
#[derive(Debug)]
pub(crate) struct Before(Option<oneshot::Receiver<()>>);

impl Before {
    pub(crate) async fn over(self) {
        if let Some(before) = self.0 {
            // Nothing is ever sent: the other end going away is the signal.
            let _ = before.await;
        }
    }
}

/// The end of the queue.
#[derive(Debug, Default)]
pub(crate) struct Turns(Mutex<Option<oneshot::Receiver<()>>>);

impl Turns {
    /// Takes the next place.
    pub(crate) fn take(&self) -> (Turn, Before) {
        let (ends, ended) = oneshot::channel();
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = last.replace(ended);
        (Turn { _ends: Arc::new(ends) }, Before(before))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[tokio::test]
    async fn turns_are_kept_in_the_order_in_which_they_were_taken() {
        let turns = Turns::default();
        let (first, nothing) = turns.take();
        let (second, after_first) = turns.take();
        let (_third, after_second) = turns.take();
        nothing.over().await;
        let mut waiting = Box::pin(after_second.over());
        let soon = Duration::from_millis(20);
        drop(second);
        // The third waits for the second alone, and the second for the first.
        assert!(tokio::time::timeout(soon, &mut waiting).await.is_ok());
        let mut waiting = Box::pin(after_first.over());
        let also = first.clone();
        drop(first);
        assert!(tokio::time::timeout(soon, &mut waiting).await.is_err());
        drop(also);
        assert!(tokio::time::timeout(soon, &mut waiting).await.is_ok());
    }
}
