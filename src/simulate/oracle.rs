//! What is really in the mailboxes: for tests and for whoever judges a run.

use crate::simulate::folder::{Folder, Message, Writer};
use crate::simulate::habit::Habit;
use crate::simulate::service::Service;
use std::collections::BTreeMap;

/// A folder with everything in it.
#[derive(Clone, Debug)]
pub struct FolderTruth {
    /// Its UIDVALIDITY.
    pub uid_validity: u32,
    /// The next UID.
    pub uid_next: u32,
    /// Its attribute of RFC 6154.
    pub special_use: Option<&'static str>,
    /// Whether the user subscribed to it.
    pub subscribed: bool,
    /// Whether it can hold messages.
    pub selectable: bool,
    /// Its messages in the order of their UIDs; octets are shared, not copied.
    pub messages: Vec<Message>,
}

/// Every folder of a mailbox by its name on the wire.
pub type MailboxTruth = BTreeMap<String, FolderTruth>;

/// A message as other protocols of the product show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OtherView {
    /// Whether the message is shown as flagged ([`Habit::FlaggedOnAppendForgotten`]).
    pub flagged: bool,
    /// The categories that the user sees ([`Habit::MdnSentCategory`]).
    pub categories: Vec<String>,
}

/// Reads a service's own store past every protocol. It never changes anything; what the clock has
/// purged is gone here when a session has looked, or [`Oracle::mailbox`] does.
#[derive(Clone, Debug)]
pub struct Oracle(Service);

impl Oracle {
    pub(crate) fn new(service: Service) -> Self {
        Self(service)
    }

    /// Returns a snapshot of a mailbox; `None` when there is no such user.
    pub fn mailbox(&self, user: &str) -> Option<MailboxTruth> {
        self.0.account(user, |account| {
            let mailbox = &account.mailbox;
            mailbox
                .folders
                .iter()
                .map(|(name, folder)| {
                    (name.clone(), truth(folder, mailbox.subscribed.contains(name)))
                })
                .collect()
        })
    }

    /// Returns the messages of one folder; `None` when there is no such user or folder.
    pub fn messages(&self, user: &str, folder: &str) -> Option<Vec<Message>> {
        self.mailbox(user)?.remove(folder).map(|folder| folder.messages)
    }

    /// Counts the messages of a mailbox that IMAP sessions stored; `None` when there is no such user.
    pub fn stored_by_sessions(&self, user: &str) -> Option<usize> {
        self.0.account(user, |account| {
            let folders = account.mailbox.folders.values();
            let by_session = |message: &&Message| matches!(message.writer, Writer::Session(_));
            folders.map(|folder| folder.messages.iter().filter(by_session).count()).sum()
        })
    }

    /// Returns the users.
    pub fn users(&self) -> Vec<String> {
        self.0.state().accounts.keys().cloned().collect()
    }

    /// Returns how often a user was throttled; `None` when there is no such user.
    pub fn throttles(&self, user: &str) -> Option<u64> {
        self.0.account(user, |account| account.throttles)
    }

    /// Returns how other protocols show a message.
    pub fn other_view(&self, message: &Message) -> OtherView {
        let product = self.0.product();
        let flagged = message.flags.contains("\\Flagged");
        let forgotten = product.has(Habit::FlaggedOnAppendForgotten) && !message.flagged_by_store;
        let mdn = product.has(Habit::MdnSentCategory) && message.flags.contains("$MDNSent");
        OtherView {
            flagged: flagged && !forgotten,
            categories: if mdn { vec!["$MDNSent".to_owned()] } else { Vec::new() },
        }
    }
}

fn truth(folder: &Folder, subscribed: bool) -> FolderTruth {
    FolderTruth {
        uid_validity: folder.uid_validity,
        uid_next: folder.uid_next,
        special_use: folder.special_use,
        subscribed,
        selectable: folder.selectable,
        messages: folder.messages.clone(),
    }
}
