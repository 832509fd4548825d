//! Reads an archive back and compares it with the ledger and with a fresh listing.

use super::mboxrd::Quoting;
use super::pages::Pages;
use super::run::{FolderRun, key};
use super::{Format, Order, files, maildir};
use crate::catalogue::Object;
use crate::copy::bodies::Digester;
use crate::copy::desk::Desk;
use crate::copy::inventory;
use crate::copy::lines::Line;
use crate::copy::stop::Stop;
use crate::error::Error;
use crate::imap::{ImapError, SequenceSet, SourceConnection};
use crate::model::digest::{Digest, Hasher};
use crate::model::folder::FolderPath;
use crate::model::uid::{Uid, UidValidity};
use crate::ports::archive::{ArchiveKey, Archived};
use crate::ports::ledger::MessageRow;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

/// Problems of one folder that are named.
const EXAMPLES: usize = 20;

/// The proof of one folder. `listed` is the sum of `in_archive`, `excluded`, `unread` and `newer`,
/// when nothing is wrong.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct FolderProof {
    /// The folder at the source.
    pub folder: String,
    /// Its UIDVALIDITY.
    pub uid_validity: u32,
    /// Below the archive.
    pub place: String,
    /// Messages of a fresh, complete listing of the source.
    pub listed: u64,
    /// Of those, in the archive with the octets that the source gave.
    pub in_archive: u64,
    /// Of those, of other dates than were asked for, and not in the archive.
    pub excluded: u64,
    /// Of those, listed by the source and not given.
    pub unread: u64,
    /// Of those, come while the folder was archived.
    pub newer: u64,
    /// In the archive, and not at the source any more.
    pub gone_at_source: u64,
    /// Octets in the archive, quotes and separators left out.
    pub bytes: u64,
    /// SHA-256 over the UIDs and digests of all messages in the archive.
    pub digest: String,
    /// Bodies that were read from the source once more and are equal.
    pub read_again: u64,
    /// How many things are wrong.
    pub broken: u64,
    /// The first of those.
    pub examples: Vec<String>,
}

impl FolderProof {
    fn broken(&mut self, what: String) {
        self.broken += 1;
        if self.examples.len() < EXAMPLES {
            self.examples.push(what);
        }
    }
}

/// Proves one folder. With `again`, every body is read from the source once more.
pub async fn prove(
    desk: &Desk,
    order: &Order,
    source: &Line<SourceConnection>,
    folder: &FolderPath,
    run: &FolderRun,
    again: bool,
) -> Result<FolderProof, Stop> {
    let object = Object::folder("source", &order.mailbox.source, folder);
    let failed = |error: ImapError| Stop::from_imap(&error, &object);
    let at = key(order, folder);
    let mut proof = FolderProof { folder: folder.to_string(), ..FolderProof::default() };
    let Some(name) = source.name(folder)? else {
        proof.broken("the source does not list the folder any more".to_owned());
        return Ok(proof);
    };
    let selected = source.connection.examine(name).await.map_err(failed)?;
    let validity = selected.uid_validity;
    proof.uid_validity = validity.0;
    let known = {
        let at = at.clone();
        desk.ledger(move |ledger| ledger.archive_folder(&at)).await?
    };
    let Some(known) = known else {
        proof.listed = u64::from(selected.exists);
        proof.broken("it was never archived here".to_owned());
        return Ok(proof);
    };
    proof.place.clone_from(&known.place);
    if known.uid_validity != validity {
        proof.broken(format!("UIDVALIDITY was {} and is {validity} now", known.uid_validity));
        return Ok(proof);
    }
    let connection = &source.connection;
    inventory::record(desk, connection, name, &selected, &at.source, &object).await?;
    let path = order.to.join(&known.place);
    let mut back = Back::open(order.format, &path)?;
    let mut hasher = Hasher::new();
    let mut archived = Pages::new(desk, &at);
    let mut rows = Rows { desk, at: &at, validity, from: Uid(1) };
    let (mut mine, mut theirs) = (archived.next().await?, rows.next().await?);
    let mut count = 0_u64;
    // Both sides in order of UID, a page of each at a time.
    loop {
        let up_to = match (mine.last(), theirs.last()) {
            (Some(one), Some(other)) => one.uid.min(other.listed.uid),
            (Some(one), None) => one.uid,
            (None, Some(other)) => other.listed.uid,
            (None, None) => break,
        };
        let split = mine.partition_point(|message| message.uid <= up_to);
        let late = mine.split_off(split);
        let messages: BTreeMap<Uid, Archived> =
            std::mem::replace(&mut mine, late).into_iter().map(|one| (one.uid, one)).collect();
        let split = theirs.partition_point(|row| row.listed.uid <= up_to);
        let late = theirs.split_off(split);
        let listed: BTreeMap<Uid, MessageRow> = std::mem::replace(&mut theirs, late)
            .into_iter()
            .filter(|row| !row.vanished)
            .map(|row| (row.listed.uid, row))
            .collect();
        desk.go_on()?;
        for (uid, message) in &messages {
            count += 1;
            proof.bytes += message.size;
            hasher.update(format!("{uid} {}\n", message.digest).as_bytes());
            let fine = match back.digest(message) {
                Ok((digest, size)) => digest == message.digest && size == message.size,
                Err(error) => {
                    proof.broken(format!("UID {uid}: {error}"));
                    continue;
                }
            };
            if !fine {
                proof.broken(format!("UID {uid}: the file holds other octets than were archived"));
            } else if listed.contains_key(uid) {
                proof.in_archive += 1;
            } else {
                proof.gone_at_source += 1;
            }
        }
        for (uid, row) in &listed {
            proof.listed += 1;
            if messages.contains_key(uid) {
                continue;
            }
            if let Some(reason) = run.unread.get(uid) {
                proof.unread += 1;
                proof.broken(format!("UID {uid}: {reason}"));
            } else if run.uid_next.is_some_and(|next| *uid >= next) {
                proof.newer += 1;
            } else if order.range.holds(row.listed.internal_date.as_ref()) {
                proof.broken(format!("UID {uid}: not in the archive"));
            } else {
                proof.excluded += 1;
            }
        }
        if again {
            let both: Vec<Uid> =
                messages.keys().filter(|uid| listed.contains_key(uid)).copied().collect();
            for batch in both.chunks(200) {
                let set = SequenceSet::from_uids(batch.iter().copied());
                let bodies = connection.fetch_bodies(&set).await.map_err(failed)?;
                let mut read: BTreeMap<Uid, Digest> = BTreeMap::new();
                let mut digester = Digester::new(bodies, &[]);
                while let Some(body) = digester.next().await.map_err(failed)? {
                    read.insert(body.uid, body.digest);
                }
                for uid in batch {
                    let wanted = messages.get(uid).map(|message| message.digest);
                    match read.get(uid) {
                        Some(digest) if Some(*digest) == wanted => proof.read_again += 1,
                        Some(_) => {
                            proof.broken(format!("UID {uid}: the source gives other octets now"));
                        }
                        None => proof.broken(format!("UID {uid}: the source gives no body now")),
                    }
                }
            }
        }
        if mine.is_empty() {
            mine = archived.next().await?;
        }
        if theirs.is_empty() {
            theirs = rows.next().await?;
        }
    }
    let end = {
        let at = at.clone();
        desk.ledger(move |ledger| ledger.archive_end(&at)).await?
    };
    if let Some(what) = back.more_than(count, end)? {
        proof.broken(what);
    }
    proof.digest = hasher.finish().to_string();
    Ok(proof)
}

