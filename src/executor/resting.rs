//! Ends the work on mailboxes that a person tells to rest while a run goes on.

use crate::blocking;
use crate::executor::event::{Event, Listener};
use crate::model::address::Address;
use crate::model::words;
use crate::ports::ledger::{Ledger, Pause};
use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// The ledger is asked this often: a person who says `pause` sees it within seconds.
const EVERY: Duration = Duration::from_secs(1);

/// Whether one mailbox rests.
#[derive(Clone, Debug)]
pub struct Rest {
    /// Cancelled when the run ends or when the mailbox is to rest.
    pub cancel: CancellationToken,
    pause: Arc<OnceLock<Pause>>,
}

impl Rest {
    /// Makes it for one mailbox of a run.
    pub fn new(run: &CancellationToken) -> Self {
        Self { cancel: run.child_token(), pause: Arc::default() }
    }

    /// Returns since when the mailbox rests and why, when it does.
    pub fn pause(&self) -> Option<&Pause> {
        self.pause.get()
    }

    fn begin(&self, pause: &Pause) {
        self.pause.get_or_init(|| pause.clone());
        self.cancel.cancel();
    }
}

/// Says in a sentence that a mailbox rests.
pub fn sentence(pause: &Pause) -> String {
    let note = if pause.note.is_empty() { String::new() } else { format!(": {}", pause.note) };
    format!("the mailbox rests since {}{note}", words::time(pause.since))
}

/// Asks the ledger again and again which mailboxes rest, for as long as this lives.
#[derive(Debug)]
pub(super) struct Watch(JoinHandle<()>);

impl Watch {
    /// Looks once before it returns, so that a mailbox that rests already is not begun.
    pub(super) async fn start(
        ledger: Arc<dyn Ledger>,
        listener: Arc<dyn Listener>,
        rests: BTreeMap<Address, Rest>,
    ) -> Self {
        look(&ledger, listener.as_ref(), &rests).await;
        Self(tokio::spawn(async move {
            loop {
                tokio::time::sleep(EVERY).await;
                look(&ledger, listener.as_ref(), &rests).await;
            }
        }))
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn look(ledger: &Arc<dyn Ledger>, listener: &dyn Listener, rests: &BTreeMap<Address, Rest>) {
    let ledger = Arc::clone(ledger);
    match blocking::call(move || ledger.paused()).await {
        Ok(Ok(paused)) => {
            for (mailbox, pause) in paused {
                if let Some(rest) = rests.get(&mailbox) {
                    rest.begin(&pause);
                }
            }
        }
        // The next call of the ledger by the run itself fails in the same way and ends it.
        Ok(Err(error)) => listener.event(&Event::Notice {
            message: format!("nobody can tell which mailboxes rest: {error}"),
        }),
        Err(_) => {}
    }
}
