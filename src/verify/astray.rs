//! Looks for messages that are not where the ledger says.

use crate::catalogue::Object;
use crate::copy::bodies::Read;
use crate::copy::lines;
use crate::copy::stop::Stop;
use crate::imap::{FetchRow, ImapError, RowQuery, SequenceSet};
use crate::model::digest::Digest;
use crate::model::folder::{FolderPath, RawName};
use crate::model::uid::{Uid, UidValidity};
use crate::ports::ledger::{Copied, FolderKey, MessageRow, MessageState};
use crate::verify::checks::{Findings, count, proven};
use crate::verify::exception::Fate;
use crate::verify::folder::{FolderProof, NO_CONTENT, sent};
use crate::verify::read::{self, PAGE};
use crate::verify::walk::Walk;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// A message that is not where the ledger says; it is looked for by digest.
pub(super) struct Astray {
    folder: usize,
    row: MessageRow,
    digest: Digest,
    canonical: Option<Digest>,
    size: u64,
    drawn: bool,
}

impl Astray {
    /// `body` is what was read of it at the source; without, the ledger's digest counts.
    pub(super) fn new(folder: usize, row: MessageRow, body: Option<&Read>, drawn: bool) -> Self {
        let copied = row.copied.as_ref();
        let known = copied.map_or(Digest([0; 32]), |copied| copied.sent_digest);
        let digest = body.zip(copied).map_or(known, |(body, copied)| sent(copied, body));
        Self {
            folder,
            digest,
            canonical: body.and_then(|body| body.canonical),
            size: copied.map_or(0, |copied| copied.size),
            drawn,
            row,
        }
    }

    fn second(&self) -> Option<i64> {
        let date = self.row.copied.as_ref()?.internal_date.as_ref()?;
        Some(date.instant().as_second())
    }
}

/// What is known of the destination folder while its sources are gone through.
pub(super) struct There {
    pub(super) name: RawName,
    pub(super) validity: UidValidity,
    /// Destination UIDs that stand for a source message.
    pub(super) taken: BTreeSet<Uid>,
    /// A date is not what was sent: this server's dates tell nothing.
    pub(super) dates_lost: bool,
    /// The lowest UID that we appended: nothing below can be an extra copy of ours.
    pub(super) lowest: Option<Uid>,
}

impl There {
    pub(super) fn new(name: RawName, validity: UidValidity) -> Self {
        Self { name, validity, taken: BTreeSet::new(), dates_lost: false, lowest: None }
    }

    /// Returns the UID in this folder that the ledger knows.
    pub(super) fn place(&self, copied: &Copied) -> Option<Uid> {
        let (validity, uid) = copied.destination?;
        (validity == self.validity && copied.elsewhere.is_none()).then_some(uid)
    }

    /// Keeps in mind that a message of ours is here.
    pub(super) fn own(&mut self, copied: &Copied, at: Uid) {
        if !copied.adopted {
            self.lowest = Some(self.lowest.map_or(at, |lowest| lowest.min(at)));
        }
    }
}

/// The cheap keys of the messages that are looked for.
struct Keys {
    sizes: BTreeSet<u64>,
    seconds: BTreeSet<i64>,
    undated: bool,
}

impl Keys {
    fn of(astray: &[Astray]) -> Self {
        Self {
            sizes: astray.iter().map(|message| message.size).collect(),
            seconds: astray.iter().filter_map(Astray::second).collect(),
            undated: astray.iter().any(|message| message.second().is_none()),
        }
    }
}

