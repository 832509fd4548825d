//! A signed-in connection; its commands stand by noun in the files beside this one.

pub use crate::imap::sign_in::Credential;
pub use crate::imap::timeouts::Timeouts;

use crate::imap::brake::Brake;
use crate::imap::dial::{Dial, Tcp};
use crate::imap::error::ImapError;
use crate::imap::pending::{Answer, Kept, Sink};
use crate::imap::quote::{self, Part};
use crate::imap::reader::Reader;
use crate::imap::send::{self, Literals, Ticket};
use crate::imap::shared::{Cause, Shared};
use crate::imap::sign_in::sign_in;
use crate::imap::transport;
use crate::model::server::Endpoint;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Errors after which a connection is to be replaced: Exchange closes it at the tenth, and some
/// may be on their way.
pub const WORN: u32 = 7;

/// How often a command is sent again for which the server only asked for patience.
const PATIENCE: usize = 8;

/// A signed-in connection.
///
/// Commands take `&self` and may be sent while others are unanswered. A task of its own reads;
/// when a body or a row waits to be taken, it reads no further, so whoever asked for messages
/// takes them all, or drops what gives them, before waiting for another command. When the
/// connection is dropped, it closes, and every unfinished command ends in an error.
pub struct Connection {
    pub(crate) link: Link,
    capabilities: BTreeSet<String>,
}

/// What commands and the listings that outlive them need.
#[derive(Clone)]
pub(crate) struct Link {
    pub shared: Arc<Shared>,
    pub literals: Literals,
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection")
            .field("capabilities", &self.capabilities)
            .field("open", &!self.link.shared.closed.is_cancelled())
            .finish_non_exhaustive()
    }
}

impl Link {
    pub(crate) async fn send(
        &self,
        command: &'static str,
        parts: Vec<Part>,
        sink: Sink,
    ) -> Result<Ticket, ImapError> {
        let limit = self.shared.timeouts.command;
        send::send(&self.shared, self.literals, command, parts, sink, limit).await
    }

    /// Tells whether the server only asked for patience.
    pub(crate) fn is_put_off(&self, error: &ImapError) -> bool {
        self.shared.brake.as_ref().is_some_and(|brake| brake.again(error))
    }

    /// Sends and waits for the answer with the untagged data of the given keywords. A server that
    /// only asks for patience is asked again when it wants it.
    pub(crate) async fn ask(
        &self,
        command: &'static str,
        parts: Vec<Part>,
        keywords: &'static [&'static str],
    ) -> Result<Answer, ImapError> {
        let (mut left, mut parts) = (PATIENCE, parts);
        loop {
            let same = quote::again(&parts);
            let answer =
                match self.send(command, parts, Sink::Collect(keywords, Kept::default())).await {
                    Ok(ticket) => ticket.answer().await,
                    Err(error) => Err(error),
                };
            match (answer, &self.shared.brake, same) {
                (Err(error), Some(brake), Some(same)) if left > 0 && brake.again(&error) => {
                    left -= 1;
                    parts = same;
                }
                (answer, ..) => return answer,
            }
        }
    }
}

/// Makes the parts of a command that is text only.
pub(crate) fn plain(text: impl Into<String>) -> Vec<Part> {
    vec![Part::Text(text.into().into_bytes())]
}

impl Connection {
    /// Connects, protects the stream, signs in and asks for the capabilities again.
    ///
    /// A greeting with PREAUTH is an error, because nobody chose whose mailbox it is.
    pub async fn open(
        endpoint: &Endpoint,
        credential: &Credential,
        timeouts: &Timeouts,
    ) -> Result<Self, ImapError> {
        Self::open_with(endpoint, credential, timeouts, None, &Tcp).await
    }

    /// Does what [`Connection::open`] does, with a brake that is asked before every command, over
    /// what `dial` gives.
    pub async fn open_with(
        endpoint: &Endpoint,
        credential: &Credential,
        timeouts: &Timeouts,
        brake: Option<Arc<dyn Brake>>,
        dial: &dyn Dial,
    ) -> Result<Self, ImapError> {
        let hear = |error: ImapError| {
            if let Some(brake) = &brake {
                brake.heard(&error);
            }
            error
        };
        if let Some(brake) = &brake {
            brake.pass().await?;
        }
        let (lines, known) = transport::open(endpoint, timeouts, dial).await.map_err(hear)?;
        if let Some(brake) = &brake {
            // The server may have asked another connection for patience meanwhile.
            brake.pass().await?;
        }
        let lines = sign_in(lines, credential, &known, timeouts.command).await.map_err(hear)?;
        let (read, write) = tokio::io::split(lines.stream);
        // The greeting, CAPABILITY and the sign-in were one round trip each; STARTTLS adds two.
        let before = match endpoint.tls {
            crate::model::server::TlsMode::Starttls => 5,
            _ => 3,
        };
        let shared = Arc::new(Shared::new(write, timeouts.clone(), before, brake));
        tokio::spawn(Reader::new(read, lines.begun, shared.clone()).run());
        let link = Link { shared, literals: Literals::Synchronising };
        let mut connection = Self { link, capabilities: BTreeSet::new() };
        let answer =
            connection.link.ask("CAPABILITY", plain("CAPABILITY"), &["CAPABILITY"]).await?;
        connection.capabilities = transport::capabilities(&answer.data)?;
        connection.link.literals = if connection.has("LITERAL+") {
            Literals::Plus
        } else if connection.has("LITERAL-") {
            Literals::Minus
        } else {
            Literals::Synchronising
        };
        Ok(connection)
    }

    /// Returns the words of CAPABILITY after the sign-in, in upper case.
    pub fn capabilities(&self) -> &BTreeSet<String> {
        &self.capabilities
    }

    /// Tells whether the server offers a capability, written in upper case.
    pub fn has(&self, capability: &str) -> bool {
        self.capabilities.contains(capability)
    }

    /// Returns how often this side had to wait for the server with nothing else under way, and how
    /// often a literal waited for consent.
    pub fn round_trips(&self) -> u64 {
        self.link.shared.round_trips.load(Ordering::Relaxed)
    }

    /// Returns how many commands were refused on this connection.
    pub fn errors(&self) -> u32 {
        self.link.shared.errors.load(Ordering::Relaxed)
    }

    /// Tells whether so many commands were refused that the connection is to be replaced before
    /// the server closes it.
    pub fn is_worn(&self) -> bool {
        self.errors() >= WORN
    }

    /// Tells whether the connection takes commands, as far as this side knows.
    pub fn is_open(&self) -> bool {
        let state = self.link.shared.state();
        state.cause.is_none() && state.bye.is_none()
    }

    /// Sends NOOP.
    pub async fn noop(&self) -> Result<(), ImapError> {
        self.link.ask("NOOP", plain("NOOP"), &[]).await.map(drop)
    }

    /// Says goodbye and closes the connection; a server that closes first has understood.
    pub async fn logout(self) -> Result<(), ImapError> {
        match self.link.ask("LOGOUT", plain("LOGOUT"), &[]).await {
            Ok(_) | Err(ImapError::Closed { bye: Some(_), .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.link.shared.close(Cause::Dropped);
    }
}
