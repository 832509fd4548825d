//! The two connections of one mailbox, with the folder names that they showed.

use crate::accounts::{Accounts, Held};
use crate::catalogue::{self, Object};
use crate::copy::paths::{self, Paths, UnreadPath};
use crate::copy::window::Window;
use crate::desired::DesiredMailbox;
use crate::error::{Error, ErrorKind, Result};
use crate::imap::{Connection, ListEntry, SourceConnection};
use crate::model::folder::{FolderPath, RawName, SpecialUse};
use crate::model::server::Told;
use crate::observed::Namespace;
use crate::profile::target::Target;
use std::collections::BTreeMap;
use std::sync::OnceLock;

/// A signed-in connection and the folders that LIST named on it.
///
/// A log-in that says OK is proven by a LIST (`User is authenticated but not connected` comes
/// only then).
#[derive(Debug)]
pub struct Line<C> {
    /// The connection.
    pub connection: Held<C>,
    /// By decoded path, without what is in `unread`.
    pub folders: BTreeMap<FolderPath, ListEntry>,
    /// Paths of which LIST does not tell the folder: neither there nor absent.
    pub unread: BTreeMap<FolderPath, UnreadPath>,
    /// Prefix and separator for new names.
    pub namespace: Namespace,
    window: OnceLock<Window>,
    /// What the server told of itself; only a destination is asked.
    pub told: Told,
}

impl Line<Connection> {
    /// Returns what holds for this destination.
    pub fn target(&self, accounts: &Accounts) -> Target {
        let capabilities = self.connection.capabilities();
        accounts.destination_side().target(Some(&self.told), capabilities)
    }
}

impl<C> Line<C> {
    /// Returns the window of this connection, which starts with so many messages the first time.
    pub fn window(&self, start: usize) -> Window {
        self.window.get_or_init(|| Window::new(start)).clone()
    }

    /// Returns the wire name of a folder that LIST named; `None` when there is no such folder.
    ///
    /// # Errors
    /// E156 when LIST does not tell which folder it is.
    pub fn name(&self, path: &FolderPath) -> Result<Option<&RawName>> {
        self.entry(path).map(|entry| entry.map(|entry| &entry.name))
    }

    /// Returns what LIST said of a folder; see [`Line::name`].
    pub fn entry(&self, path: &FolderPath) -> Result<Option<&ListEntry>> {
        match self.unread.get(path) {
            Some(unread) => Err(unread.error()),
            None => Ok(self.folders.get(path)),
        }
    }

    /// Returns the paths of which LIST does not tell the folder, each with its special use.
    pub fn special_uses_of_unread(&self) -> BTreeMap<FolderPath, Option<SpecialUse>> {
        self.unread.iter().map(|(path, unread)| (path.clone(), unread.special_use)).collect()
    }

    /// Returns the folders that have a special use and can hold messages.
    pub fn special_uses(&self) -> BTreeMap<FolderPath, SpecialUse> {
        let entries = self.folders.iter().filter(|(_, entry)| selectable(entry));
        let known = entries.filter_map(|(path, entry)| Some((path, entry.special_use()?)));
        let unread = self.unread.iter();
        let unread = unread.filter_map(|(path, unread)| Some((path, unread.special_use?)));
        known.chain(unread).map(|(path, special_use)| (path.clone(), special_use)).collect()
    }
}

/// The two connections of a mailbox, opened when they are needed.
#[derive(Debug, Default)]
pub struct Lines {
    source: Option<Line<SourceConnection>>,
    destination: Option<Line<Connection>>,
}

impl Lines {
    /// Takes two that are open.
    pub fn of(source: Line<SourceConnection>, destination: Line<Connection>) -> Self {
        Self { source: Some(source), destination: Some(destination) }
    }

    /// Closes both.
    pub fn drop_both(&mut self) {
        self.source = None;
        self.destination = None;
    }

