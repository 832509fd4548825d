//! One JSON object a line, for programs.

use crate::executor::event::{Event, Listener};
use crate::ports::clock::Clock;
use serde::Serialize;
use std::fmt;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

/// Writes every event as one line of JSON with its time, `at`, in RFC 3339.
///
/// A reader that stops reading stops the work, as with any pipe.
pub struct Ndjson {
    clock: Arc<dyn Clock>,
    inner: Mutex<Inner>,
}

struct Inner {
    out: Box<dyn Write + Send>,
    failure: Option<io::Error>,
}

#[derive(Serialize)]
struct Line<'a> {
    at: String,
    #[serde(flatten)]
    event: &'a Event,
}

impl Ndjson {
    /// Makes a listener that writes to `out`, usually standard output.
    pub fn new(out: Box<dyn Write + Send>, clock: Arc<dyn Clock>) -> Self {
        Self { clock, inner: Mutex::new(Inner { out, failure: None }) }
    }

    /// Returns why events are missing in the output, once; nothing was written after it.
    pub fn take_failure(&self) -> Option<io::Error> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner).failure.take()
    }
}

impl Listener for Ndjson {
    fn event(&self, event: &Event) {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        if inner.failure.is_some() {
            return;
        }
        let at = self.clock.now().strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string();
        let written = serde_json::to_vec(&Line { at, event }).map_err(io::Error::from).and_then(
            |mut line| {
                line.push(b'\n');
                // One write a line, so that lines of two processes never mix.
                inner.out.write_all(&line)?;
                inner.out.flush()
            },
        );
        inner.failure = written.err();
    }
}

impl fmt::Debug for Ndjson {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ndjson").finish_non_exhaustive()
    }
}
