//! The task that owns the reading half of a connection.

use crate::imap::dial::BoxStream;
use crate::imap::error::{ImapError, Words};
use crate::imap::fetch::{BodyEvent, FetchRow};
use crate::imap::fetch_item::{self, Record};
use crate::imap::frame::{CHUNK, Decoder, Frame};
use crate::imap::pending::Sink;
use crate::imap::response::{self, Response, Status, Untagged};
use crate::imap::shared::{Cause, Shared};
use crate::imap::value::{Piece, Value};
use crate::model::uid::Uid;
use bytes::{Bytes, BytesMut};
use std::sync::Arc;
use tokio::io::{AsyncReadExt, ReadHalf};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

/// The most octets of literals that one response may keep in memory: names and header fields.
const KEPT_LIMIT: u64 = 4 << 20;
/// The most memory in octets for the untagged responses of one command: some 20,000 folders with
/// names of a hundred octets.
const DATA_LIMIT: usize = 16 << 20;

pub(crate) struct Reader {
    read: ReadHalf<BoxStream>,
    decoder: Decoder,
    shared: Arc<Shared>,
}

/// A body on its way to the command that asked for it.
struct Streaming {
    tag: String,
    to: Option<mpsc::Sender<BodyEvent>>,
}

impl Reader {
    pub(crate) fn new(read: ReadHalf<BoxStream>, begun: BytesMut, shared: Arc<Shared>) -> Self {
        Self { read, decoder: Decoder::with(begun), shared }
    }

    /// Reads until the connection ends, whoever ends it.
    pub(crate) async fn run(mut self) {
        let cause = loop {
            if let Err(cause) = self.one().await {
                break cause;
            }
        };
        self.shared.close(cause);
        // A writer leaves when the connection is closed, so this lock is soon free.
        self.shared.writer.lock().await.take();
    }

    async fn one(&mut self) -> Result<(), Cause> {
        let mut pieces = Vec::new();
        let mut streaming = None;
        let mut kept = 0_u64;
        let mut dropped = false;
        loop {
            let Frame::Text { octets, literal } = self.frame().await? else {
                return Err(Cause::Protocol(
                    "a literal came where a line was due".to_owned(),
                    None,
                ));
            };
            pieces.push(Piece::Text(octets));
            let Some(size) = literal else { break };
            if streaming.is_none() && fetch_item::announces_body(&pieces) {
                streaming = Some(self.stream(&pieces, size).await?);
                pieces.push(Piece::Streamed(size));
            } else if kept.saturating_add(size) > KEPT_LIMIT {
                self.literal(size, |_| {}).await?;
                dropped = true;
                pieces.push(Piece::Streamed(size));
            } else {
                kept += size;
                let mut octets = BytesMut::new();
                self.literal(size, |chunk| octets.extend_from_slice(&chunk)).await?;
                pieces.push(Piece::Literal(octets.freeze()));
            }
        }
        match response::read(pieces) {
            Response::Blank => Ok(()),
            Response::Continue => self.go_on(),
            Response::Tagged { tag, status, text } => self.tagged(&tag, status, text),
            Response::Untagged(mut data) => {
                data.complete &= !dropped;
                self.untagged(data, streaming).await
            }
        }
    }

    async fn frame(&mut self) -> Result<Frame, Cause> {
        loop {
            match self.decoder.frame() {
                Ok(Some(frame)) => return Ok(frame),
                Ok(None) => self.fill().await?,
                Err(error) => return Err(Cause::Protocol(error.to_string(), None)),
            }
        }
    }

    async fn literal(&mut self, size: u64, mut take: impl FnMut(Bytes)) -> Result<(), Cause> {
        let mut left = size;
        while left > 0 {
            if let Frame::Chunk(chunk) = self.frame().await? {
                left = left.saturating_sub(chunk.len() as u64);
                take(chunk);
            }
        }
        Ok(())
    }

