//! Why a rehearsal cannot go on. What goes wrong within it is told by its report.

use crate::error::{Error, ErrorKind};
use std::fmt::Display;
use std::path::Path;

/// A file of the rehearsal could not be written.
pub(crate) fn unwritten(path: &Path, error: &std::io::Error) -> Error {
    Error::new(ErrorKind::Failed, "E321", format!("{}: {error}", path.display()))
        .hint("Make room, or name another directory with --out.")
}

/// The services could not be set up, or not be changed.
pub(crate) fn unset(error: &dyn Display) -> Error {
    let message = format!("the simulated services could not be set up or changed: {error}");
    Error::new(ErrorKind::Failed, "E322", message).hint(
        "They need free ports on 127.0.0.1 and room in the directory of --out. When there are both, it is a mistake of the program: report it, with what stands here and the --seed.",
    )
}

/// A command could not be run.
pub(crate) fn not_run(shown: &str, error: &std::io::Error) -> Error {
    Error::new(ErrorKind::Failed, "E323", format!("`{shown}` could not be run: {error}"))
        .hint("Check that this program can be read and run, and that it is not replaced meanwhile.")
}

/// What a command wrote cannot be read.
pub(crate) fn unread(what: &str, error: &dyn Display, folder: &Path) -> Error {
    Error::new(ErrorKind::Failed, "E324", format!("{what} cannot be read: {error}")).hint(format!(
        "What the commands said is in {}; make room there, if that is why.",
        folder.display()
    ))
}
