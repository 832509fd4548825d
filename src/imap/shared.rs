//! What the reader and the writers of one connection share.

use crate::imap::brake::Brake;
use crate::imap::dial::BoxStream;
use crate::imap::error::{ImapError, Words};
use crate::imap::pending::Pending;
use crate::imap::timeouts::Timeouts;
use crate::imap::turn::Turns;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::io::{BufWriter, WriteHalf};
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// How long the answers to what was sent before a BYE are waited for: the server should close at
/// once, and one that does not must not cost a time-out.
const AFTER_BYE: Duration = Duration::from_secs(5);

/// Why a connection ended.
#[derive(Clone, Debug)]
pub(crate) enum Cause {
    /// End of stream, or an error of the socket.
    Lost(Option<String>),
    /// The server was silent for too long.
    Silent(Duration),
    /// The stream is out of step.
    Protocol(String, Option<Words>),
    /// This side closed it.
    Dropped,
}

pub(crate) struct Shared {
    state: Mutex<State>,
    pub timeouts: Timeouts,
    /// Set when nothing more will be read or written.
    pub closed: CancellationToken,
    /// The time limit may have changed.
    pub changed: Notify,
    pub round_trips: AtomicU64,
    /// NO and BAD so far, of whatever command.
    pub errors: AtomicU32,
    /// Holds commands back when the server wants it.
    pub brake: Option<Arc<dyn Brake>>,
    /// One streamed FETCH at a time.
    pub turns: Turns,
    pub writer: tokio::sync::Mutex<Option<BufWriter<WriteHalf<BoxStream>>>>,
}

pub(crate) struct State {
    pub pending: VecDeque<Pending>,
    pub cause: Option<Cause>,
    pub bye: Option<Words>,
    next_tag: u64,
    progress: Instant,
}

impl Cause {
    fn error(&self, command: &'static str, bye: Option<Words>) -> ImapError {
        let reason = match self {
            // What was waited for after a BYE is the end of the connection.
            Self::Silent(_) if bye.is_some() => None,
            Self::Silent(limit) => {
                return ImapError::Timeout { what: command, seconds: limit.as_secs() };
            }
            Self::Protocol(what, words) => {
                return ImapError::Protocol { what: what.clone(), words: words.clone() };
            }
            Self::Lost(reason) => reason.clone(),
            Self::Dropped => Some("this side closed it".to_owned()),
        };
        ImapError::Closed { command, bye, reason }
    }
}

impl Shared {
    pub(crate) fn new(
        writer: WriteHalf<BoxStream>,
        timeouts: Timeouts,
        round_trips: u64,
        brake: Option<Arc<dyn Brake>>,
    ) -> Self {
        Self {
            state: Mutex::new(State {
                pending: VecDeque::new(),
                cause: None,
                bye: None,
                next_tag: 0,
                progress: Instant::now(),
            }),
            timeouts,
            closed: CancellationToken::new(),
            changed: Notify::new(),
            round_trips: AtomicU64::new(round_trips),
            errors: AtomicU32::new(0),
            brake,
            turns: Turns::default(),
            writer: tokio::sync::Mutex::new(Some(BufWriter::with_capacity(32 << 10, writer))),
        }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the connection: every unfinished command ends in an error. The first cause stays.
    pub(crate) fn close(&self, cause: Cause) {
        let mut state = self.state();
        let cause = state.cause.get_or_insert(cause).clone();
        let bye = state.bye.clone();
        let pending = std::mem::take(&mut state.pending);
        drop(state);
        self.closed.cancel();
        for command in pending {
            let error = cause.error(command.command, bye.clone());
            command.finish(Err(error));
        }
    }

    /// Returns the error of a command that a closed connection cannot take.
    pub(crate) fn closed_error(&self, command: &'static str) -> ImapError {
        let state = self.state();
        let cause = state.cause.clone().unwrap_or(Cause::Lost(None));
        cause.error(command, state.bye.clone())
    }

    /// Gives a command its tag and its place in the queue; `None` when the connection is closed or
    /// the server said BYE.
    pub(crate) fn register(&self, make: impl FnOnce(String) -> Pending) -> Option<String> {
        let mut state = self.state();
        state.next_tag += 1;
        let tag = format!("M{}", state.next_tag);
        let pending = make(tag.clone());
        // After a BYE nothing more is answered, RFC 3501 section 7.1.5.
        if state.cause.is_some() || state.bye.is_some() {
            return None;
        }
        if state.pending.is_empty() {
            self.round_trips.fetch_add(1, Ordering::Relaxed);
        }
        state.progress = Instant::now();
        state.pending.push_back(pending);
        drop(state);
        self.changed.notify_one();
        Some(tag)
    }

    /// Counts a refusal, and lets the brake hear it before whoever asked: what follows must not go
    /// out in between.
    pub(crate) fn refused(&self, error: &ImapError) {
        self.errors.fetch_add(1, Ordering::Relaxed);
        if let Some(brake) = &self.brake {
            brake.heard(error);
        }
    }

    /// Tells whether the server said BYE.
    pub(crate) fn said_bye(&self) -> bool {
        self.state().bye.is_some()
    }

    /// Octets moved, in either direction.
    pub(crate) fn touch(&self) {
        self.state().progress = Instant::now();
    }

    /// Returns when silence has lasted too long, and the limit; `None` while nothing is asked.
    pub(crate) fn deadline(&self, in_literal: bool) -> Option<(Instant, Duration)> {
        let state = self.state();
        let limit = state.pending.iter().map(|command| command.limit).max()?;
        let limit = if in_literal { limit.max(self.timeouts.literal) } else { limit };
        let limit = if state.bye.is_some() { limit.min(AFTER_BYE) } else { limit };
        Some((state.progress + limit, limit))
    }
}

impl State {
    pub(crate) fn find(&mut self, tag: &str) -> Option<&mut Pending> {
        self.pending.iter_mut().find(|command| command.tag == tag)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::imap::pending::Sink;

    #[tokio::test]
    async fn what_was_asked_before_a_bye_is_waited_for_only_shortly() {
        let (stream, _other) = tokio::io::duplex(1);
        let (_, writer) = tokio::io::split(BoxStream::new(stream));
        let shared = Shared::new(writer, Timeouts::default(), 0, None);
        let limit = Duration::from_secs(600);
        let asked = shared.register(|tag| Pending {
            tag,
            command: "NOOP",
            limit,
            sink: Sink::Nothing,
            done: tokio::sync::oneshot::channel().0,
            failure: None,
            plus: None,
            literal_open: false,
        });
        assert!(asked.is_some());
        assert_eq!(shared.deadline(false).map(|(_, limit)| limit), Some(limit));
        shared.state().bye = Some(Words::new(b"[UNAVAILABLE] down soon"));
        assert_eq!(shared.deadline(false).map(|(_, limit)| limit), Some(AFTER_BYE));
    }
}
