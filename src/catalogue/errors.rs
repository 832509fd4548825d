//! Errors made of what servers answered, or did not.

use crate::catalogue::{Object, Row, class, row_of};
use crate::error::{Class, Error, ErrorKind, Retry};
use crate::imap::ImapError;
use crate::model::address::Address;
use crate::model::server::Endpoint;
use crate::model::uid::UidValidity;

fn retry_of(error: &ImapError) -> Retry {
    match (class(error), error.backoff()) {
        (Class::Throttle, Some(wait)) => {
            Retry::After(u64::try_from(wait.as_millis()).unwrap_or(u64::MAX))
        }
        (Class::Throttle | Class::Transient | Class::Line, _) => Retry::Transient,
        _ => Retry::Never,
    }
}

/// Adds the server's words, what it is about, and whether trying again can help.
fn with_words(error: Error, from: &ImapError) -> Error {
    let error = error.retry(retry_of(from)).class(class(from));
    match from.words() {
        Some(words) if !words.is_empty() => error.words(words),
        _ => error,
    }
}

/// Makes the error of a row of the table.
fn of_row(
    kind: ErrorKind,
    row: &Row,
    error: &ImapError,
    object: &str,
    (who, side): (&str, &str),
) -> Error {
    let command = error.command().unwrap_or("a command");
    let sentence = row.sentence.replace("WHO", who).replace("COMMAND", command);
    let made = with_words(Error::new(kind, row.code, format!("{object}: {sentence}")), error);
    row.next
        .iter()
        .fold(made, |made, next| made.hint(next.replace("SIDE", side)))
        .hint(format!("`mailferry explain {}` says more.", row.code))
}

/// Explains words that are no answer over IMAP.
pub fn of_words(row: &Row, object: &str, who: &str, words: &str) -> Error {
    let sentence = row.sentence.replace("WHO", who);
    let made = Error::new(ErrorKind::Unobservable, row.code, format!("{object}: {sentence}"))
        .class(row.class)
        .words(words);
    row.next
        .iter()
        .fold(made, |made, next| made.hint(*next))
        .hint(format!("`mailferry explain {}` says more.", row.code))
}

/// Explains that a mailbox refused a token that was just issued.
pub fn token_refused(
    error: &ImapError,
    mailbox: &Address,
    side: &'static str,
    endpoint: &Endpoint,
) -> Error {
    let refused = Error::new(
        ErrorKind::Unobservable,
        "E188",
        format!("{mailbox}: the {side} {endpoint} refused the token of the app"),
    );
    with_words(refused, error)
        .hint("Look whether the app has the application permission IMAP.AccessAsApp (Office 365 Exchange Online) with an administrator's consent, whether New-ServicePrincipal made it known to Exchange Online with the object ID of the enterprise application (not of the app registration), and whether Add-MailboxPermission gave it FullAccess to this mailbox.")
        .hint("A change of these may take up to an hour; then run the same command again.")
}

/// Explains why nobody could sign in.
pub fn signing_in(
    error: &ImapError,
    mailbox: &Address,
    side: &'static str,
    endpoint: &Endpoint,
) -> Error {
    let made = |code, message: String| {
        with_words(Error::new(ErrorKind::Unobservable, code, message), error)
    };
    match error {
        ImapError::Resolve { .. } => made(
            "E101",
            format!("{mailbox}: the {side}'s host name {} was not found", endpoint.host),
        )
        .hint(format!("Correct `{side}.imap.host` in the migration plan, or ask your DNS.")),
        ImapError::Connect { source, .. } => made(
            "E102",
            format!("{mailbox}: no connection to the {side} {endpoint}: {source}"),
        )
        .hint(format!("Check `{side}.imap` (host, port) and that a firewall lets you through.")),
        ImapError::Tls { source, .. } if endpoint.ca.is_some() => made(
            "E103",
            format!("{mailbox}: the {side} {endpoint} could not prove who it is: {source}"),
        )
        .hint(format!("The certificate must be signed by the CA that `{side}.imap.ca` names, be valid today and be for the name in `{side}.imap.host`.")),
        ImapError::Tls { source, .. } => made(
            "E103",
            format!("{mailbox}: the {side} {endpoint} could not prove who it is: {source}"),
        )
        .hint(format!("If the server has a private CA, name its PEM file in `{side}.imap.ca`; if the port speaks STARTTLS, say `tls: starttls`.")),
        ImapError::Plaintext { .. } => made(
            "E105",
            format!("{mailbox}: a password would cross the network in the clear to the {side} {endpoint}"),
        )
        .hint(format!("Use `{side}.imap.tls: implicit` or `starttls`; `none` is for loopback only.")),
        _ => match row_of(error) {
            Some(row) => {
                let who = format!("the {side} {endpoint}");
                let kind = ErrorKind::Unobservable;
                of_row(kind, row, error, mailbox.as_str(), (&who, side))
            }
            None => other(error, &Object::mailbox(side, mailbox)),
        },
    }
}

/// Explains a failure after the sign-in.
pub fn imap(error: &ImapError, object: &Object) -> Error {
    match row_of(error) {
        Some(row) => {
            let (name, side) = (object.to_string(), object.side());
            of_row(ErrorKind::Failed, row, error, &name, ("the server", side))
        }
        None => other(error, object),
    }
}

fn other(error: &ImapError, object: &Object) -> Error {
    let failed =
        |code, message: String| with_words(Error::new(ErrorKind::Failed, code, message), error);
    match error {
        ImapError::Interrupted => Error::new(
            ErrorKind::Interrupted,
            "E130",
            "interrupted while waiting for a server",
        )
        .hint("Run the same command again: it goes on where it stopped."),
        ImapError::Timeout { what, seconds } => failed("E107", format!("{object}: no answer to {what} for {seconds} s"))
            .hint("Run the same command again: it goes on where it stopped."),
        ImapError::Panicked => failed("E153", format!("{object}: the server's greeting or log-in answer could not be read"))
            .hint("Report this with the server's name and version: it is a defect."),
        ImapError::Protocol { what, .. } | ImapError::Unreadable { what, .. } => failed("E154", format!("{object}: an answer could not be read: {what}"))
            .hint("Nothing is concluded from an answer that cannot be read; report it with the words above."),
        ImapError::Invalid { what } => failed("E157", format!("{object}: it cannot be said in IMAP: {what}"))
            .hint("Rename the folder or the mailbox, or exclude it."),
        ImapError::Unsupported { command, capability } => {
            failed("E158", format!("{object}: the server lacks {capability}, which {command} needs"))
        }
        _ => failed("E106", format!("{object}: the connection was lost: {error}"))
            .hint("Run the same command again: it goes on where it stopped."),
    }
}

/// Explains a UIDVALIDITY that is not the one that the ledger knows.
pub fn new_validity(object: &Object, known: UidValidity, now: UidValidity) -> Error {
    Error::new(
        ErrorKind::Stale,
        "E131",
        format!("{object}: UIDVALIDITY was {known} and is {now} now: every known UID is void"),
    )
    .hint("Nothing is copied from or to it, because it could be doubled. Find out whether the folder was deleted and made again or the server was restored.")
}
