//! What is in a mailbox, compared as multisets.

use crate::lab::client::Stored;
use crate::lab::dovecot::ImapServer;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Folders with their messages.
pub(crate) type Contents = BTreeMap<String, Vec<Stored>>;

/// Octets, flags and INTERNALDATE: what a copy must have in common with its original.
pub(crate) type Copy = (Vec<u8>, BTreeSet<String>, i64);

/// Returns what must arrive of a message: everything but its UID and `\Deleted`.
pub(crate) fn to_arrive(message: &Stored) -> Copy {
    let flags = message.flags.iter().filter(|flag| *flag != "\\Deleted").cloned().collect();
    (message.bytes.clone(), flags, message.date)
}

/// Where the plans of these tests send a folder.
pub(crate) fn mapped(path: &str) -> String {
    for (from, to) in [("Sent", "Sent Items"), ("Trash", "Deleted Items"), ("Spam", "Junk Email")] {
        if path == from {
            return to.to_owned();
        }
        if let Some(below) = path.strip_prefix(from).and_then(|rest| rest.strip_prefix('/')) {
            return format!("{to}/{below}");
        }
    }
    path.to_owned()
}

/// Checks that the destination is the source, folder by folder, message by message, and no more.
/// `goes` says where a folder goes; `None` for one that stays behind.
pub(crate) fn same(
    source: &Contents,
    destination: &Contents,
    goes: impl Fn(&str) -> Option<String>,
) {
    let mut expected: BTreeMap<String, Vec<Copy>> = BTreeMap::new();
    for (path, messages) in source {
        if let Some(to) = goes(path) {
            expected.entry(to).or_default().extend(messages.iter().map(to_arrive));
        }
    }
    let missing: Vec<_> = expected.keys().filter(|path| !destination.contains_key(*path)).collect();
    assert!(missing.is_empty(), "folders that did not arrive: {missing:?}");
    for (path, messages) in destination {
        let mut there: Vec<Copy> =
            messages.iter().map(|m| (m.bytes.clone(), m.flags.clone(), m.date)).collect();
        let mut wanted = expected.remove(path).unwrap_or_default();
        there.sort();
        wanted.sort();
        if there != wanted {
            let (lost, extra) = (less(&wanted, &there), less(&there, &wanted));
            panic!(
                "{path}: {} wanted, {} there; lost: {lost:#?}; too many: {extra:#?}",
                wanted.len(),
                there.len()
            );
        }
    }
}

/// Describes what the first multiset has more than the second.
fn less(first: &[Copy], second: &[Copy]) -> Vec<String> {
    let mut left: BTreeMap<&Copy, i32> = BTreeMap::new();
    for copy in first {
        *left.entry(copy).or_default() += 1;
    }
    for copy in second {
        *left.entry(copy).or_default() -= 1;
    }
    left.into_iter()
        .filter(|(_, count)| *count > 0)
        .take(5)
        .map(|((bytes, flags, date), count)| {
            let head = String::from_utf8_lossy(&bytes[..bytes.len().min(120)]);
            format!("{count} × {} octets, {flags:?}, {date}: {head:?}", bytes.len())
        })
        .collect()
}

/// Returns the message files of a Maildir with their octets: their names hold the flags.
pub(crate) fn files(server: &ImapServer, user: &str) -> BTreeMap<PathBuf, Vec<u8>> {
    let root = server.dir.join("mail").join(user).join("Maildir");
    let mut files = BTreeMap::new();
    gather(&root, &mut files);
    assert!(!files.is_empty(), "{} holds no message", root.display());
    files
}

fn gather(dir: &Path, files: &mut BTreeMap<PathBuf, Vec<u8>>) {
    for entry in fs::read_dir(dir).expect("a directory").map(|entry| entry.expect("an entry")) {
        let path = entry.path();
        if path.is_dir() {
            gather(&path, files);
        } else if dir.ends_with("cur") || dir.ends_with("new") {
            let octets = fs::read(&path).expect("a message");
            files.insert(path, octets);
        }
    }
}
