//! Names of files and directories.

use crate::model::folder::FolderPath;
use std::fmt::Write as _;

/// Longer names are refused by the file systems in use.
const LONGEST: usize = 255;

/// Returns the file of a folder in an mbox archive.
pub(super) fn mbox(folder: &FolderPath) -> Option<String> {
    fits(format!("{}.mbox", joined(folder)))
}

/// Returns the directory of a folder in a Maildir archive, as Maildir++ names them: the INBOX is
/// the archive itself, the parts of all others stand behind dots.
pub(super) fn maildir(folder: &FolderPath) -> Option<String> {
    if *folder == FolderPath::inbox() {
        return Some(String::new());
    }
    fits(format!(".{}", joined(folder)))
}

fn fits(name: String) -> Option<String> {
    (name.len() <= LONGEST).then_some(name)
}

/// Writes what separates parts, and what no file name can hold, as `%` and two hexadecimal digits.
fn joined(folder: &FolderPath) -> String {
    let mut name = String::new();
    for (index, part) in folder.components().iter().enumerate() {
        if index > 0 {
            name.push('.');
        }
        for c in part.chars() {
            if matches!(c, '%' | '.' | '/' | '\\' | ':') || c.is_control() {
                let mut octets = [0; 4];
                for octet in c.encode_utf8(&mut octets).bytes() {
                    // Writing to a string cannot fail.
                    let _ = write!(name, "%{octet:02X}");
                }
            } else {
                name.push(c);
            }
        }
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_folders_have_one_name_and_none_leaves_the_archive() {
        let path = |text: &str| text.parse::<FolderPath>().unwrap();
        assert_eq!(mbox(&path("Projects/2019")).as_deref(), Some("Projects.2019.mbox"));
        assert_eq!(mbox(&path("Projects.2019")).as_deref(), Some("Projects%2E2019.mbox"));
        assert_eq!(mbox(&path("..\\/a%")).as_deref(), Some("%2E%2E%2Fa%25.mbox"));
        assert_eq!(maildir(&path("inbox")).as_deref(), Some(""));
        assert_eq!(maildir(&path("INBOX/cur")).as_deref(), Some(".INBOX.cur"));
        assert_eq!(mbox(&path(&"x".repeat(300))), None);
    }
}
