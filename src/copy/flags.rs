//! Brings flags up to date: what changed at the source since the copy, and nothing else.

use crate::catalogue::Object;
use crate::copy::desk::Desk;
use crate::copy::folder::{FolderCopy, Open};
use crate::copy::stop::Stop;
use crate::error::Error;
use crate::imap::{Connection, SequenceSet};
use crate::model::flags::{Flags, PermanentFlags};
use crate::model::folder::FolderPath;
use crate::model::uid::{Uid, UidValidity};
use crate::ports::ledger::{Copied, FolderKey, MessageRow, MessageState, Need};
use std::collections::{BTreeMap, BTreeSet};

/// What one message needs: flags to add and to take away.
pub(super) type Change = (Vec<String>, Vec<String>);

/// Returns flags to add and to take away as messages are grouped by them.
pub(super) fn words(add: &Flags, remove: &Flags) -> Change {
    let words = |flags: &Flags| flags.iter().map(str::to_owned).collect();
    (words(add), words(remove))
}

/// Changes flags in the selected folder, with one command for all messages that need the same.
pub(super) async fn store(
    connection: &Connection,
    changes: &BTreeMap<Change, Vec<Uid>>,
    object: &Object,
) -> Result<(), Stop> {
    for ((add, remove), uids) in changes {
        let set = SequenceSet::from_uids(uids.iter().copied());
        for (flags, adding) in [(add, true), (remove, false)] {
            connection
                .uid_store(&set, adding, &Flags::from_words(flags))
                .await
                .map_err(|error| Stop::from_imap(&error, object))?;
        }
    }
    Ok(())
}

/// Returns what a change at the source means for the copy.
///
/// The base is what the destination stored. Flags that its user set or took away there are no
/// part of the difference at the source, so they stay as the user wants them.
///
/// What an interrupted STORE tried is there or not: both are made sure of.
fn change(copied: &Copied, now: &Flags, permanent: &PermanentFlags) -> (Flags, Flags) {
    let (wanted, _) = now.storable(permanent);
    let (was, _) = copied.source_flags.storable(permanent);
    let (most, _) = copied.tried_flags.as_ref().unwrap_or(&was).storable(permanent);
    (wanted.minus(&was), most.minus(&wanted))
}

/// What became of the flags of one source folder's copies.
#[derive(Debug)]
pub(super) struct FlagsDone {
    /// Messages that were brought up to date.
    pub(super) touched: u64,
    /// Another folder that could not be opened, so that copies in it are behind.
    pub(super) failed: Option<Error>,
}

/// Where the copies of one source folder are brought up to date.
#[derive(Debug)]
pub(super) struct Target<'a> {
    pub(super) desk: &'a Desk,
    /// The destination, with the folder selected; `None` when the folder is gone, so that nothing
    /// can be behind any more.
    pub(super) destination: Option<&'a Connection>,
    /// What the folder can store.
    pub(super) permanent: &'a PermanentFlags,
    /// The source folder and its UIDVALIDITY.
    pub(super) source: (&'a FolderKey, UidValidity),
    /// UIDVALIDITY of the destination folder.
    pub(super) validity: UidValidity,
    /// The folder, when it is not the one that the source folder is bound to.
    pub(super) elsewhere: Option<&'a FolderPath>,
    /// For sentences.
    pub(super) object: &'a Object,
}

