//! Recognises messages that moved at the source, or that have new UIDs there: they are not copied
//! a second time.

use crate::catalogue::Object;
use crate::copy::bodies::{Digester, Read};
use crate::copy::desk::Desk;
use crate::copy::folder::{FolderCopy, Open, same_validity};
use crate::copy::lines::Line;
use crate::copy::pairs::{Pair, pairs};
use crate::copy::stop::Stop;
use crate::copy::tally::Tally;
use crate::copy::there::{BATCH, those_there};
use crate::copy::unread::Giver;
use crate::error::{Class, Error, ErrorKind, Retry};
use crate::executor::event::Event;
use crate::imap::{Connection, SequenceSet};
use crate::model::address::Address;
use crate::model::digest::Digest;
use crate::model::flags::Flags;
use crate::model::folder::FolderPath;
use crate::model::uid::{Uid, UidValidity};
use crate::ports::ledger::{
    Copied, FolderKey, Listed, Look, MessageRow, MessageState, Need, Stray,
};
use std::collections::{BTreeMap, BTreeSet};

/// Strays in memory at once: twice the rows of a page, so that a page whose messages all have
/// twins is dealt with in one go. What is beyond comes in the next round.
const MOST: usize = 4_000;

impl FolderCopy<'_> {
    /// Gives pending messages the copies of messages that vanished elsewhere at the source and are
    /// equal to the last octet.
    pub(super) async fn take_over(&self, open: &Open<'_>, tally: &mut Tally) -> Result<(), Stop> {
        let (key, validity) = (self.source_key(), open.from.uid_validity);
        let mut from = Uid(1);
        let mut unclear = false;
        while let Some(rows) = self.desk.page_for(&key, validity, Need::ToSend, &mut from).await? {
            unclear |= rows.iter().any(|row| matches!(row.state, MessageState::Unclear(_)));
            let pending: BTreeMap<Uid, MessageRow> = rows
                .into_iter()
                .filter(|row| row.state == MessageState::Pending)
                .map(|row| (row.listed.uid, row))
                .collect();
            if !pending.is_empty() {
                self.page_of_strays(open, pending, tally).await?;
            }
        }
        if unclear {
            tally.found += self.clear(open).await?;
        }
        Ok(())
    }

    async fn page_of_strays(
        &self,
        open: &Open<'_>,
        mut pending: BTreeMap<Uid, MessageRow>,
        tally: &mut Tally,
    ) -> Result<(), Stop> {
        let mut digests = BTreeMap::new();
        loop {
            self.desk.go_on()?;
            let looks: BTreeSet<Look> = pending.values().map(|row| Look::of(&row.listed)).collect();
            let mailbox = self.mailbox.source.clone();
            let strays =
                self.desk.ledger(move |ledger| ledger.strays(&mailbox, &looks, MOST)).await?;
            let more = strays.len() == MOST;
            let (here, others) = self.sorted(strays, open.to.uid_validity);
            self.read(open, &pending, here.iter().chain(&others), &mut digests).await?;
            let here = self.still_there(open, &digests, here).await?;
            let before = pending.len();
            // A copy that is where it belongs comes before one that has to be moved there.
            let here = pairs(&mut pending, &digests, here);
            tally.moved += self.here(open, here).await?;
            let mut folders: BTreeMap<FolderPath, Vec<Pair>> = BTreeMap::new();
            for (row, stray) in pairs(&mut pending, &digests, others) {
                folders.entry(stray.destination.folder.clone()).or_default().push((row, stray));
            }
            let away = !folders.is_empty();
            for (folder, pairs) in folders {
                tally.moved += self.in_another(open, &folder, pairs).await?;
            }
            if away {
                self.select_again(open).await?;
            }
            if !more || pending.len() == before {
                return Ok(());
            }
        }
    }

    /// Parts strays into those whose copies are in the folder that this one goes to, and others.
    /// One whose copy was in a folder that is not there any more stands for nothing.
    fn sorted(&self, strays: Vec<Stray>, now: UidValidity) -> (Vec<Stray>, Vec<Stray>) {
        let (here, others): (Vec<_>, Vec<_>) = strays
            .into_iter()
            .filter(|stray| stray.destination.mailbox == self.mailbox.destination)
            .partition(|stray| stray.destination.folder == *self.destination);
        let still = |stray: &Stray| place(stray).is_none_or(|(validity, _)| validity == now);
        (here.into_iter().filter(still).collect(), others)
    }

    /// Keeps those strays of equal octets whose copies are in this folder as they were sent. What its
    /// user moved or removed stands for nothing: a message that was given it would be lost.
    async fn still_there(
        &self,
        open: &Open<'_>,
        digests: &BTreeMap<Uid, Digest>,
        mut strays: Vec<Stray>,
    ) -> Result<Vec<Stray>, Stop> {
        let wanted: BTreeSet<Digest> = digests.values().copied().collect();
        strays.retain(|stray| {
            stray.row.copied.as_ref().is_some_and(|was| wanted.contains(&was.source_digest))
        });
        let uids: Vec<Uid> = strays.iter().filter_map(place).map(|(_, uid)| uid).collect();
        if uids.is_empty() {
            return Ok(strays);
        }
        let (connection, object) = (&open.destination.connection, self.destination_object());
        let failed = |error| Stop::from_imap(&error, &object);
        // What others removed leaves a session between commands.
        connection.noop().await.map_err(failed)?;
        let there = those_there(connection, uids).await.map_err(failed)?;
        strays.retain(|stray| match place(stray) {
            // The server never said where it is; that it took it is sure.
            None => true,
            Some((_, uid)) => there.get(&uid).is_some_and(|there| is_as_sent(open, stray, there)),
        });
        Ok(strays)
    }

    /// Reads the pending messages that look like a stray, once each, for their digests.
    async fn read<'s>(
        &self,
        open: &Open<'_>,
        pending: &BTreeMap<Uid, MessageRow>,
        strays: impl Iterator<Item = &'s Stray>,
        digests: &mut BTreeMap<Uid, Digest>,
    ) -> Result<(), Stop> {
        let looks: BTreeSet<Look> = strays.map(|stray| Look::of(&stray.row.listed)).collect();
        let worth: Vec<Uid> = pending
            .iter()
            .filter(|(uid, row)| {
                !digests.contains_key(uid) && Look::of(&row.listed).is_among(&looks)
            })
            .map(|(uid, _)| *uid)
            .collect();
        let (object, giver) = (self.source_object(), Giver::Source(&open.source.connection));
        for batch in worth.chunks(200) {
            self.desk.go_on()?;
            let digester = |bodies| Digester::new(bodies, &[]);
            let take = |read: Read| {
                digests.insert(read.uid, read.digest);
            };
            let unread =
                self.unread.read(giver, self.source, &object, batch, digester, take).await?;
            // It may be the one whose copy is there: it is not sent in this run.
            self.stay_unread(open, unread).await?;
        }
        Ok(())
    }

    /// The copies are where they belong: the messages have new UIDs, or another folder at the
    /// source goes to the same place.
    async fn here(&self, open: &Open<'_>, pairs: Vec<Pair>) -> Result<u64, Stop> {
        let mut given = Vec::new();
        for (row, stray) in pairs {
            let Some(copied) = stray.row.copied.clone() else { continue };
            given.push((stray, row.listed.uid, Copied { elsewhere: None, ..copied }));
        }
        self.give(open, given).await
    }

    /// The copies are in another folder of the destination. One that is not there any more stands
    /// for nothing: its message is copied.
    async fn in_another(
        &self,
        open: &Open<'_>,
        folder: &FolderPath,
        pairs: Vec<Pair>,
    ) -> Result<u64, Stop> {
        let object = Object::folder("destination", &self.mailbox.destination, folder);
        let name = match open.destination.name(folder) {
            Ok(Some(name)) => name,
            Ok(None) => return Ok(0),
            Err(error) => {
                self.cannot_follow(&object, &error);
                return Ok(0);
            }
        };
        let connection = &open.destination.connection;
        let failed = |error| Stop::from_imap(&error, &object);
        let follow = self.desk.policy.follow_moves && connection.can_move();
        let opened =
            if follow { connection.select(name).await } else { connection.examine(name).await };
        let selected = match opened.map_err(failed) {
            Ok(selected) => selected,
            Err(Stop::Failed(error)) if error.class != Class::Ledger => {
                self.cannot_follow(&object, &error);
                return Ok(0);
            }
            Err(stop) => return Err(stop),
        };
        let uids = pairs.iter().filter_map(|(_, stray)| place(stray));
        let uids = uids.filter(|(at, _)| *at == selected.uid_validity).map(|(_, uid)| uid);
        let there = those_there(connection, uids).await.map_err(failed)?;
        let (mut stay, mut go) = (Vec::new(), Vec::new());
        for (row, stray) in pairs {
            let Some(copied) = stray.row.copied.clone() else { continue };
            let movable = match copied.destination {
                // The server never said where it is; that it took it is sure.
                None => false,
                Some((at, uid)) => {
                    let there = there.get(&uid).filter(|_| at == selected.uid_validity);
                    let Some(there) = there.filter(|there| is_as_sent(open, &stray, there)) else {
                        continue;
                    };
                    follow && !selected.read_only && ours_unchanged(&copied, &there.flags)
                }
            };
            let given = (stray, row.listed.uid, copied);
            if movable { go.push(given) } else { stay.push(given) }
        }
        let mut count = 0;
        while !go.is_empty() {
            // A kill leaves no more to be found by digest.
            let batch = go.split_off(go.len().saturating_sub(BATCH));
            count += self.follow(open, &object, batch, &mut stay).await?;
        }
        for (_, _, copied) in &mut stay {
            copied.elsewhere = Some(folder.clone());
        }
        Ok(count + self.give(open, stay).await?)
    }

    fn cannot_follow(&self, object: &Object, error: &Error) {
        let message = format!(
            "{object} cannot be opened, so what moved at the source out of it is copied again: {error}"
        );
        self.desk.tell(&Event::Notice { message });
    }

    /// Moves copies into this folder. The checkpoint is open before, so that after a kill they are
    /// found here by their digests; those that stay where they were go to `stay`.
    async fn follow(
        &self,
        open: &Open<'_>,
        object: &Object,
        batch: Vec<(Stray, Uid, Copied)>,
        stay: &mut Vec<(Stray, Uid, Copied)>,
    ) -> Result<u64, Stop> {
        let connection = &open.destination.connection;
        let failed = |error| Stop::from_imap(&error, object);
        self.checkpoint(open).await?;
        let uids: Vec<Uid> = batch.iter().filter_map(|(stray, ..)| Some(place(stray)?.1)).collect();
        let set = SequenceSet::from_uids(uids.iter().copied());
        let places = match connection.uid_move(&set, open.destination_name).await {
            Ok(places) => places,
            Err(error) => {
                let answered = error.is_answer();
                match failed(error) {
                    Stop::Failed(error) => {
                        if answered {
                            self.tell_refused(object, uids.len(), &error);
                        }
                        // Whatever it did nevertheless is seen below.
                        BTreeMap::new()
                    }
                    // The checkpoint stays open: the next pass looks for what was moved.
                    stop => return Err(stop),
                }
            }
        };
        let unsaid = uids.iter().filter(|uid| !places.contains_key(uid)).copied();
        let still = those_there(connection, unsaid).await.map_err(failed)?;
        let (mut moved, mut lost) = (Vec::new(), false);
        for (stray, uid, mut copied) in batch {
            let Some((_, was)) = place(&stray) else { continue };
            match places.get(&was) {
                Some(now) if now.0 == open.to.uid_validity => {
                    copied.destination = Some(*now);
                    copied.elsewhere = None;
                    moved.push((stray, uid, copied));
                }
                None if still.contains_key(&was) => stay.push((stray, uid, copied)),
                _ => lost = true,
            }
        }
        let count = self.give(open, moved).await?;
        if lost {
            // The checkpoint stays open: the next pass finds them by digest.
            return Err(Stop::Again(
                Error::new(
                    ErrorKind::Failed,
                    "E242",
                    format!("{object}: messages were moved and the server did not say where to"),
                )
                .hint("They are looked for by digest; run the same command again.")
                .retry(Retry::Transient),
            ));
        }
        self.close_checkpoint().await?;
        Ok(count)
    }

    fn tell_refused(&self, object: &Object, count: usize, error: &Error) {
        let words = error.words.as_deref().unwrap_or(&error.message);
        let copies = if count == 1 { "copy stays" } else { "copies stay" };
        let message = format!(
            "{object}: {count} {copies} there although the message is in {} now, because the server refused to move it: {words}; move it with a mail program, or write `folders.moves: leave`",
            self.destination
        );
        self.desk.tell(&Event::Notice { message });
    }

    /// Records which message each copy stands for now.
    async fn give(
        &self,
        open: &Open<'_>,
        mut given: Vec<(Stray, Uid, Copied)>,
    ) -> Result<u64, Stop> {
        for (.., copied) in &mut given {
            copied.found = !copied.adopted;
        }
        let (key, validity, count) =
            (self.source_key(), open.from.uid_validity, given.len() as u64);
        let bytes = given.iter().map(|(.., copied)| copied.size).sum();
        self.desk
            .ledger(move |ledger| {
                given.iter().try_for_each(|(stray, uid, copied)| {
                    ledger.take_over(stray, &key, validity, *uid, copied)
                })
            })
            .await?;
        self.desk.progress.add(self.source, count, bytes, false);
        Ok(count)
    }

    /// Selects the destination folder again after another one was looked into.
    pub(super) async fn select_again(&self, open: &Open<'_>) -> Result<(), Stop> {
        let object = self.destination_object();
        let selected = open
            .destination
            .connection
            .select(open.destination_name)
            .await
            .map_err(|error| Stop::from_imap(&error, &object))?;
        same_validity(&object, open.to.uid_validity, selected.uid_validity)
    }
}

