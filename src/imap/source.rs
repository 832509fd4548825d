//! The side that is only read.

use crate::imap::brake::Brake;
use crate::imap::connection::{Connection, Credential, Timeouts};
use crate::imap::dial::Dial;
use crate::imap::error::ImapError;
use crate::imap::fetch::{Bodies, RowQuery, Rows};
use crate::imap::list::ListEntry;
use crate::imap::select::Selected;
use crate::imap::sequence_set::SequenceSet;
use crate::imap::status::StatusData;
use crate::model::folder::RawName;
use crate::model::server::Endpoint;
use crate::observed::{Namespace, Quota};
use std::collections::BTreeSet;
use std::sync::Arc;

/// A connection to a source: it can read, and nothing that it has can write.
///
/// ```compile_fail
/// # use mailferry::imap::{sequence_set::SequenceSet, source::SourceConnection};
/// # use mailferry::model::flags::Flags;
/// async fn mark(source: &SourceConnection, set: &SequenceSet, flags: &Flags) {
///     let _ = source.uid_store(set, true, flags).await;
/// }
/// ```
///
/// ```compile_fail
/// # use mailferry::{imap::source::SourceConnection, model::folder::RawName};
/// async fn open(source: &SourceConnection, name: &RawName) {
///     let _ = source.select(name).await;
/// }
/// ```
#[derive(Debug)]
pub struct SourceConnection(Connection);

impl SourceConnection {
    /// Connects and signs in; see [`Connection::open`].
    pub async fn open(
        endpoint: &Endpoint,
        credential: &Credential,
        timeouts: &Timeouts,
    ) -> Result<Self, ImapError> {
        Connection::open(endpoint, credential, timeouts).await.map(Self)
    }

    /// Connects and signs in; see [`Connection::open_with`].
    pub async fn open_with(
        endpoint: &Endpoint,
        credential: &Credential,
        timeouts: &Timeouts,
        brake: Option<Arc<dyn Brake>>,
        dial: &dyn Dial,
    ) -> Result<Self, ImapError> {
        Connection::open_with(endpoint, credential, timeouts, brake, dial).await.map(Self)
    }

    /// See [`Connection::is_open`].
    pub fn is_open(&self) -> bool {
        self.0.is_open()
    }

    /// See [`Connection::is_worn`].
    pub fn is_worn(&self) -> bool {
        self.0.is_worn()
    }

    /// Returns the words of CAPABILITY after the sign-in, in upper case.
    pub fn capabilities(&self) -> &BTreeSet<String> {
        self.0.capabilities()
    }

    /// Tells whether the server offers a capability, written in upper case.
    pub fn has(&self, capability: &str) -> bool {
        self.0.has(capability)
    }

    /// See [`Connection::round_trips`].
    pub fn round_trips(&self) -> u64 {
        self.0.round_trips()
    }

    /// See [`Connection::namespace`].
    pub async fn namespace(&self) -> Result<Option<Namespace>, ImapError> {
        self.0.namespace().await
    }

    /// See [`Connection::list`].
    pub async fn list(&self) -> Result<Vec<ListEntry>, ImapError> {
        self.0.list().await
    }

    /// See [`Connection::status`].
    pub async fn status(&self, name: &RawName) -> Result<StatusData, ImapError> {
        self.0.status(name).await
    }

    /// See [`Connection::quota_root`].
    pub async fn quota_root(&self, name: &RawName) -> Result<Option<Quota>, ImapError> {
        self.0.quota_root(name).await
    }

    /// Opens a folder for reading; a source is never opened otherwise.
    pub async fn examine(&self, name: &RawName) -> Result<Selected, ImapError> {
        self.0.examine(name).await
    }

    /// Closes the folder. CLOSE expunges nothing here, because the folder was opened by EXAMINE.
    pub async fn unselect(&self) -> Result<(), ImapError> {
        self.0.close_examined().await
    }

    /// See [`Connection::fetch_rows`].
    pub async fn fetch_rows(&self, set: &SequenceSet, query: RowQuery) -> Result<Rows, ImapError> {
        self.0.fetch_rows(set, query).await
    }

    /// See [`Connection::fetch_bodies`].
    pub async fn fetch_bodies(&self, set: &SequenceSet) -> Result<Bodies, ImapError> {
        self.0.fetch_bodies(set).await
    }

    /// See [`Connection::noop`].
    pub async fn noop(&self) -> Result<(), ImapError> {
        self.0.noop().await
    }

    /// See [`Connection::logout`].
    pub async fn logout(self) -> Result<(), ImapError> {
        self.0.logout().await
    }
}