    /// Opens what is not open.
    ///
    /// The destination always comes first: when places are few, two mailboxes that took them in
    /// different orders would wait for each other for ever.
    pub async fn open(&mut self, accounts: &Accounts, mailbox: &DesiredMailbox) -> Result<()> {
        self.destination(accounts, mailbox).await?;
        if self.source.is_none() {
            self.source = Some(source(accounts, mailbox).await?);
        }
        Ok(())
    }

    /// Opens the destination alone when it is not open, and returns it.
    pub async fn destination(
        &mut self,
        accounts: &Accounts,
        mailbox: &DesiredMailbox,
    ) -> Result<&mut Line<Connection>> {
        if self.must_go() {
            self.drop_both();
        }
        if self.destination.is_none() {
            self.destination = Some(destination(accounts, mailbox).await?);
        }
        self.destination.as_mut().ok_or_else(|| {
            Error::new(ErrorKind::Failed, "E396", "the destination's connection is not there")
        })
    }

    /// Tells whether a connection is to be replaced: it is lost, it has seen too many errors, or
    /// there are more connections than there may be now. Both go, because the destination is always
    /// opened first.
    fn must_go(&self) -> bool {
        let source = self.source.as_ref().map(|line| &line.connection);
        let destination = self.destination.as_ref().map(|line| &line.connection);
        source.is_some_and(|held| !held.is_open() || held.is_worn() || held.is_surplus())
            || destination
                .is_some_and(|held| !held.is_open() || held.is_worn() || held.is_surplus())
    }

    /// Returns both connections.
    ///
    /// # Errors
    /// When one is not open.
    pub fn sides(&self) -> Result<(&Line<SourceConnection>, &Line<Connection>)> {
        self.both().ok_or_else(|| Error::new(ErrorKind::Failed, "E396", "no connection is open"))
    }

    fn both(&self) -> Option<(&Line<SourceConnection>, &Line<Connection>)> {
        self.source.as_ref().zip(self.destination.as_ref())
    }
}

/// Tells whether a folder can hold messages.
pub fn selectable(entry: &ListEntry) -> bool {
    !entry.has("\\Noselect") && !entry.has("\\NonExistent")
}

/// Opens the source of a mailbox and lists its folders.
pub async fn source(
    accounts: &Accounts,
    mailbox: &DesiredMailbox,
) -> Result<Line<SourceConnection>> {
    let connection = accounts.source(mailbox).await?;
    let object = Object::mailbox("source", &mailbox.source);
    let failed = |error| catalogue::imap(&error, &object);
    let entries = connection.list().await.map_err(failed)?;
    let namespace = connection.namespace().await.map_err(failed)?;
    let namespace = namespace.unwrap_or_else(|| implied(&entries));
    let Paths { folders, unread } = paths::by_path(entries, &namespace, &object)?;
    let (window, told) = (OnceLock::new(), Told::default());
    Ok(Line { connection, folders, unread, namespace, window, told })
}

/// Opens the destination of a mailbox and lists its folders.
pub async fn destination(
    accounts: &Accounts,
    mailbox: &DesiredMailbox,
) -> Result<Line<Connection>> {
    let connection = accounts.destination(mailbox).await?;
    let object = Object::mailbox("destination", &mailbox.destination);
    let failed = |error| catalogue::imap(&error, &object);
    // Asked together, so that they cost the time of one question.
    let (entries, identity) = tokio::join!(connection.list(), connection.identity());
    let entries = entries.map_err(failed)?;
    let namespace = connection.namespace().await.map_err(failed)?;
    let namespace = namespace.unwrap_or_else(|| implied(&entries));
    let Paths { folders, unread } = paths::by_path(entries, &namespace, &object)?;
    let append_limit = match folders.get(&FolderPath::inbox()) {
        Some(inbox) => connection.append_limit(&inbox.name).await.map_err(failed)?,
        None => None,
    };
    let told = Told { identity: identity.map_err(failed)?, append_limit };
    Ok(Line { connection, folders, unread, namespace, window: OnceLock::new(), told })
}

/// The namespace of a server that does not tell one: no prefix, and LIST's separator.
fn implied(entries: &[ListEntry]) -> Namespace {
    Namespace { prefix: String::new(), separator: entries.iter().find_map(|entry| entry.separator) }
}
