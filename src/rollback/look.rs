//! Looks what may be removed: the ledger, a fresh listing of the source, and the flags and sizes
//! at the destination must agree about every single message.

use super::{Batch, Place, Rollback, action};
use crate::catalogue::Object;
use crate::copy::desk::Desk;
use crate::copy::inventory;
use crate::copy::lines::Line;
use crate::copy::stop::Stop;
use crate::desired::DesiredMailbox;
use crate::error::{Error, ErrorKind};
use crate::imap::{Connection, FetchRow, RowQuery, SequenceSet, SourceConnection};
use crate::model::flags::Flags;
use crate::model::folder::FolderPath;
use crate::model::uid::{Uid, UidValidity};
use crate::ports::ledger::{Copied, FolderKey, Ledger, MessageRow, MessageState};
use std::collections::{BTreeMap, BTreeSet};

/// Journal entries in which the begun removal of a cut-off rollback is looked for. When so much
/// was journalled since, its messages count as changed by their user, and stay.
const JOURNAL: usize = 5_000;

const ADOPTED: &str = "was there before us";
const NOT_AT_SOURCE: &str = "is not at the source any more: the copy is the only one";
const NO_PLACE: &str = "the server never said under which UID it is";
const UNCLEAR: &str = "its fate is unclear since an interrupted run";
const OTHER_FOLDER: &str = "its folder is not there any more, or is another one";
const MOVED: &str = "its user moved or removed it";
const CHANGED: &str = "its user changed its flags";
const OTHER_SIZE: &str = "has another size than was stored";

/// A copy that may be removed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ours {
    /// At the source.
    pub(super) uid: Uid,
    /// At the destination.
    pub(super) at: Uid,
    /// Octets at the destination.
    pub(super) size: u64,
}

/// A destination folder under its UIDVALIDITY.
type At = (FolderPath, UidValidity);

/// UID at the source, UID at the destination, what is known of the copy.
type Candidate = (Uid, Uid, Copied);

/// What was found about one page of rows.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) ours: BTreeMap<At, Vec<Ours>>,
    pub(super) kept: BTreeMap<String, u64>,
    /// Source UIDs whose copies a cut-off rollback removed.
    pub(super) gone: Vec<Uid>,
}

/// Everything that looking needs.
pub(super) struct Eyes<'a> {
    pub(super) desk: &'a Desk,
    pub(super) mailbox: &'a DesiredMailbox,
    pub(super) source: &'a Line<SourceConnection>,
    pub(super) destination: &'a Line<Connection>,
    begun: Option<Batch>,
}

/// Looks what a rollback of one mailbox would do. The source is listed again into the ledger;
/// nothing else is written.
pub async fn look(
    desk: &Desk,
    mailbox: &DesiredMailbox,
    source: &Line<SourceConnection>,
    destination: &Line<Connection>,
) -> Result<Rollback, Stop> {
    let eyes = Eyes::open(desk, mailbox, source, destination).await?;
    let mut rollback = Rollback {
        mailbox: mailbox.source.clone(),
        destination: mailbox.destination.clone(),
        places: Vec::new(),
        kept: BTreeMap::new(),
        gone: 0,
        interrupted: BTreeSet::new(),
    };
    for (key, validity) in eyes.folders().await? {
        eyes.list(&key, validity).await?;
        rollback.interrupted.extend(eyes.interrupted(&key).await?);
        let mut places: BTreeMap<(FolderPath, UidValidity), (Vec<Uid>, u64)> = BTreeMap::new();
        let mut from = Uid(1);
        while let Some(rows) = desk.page(&key, validity, &mut from).await? {
            desk.go_on()?;
            let found = eyes.page(&key, validity, rows).await?;
            rollback.gone += found.gone.len() as u64;
            for (reason, count) in found.kept {
                let kept = rollback.kept.entry(key.folder.clone()).or_default();
                *kept.entry(reason).or_default() += count;
            }
            for (place, ours) in found.ours {
                let (uids, bytes) = places.entry(place).or_default();
                uids.extend(ours.iter().map(|one| one.at));
                *bytes += ours.iter().map(|one| one.size).sum::<u64>();
            }
        }
        for ((folder, destination_validity), (mut uids, bytes)) in places {
            uids.sort_unstable();
            rollback.places.push(Place {
                source: key.folder.clone(),
                source_validity: validity,
                destination: folder,
                destination_validity,
                uids,
                bytes,
            });
        }
    }
    Ok(rollback)
}

