//! Ctrl-C and SIGTERM: once to end after what is in flight, twice to end now.

use crate::error::ErrorKind;
use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use tokio_util::sync::CancellationToken;

/// Listens for signals for as long as it lives.
#[derive(Debug)]
pub(crate) struct Signals {
    /// Cancelled by the first signal.
    pub(crate) cancel: CancellationToken,
    came: Arc<AtomicU8>,
}

impl Signals {
    pub(crate) fn listen() -> Self {
        let signals = Self { cancel: CancellationToken::new(), came: Arc::default() };
        tokio::spawn(wait(signals.cancel.clone(), Arc::clone(&signals.came)));
        signals
    }

    /// Returns which kind of end was asked for, when one was.
    pub(crate) fn came(&self) -> Option<ErrorKind> {
        match self.came.load(Ordering::SeqCst) {
            130 => Some(ErrorKind::Interrupted),
            143 => Some(ErrorKind::Terminated),
            _ => None,
        }
    }
}

async fn wait(cancel: CancellationToken, came: Arc<AtomicU8>) {
    let code = one().await;
    came.store(code, Ordering::SeqCst);
    cancel.cancel();
    let _ = writeln!(
        std::io::stderr().lock(),
        "\nEnding after what is in flight. Again to end now; the ledger stays right either way."
    );
    let code = one().await;
    std::process::exit(i32::from(code));
}

#[cfg(unix)]
async fn one() -> u8 {
    use tokio::signal::unix::{SignalKind, signal};
    let terminated = async {
        match signal(SignalKind::terminate()) {
            Ok(mut stream) => {
                stream.recv().await;
            }
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => 130,
        () = terminated => 143,
    }
}

#[cfg(not(unix))]
async fn one() -> u8 {
    let _ = tokio::signal::ctrl_c().await;
    130
}
