//! Sends commands: one at a time on the wire, any number unanswered.

use crate::imap::dial::BoxStream;
use crate::imap::error::ImapError;
use crate::imap::pending::{Answer, Pending, Sink};
use crate::imap::quote::Part;
use crate::imap::shared::{Cause, Shared};
use bytes::Bytes;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::io::{AsyncWriteExt, BufWriter, WriteHalf};
use tokio::sync::mpsc::Receiver;
use tokio::sync::oneshot;

/// The most octets of a non-synchronising literal under LITERAL-, RFC 7888 section 5.
const LITERAL_MINUS: u64 = 4_096;
/// Above this a literal waits for the server's consent: a refusal then costs one round trip
/// instead of the whole message.
const SYNCHRONISE_ABOVE: u64 = 10_000_000;

/// How long the words of a server that closes a connection are waited for.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Whether literals may go out without waiting, RFC 7888.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Literals {
    Synchronising,
    Minus,
    Plus,
}

/// A command that was sent in full.
#[derive(Debug)]
pub(crate) struct Ticket {
    command: &'static str,
    done: oneshot::Receiver<Result<Answer, ImapError>>,
}

impl Ticket {
    /// Waits for the tagged answer.
    pub(crate) async fn answer(self) -> Result<Answer, ImapError> {
        self.done.await.unwrap_or_else(|_| {
            Err(ImapError::Closed { command: self.command, bye: None, reason: None })
        })
    }
}

/// Closes the connection when a command was begun and not ended: what would follow would be read
/// as a part of it.
struct Unfinished<'a>(Option<&'a Shared>);

impl Drop for Unfinished<'_> {
    fn drop(&mut self) {
        if let Some(shared) = self.0 {
            shared.close(Cause::Dropped);
        }
    }
}

type Writer = BufWriter<WriteHalf<BoxStream>>;

struct Sending<'a> {
    shared: &'a Shared,
    writer: &'a mut Writer,
    command: &'static str,
    tag: String,
    done: &'a mut oneshot::Receiver<Result<Answer, ImapError>>,
}

/// Sends one command and returns when all its octets are written.
///
/// A refusal before the server's `+` is the error of this call.
pub(crate) async fn send(
    shared: &Arc<Shared>,
    literals: Literals,
    command: &'static str,
    parts: Vec<Part>,
    sink: Sink,
    limit: Duration,
) -> Result<Ticket, ImapError> {
    let (finished, mut done) = oneshot::channel();
    let mut writer = tokio::select! {
        biased;
        () = shared.closed.cancelled() => return Err(shared.closed_error(command)),
        writer = shared.writer.lock() => writer,
    };
    if shared.said_bye() {
        return Err(shared.closed_error(command));
    }
    if let Some(brake) = &shared.brake {
        // With the writer held, so that commands go out in the order in which they were asked for.
        tokio::select! {
            biased;
            () = shared.closed.cancelled() => return Err(shared.closed_error(command)),
            passed = brake.pass() => passed?,
        }
    }
    let Some(open) = writer.as_mut() else { return Err(shared.closed_error(command)) };
    let make = |tag| Pending {
        tag,
        command,
        limit,
        sink,
        done: finished,
        failure: None,
        plus: None,
        literal_open: false,
    };
    let Some(tag) = shared.register(make) else { return Err(shared.closed_error(command)) };
    let mut unfinished = Unfinished(Some(shared));
    let mut sending = Sending { shared, writer: open, command, tag, done: &mut done };
    match sending.all(literals, parts).await {
        Ok(()) => {
            unfinished.0 = None;
            Ok(Ticket { command, done })
        }
        Err(error) => {
            if error.is_answer() && !shared.closed.is_cancelled() {
                unfinished.0 = None;
            }
            Err(error)
        }
    }
}