struct Rows<'a> {
    desk: &'a Desk,
    at: &'a ArchiveKey,
    validity: UidValidity,
    from: Uid,
}

impl Rows<'_> {
    async fn next(&mut self) -> Result<Vec<MessageRow>, Stop> {
        let page = self.desk.page(&self.at.source, self.validity, &mut self.from).await?;
        Ok(page.unwrap_or_default())
    }
}

/// The archive of a folder, read back.
enum Back<'a> {
    Mbox(&'a Path, File),
    Maildir(&'a Path),
}

impl<'a> Back<'a> {
    fn open(format: Format, path: &'a Path) -> Result<Self, Error> {
        Ok(match format {
            Format::Mbox => Self::Mbox(path, files::open(path, false)?),
            Format::Maildir => Self::Maildir(path),
        })
    }

    fn digest(&mut self, message: &Archived) -> Result<(Digest, u64), Error> {
        let (path, file) = match self {
            Self::Maildir(path) => return maildir::read(&path.join("cur").join(&message.name)),
            Self::Mbox(path, file) => (*path, file),
        };
        let failed = |error| files::failed(path, error);
        file.seek(SeekFrom::Start(message.begins)).map_err(failed)?;
        let mut rest = file.take(message.stored);
        let mut quoting = Quoting::take_away();
        let (mut hasher, mut size, mut stored) = (Hasher::new(), 0, 0_u64);
        let mut buffer = vec![0; 1 << 16];
        loop {
            let count = rest.read(&mut buffer).map_err(failed)?;
            if count == 0 {
                break;
            }
            stored += count as u64;
            let octets = quoting.feed(buffer.get(..count).unwrap_or_default());
            size += octets.len() as u64;
            hasher.update(&octets);
        }
        let octets = quoting.finish();
        size += octets.len() as u64;
        hasher.update(&octets);
        if stored != message.stored {
            return Err(files::changed(path, "it is shorter than what was recorded"));
        }
        Ok((hasher.finish(), size))
    }

    /// Says that there is more, or less, than what was recorded.
    fn more_than(&self, count: u64, end: u64) -> Result<Option<String>, Error> {
        match self {
            Self::Mbox(path, file) => {
                let length = file.metadata().map_err(|error| files::failed(path, error))?.len();
                Ok((length != end)
                    .then(|| format!("the file has {length} octets, and {end} were recorded")))
            }
            Self::Maildir(path) => {
                let mut there = 0_u64;
                for part in ["cur", "new"] {
                    let part = path.join(part);
                    let failed = |error| files::failed(&part, error);
                    for entry in std::fs::read_dir(&part).map_err(failed)? {
                        entry.map_err(failed)?;
                        there += 1;
                    }
                }
                Ok((there != count)
                    .then(|| format!("{there} messages are there, and {count} were recorded")))
            }
        }
    }
}
