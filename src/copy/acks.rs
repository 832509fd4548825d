//! Takes the answers to APPENDs and records them in groups.

use crate::catalogue;
use crate::copy::desk::Desk;
use crate::copy::window::Place;
use crate::error::{Class, Error, ErrorKind, Result};
use crate::imap::{ImapError, PendingAppend};
use crate::model::uid::{Uid, UidValidity};
use crate::ports::ledger::{Copied, FolderKey, MessageState};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Answers that wait for the ledger at most this long, or until there are [`GROUP`] of them.
const GROUP_TIME: Duration = Duration::from_millis(200);

/// Longer than any answer may take.
const NEVER: Duration = Duration::from_secs(86_400);

/// Results of one ledger transaction.
const GROUP: usize = 64;

/// An APPEND whose octets are all written.
#[derive(Debug)]
pub struct InFlight {
    /// The source UID.
    pub uid: Uid,
    /// Its answer.
    pub answer: PendingAppend,
    /// What to record when the answer is OK.
    pub copied: Copied,
    /// Its place in the window.
    pub place: Place,
    /// When its last octet was written.
    pub sent: Instant,
}

/// What came of the APPENDs of one round.
#[derive(Debug, Default)]
pub struct Answers {
    /// Messages that the destination took.
    pub copied: u64,
    /// Their octets.
    pub bytes: u64,
    /// Messages that it refused, in its own words.
    pub refused: Vec<(Uid, ImapError)>,
    /// The connection was lost before this message was answered: it and those behind it are
    /// unclear.
    pub lost: Option<(Uid, ImapError)>,
    /// The destination stored something under this UIDVALIDITY, which is not that of its folder.
    pub another: Option<UidValidity>,
}

/// Starts taking answers; ends when the sender is dropped and every answer came, or at the first
/// answer that cannot come any more. `halt` is cancelled when nothing more may be sent now.
/// `destination` is the UIDVALIDITY that the destination folder was opened with.
pub fn start(
    desk: Desk,
    source: FolderKey,
    validity: UidValidity,
    destination: UidValidity,
    halt: CancellationToken,
) -> (mpsc::UnboundedSender<InFlight>, JoinHandle<Result<Answers>>) {
    let (sender, receiver) = mpsc::unbounded_channel();
    (sender, tokio::spawn(take(desk, source, (validity, destination), receiver, halt)))
}

async fn take(
    desk: Desk,
    source: FolderKey,
    (validity, opened): (UidValidity, UidValidity),
    mut receiver: mpsc::UnboundedReceiver<InFlight>,
    halt: CancellationToken,
) -> Result<Answers> {
    let mut answers = Answers::default();
    let mut group = Vec::new();
    let (mut slow, mut slowest) = (None, Duration::ZERO);
    let mut flush_at: Option<Instant> = None;
    while let Some(next) =
        until(&mut receiver, &desk, &source, validity, &mut group, &mut slow, &mut flush_at).await?
    {
        let InFlight { uid, answer, mut copied, place, sent } = next;
        let mut answer = std::pin::pin!(answer.outcome());
        let answer = loop {
            // A slow answer must not keep those that came before it from the ledger.
            let due = flush_at.unwrap_or_else(|| Instant::now() + NEVER);
            tokio::select! {
                biased;
                answer = &mut answer => break answer,
                () = tokio::time::sleep_until(due) => {
                    flush(&desk, &source, validity, &mut group, &mut slow).await?;
                    flush_at = None;
                }
            }
        };
        match answer {
            Ok(Some((now, _))) if now != opened => {
                // Another folder has taken the name: what was stored before is gone, and this one
                // is found by the search when the folder is looked at anew.
                halt.cancel();
                answers.another = Some(now);
            }
            Ok(destination) => {
                copied.destination = destination;
                place.went_well();
                answers.copied += 1;
                answers.bytes += copied.size;
                desk.progress.answered(sent.elapsed());
                if sent.elapsed() > slowest {
                    slowest = sent.elapsed();
                    slow = Some(slowest);
                }
                group.push((uid, MessageState::Acknowledged, Some(copied)));
                flush_at.get_or_insert_with(|| Instant::now() + GROUP_TIME);
                if group.len() >= GROUP {
                    flush(&desk, &source, validity, &mut group, &mut slow).await?;
                    flush_at = None;
                }
            }
            Err(error) if error.is_answer() => {
                // Before the place in the window is free: the next message must not take it.
                place.trouble();
                if halts(&error) {
                    halt.cancel();
                }
                answers.refused.push((uid, error));
            }
            Err(error) => {
                answers.lost = Some((uid, error));
                break;
            }
        }
        drop(place);
    }
    flush(&desk, &source, validity, &mut group, &mut slow).await?;
    Ok(answers)
}

/// Tells whether a refusal is about every message and not only about its own: the server asks for
/// patience, there is no room, the folder is gone.
pub fn halts(error: &ImapError) -> bool {
    catalogue::class(error) != Class::Message
}

/// Waits for the next APPEND; writes a group whose time has come meanwhile.
async fn until(
    receiver: &mut mpsc::UnboundedReceiver<InFlight>,
    desk: &Desk,
    source: &FolderKey,
    validity: UidValidity,
    group: &mut Vec<(Uid, MessageState, Option<Copied>)>,
    slow: &mut Option<Duration>,
    flush_at: &mut Option<Instant>,
) -> Result<Option<InFlight>> {
    loop {
        let Some(at) = *flush_at else { return Ok(receiver.recv().await) };
        tokio::select! {
            biased;
            () = tokio::time::sleep_until(at) => {
                flush(desk, source, validity, group, slow).await?;
                *flush_at = None;
            }
            next = receiver.recv() => return Ok(next),
        }
    }
}

async fn flush(
    desk: &Desk,
    source: &FolderKey,
    validity: UidValidity,
    group: &mut Vec<(Uid, MessageState, Option<Copied>)>,
    slow: &mut Option<Duration>,
) -> Result<()> {
    if group.is_empty() {
        return Ok(());
    }
    let results = std::mem::take(group);
    let messages = results.len() as u64;
    let bytes = results.iter().filter_map(|(_, _, copied)| copied.as_ref()).map(|c| c.size).sum();
    let (key, slow) = (source.clone(), slow.take());
    desk.ledger(move |ledger| {
        ledger.settle(&key, validity, &results)?;
        // The run after a kill waits as long as this server may need to store what it was sent.
        match (slow, ledger.binding(&key)?) {
            (Some(answer), Some(destination)) => ledger.record_slowest_append(&destination, answer),
            _ => Ok(()),
        }
    })
    .await?;
    desk.progress.add(&source.folder, messages, bytes, false);
    Ok(())
}

/// Waits for the task that [`start`] made.
pub async fn join(task: JoinHandle<Result<Answers>>) -> Result<Answers> {
    task.await.map_err(|error| {
        Error::new(ErrorKind::Failed, "E398", "the task that takes answers ended abnormally")
            .source(error)
    })?
}
