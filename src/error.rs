//! The one error type that reaches the user, and its exit codes.

use std::fmt;

/// What went wrong, as far as the caller of the process must know it.
///
/// The numbers are the exit codes of `mailferry`; [`ErrorKind::exit_code`] is the only place that
/// knows them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// Something failed and nothing more particular is known.
    Failed,
    /// The saved plan is stale, expired, edited or of another version; nothing was done.
    Stale,
    /// A guard needs an acknowledgement in the migration plan.
    Unacknowledged,
    /// Some actions were done, others failed or went stale; running again resumes.
    Partial,
    /// A check of `verify` does not hold.
    CheckFailed,
    /// Another process holds the migration.
    Locked,
    /// Something could not be observed.
    Unobservable,
    /// The person at the prompt said no, or nobody could be asked.
    Declined,
    /// The command line is wrong.
    Usage,
    /// The migration plan is invalid.
    InvalidPlan,
    /// Interrupted by Ctrl-C (SIGINT); the ledger is consistent.
    Interrupted,
    /// Ended by SIGTERM; the ledger is consistent.
    Terminated,
}

impl ErrorKind {
    /// Returns the exit code of the process for this kind.
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::Failed => 1,
            Self::Stale => 3,
            Self::Unacknowledged => 4,
            Self::Partial => 5,
            Self::CheckFailed => 6,
            Self::Locked => 7,
            Self::Unobservable => 8,
            Self::Declined => 9,
            Self::Usage => 64,
            Self::InvalidPlan => 65,
            Self::Interrupted => 130,
            Self::Terminated => 143,
        }
    }

    /// Returns the one of two that gives the exit code when both happened.
    #[must_use]
    pub fn or_before(self, other: Self) -> Self {
        if other.place() < self.place() { other } else { self }
    }

    /// The order in which exit codes are chosen: 130/143, 64, 65, 7, 9, 3, 5, 4, 1, 6, 8.
    const fn place(self) -> u8 {
        match self {
            Self::Interrupted | Self::Terminated => 0,
            Self::Usage => 1,
            Self::InvalidPlan => 2,
            Self::Locked => 3,
            Self::Declined => 4,
            Self::Stale => 5,
            Self::Partial => 6,
            Self::Unacknowledged => 7,
            Self::Failed => 8,
            Self::CheckFailed => 9,
            Self::Unobservable => 10,
        }
    }
}

/// What a failure is about: how far it reaches, and what may go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// The server asks for patience: the same thing again, after the time that it wants.
    Throttle,
    /// The server refuses whoever signs in: never again with the same log-in in one run, so that
    /// no account is locked out.
    Credential,
    /// It is about one message; the others go on.
    Message,
    /// It is about one folder; the others go on.
    Folder,
    /// It is about one mailbox; the others go on.
    Mailbox,
    /// The server is in trouble for a while.
    Transient,
    /// The server and this program do not understand each other.
    Bug,
    /// The connection is gone, or never was.
    Line,
    /// The ledger failed: without it nothing is safe to do.
    Ledger,
    /// Nothing more particular than its sentence.
    Other,
}

/// Whether, and how, the same thing may be tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// Trying again gives the same answer: a wrong password, a refused name.
    Never,
    /// At once, on a fresh connection: the present one has seen too many errors.
    AtOnce,
    /// A lost line, a time-out, a busy server: again after a delay, on a fresh connection.
    Transient,
    /// The server named the time to wait, in milliseconds; nothing may be sent earlier.
    After(u64),
}

/// An error as the user sees it: what, in whose words, and what to do next.
///
/// `Display` gives the message alone and never repeats its source.
#[derive(Debug)]
pub struct Error {
    /// Gives the exit code.
    pub kind: ErrorKind,
    /// The code of the catalogue, for example `E104`.
    pub code: &'static str,
    /// One sentence that names the object.
    pub message: String,
    /// What the server said, cut and escaped by [`crate::model::words::shown`].
    pub words: Option<String>,
    /// What to do next, one step a line.
    pub hints: Vec<String>,
    /// What it is about; behaviour follows from it, never from the code.
    pub class: Class,
    /// Whether trying again can help.
    pub retry: Retry,
    /// The cause, for `-v`.
    pub source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// The result type of everything above the protocol layers.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// Makes an error of a kind with the code of the catalogue and its sentence.
    pub fn new(kind: ErrorKind, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            kind,
            code,
            message: message.into(),
            words: None,
            hints: Vec::new(),
            class: Class::Other,
            retry: Retry::Never,
            source: None,
        }
    }

    /// Adds the server's own words, cut and escaped already.
    #[must_use]
    pub fn words(mut self, words: impl Into<String>) -> Self {
        self.words = Some(words.into());
        self
    }

    /// Adds one next step.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// Says what it is about.
    #[must_use]
    pub fn class(mut self, class: Class) -> Self {
        self.class = class;
        self
    }

    /// Sets the retry class.
    #[must_use]
    pub fn retry(mut self, retry: Retry) -> Self {
        self.retry = retry;
        self
    }

    /// Keeps the cause.
    #[must_use]
    pub fn source(mut self, source: impl std::error::Error + Send + Sync + 'static) -> Self {
        self.source = Some(Box::new(source));
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn std::error::Error + 'static))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_comes_before_what_could_not_be_read_whichever_was_first() {
        use ErrorKind::{Declined, Failed, Locked, Unobservable};
        for (one, other, chosen) in [
            (Failed, Unobservable, Failed),
            (Declined, Locked, Locked),
            (Failed, Declined, Declined),
        ] {
            assert_eq!(one.or_before(other), chosen);
            assert_eq!(other.or_before(one), chosen);
        }
    }
}
