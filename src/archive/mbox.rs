//! Writes messages to the end of an mbox.

use super::files;
use super::mboxrd::Quoting;
use crate::error::Error;
use crate::model::internal_date::InternalDate;
use std::fs::File;
use std::io::{BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// The open file of a folder.
#[derive(Debug)]
pub(super) struct Mbox {
    path: PathBuf,
    file: BufWriter<File>,
    end: u64,
    /// Where the last whole message ends.
    whole: u64,
    quoting: Quoting,
    begins: u64,
    last: u8,
}

/// Where a message went.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spot {
    pub(super) begins: u64,
    pub(super) stored: u64,
    pub(super) ends: u64,
}

impl Mbox {
    /// Goes on behind the last recorded message; what an interrupted run left there is cut off.
    pub(super) fn open(path: &Path, end: u64) -> Result<Self, Error> {
        let mut file = files::open(path, true)?;
        let failed = |error| files::failed(path, error);
        let length = file.metadata().map_err(failed)?.len();
        if length < end {
            return Err(files::changed(path, "it is shorter than what was recorded"));
        }
        file.set_len(end).map_err(failed)?;
        file.seek(SeekFrom::Start(end)).map_err(failed)?;
        Ok(Self {
            path: path.to_owned(),
            file: BufWriter::new(file),
            end,
            whole: end,
            quoting: Quoting::add(),
            begins: end,
            last: b'\n',
        })
    }

    fn write(&mut self, octets: &[u8]) -> Result<(), Error> {
        self.file.write_all(octets).map_err(|error| files::failed(&self.path, error))?;
        self.end += octets.len() as u64;
        if let Some(last) = octets.last() {
            self.last = *last;
        }
        Ok(())
    }

    /// Begins a message with its separator, which carries its date in UTC.
    pub(super) fn begin(&mut self, date: Option<&InternalDate>) -> Result<(), Error> {
        let at = date.map_or(jiff::Timestamp::UNIX_EPOCH, InternalDate::instant);
        let at = at.strftime("%a %b %e %H:%M:%S %Y");
        self.write(format!("From MAILER-DAEMON {at}\n").as_bytes())?;
        self.begins = self.end;
        self.last = b'\n';
        self.quoting = Quoting::add();
        Ok(())
    }

    /// Takes the next octets of the message.
    pub(super) fn feed(&mut self, octets: &[u8]) -> Result<(), Error> {
        let quoted = self.quoting.feed(octets);
        self.write(&quoted)
    }

    /// Ends the message; the line ends behind it are none of it.
    pub(super) fn finish(&mut self) -> Result<Spot, Error> {
        let rest = std::mem::replace(&mut self.quoting, Quoting::add()).finish();
        self.write(&rest)?;
        let stored = self.end - self.begins;
        let end: &[u8] = if self.last == b'\n' { b"\n" } else { b"\n\n" };
        self.write(end)?;
        self.whole = self.end;
        Ok(Spot { begins: self.begins, stored, ends: self.end })
    }

    /// Cuts off the message that is under way.
    pub(super) fn give_up(&mut self) -> Result<(), Error> {
        let failed = |error| files::failed(&self.path, error);
        self.file.flush().map_err(failed)?;
        self.file.get_ref().set_len(self.whole).map_err(failed)?;
        self.file.seek(SeekFrom::Start(self.whole)).map_err(failed)?;
        self.end = self.whole;
        self.last = b'\n';
        Ok(())
    }

    /// Writes everything to the disk.
    pub(super) fn sync(&mut self) -> Result<(), Error> {
        self.file
            .flush()
            .and_then(|()| self.file.get_ref().sync_all())
            .map_err(|error| files::failed(&self.path, error))
    }
}
