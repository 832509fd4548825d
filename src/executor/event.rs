//! What happens during a run. Progress, logs and reports listen to this and to nothing else.

use crate::model::address::Address;
use crate::model::folder::FolderPath;
use crate::planner::plan::ActionId;
use serde::Serialize;
use std::collections::BTreeMap;

/// One thing that happened. No secrets, no mail content.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "event")]
pub enum Event {
    /// A phase of long work began: `observe`, `apply`, `verify`.
    PhaseStarted {
        /// Its name.
        phase: &'static str,
        /// Units of work, when known (objects or messages).
        total: Option<u64>,
    },
    /// One object was looked at.
    Looked {
        /// Which, for people.
        object: String,
        /// It could be read.
        readable: bool,
    },
    /// The world was compared with what was reviewed.
    Compared {
        /// Objects as reviewed.
        unchanged: u64,
        /// All objects.
        all: u64,
    },
    /// An action began.
    ActionStarted {
        /// Which.
        id: ActionId,
    },
    /// Messages moved on in one mailbox. Sent at most ten times a second for one mailbox.
    Progress {
        /// The mailbox by its address in the migration plan.
        mailbox: Address,
        /// The source folder.
        folder: FolderPath,
        /// Messages settled in this run, the mailbox as a whole.
        messages: u64,
        /// Messages to settle in this run, the mailbox as a whole.
        messages_total: u64,
        /// Octets, likewise.
        bytes: u64,
        /// Octets, likewise.
        bytes_total: u64,
    },
    /// Work rests because of the server.
    Holding {
        /// `source` or `destination`; `server` where it may be either.
        side: &'static str,
        /// Which server or mailbox; a sentence with `server`.
        object: String,
        /// For how long.
        seconds: u64,
        /// The server's own words.
        words: String,
    },
    /// A server asked for patience. The commands of the account wait, and new connections.
    Throttled {
        /// `source` or `destination`.
        side: &'static str,
        /// Whose connection heard it.
        mailbox: String,
        /// Host and port.
        server: String,
        /// How long from now.
        milliseconds: u64,
        /// The connections that were allowed until now, when they were halved.
        #[serde(skip_serializing_if = "Option::is_none")]
        connections_before: Option<u16>,
        /// The connections that are allowed from now on, when they were halved.
        #[serde(skip_serializing_if = "Option::is_none")]
        connections_now: Option<u16>,
        /// The server's own words.
        words: String,
    },
    /// At the end of a run: what one mailbox had to wait for on one side.
    Waited(Waited),
    /// A message stays behind.
    Excepted {
        /// The mailbox.
        mailbox: Address,
        /// The source folder.
        folder: FolderPath,
        /// The source UID.
        uid: u32,
        /// Why.
        reason: String,
    },
    /// Something to read that stops nothing.
    Notice {
        /// A sentence.
        message: String,
    },
    /// An action ended.
    ActionEnded {
        /// Which.
        id: ActionId,
        /// How.
        outcome: Outcome,
    },
}

/// What one mailbox had to wait for on one side.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Waited {
    /// `source` or `destination`.
    pub side: &'static str,
    /// The mailbox.
    pub mailbox: String,
    /// How often the server asked for patience.
    pub times: u64,
    /// For how long in all, in milliseconds, overlapping waits counted once.
    pub milliseconds: u64,
    /// The fewest connections to which its halvings led, when there were any.
    pub fewest_connections: Option<u16>,
    /// The server's words, the last time.
    pub words: String,
}

/// How an action ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "outcome")]
pub enum Outcome {
    /// Done now.
    Done {
        /// Numbers for the report: `copied`, `adopted`, `flags`, `excepted`, `bytes`, …
        tally: BTreeMap<&'static str, u64>,
    },
    /// The world already looked like `after`.
    AlreadyDone,
    /// The world looks like neither `before` nor `after`; nothing was done.
    Stale {
        /// What was reviewed and what is there.
        difference: String,
    },
    /// Not in the approval, or it waits.
    Skipped {
        /// Why.
        reason: String,
    },
    /// An action that it needs did not end well.
    Blocked {
        /// Which.
        by: ActionId,
    },
    /// It failed.
    Failed {
        /// What, in one sentence.
        message: String,
        /// The server's own words.
        words: Option<String>,
        /// Next steps.
        hints: Vec<String>,
        /// Code of the catalogue.
        code: &'static str,
    },
    /// Ctrl-C or SIGTERM; the ledger is consistent.
    Interrupted,
}

impl Outcome {
    /// Returns the word of the journal for it.
    pub const fn step(&self) -> &'static str {
        match self {
            Self::Done { .. } => "done",
            Self::AlreadyDone => "already done",
            Self::Stale { .. } => "stale",
            Self::Skipped { .. } => "skipped",
            Self::Blocked { .. } => "blocked",
            Self::Failed { .. } => "failed",
            Self::Interrupted => "interrupted",
        }
    }

    /// Returns what the journal notes beside the word.
    pub fn note(&self) -> String {
        match self {
            Self::Done { tally } => {
                let numbers: Vec<String> =
                    tally.iter().map(|(name, number)| format!("{name} {number}")).collect();
                numbers.join(", ")
            }
            Self::AlreadyDone | Self::Interrupted => String::new(),
            Self::Stale { difference } => difference.clone(),
            Self::Skipped { reason } => reason.clone(),
            Self::Blocked { by } => by.to_string(),
            Self::Failed { message, words, .. } => match words {
                Some(words) => format!("{message}: {words}"),
                None => message.clone(),
            },
        }
    }
}

/// Takes events; must not block.
pub trait Listener: Send + Sync + std::fmt::Debug {
    /// Called for each event, from any task.
    fn event(&self, event: &Event);
    /// Called about once a second: rates and waiting times move on while nothing happens.
    fn tick(&self) {}
    /// Called once at the end of long work, before results are printed: bars go away.
    fn finished(&self) {}
}
