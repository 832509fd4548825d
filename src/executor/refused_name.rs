//! What a person can do about a folder name that the destination refused.

use crate::imap::{ListEntry, mailbox_name};
use crate::model::folder::FolderPath;
use crate::model::words::quoted;
use crate::observed::Namespace;

/// The longest name, in octets as it is sent, that file systems hold.
const LONGEST: usize = 255;

/// Says what to change in the migration plan, what is likely first.
pub(super) fn advice(
    folder: &FolderPath,
    namespace: &Namespace,
    entries: &[ListEntry],
) -> Vec<String> {
    let mut hints = Vec::new();
    if let Some(above) = closed(folder, namespace, entries) {
        hints.push(format!(
            "{above} can have no folders below it (\\Noinferiors): map {folder} to a name beside it in `folders.map`."
        ));
    }
    let components = folder.components();
    let name = |part: &String| mailbox_name::encode_text(part).len();
    let whole: usize = components.iter().map(|part| name(part) + 1).sum();
    if whole > LONGEST {
        hints.push(format!(
            "The path has {} octets as it is sent, and many servers hold {LONGEST}: map it, or a folder above, to a shorter name in `folders.map`.",
            whole - 1
        ));
    }
    let mut odd: Vec<char> = components.iter().flat_map(|part| part.chars()).collect();
    odd.retain(|c| c.is_control() || (c.is_ascii_punctuation() && !matches!(c, '-' | '_')));
    odd.sort_unstable();
    odd.dedup();
    if !odd.is_empty() {
        let entries: Vec<String> = odd.iter().map(|c| format!("{}: \"_\"", quoted(*c))).collect();
        hints.push(format!(
            "When it is a character that the server refuses, say what replaces it: `folders.characters: {{ {} }}` (leave out those that it takes); then plan again.",
            entries.join(", ")
        ));
    }
    hints.push(
        "Map the folder to another name in `folders.map`, or exclude it; then plan again."
            .to_owned(),
    );
    hints
}

/// The folder above that can have none below it.
fn closed(folder: &FolderPath, namespace: &Namespace, entries: &[ListEntry]) -> Option<FolderPath> {
    let mut above = std::iter::successors(folder.parent(), FolderPath::parent);
    above.find(|path| {
        let name = mailbox_name::encode(path, namespace.separator, &namespace.prefix);
        let is_it = |entry: &&ListEntry| name.as_ref() == Ok(&entry.name);
        entries.iter().find(is_it).is_some_and(|entry| entry.has("\\Noinferiors"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::folder::RawName;

    fn said(folder: &str, entries: &[ListEntry]) -> String {
        let namespace = Namespace { prefix: String::new(), separator: Some('/') };
        advice(&folder.parse().unwrap(), &namespace, entries).join("\n")
    }

    #[test]
    fn what_may_be_wrong_with_a_name_is_named() {
        assert!(said("v1.2 a.b", &[]).contains("`folders.characters: { \".\": \"_\" }`"));
        assert!(said("a\u{1}b", &[]).contains("{ \"\\u0001\": \"_\" }"));
        assert!(!said("plain-name_1", &[]).contains("characters"));
        assert!(said(&"x".repeat(300), &[]).contains("300 octets"));
        let closed = ListEntry {
            odd_separator: None,
            name: RawName(b"A".to_vec()),
            separator: Some('/'),
            attributes: ["\\NoInferiors".to_owned()].into(),
            subscribed: false,
        };
        assert!(said("A/B", std::slice::from_ref(&closed)).starts_with("A can have no folders"));
        assert!(!said("B/A", &[closed]).contains("Noinferiors"));
    }
}