impl Sending<'_> {
    async fn all(&mut self, literals: Literals, parts: Vec<Part>) -> Result<(), ImapError> {
        self.write(format!("{} ", self.tag).as_bytes()).await?;
        for part in parts {
            match part {
                Part::Text(text) => self.write(&text).await?,
                Part::Literal(octets) => {
                    self.announce(literals, octets.len() as u64).await?;
                    self.body(octets, true).await?;
                }
                Part::Stream { size, body } => {
                    self.announce(literals, size).await?;
                    self.stream(size, body).await?;
                }
            }
        }
        self.write(b"\r\n").await?;
        self.flush().await
    }

    /// Announces a literal and, where the server must agree first, waits for it to do so.
    async fn announce(&mut self, literals: Literals, size: u64) -> Result<(), ImapError> {
        let at_once = match literals {
            Literals::Synchronising => false,
            Literals::Minus => size <= LITERAL_MINUS,
            Literals::Plus => size <= SYNCHRONISE_ABOVE,
        };
        if at_once {
            self.literal_open(true);
            return self.write(format!("{{{size}+}}\r\n").as_bytes()).await;
        }
        let (agreed, mut plus) = oneshot::channel();
        if let Some(command) = self.shared.state().find(&self.tag) {
            command.plus = Some(agreed);
        }
        self.write(format!("{{{size}}}\r\n").as_bytes()).await?;
        self.flush().await?;
        self.shared.round_trips.fetch_add(1, Ordering::Relaxed);
        tokio::select! {
            biased;
            // `tagged` sends the answer before it lets go of `plus`.
            answer = &mut *self.done => {
                if plus.try_recv().is_ok() {
                    // It would take what follows for the literal, and the end of a later message
                    // for commands.
                    let what = format!("the server refused {} behind its consent", self.command);
                    self.shared.close(Cause::Protocol(what, None));
                }
                match answer {
                    Ok(Err(error)) => Err(error),
                    Ok(Ok(_)) | Err(_) => Err(self.shared.closed_error(self.command)),
                }
            },
            agreed = &mut plus => match agreed {
                // `go_on` notes that the literal is owed.
                Ok(()) => Ok(()),
                Err(_) => match (&mut *self.done).await {
                    Ok(Err(error)) => Err(error),
                    Ok(Ok(_)) | Err(_) => Err(self.shared.closed_error(self.command)),
                },
            },
        }
    }

    fn literal_open(&self, open: bool) {
        if let Some(command) = self.shared.state().find(&self.tag) {
            command.literal_open = open;
        }
    }

    async fn body(&mut self, octets: Bytes, last: bool) -> Result<(), ImapError> {
        let mut rest = octets;
        loop {
            let chunk = rest.split_to(rest.len().min(64 << 10));
            if last && rest.is_empty() {
                // From here the server may have all of it and may answer at any time.
                self.literal_open(false);
            }
            self.write(&chunk).await?;
            if rest.is_empty() {
                return Ok(());
            }
        }
    }

    async fn stream(&mut self, size: u64, mut body: Receiver<Bytes>) -> Result<(), ImapError> {
        let mut left = size;
        if left == 0 {
            self.literal_open(false);
        }
        loop {
            let next = if let Ok(chunk) = body.try_recv() {
                Some(chunk)
            } else {
                // What is buffered must not wait for a source that waits for the answer to it.
                self.flush().await?;
                tokio::select! {
                    biased;
                    () = self.shared.closed.cancelled() => {
                        return Err(self.shared.closed_error(self.command));
                    }
                    chunk = body.recv() => chunk,
                }
            };
            let Some(chunk) = next else { break };
            let length = chunk.len() as u64;
            if length > left {
                return Err(self.wrong_size(size, "more"));
            }
            left -= length;
            self.body(chunk, left == 0).await?;
        }
        if left > 0 { Err(self.wrong_size(size, "fewer")) } else { Ok(()) }
    }

    fn wrong_size(&self, size: u64, how: &str) -> ImapError {
        let what = format!("{how} octets than the announced {size} came for {}", self.command);
        self.shared.close(Cause::Protocol(what, None));
        self.shared.closed_error(self.command)
    }

    async fn write(&mut self, octets: &[u8]) -> Result<(), ImapError> {
        let limit = self.shared.timeouts.literal;
        let written = tokio::select! {
            biased;
            () = self.shared.closed.cancelled() => return Err(self.lost()),
            written = tokio::time::timeout(limit, self.writer.write_all(octets)) => written,
        };
        self.settle(written).await
    }

    async fn flush(&mut self) -> Result<(), ImapError> {
        let limit = self.shared.timeouts.literal;
        let written = tokio::select! {
            biased;
            () = self.shared.closed.cancelled() => return Err(self.lost()),
            written = tokio::time::timeout(limit, self.writer.flush()) => written,
        };
        self.settle(written).await
    }

    async fn settle(
        &mut self,
        written: Result<std::io::Result<()>, tokio::time::error::Elapsed>,
    ) -> Result<(), ImapError> {
        match written {
            Ok(Ok(())) => {
                self.shared.touch();
                Ok(())
            }
            Ok(Err(error)) => {
                // The reader may be about to find the answer or the BYE that came before.
                let _ = tokio::time::timeout(LAST_WORDS, self.shared.closed.cancelled()).await;
                self.shared.close(Cause::Lost(Some(error.kind().to_string())));
                Err(self.lost())
            }
            Err(_) => {
                self.shared.close(Cause::Silent(self.shared.timeouts.literal));
                Err(self.lost())
            }
        }
    }

    /// The connection is gone; the server may have answered this very command before.
    fn lost(&mut self) -> ImapError {
        match self.done.try_recv() {
            Ok(Err(error)) => error,
            Ok(Ok(_)) | Err(_) => self.shared.closed_error(self.command),
        }
    }
}
