//! Puts the lines and literals of one command together, within bounds.

use crate::simulate::command::Wrong;
use crate::simulate::habit::Habit;
use crate::simulate::lexer::Piece;
use crate::simulate::session::Session;
use crate::simulate::voice;
use crate::simulate::wire::Line;
use bytes::Bytes;
use std::io;
use tokio::io::{AsyncRead, AsyncWrite};

/// What came.
#[derive(Debug)]
pub(crate) enum Received {
    Command(Vec<Piece>),
    /// It was no command, or one too large, and was answered.
    Refused,
    /// The client left.
    End,
}

/// The most octets of a literal that is no message.
const SMALL_LITERAL: u64 = 64 * 1024;
/// The most octets of all literals of one command.
const ALL_LITERALS: u64 = 256 * 1024 * 1024;
/// The most pieces of one command.
const PIECES: usize = 4_096;

/// A literal as a line announces it, RFC 3501 section 4.3 and RFC 7888.
struct Announced {
    size: u64,
    waits: bool,
    /// Where the announcement begins.
    at: usize,
}

/// Why a message is refused while it is read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fault {
    TooBig,
    LongLine,
    Spilled,
}

fn announced(line: &[u8]) -> Option<Announced> {
    let inner = line.strip_suffix(b"}")?;
    let at = inner.iter().rposition(|&octet| octet == b'{')?;
    let digits = inner.get(at + 1..)?;
    let (digits, waits) = match digits.strip_suffix(b"+") {
        Some(digits) => (digits, false),
        None => (digits, true),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let size = std::str::from_utf8(digits).ok()?.parse().ok()?;
    Some(Announced { size, waits, at })
}

impl<S: AsyncRead + AsyncWrite + Unpin> Session<S> {
    pub(super) async fn receive(&mut self) -> io::Result<Received> {
        let mut pieces: Vec<Piece> = Vec::new();
        let mut all = 0_u64;
        let mut fault = None;
        loop {
            let Some(line) = self.wire.line().await? else { return Ok(Received::End) };
            let line = match line {
                Line::Whole(line) => line,
                Line::BareFeed(line) | Line::TooLong(line) => {
                    let first = pieces.first().cloned().unwrap_or(Piece::Text(line));
                    return self.refuse(&[first], "BAD", Wrong::Arguments, None).await;
                }
            };
            let Some(literal) = announced(&line) else {
                pieces.push(Piece::Text(line));
                return match fault {
                    Some(fault) => self.refuse_message(&pieces, fault).await,
                    None => Ok(Received::Command(pieces)),
                };
            };
            pieces.push(Piece::Text(line.get(..literal.at).unwrap_or_default().to_vec()));
            let message = self.user.is_some() && is_append(&pieces);
            let most = if message { self.message_limit() } else { SMALL_LITERAL };
            let big = literal.size > most
                || all.saturating_add(literal.size) > ALL_LITERALS
                || pieces.len() > PIECES;
            if literal.waits {
                if big {
                    return self.refuse_message(&pieces, Fault::TooBig).await;
                }
                self.wire.say("+ OK\r\n");
                self.wire.flush().await?;
            } else if !self.product.offers("LITERAL+") {
                // What follows cannot be told from commands.
                self.wire.say("* BYE Non-synchronizing literals are not supported.\r\n");
                self.wire.flush().await?;
                return Ok(Received::End);
            }
            all = all.saturating_add(literal.size);
            if big {
                fault = fault.or(Some(Fault::TooBig));
            }
            let (octets, found) = self.literal(literal.size, message, fault.is_some()).await?;
            fault = fault.or(found);
            if fault == Some(Fault::Spilled) {
                self.spilled = true;
                return self.refuse_message(&pieces, Fault::Spilled).await;
            }
            pieces.push(Piece::Literal(octets));
        }
    }

    fn message_limit(&self) -> u64 {
        if self.product.has(Habit::AppendSizeLimit) {
            self.product.append_limit
        } else {
            ALL_LITERALS
        }
    }

    /// Reads a literal; one that is refused anyhow is swallowed and not kept.
    async fn literal(
        &mut self,
        size: u64,
        message: bool,
        refused: bool,
    ) -> io::Result<(Bytes, Option<Fault>)> {
        let limit =
            (message && self.product.has(Habit::LineLimit)).then_some(self.product.line_limit);
        let mut octets = Vec::new();
        let mut left = size;
        let mut width = 0_usize;
        let mut long = false;
        while left > 0 {
            let some = self.wire.some(left).await?;
            left -= some.len() as u64;
            if let Some(limit) = limit {
                for (place, &octet) in some.iter().enumerate() {
                    width = if octet == b'\n' { 0 } else { width + usize::from(octet != b'\r') };
                    if width <= limit || refused {
                        continue;
                    }
                    long = true;
                    if self.product.has(Habit::LiteralRestAsCommands) {
                        self.wire.give_back(some.get(place + 1..).unwrap_or_default());
                        return Ok((Bytes::new(), Some(Fault::Spilled)));
                    }
                }
            }
            if !refused && !long {
                octets.extend_from_slice(&some);
            }
        }
        if long {
            octets = Vec::new();
        }
        Ok((octets.into(), long.then_some(Fault::LongLine)))
    }

    async fn refuse_message(&mut self, pieces: &[Piece], fault: Fault) -> io::Result<Received> {
        match fault {
            Fault::TooBig => {
                let text = voice::too_big(self.product.voice).to_owned();
                self.refuse(pieces, "NO", Wrong::Arguments, Some(text)).await
            }
            Fault::LongLine | Fault::Spilled => {
                self.refuse(pieces, "BAD", Wrong::Arguments, None).await
            }
        }
    }

    async fn refuse(
        &mut self,
        pieces: &[Piece],
        status: &str,
        wrong: Wrong,
        text: Option<String>,
    ) -> io::Result<Received> {
        let words = words(pieces);
        let mut words = words.split(' ');
        let tag = words.next().filter(|tag| is_tag(tag)).unwrap_or("*");
        let verb = words.next().unwrap_or_default().to_ascii_uppercase();
        let text = text.unwrap_or_else(|| voice::wrong(self.product.voice, &verb, wrong));
        self.wire.say(&format!("{tag} {status} {text}\r\n"));
        self.wire.flush().await?;
        Ok(Received::Refused)
    }
}

fn is_tag(tag: &str) -> bool {
    !tag.is_empty()
        && tag.bytes().all(|octet| octet != b'+' && crate::simulate::lexer::is_atom(octet))
}

fn words(pieces: &[Piece]) -> String {
    match pieces.first() {
        Some(Piece::Text(text)) => String::from_utf8_lossy(text).into_owned(),
        _ => String::new(),
    }
}

/// Tells whether the next literal may be a message: the name may have been one.
fn is_append(pieces: &[Piece]) -> bool {
    let words = words(pieces);
    let mut words = words.split(' ');
    let append = words.nth(1).is_some_and(|verb| verb.eq_ignore_ascii_case("APPEND"));
    append && (pieces.len() > 1 || words.next().is_some_and(|name| !name.is_empty()))
}
