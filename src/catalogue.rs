//! What server answers and failures mean to a person: a code, a sentence, the next step.

use crate::error::{Error, ErrorKind, Retry};
use crate::imap::ImapError;
use crate::model::address::Address;
use crate::model::folder::FolderPath;
use crate::model::server::Endpoint;
use crate::model::uid::UidValidity;

/// What an answer is about.
#[derive(Clone, Debug)]
pub struct Object {
    side: &'static str,
    mailbox: Address,
    folder: Option<FolderPath>,
}

impl Object {
    /// A mailbox on one side, `source` or `destination`.
    pub fn mailbox(side: &'static str, mailbox: &Address) -> Self {
        Self { side, mailbox: mailbox.clone(), folder: None }
    }

    /// A folder of it.
    pub fn folder(side: &'static str, mailbox: &Address, folder: &FolderPath) -> Self {
        Self { side, mailbox: mailbox.clone(), folder: Some(folder.clone()) }
    }
}

impl std::fmt::Display for Object {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.folder {
            Some(folder) => write!(f, "{}: folder `{folder}` at the {}", self.mailbox, self.side),
            None => write!(f, "{} at the {}", self.mailbox, self.side),
        }
    }
}

fn text_of(error: &ImapError) -> String {
    error.words().unwrap_or_default().to_lowercase()
}

/// Tells whether the server refused because there are too many connections already.
///
/// Dovecot: `[LIMIT] Maximum number of connections from user+IP exceeded`; Rackspace as its
/// migration guides quote it: `Too many simultaneous connections`.
pub fn is_crowded(error: &ImapError) -> bool {
    let text = text_of(error);
    text.contains("maximum number of connections") || text.contains("too many simultaneous")
}

/// Tells whether the destination mailbox has no room left.
pub fn is_full(error: &ImapError) -> bool {
    let text = text_of(error);
    error.response_code().as_deref() == Some("OVERQUOTA")
        || text.contains("quota exceeded")
        || text.contains("mailbox is full")
}

/// Tells whether the server asks for patience rather than refusing.
pub fn is_transient(error: &ImapError) -> bool {
    let code = error.response_code().unwrap_or_default();
    error.backoff().is_some()
        || is_crowded(error)
        // A message went away after the folder was listed: a fresh listing lacks it.
        || code == "EXPUNGEISSUED"
        // Exchange: `Request is throttled.`, with a time to wait or without one.
        || text_of(error).contains("is throttled")
        || matches!(code.as_str(), "UNAVAILABLE" | "INUSE" | "THROTTLED" | "SERVERBUG")
}

fn retry_of(error: &ImapError) -> Retry {
    match error.backoff() {
        Some(wait) => Retry::After(u64::try_from(wait.as_millis()).unwrap_or(u64::MAX)),
        None if is_transient(error) || error.loses_connection() => Retry::Transient,
        None => Retry::Never,
    }
}

fn with_words(error: Error, from: &ImapError) -> Error {
    let retry = retry_of(from);
    let error = error.retry(retry);
    match from.words() {
        Some(words) if !words.is_empty() => error.words(words),
        _ => error,
    }
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
        _ if is_crowded(error) => made(
            "E108",
            format!("{mailbox}: the {side} {endpoint} has too many connections of this user"),
        )
        .hint(format!("Close other mail programs of this user, or lower `{side}.limits`.")),
        ImapError::SignIn { .. } if text_of(error).contains("disabled") => made(
            "E109",
            format!("{mailbox}: IMAP is off for this mailbox at the {side} {endpoint}"),
        )
        .hint("Switch IMAP on for the mailbox, then run the same command again."),
        ImapError::SignIn { .. } => made(
            "E104",
            format!("{mailbox}: the {side} {endpoint} refused the log-in"),
        )
        .hint("The password is wrong, the user is unknown there, or IMAP is off for this mailbox.")
        .hint("Correct the secret or the log-in in the migration plan, then run the same command again."),
        _ => with_words(other(error, &Object::mailbox(side, mailbox)), error),
    }
}

/// Explains a failure after the sign-in.
pub fn imap(error: &ImapError, object: &Object) -> Error {
    if is_full(error) {
        return with_words(
            Error::new(ErrorKind::Failed, "E201", format!("{object}: the mailbox is full")),
            error,
        )
        .hint("Raise the quota of this mailbox or exclude folders, then apply again: it goes on where it stopped.");
    }
    with_words(other(error, object), error)
}

fn other(error: &ImapError, object: &Object) -> Error {
    let failed = |code, message: String| Error::new(ErrorKind::Failed, code, message);
    match error {
        ImapError::No { command, .. } => failed("E151", format!("{object}: {command} was refused"))
            .hint("The words above are the server's own; correct what they name and run the same command again."),
        ImapError::Bad { command, .. } => failed("E152", format!("{object}: the server did not understand {command}"))
            .hint("If this repeats, report it with the words above: it may be a defect of mailferry."),
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

/// Tells whether an error comes from the ledger: it ends the command, because without a ledger
/// nothing is safe to do.
pub fn is_ledger(error: &Error) -> bool {
    matches!(
        error.code,
        "E120" | "E121" | "E122" | "E123" | "E124" | "E125" | "E126" | "E127" | "E128" | "E399"
    )
}
