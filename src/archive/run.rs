//! Archives one folder: lists it, fetches what is not archived yet, writes it and records it.

use super::maildir::Maildir;
use super::mbox::Mbox;
use super::pages::Pages;
use super::{Format, Order, files, names};
use crate::catalogue::{self, Object};
use crate::copy::batches::batches;
use crate::copy::desk::Desk;
use crate::copy::lines::Line;
use crate::copy::stop::Stop;
use crate::copy::{inventory, reasons};
use crate::error::{Error, ErrorKind};
use crate::imap::{BodyEvent, ImapError, SequenceSet, SourceConnection};
use crate::model::digest::Hasher;
use crate::model::folder::FolderPath;
use crate::model::internal_date::InternalDate;
use crate::model::uid::{Uid, UidValidity};
use crate::ports::archive::{ArchiveFolder, ArchiveKey, Archived, Stage};
use crate::ports::ledger::{FolderKey, MessageRow};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// What came of one folder.
#[derive(Debug, Default)]
pub struct FolderRun {
    /// Messages that were written now.
    pub written: u64,
    /// Their octets.
    pub bytes: u64,
    /// Messages that the source lists and does not give, with the reason.
    pub unread: BTreeMap<Uid, String>,
    /// UIDNEXT of the listing: what has this UID or a higher one came later.
    pub uid_next: Option<Uid>,
}

/// The open file or directory of a folder.
enum Writer {
    Mbox(Mbox),
    Maildir(Maildir),
}

/// One folder under way.
struct Folder<'a> {
    desk: &'a Desk,
    order: &'a Order,
    connection: &'a SourceConnection,
    at: ArchiveKey,
    object: Object,
    validity: UidValidity,
    path: PathBuf,
    known: ArchiveFolder,
}

/// Returns the key of a folder in the ledger of archives.
pub(super) fn key(order: &Order, folder: &FolderPath) -> ArchiveKey {
    let source = FolderKey { mailbox: order.mailbox.source.clone(), folder: folder.clone() };
    ArchiveKey { archive: order.name(), source }
}

/// Archives one folder. The source is only examined; every message is on the disk before the
/// ledger says so.
pub async fn archive(
    desk: &Desk,
    order: &Order,
    source: &Line<SourceConnection>,
    folder: &FolderPath,
) -> Result<FolderRun, Stop> {
    let object = Object::folder("source", &order.mailbox.source, folder);
    let failed = |error| Stop::from_imap(&error, &object);
    let Some(name) = source.name(folder)? else { return Ok(FolderRun::default()) };
    let selected = source.connection.examine(name).await.map_err(failed)?;
    let at = key(order, folder);
    let validity = selected.uid_validity;
    let (known, path) = begin(desk, order, &at, validity, &object).await?;
    let connection = &source.connection;
    let pass = inventory::record(desk, connection, name, &selected, &at.source, &object).await?;
    let mut work =
        Folder { desk, order, connection, at, object: object.clone(), validity, path, known };
    let mut run = FolderRun { uid_next: Some(pass.uid_next), ..FolderRun::default() };
    work.write(&mut run).await?;
    if !run.unread.is_empty() {
        // What went away meanwhile was not left out.
        let selected = connection.examine(name).await.map_err(failed)?;
        inventory::record(desk, connection, name, &selected, &work.at.source, &object).await?;
        let uids: Vec<Uid> = run.unread.keys().copied().collect();
        for uid in uids {
            let key = work.at.source.clone();
            let rows = desk.ledger(move |ledger| ledger.rows(&key, validity, uid, 1)).await?;
            if rows.first().is_none_or(|row| row.listed.uid != uid || row.vanished) {
                run.unread.remove(&uid);
            }
        }
    }
    Ok(run)
}

