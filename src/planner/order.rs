//! The order in which a plan shows and runs its actions.

use super::plan::{Action, Kind};
use crate::model::address::Address;
use crate::model::folder::FolderPath;
use std::cmp::Ordering;

/// A text that sorts as people do: numbers by value, upper and lower case side by side.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Natural(Vec<Piece>, String);

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Piece {
    /// Number of digits without leading zeros, then these: compares by value at any length.
    Number(usize, String),
    Text(String),
}

impl Natural {
    /// Makes the key of a text; equal keys mean equal texts.
    pub fn new(text: &str) -> Self {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            let digits = first.is_ascii_digit();
            let end = rest.find(|c: char| c.is_ascii_digit() != digits).unwrap_or(rest.len());
            let (piece, after) = rest.split_at(end);
            pieces.push(if digits {
                let value = piece.trim_start_matches('0');
                Piece::Number(value.len(), value.to_owned())
            } else {
                Piece::Text(piece.to_lowercase())
            });
            rest = after;
        }
        Self(pieces, text.to_owned())
    }
}

/// The key of a folder path: the INBOX first, a folder before what is below it.
pub fn folder_key(folder: &FolderPath) -> (bool, Vec<Natural>) {
    let components = folder.components();
    let inbox = components.first().is_some_and(|first| first == "INBOX");
    (!inbox, components.iter().map(|component| Natural::new(component)).collect())
}

/// The key of an action: by mailbox, then create before copy before subscription before removal,
/// then by folder. Removals run last, when what moved was recognised; renderers show them first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ActionKey {
    mailbox: Natural,
    kind: u8,
    folder: (bool, Vec<Natural>),
}

/// Makes the key by which actions are sorted.
pub fn action_key(action: &Action) -> ActionKey {
    let (kind, folder) = match &action.kind {
        Kind::CreateFolder(create) => (0, &create.folder),
        Kind::CopyFolder(copy) => (1, &copy.source),
        Kind::SetSubscription(subscription) => (2, &subscription.folder),
        Kind::RemoveCopies(removal) => (3, &removal.source),
    };
    ActionKey { mailbox: Natural::new(mailbox(action).as_str()), kind, folder: folder_key(folder) }
}

/// Returns the mailbox of an action by its address in the migration plan.
pub fn mailbox(action: &Action) -> &Address {
    match &action.kind {
        Kind::CreateFolder(create) => &create.mailbox,
        Kind::CopyFolder(copy) => &copy.mailbox,
        Kind::SetSubscription(subscription) => &subscription.mailbox,
        Kind::RemoveCopies(removal) => &removal.mailbox,
    }
}

/// Returns the mailbox at the destination that an action works on.
pub fn destination_mailbox(action: &Action) -> &Address {
    match &action.kind {
        Kind::CreateFolder(create) => &create.destination_mailbox,
        Kind::CopyFolder(copy) => &copy.destination_mailbox,
        Kind::SetSubscription(subscription) => &subscription.destination_mailbox,
        Kind::RemoveCopies(removal) => &removal.destination_mailbox,
    }
}

/// Compares two texts in natural order.
pub fn natural(left: &str, right: &str) -> Ordering {
    Natural::new(left).cmp(&Natural::new(right))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_count_by_value_and_parents_come_before_children() {
        let mut paths: Vec<FolderPath> =
            ["b 10", "B 9", "b 010", "a/x", "INBOX/z", "a", "INBOX", "b 99999999999999999999999"]
                .iter()
                .map(|text| text.parse().unwrap())
                .collect();
        paths.sort_by_key(folder_key);
        let shown: Vec<String> = paths.iter().map(ToString::to_string).collect();
        assert_eq!(
            shown,
            ["INBOX", "INBOX/z", "a", "a/x", "B 9", "b 010", "b 10", "b 99999999999999999999999"]
        );
    }

    #[test]
    fn texts_that_differ_never_compare_as_equal() {
        for (left, right) in [("a", "A"), ("1", "01"), ("ss", "ß"), ("", "0")] {
            assert_ne!(natural(left, right), Ordering::Equal, "{left} {right}");
        }
    }
}
