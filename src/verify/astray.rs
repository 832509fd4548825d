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
use crate::verify::folder::{CHANGED, FolderProof, NO_CONTENT, sent};
use crate::verify::read::{self, PAGE};
use crate::verify::stands::Stands;
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
    /// What is listed with other content in the other folder that the ledger knows it in.
    other: Option<(FolderPath, Uid)>,
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
            other: None,
        }
    }

    /// Returns what the ledger knows of its copy.
    pub(super) fn copied(&self) -> Option<&Copied> {
        self.row.copied.as_ref()
    }

    /// Returns the digest of the octets that are looked for.
    pub(super) fn digest(&self) -> Digest {
        self.digest
    }

    /// Returns its UID in a folder that the ledger knows its user to have moved it to.
    fn known_in(&self, folder: &FolderPath, validity: UidValidity) -> Option<Uid> {
        let copied = self.copied().filter(|copied| copied.elsewhere.as_ref() == Some(folder))?;
        copied.destination.filter(|(known, _)| *known == validity).map(|(_, uid)| uid)
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
    /// The lowest UID that we appended, as far as the ledger knows.
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

/// Messages that may be one of those that are looked for, by digest; the key says whether it is that
/// of what they say.
type Free = HashMap<(bool, Digest), Vec<Uid>>;

/// Takes one of those that are equal: where the ledger knows which, that one.
fn take(free: &mut Free, key: (bool, Digest), known: Option<Uid>) -> Option<Uid> {
    let equal = free.get_mut(&key)?;
    let known = known.and_then(|known| equal.iter().position(|uid| *uid == known));
    match known {
        Some(index) => Some(equal.remove(index)),
        None => equal.pop(),
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
    /// Looks in the folder itself for messages that are not where the ledger says, by digest. All
    /// folders are gone through so before a message is looked for in another one: a copy stands for
    /// that of its own folder first.
    pub(super) async fn look_here(&self, walk: &mut Walk, stands: &mut Stands) -> Result<(), Stop> {
        if walk.astray.is_empty() || walk.looked.contains(self.to) {
            return Ok(());
        }
        let name = walk.there.name.clone();
        self.look_in(self.to, &name, walk, stands).await
    }

    /// Looks in the other folders, and accounts for what is in none.
    pub(super) async fn look_elsewhere(
        &self,
        walk: &mut Walk,
        stands: &mut Stands,
    ) -> Result<(), Stop> {
        if walk.astray.is_empty() {
            return Ok(());
        }
        let others = self
            .destination
            .folders
            .iter()
            .filter(|(path, entry)| *path != self.to && lines::selectable(entry));
        for (path, entry) in others {
            if walk.astray.is_empty() {
                break;
            }
            if !walk.looked.contains(path) {
                self.look_in(path, &entry.name, walk, stands).await?;
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
            if lost(&message, folder, self.to, stands, may_be) {
                missing.entry(message.folder).or_default().push(message.row.listed.uid);
            }
        }
        for (index, uids) in missing {
            let Some(folder) = walk.done.get(index) else { continue };
            self.doubt(folder, uids, true).await?;
        }
        Ok(())
    }

    /// Looks in one folder; a copy that is found stands for no other message of the mailbox.
    async fn look_in(
        &self,
        path: &FolderPath,
        name: &RawName,
        walk: &mut Walk,
        stands: &mut Stands,
    ) -> Result<(), Stop> {
        self.desk.go_on()?;
        let here = *path == *self.to;
        let mut taken = stands.taken(path);
        if here {
            taken.extend(&walk.there.taken);
        }
        let (validity, mut free, withheld, listed) =
            self.candidates(path, name, &walk.astray, &taken).await?;
        stands.looked_into(path, validity);
        if here {
            stands.looks_for(&walk.astray, path);
        }
        walk.withheld.extend(withheld.into_iter().map(|row| (path.clone(), row)));
        let mut well: BTreeMap<usize, Vec<Uid>> = BTreeMap::new();
        // Those of which the ledger knows that they are just there come first.
        let (known, others): (Vec<Astray>, Vec<Astray>) = std::mem::take(&mut walk.astray)
            .into_iter()
            .partition(|message| message.known_in(path, validity).is_some());
        for mut message in known.into_iter().chain(others) {
            let known = message.known_in(path, validity);
            let canonical = message.canonical.filter(|_| self.canonical);
            let by_octets = take(&mut free, (false, message.digest), known);
            let found = match (by_octets, canonical) {
                (Some(uid), _) => Some((uid, true)),
                (None, Some(digest)) => {
                    take(&mut free, (true, digest), known).map(|uid| (uid, false))
                }
                (None, None) => None,
            };
            if let (Some((uid, octets)), Some(folder)) = (found, walk.done.get_mut(message.folder))
            {
                stands.take(path, uid);
                if let Some(copied) = message.copied().filter(|_| known == Some(uid)) {
                    stands.is_in_place(copied);
                }
                settle(&message, folder, here, path, octets);
                if message.row.doubted {
                    well.entry(message.folder).or_default().push(message.row.listed.uid);
                }
            } else {
                let there = known.filter(|uid| listed.contains(uid));
                message.other = there.map(|uid| (path.clone(), uid)).or(message.other);
                walk.astray.push(message);
            }
        }
        walk.looked.insert(path.clone());
        walk.steps += 1;
        for (index, uids) in well {
            let Some(folder) = walk.done.get(index) else { continue };
            self.doubt(folder, uids, false).await?;
        }
        Ok(())
    }

    /// Reads the messages of a folder that may be one of those that are looked for, by digest; the
    /// key says whether it is that of what they say. Those that stand for another message of ours
    /// are left out. The UIDs are those of them that are listed in the other folder that the ledger
    /// knows them in.
    async fn candidates(
        &self,
        path: &FolderPath,
        name: &RawName,
        astray: &[Astray],
        taken: &BTreeSet<Uid>,
    ) -> Result<(UidValidity, Free, Vec<FetchRow>, BTreeSet<Uid>), Stop> {
        let object = Object::folder("destination", &self.mailbox.destination, path);
        let failed = |error: ImapError| Stop::from_imap(&error, &object);
        let connection = &self.destination.connection;
        let selected = connection.examine(name).await.map_err(failed)?;
        let validity = selected.uid_validity;
        let mut free = Free::new();
        let mut withheld = Vec::new();
        let mut listed = BTreeSet::new();
        if selected.exists == 0 {
            return Ok((validity, free, withheld, listed));
        }
        // Where the ledger knows that its user moved it, it is to be found.
        let moved: BTreeSet<Uid> =
            astray.iter().filter_map(|message| message.known_in(path, validity)).collect();
        let mut known = self.known(path, validity).await?;
        known.retain(|uid| !moved.contains(uid));
        let keys = Keys::of(astray);
        let query = RowQuery { size: true, internal_date: true, ..RowQuery::default() };
        let mut rows = connection.fetch_rows(&SequenceSet::all(), query).await.map_err(failed)?;
        // One listing may be long: only the UIDs that matter are kept.
        let mut uids = Vec::new();
        while let Some(row) = rows.next().await.map_err(failed)? {
            let is_taken = taken.contains(&row.uid) || known.contains(&row.uid);
            if !is_taken && self.may_be(&keys, &row) {
                uids.push(row.uid);
            }
            if moved.contains(&row.uid) {
                listed.insert(row.uid);
            }
        }
        let wanted: BTreeSet<Digest> =
            astray.iter().flat_map(|m| [Some(m.digest), m.canonical]).flatten().collect();
        for page in uids.chunks(PAGE) {
            self.desk.go_on()?;
            let (bodies, not_given) =
                read::destination_bodies(connection, page, self.canonical).await.map_err(failed)?;
            // What is not given may have the right content.
            for row in &not_given {
                listed.remove(&row.uid);
            }
            withheld.extend(not_given);
            for (uid, body) in bodies {
                if wanted.contains(&body.digest) {
                    free.entry((false, body.digest)).or_default().push(uid);
                } else if let Some(said) = body.canonical.filter(|said| wanted.contains(said)) {
                    free.entry((true, said)).or_default().push(uid);
                }
            }
        }
        Ok((validity, free, withheld, listed))
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
    to: &FolderPath,
    stands: &Stands,
    may_be: Option<&(FolderPath, FetchRow)>,
) -> bool {
    let uid = message.row.listed.uid;
    if let Some((path, at)) = &message.other {
        let reason = format!(
            "changed: {} octets were sent, the destination keeps others as UID {at} of {path}",
            message.size
        );
        folder.body_off(&message.row, Fate::Changed, &reason, CHANGED);
        return true;
    }
    let same_folder = message.copied().is_none_or(|copied| stands.is_its_folder(copied, to));
    let removed =
        message.row.state == MessageState::Verified && same_folder && !message.row.doubted;
    let may_stand = removed && stands.may_stand_for_another(message);
    if removed && !may_stand {
        folder.account.removed_by_user += 1;
        let was = proven(&message.row);
        folder.checks.removed.noted(format!("source UID {uid}: {was}, in no folder now"));
        return false;
    }
    if let Some((path, row)) = may_be {
        let reason = format!(
            "no-content: it is not where it was, and UID {} of {path}, which may be it, is listed and not given",
            row.uid
        );
        folder.body_off(&message.row, Fate::Unread, &reason, NO_CONTENT);
        return true;
    }
    folder.account.missing += 1;
    let reason = "missing: not found in any folder of the destination";
    folder
        .checks
        .all_there
        .broken(format!("source UID {uid}: not found in any folder of the destination"));
    folder.except(&message.row, Fate::Missing, reason, MISSING);
    // When the other folder is settled, it is the one that its user removed.
    !may_stand
}

const MISSING: &str = "When `mailferry plan` shows G303, the folder was made anew: acknowledge that, and the next apply copies the message again. Otherwise ask whether its user removed it. If nobody did, keep the source and the evidence, and copy the message by hand or start the mailbox anew with another ledger.";

/// The second of a message's date at the destination.
pub(super) fn second(row: &FetchRow) -> Option<i64> {
    row.internal_date.as_ref().map(|date| date.instant().as_second())
}
