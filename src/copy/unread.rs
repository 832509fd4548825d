//! Reads bodies of both sides for their digests, around those that a server lists and does not
//! give: one bad message keeps no other back.

use crate::catalogue::{self, Object};
use crate::copy::bodies::{Digester, Read};
use crate::copy::memory::Memory;
use crate::copy::reasons;
use crate::copy::stop::Stop;
use crate::error::{Class, Retry};
use crate::imap::{Bodies, Connection, ImapError, RowQuery, Rows, SequenceSet, SourceConnection};
use crate::model::folder::FolderPath;
use crate::model::uid::Uid;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// So many messages of one folder are not what is wrong: that is the server. It bounds the memory
/// for their reasons as well.
const MOST: usize = 1_000;

/// Who gives bodies: a connection with the folder opened.
#[derive(Clone, Copy, Debug)]
pub(super) enum Giver<'a> {
    Source(&'a SourceConnection),
    Destination(&'a Connection),
}

impl Giver<'_> {
    async fn bodies(self, uids: &[Uid]) -> Result<Bodies, ImapError> {
        let set = SequenceSet::from_uids(uids.iter().copied());
        match self {
            Self::Source(connection) => connection.fetch_bodies(&set).await,
            Self::Destination(connection) => connection.fetch_bodies(&set).await,
        }
    }

    async fn rows(self, uids: &BTreeSet<Uid>) -> Result<Rows, ImapError> {
        let set = SequenceSet::from_uids(uids.iter().copied());
        let query = RowQuery { flags: true, ..RowQuery::default() };
        match self {
            Self::Source(connection) => connection.fetch_rows(&set, query).await,
            Self::Destination(connection) => connection.fetch_rows(&set, query).await,
        }
    }

    fn is_worn(self) -> bool {
        match self {
            Self::Source(connection) => connection.is_worn(),
            Self::Destination(connection) => connection.is_worn(),
        }
    }

    fn place(self, folder: &FolderPath) -> Place {
        (matches!(self, Self::Destination(_)), folder.clone())
    }
}

/// A folder, with whether it is at the destination.
type Place = (bool, FolderPath);

/// What is known of the messages of one folder that are not given.
#[derive(Debug, Default)]
struct Known {
    memory: Memory,
    /// Why each of them cannot be read.
    reasons: BTreeMap<Uid, String>,
}

#[derive(Debug, Default)]
struct State {
    places: BTreeMap<Place, Known>,
    /// Messages that were excepted since they were last asked for.
    stayed: u64,
    doubts: bool,
}

/// What the copy of a folder remembers of messages that cannot be read, from one pass, and one pair
/// of connections, to the next: none of them is asked for twice.
#[derive(Debug, Default)]
pub struct Unread(Mutex<State>);

impl Unread {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns a number that grows when a message is suspected or given up: that is getting on.
    pub(super) fn steps(&self) -> usize {
        self.state().places.values().map(|known| known.memory.steps() + known.reasons.len()).sum()
    }

    /// Notes whether messages of the destination folder are in doubt.
    pub(super) fn doubt(&self, doubts: bool) {
        self.state().doubts = doubts;
    }

    pub(super) fn doubts(&self) -> bool {
        self.state().doubts
    }

    /// Counts messages that stay behind.
    pub(super) fn stay(&self, messages: u64) {
        self.state().stayed += messages;
    }

    /// Returns how many messages stayed behind since it was asked last.
    pub(super) fn stayed(&self) -> u64 {
        std::mem::take(&mut self.state().stayed)
    }

    /// Reads bodies, each as far as the server gives it, and returns those that it lists and does
    /// not give, with why. What is not there any more is in neither.
    pub(super) async fn read(
        &self,
        giver: Giver<'_>,
        folder: &FolderPath,
        object: &Object,
        uids: &[Uid],
        digester: impl Fn(Bodies) -> Digester,
        mut take: impl FnMut(Read),
    ) -> Result<BTreeMap<Uid, String>, Stop> {
        let place = giver.place(folder);
        let failed = |error: ImapError| Stop::from_imap(&error, object);
        let (mut batches, mut lacking) = self.batches(&place, uids);
        while let Some(batch) = batches.pop_front() {
            if giver.is_worn() {
                return Err(worn(object));
            }
            let mut left: BTreeSet<Uid> = batch.iter().copied().collect();
            let mut digester = digester(giver.bodies(&batch).await.map_err(failed)?);
            let ended = loop {
                match digester.next().await {
                    Ok(Some(read)) => {
                        if left.remove(&read.uid) {
                            self.went_through(&place);
                            take(read);
                        }
                    }
                    Ok(None) => break Ok(()),
                    Err(error) => break Err(error),
                }
            };
            match ended {
                Ok(()) => lacking.extend(left),
                Err(error) if batch.len() == 1 => {
                    self.alone(&place, &left, &error, object)?;
                    lacking.extend(left);
                }
                Err(error) => {
                    self.among_others(&place, &left, &error, object)?;
                    left.into_iter().rev().for_each(|uid| batches.push_front(vec![uid]));
                }
            }
        }
        self.still_there(giver, &place, object, &lacking).await
    }

