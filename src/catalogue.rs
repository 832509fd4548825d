//! What server answers and failures mean: a table of answers, and the errors made from it.
//!
//! Behaviour follows from the [`Class`] of the row that an answer finds first: whether a message,
//! a folder, a mailbox or a log-in is given up, and whether the same thing is tried again.

mod credentials;
mod elsewhere;
mod entra;
mod errors;
pub mod explain;
mod folders;
mod general;
mod mailboxes;
mod messages;
mod object;
mod row;
mod throttling;
mod transient;

pub use errors::{imap, new_validity, of_words, signing_in, token_refused};
pub use object::Object;
pub use row::{Asked, Example, Pattern, Product, Row, Said, Scope, Status};

use crate::error::Class;
use crate::imap::ImapError;

/// The table, in the order in which it is searched: what is particular comes before what is
/// general.
const TABLES: [&[Row]; 9] = [
    entra::ROWS,
    throttling::ROWS,
    credentials::ROWS,
    mailboxes::ROWS,
    transient::ROWS,
    elsewhere::ROWS,
    messages::ROWS,
    folders::ROWS,
    general::ROWS,
];

/// Returns every row in the order in which the table is searched.
pub fn rows() -> impl Iterator<Item = &'static Row> {
    TABLES.into_iter().flatten()
}

/// Finds what an answer of whatever service means; `None` when no row knows it.
pub fn find(said: &Said) -> Option<&'static Row> {
    rows().find(|row| row.pattern.matches(said))
}

/// Finds what the words mean with which Microsoft Entra gives no token; `None` when no row knows
/// them.
pub fn entra(words: &str) -> Option<&'static Row> {
    let said = Said { status: None, asked: None, code: None, text: words.to_lowercase() };
    entra::ROWS.iter().find(|row| row.pattern.matches(&said))
}

/// Finds what an answer over IMAP means; `None` when no server spoke, or no row knows it. What
/// only Microsoft Entra says in such words means nothing there.
pub fn row_of(error: &ImapError) -> Option<&'static Row> {
    let said = Said::of(error)?;
    let mut rows = rows().filter(|row| row.products != [Product::Entra]);
    rows.find(|row| row.pattern.matches(&said))
}

/// Tells what a failure is about.
pub fn class(error: &ImapError) -> Class {
    if let Some(row) = row_of(error) {
        return row.class;
    }
    match error {
        ImapError::Plaintext { .. }
        | ImapError::Unreadable { .. }
        | ImapError::Invalid { .. }
        | ImapError::Unsupported { .. }
        | ImapError::Interrupted => Class::Other,
        ImapError::Resolve { .. }
        | ImapError::Connect { .. }
        | ImapError::Tls { .. }
        | ImapError::SignIn { .. }
        | ImapError::No { .. }
        | ImapError::Bad { .. }
        | ImapError::Bye { .. }
        | ImapError::Closed { .. }
        | ImapError::Timeout { .. }
        | ImapError::Protocol { .. }
        | ImapError::Panicked => Class::Line,
    }
}

/// Tells whether a server says to EXAMINE or STATUS that there is no such folder: with NONEXISTENT
/// (RFC 5530 section 3), or in the words of a Dovecot that gives no code.
pub fn denies_the_folder(error: &ImapError) -> bool {
    const NO_CODE: &str = "mailbox doesn't exist";
    let ImapError::No { .. } = error else { return false };
    let Some(said) = Said::of(error) else { return false };
    match said.code.as_deref() {
        Some(code) => code == "NONEXISTENT",
        None => said.text.starts_with(NO_CODE),
    }
}

/// Tells whether the same thing may succeed when it is tried again, on a fresh connection where
/// this one is lost.
pub fn passes(error: &ImapError) -> bool {
    matches!(class(error), Class::Throttle | Class::Transient | Class::Line)
}

#[cfg(test)]
mod tests;