/// Finds or makes the file of a folder; what this archive did not write stays as it is.
async fn begin(
    desk: &Desk,
    order: &Order,
    at: &ArchiveKey,
    validity: UidValidity,
    object: &Object,
) -> Result<(ArchiveFolder, PathBuf), Stop> {
    let folder = &at.source.folder;
    let place = match order.format {
        Format::Mbox => names::mbox(folder),
        Format::Maildir => names::maildir(folder),
    };
    let place = place.ok_or_else(|| {
        Stop::Failed(
            Error::new(
                ErrorKind::Failed,
                "E505",
                format!("{object}: its name is longer than a file name may be"),
            )
            .hint("Archive the other folders with --folder."),
        )
    })?;
    let path = order.to.join(&place);
    let asked = at.clone();
    let known = desk.ledger(move |ledger| ledger.archive_folder(&asked)).await?;
    if let Some(known) = &known {
        if known.format != order.format.word() {
            return Err(Stop::Failed(
                Error::new(
                    ErrorKind::Usage,
                    "E506",
                    format!("{} was begun as {}", order.to.display(), known.format),
                )
                .hint("Name the same --format, or another folder with --to."),
            ));
        }
        if known.uid_validity != validity {
            let was = known.uid_validity;
            return Err(Stop::Failed(catalogue::new_validity(object, was, validity)));
        }
    }
    let mut known = if let Some(known) = known {
        known
    } else {
        // The INBOX of a Maildir is the archive itself, and may stand beside other things.
        let taken = if place.is_empty() { path.join("cur") } else { path.clone() };
        if files::exists(&taken)? {
            return Err(Stop::Failed(files::in_the_way(&taken)));
        }
        let format = order.format.word().to_owned();
        ArchiveFolder { uid_validity: validity, place, format, stage: Stage::Planned }
    };
    if known.stage == Stage::Planned {
        record(desk, at, &known).await?;
        make(order.format, &path)?;
        files::sync_dir(&order.to)?;
        known.stage = Stage::Writing;
        record(desk, at, &known).await?;
    }
    Ok((known, path))
}

async fn record(desk: &Desk, at: &ArchiveKey, folder: &ArchiveFolder) -> Result<(), Stop> {
    let (at, folder) = (at.clone(), folder.clone());
    Ok(desk.ledger(move |ledger| ledger.set_archive_folder(&at, &folder)).await?)
}

/// Makes the file or the directories; an empty one may be what an interrupted run just made.
fn make(format: Format, path: &Path) -> Result<(), Error> {
    match format {
        Format::Mbox if files::exists(path)? => {
            let file = files::open(path, false)?;
            let length = file.metadata().map_err(|error| files::failed(path, error))?.len();
            if length == 0 { Ok(()) } else { Err(files::in_the_way(path)) }
        }
        Format::Mbox => files::create(path).map(drop),
        Format::Maildir => {
            for part in ["tmp", "new", "cur"] {
                let part = path.join(part);
                files::make_dir(&part)?;
                let mut entries =
                    std::fs::read_dir(&part).map_err(|error| files::failed(&part, error))?;
                if entries.next().is_some() {
                    return Err(files::in_the_way(&part));
                }
            }
            Ok(())
        }
    }
}

