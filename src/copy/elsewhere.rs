//! Looks for messages whose APPEND was never answered in the other folders of the destination
//! mailbox, into which their user may have moved them.

use crate::catalogue::Object;
use crate::copy::doubts::is_doubted;
use crate::copy::folder::{FolderCopy, Open};
use crate::copy::landmarks;
use crate::copy::lines;
use crate::copy::recovery::{Brought, Search, Sources};
use crate::copy::roll::Roll;
use crate::copy::stop::Stop;
use crate::error::{Class, Error, ErrorKind};
use crate::model::folder::{FolderPath, RawName};
use crate::model::uid::{Uid, UidValidity};
use crate::model::words;
use crate::ports::ledger::{FolderKey, MessageRow, MessageState, Need};
use std::collections::BTreeMap;
use std::time::Duration;

/// The part of a folder in which a message of ours may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// Nothing came since.
    Nothing,
    /// From this UID on, under this UIDVALIDITY; from UID 0 on when nothing says which part of it
    /// is older than what we sent.
    From((UidValidity, Uid)),
    /// It cannot be told, because the folder cannot be read now.
    Unknown,
}

/// Returns where in a folder something of ours may be, by its landmark and where it stands now.
pub(super) fn part(
    landmarks: &BTreeMap<FolderPath, (UidValidity, Uid)>,
    folder: &FolderPath,
    now: Option<(UidValidity, Uid)>,
) -> Part {
    let Some((validity, uid_next)) = now else { return Part::Unknown };
    let from = match landmarks.get(folder) {
        Some((was, from)) if *was == validity => *from,
        // Landmarks of the others tell that it was made since.
        None if !landmarks.is_empty() => Uid(1),
        // It is another one now, or could not be read then: nothing ever will say.
        _ => Uid(0),
    };
    if uid_next <= from.max(Uid(1)) { Part::Nothing } else { Part::From((validity, from)) }
}

