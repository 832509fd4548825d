//! The list of messages that were changed on their way, as CSV.

use super::exceptions::harmless;
use crate::model::address::Address;
use crate::model::folder::FolderPath;
use crate::model::internal_date::InternalDate;
use crate::model::uid::{Uid, UidValidity};
use jiff::Timestamp;
use std::io::Write;

/// A message that was changed on its way.
#[derive(Clone, Copy, Debug)]
pub struct Change<'a> {
    /// By its address in the migration plan.
    pub mailbox: &'a Address,
    /// At the source.
    pub folder: &'a FolderPath,
    /// At the source.
    pub uid_validity: UidValidity,
    /// At the source.
    pub uid: Uid,
    /// INTERNALDATE at the source.
    pub date: Option<&'a InternalDate>,
    /// RFC822.SIZE in octets.
    pub size: u64,
    /// The names of what was done, in order.
    pub transforms: &'a [String],
    /// Octets that were sent.
    pub size_sent: u64,
    /// At the destination.
    pub destination_folder: Option<&'a FolderPath>,
    /// At the destination, where it told one.
    pub destination_uid: Option<Uid>,
    /// When `verify` proved it in place.
    pub proven_at: Option<Timestamp>,
}

/// Writes the list row by row, RFC 4180; no more than a row is held.
#[derive(Debug)]
pub struct Changes<W: Write>(csv::Writer<W>);

impl<W: Write> Changes<W> {
    /// Begins a list with its header.
    pub fn new(to: W) -> Result<Self, std::io::Error> {
        let mut writer =
            csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(to);
        writer.write_record([
            "mailbox",
            "folder",
            "uid_validity",
            "uid",
            "date",
            "size",
            "transforms",
            "size_sent",
            "destination_folder",
            "destination_uid",
            "proven_at",
        ])?;
        Ok(Self(writer))
    }

    /// Adds a message.
    pub fn add(&mut self, change: &Change<'_>) -> Result<(), std::io::Error> {
        let record = [
            change.mailbox.to_string(),
            change.folder.to_string(),
            change.uid_validity.to_string(),
            change.uid.to_string(),
            change.date.map(|date| date.as_str().to_owned()).unwrap_or_default(),
            change.size.to_string(),
            change.transforms.join(" "),
            change.size_sent.to_string(),
            change.destination_folder.map(ToString::to_string).unwrap_or_default(),
            change.destination_uid.map(|uid| uid.to_string()).unwrap_or_default(),
            change.proven_at.map(|at| at.to_string()).unwrap_or_default(),
        ];
        Ok(self.0.write_record(record.map(|cell| harmless(&cell)))?)
    }

    /// Ends the list.
    pub fn end(mut self) -> Result<(), std::io::Error> {
        self.0.flush()
    }
}
