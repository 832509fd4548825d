//! Looks for messages that are not where the ledger says, and for those that are there twice.

use crate::catalogue::Object;
use crate::copy::lines;
use crate::copy::stop::Stop;
use crate::imap::{FetchRow, ImapError, SequenceSet};
use crate::model::digest::Digest;
use crate::model::folder::{FolderPath, RawName};
use crate::model::uid::{Uid, UidValidity};
use crate::ports::ledger::{FolderKey, MessageRow, MessageState};
use crate::verify::checks::{Checks, count};
use crate::verify::evidence::{Account, Check};
use crate::verify::folder::{FolderProof, PAGE, collect, digests, query};
use std::collections::{BTreeSet, HashMap};

/// A message that is not where the ledger says; it is looked for by digest.
pub(super) struct Astray {
    pub(super) folder: usize,
    pub(super) row: MessageRow,
    pub(super) digest: Digest,
    pub(super) size: u64,
}

/// What is known of the destination folder while its sources are gone through.
pub(super) struct There {
    pub(super) name: RawName,
    pub(super) validity: UidValidity,
    /// Destination UIDs that stand for a source message.
    pub(super) taken: BTreeSet<Uid>,
    /// The digests of all messages that were compared, with the dates, in seconds, of those that
    /// were found at their place.
    pub(super) digests: HashMap<Digest, BTreeSet<i64>>,
    /// A date is not what was sent: this server's dates tell nothing.
    pub(super) dates_lost: bool,
    /// The lowest UID that we appended: nothing below can be an extra copy of ours.
    pub(super) lowest: Option<Uid>,
}

impl FolderProof<'_> {
    /// Looks for messages that are not where the ledger says: first in the same folder, then in
    /// the others, always by digest.
    pub(super) async fn look_for(
        &self,
        astray: &mut Vec<Astray>,
        there: &mut There,
        folders: &mut [(&&FolderPath, Account, Checks)],
    ) -> Result<(), Stop> {
        if astray.is_empty() {
            return Ok(());
        }
        let mut places = vec![(self.to.clone(), there.name.clone(), true)];
        places.extend(
            self.destination
                .folders
                .iter()
                .filter(|(path, entry)| *path != self.to && lines::selectable(entry))
                .map(|(path, entry)| (path.clone(), entry.name.clone(), false)),
        );
        for (path, name, here) in places {
            if astray.is_empty() {
                break;
            }
            let object = Object::folder("destination", &self.mailbox.destination, &path);
            let failed = |error: ImapError| Stop::from_imap(&error, &object);
            let selected = self.destination.connection.examine(&name).await.map_err(failed)?;
            if selected.exists == 0 {
                continue;
            }
            let mut known = self.known(&path, selected.uid_validity).await?;
            for uid in
                astray.iter().filter_map(|message| recorded(message, &path, selected.uid_validity))
            {
                // It stands for this very message.
                known.remove(&uid);
            }
            let sizes: BTreeSet<u64> = astray.iter().map(|message| message.size).collect();
            let rows = self
                .destination
                .connection
                .fetch_rows(&SequenceSet::all(), query())
                .await
                .map_err(failed)?;
            let candidates: Vec<Uid> = collect(rows)
                .await
                .map_err(failed)?
                .into_values()
                .filter(|row| row.size.is_none_or(|size| sizes.contains(&size)))
                .map(|row| row.uid)
                // What stands for another message of ours cannot stand for this one as well.
                .filter(|uid| if here { !there.taken.contains(uid) } else { !known.contains(uid) })
                .collect();
            if candidates.is_empty() {
                continue;
            }
            let bodies = self
                .destination
                .connection
                .fetch_bodies(&SequenceSet::from_uids(candidates.iter().copied()))
                .await
                .map_err(failed)?;
            let mut free: HashMap<Digest, Vec<Uid>> = HashMap::new();
            for (uid, read) in digests(bodies, &[]).await.map_err(failed)? {
                free.entry(read.digest).or_default().push(uid);
            }
            astray.retain(|message| {
                let Some(uid) = free.get_mut(&message.digest).and_then(Vec::pop) else {
                    return true;
                };
                let Some((_, account, _)) = folders.get_mut(message.folder) else { return true };
                if here {
                    there.taken.insert(uid);
                    if let Some(copied) = &message.row.copied {
                        count(account, copied);
                    }
                } else {
                    account.in_another_folder += 1;
                    account.bodies_equal += 1;
                }
                false
            });
        }
        for message in astray.drain(..) {
            let Some((_, account, checks)) = folders.get_mut(message.folder) else { continue };
            // A user removes messages from a folder; another folder in its place is no user's doing.
            let same_folder = message
                .row
                .copied
                .as_ref()
                .and_then(|copied| copied.destination)
                .is_none_or(|(validity, _)| validity == there.validity);
            if message.row.state == MessageState::Verified && same_folder {
                account.removed_by_user += 1;
            } else {
                account.missing += 1;
                checks.all_there.broken(format!(
                    "source UID {}: not found in any folder of the destination",
                    message.row.listed.uid
                ));
            }
        }
        // The folder must be the examined one again for what follows.
        self.destination.connection.examine(&there.name).await.map(|_| ()).map_err(self.to_failed())
    }

    async fn known(
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

    /// Looks for copies beyond the source's own multiplicity. Only what came after our first
    /// APPEND can be ours, and where the server keeps dates, only what has the date of its twin:
    /// the same message at another time was delivered by somebody else.
    pub(super) async fn extra_copies(&self, there: &There) -> Result<Check, Stop> {
        let mut check = Check::new("no extra copies");
        let Some(lowest) = there.lowest else { return Ok(check) };
        let rows = self
            .destination
            .connection
            .fetch_rows(&SequenceSet::starting_at(lowest), query())
            .await
            .map_err(self.to_failed())?;
        let known = self.known(self.to, there.validity).await?;
        let rows = collect(rows).await.map_err(self.to_failed())?;
        let unknown: Vec<Uid> = rows
            .keys()
            .copied()
            .filter(|uid| *uid >= lowest && !there.taken.contains(uid) && !known.contains(uid))
            .collect();
        for page in unknown.chunks(PAGE) {
            let bodies = self
                .destination
                .connection
                .fetch_bodies(&SequenceSet::from_uids(page.iter().copied()))
                .await
                .map_err(self.to_failed())?;
            for (uid, read) in digests(bodies, &[]).await.map_err(self.to_failed())? {
                let Some(dates) = there.digests.get(&read.digest) else { continue };
                let date = rows.get(&uid).and_then(second);
                let ours = date.is_none_or(|date| dates.contains(&date));
                if there.dates_lost || dates.is_empty() || ours {
                    check.broken(format!(
                        "destination UID {uid}: equal to a message that is there already"
                    ));
                }
            }
        }
        Ok(check)
    }
}

/// Returns the UID of a message that the ledger knows to be in another folder, when that is this
/// one.
fn recorded(message: &Astray, folder: &FolderPath, validity: UidValidity) -> Option<Uid> {
    let copied = message.row.copied.as_ref()?;
    copied.elsewhere.as_ref().filter(|elsewhere| *elsewhere == folder)?;
    copied.destination.filter(|(at, _)| *at == validity).map(|(_, uid)| uid)
}

/// The second of a message's date at the destination.
pub(super) fn second(row: &FetchRow) -> Option<i64> {
    row.internal_date.as_ref().map(|date| date.instant().as_second())
}
