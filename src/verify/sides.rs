//! The two connections of a mailbox, and what it means when they cannot be had.

use crate::accounts::Accounts;
use crate::copy::again::Again;
use crate::copy::desk::Desk;
use crate::copy::lines::{self, Line};
use crate::copy::stop::Stop;
use crate::desired::DesiredMailbox;
use crate::error::{Class, Error, ErrorKind, Result, Retry};
use crate::imap::{Connection, SourceConnection};
use crate::verify::evidence::Check;

pub(super) type Sides = (Line<SourceConnection>, Line<Connection>);

/// Opens both sides, the destination first as everywhere; tells what is wrong with each.
pub(super) async fn both(
    accounts: &Accounts,
    mailbox: &DesiredMailbox,
) -> Result<Sides, Vec<Error>> {
    let destination = lines::destination(accounts, mailbox).await;
    let source = lines::source(accounts, mailbox).await;
    match (source, destination) {
        (Ok(source), Ok(destination)) => Ok((source, destination)),
        (source, destination) => {
            Err([source.err(), destination.err()].into_iter().flatten().collect())
        }
    }
}

/// Opens both sides, as often as apply would where a server asks for patience or a connection is
/// lost.
pub(super) async fn patiently(
    accounts: &Accounts,
    desk: &Desk,
    mailbox: &DesiredMailbox,
) -> Result<Result<Sides, Vec<Error>>> {
    let mut again = Again::default();
    loop {
        let mut failures = match both(accounts, mailbox).await {
            Ok(sides) => return Ok(Ok(sides)),
            Err(failures) => failures,
        };
        if !failures.iter().all(may_pass) {
            return Ok(Err(failures));
        }
        let Some(error) = failures.pop() else { return Ok(Err(failures)) };
        let ended = match Stop::from(error) {
            Stop::Again(error) => again.hold(desk, error).await,
            stop => Err(stop),
        };
        match ended {
            Ok(()) => {}
            Err(Stop::Interrupted) => return Err(interrupted(Stop::Interrupted)),
            Err(Stop::Again(error) | Stop::Failed(error)) => {
                failures.push(error);
                return Ok(Err(failures));
            }
        }
    }
}

/// Tells whether it may go better soon. A server that nobody could connect to is told at once: its
/// name or port may be wrong.
fn may_pass(error: &Error) -> bool {
    match error.class {
        Class::Throttle => true,
        Class::Line => error.kind != ErrorKind::Unobservable && error.retry != Retry::Never,
        _ => false,
    }
}

/// What cannot be read is a check about which nothing is known; a declined consent or a lost lock
/// ends the verification.
pub(super) fn unreadable(failures: Vec<Error>) -> Result<Vec<Check>> {
    failures
        .into_iter()
        .map(|error| match error.kind {
            ErrorKind::Declined | ErrorKind::Locked => Err(error),
            _ => Ok(unknown("can be read", &error)),
        })
        .collect()
}

pub(super) fn unknown(name: &str, error: &Error) -> Check {
    let words = error.words.as_ref().map(|words| format!(" ({words})")).unwrap_or_default();
    Check::unknown(name, format!("{error}{words}"))
}

pub(super) fn interrupted(_: Stop) -> Error {
    Error::new(ErrorKind::Interrupted, "E130", "interrupted before everything was verified")
        .hint("Nothing was changed; run `mailferry verify` again.")
}
