//! Mistakes at the ports of the engine, to show that the harness finds them: what the ledger and
//! the network hand on is changed, the engine itself is as it is.

use crate::extras::is_named;
use crate::network::Plug;
use mailferry::model::folder::FolderPath;
use mailferry::model::uid::{Uid, UidValidity};
use mailferry::ports::ledger::{Checkpoint, Copied, Listed, MessageState};
use mailferry::verify::evidence::Evidence;
use std::collections::BTreeMap;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// One mistake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mutant {
    /// A recovery does not wait until the folder stands still.
    NoQuiet,
    /// One acknowledgement of a group is forgotten.
    AckForgotten,
    /// Two answers of a group change their UIDs.
    AckUidsSwapped,
    /// The checkpoint is written, and not open.
    CheckpointNotOpen,
    /// The checkpoint stands one UID too high.
    CheckpointTooHigh,
    /// The checkpoint is not on the disk when the first message goes out.
    CheckpointNotSynced,
    /// Where the other folders stood is told too high.
    LandmarksTooHigh,
    /// Name servers are believed what they said first.
    DnsOfYesterday,
    /// Flags that change at the source do not follow.
    FlagsStay,
    /// The last row of a page of the listing is lost.
    LastRowLost,
    /// A refused listing is taken for one that ended.
    NoEndsListing,
    /// A message that was refused is recorded as copied.
    NoIsCopied,
    /// What is planned now counts as reviewed.
    PlanOfNow,
    /// `verify` counts what is nowhere as copied.
    LossIsProven,
    /// `verify` names no extra copy.
    ExtrasNotNamed,
    /// The removal of extra copies forgets one.
    OneExtraStays,
    /// A message is recorded as copied when the line falls before the answer.
    LossIsCopied,
}

/// The mistake of a run, if any.
#[derive(Clone, Debug, Default)]
pub(crate) struct Mutants {
    one: Option<Mutant>,
    calls: Arc<AtomicU64>,
}

type Results = Vec<(Uid, MessageState, Option<Copied>)>;

impl Mutants {
    pub(crate) fn of(one: Mutant) -> Self {
        Self { one: Some(one), calls: Arc::default() }
    }

    pub(crate) fn has(&self, one: Mutant) -> bool {
        self.one == Some(one)
    }

    pub(crate) fn evidence(&self, mut evidence: Evidence) -> Evidence {
        let mailboxes = evidence.mailboxes.iter_mut();
        for folder in mailboxes.flat_map(|mailbox| &mut mailbox.folders) {
            if self.has(Mutant::LossIsProven) {
                let account = &mut folder.account;
                account.copied += std::mem::take(&mut account.missing);
                account.copied += std::mem::take(&mut account.removed_by_user);
                folder.checks.retain(|check| check.name != "all there");
            }
            if self.has(Mutant::ExtrasNotNamed) {
                folder.checks.retain(|check| !is_named(check));
            }
        }
        evidence
    }

    pub(crate) fn results(&self, results: &[(Uid, MessageState, Option<Copied>)]) -> Results {
        let mut results = results.to_vec();
        let acknowledged: Vec<usize> = results
            .iter()
            .enumerate()
            .filter(|(_, (_, state, _))| *state == MessageState::Acknowledged)
            .map(|(place, _)| place)
            .collect();
        match (self.one, acknowledged.as_slice()) {
            (Some(Mutant::AckForgotten), [.., last])
                if self.calls.fetch_add(1, Ordering::Relaxed).is_multiple_of(3) =>
            {
                results.remove(*last);
            }
            (Some(Mutant::AckUidsSwapped), [first, second, ..]) => {
                let place = |at: usize| results[at].2.as_ref().and_then(|copy| copy.destination);
                let (one, other) = (place(*first), place(*second));
                for (at, destination) in [(*first, other), (*second, one)] {
                    if let Some(copied) = &mut results[at].2 {
                        copied.destination = destination;
                    }
                }
            }
            _ => {}
        }
        results
    }

    pub(crate) fn checkpoint(&self, checkpoint: &Checkpoint) -> Checkpoint {
        let Checkpoint { uid_validity, uid_next, at, open } = *checkpoint;
        let open = open && !self.has(Mutant::CheckpointNotOpen);
        let higher = u32::from(self.has(Mutant::CheckpointTooHigh));
        Checkpoint { uid_validity, uid_next: Uid(uid_next.0 + higher), at, open }
    }