/// Returns the strays that look like these messages and whose copies are in another folder than
/// this one, and not there any more: a MOVE that nobody lived to record took them away. The second
/// value tells whether another folder is selected now.
pub(super) async fn vacated(
    desk: &Desk,
    destination: &Line<Connection>,
    source: &Address,
    folder: &FolderKey,
    messages: impl Iterator<Item = &Listed>,
) -> Result<(Vec<Stray>, bool), Stop> {
    let looks: BTreeSet<Look> = messages.map(Look::of).collect();
    let mailbox = source.clone();
    let strays = desk.ledger(move |ledger| ledger.strays(&mailbox, &looks, MOST)).await?;
    let mut folders: BTreeMap<FolderPath, Vec<Stray>> = BTreeMap::new();
    for stray in strays {
        let other = stray.destination.mailbox == folder.mailbox
            && stray.destination.folder != folder.folder
            && place(&stray).is_some();
        if other {
            folders.entry(stray.destination.folder.clone()).or_default().push(stray);
        }
    }
    let (mut vacated, mut away) = (Vec::new(), false);
    for (path, strays) in folders {
        // Whether the copies are still there is not known: they stay what they are.
        let Ok(name) = destination.name(&path) else { continue };
        let Some(name) = name else {
            vacated.extend(strays);
            continue;
        };
        let object = Object::folder("destination", &folder.mailbox, &path);
        let failed = |error| Stop::from_imap(&error, &object);
        let connection = &destination.connection;
        away = true;
        let selected = match connection.examine(name).await.map_err(failed) {
            Ok(selected) => selected,
            // Whether the copies are still there is not known: they stay what they are.
            Err(Stop::Failed(error)) if error.class != Class::Ledger => continue,
            Err(stop) => return Err(stop),
        };
        let at = |stray: &Stray| place(stray).filter(|(at, _)| *at == selected.uid_validity);
        let uids = strays.iter().filter_map(at).map(|(_, uid)| uid);
        let there = those_there(connection, uids).await.map_err(failed)?;
        vacated.extend(
            strays
                .into_iter()
                .filter(|stray| at(stray).is_none_or(|(_, uid)| !there.contains_key(&uid))),
        );
    }
    Ok((vacated, away))
}

fn place(stray: &Stray) -> Option<(UidValidity, Uid)> {
    stray.row.copied.as_ref()?.destination
}

/// Tells whether a copy was sent by us and nobody changed its flags since. What was there before
/// us is not ours to move or to remove.
pub(super) fn ours_unchanged(copied: &Copied, now: &Flags) -> bool {
    !copied.adopted && *now == copied.stored_flags
}

/// Tells whether a message has the size that was sent: a mailbox that was restored from a backup may
/// hold another one under this UID. A server that writes messages anew tells sizes of its own.
fn is_as_sent(open: &Open<'_>, stray: &Stray, there: &Listed) -> bool {
    let size = stray.row.copied.as_ref().map(|copied| copied.size);
    open.target.profile.rewrites || size == Some(there.size)
}

#[cfg(test)]
#[path = "strays_tests.rs"]
mod tests;
