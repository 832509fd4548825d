//! Notes the commands that write, done or refused.

use crate::simulate::command::{Change, Command};
use crate::simulate::deed::Deed;
use crate::simulate::sequence::SequenceSet;
use crate::simulate::session::Session;
use bytes::Bytes;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};

impl<S: AsyncRead + AsyncWrite + Unpin> Session<S> {
    /// Notes a command that writes; one is noted for each message of APPEND.
    pub(super) fn note(&self, command: &Command, late: Option<Duration>) {
        let Some(user) = &self.user else { return };
        if !self.service.keeps_deeds() {
            return;
        }
        let told = self.selected.as_ref().map(|selected| selected.uid_validity);
        let deed = |verb: &str, folder: &str| Deed {
            told,
            ..Deed::new(Some(self.number), user, verb, folder)
        };
        let to =
            |verb: &str, folder: &str, to: &str| Deed { to: self.known(to), ..deed(verb, folder) };
        let here = || self.selected_name();
        let writes = self.selected.as_ref().is_some_and(|selected| !selected.read_only);
        let deeds = match command {
            Command::Create(name) => vec![deed("CREATE", name)],
            Command::Delete(name) => vec![deed("DELETE", name)],
            Command::Rename { from, to: name } => vec![to("RENAME", from, name)],
            Command::Subscribe(name) => vec![deed("SUBSCRIBE", name)],
            Command::Unsubscribe(name) => vec![deed("UNSUBSCRIBE", name)],
            Command::Expunge => vec![deed("EXPUNGE ALL", &here())],
            Command::UidExpunge(set) => {
                let going = self.going(set);
                let one = |octets| Deed { octets: Some(octets), ..deed("EXPUNGE", &here()) };
                going.into_iter().map(one).collect()
            }
            Command::Close if writes => vec![deed("EXPUNGE ALL", &here())],
            Command::Store { change, flags, .. } => {
                let verb = match change {
                    Change::Replace => "STORE FLAGS",
                    Change::Add => "STORE +FLAGS",
                    Change::Remove => "STORE -FLAGS",
                };
                vec![Deed { flags: flags.clone(), ..deed(verb, &here()) }]
            }
            Command::Copy { name, gone, .. } => {
                vec![to(if *gone { "MOVE" } else { "COPY" }, &here(), name)]
            }
            Command::Append { name, messages } => messages
                .iter()
                .map(|message| Deed {
                    flags: message.flags.clone(),
                    octets: Some(message.octets.clone()),
                    late,
                    ..deed("APPEND", &self.known(name))
                })
                .collect(),
            _ => Vec::new(),
        };
        self.service.note(deeds);
    }

    /// Notes that reading set `\Seen`.
    pub(super) fn note_seen(&self) {
        if let Some(user) = &self.user {
            let deed = Deed::new(Some(self.number), user, "FETCH", &self.selected_name());
            self.service.note(vec![Deed { flags: vec!["\\Seen".to_owned()], ..deed }]);
        }
    }

    /// The messages that UID EXPUNGE of these will remove.
    fn going(&self, set: &SequenceSet) -> Vec<Bytes> {
        let (Some(user), Some(selected)) = (&self.user, &self.selected) else { return Vec::new() };
        let ranges = set.ranges(selected.largest(true));
        let named = |uid: u32| ranges.iter().any(|&(from, to)| (from..=to).contains(&uid));
        let going = self.service.account(user, |account| {
            let folder = account.mailbox.by_id(selected.id)?;
            let marked = folder.messages.iter().filter(|it| it.flags.contains("\\Deleted"));
            Some(marked.filter(|it| named(it.uid)).map(|it| it.given.clone()).collect())
        });
        going.flatten().unwrap_or_default()
    }

    fn known(&self, name: &str) -> String {
        let user = self.user.as_deref().unwrap_or_default();
        let known = self.service.account(user, |account| account.mailbox.known_as(name));
        known.unwrap_or_else(|| name.to_owned())
    }

    fn selected_name(&self) -> String {
        let (Some(user), Some(selected)) = (&self.user, &self.selected) else {
            return String::new();
        };
        let name = self.service.account(user, |account| {
            let mut folders = account.mailbox.folders.iter();
            folders.find(|(_, folder)| folder.id == selected.id).map(|(name, _)| name.clone())
        });
        name.flatten().unwrap_or_default()
    }
}
