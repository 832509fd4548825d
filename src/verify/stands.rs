//! Which copy stands for which message, over a whole mailbox: none stands for two.

use crate::copy::desk::Desk;
use crate::copy::lines::Line;
use crate::copy::stop::Stop;
use crate::imap::Connection;
use crate::model::address::Address;
use crate::model::digest::Digest;
use crate::model::folder::FolderPath;
use crate::model::uid::{Uid, UidValidity};
use crate::ports::ledger::{Copied, FolderKey};
use crate::verify::astray::{Astray, There};
use crate::verify::displaced::{Displaced, Likeness};
use crate::verify::evidence::Check;
use crate::verify::extras::{self, Extra, Search};
use crate::verify::folder::FolderProof;
use crate::verify::walk::Walk;
use std::collections::{BTreeMap, BTreeSet};

/// What is known over the folders of one mailbox.
#[derive(Default)]
pub(super) struct Stands {
    /// Copies that the ledger does not know there and that were found to be messages of ours.
    found: BTreeMap<FolderPath, BTreeSet<Uid>>,
    /// How many messages were looked for.
    looked_for: BTreeMap<Likeness, u64>,
    /// Messages whose folder of the destination is another one than the ledger knows.
    anew: BTreeSet<Digest>,
    /// UIDVALIDITY of the folders that were looked into.
    validities: BTreeMap<FolderPath, UidValidity>,
}

impl Stands {
    /// Takes a copy for a message of ours, and for no other one.
    pub(super) fn take(&mut self, folder: &FolderPath, uid: Uid) {
        self.found.entry(folder.clone()).or_default().insert(uid);
    }

    /// Returns the copies of a folder that were taken.
    pub(super) fn taken(&self, folder: &FolderPath) -> BTreeSet<Uid> {
        self.found.get(folder).cloned().unwrap_or_default()
    }

    /// Keeps in mind which folder was looked into.
    pub(super) fn looked_into(&mut self, folder: &FolderPath, validity: UidValidity) {
        self.validities.insert(folder.clone(), validity);
    }

    /// Counts the messages of one destination folder that are looked for.
    pub(super) fn looks_for(&mut self, astray: &[Astray], to: &FolderPath) {
        for message in astray {
            if let Some(copied) = message.copied() {
                for likeness in Likeness::all(copied) {
                    *self.looked_for.entry(likeness).or_default() += 1;
                }
                if !self.is_its_folder(copied, to) {
                    self.anew.insert(message.digest());
                }
            }
        }
    }

    /// Counts one less: it is where the ledger says, which is another folder than its own.
    pub(super) fn is_in_place(&mut self, copied: &Copied) {
        for likeness in Likeness::all(copied) {
            if let Some(count) = self.looked_for.get_mut(&likeness) {
                *count = count.saturating_sub(1);
            }
        }
    }

    /// Tells whether the folder that a message was last known in is still that folder.
    pub(super) fn is_its_folder(&self, copied: &Copied, to: &FolderPath) -> bool {
        let folder = copied.elsewhere.as_ref().unwrap_or(to);
        let known = copied.destination.map(|(validity, _)| validity);
        known.zip(self.validities.get(folder)).is_none_or(|(known, now)| known == *now)
    }

    /// Tells whether a copy that is equal may be this message and was counted for one whose folder
    /// was made anew: nobody can tell which of the two is gone.
    pub(super) fn may_stand_for_another(&self, message: &Astray) -> bool {
        self.anew.contains(&message.digest())
    }

    /// Makes the checks of extra copies of all folders. What may be a message of ours that is in no
    /// place which was looked into (it vanished at the source, or the migration plan leaves it out) is
    /// none.
    pub(super) async fn extra_copies(
        &self,
        desk: &Desk,
        line: Option<&Line<Connection>>,
        mailbox: &Address,
        walks: &mut BTreeMap<FolderPath, Walk>,
        canonical: bool,
    ) -> Result<(), Stop> {
        let mut beyond: BTreeMap<&FolderPath, Vec<&Extra>> = BTreeMap::new();
        for (to, walk) in &*walks {
            let taken = self.found.get(to);
            let is_taken = |extra: &&Extra| taken.is_some_and(|uids| uids.contains(&extra.uid));
            let dated = |extra: &&Extra| walk.there.dates_lost || extra.same_date != Some(false);
            let extras = walk.beyond.iter().flat_map(|(extras, _)| extras);
            beyond.insert(to, extras.filter(|one| !is_taken(one)).filter(dated).collect());
        }
        let all: Vec<&Extra> = beyond.values().flatten().copied().collect();
        let displaced = match line {
            Some(line) => Displaced::look(desk, line, mailbox, &all, canonical).await?,
            None => Displaced::default(),
        };
        let mut spent: BTreeMap<Likeness, u64> = self.looked_for.clone();
        let mut checks = BTreeMap::new();
        for (to, extras) in beyond {
            let mut check = Check::new(EXTRA);
            for extra in extras {
                let mut may_be = |likeness| {
                    let spent = spent.entry(likeness).or_default();
                    let any = displaced.count(likeness) > *spent;
                    *spent += u64::from(any);
                    any
                };
                let equal = extra.sent.iter().any(|digest| may_be(Likeness::Octets(*digest)));
                // A message that is equal to it is of its date as well.
                let dated = (canonical || !equal) && may_be(Likeness::of(extra, canonical));
                if equal {
                    continue;
                }
                if dated {
                    check.doubtful(format!(
                        "destination UID {}: a message that is there already once more, or another one of its date that its user moved; look at it with a mail program, and delete it when it is there twice",
                        extra.uid
                    ));
                    continue;
                }
                let how = if extra.said.is_some() {
                    "says the same, under the assumed profile v0, as"
                } else {
                    "equal to"
                };
                check.broken(format!(
                    "destination UID {}: {how} a message that is there already",
                    extra.uid
                ));
            }
            checks.insert(to.clone(), check);
        }
        for (to, mut check) in checks {
            let Some(walk) = walks.get_mut(&to) else { continue };
            let taken = self.taken(&to);
            let withheld = walk.beyond.iter().flat_map(|(_, withheld)| withheld);
            for uid in withheld.filter(|uid| !taken.contains(uid)) {
                check.doubtful(format!(
                    "destination UID {uid}: the server lists it and does not give it, and it may be one"
                ));
            }
            if let Some(first) = walk.done.first_mut() {
                first.checks.extra = Some(check);
            }
        }
        Ok(())
    }
}

/// The check of extra copies.
pub(super) const EXTRA: &str = "no extra copies";

impl FolderProof<'_> {
    /// Looks for copies beyond those that the ledger knows. Only what came after our first APPEND
    /// can be ours, and where the server keeps dates, only what has the date of its twin: the same
    /// message at another time was delivered by somebody else.
    pub(super) async fn beyond(
        &self,
        there: &There,
        stands: &Stands,
    ) -> Result<(Vec<Extra>, Vec<Uid>), Stop> {
        let to = FolderKey { mailbox: self.mailbox.destination.clone(), folder: self.to.clone() };
        let lowest = extras::from(self.desk, &to, there.validity, there.lowest).await?;
        let Some(lowest) = lowest else { return Ok((Vec::new(), Vec::new())) };
        let taken = there.taken.union(&stands.taken(self.to)).copied().collect();
        let search = Search {
            desk: self.desk,
            connection: &self.destination.connection,
            to: &to,
            validity: there.validity,
            lowest,
            taken: &taken,
            canonical: self.canonical,
        };
        search.look().await
    }
}