impl Folder<'_> {
    /// Writes what is listed, wanted and not recorded.
    async fn write(&mut self, run: &mut FolderRun) -> Result<(), Stop> {
        let recorded = self.recorded().await?;
        let at = self.at.clone();
        let end = self.desk.ledger(move |ledger| ledger.archive_end(&at)).await?;
        if self.known.stage == Stage::Complete && self.order.format == Format::Mbox {
            let file = files::open(&self.path, false)?;
            let length = file.metadata().map_err(|error| files::failed(&self.path, error))?.len();
            if length != end {
                let what = format!("it has {length} octets, and {end} were recorded");
                return Err(Stop::Failed(files::changed(&self.path, &what)));
            }
        }
        let mut writer: Option<Writer> = None;
        let mut from = Uid(1);
        while let Some(rows) = self.desk.page(&self.at.source, self.validity, &mut from).await? {
            let wanted: Vec<MessageRow> = rows
                .into_iter()
                .filter(|row| !row.vanished)
                .filter(|row| self.order.range.holds(row.listed.internal_date.as_ref()))
                .filter(|row| recorded.binary_search(&row.listed.uid).is_err())
                .collect();
            if wanted.is_empty() {
                continue;
            }
            let writer = match &mut writer {
                Some(writer) => writer,
                none => {
                    self.stage(Stage::Writing).await?;
                    none.insert(match self.order.format {
                        Format::Mbox => Writer::Mbox(Mbox::open(&self.path, end)?),
                        Format::Maildir => {
                            Writer::Maildir(Maildir::open(&self.path, self.validity, &recorded)?)
                        }
                    })
                }
            };
            let by_uid: BTreeMap<Uid, &MessageRow> =
                wanted.iter().map(|row| (row.listed.uid, row)).collect();
            for uids in batches(&wanted, &BTreeSet::new()) {
                self.desk.go_on()?;
                self.batch(&uids, &by_uid, writer, run).await?;
            }
        }
        if self.known.stage == Stage::Writing {
            if writer.is_none() && self.order.format == Format::Mbox {
                // Nothing is to be written, and something of an interrupted run may be there.
                Mbox::open(&self.path, end)?.sync()?;
            }
            self.stage(Stage::Complete).await?;
        }
        Ok(())
    }

    async fn recorded(&self) -> Result<Vec<Uid>, Stop> {
        let mut uids: Vec<Uid> = Vec::new();
        let mut pages = Pages::new(self.desk, &self.at);
        loop {
            let page = pages.next().await?;
            if page.is_empty() {
                return Ok(uids);
            }
            uids.extend(page.iter().map(|message| message.uid));
        }
    }

    async fn stage(&mut self, stage: Stage) -> Result<(), Stop> {
        if self.known.stage != stage {
            self.known.stage = stage;
            record(self.desk, &self.at, &self.known).await?;
        }
        Ok(())
    }

    /// Fetches a batch. What a refused FETCH did not give is asked for again, each message alone.
    async fn batch(
        &self,
        uids: &[Uid],
        rows: &BTreeMap<Uid, &MessageRow>,
        writer: &mut Writer,
        run: &mut FolderRun,
    ) -> Result<(), Stop> {
        let (written, refused) = self.fetch(uids, rows, writer).await?;
        let left: Vec<Uid> = uids
            .iter()
            .copied()
            .filter(|uid| !written.iter().any(|message| message.uid == *uid))
            .collect();
        self.keep(written, writer, run).await?;
        match refused {
            None => {
                run.unread.extend(left.into_iter().map(|uid| (uid, reasons::no_body())));
            }
            Some(error) if uids.len() == 1 => {
                let words = error.words().unwrap_or_else(|| error.to_string());
                run.unread.extend(left.into_iter().map(|uid| (uid, reasons::unreadable(&words))));
            }
            Some(_) => {
                for uid in left {
                    Box::pin(self.batch(&[uid], rows, writer, run)).await?;
                }
            }
        }
        Ok(())
    }

    async fn fetch(
        &self,
        uids: &[Uid],
        rows: &BTreeMap<Uid, &MessageRow>,
        writer: &mut Writer,
    ) -> Result<(Vec<Archived>, Option<ImapError>), Stop> {
        let failed = |error: ImapError| Stop::from_imap(&error, &self.object);
        let set = SequenceSet::from_uids(uids.iter().copied());
        let mut bodies = self.connection.fetch_bodies(&set).await.map_err(failed)?;
        let mut written: Vec<Archived> = Vec::new();
        let (mut hasher, mut size) = (Hasher::new(), 0);
        loop {
            let event = match bodies.next().await {
                Ok(Some(event)) => event,
                Ok(None) => return Ok((written, None)),
                Err(error) if error.loses_connection() || catalogue::passes(&error) => {
                    writer.give_up()?;
                    // What came whole is on the disk and need not come again.
                    self.keep(written, writer, &mut FolderRun::default()).await?;
                    return Err(failed(error));
                }
                Err(error) => {
                    writer.give_up()?;
                    return Ok((written, Some(error)));
                }
            };
            match event {
                BodyEvent::Start { uid, .. } => {
                    let only = uids.first().copied().filter(|_| uids.len() == 1);
                    let row = uid.or(only).and_then(|uid| rows.get(&uid));
                    writer.begin(row.and_then(|row| row.listed.internal_date.as_ref()))?;
                    (hasher, size) = (Hasher::new(), 0);
                }
                BodyEvent::Chunk(chunk) => {
                    hasher.update(&chunk);
                    size += chunk.len() as u64;
                    writer.feed(&chunk)?;
                }
                BodyEvent::End { uid } => {
                    let digest = std::mem::take(&mut hasher).finish();
                    let new = uids.contains(&uid) && written.iter().all(|one| one.uid != uid);
                    let Some(row) = rows.get(&uid).filter(|_| new) else {
                        // Told twice, or not asked for.
                        writer.give_up()?;
                        continue;
                    };
                    let listed = &row.listed;
                    let mut message = Archived {
                        uid,
                        name: String::new(),
                        begins: 0,
                        stored: size,
                        ends: 0,
                        size,
                        digest,
                        flags: listed.flags.clone(),
                        internal_date: listed.internal_date.clone(),
                    };
                    writer.finish(&mut message)?;
                    written.push(message);
                }
                BodyEvent::Missing { .. } => {}
            }
        }
    }

    /// Records messages, once they are on the disk.
    async fn keep(
        &self,
        written: Vec<Archived>,
        writer: &mut Writer,
        run: &mut FolderRun,
    ) -> Result<(), Stop> {
        if written.is_empty() {
            return Ok(());
        }
        writer.sync()?;
        let (messages, bytes) =
            (written.len() as u64, written.iter().map(|message| message.size).sum::<u64>());
        let at = self.at.clone();
        self.desk.ledger(move |ledger| ledger.archive(&at, &written)).await?;
        run.written += messages;
        run.bytes += bytes;
        self.desk.progress.add(&self.at.source.folder, messages, bytes, false);
        Ok(())
    }
}

