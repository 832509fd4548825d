//! Commands that were sent and not yet answered.

use crate::imap::error::ImapError;
use crate::imap::fetch::{BodyEvent, FetchRow, RowQuery};
use crate::imap::response::Untagged;
use crate::imap::row_runs::RowRuns;
use crate::imap::sequence_set::SequenceSet;
use crate::imap::turn::Turn;
use crate::model::uid::Uid;
use bytes::Bytes;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// What a tagged OK brought.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    /// The text after OK.
    pub text: Bytes,
    /// The untagged responses that belong to the command.
    pub data: Vec<Untagged>,
}

/// A command without its tagged answer.
#[derive(Debug)]
pub(crate) struct Pending {
    pub tag: String,
    pub command: &'static str,
    /// How long the server may be silent.
    pub limit: Duration,
    pub sink: Sink,
    pub done: oneshot::Sender<Result<Answer, ImapError>>,
    /// A record that could not be read: the command ends with this, whatever its tagged line says.
    pub failure: Option<ImapError>,
    /// Waits for `+`.
    pub plus: Option<oneshot::Sender<()>>,
    /// Octets of a literal that the server did not agree to are still to be sent.
    pub literal_open: bool,
}

/// Where the untagged data of a command goes.
#[derive(Debug)]
pub(crate) enum Sink {
    Nothing,
    /// Kept until the tagged answer, with the memory that it takes.
    Collect(&'static [&'static str], Kept),
    Rows(RowSink),
    Bodies(BodySink),
}

/// Untagged responses that are kept.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    pub data: Vec<Untagged>,
    /// Octets of memory, about.
    pub octets: usize,
}

#[derive(Debug)]
pub(crate) struct RowSink {
    /// Held until the tagged answer.
    pub _turn: Turn,
    pub to: Option<mpsc::Sender<FetchRow>>,
    pub set: SequenceSet,
    pub query: RowQuery,
    /// Rows that were handed on.
    pub complete: RowRuns,
    /// UIDs that came with a part of what was asked for, and not yet as a row.
    pub partial: BTreeSet<Uid>,
    /// Shared with whoever takes the rows.
    pub lacking: Arc<Mutex<Lacking>>,
}

/// What a listing lacks because its record could not be read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lacking {
    /// Messages that are named, and whose row did not come or cannot be read.
    pub uids: BTreeSet<Uid>,
    /// There was a record of which nobody can tell whose it is.
    pub unnamed: bool,
}

impl RowSink {
    pub(crate) fn lacking(&self) -> MutexGuard<'_, Lacking> {
        self.lacking.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Debug)]
pub(crate) struct BodySink {
    /// Held until the tagged answer.
    pub _turn: Turn,
    pub to: Option<mpsc::Sender<BodyEvent>>,
    pub set: SequenceSet,
}

impl Pending {
    /// Makes the command end in an error when its tagged line comes; the first error stays. Rows
    /// that can be read are handed on all the same: one bad record costs one message.
    pub(crate) fn spoil(&mut self, error: ImapError) {
        self.failure.get_or_insert(error);
        match &mut self.sink {
            Sink::Bodies(bodies) => bodies.to = None,
            Sink::Collect(_, kept) => *kept = Kept::default(),
            Sink::Rows(_) | Sink::Nothing => {}
        }
    }

    /// Ends the command with its tagged answer.
    pub(crate) fn finish(mut self, result: Result<Bytes, ImapError>) {
        if let Sink::Rows(rows) = &self.sink
            && result.is_ok()
            && let Some(uid) = rows.partial.first().copied()
        {
            rows.lacking().uids.extend(&rows.partial);
            self.spoil(ImapError::Unreadable {
                command: self.command,
                what: format!("a part of what was asked about UID {uid} is missing"),
                words: None,
            });
        }
        let result = match (result, self.failure) {
            // A NO or BAD says more than the record before it.
            (Err(error), _) | (Ok(_), Some(error)) => Err(error),
            (Ok(text), None) => {
                let data = match self.sink {
                    Sink::Collect(_, kept) => kept.data,
                    _ => Vec::new(),
                };
                Ok(Answer { text, data })
            }
        };
        // Nobody may wait any more.
        let _ = self.done.send(result);
    }
}