impl FolderProof<'_> {
    /// Looks for messages that are not where the ledger says: first in the same folder, then in
    /// the others, always by digest.
    pub(super) async fn look_for(&self, walk: &mut Walk) -> Result<(), Stop> {
        if walk.astray.is_empty() {
            return Ok(());
        }
        let mut places = vec![(self.to.clone(), walk.there.name.clone())];
        places.extend(
            self.destination
                .folders
                .iter()
                .filter(|(path, entry)| *path != self.to && lines::selectable(entry))
                .map(|(path, entry)| (path.clone(), entry.name.clone())),
        );
        places.retain(|(path, _)| !walk.looked.contains(path));
        for (path, name) in places {
            if walk.astray.is_empty() {
                break;
            }
            self.desk.go_on()?;
            let (mut free, withheld) =
                self.candidates(&path, &name, &walk.astray, &walk.there).await?;
            walk.withheld.extend(withheld.into_iter().map(|row| (path.clone(), row)));
            let mut well: BTreeMap<usize, Vec<Uid>> = BTreeMap::new();
            for message in std::mem::take(&mut walk.astray) {
                let canonical = message.canonical.filter(|_| self.canonical);
                let by_octets = free.get_mut(&(false, message.digest)).and_then(Vec::pop);
                let found = match (by_octets, canonical) {
                    (Some(uid), _) => Some((uid, true)),
                    (None, Some(digest)) => {
                        let said = free.get_mut(&(true, digest)).and_then(Vec::pop);
                        said.map(|uid| (uid, false))
                    }
                    (None, None) => None,
                };
                match (found, walk.done.get_mut(message.folder)) {
                    (Some((uid, octets)), Some(folder)) => {
                        let here = path == *self.to;
                        if here {
                            walk.there.taken.insert(uid);
                        }
                        settle(&message, folder, here, &path, octets);
                        if message.row.doubted {
                            well.entry(message.folder).or_default().push(message.row.listed.uid);
                        }
                    }
                    _ => walk.astray.push(message),
                }
            }
            walk.looked.insert(path);
            walk.steps += 1;
            for (index, uids) in well {
                let Some(folder) = walk.done.get(index) else { continue };
                self.doubt(folder, uids, false).await?;
            }
        }
        if let (false, Some(unread)) =
            (walk.astray.is_empty(), self.destination.unread.values().next())
        {
            // They may be there.
            return Err(unread.error().into());
        }
        let mut missing: BTreeMap<usize, Vec<Uid>> = BTreeMap::new();
        for message in std::mem::take(&mut walk.astray) {
            let Some(folder) = walk.done.get_mut(message.folder) else { continue };
            let keys = Keys::of(std::slice::from_ref(&message));
            let may_be = walk.withheld.iter().find(|(_, row)| self.may_be(&keys, row));
            if lost(&message, folder, walk.there.validity, may_be) {
                missing.entry(message.folder).or_default().push(message.row.listed.uid);
            }
        }
        for (index, uids) in missing {
            let Some(folder) = walk.done.get(index) else { continue };
            self.doubt(folder, uids, true).await?;
        }
        // The folder must be the examined one again for what follows.
        let connection = &self.destination.connection;
        connection.examine(&walk.there.name).await.map(|_| ()).map_err(self.to_failed())
    }

    /// Reads the messages of a folder that may be one of those that are looked for, by digest; the
    /// key says whether it is that of what they say. Those that stand for another message of ours
    /// are left out.
    async fn candidates(
        &self,
        path: &FolderPath,
        name: &RawName,
        astray: &[Astray],
        there: &There,
    ) -> Result<(HashMap<(bool, Digest), Vec<Uid>>, Vec<FetchRow>), Stop> {
        let object = Object::folder("destination", &self.mailbox.destination, path);
        let failed = |error: ImapError| Stop::from_imap(&error, &object);
        let connection = &self.destination.connection;
        let selected = connection.examine(name).await.map_err(failed)?;
        let mut free: HashMap<(bool, Digest), Vec<Uid>> = HashMap::new();
        let mut withheld = Vec::new();
        if selected.exists == 0 {
            return Ok((free, withheld));
        }
        let here = *path == *self.to;
        let mut known = BTreeSet::new();
        if !here {
            known = self.known(path, selected.uid_validity).await?;
            // Where the ledger knows that its user moved it, it is to be found.
            for copied in astray.iter().filter_map(|message| message.row.copied.as_ref()) {
                match copied.destination {
                    Some((validity, uid))
                        if validity == selected.uid_validity
                            && copied.elsewhere.as_ref() == Some(path) =>
                    {
                        known.remove(&uid);
                    }
                    _ => {}
                }
            }
        }
        let keys = Keys::of(astray);
        let query = RowQuery { size: true, internal_date: true, ..RowQuery::default() };
        let mut rows = connection.fetch_rows(&SequenceSet::all(), query).await.map_err(failed)?;
        // One listing may be long: only the UIDs that matter are kept.
        let mut uids = Vec::new();
        while let Some(row) = rows.next().await.map_err(failed)? {
            let taken =
                if here { there.taken.contains(&row.uid) } else { known.contains(&row.uid) };
            if !taken && self.may_be(&keys, &row) {
                uids.push(row.uid);
            }
        }
        let wanted: BTreeSet<Digest> =
            astray.iter().flat_map(|m| [Some(m.digest), m.canonical]).flatten().collect();
        for page in uids.chunks(PAGE) {
            self.desk.go_on()?;
            let (bodies, not_given) =
                read::destination_bodies(connection, page, self.canonical).await.map_err(failed)?;
            withheld.extend(not_given);
            for (uid, body) in bodies {
                if wanted.contains(&body.digest) {
                    free.entry((false, body.digest)).or_default().push(uid);
                } else if let Some(said) = body.canonical.filter(|said| wanted.contains(said)) {
                    free.entry((true, said)).or_default().push(uid);
                }
            }
        }
        Ok((free, withheld))
    }

    /// A server that rewrites keeps the date, and one that keeps the octets keeps the size.
    fn may_be(&self, keys: &Keys, row: &FetchRow) -> bool {
        let same_size = row.size.is_none_or(|size| keys.sizes.contains(&size));
        let same_date = second(row).is_none_or(|second| keys.seconds.contains(&second));
        same_size || (self.canonical && (same_date || keys.undated))
    }

    pub(super) async fn known(
        &self,
        folder: &FolderPath,
        validity: UidValidity,
    ) -> Result<BTreeSet<Uid>, Stop> {
        let key = FolderKey { mailbox: self.mailbox.destination.clone(), folder: folder.clone() };
        Ok(self
            .desk
            .ledger(move |ledger| ledger.known_destination_uids(&key, validity, Uid(1)))
            .await?)
    }
}

