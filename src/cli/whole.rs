//! Files that are written whole or not at all.

use crate::error::{Error, ErrorKind, Result};
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

/// Who may read a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Readers {
    /// Whoever the user lets read new files.
    AsUsual,
    /// Its owner alone, from its first octet on.
    Owner,
}

/// Writes a text.
pub(crate) fn write(path: &Path, readers: Readers, text: &str) -> Result<()> {
    with(path, readers, |mut file| {
        file.write_all(text.as_bytes()).map_err(|error| failed(path, error))
    })
}

/// Has a file filled that takes its place when it is complete.
pub(crate) fn with<T>(
    path: &Path,
    readers: Readers,
    fill: impl FnOnce(File) -> Result<T>,
) -> Result<T> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.new", std::process::id()));
    let fresh = path.with_file_name(name);
    let file = create(&fresh, readers).map_err(|error| failed(path, error))?;
    let filled = fill(file).and_then(|filled| {
        std::fs::rename(&fresh, path).map_err(|error| failed(path, error))?;
        Ok(filled)
    });
    if filled.is_err() {
        // Half a file is of no use to anybody, and must not be taken for a whole one.
        let _ = std::fs::remove_file(&fresh);
    }
    filled
}

fn create(path: &Path, readers: Readers) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    if readers == Readers::Owner {
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    }
    match options.open(path) {
        // A process of this number was killed before it had written all of it.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            std::fs::remove_file(path)?;
            options.open(path)
        }
        opened => opened,
    }
}

/// Says that a file could not be written.
pub(crate) fn failed(path: &Path, error: io::Error) -> Error {
    Error::new(
        ErrorKind::Failed,
        "E305",
        format!("{} could not be written: {error}", path.display()),
    )
    .hint("Name a file in a folder that you may write to.")
    .source(error)
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_private_file_is_private_before_anything_is_in_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("list.csv");
        with(&path, Readers::Owner, |file| {
            assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
            Ok(())
        })
        .unwrap();
        assert!(path.exists());
    }

    #[test]
    fn what_cannot_be_completed_leaves_the_earlier_file_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("list.csv");
        write(&path, Readers::AsUsual, "before").unwrap();
        let ended: Result<()> = with(&path, Readers::Owner, |mut file| {
            file.write_all(b"half").unwrap();
            Err(failed(&path, io::Error::other("no room")))
        });
        assert_eq!(ended.unwrap_err().code, "E305");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "before");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