impl Target<'_> {
    /// Applies the changes to the copies that are in this folder, grouped by equal change, and
    /// returns how many messages were touched.
    ///
    /// Folders of copies that are behind somewhere else go to `others`.
    pub(super) async fn bring_up_to_date(
        &self,
        others: &mut BTreeSet<FolderPath>,
    ) -> Result<u64, Stop> {
        let mut touched = 0;
        let mut from = Uid(1);
        let (key, validity) = self.source;
        while let Some(rows) = self.desk.page_for(key, validity, Need::Behind, &mut from).await? {
            self.desk.go_on()?;
            touched += self.page(rows, others).await?;
        }
        Ok(touched)
    }

    async fn page(
        &self,
        rows: Vec<MessageRow>,
        others: &mut BTreeSet<FolderPath>,
    ) -> Result<u64, Stop> {
        let mut groups: BTreeMap<Change, Vec<Uid>> = BTreeMap::new();
        let (mut tried, mut results) = (Vec::new(), Vec::new());
        for row in rows.into_iter().filter(is_behind) {
            let Some(copied) = row.copied else { continue };
            if copied.elsewhere.as_ref() != self.elsewhere {
                others.extend(copied.elsewhere);
                continue;
            }
            let Some(uid) = self.place(&copied) else {
                // The folder that its user moved it to is another one now: nobody knows where it is,
                // and nothing can follow it any more.
                if copied.elsewhere.is_some() && copied.destination.is_some() {
                    let source_flags = row.listed.flags;
                    let copied = Copied { source_flags, tried_flags: None, ..copied };
                    results.push((row.listed.uid, row.state, Some(copied)));
                }
                continue;
            };
            let (add, remove) = change(&copied, &row.listed.flags, self.permanent);
            groups.entry(words(&add, &remove)).or_default().push(uid);
            let stored_flags = match self.destination {
                Some(_) => copied.stored_flags.minus(&remove).plus(&add),
                None => copied.stored_flags.clone(),
            };
            let (at, now) = (row.listed.uid, row.listed.flags);
            let intent = intent(&copied, &now);
            tried.push((at, row.state.clone(), Some(intent)));
            let copied = Copied { stored_flags, source_flags: now, tried_flags: None, ..copied };
            results.push((at, row.state, Some(copied)));
        }
        let touched = tried.len() as u64;
        if !results.is_empty() {
            let (key, validity) = (self.source.0.clone(), self.source.1);
            if let Some(destination) = self.destination.filter(|_| touched > 0) {
                // Without it, a flag that goes away at the source before its STORE is recorded would
                // stay at the destination for ever.
                let to = key.clone();
                self.desk
                    .ledger(move |ledger| ledger.settle_durably(&to, validity, &tried))
                    .await?;
                store(destination, &groups, self.object).await?;
            }
            self.desk.ledger(move |ledger| ledger.settle(&key, validity, &results)).await?;
        }
        Ok(touched)
    }
}

/// Returns what a copy stands for while nobody knows whether a STORE was done.
fn intent(copied: &Copied, now: &Flags) -> Copied {
    let was = &copied.source_flags;
    let most = copied.tried_flags.as_ref().unwrap_or(was).plus(now);
    let least = was.minus(&was.minus(now));
    Copied { source_flags: least, tried_flags: Some(most), ..copied.clone() }
}

impl Target<'_> {
    /// Where a copy is in this folder; any place will do when the folder is gone.
    fn place(&self, copied: &Copied) -> Option<Uid> {
        match (self.destination, copied.destination) {
            (Some(_), Some((at, uid))) if at == self.validity => Some(uid),
            (Some(_), _) => None,
            (None, place) => Some(place.map_or(Uid(0), |(_, uid)| uid)),
        }
    }
}

/// Tells whether flags changed at the source since the copy.
fn is_behind(row: &MessageRow) -> bool {
    let settled = matches!(row.state, MessageState::Acknowledged | MessageState::Verified);
    let changed = row.copied.as_ref().is_some_and(|copied| {
        copied.source_flags != row.listed.flags || copied.tried_flags.is_some()
    });
    settled && changed && !row.vanished
}