impl<'a> Eyes<'a> {
    pub(super) async fn open(
        desk: &'a Desk,
        mailbox: &'a DesiredMailbox,
        source: &'a Line<SourceConnection>,
        destination: &'a Line<Connection>,
    ) -> Result<Self, Stop> {
        let name = action(&mailbox.source);
        let journal = desk.ledger(|ledger| ledger.journal_tail(JOURNAL)).await?;
        let last = journal.into_iter().rev().find(|entry| entry.action == name);
        let begun = last.filter(|entry| entry.step == "intent").map(|entry| {
            serde_json::from_str(&entry.note).map_err(|error| {
                Stop::Failed(
                    Error::new(
                        ErrorKind::Failed,
                        "E522",
                        format!(
                            "{}: the journal's entry of a cut-off rollback cannot be read",
                            mailbox.source
                        ),
                    )
                    .hint("Report this: nothing is removed while it is not known what was begun.")
                    .source(error),
                )
            })
        });
        Ok(Self { desk, mailbox, source, destination, begun: begun.transpose()? })
    }

    /// Returns the source folders that were ever listed.
    pub(super) async fn folders(&self) -> Result<Vec<(FolderKey, UidValidity)>, Stop> {
        let mailbox = self.mailbox.source.clone();
        let folders = self.desk.ledger(move |ledger| ledger.source_folders(&mailbox)).await?;
        let key = |folder| FolderKey { mailbox: self.mailbox.source.clone(), folder };
        Ok(folders
            .into_iter()
            .filter_map(|(folder, validity)| Some((key(folder), validity?)))
            .collect())
    }

    /// Returns the destination folder when an apply into it was cut off.
    async fn interrupted(&self, key: &FolderKey) -> Result<Option<FolderPath>, Stop> {
        let key = key.clone();
        let open = move |ledger: &dyn Ledger| {
            let Some(bound) = ledger.binding(&key)? else { return Ok(None) };
            let checkpoint = ledger.checkpoint(&bound)?.filter(|checkpoint| checkpoint.open);
            Ok(checkpoint.map(|_| bound.folder))
        };
        Ok(self.desk.ledger(open).await?)
    }

    /// Lists a source folder anew, so that no copy is removed whose original is gone.
    pub(super) async fn list(&self, key: &FolderKey, validity: UidValidity) -> Result<(), Stop> {
        let object = Object::folder("source", &key.mailbox, &key.folder);
        let Some(name) = self.source.name(&key.folder) else {
            let gone = key.clone();
            return Ok(self.desk.ledger(move |ledger| ledger.folder_gone(&gone)).await?);
        };
        let failed = |error| Stop::from_imap(&error, &object);
        let connection = &self.source.connection;
        let selected = connection.examine(name).await.map_err(failed)?;
        if selected.uid_validity != validity {
            let now = selected.uid_validity;
            return Err(Stop::Failed(crate::catalogue::new_validity(&object, validity, now)));
        }
        inventory::record(self.desk, connection, name, &selected, key, &object).await?;
        Ok(())
    }

