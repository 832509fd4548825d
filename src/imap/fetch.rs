//! UID FETCH: rows of a listing, and bodies.

pub use crate::imap::pending::Lacking;

use crate::imap::connection::{Connection, Link, plain};
use crate::imap::error::ImapError;
use crate::imap::pending::{BodySink, RowSink, Sink};
use crate::imap::row_runs::RowRuns;
use crate::imap::send::Ticket;
use crate::imap::sequence_set::SequenceSet;
use crate::imap::turn::{Before, Turn};
use crate::model::flags::Flags;
use crate::model::internal_date::InternalDate;
use crate::model::uid::Uid;
use bytes::Bytes;
use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// Rows that may wait to be taken; some 100 KB with header fields.
const ROWS_WAITING: usize = 64;
/// Chunks of a body that may wait to be taken, each at most [`crate::imap::frame::CHUNK`].
const CHUNKS_WAITING: usize = 4;

/// What a listing asks about each message, besides its UID.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RowQuery {
    /// FLAGS.
    pub flags: bool,
    /// INTERNALDATE.
    pub internal_date: bool,
    /// RFC822.SIZE.
    pub size: bool,
    /// MODSEQ; needs CONDSTORE and a folder that keeps mod-sequences.
    pub modseq: bool,
    /// Names of header fields; none asked when empty.
    pub header_fields: Vec<String>,
}

/// One message of a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchRow {
    /// Its UID, which is in the set that was asked about.
    pub uid: Uid,
    /// Flags, when asked for.
    pub flags: Option<Flags>,
    /// When asked for and valid.
    pub internal_date: Option<InternalDate>,
    /// As the server wrote it, when asked for; `NIL` included.
    pub internal_date_raw: Option<String>,
    /// RFC822.SIZE in octets, when asked for.
    pub size: Option<u64>,
    /// When asked for.
    pub modseq: Option<u64>,
    /// The header fields as the server gave them, when asked for; `None` also when it said NIL.
    pub headers: Option<Vec<u8>>,
}

/// A part of the bodies that were asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BodyEvent {
    /// A body begins.
    Start {
        /// Known when the server tells it before the body.
        uid: Option<Uid>,
        /// In octets.
        size: u64,
    },
    /// Octets of the body, at most [`crate::imap::frame::CHUNK`].
    Chunk(Bytes),
    /// The body was complete.
    End {
        /// Whose it was.
        uid: Uid,
    },
    /// The server has the message and no body for it (NIL).
    Missing {
        /// Whose it is.
        uid: Uid,
    },
}

type MakeSink<T> = Arc<dyn Fn(mpsc::Sender<T>, Turn) -> Sink + Send + Sync>;
type Sent = JoinHandle<Result<Ticket, ImapError>>;

/// What is left of a FETCH: one command after the other, each with its own answer.
struct Stream<T> {
    link: Link,
    items: String,
    /// Sets of the commands that were not sent yet.
    lines: VecDeque<String>,
    sink: MakeSink<T>,
    waiting: usize,
    running: Option<(mpsc::Receiver<T>, Sent)>,
    /// The place in the queue of this connection, until the last command has it.
    turn: Option<(Turn, Option<Before>)>,
    /// Given again for ever: asking once more must not look like an end.
    failed: Option<ImapError>,
}

const COMMAND: &str = "UID FETCH";

impl<T: Send + 'static> Stream<T> {
    /// Sends the next command as soon as no other FETCH is under way, in a task of its own, so that
    /// it goes out when the answer to the one before is there, taken or not.
    fn start(&mut self) {
        let Some(line) = self.lines.pop_front() else { return };
        let (turn, before) = self.turn.take().unwrap_or_else(|| {
            let (turn, before) = self.link.shared.turns.take();
            (turn, Some(before))
        });
        if !self.lines.is_empty() {
            // All commands of one set are one turn: what was asked for later comes later.
            self.turn = Some((turn.clone(), None));
        }
        let (to, from) = mpsc::channel(self.waiting);
        let text = plain(format!("UID FETCH {line} {}", self.items));
        let (link, sink) = (self.link.clone(), self.sink.clone());
        let sending = tokio::spawn(async move {
            let closed = link.shared.closed.clone();
            if let Some(before) = before {
                tokio::select! {
                    biased;
                    () = closed.cancelled() => return Err(link.shared.closed_error(COMMAND)),
                    () = before.over() => {}
                }
            }
            if to.is_closed() {
                // Nobody wants it any more.
                return Err(link.shared.closed_error(COMMAND));
            }
            link.send(COMMAND, text, sink(to, turn)).await
        });
        self.running = Some((from, sending));
    }

    /// `None` after the last command's tagged OK and at no other time.
    async fn next(&mut self) -> Result<Option<T>, ImapError> {
        loop {
            if let Some(error) = &self.failed {
                return Err(error.clone());
            }
            let Some((from, sending)) = &mut self.running else { return Ok(None) };
            if let Some(item) = from.recv().await {
                return Ok(Some(item));
            }
            let sent = sending.await;
            // From here to the end of the answer a future that is dropped must not look like an
            // end when it is asked again.
            self.failed = Some(self.link.shared.closed_error(COMMAND));
            let answered = match sent {
                Ok(Ok(ticket)) => ticket.answer().await.map(drop),
                Ok(Err(error)) => Err(error),
                Err(_) => Err(self.link.shared.closed_error(COMMAND)),
            };
            self.running = None;
            self.failed = answered.err();
            if self.failed.is_none() {
                self.start();
            }
        }
    }
}

