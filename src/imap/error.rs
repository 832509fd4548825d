//! What can go wrong between a command and its answer.

use crate::imap::response;
use crate::model::server::Endpoint;
use crate::model::words::shown;
use std::io;
use std::sync::Arc;
use std::time::Duration;

/// What a server said in a status response: cut, escaped, with its response code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Words {
    shown: String,
    code: Option<String>,
    backoff: Option<Duration>,
}

impl Words {
    /// Takes the text after OK, NO, BAD or BYE.
    pub fn new(text: &[u8]) -> Self {
        Self {
            shown: shown(text),
            code: response::code(text).map(|code| code.name),
            backoff: suggested_backoff(text),
        }
    }
}

impl std::fmt::Display for Words {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(&self.shown)
    }
}

/// An error of a connection or of one command.
///
/// Words of the server are cut to [`crate::model::words::LIMIT`] octets and never hold mail.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ImapError {
    /// The host has no address.
    #[error("cannot find the address of {endpoint}; check the host name")]
    Resolve {
        /// Where to.
        endpoint: Endpoint,
        /// The resolver's error, when it gave one.
        source: Option<Arc<io::Error>>,
    },
    /// No address of the host took the connection.
    #[error("cannot connect to {endpoint}; check the port and the firewall")]
    Connect {
        /// Where to.
        endpoint: Endpoint,
        /// The error of the last address tried.
        source: Arc<io::Error>,
    },
    /// The connection cannot be protected, or the certificate is not accepted.
    #[error("cannot protect the connection to {endpoint} with TLS: {source}")]
    Tls {
        /// Where to.
        endpoint: Endpoint,
        /// Why.
        source: Arc<io::Error>,
    },
    /// `tls: none` for a host that is not this machine.
    #[error("{endpoint} is not a loopback address: a connection without TLS is refused")]
    Plaintext {
        /// Where to.
        endpoint: Endpoint,
    },
    /// A tagged NO to the log-in.
    #[error("the server refused the log-in: {words}")]
    SignIn {
        /// The server's words.
        words: Words,
    },
    /// A tagged NO.
    #[error("the server refused {command}: {words}")]
    No {
        /// The command.
        command: &'static str,
        /// The server's words.
        words: Words,
    },
    /// A tagged BAD.
    #[error("the server did not accept {command}: {words}")]
    Bad {
        /// The command.
        command: &'static str,
        /// The server's words.
        words: Words,
    },
    /// A BYE instead of a greeting or of the log-in's answer.
    #[error("the server ended the connection: {words}")]
    Bye {
        /// The server's words.
        words: Words,
    },
    /// The connection ended before the command was answered; what the server did is unknown.
    #[error("the connection was lost before {command} was answered{}", reason.as_ref().map(|r| format!(" ({r})")).unwrap_or_default())]
    Closed {
        /// The command.
        command: &'static str,
        /// The words of the BYE that came before.
        bye: Option<Words>,
        /// What ended it, when something other than the server did.
        reason: Option<String>,
    },
    /// Silence for too long; what the server did is unknown.
    #[error("{what}: no answer for {seconds} s")]
    Timeout {
        /// What was waited for.
        what: &'static str,
        /// The limit.
        seconds: u64,
    },
    /// The stream is out of step, so the connection was closed; what the server did is unknown.
    #[error("{what}{}", words.as_ref().map(|w| format!(": {w}")).unwrap_or_default())]
    Protocol {
        /// What does not fit.
        what: String,
        /// What the server sent.
        words: Option<Words>,
    },
    /// One record of an answer makes no sense: the answer is incomplete, the connection in step.
    #[error("the answer to {command} is incomplete: {what}")]
    Unreadable {
        /// The command.
        command: &'static str,
        /// What does not fit.
        what: String,
        /// The record, without mail.
        words: Option<Words>,
    },
    /// Nothing was sent, because it cannot be said in IMAP.
    #[error("{what}")]
    Invalid {
        /// What, and why not.
        what: String,
    },
    /// Nothing was sent, because the server does not offer it.
    #[error("the server does not offer {capability}, which {command} needs")]
    Unsupported {
        /// The command.
        command: &'static str,
        /// The capability.
        capability: &'static str,
    },
    /// A parser failed on what the server sent at the log-in.
    #[error("the server's answer to the log-in cannot be read")]
    Panicked,
    /// Nothing was sent: the run shall end while the server wants nothing yet.
    #[error("the wait for the server was ended")]
    Interrupted,
}

impl ImapError {
    fn said(&self) -> Option<&Words> {
        match self {
            Self::SignIn { words }
            | Self::No { words, .. }
            | Self::Bad { words, .. }
            | Self::Bye { words } => Some(words),
            Self::Closed { bye: words, .. }
            | Self::Protocol { words, .. }
            | Self::Unreadable { words, .. } => words.as_ref(),
            _ => None,
        }
    }

    /// Returns the server's words, cut and escaped.
    pub fn words(&self) -> Option<String> {
        self.said().map(|words| words.shown.clone())
    }

    /// Returns the name of the response code in upper case, for example `OVERQUOTA`.
    pub fn response_code(&self) -> Option<String> {
        self.said().and_then(|words| words.code.clone())
    }

    /// Returns the command that failed, when it was one.
    pub fn command(&self) -> Option<&'static str> {
        match self {
            Self::SignIn { .. } => Some("the log-in"),
            Self::No { command, .. }
            | Self::Bad { command, .. }
            | Self::Closed { command, .. }
            | Self::Unreadable { command, .. } => Some(command),
            _ => None,
        }
    }

    /// Tells whether the server answered NO or BAD, so that it surely did not do it.
    pub fn is_answer(&self) -> bool {
        matches!(self, Self::SignIn { .. } | Self::No { .. } | Self::Bad { .. })
    }

    /// Tells whether the connection is of no more use.
    pub fn loses_connection(&self) -> bool {
        !matches!(
            self,
            Self::No { .. }
                | Self::Bad { .. }
                | Self::Unreadable { .. }
                | Self::Invalid { .. }
                | Self::Unsupported { .. }
                | Self::Interrupted
        )
    }

    /// Returns how long the server asked to wait; Exchange says it in milliseconds.
    pub fn backoff(&self) -> Option<Duration> {
        self.said().and_then(|words| words.backoff)
    }
}

fn suggested_backoff(text: &[u8]) -> Option<Duration> {
    const MARK: &str = "suggested backoff time:";
    let text = String::from_utf8_lossy(text).to_ascii_lowercase();
    let rest = text.split_once(MARK)?.1.trim_start();
    let digits = rest.split(|c: char| !c.is_ascii_digit()).next()?;
    let unit = rest.strip_prefix(digits)?.trim_start();
    let number: u64 = digits.parse().ok()?;
    if unit.starts_with("millisecond") { Some(Duration::from_millis(number)) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_gives_its_code_its_words_and_the_time_to_wait() {
        let words = Words::new(
            b"[THROTTLED] Request is throttled. Suggested Backoff Time: 178755 milliseconds\x07",
        );
        let error = ImapError::Bad { command: "APPEND", words };
        assert_eq!(error.response_code().as_deref(), Some("THROTTLED"));
        assert_eq!(error.backoff(), Some(Duration::from_millis(178_755)));
        assert!(error.words().unwrap().ends_with("milliseconds\\u{7}"));
        assert!(error.is_answer() && !error.loses_connection());
    }

    #[test]
    fn a_lost_line_is_never_an_answer() {
        let error = ImapError::Closed { command: "APPEND", bye: None, reason: None };
        assert!(!error.is_answer() && error.loses_connection());
    }
}
