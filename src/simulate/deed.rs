//! What changed the mailboxes of a service, one by one, for whoever judges a run.

use bytes::Bytes;
use std::time::Duration;

/// One command that writes, as a session gave it, or one change that others made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deed {
    /// The session by its number; `None` when others did it ([`crate::simulate::Hands`]).
    pub session: Option<u64>,
    /// The mailbox.
    pub user: String,
    /// In upper case, without `UID `: `APPEND`, `STORE +FLAGS`, `EXPUNGE` (once for each
    /// message), `EXPUNGE ALL`,
    /// `FETCH` that set `\Seen`; of others `DELIVER`, `STORE`, `RENUMBER` (once for each message).
    pub verb: String,
    /// The folder by its name on the wire.
    pub folder: String,
    /// Where it is moved, copied or renamed to; empty for everything else.
    pub to: String,
    /// The flags of APPEND, STORE and FETCH; of a STORE of others those that were not there before.
    pub flags: Vec<String>,
    /// The message as it was given, where one command or change is about one message.
    pub octets: Option<Bytes>,
    /// The UIDVALIDITY that the session was told of the folder that it has selected.
    pub told: Option<u32>,
    /// The message was stored so long after the connection ended.
    pub late: Option<Duration>,
}

impl Deed {
    pub(crate) fn new(session: Option<u64>, user: &str, verb: &str, folder: &str) -> Self {
        Self {
            session,
            user: user.to_owned(),
            verb: verb.to_owned(),
            folder: folder.to_owned(),
            to: String::new(),
            flags: Vec::new(),
            octets: None,
            told: None,
            late: None,
        }
    }
}