    async fn fill(&mut self) -> Result<(), Cause> {
        let in_literal = self.decoder.in_literal();
        loop {
            let deadline = self.shared.deadline(in_literal);
            let late = async {
                match deadline {
                    Some((at, _)) => sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                () = self.shared.closed.cancelled() => return Err(Cause::Dropped),
                read = self.read.read_buf(self.decoder.buffer()) => {
                    self.shared.touch();
                    return match read {
                        Ok(0) => Err(Cause::Lost(None)),
                        Ok(_) => Ok(()),
                        Err(error) => Err(Cause::Lost(Some(error.kind().to_string()))),
                    };
                }
                () = self.shared.changed.notified() => {}
                () = late => {
                    if let Some((at, limit)) = self.shared.deadline(in_literal)
                        && at <= Instant::now()
                    {
                        return Err(Cause::Silent(limit));
                    }
                }
            }
        }
    }

    /// Hands something to whoever asked; slowly, when that one is slow. Gives back whether anybody
    /// still wants it.
    async fn deliver<T>(&self, to: &mpsc::Sender<T>, item: T) -> Result<bool, Cause> {
        let wanted = tokio::select! {
            biased;
            () = self.shared.closed.cancelled() => return Err(Cause::Dropped),
            sent = to.send(item) => sent.is_ok(),
        };
        self.shared.touch();
        Ok(wanted)
    }

    fn spoil(&self, tag: &str, what: String) {
        if let Some(command) = self.shared.state().find(tag) {
            let error = ImapError::Unreadable { command: command.command, what, words: None };
            command.spoil(error);
        }
    }

    /// Streams a body to the oldest command that asked for it; octets nobody asked for are read
    /// and forgotten.
    async fn stream(&mut self, head: &[Piece], size: u64) -> Result<Streaming, Cause> {
        let uid = fetch_item::uid_so_far(head);
        let mut streaming = self.body_sink(uid);
        if let Some(to) = &streaming.to
            && !self.deliver(to, BodyEvent::Start { uid, size }).await?
        {
            streaming.to = None;
        }
        let mut left = size;
        while left > 0 {
            let Frame::Chunk(chunk) = self.frame().await? else {
                return Err(Cause::Protocol("a line came inside a literal".to_owned(), None));
            };
            left = left.saturating_sub(chunk.len() as u64);
            if let Some(to) = &streaming.to
                && !self.deliver(to, BodyEvent::Chunk(chunk)).await?
            {
                streaming.to = None;
            }
        }
        Ok(streaming)
    }

    fn body_sink(&self, uid: Option<Uid>) -> Streaming {
        for command in &self.shared.state().pending {
            if let Sink::Bodies(bodies) = &command.sink
                && uid.is_none_or(|uid| bodies.set.contains(uid))
            {
                return Streaming { tag: command.tag.clone(), to: bodies.to.clone() };
            }
        }
        Streaming { tag: String::new(), to: None }
    }

    fn go_on(&self) -> Result<(), Cause> {
        let waiting = self.shared.state().pending.iter_mut().find_map(|command| {
            let waiting = command.plus.take()?;
            // From here the server is owed the literal, whether or not the writer has seen it.
            command.literal_open = true;
            Some(waiting)
        });
        // A stale `+` would make the next synchronising literal go out without the server's consent.
        let Some(waiting) = waiting else {
            return Err(Cause::Protocol(
                "the server asked for a literal that was not announced".to_owned(),
                None,
            ));
        };
        let _ = waiting.send(());
        Ok(())
    }

    fn tagged(&self, tag: &str, status: Status, text: Bytes) -> Result<(), Cause> {
        let mut state = self.shared.state();
        let place = state.pending.iter().position(|command| command.tag == tag);
        let Some(command) = place.and_then(|place| state.pending.remove(place)) else {
            drop(state);
            // No words: a server that is out of step repeats words of mail as tags.
            return Err(Cause::Protocol(
                "the server answered a command that was not sent".to_owned(),
                None,
            ));
        };
        drop(state);
        let name = command.command;
        let early = command.plus.is_some() || command.literal_open;
        match status {
            Status::Ok if early => {
                let words = Some(Words::new(&text));
                let what = format!("the server said OK to {name} before it had all of it");
                command
                    .finish(Err(ImapError::Protocol { what: what.clone(), words: words.clone() }));
                Err(Cause::Protocol(what, words))
            }
            Status::Ok => {
                command.finish(Ok(text));
                Ok(())
            }
            Status::No => {
                let error = ImapError::No { command: name, words: Words::new(&text) };
                self.shared.refused(&error);
                command.finish(Err(error));
                Ok(())
            }
            Status::Bad => {
                let words = Words::new(&text);
                let open = command.literal_open;
                let error = ImapError::Bad { command: name, words: words.clone() };
                self.shared.refused(&error);
                command.finish(Err(error));
                if open {
                    // What is left of the literal would be read as commands.
                    let what = format!("the server refused {name} in the middle of a literal");
                    return Err(Cause::Protocol(what, Some(words)));
                }
                Ok(())
            }
            Status::Unknown => {
                let what = format!("the answer to {name} is neither OK nor NO nor BAD");
                command.finish(Err(ImapError::Protocol { what: what.clone(), words: None }));
                Err(Cause::Protocol(what, None))
            }
        }
    }

    async fn untagged(&self, data: Untagged, streaming: Option<Streaming>) -> Result<(), Cause> {
        match data.keyword.as_str() {
            "BYE" => {
                let words = Words::new(&data.text);
                if let Some(brake) = &self.shared.brake {
                    brake.heard(&ImapError::Bye { words: words.clone() });
                }
                self.shared.state().bye = Some(words);
                Ok(())
            }
            "BAD" if self.shared.state().pending.iter().any(|c| c.command == "APPEND") => {
                // It names no command: it may be about octets of mail that were read as commands.
                Err(Cause::Protocol(
                    "the server complained while a message was on its way".to_owned(),
                    Some(Words::new(&data.text)),
                ))
            }
            "FETCH" => self.fetched(&data, streaming).await,
            "EXPUNGE" | "VANISHED" => {
                for command in &mut self.shared.state().pending {
                    if let Sink::Rows(rows) = &mut command.sink {
                        rows.complete.renumbered();
                    }
                }
                self.collect(data)
            }
            _ => self.collect(data),
        }
    }

    fn collect(&self, data: Untagged) -> Result<(), Cause> {
        let mut state = self.shared.state();
        let taker = state.pending.iter_mut().find_map(|command| match &mut command.sink {
            Sink::Collect(words, kept) if words.contains(&data.keyword.as_str()) => Some(kept),
            _ => None,
        });
        if let Some(kept) = taker {
            kept.octets += data.memory();
            if kept.octets > DATA_LIMIT {
                let what = format!(
                    "the {} lines of one answer need more than {DATA_LIMIT} octets",
                    data.keyword
                );
                return Err(Cause::Protocol(what, None));
            }
            kept.data.push(data);
        }
        Ok(())
    }

    async fn fetched(&self, data: &Untagged, streaming: Option<Streaming>) -> Result<(), Cause> {
        let record = fetch_item::read(data);
        if let Some(streaming) = streaming {
            return self.end_body(&record, streaming).await;
        }
        if let Some(body) = record.item("BODY[]") {
            return self.short_body(&record, body).await;
        }
        self.row(&record).await
    }

    async fn end_body(&self, record: &Record<'_>, streaming: Streaming) -> Result<(), Cause> {
        if streaming.tag.is_empty() {
            return Ok(());
        }
        let asked = record.uid.filter(|&uid| {
            self.shared.state().find(&streaming.tag).is_some_and(
                |command| matches!(&command.sink, Sink::Bodies(b) if b.set.contains(uid)),
            )
        });
        match asked {
            Some(uid) if record.complete => {
                if let Some(to) = &streaming.to {
                    self.deliver(to, BodyEvent::End { uid }).await?;
                }
            }
            Some(uid) => {
                self.spoil(&streaming.tag, format!("the record of UID {uid} is malformed"));
            }
            None => {
                self.spoil(
                    &streaming.tag,
                    "a message came without a UID that was asked for".into(),
                );
            }
        }
        Ok(())
    }

    /// A body that came as a quoted string or as NIL.
    async fn short_body(&self, record: &Record<'_>, body: &Value) -> Result<(), Cause> {
        let streaming = self.body_sink(record.uid);
        if streaming.tag.is_empty() {
            return Ok(());
        }
        let Some(uid) = record.uid.filter(|_| record.complete) else {
            self.spoil(&streaming.tag, "a message came in a malformed record".into());
            return Ok(());
        };
        let Some(to) = &streaming.to else { return Ok(()) };
        if body.is_nil() {
            self.deliver(to, BodyEvent::Missing { uid }).await?;
            return Ok(());
        }
        let (Value::Quoted(octets) | Value::Literal(octets)) = body else {
            self.spoil(&streaming.tag, format!("the body of UID {uid} is not a string"));
            return Ok(());
        };
        let mut rest = octets.clone();
        let size = rest.len() as u64;
        self.deliver(to, BodyEvent::Start { uid: Some(uid), size }).await?;
        while !rest.is_empty() {
            let chunk = rest.split_to(rest.len().min(CHUNK));
            self.deliver(to, BodyEvent::Chunk(chunk)).await?;
        }
        self.deliver(to, BodyEvent::End { uid }).await?;
        Ok(())
    }

    async fn row(&self, record: &Record<'_>) -> Result<(), Cause> {
        let Some((to, row)) = self.take_row(record) else { return Ok(()) };
        self.deliver(&to, row).await?;
        Ok(())
    }

    fn take_row(&self, record: &Record<'_>) -> Option<(mpsc::Sender<FetchRow>, FetchRow)> {
        let mut state = self.shared.state();
        // A record that cannot be read may be a row of any listing: none of them is complete then.
        let malformed = !record.complete || record.uid_malformed;
        let Some(uid) = record.uid.filter(|_| !malformed) else {
            for command in &mut state.pending {
                let Sink::Rows(rows) = &command.sink else { continue };
                let what = if malformed {
                    "a record is malformed"
                } else if record.is_row(&rows.query) {
                    "a record has no UID"
                } else {
                    continue;
                };
                rows.lacking().unnamed = true;
                let error = record.unreadable(command.command, what);
                command.spoil(error);
            }
            return None;
        };
        let command = state
            .pending
            .iter_mut()
            .find(|command| matches!(&command.sink, Sink::Rows(rows) if rows.set.contains(uid)))?;
        let name = command.command;
        let Sink::Rows(rows) = &mut command.sink else { return None };
        match record.row(uid, &rows.query) {
            Ok(Some(row)) => {
                rows.complete.add(record.number, uid);
                rows.partial.remove(&uid);
                rows.lacking().uids.remove(&uid);
                rows.to.clone().map(|to| (to, row))
            }
            Ok(None) => {
                if !rows.complete.contains(uid) {
                    rows.partial.insert(uid);
                }
                None
            }
            Err(what) => {
                if !rows.complete.contains(uid) {
                    rows.lacking().uids.insert(uid);
                }
                command.spoil(record.unreadable(name, &what));
                None
            }
        }
    }
}
