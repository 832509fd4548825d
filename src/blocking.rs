//! Calls that block, kept away from the reactor.

use crate::error::{Class, Error, ErrorKind, Result};
use crate::ports::ledger::Ledger;
use std::sync::Arc;
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::task::JoinError;

/// Runs a call that blocks on a thread for such calls, and in place on a runtime of one thread:
/// whoever asked for one thread wants to see the same order each time.
pub async fn call<T, F>(work: F) -> Result<T, JoinError>
where
    T: Send + 'static,
    F: FnOnce() -> T + Send + 'static,
{
    match Handle::current().runtime_flavor() {
        RuntimeFlavor::CurrentThread => Ok(work()),
        _ => tokio::task::spawn_blocking(work).await,
    }
}

/// Runs a call of the ledger.
pub async fn ledger<T, F>(ledger: &Arc<dyn Ledger>, work: F) -> Result<T>
where
    T: Send + 'static,
    F: FnOnce(&dyn Ledger) -> Result<T> + Send + 'static,
{
    let ledger = Arc::clone(ledger);
    call(move || work(ledger.as_ref())).await.map_err(|error| {
        Error::new(ErrorKind::Failed, "E399", "a call of the ledger ended abnormally")
            .class(Class::Ledger)
            .source(error)
    })?
}