    /// Parts messages into what one command asks for; the second value are those that are known to
    /// be unreadable.
    fn batches(&self, place: &Place, uids: &[Uid]) -> (VecDeque<Vec<Uid>>, BTreeSet<Uid>) {
        let mut state = self.state();
        let known = state.places.entry(place.clone()).or_default();
        let (lacking, asked): (BTreeSet<Uid>, BTreeSet<Uid>) =
            uids.iter().partition(|uid| known.reasons.contains_key(uid));
        let (apart, together): (Vec<Uid>, Vec<Uid>) =
            asked.into_iter().partition(|uid| known.memory.apart.contains(uid));
        let apart = apart.into_iter().map(|uid| vec![uid]);
        let batches = Some(together).filter(|uids| !uids.is_empty()).into_iter().chain(apart);
        (batches.collect(), lacking)
    }

    fn went_through(&self, place: &Place) {
        if let Some(known) = self.state().places.get_mut(place) {
            known.memory.went_through(1);
        }
    }

    /// Deals with a FETCH of several messages that ended in an error; it fails unless the error is
    /// about one of them.
    fn among_others(
        &self,
        place: &Place,
        left: &BTreeSet<Uid>,
        error: &ImapError,
        object: &Object,
    ) -> Result<(), Stop> {
        if fells(error) {
            let outstanding: Vec<Uid> = left.iter().copied().collect();
            let mut state = self.state();
            let known = state.places.entry(place.clone()).or_default();
            if let Some(uid) = known.memory.fell(&outstanding) {
                known.reasons.insert(uid, words(error));
            }
        }
        if is_of_messages(error) { Ok(()) } else { Err(Stop::from_imap(error, object)) }
    }

    /// Deals with a FETCH of one message that ended in an error.
    fn alone(
        &self,
        place: &Place,
        left: &BTreeSet<Uid>,
        error: &ImapError,
        object: &Object,
    ) -> Result<(), Stop> {
        self.among_others(place, left, error, object)?;
        let mut state = self.state();
        let known = state.places.entry(place.clone()).or_default();
        if known.memory.gives_nothing() || known.reasons.len() >= MOST {
            return Err(Stop::Failed(catalogue::imap(error, object).hint(
                "So many messages could not be read that it is the server and not they: look at it, then run the same command again.",
            )));
        }
        known.reasons.extend(left.iter().map(|uid| (*uid, words(error))));
        Ok(())
    }

    /// Returns those messages without a body that are still listed: what the server shows and does
    /// not give may be what is looked for.
    async fn still_there(
        &self,
        giver: Giver<'_>,
        place: &Place,
        object: &Object,
        lacking: &BTreeSet<Uid>,
    ) -> Result<BTreeMap<Uid, String>, Stop> {
        if lacking.is_empty() {
            return Ok(BTreeMap::new());
        }
        let failed = |error: ImapError| Stop::from_imap(&error, object);
        let mut there = BTreeMap::new();
        let mut rows = giver.rows(lacking).await.map_err(failed)?;
        while let Some(row) = rows.next().await.map_err(failed)? {
            let state = self.state();
            let known = state.places.get(place).and_then(|known| known.reasons.get(&row.uid));
            let reason = known.map_or_else(reasons::no_body, |words| reasons::unreadable(words));
            there.insert(row.uid, reason);
        }
        Ok(there)
    }
}

/// Tells whether the error of a FETCH of bodies is about messages, so that the others can be asked
/// for on the same connection.
pub(super) fn is_of_messages(error: &ImapError) -> bool {
    let of_messages =
        matches!(catalogue::class(error), Class::Message | Class::Folder | Class::Bug);
    matches!(error, ImapError::Unreadable { .. }) || (error.is_answer() && of_messages)
}

/// Tells whether an error is one with which servers end at a message that they cannot read: Dovecot
/// closes the connection, or says SERVERBUG.
pub(super) fn fells(error: &ImapError) -> bool {
    let bug = error.is_answer() && error.response_code().as_deref() == Some("SERVERBUG");
    error.loses_connection() || bug
}

fn words(error: &ImapError) -> String {
    error.words().unwrap_or_else(|| error.to_string())
}

/// Asks for fresh connections at once.
fn worn(object: &Object) -> Stop {
    let error = ImapError::Closed {
        command: "UID FETCH",
        bye: None,
        reason: Some("it saw refusals, and a fresh one takes its place".to_owned()),
    };
    Stop::Again(catalogue::imap(&error, object).retry(Retry::AtOnce))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_that_ends_says_nothing_about_messages() {
        assert!(!is_of_messages(&ImapError::Interrupted));
        let what = "a record".to_owned();
        assert!(is_of_messages(&ImapError::Unreadable { command: "UID FETCH", what, words: None }));
    }
}
