//! Looks what may be removed: the ledger, a fresh listing of the source, and the flags and sizes
//! at the destination must agree about every single message.

use super::{Place, Rollback};
use crate::catalogue::Object;
use crate::copy::desk::Desk;
use crate::copy::inventory;
use crate::copy::lines::Line;
use crate::copy::stop::Stop;
use crate::desired::DesiredMailbox;
use crate::imap::{Connection, SourceConnection};
use crate::model::folder::FolderPath;
use crate::model::uid::{Uid, UidValidity};
use crate::ports::ledger::{FolderKey, Ledger, MessageRow, MessageState};
use crate::removal::{self, Hands, Own, Purpose, Standing};
use std::collections::{BTreeMap, BTreeSet};

const ADOPTED: &str = "was there before us";
const NOT_AT_SOURCE: &str = "is not at the source any more: the copy is the only one";
const NO_PLACE: &str = "the server never said under which UID it is";
const UNCLEAR: &str = "its fate is unclear since an interrupted run";
const OTHER_FOLDER: &str = "its folder is not there any more, or is another one";

/// A destination folder under its UIDVALIDITY.
type At = (FolderPath, UidValidity);

/// What was found about one page of rows.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) ours: BTreeMap<At, Vec<Own>>,
    pub(super) kept: BTreeMap<String, u64>,
}

/// Everything that looking needs.
pub(super) struct Eyes<'a> {
    pub(super) desk: &'a Desk,
    pub(super) mailbox: &'a DesiredMailbox,
    pub(super) destination: &'a Line<Connection>,
}

/// Looks what a rollback of one mailbox would do. The source is listed again into the ledger, and a
/// removal that was cut off is taken up; nothing else is written.
pub async fn look(
    desk: &Desk,
    mailbox: &DesiredMailbox,
    source: &Line<SourceConnection>,
    destination: &Line<Connection>,
) -> Result<Rollback, Stop> {
    let taken = removal::take_up(desk, mailbox, destination, Hands::Free).await?;
    let gone =
        taken.filter(|taken| taken.purpose == Purpose::Rollback).map_or(0, |taken| taken.gone);
    let eyes = Eyes { desk, mailbox, destination };
    let mut rollback = Rollback {
        mailbox: mailbox.source.clone(),
        destination: mailbox.destination.clone(),
        places: Vec::new(),
        kept: BTreeMap::new(),
        gone,
        interrupted: BTreeSet::new(),
    };
    for (key, validity) in eyes.folders().await? {
        inventory::anew(desk, source, &key, validity, None).await?;
        rollback.interrupted.extend(eyes.interrupted(&key).await?);
        let mut places: BTreeMap<(FolderPath, UidValidity), (Vec<Uid>, u64)> = BTreeMap::new();
        let mut from = Uid(1);
        while let Some(rows) = desk.page(&key, validity, &mut from).await? {
            desk.go_on()?;
            let found = eyes.page(&key, rows).await?;
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
        places.retain(|_, (uids, _)| !uids.is_empty());
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

impl Eyes<'_> {
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

    /// Tells of each row of a page whether its copy may be removed.
    pub(super) async fn page(&self, key: &FolderKey, rows: Vec<MessageRow>) -> Result<Found, Stop> {
        let asked = key.clone();
        let bound = self.desk.ledger(move |ledger| ledger.binding(&asked)).await?;
        let mut found = Found::default();
        let mut candidates: BTreeMap<At, Vec<Own>> = BTreeMap::new();
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
                    let (size, flags) = (copied.size, copied.stored_flags);
                    let own = Own { at, source: Some(uid), size, flags };
                    candidates.entry((folder, there)).or_default().push(own);
                }
                _ => found.keep(NO_PLACE),
            }
        }
        for ((folder, there), messages) in candidates {
            self.compare((folder, there), messages, &mut found).await?;
        }
        Ok(found)
    }

    async fn compare(
        &self,
        (folder, known): At,
        messages: Vec<Own>,
        found: &mut Found,
    ) -> Result<(), Stop> {
        let object = Object::folder("destination", &self.mailbox.destination, &folder);
        let failed = |error| Stop::from_imap(&error, &object);
        let connection = &self.destination.connection;
        let now = match self.destination.name(&folder)? {
            Some(name) => Some(connection.examine(name).await.map_err(failed)?.uid_validity),
            None => None,
        };
        if now != Some(known) {
            for _ in &messages {
                found.keep(OTHER_FOLDER);
            }
            return Ok(());
        }
        let standings = removal::look(connection, &messages).await.map_err(failed)?;
        let ours = found.ours.entry((folder, known)).or_default();
        let mut kept = Vec::new();
        for (own, standing) in messages.into_iter().zip(standings) {
            match standing {
                Standing::AsStored => ours.push(own),
                other => kept.push(other.why()),
            }
        }
        for reason in kept {
            found.keep(reason);
        }
        Ok(())
    }
}

impl Found {
    fn keep(&mut self, reason: &str) {
        *self.kept.entry(reason.to_owned()).or_default() += 1;
    }
}