/// Counts a message that was found at another place.
fn settle(message: &Astray, folder: &mut Findings, here: bool, path: &FolderPath, octets: bool) {
    let Some(copied) = &message.row.copied else { return };
    if here {
        count(&mut folder.account, copied);
        folder.changed_on_its_way(copied);
    } else {
        folder.account.in_another_folder += 1;
        let uid = message.row.listed.uid;
        let was = match message.row.state {
            MessageState::Verified => proven(&message.row),
            _ => "copied".to_owned(),
        };
        folder.checks.moved.noted(format!("source UID {uid}: {was}, now in {path}"));
    }
    folder.account.bodies_equal += u64::from(octets);
    folder.account.equal_under_profile += u64::from(!octets);
    folder.drawn_equal += u64::from(message.drawn);
}

/// A message that is in no folder of the destination. Users remove messages that were proven; a
/// message that never was, that was found off before, or whose whole folder is another one now, is
/// missing, unless one that may be it is there and not given. Returns whether it is to be read by
/// every later verification.
fn lost(
    message: &Astray,
    folder: &mut Findings,
    validity: UidValidity,
    may_be: Option<&(FolderPath, FetchRow)>,
) -> bool {
    let uid = message.row.listed.uid;
    let copied = message.row.copied.as_ref();
    let same_folder = copied
        .filter(|copied| copied.elsewhere.is_none())
        .and_then(|copied| copied.destination)
        .is_none_or(|(known, _)| known == validity);
    if message.row.state == MessageState::Verified && same_folder && !message.row.doubted {
        folder.account.removed_by_user += 1;
        let was = proven(&message.row);
        folder.checks.removed.noted(format!("source UID {uid}: {was}, in no folder now"));
        return false;
    }
    if let Some((path, row)) = may_be {
        folder.account.unread += 1;
        let reason = format!(
            "no-content: it is not where it was, and UID {} of {path}, which may be it, is listed and not given",
            row.uid
        );
        folder.checks.bodies.broken(format!("source UID {uid}: {reason}"));
        folder.except(&message.row, Fate::Unread, &reason, NO_CONTENT);
        return true;
    }
    folder.account.missing += 1;
    let reason = "missing: not found in any folder of the destination";
    folder
        .checks
        .all_there
        .broken(format!("source UID {uid}: not found in any folder of the destination"));
    folder.except(&message.row, Fate::Missing, reason, MISSING);
    true
}

const MISSING: &str = "When `mailferry plan` shows G303, the folder was made anew: acknowledge that, and the next apply copies the message again. Otherwise ask whether its user removed it. If nobody did, keep the source and the evidence, and copy the message by hand or start the mailbox anew with another ledger.";

/// The second of a message's date at the destination.
pub(super) fn second(row: &FetchRow) -> Option<i64> {
    row.internal_date.as_ref().map(|date| date.instant().as_second())
}