    pub(crate) fn landmarks(
        &self,
        folders: &BTreeMap<FolderPath, (UidValidity, Uid)>,
    ) -> BTreeMap<FolderPath, (UidValidity, Uid)> {
        let higher = if self.has(Mutant::LandmarksTooHigh) { 1_000 } else { 0 };
        let moved = |(validity, uid): &(UidValidity, Uid)| (*validity, Uid(uid.0 + higher));
        folders.iter().map(|(folder, position)| (folder.clone(), moved(position))).collect()
    }

    pub(crate) fn listing<'a>(&self, rows: &'a [Listed]) -> &'a [Listed] {
        match rows {
            [rest @ .., _] if self.has(Mutant::LastRowLost) => rest,
            rows => rows,
        }
    }

    /// What the wire makes of the end of this command.
    fn mishears(&self, verb: &str) -> Option<Mishearing> {
        let listing = matches!(verb, "LIST" | "FETCH" | "SEARCH");
        match self.one? {
            Mutant::NoEndsListing if listing => Some(Mishearing::No),
            Mutant::NoIsCopied if verb == "APPEND" => Some(Mishearing::No),
            Mutant::LossIsCopied if verb == "APPEND" => Some(Mishearing::Loss),
            _ => None,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mishearing {
    No,
    Loss,
}

/// A stream on which the end of some commands is taken for OK.
#[derive(Debug)]
pub(crate) struct Deaf {
    plug: Plug,
    mutants: Mutants,
    /// Tags of commands without an answer.
    open: Vec<(Vec<u8>, Mishearing)>,
    whole_line: bool,
}

impl Deaf {
    pub(crate) fn new(mutants: &Mutants, plug: Plug) -> Self {
        Self { plug, mutants: mutants.clone(), open: Vec::new(), whole_line: true }
    }

    fn sent(&mut self, octets: &[u8]) {
        // Several commands may go out at once.
        for line in octets.split(|octet| *octet == b'\n') {
            let mut words = line.split(|octet| *octet == b' ' || *octet == b'\r');
            let Some(tag) = words.next().filter(|tag| tag.len() < 12) else { continue };
            let mut verb = words.next().unwrap_or_default();
            if verb == b"UID" {
                verb = words.next().unwrap_or_default();
            }
            let heard = self.mutants.mishears(&String::from_utf8_lossy(verb));
            self.open.extend(heard.map(|heard| (tag.to_vec(), heard)));
        }
    }

    fn received(&mut self, octets: &mut [u8]) {
        self.whole_line = octets.last().is_none_or(|octet| *octet == b'\n');
        let mut start = 0;
        while start < octets.len() {
            let line = &mut octets[start..];
            let length =
                line.iter().position(|octet| *octet == b'\n').map_or(line.len(), |at| at + 1);
            let line = &mut line[..length];
            self.open.retain(|(tag, heard)| {
                let Some(rest) = line.strip_prefix(tag.as_slice()) else { return true };
                if !rest.starts_with(b" ") {
                    return true;
                }
                if *heard == Mishearing::No && rest.starts_with(b" NO ") {
                    line[tag.len()..tag.len() + 4].copy_from_slice(b" OK ");
                }
                false
            });
            start += length;
        }
    }

    /// What is heard when the line falls.
    fn fallen(&mut self, to: &mut ReadBuf<'_>) -> bool {
        let Some(place) = self.open.iter().position(|(_, heard)| *heard == Mishearing::Loss) else {
            return false;
        };
        let (tag, _) = self.open.remove(place);
        if !self.whole_line || to.remaining() < tag.len() + 10 {
            return false;
        }
        to.put_slice(&tag);
        to.put_slice(b" OK done\r\n");
        true
    }
}

impl AsyncRead for Deaf {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        to: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = to.filled().len();
        let read = ready!(Pin::new(&mut self.plug).poll_read(cx, to));
        let end = read.is_err() || to.filled().len() == before;
        if self.mutants.one.is_some() {
            if !end {
                self.received(&mut to.filled_mut()[before..]);
            } else if self.fallen(to) {
                return Poll::Ready(Ok(()));
            }
        }
        Poll::Ready(read)
    }
}

impl AsyncWrite for Deaf {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.plug).poll_write(cx, octets);
        if self.mutants.one.is_some() && matches!(written, Poll::Ready(Ok(_))) {
            self.sent(octets);
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.plug).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.plug).poll_shutdown(cx)
    }
}
