//! Writes messages as files of a Maildir.

use super::files;
use crate::error::Error;
use crate::model::digest::{Digest, Hasher};
use crate::model::flags::Flags;
use crate::model::internal_date::InternalDate;
use crate::model::uid::{Uid, UidValidity};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// The open directory of a folder.
#[derive(Debug)]
pub(super) struct Maildir {
    path: PathBuf,
    validity: UidValidity,
    /// Files of an interrupted run that the ledger does not know, by what stands before `:2,`.
    left: BTreeMap<String, String>,
    writing: Option<BufWriter<File>>,
}

/// A file that is written before it is known which message it is.
const FRESH: &str = "mailferry.new";

impl Maildir {
    /// Opens the directory and finds what an interrupted run left.
    pub(super) fn open(
        path: &Path,
        validity: UidValidity,
        recorded: &[Uid],
    ) -> Result<Self, Error> {
        for part in ["tmp", "new", "cur"] {
            files::make_dir(&path.join(part))?;
        }
        let fresh = path.join("tmp").join(FRESH);
        if files::exists(&fresh)? {
            std::fs::remove_file(&fresh).map_err(|error| files::failed(&fresh, error))?;
        }
        let cur = path.join("cur");
        let mut left = BTreeMap::new();
        for entry in std::fs::read_dir(&cur).map_err(|error| files::failed(&cur, error))? {
            let entry = entry.map_err(|error| files::failed(&cur, error))?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if let Some((uid, of)) = ours(&name)
                && of == validity
                && recorded.binary_search(&uid).is_err()
            {
                let base = name.split(":2,").next().unwrap_or(&name).to_owned();
                left.insert(base, name);
            }
        }
        Ok(Self { path: path.to_owned(), validity, left, writing: None })
    }

    /// Begins a message.
    pub(super) fn begin(&mut self) -> Result<(), Error> {
        self.writing = Some(BufWriter::new(files::create(&self.path.join("tmp").join(FRESH))?));
        Ok(())
    }

    /// Takes the next octets of the message.
    pub(super) fn feed(&mut self, octets: &[u8]) -> Result<(), Error> {
        let path = self.path.join("tmp").join(FRESH);
        match &mut self.writing {
            Some(file) => file.write_all(octets).map_err(|error| files::failed(&path, error)),
            None => Ok(()),
        }
    }

    /// Ends the message: its octets are on the disk before it has its name, and returns that.
    pub(super) fn finish(
        &mut self,
        uid: Uid,
        size: u64,
        digest: Digest,
        flags: &Flags,
        date: Option<&InternalDate>,
    ) -> Result<String, Error> {
        let fresh = self.path.join("tmp").join(FRESH);
        let failed = |error| files::failed(&fresh, error);
        let instant = date.map_or(jiff::Timestamp::UNIX_EPOCH, InternalDate::instant);
        if let Some(mut file) = self.writing.take() {
            file.flush().map_err(failed)?;
            let file = file.get_ref();
            file.set_modified(system_time(instant)).map_err(failed)?;
            file.sync_all().map_err(failed)?;
        }
        let base = format!("{}.U{uid}V{}.mailferry,S={size}", instant.as_second(), self.validity);
        let name = format!("{base}:2,{}", info(flags));
        let to = self.path.join("cur").join(&name);
        if let Some(left) = self.left.remove(&base) {
            let left = self.path.join("cur").join(left);
            let (found, _) = read(&left)?;
            if found != digest {
                return Err(files::in_the_way(&left));
            }
            std::fs::remove_file(&left).map_err(|error| files::failed(&left, error))?;
        }
        if files::exists(&to)? {
            return Err(files::in_the_way(&to));
        }
        std::fs::rename(&fresh, &to).map_err(|error| files::failed(&to, error))?;
        Ok(name)
    }

    /// Forgets the message that is under way.
    pub(super) fn give_up(&mut self) -> Result<(), Error> {
        self.writing = None;
        let fresh = self.path.join("tmp").join(FRESH);
        if files::exists(&fresh)? {
            std::fs::remove_file(&fresh).map_err(|error| files::failed(&fresh, error))?;
        }
        Ok(())
    }

    /// Writes the names to the disk.
    pub(super) fn sync(&self) -> Result<(), Error> {
        files::sync_dir(&self.path.join("cur"))?;
        files::sync_dir(&self.path)
    }
}

fn system_time(at: jiff::Timestamp) -> SystemTime {
    let seconds = Duration::from_secs(at.as_second().unsigned_abs());
    if at.as_second() < 0 {
        SystemTime::UNIX_EPOCH - seconds
    } else {
        SystemTime::UNIX_EPOCH + seconds
    }
}

/// Reads the UID and the UIDVALIDITY out of a name that this program gave.
pub(super) fn ours(name: &str) -> Option<(Uid, UidValidity)> {
    let (before, _) = name.split_once(".mailferry,S=")?;
    let (_, numbers) = before.rsplit_once(".U")?;
    let (uid, validity) = numbers.split_once('V')?;
    Some((Uid(uid.parse().ok()?), UidValidity(validity.parse().ok()?)))
}

/// The letters of the info part, in the order of the alphabet. `\Deleted` is left out, so that no
/// program that opens the archive removes anything; like keywords it is in the manifest.
fn info(flags: &Flags) -> String {
    let letters = [
        ("\\Draft", 'D'),
        ("\\Flagged", 'F'),
        ("$Forwarded", 'P'),
        ("\\Answered", 'R'),
        ("\\Seen", 'S'),
    ];
    letters.iter().filter(|(flag, _)| flags.contains(flag)).map(|(_, letter)| letter).collect()
}

/// Reads a file in pieces, and returns the digest and the number of its octets.
pub(super) fn read(path: &Path) -> Result<(Digest, u64), Error> {
    let mut file = files::open(path, false)?;
    let (mut hasher, mut size) = (Hasher::new(), 0);
    let mut buffer = vec![0; 1 << 16];
    loop {
        let count = file.read(&mut buffer).map_err(|error| files::failed(path, error))?;
        if count == 0 {
            return Ok((hasher.finish(), size));
        }
        size += count as u64;
        hasher.update(buffer.get(..count).unwrap_or_default());
    }
}
