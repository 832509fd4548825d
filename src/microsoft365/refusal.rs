//! What refusals and failures of Microsoft's own services mean.

use crate::catalogue;
use crate::desired::Microsoft365;
use crate::error::{Class, Error, ErrorKind, Retry};
use crate::http::{Answer, HttpError};
use crate::model::words::shown;
use serde::Deserialize;

/// The body of a refusal of the token endpoint, RFC 6749 section 5.2.
#[derive(Deserialize)]
struct Refusal {
    error: String,
    #[serde(default)]
    error_description: String,
}

/// Explains a request that got no complete answer.
pub(super) fn no_answer(host: &str, error: HttpError) -> Error {
    if matches!(error, HttpError::Interrupted) {
        return Error::new(
            ErrorKind::Interrupted,
            "E130",
            "interrupted while waiting for a server",
        )
        .hint("Run the same command again: it goes on where it stopped.");
    }
    let passes = error.passes();
    let made = Error::new(ErrorKind::Unobservable, "E199", format!("{host} gave no answer: {error}"))
        .hint(format!("Check that a firewall or proxy lets you through to {host}, port 443, without putting a certificate of its own in between."))
        .hint("Run the same command again: it goes on where it stopped.");
    let made = if passes { made.class(Class::Line).retry(Retry::Transient) } else { made };
    made.source(error)
}

/// Explains an answer that cannot be used although it is no refusal.
pub(super) fn unreadable(host: &str, why: &str) -> Error {
    Error::new(
        ErrorKind::Unobservable,
        "E198",
        format!("an answer of {host} cannot be read: {why}"),
    )
    .class(Class::Bug)
    .hint("Nothing is concluded from an answer that cannot be read; report it when it stays.")
}

/// Explains trouble that lasted for as long as the request was tried.
pub(super) fn in_trouble(host: &str, answer: &Answer) -> Error {
    let wait =
        answer.retry_after.map(|wait| format!(" and wants {} s of patience", wait.as_secs()));
    Error::new(
        ErrorKind::Unobservable,
        "E199",
        format!("{host} gave no answer but {}{}", answer.status, wait.unwrap_or_default()),
    )
    .words(answer.words().unwrap_or_default())
    .class(Class::Transient)
    .retry(Retry::Transient)
    .hint("Run the same command again later: it goes on where it stopped.")
}

/// Explains why no token was issued.
pub(super) fn no_token(app: &Microsoft365, host: &str, answer: &Answer) -> Error {
    if matches!(answer.status, 429 | 500..=599) {
        return in_trouble(host, answer);
    }
    let strange =
        || unreadable(host, &format!("it says {} to a request for a token", answer.status));
    // A page of somebody in between, as a rule, when it is no refusal.
    let Some(words) = answer.words() else { return strange() };
    let words = match serde_json::from_slice::<Refusal>(&answer.body) {
        // It comes with 400, and is about the server: RFC 6749 section 4.1.2.1.
        Ok(refusal) if refusal.error == "temporarily_unavailable" => {
            return in_trouble(host, answer);
        }
        Ok(refusal) => {
            shown(format!("{}: {}", refusal.error, refusal.error_description).as_bytes())
        }
        Err(_) => words,
    };
    let object = format!("the app {} of {}", app.client_id, app.tenant);
    match catalogue::entra(&words) {
        Some(row) => catalogue::of_words(row, &object, host, &words),
        None => strange().words(words),
    }
}

/// The body of a refusal of Microsoft Graph. Source: Microsoft Graph error responses, which say to
/// go by the code.
#[derive(Deserialize)]
struct GraphRefusal {
    error: GraphError,
}

#[derive(Deserialize)]
struct GraphError {
    code: String,
    #[serde(default)]
    message: String,
}

/// Tells whether Graph itself says that there is no such object: a page of somebody in between, or
/// a wrong path, is no such answer.
pub(super) fn says_not_found(answer: &Answer) -> bool {
    serde_json::from_slice::<GraphRefusal>(&answer.body)
        .is_ok_and(|refusal| refusal.error.code == "Request_ResourceNotFound")
}

/// Explains why the directory did not tell.
pub(super) fn no_directory(host: &str, answer: &Answer) -> Error {
    let words = match serde_json::from_slice::<GraphRefusal>(&answer.body) {
        Ok(GraphRefusal { error }) => {
            shown(format!("{}: {}", error.code, error.message).as_bytes())
        }
        Err(_) => answer.words().unwrap_or_default(),
    };
    match answer.status {
        // The token itself was refused: no permission mends that. Seen in public with "Identity not
        // found" (oauth2-azure issue 88).
        401 => Error::new(
            ErrorKind::Unobservable,
            "E197",
            format!("{host} does not take the app's token for the directory"),
        )
        .class(Class::Credential)
        .words(words)
        .hint("See in Entra that the app has a service principal (Enterprise applications) in this tenant that is enabled, and that the tenant of the migration plan is the right one; what was set up just now may take up to an hour."),
        403 => Error::new(
            ErrorKind::Unobservable,
            "E197",
            format!("{host} does not let the app read the directory"),
        )
        .class(Class::Credential)
        .words(words)
        .hint("Give the app the application permission Domain.Read.All (Microsoft Graph), and have an administrator of the tenant grant consent; it may take up to an hour."),
        429 | 500..=599 => in_trouble(host, answer),
        status => {
            let strange = unreadable(host, &format!("it says {status}"));
            if words.is_empty() { strange } else { strange.words(words) }
        }
    }
}
