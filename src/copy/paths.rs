//! Which folder each name of a LIST is.

use crate::catalogue::Object;
use crate::error::{Error, ErrorKind, Result};
use crate::imap::{ListEntry, mailbox_name};
use crate::model::folder::{FolderPath, SpecialUse};
use crate::observed::Namespace;
use std::collections::{BTreeMap, BTreeSet};

/// A path of which LIST does not tell the folder.
#[derive(Clone, Debug)]
pub struct UnreadPath {
    /// A sentence that says why.
    why: String,
    /// The special use of the folder, or of one of those that it may be.
    pub special_use: Option<SpecialUse>,
}

impl UnreadPath {
    fn new(object: &Object, reason: &str, special_use: Option<SpecialUse>) -> Self {
        Self { why: format!("{object}: {reason}"), special_use }
    }

    /// Returns the error of whatever needs to know the folder.
    pub fn error(&self) -> Error {
        unreadable(&self.why)
    }
}

/// The names of a LIST by their paths.
#[derive(Debug, Default)]
pub(super) struct Paths {
    pub(super) folders: BTreeMap<FolderPath, ListEntry>,
    pub(super) unread: BTreeMap<FolderPath, UnreadPath>,
}

/// Decodes the names of a LIST. Two names that give one path make it unreadable, because a folder
/// must not stand for another; so does a name with a separator that nobody can part it by, at every
/// path that it may be.
pub(super) fn by_path(
    entries: Vec<ListEntry>,
    namespace: &Namespace,
    object: &Object,
) -> Result<Paths> {
    let mut paths = Paths::default();
    for entry in entries {
        let may_be = may_be(&entry, namespace)
            .map_err(|reason| unreadable(&format!("{object}: {reason}")))?;
        let known = may_be.len() == 1;
        for path in may_be {
            if let Some(unread) = paths.unread.get_mut(&path) {
                unread.special_use = unread.special_use.or(entry.special_use());
            } else if let Some(other) = paths.folders.remove(&path) {
                let (one, two) = (&other.name, &entry.name);
                let reason = format!("the folders {one} and {two} both read as `{path}`");
                let special_use = other.special_use().or(entry.special_use());
                paths.unread.insert(path, UnreadPath::new(object, &reason, special_use));
            } else if known {
                paths.folders.insert(path, entry.clone());
            } else {
                let odd = entry.odd_separator.as_deref().unwrap_or_default().escape_ascii();
                let reason = format!(
                    "the folder {} has the separator \"{odd}\", which is not one character, and may be `{path}`",
                    entry.name
                );
                paths.unread.insert(path, UnreadPath::new(object, &reason, entry.special_use()));
            }
        }
    }
    Ok(paths)
}

/// Returns every path that a name may be.
fn may_be(entry: &ListEntry, namespace: &Namespace) -> Result<BTreeSet<FolderPath>, String> {
    let (name, prefix) = (&entry.name, namespace.prefix.as_str());
    let as_said = mailbox_name::decode(name, entry.separator, prefix)?;
    let Some(odd) = &entry.odd_separator else { return Ok(BTreeSet::from([as_said])) };
    Ok(BTreeSet::from([
        as_said,
        mailbox_name::decode(name, namespace.separator, prefix)?,
        mailbox_name::decode_by(name, odd, prefix)?,
    ]))
}

fn unreadable(why: &str) -> Error {
    Error::new(ErrorKind::Failed, "E156", why.to_owned())
        .hint("Rename the folder at the server, then run the same command again.")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::folder::RawName;

    fn entry(name: &str, separator: Result<char, &str>) -> ListEntry {
        ListEntry {
            name: RawName(name.as_bytes().to_vec()),
            separator: separator.ok(),
            odd_separator: separator.err().map(|odd| odd.as_bytes().to_vec()),
            attributes: BTreeSet::new(),
            subscribed: false,
        }
    }

    #[test]
    fn only_paths_that_two_names_give_or_that_a_name_may_be_are_unread() {
        let object = Object::mailbox("source", &"ada@acme.example".parse().unwrap());
        let space = Namespace { prefix: String::new(), separator: Some('/') };
        let entries = vec![
            entry("INBOX", Err("||")),
            entry("Work", Ok('/')),
            entry("&AFc-ork", Ok('/')),
            entry("Inbox", Ok('/')),
            entry("A||B/C", Err("||")),
            entry("A", Ok('/')),
            entry("D", Err("")),
        ];
        let paths = by_path(entries, &space, &object).unwrap();
        let shown = |paths: Vec<&FolderPath>| {
            paths.iter().map(|path| path.components().join("|")).collect::<Vec<_>>()
        };
        assert_eq!(shown(paths.folders.keys().collect()), ["&AFc-ork", "A", "D", "Work"]);
        let unread = shown(paths.unread.keys().collect());
        assert_eq!(unread, ["A|B/C", "A||B|C", "A||B/C", "INBOX"]);
    }
}