impl FolderCopy<'_> {
    /// Looks for what is not in its own folder; returns how many were found. What is in none is
    /// pending and may be sent. When a folder could not be read, all that was not found is unclear,
    /// the checkpoint stays open and the copy fails: a later one looks again.
    pub(super) async fn look_elsewhere(
        &self,
        open: &Open<'_>,
        sources: &Sources,
    ) -> Result<u64, Stop> {
        if !self.any_left(sources).await? {
            return Ok(0);
        }
        let mailbox = self.mailbox.destination.clone();
        let known = self.desk.ledger(move |ledger| ledger.landmarks(&mailbox)).await?;
        let now =
            landmarks::positions(self.desk, open.destination, &self.mailbox.destination).await?;
        let mut found = 0;
        let mut unread: Vec<String> = Vec::new();
        let mut away = false;
        for (folder, position) in now.iter().filter(|(folder, _)| *folder != self.destination) {
            let name = match open.destination.name(folder) {
                Ok(Some(name)) => name,
                Ok(None) => continue,
                Err(error) => {
                    unread.push(format!("{folder} ({error})"));
                    continue;
                }
            };
            match part(&known, folder, *position) {
                Part::Nothing => {}
                Part::Unknown => unread.push(folder.to_string()),
                Part::From(at) => {
                    away = true;
                    match self.look_into(open, sources, folder, name, at, None, false).await {
                        Ok(there) => found += there,
                        Err(Stop::Failed(error)) if error.class != Class::Ledger => {
                            unread.push(format!("{folder} ({error})"));
                        }
                        Err(stop) => return Err(stop),
                    }
                }
            }
        }
        if away {
            self.select_again(open).await?;
        }
        if unread.is_empty() {
            self.mark(sources, &MessageState::Pending).await?;
            return Ok(found);
        }
        let folders = unread.join(", ");
        let reason = format!("it may be in a folder that could not be read: {folders}");
        let count = self.mark(sources, &MessageState::Unclear(reason)).await?;
        if count == 0 && !self.unread.doubts() {
            return Ok(found);
        }
        let what = match count {
            0 => "what could not be compared is".to_owned(),
            1 => "1 message is".to_owned(),
            _ => format!("{} are", words::messages(count)),
        };
        Err(Stop::Failed(self.may_be_in(&folders, &what)))
    }

    fn may_be_in(&self, folders: &str, what: &str) -> Error {
        Error::new(
            ErrorKind::Failed,
            "E241",
            format!(
                "{}: {what} unclear, perhaps sent by an interrupted run, and perhaps in a folder that could not be read: {folders}",
                self.destination_object(),
            ),
        )
        .hint("Make these folders readable, or delete them when they are not needed; then apply again. Nothing is sent to this folder before that is known.")
    }

    /// Finds out about messages that were unclear because their source folder was gone, and that
    /// are there again: what is not in the destination folder is to be sent.
    pub(super) async fn clear(&self, open: &Open<'_>) -> Result<u64, Stop> {
        let sources = vec![(self.source_key(), open.source_name.clone(), open.from.uid_validity)];
        let found = self.search(open, sources.clone(), Uid(1), None, Brought::Ever).run().await?;
        self.mark(&sources, &MessageState::Pending).await?;
        Ok(found)
    }

    /// Looks for what is new in this source folder in those destination folders to which an
    /// interrupted run may have sent it: out of a folder that was renamed since, or before it was
    /// moved here.
    pub(super) async fn look_into_orphans(
        &self,
        open: &Open<'_>,
        roll: &mut Roll,
    ) -> Result<u64, Stop> {
        let sources = vec![(self.source_key(), open.source_name.clone(), open.from.uid_validity)];
        let orphans = roll.orphans();
        if orphans.folders().is_empty() || !self.any_left(&sources).await? {
            orphans.looked_for(self.source);
            return Ok(0);
        }
        let mut found = 0;
        for (folder, (validity, from)) in orphans.folders().clone() {
            let entry = open.destination.entry(&folder).map_err(|error| {
                let folders = format!("{folder} ({error})");
                Stop::Failed(self.may_be_in(&folders, "what is new at the source is"))
            })?;
            // One that holds no messages any more is like one that is gone.
            let selectable = entry.filter(|entry| lines::selectable(entry));
            let Some(name) =
                selectable.map(|entry| &entry.name).filter(|_| folder != *self.destination)
            else {
                continue;
            };
            let mailbox = self.mailbox.destination.clone();
            let key = FolderKey { mailbox, folder: folder.clone() };
            let still = orphans.is_still(&folder);
            let quiet = if still { None } else { Some(self.quiet(&key).await?) };
            let at = (validity, from);
            found += match self.look_into(open, &sources, &folder, name, at, quiet, true).await {
                Err(Stop::Failed(error)) if error.class != Class::Ledger => {
                    let folders = format!("{folder} ({error})");
                    return Err(Stop::Failed(
                        self.may_be_in(&folders, "what is new at the source is"),
                    ));
                }
                found => found?,
            };
            orphans.stands_still(&folder);
        }
        orphans.looked_for(self.source);
        self.select_again(open).await?;
        Ok(found)
    }

    #[allow(
        clippy::too_many_arguments,
        reason = "where to look, from where on, how long and for what"
    )]
    async fn look_into(
        &self,
        open: &Open<'_>,
        sources: &Sources,
        folder: &FolderPath,
        name: &RawName,
        (validity, from): (UidValidity, Uid),
        quiet: Option<Duration>,
        renamed: bool,
    ) -> Result<u64, Stop> {
        let mailbox = &self.mailbox.destination;
        let object = Object::folder("destination", mailbox, folder);
        let failed = |error| Stop::from_imap(&error, &object);
        let selected = open.destination.connection.examine(name).await.map_err(failed)?;
        let key = FolderKey { mailbox: mailbox.clone(), folder: folder.clone() };
        // Under another UIDVALIDITY it may be anywhere.
        let from = if selected.uid_validity == validity { from } else { Uid(0) };
        Search {
            desk: self.desk,
            source: open.source,
            destination: open.destination,
            folder: &key,
            validity: selected.uid_validity,
            permanent: &open.to.permanent_flags,
            target: &open.target,
            unread: &self.unread,
            sources: sources.clone(),
            from,
            quiet,
            brought: Brought::Since(self.desk.clock.now()),
            elsewhere: true,
            renamed,
        }
        .run()
        .await
    }

    /// Tells whether there is a message of which it is not known whether it arrived.
    async fn any_left(&self, sources: &Sources) -> Result<bool, Stop> {
        for (key, _, validity) in sources {
            let mut from = Uid(1);
            while let Some(rows) =
                self.desk.page_for(key, *validity, Need::ToSend, &mut from).await?
            {
                if rows.iter().any(is_left) {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    /// Makes messages of which it is not known whether they arrived pending or unclear, and returns
    /// how many there are.
    async fn mark(&self, sources: &Sources, state: &MessageState) -> Result<u64, Stop> {
        let mut count = 0;
        for (key, _, validity) in sources {
            let (mut from, validity) = (Uid(1), *validity);
            while let Some(rows) =
                self.desk.page_for(key, validity, Need::ToSend, &mut from).await?
            {
                // What could not be compared stays unclear until a search in all of the folder.
                let left = rows.iter().filter(|row| is_left(row) && !is_doubted(row));
                let left: Vec<&MessageRow> = left.collect();
                count += left.len() as u64;
                let others = left.into_iter().filter(|row| row.state != *state);
                let results: Vec<_> =
                    others.map(|row| (row.listed.uid, state.clone(), None)).collect();
                if !results.is_empty() {
                    let key = key.clone();
                    self.desk.ledger(move |ledger| ledger.settle(&key, validity, &results)).await?;
                }
            }
        }
        Ok(count)
    }
}

/// Tells whether it is not known whether a message arrived.
fn is_left(row: &MessageRow) -> bool {
    !row.vanished && matches!(row.state, MessageState::Pending | MessageState::Unclear(_))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_looked_into_from_its_landmark_on_and_as_a_whole_without_one() {
        let folder = |name: &str| -> FolderPath { name.parse().unwrap() };
        let (old, new) = (folder("Old"), folder("New"));
        let landmarks = BTreeMap::from([
            (old.clone(), (UidValidity(7), Uid(5))),
            (folder("Shut"), (UidValidity(0), Uid(0))),
        ]);
        let at = |validity, next| Some((UidValidity(validity), Uid(next)));
        let from = |validity, uid| Part::From((UidValidity(validity), Uid(uid)));
        assert_eq!(part(&landmarks, &old, at(7, 5)), Part::Nothing);
        assert_eq!(part(&landmarks, &old, at(7, 6)), from(7, 5));
        assert_eq!(part(&landmarks, &old, at(8, 6)), from(8, 0), "another folder");
        assert_eq!(part(&landmarks, &old, None), Part::Unknown);
        assert_eq!(part(&landmarks, &folder("Shut"), at(7, 6)), from(7, 0), "unread");
        assert_eq!(part(&landmarks, &new, at(7, 1)), Part::Nothing, "it is empty");
        assert_eq!(part(&landmarks, &new, at(7, 2)), from(7, 1), "made since");
        assert_eq!(part(&BTreeMap::new(), &new, at(7, 2)), from(7, 0), "never recorded");
    }
}