    /// Tells of each row of a page whether its copy may be removed.
    pub(super) async fn page(
        &self,
        key: &FolderKey,
        validity: UidValidity,
        rows: Vec<MessageRow>,
    ) -> Result<Found, Stop> {
        let asked = key.clone();
        let bound = self.desk.ledger(move |ledger| ledger.binding(&asked)).await?;
        let mut found = Found::default();
        let mut candidates: BTreeMap<At, Vec<Candidate>> = BTreeMap::new();
        for row in rows {
            let uid = row.listed.uid;
            if matches!(row.state, MessageState::Unclear(_)) {
                found.keep(UNCLEAR);
            }
            if !matches!(row.state, MessageState::Acknowledged | MessageState::Verified) {
                continue;
            }
            let Some(copied) = row.copied else { continue };
            let folder = copied.elsewhere.clone().or_else(|| Some(bound.as_ref()?.folder.clone()));
            match (copied.destination, folder) {
                _ if copied.adopted => found.keep(ADOPTED),
                _ if row.vanished => found.keep(NOT_AT_SOURCE),
                (Some((there, at)), Some(folder)) => {
                    candidates.entry((folder, there)).or_default().push((uid, at, copied));
                }
                _ => found.keep(NO_PLACE),
            }
        }
        for ((folder, there), messages) in candidates {
            self.compare(key, validity, (folder, there), messages, &mut found).await?;
        }
        Ok(found)
    }

    async fn compare(
        &self,
        key: &FolderKey,
        validity: UidValidity,
        (folder, known): At,
        messages: Vec<Candidate>,
        found: &mut Found,
    ) -> Result<(), Stop> {
        let object = Object::folder("destination", &self.mailbox.destination, &folder);
        let failed = |error| Stop::from_imap(&error, &object);
        let begun: BTreeSet<Uid> = self
            .begun
            .iter()
            .filter(|batch| batch.folder == key.folder && batch.uid_validity == validity)
            .flat_map(|batch| batch.uids.iter().copied())
            .collect();
        let connection = &self.destination.connection;
        let now = match self.destination.name(&folder) {
            Some(name) => Some(connection.examine(name).await.map_err(failed)?.uid_validity),
            None => None,
        };
        if now != Some(known) {
            for _ in &messages {
                found.keep(OTHER_FOLDER);
            }
            return Ok(());
        }
        let there =
            rows(connection, messages.iter().map(|(_, at, _)| *at)).await.map_err(failed)?;
        for (uid, at, copied) in messages {
            let ours = begun.contains(&uid);
            match there.get(&at) {
                None if ours => found.gone.push(uid),
                None => found.keep(MOVED),
                Some(row) if row.size != Some(copied.size) => found.keep(OTHER_SIZE),
                Some(row) if !unchanged(row, &copied, ours) => found.keep(CHANGED),
                Some(_) => {
                    let place = (folder.clone(), known);
                    let size = copied.size;
                    found.ours.entry(place).or_default().push(Ours { uid, at, size });
                }
            }
        }
        Ok(())
    }
}

/// Tells whether a message has the flags that were stored. A rollback that was cut off may have
/// marked it itself.
fn unchanged(row: &FetchRow, copied: &Copied, begun: bool) -> bool {
    let Some(flags) = &row.flags else { return false };
    let marked = copied.stored_flags.plus(&Flags::from_words(["\\Deleted"]));
    *flags == copied.stored_flags || (begun && *flags == marked)
}

impl Found {
    fn keep(&mut self, reason: &str) {
        *self.kept.entry(reason.to_owned()).or_default() += 1;
    }
}

/// Asks for flags and sizes of messages.
pub(super) async fn rows(
    connection: &Connection,
    uids: impl Iterator<Item = Uid>,
) -> Result<BTreeMap<Uid, FetchRow>, crate::imap::ImapError> {
    let set = SequenceSet::from_uids(uids);
    let mut found = BTreeMap::new();
    if set.is_empty() {
        return Ok(found);
    }
    let query = RowQuery {
        flags: true,
        internal_date: false,
        size: true,
        modseq: false,
        header_fields: Vec::new(),
    };
    let mut rows = connection.fetch_rows(&set, query).await?;
    while let Some(row) = rows.next().await? {
        found.insert(row.uid, row);
    }
    Ok(found)
}
