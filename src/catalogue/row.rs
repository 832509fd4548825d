//! A row of the catalogue: how an answer is recognised, and what it means.

use crate::error::Class;
use crate::imap::ImapError;
use serde::Serialize;

/// Who is known to say it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Product {
    /// Any server: the words of an RFC, or of none in particular.
    Any,
    /// Exchange Online, Exchange Server and outlook.com.
    Exchange,
    /// The token endpoint of Microsoft Entra, which speaks HTTP and no IMAP.
    Entra,
    /// Dovecot, which many providers run.
    Dovecot,
    /// Cyrus.
    Cyrus,
    /// Gmail.
    Gmail,
    /// Rackspace Email.
    Rackspace,
    /// The migration batches of the Exchange admin center, which show texts and no IMAP.
    MigrationBatch,
    /// A client or its operating system, not a server.
    Client,
}

/// How an answer begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It was not done.
    No,
    /// It was not understood, or so the server says.
    Bad,
    /// The server ends the connection.
    Bye,
}

/// What was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// The greeting, LOGIN or AUTHENTICATE.
    SignIn,
    /// APPEND.
    Append,
    /// CREATE.
    Create,
    /// SELECT, EXAMINE, STATUS, SUBSCRIBE: a folder that is there.
    Folder,
    /// FETCH, STORE, SEARCH: messages of the selected folder.
    Messages,
    /// Anything about the mailbox as a whole: LIST, NAMESPACE, GETQUOTAROOT, CAPABILITY.
    Mailbox,
}

/// How far a request for patience reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Every command of the account.
    Account,
    /// Every command to the server.
    Server,
    /// New connections of the account alone: those that are open work.
    Connections,
}

/// How an answer is recognised. Empty lists allow everything; with codes and texts, one of either
/// is enough.
#[derive(Clone, Copy, Debug)]
pub struct Pattern {
    /// To which commands.
    pub asked: &'static [Asked],
    /// With which status.
    pub status: &'static [Status],
    /// Response codes, in upper case.
    pub codes: &'static [&'static str],
    /// Alternatives; of one, every part occurs. In lower case.
    pub texts: &'static [&'static [&'static str]],
}

/// Words that a server really said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Example {
    /// As they stand on the wire, without the tag.
    pub words: &'static str,
    /// Where they were seen.
    pub source: &'static str,
}

/// One meaning.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// Stable; a code may have several rows where the reach of one failure differs.
    pub code: &'static str,
    /// Who says it.
    pub products: &'static [Product],
    /// What it is about; mailferry acts on this.
    pub class: Class,
    /// How far the request for patience of a [`Class::Throttle`] reaches.
    pub scope: Scope,
    /// How it is recognised.
    pub pattern: Pattern,
    /// What it means; `WHO` is the server, `COMMAND` what was asked.
    pub sentence: &'static str,
    /// What a person does next, a step each; `SIDE` is `source` or `destination`.
    pub next: &'static [&'static str],
    /// Literal texts, each of which finds this row before any other.
    pub examples: &'static [Example],
}

/// An answer, as far as it is recognised by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// `None` when a person gave the text without it.
    pub status: Option<Status>,
    /// `None` when nobody knows.
    pub asked: Option<Asked>,
    /// The response code in upper case.
    pub code: Option<String>,
    /// In lower case.
    pub text: String,
}

impl Said {
    /// Takes what a server answered; `None` for a failure in which no server spoke.
    pub fn of(error: &ImapError) -> Option<Self> {
        let (status, asked) = match error {
            ImapError::SignIn { .. } => (Status::No, Asked::SignIn),
            ImapError::No { command, .. } => (Status::No, asked(command)),
            ImapError::Bad { command, .. } => (Status::Bad, asked(command)),
            ImapError::Bye { .. } => (Status::Bye, Asked::SignIn),
            ImapError::Closed { command, bye: Some(_), .. } => (Status::Bye, asked(command)),
            _ => return None,
        };
        Some(Self {
            status: Some(status),
            asked: Some(asked),
            code: error.response_code(),
            text: error.words().unwrap_or_default().to_lowercase(),
        })
    }

    /// Takes a line as a person copies it from a log: with or without tag and status.
    pub fn read(line: &str) -> Self {
        let line = line.trim();
        let mut words = line.splitn(3, ' ');
        let (first, second, rest) = (words.next(), words.next(), words.next());
        let status = |word: Option<&str>| match word.unwrap_or_default().to_uppercase().as_str() {
            "NO" => Some(Status::No),
            "BAD" => Some(Status::Bad),
            "BYE" => Some(Status::Bye),
            _ => None,
        };
        let after = |word: &str| line.get(word.len()..).unwrap_or_default().trim_start();
        // Servers say all three in capitals; `No such …` is a sentence.
        let capitals = |word: Option<&str>| word.is_some_and(|w| w == w.to_uppercase());
        let (status, text) = match (first, second) {
            (Some(word), _) if status(first).is_some() && capitals(first) => {
                (status(first), after(word))
            }
            (Some(_), Some(_)) if status(second).is_some() && capitals(second) => {
                (status(second), rest.unwrap_or_default().trim_start())
            }
            _ => (None, line),
        };
        let code = text
            .strip_prefix('[')
            .and_then(|rest| rest.split_once(']'))
            .and_then(|(code, _)| code.split(' ').next())
            .map(str::to_uppercase);
        Self { status, asked: None, code, text: text.to_lowercase() }
    }
}

fn asked(command: &str) -> Asked {
    match command {
        "the log-in" | "the greeting" | "STARTTLS" => Asked::SignIn,
        "APPEND" => Asked::Append,
        "CREATE" => Asked::Create,
        "SELECT" | "EXAMINE" | "STATUS" | "SUBSCRIBE" | "UNSELECT" | "CLOSE" => Asked::Folder,
        command if command.starts_with("UID ") || command.starts_with("FETCH") => Asked::Messages,
        _ => Asked::Mailbox,
    }
}

impl Pattern {
    /// Tells whether an answer is recognised. An unknown command or status rules nothing out, but
    /// is not enough for a pattern without codes and texts.
    pub fn matches(&self, said: &Said) -> bool {
        let asked = said.asked.is_none_or(|asked| self.asked.contains(&asked));
        let status = said.status.is_none_or(|status| self.status.contains(&status));
        if !(self.asked.is_empty() || asked) || !(self.status.is_empty() || status) {
            return false;
        }
        if self.codes.is_empty() && self.texts.is_empty() {
            return said.asked.is_some() && said.status.is_some();
        }
        said.code.as_deref().is_some_and(|code| self.codes.contains(&code))
            || self.texts.iter().any(|parts| parts.iter().all(|part| said.text.contains(part)))
    }
}

impl Pattern {
    /// Recognises these response codes and texts.
    pub const fn of(
        codes: &'static [&'static str],
        texts: &'static [&'static [&'static str]],
    ) -> Self {
        Self { asked: &[], status: &[], codes, texts }
    }

    /// Recognises any answer with this status to these commands.
    pub const fn any(status: &'static [Status], asked: &'static [Asked]) -> Self {
        Self { asked, status, codes: &[], texts: &[] }
    }

    /// Recognises it as the answer to these commands alone.
    #[must_use]
    pub const fn to(mut self, asked: &'static [Asked]) -> Self {
        self.asked = asked;
        self
    }
}

/// Makes an example.
pub(super) const fn seen(words: &'static str, source: &'static str) -> Example {
    Example { words, source }
}