impl Writer {
    fn begin(&mut self, date: Option<&InternalDate>) -> Result<(), Error> {
        match self {
            Self::Mbox(mbox) => mbox.begin(date),
            Self::Maildir(maildir) => maildir.begin(),
        }
    }

    fn feed(&mut self, octets: &[u8]) -> Result<(), Error> {
        match self {
            Self::Mbox(mbox) => mbox.feed(octets),
            Self::Maildir(maildir) => maildir.feed(octets),
        }
    }

    fn finish(&mut self, message: &mut Archived) -> Result<(), Error> {
        match self {
            Self::Mbox(mbox) => {
                let spot = mbox.finish()?;
                (message.begins, message.stored, message.ends) =
                    (spot.begins, spot.stored, spot.ends);
            }
            Self::Maildir(maildir) => {
                let date = message.internal_date.as_ref();
                let (uid, size) = (message.uid, message.size);
                message.name = maildir.finish(uid, size, message.digest, &message.flags, date)?;
            }
        }
        Ok(())
    }

    /// Forgets the message that is under way.
    fn give_up(&mut self) -> Result<(), Error> {
        match self {
            Self::Mbox(mbox) => mbox.give_up(),
            Self::Maildir(maildir) => maildir.give_up(),
        }
    }

    fn sync(&mut self) -> Result<(), Error> {
        match self {
            Self::Mbox(mbox) => mbox.sync(),
            Self::Maildir(maildir) => maildir.sync(),
        }
    }
}
