//! What a server says of itself: ID, RFC 2971, and APPENDLIMIT, RFC 7889.

use crate::imap::connection::{Connection, plain};
use crate::imap::error::ImapError;
use crate::imap::quote;
use crate::imap::value::Value;
use crate::model::folder::RawName;
use crate::model::server::Identity;
use crate::model::words::shown;

impl Connection {
    /// Asks who the server is and tells nothing about this side; `None` when it does not offer to
    /// say, or says no name.
    pub async fn identity(&self) -> Result<Option<Identity>, ImapError> {
        if !self.has("ID") {
            return Ok(None);
        }
        let answer = match self.link.ask("ID", plain("ID NIL"), &["ID"]).await {
            Ok(answer) => answer,
            // A server that will not say is one that nobody knows.
            Err(error) if error.is_answer() => return Ok(None),
            Err(error) => return Err(error),
        };
        let fields = answer.data.last().and_then(|line| line.values.first()).and_then(Value::list);
        let value = |name: &str| {
            let mut pairs = fields.unwrap_or_default().chunks_exact(2);
            let pair = pairs.find(|pair| {
                let key = pair.first().and_then(Value::octets);
                key.is_some_and(|key| key.eq_ignore_ascii_case(name.as_bytes()))
            })?;
            pair.get(1).and_then(Value::octets).map(shown)
        };
        Ok(value("name").map(|name| Identity { name, version: value("version") }))
    }

    /// Asks for the largest message that a folder takes, where the server says that this differs
    /// from mailbox to mailbox, RFC 7889 section 4; `None` when there is no limit.
    pub async fn append_limit(&self, name: &RawName) -> Result<Option<u64>, ImapError> {
        if !self.has("APPENDLIMIT") {
            return Ok(None);
        }
        let mut parts = plain("STATUS ");
        quote::mailbox(&mut parts, name)?;
        quote::text(&mut parts, " (APPENDLIMIT)");
        let answer = self.link.ask("STATUS", parts, &["STATUS"]).await?;
        let unreadable = || ImapError::Unreadable {
            command: "STATUS",
            what: format!("APPENDLIMIT of `{name}` is missing"),
            words: None,
        };
        let items = answer.data.last().filter(|line| line.complete);
        let items = items.and_then(|line| line.values.get(1)).and_then(Value::list);
        let limit = items.and_then(|items| match items {
            [key, limit]
                if key.octets().is_some_and(|k| k.eq_ignore_ascii_case(b"APPENDLIMIT")) =>
            {
                Some(limit)
            }
            _ => None,
        });
        let limit = limit.ok_or_else(unreadable)?;
        if limit.is_nil() {
            return Ok(None);
        }
        let number = limit.octets().and_then(|octets| std::str::from_utf8(octets).ok());
        number.and_then(|number| number.parse().ok()).map(Some).ok_or_else(unreadable)
    }
}