impl FolderCopy<'_> {
    /// Brings the flags of all copies of the source folder up to date, wherever they are.
    ///
    /// A folder that its user moved copies into and that refuses to be opened keeps nothing else
    /// back: its copies stay behind, and the failure is told at the end.
    pub(super) async fn flags(&self, open: &Open<'_>) -> Result<FlagsDone, Stop> {
        let (key, object) = (self.source_key(), self.destination_object());
        let source = (&key, open.from.uid_validity);
        let mut others = BTreeSet::new();
        let here = Target {
            desk: self.desk,
            destination: Some(&open.destination.connection),
            permanent: &open.to.permanent_flags,
            source,
            validity: open.to.uid_validity,
            elsewhere: None,
            object: &object,
        };
        let mut touched = here.bring_up_to_date(&mut others).await?;
        let mut failed = None;
        for folder in others {
            let object = Object::folder("destination", &self.mailbox.destination, &folder);
            let name = match open.destination.name(&folder) {
                Ok(name) => name,
                Err(error) => {
                    failed.get_or_insert(error);
                    continue;
                }
            };
            let Some(name) = name else {
                // It has no copy that could be behind; `verify` tells what became of it.
                let gone =
                    Target { destination: None, elsewhere: Some(&folder), object: &object, ..here };
                gone.bring_up_to_date(&mut BTreeSet::new()).await?;
                continue;
            };
            let selected = match open.destination.connection.select(name).await {
                Ok(selected) => selected,
                Err(error) => match Stop::from_imap(&error, &object) {
                    Stop::Failed(error) => {
                        failed.get_or_insert(error);
                        // A refused SELECT leaves no folder selected, RFC 3501 section 6.3.1.
                        self.select_again(open).await?;
                        continue;
                    }
                    stop => return Err(stop),
                },
            };
            let permanent = open.target.profile.permanent(&selected.permanent_flags);
            let there = Target {
                permanent: &permanent,
                validity: selected.uid_validity,
                elsewhere: Some(&folder),
                object: &object,
                ..here
            };
            touched += there.bring_up_to_date(&mut BTreeSet::new()).await?;
            self.select_again(open).await?;
        }
        Ok(FlagsDone { touched, failed })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::digest::Digest;

    fn copied(source: &[&str], stored: &[&str]) -> Copied {
        Copied {
            destination: None,
            source_digest: Digest([0; 32]),
            sent_digest: Digest([0; 32]),
            size: 1,
            stored_flags: Flags::from_words(stored),
            source_flags: Flags::from_words(source),
            tried_flags: None,
            internal_date: None,
            transforms: Vec::new(),
            adopted: false,
            found: false,
            elsewhere: None,
        }
    }

    #[test]
    fn only_what_changed_at_the_source_is_changed_and_deleted_never() {
        let permanent = PermanentFlags {
            flags: Flags::from_words(["\\Seen", "\\Flagged", "\\Deleted"]),
            any_keyword: false,
        };
        let before = copied(&["\\Flagged", "old"], &["\\Flagged"]);
        let now = Flags::from_words(["\\Seen", "\\Deleted", "new"]);
        let (add, remove) = change(&before, &now, &permanent);
        assert_eq!(add.to_string(), "\\Seen");
        assert_eq!(remove.to_string(), "\\Flagged");
    }

    #[test]
    fn whatever_an_interrupted_store_did_the_next_one_makes_it_right() {
        let permanent = PermanentFlags {
            flags: Flags::from_words(["\\Seen", "\\Flagged", "\\Answered"]),
            any_keyword: false,
        };
        let all = ["\\Seen", "\\Flagged", "\\Answered"];
        let some = |bits: u32| {
            Flags::from_words(
                all.iter().enumerate().filter(|(at, _)| bits & (1 << at) != 0).map(|(_, it)| *it),
            )
        };
        // Up to two of them are interrupted, each before or after it was done.
        for bits in 0..8_u32.pow(4) * 4 {
            let at = |place: u32| some(bits / 8_u32.pow(place) % 8);
            let mut there = at(0);
            let mut known = Copied { source_flags: at(0), ..copied(&[], &[]) };
            for (now, done) in [(at(1), bits & 4096 != 0), (at(2), bits & 8192 != 0)] {
                let (add, remove) = change(&known, &now, &permanent);
                known = intent(&known, &now);
                if done {
                    there = there.minus(&remove).plus(&add);
                }
            }
            let (add, remove) = change(&known, &at(3), &permanent);
            assert_eq!(there.minus(&remove).plus(&add), at(3), "{bits}");
        }
    }
}
