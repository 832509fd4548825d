//! The stream before the sign-in: connects, reads the greeting line by line, switches to TLS.

use crate::imap::dial::{BoxStream, Dial};
use crate::imap::error::{ImapError, Words};
use crate::imap::response::{self, Response, Status, Untagged};
use crate::imap::timeouts::Timeouts;
use crate::imap::tls;
use crate::imap::value::Piece;
use crate::model::server::{Endpoint, TlsMode};
use bytes::{Buf, BytesMut};
use std::collections::BTreeSet;
use std::future::Future;
use std::io;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Longer lines than this do not come before the sign-in.
const LINE_LIMIT: usize = 64 << 10;

/// A stream that is read by lines, with what was read beyond the last one.
#[derive(Debug)]
pub(crate) struct LineStream {
    pub stream: BoxStream,
    pub begun: BytesMut,
    /// Commands so far: each tag is another one, RFC 3501 section 2.2.1.
    commands: u32,
}

impl LineStream {
    pub(crate) fn new(stream: BoxStream) -> Self {
        Self { stream, begun: BytesMut::new(), commands: 0 }
    }

    /// Takes a line, its end included, out of what was read; `None` when there is none yet.
    pub(crate) fn take_line(&mut self) -> Option<BytesMut> {
        let end = self.begun.iter().position(|&octet| octet == b'\n')?;
        Some(self.begun.split_to(end + 1))
    }

    /// Tells whether so much came without a line end that none will come.
    pub(crate) fn overflows(&self) -> bool {
        self.begun.len() > LINE_LIMIT
    }

    async fn response(&mut self, command: &'static str) -> Result<Response, ImapError> {
        loop {
            if let Some(line) = self.take_line() {
                let line = line.freeze();
                let text = line.slice(..line.trim_ascii_end().len());
                return Ok(response::read(vec![Piece::Text(text)]));
            }
            let read = match self.stream.read_buf(&mut self.begun).await {
                Ok(read) => read,
                Err(error) => return Err(lost(command, Some(&error))),
            };
            if read == 0 {
                return Err(lost(command, None));
            }
            if self.overflows() {
                return Err(protocol("a line before the sign-in has no end"));
            }
        }
    }

    async fn command(
        &mut self,
        command: &'static str,
        keyword: &'static str,
    ) -> Result<Vec<Untagged>, ImapError> {
        self.commands += 1;
        let own = format!("P{}", self.commands);
        let line = format!("{own} {command}\r\n");
        if let Err(error) = self.stream.write_all(line.as_bytes()).await {
            return Err(lost(command, Some(&error)));
        }
        if let Err(error) = self.stream.flush().await {
            return Err(lost(command, Some(&error)));
        }
        let mut kept = Vec::new();
        loop {
            match self.response(command).await? {
                Response::Untagged(data) if data.keyword == "BYE" => {
                    return Err(ImapError::Bye { words: Words::new(&data.text) });
                }
                Response::Untagged(data) if data.keyword == keyword => kept.push(data),
                Response::Untagged(_) | Response::Blank => {}
                Response::Tagged { tag, status, text } if tag == own => {
                    let words = Words::new(&text);
                    return match status {
                        Status::Ok => Ok(kept),
                        Status::No => Err(ImapError::No { command, words }),
                        Status::Bad => Err(ImapError::Bad { command, words }),
                        Status::Unknown => Err(protocol("the answer has no status")),
                    };
                }
                Response::Tagged { .. } | Response::Continue => {
                    return Err(protocol("the server answered what was not asked"));
                }
            }
        }
    }
}

fn lost(command: &'static str, error: Option<&io::Error>) -> ImapError {
    let reason = error.map(|error| error.kind().to_string());
    ImapError::Closed { command, bye: None, reason }
}

fn protocol(what: &str) -> ImapError {
    ImapError::Protocol { what: what.to_owned(), words: None }
}

/// Returns the capabilities in upper case from the values of CAPABILITY.
pub(crate) fn capabilities(data: &[Untagged]) -> Result<BTreeSet<String>, ImapError> {
    let words: BTreeSet<String> = data
        .iter()
        .flat_map(|line| &line.values)
        .filter_map(crate::imap::value::Value::upper)
        .collect();
    if words.is_empty() {
        return Err(protocol("the server told no capabilities"));
    }
    Ok(words)
}

/// Connects, reads the greeting, protects the stream, asks for the capabilities.
pub(crate) async fn open(
    endpoint: &Endpoint,
    timeouts: &Timeouts,
    dial: &dyn Dial,
) -> Result<(LineStream, BTreeSet<String>), ImapError> {
    let connected = within(timeouts.connect, "the connection", async {
        let stream = dial.dial(endpoint, timeouts.connect).await?;
        match endpoint.tls {
            TlsMode::Implicit => tls::wrap(endpoint, stream).await,
            TlsMode::Starttls | TlsMode::None => Ok(stream),
        }
    });
    let mut lines = LineStream::new(connected.await?);
    within(timeouts.greeting, "the greeting", greeting(&mut lines)).await?;
    within(timeouts.command, "CAPABILITY", async {
        let mut known = capabilities(&lines.command("CAPABILITY", "CAPABILITY").await?)?;
        if endpoint.tls == TlsMode::Starttls {
            lines = starttls(endpoint, lines, &known).await?;
            // What was told in the clear may have been told by anybody.
            known = capabilities(&lines.command("CAPABILITY", "CAPABILITY").await?)?;
        }
        Ok((lines, known))
    })
    .await
}

async fn within<T>(
    limit: Duration,
    what: &'static str,
    work: impl Future<Output = Result<T, ImapError>>,
) -> Result<T, ImapError> {
    tokio::time::timeout(limit, work)
        .await
        .unwrap_or(Err(ImapError::Timeout { what, seconds: limit.as_secs() }))
}

async fn greeting(lines: &mut LineStream) -> Result<(), ImapError> {
    match lines.response("the greeting").await? {
        Response::Untagged(data) => match data.keyword.as_str() {
            "OK" => Ok(()),
            "BYE" => Err(ImapError::Bye { words: Words::new(&data.text) }),
            // Whose mailbox it is was decided before anybody signed in.
            "PREAUTH" => Err(ImapError::Protocol {
                what: "the server is signed in before a log-in was sent (PREAUTH), so whose \
                       mailbox it shows is unknown; use a port that asks for a log-in"
                    .to_owned(),
                words: Some(Words::new(&data.text)),
            }),
            _ => Err(protocol("the server does not greet as an IMAP server does")),
        },
        _ => Err(protocol(
            "the server does not greet as an IMAP server does; check the port and the TLS mode",
        )),
    }
}

async fn starttls(
    endpoint: &Endpoint,
    mut lines: LineStream,
    known: &BTreeSet<String>,
) -> Result<LineStream, ImapError> {
    if !known.contains("STARTTLS") {
        return Err(ImapError::Unsupported { command: "tls: starttls", capability: "STARTTLS" });
    }
    lines.command("STARTTLS", "").await?;
    if lines.begun.has_remaining() {
        return Err(protocol("the server sent more in the clear after it agreed to STARTTLS"));
    }
    let stream = tls::wrap(endpoint, lines.stream).await?;
    Ok(LineStream { commands: lines.commands, ..LineStream::new(stream) })
}
