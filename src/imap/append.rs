//! APPEND, RFC 3501 section 6.3.11, with APPENDUID, RFC 4315.

use crate::imap::connection::{Connection, plain};
use crate::imap::error::ImapError;
use crate::imap::pending::Sink;
use crate::imap::quote::{self, Part};
use crate::imap::response;
use crate::imap::send::{self, Ticket};
use crate::imap::value::Value;
use crate::model::flags::Flags;
use crate::model::folder::RawName;
use crate::model::internal_date::InternalDate;
use crate::model::uid::{Uid, UidValidity};
use bytes::Bytes;
use tokio::sync::mpsc::Receiver;

/// The octets of a message.
#[derive(Debug)]
pub enum AppendBody {
    /// All at once.
    Whole(Bytes),
    /// Bit by bit. The command ends when the sender is dropped; the connection is dropped instead
    /// when that comes too early, or when an octet too many comes.
    Stream(Receiver<Bytes>),
    /// All at once, as a literal8, RFC 3516 section 4.3, which may hold NUL.
    Binary(Bytes),
    /// Bit by bit, as a literal8.
    BinaryStream(Receiver<Bytes>),
}

/// A message that was sent in full and not answered yet.
#[derive(Debug)]
pub struct PendingAppend(Ticket);

impl PendingAppend {
    /// Waits for the answer: where the server put the message, `None` when it does not say.
    ///
    /// Only an error that [`ImapError::is_answer`] tells that the message was not stored; after
    /// any other one that is unknown.
    pub async fn outcome(self) -> Result<Option<(UidValidity, Uid)>, ImapError> {
        let answer = self.0.answer().await?;
        let code = response::code(&answer.text).filter(|code| code.name == "APPENDUID");
        Ok(code.and_then(|code| match code.values.as_slice() {
            [validity, uid] => Some((
                UidValidity(Value::number(validity)?),
                Uid(Value::number(uid).filter(|&uid| uid > 0)?),
            )),
            _ => None,
        }))
    }
}

impl Connection {
    /// Sends a message of `size` octets and returns when all of it is written; several may be
    /// unanswered at once.
    ///
    /// A refusal before the message was sent is an error of this call, a later one is the outcome.
    /// When this future is dropped before it ends, the connection is closed.
    pub async fn append(
        &self,
        mailbox: &RawName,
        flags: &Flags,
        date: Option<&InternalDate>,
        size: u64,
        body: AppendBody,
    ) -> Result<PendingAppend, ImapError> {
        let mut parts = plain("APPEND ");
        quote::mailbox(&mut parts, mailbox)?;
        let mut head = " ".to_owned();
        if !flags.is_empty() {
            head.push_str(&quote::flags(flags)?);
            head.push(' ');
        }
        if let Some(date) = date {
            // A date that came through serde was never parsed.
            if InternalDate::parse(date.as_str()).is_none() {
                let what = format!("`{}` is no INTERNALDATE", date.as_str().escape_debug());
                return Err(ImapError::Invalid { what });
            }
            head.push('"');
            head.push_str(date.as_str());
            head.push_str("\" ");
        }
        quote::text(&mut parts, &head);
        if matches!(body, AppendBody::Binary(_) | AppendBody::BinaryStream(_)) {
            quote::text(&mut parts, "~");
        }
        match body {
            AppendBody::Whole(octets) | AppendBody::Binary(octets)
                if octets.len() as u64 == size =>
            {
                parts.push(Part::Literal(octets));
            }
            AppendBody::Whole(octets) | AppendBody::Binary(octets) => {
                let what = format!("a message of {} octets was announced as {size}", octets.len());
                return Err(ImapError::Invalid { what });
            }
            AppendBody::Stream(body) | AppendBody::BinaryStream(body) => {
                parts.push(Part::Stream { size, body });
            }
        }
        let link = &self.link;
        let limit = link.shared.timeouts.for_append(size);
        send::send(&link.shared, link.literals, "APPEND", parts, Sink::Nothing, limit)
            .await
            .map(PendingAppend)
    }
}