/// The rows of a listing.
pub struct Rows {
    stream: Stream<FetchRow>,
    lacking: Arc<Mutex<Lacking>>,
}

/// The bodies that were asked for.
pub struct Bodies(Stream<BodyEvent>);

impl std::fmt::Debug for Rows {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rows").finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Bodies {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bodies").finish_non_exhaustive()
    }
}

impl Rows {
    /// Returns the next row, and `None` only after the server's tagged OK, when the listing is
    /// complete.
    ///
    /// [`ImapError::Unreadable`] comes after all rows of its command that can be read.
    pub async fn next(&mut self) -> Result<Option<FetchRow>, ImapError> {
        self.stream.next().await
    }

    /// Returns what the listing lacks because it could not be read, as far as it came.
    pub fn lacking(&self) -> Lacking {
        self.lacking.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Bodies {
    /// Returns what comes next, and `None` only after the server's tagged OK. A message that was
    /// asked for and is not there any more is simply not among them.
    pub async fn next(&mut self) -> Result<Option<BodyEvent>, ImapError> {
        self.0.next().await
    }
}

impl RowQuery {
    fn items(&self) -> Result<String, ImapError> {
        let mut items = vec!["UID".to_owned()];
        let named = [
            (self.flags, "FLAGS"),
            (self.internal_date, "INTERNALDATE"),
            (self.size, "RFC822.SIZE"),
            (self.modseq, "MODSEQ"),
        ];
        items.extend(named.iter().filter(|(asked, _)| *asked).map(|(_, n)| (*n).to_owned()));
        for field in &self.header_fields {
            let fits = !field.is_empty()
                && field.bytes().all(|octet| octet.is_ascii_alphanumeric() || octet == b'-');
            if !fits {
                let what = format!("`{}` is no name of a header field", field.escape_debug());
                return Err(ImapError::Invalid { what });
            }
        }
        if !self.header_fields.is_empty() {
            items.push(format!("BODY.PEEK[HEADER.FIELDS ({})]", self.header_fields.join(" ")));
        }
        Ok(format!("({})", items.join(" ")))
    }
}

impl Connection {
    /// Lists messages of the selected folder. A large set becomes several commands, one after the
    /// other.
    #[allow(clippy::unused_async, reason = "a command of the connection like the others")]
    pub async fn fetch_rows(&self, set: &SequenceSet, query: RowQuery) -> Result<Rows, ImapError> {
        let items = query.items()?;
        let set_asked = set.clone();
        let lacking = Arc::new(Mutex::new(Lacking::default()));
        let shared = Arc::clone(&lacking);
        let sink = move |to, turn| {
            Sink::Rows(RowSink {
                _turn: turn,
                to: Some(to),
                set: set_asked.clone(),
                query: query.clone(),
                complete: RowRuns::default(),
                partial: BTreeSet::new(),
                lacking: Arc::clone(&shared),
            })
        };
        let mut stream = Stream {
            link: self.link.clone(),
            items,
            lines: set.lines().into(),
            sink: Arc::new(sink),
            waiting: ROWS_WAITING,
            running: None,
            turn: None,
            failed: None,
        };
        stream.start();
        Ok(Rows { stream, lacking })
    }

    /// Asks for whole messages of the selected folder without marking them as read. The server is
    /// read no faster than they are taken.
    ///
    /// Several may be asked for before the first came. The next command goes out when the server
    /// has answered the one before, whether or not its last chunks were taken: Dovecot answers two
    /// FETCH commands that are under way together by turns.
    #[allow(clippy::unused_async, reason = "a command of the connection like the others")]
    pub async fn fetch_bodies(&self, set: &SequenceSet) -> Result<Bodies, ImapError> {
        let set_asked = set.clone();
        let sink = move |to, turn| {
            Sink::Bodies(BodySink { _turn: turn, to: Some(to), set: set_asked.clone() })
        };
        let mut stream = Stream {
            link: self.link.clone(),
            items: "(UID BODY.PEEK[])".to_owned(),
            lines: set.lines().into(),
            sink: Arc::new(sink),
            waiting: CHUNKS_WAITING,
            running: None,
            turn: None,
            failed: None,
        };
        stream.start();
        Ok(Bodies(stream))
    }
}
