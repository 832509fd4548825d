//! Files that only their owner can read, and their errors.

use crate::error::{Error, ErrorKind};
use std::fs::{File, OpenOptions};
use std::io;
use std::path::Path;

/// Explains a failure about a file of the archive.
#[allow(clippy::needless_pass_by_value, reason = "it is handed over by `map_err`")]
pub fn failed(path: &Path, error: io::Error) -> Error {
    let full =
        error.kind() == io::ErrorKind::StorageFull || error.kind() == io::ErrorKind::QuotaExceeded;
    if full {
        return Error::new(
            ErrorKind::Failed,
            "E501",
            format!("no room is left for {}", path.display()),
        )
        .hint("Make room and run the same command again: it goes on where it stopped.")
        .source(error);
    }
    Error::new(
        ErrorKind::Failed,
        "E502",
        format!("{} could not be read or written: {error}", path.display()),
    )
    .hint("Look at the disk and at who may write there, then run the same command again.")
    .source(error)
}

/// Says that something is where the archive would be.
pub fn in_the_way(path: &Path) -> Error {
    Error::new(
        ErrorKind::Failed,
        "E503",
        format!("{} is in the way: this archive did not write it", path.display()),
    )
    .hint("Name another folder with --to, or move it away. Nothing of it was changed.")
}

/// Says that a file of the archive is not as it was left.
pub fn changed(path: &Path, what: &str) -> Error {
    Error::new(
        ErrorKind::CheckFailed,
        "E504",
        format!("{} was changed since it was archived: {what}", path.display()),
    )
    .hint("Put it back as it was, or archive to another folder with --to.")
}

/// Tells whether something has this name, also a link that leads nowhere.
pub(super) fn exists(path: &Path) -> Result<bool, Error> {
    match std::fs::symlink_metadata(path) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(failed(path, error)),
    }
}

/// Makes a directory of mode 0700 with those above it; what is there stays as it is.
pub fn make_dir(path: &Path) -> Result<(), Error> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt;
        builder.mode(0o700);
    }
    builder.create(path).map_err(|error| failed(path, error))
}

/// Makes a file of mode 0600 that was not there.
pub(super) fn create(path: &Path) -> Result<File, Error> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    options.open(path).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => in_the_way(path),
        _ => failed(path, error),
    })
}

/// Opens a regular file of the archive; a link is not followed.
pub(super) fn open(path: &Path, write: bool) -> Result<File, Error> {
    let found = std::fs::symlink_metadata(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => changed(path, "it is not there any more"),
        _ => failed(path, error),
    })?;
    if !found.is_file() {
        return Err(in_the_way(path));
    }
    OpenOptions::new().read(true).write(write).open(path).map_err(|error| failed(path, error))
}

/// Writes what a directory holds to the disk.
pub(super) fn sync_dir(path: &Path) -> Result<(), Error> {
    File::open(path).and_then(|dir| dir.sync_all()).map_err(|error| failed(path, error))
}
