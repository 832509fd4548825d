//! What can go wrong with a secret. Nothing here ever holds one.

use crate::error::{Error, ErrorKind};
use std::path::PathBuf;

/// A failure that can be told again to everybody who asks for the same secret.
#[derive(Clone, Debug, thiserror::Error)]
pub(super) enum Fault {
    #[error("the environment variable {0} is not set")]
    Unset(String),
    #[error("the environment variable {0} is empty")]
    EmptyVariable(String),
    #[error("the secret in {0} is not UTF-8 text")]
    NotText(String),
    #[error("the secret in {0} is empty")]
    Empty(String),
    #[error("the first line of {0} is longer than {limit} octets", limit = super::value::LIMIT)]
    TooLong(String),
    #[error("{path} cannot be read", path = path.display())]
    File { path: PathBuf, words: String },
    #[error("{path} holds a secret, and others than its owner can read it", path = path.display())]
    Open { path: PathBuf },
    #[error("{path} has no column `Password`", path = path.display())]
    NoColumn { path: PathBuf },
    #[error("{path} has no row {row}", path = path.display())]
    NoRow { path: PathBuf, row: usize },
    #[error("the command `{program}` cannot be run")]
    NotRun { program: String, words: String },
    #[error("the command `{program}` gave no secret: {how}")]
    Command { program: String, how: String, words: String },
    #[error("the command `{program}` did not end within {seconds} s")]
    Slow { program: String, seconds: u64 },
    #[error("the secret `{0}` is the output of a program, and none may be run")]
    CommandForbidden(String),
    #[error("{path} cannot be relied on: {why}", path = path.display())]
    TrustFile { path: PathBuf, why: String },
    #[error("nobody consented to send the secret `{secret}` to {server}{was}")]
    NoConsent { secret: String, server: String, was: String, flag: String },
    #[error("it was declined to send the secret `{secret}` to {server}")]
    Declined { secret: String, server: String, flag: String },
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        let failed =
            |code| Self::new(ErrorKind::Failed, code, fault.to_string()).source(fault.clone());
        match &fault {
            Fault::Unset(name) | Fault::EmptyVariable(name) => {
                failed("E111").hint(format!("set {name} in the environment of mailferry"))
            }
            Fault::NotText(_) | Fault::Empty(_) | Fault::TooLong(_) => {
                failed("E112").hint("put the secret on the first line, as UTF-8 text")
            }
            Fault::File { path, words } => failed("E112")
                .words(words)
                .hint(format!("make {} readable for this user", path.display())),
            Fault::Open { path } => failed("E112").hint(format!("chmod 600 {}", path.display())),
            Fault::NoColumn { .. } => failed("E114")
                .hint("give the file a header line; the column of passwords is named `Password`"),
            Fault::NoRow { .. } => failed("E114")
                .hint("the header is row 1; was the file changed since the migration plan was read?"),
            Fault::NotRun { words, .. } => {
                failed("E113").words(words).hint("is the program installed, and on the PATH?")
            }
            Fault::Command { program, words, .. } => {
                let error = failed("E113").hint(format!(
                    "run `{program}` by hand: it must end with 0 and print the secret on its first line"
                ));
                if words.is_empty() { error } else { error.words(words) }
            }
            Fault::Slow { program, .. } => failed("E113").hint(format!(
                "run `{program}` by hand once: it may wait for a passphrase, and it has no input here"
            )),
            Fault::CommandForbidden(_) => {
                Self::new(ErrorKind::Declined, "E115", fault.to_string())
                    .hint("if the program is yours, allow it on the command line: --allow-commands")
            }
            Fault::TrustFile { path, .. } => failed("E116")
                .hint(format!("look at {}, correct it or delete it", path.display())),
            Fault::NoConsent { flag, .. } => {
                Self::new(ErrorKind::Declined, "E110", fault.to_string())
                    .hint(format!("if the server is right, run the same command with {flag}"))
            }
            Fault::Declined { flag, .. } => {
                Self::new(ErrorKind::Declined, "E110", fault.to_string())
                    .hint(format!("to allow it after all: {flag}"))
            }
        }
    }
}
