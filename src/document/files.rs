//! The files that make up a migration plan, and which of them it may name.

use super::node::Place;
use crate::model::position::Position;
use std::io::Read as _;
use std::path::{Component, Path, PathBuf};

/// One file whose text was read.
#[derive(Debug)]
pub(super) struct SourceFile {
    /// As the user named it, relative to the folder of the migration plan.
    pub(super) name: String,
    /// What excerpts are taken from; for a CSV file without its passwords.
    pub(super) text: String,
    lines: Vec<u32>,
}

/// All files, the migration plan first.
#[derive(Debug)]
pub(super) struct Files {
    /// The folder of the migration plan, resolved.
    pub(super) root: PathBuf,
    pub(super) list: Vec<SourceFile>,
    allow_outside: bool,
}

impl Files {
    pub(super) fn new(root: PathBuf, allow_outside: bool) -> Self {
        Self { root, list: Vec::new(), allow_outside }
    }

    /// Adds a file that was read and returns its index.
    pub(super) fn add(&mut self, name: &str, text: String) -> u32 {
        let starts = text.match_indices('\n').map(|(at, _)| at + 1);
        let lines =
            std::iter::once(0).chain(starts).filter_map(|at| u32::try_from(at).ok()).collect();
        self.list.push(SourceFile { name: name.to_owned(), text, lines });
        u32::try_from(self.list.len() - 1).unwrap_or(u32::MAX)
    }

    pub(super) fn get(&self, file: u32) -> Option<&SourceFile> {
        self.list.get(usize::try_from(file).ok()?)
    }

    /// Turns a place into file, line and column.
    pub(super) fn position(&self, place: Place) -> Position {
        let Some(file) = self.get(place.file) else {
            return Position { file: String::new(), line: 1, column: 1 };
        };
        let (line, start) = file.line(place.start);
        let before = file.text.get(start..place.start as usize).unwrap_or_default();
        Position {
            file: file.name.clone(),
            line,
            column: u32::try_from(before.chars().count() + 1).unwrap_or(u32::MAX),
        }
    }

    /// Returns the place of a row of a CSV file.
    pub(super) fn row(&self, file: u32, row: usize) -> Place {
        let Some(source) = self.get(file) else { return Place { file, start: 0, end: 0 } };
        let at = |row: usize| source.lines.get(row).copied();
        let start = at(row.saturating_sub(1)).unwrap_or(0);
        let end = at(row).map_or(source.text.len(), |next| next as usize - 1);
        Place { file, start, end: u32::try_from(end).unwrap_or(u32::MAX) }
    }

    /// Resolves a path that the migration plan names: absolute, and below the plan's folder unless
    /// more is allowed. A file that is not there is an error only when it `must_exist`.
    pub(super) fn resolve(&self, given: &str, must_exist: bool) -> Result<PathBuf, PathError> {
        let relative = Path::new(given);
        if given.is_empty() || given.contains('\0') {
            return Err(PathError::Unreadable("it is no path".to_owned()));
        }
        let path = self.root.join(relative);
        if !self.allow_outside {
            let climbs = relative.is_absolute()
                || relative.components().any(|part| matches!(part, Component::ParentDir));
            if climbs && !path.canonicalize().is_ok_and(|real| real.starts_with(&self.root)) {
                return Err(PathError::Outside);
            }
        }
        match path.canonicalize() {
            Ok(real) if self.allow_outside || real.starts_with(&self.root) => Ok(real),
            Ok(_) => Err(PathError::Outside),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && !must_exist => {
                self.resolve_missing(&path)
            }
            Err(error) => Err(PathError::Unreadable(plain(&error))),
        }
    }

    /// A folder above could still be a link that leads away.
    fn resolve_missing(&self, path: &Path) -> Result<PathBuf, PathError> {
        if !self.allow_outside && path.symlink_metadata().is_ok() {
            return Err(PathError::Unreadable("it is a link to nothing".to_owned()));
        }
        let known = path.ancestors().find_map(|above| above.canonicalize().ok());
        match known {
            Some(real) if self.allow_outside || real.starts_with(&self.root) => {
                Ok(path.to_path_buf())
            }
            _ => Err(PathError::Outside),
        }
    }
}

impl SourceFile {
    /// Returns the number of the line, from 1, and where it starts.
    pub(super) fn line(&self, at: u32) -> (u32, usize) {
        let index = self.lines.partition_point(|&start| start <= at).saturating_sub(1);
        let start = self.lines.get(index).copied().unwrap_or(0);
        (u32::try_from(index + 1).unwrap_or(u32::MAX), start as usize)
    }
}

/// Why a path cannot be used.
#[derive(Debug)]
pub(super) enum PathError {
    /// It leads out of the folder of the migration plan.
    Outside,
    /// The words of the operating system.
    Unreadable(String),
}

/// Returns the words of the operating system without its number.
pub(super) fn plain(error: &std::io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or(&text).to_lowercase()
}

/// Why a file is no text.
#[derive(Debug)]
pub(super) enum ReadError {
    Io(std::io::Error),
    NotAFile,
    TooLarge(usize),
    NotUtf8(usize),
}

impl ReadError {
    /// Ends a sentence that starts with the name of the file.
    pub(super) fn reason(&self) -> String {
        match self {
            Self::Io(error) => format!("cannot be read: {}", plain(error)),
            Self::NotAFile => "is not a file".to_owned(),
            Self::TooLarge(limit) => format!("has more than {} MiB", limit >> 20),
            Self::NotUtf8(at) => format!("is not UTF-8: octet {at} does not fit"),
        }
    }
}

/// Reads a text file of at most `limit` octets and leaves a byte order mark out.
pub(super) fn read_text(path: &Path, limit: usize) -> Result<String, ReadError> {
    // A FIFO or device would block or never end.
    if !std::fs::metadata(path).map_err(ReadError::Io)?.is_file() {
        return Err(ReadError::NotAFile);
    }
    let file = std::fs::File::open(path).map_err(ReadError::Io)?;
    let mut octets = Vec::new();
    let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    file.take(most).read_to_end(&mut octets).map_err(ReadError::Io)?;
    if octets.len() > limit {
        return Err(ReadError::TooLarge(limit));
    }
    let text = String::from_utf8(octets)
        .map_err(|error| ReadError::NotUtf8(error.utf8_error().valid_up_to() + 1))?;
    Ok(text.strip_prefix('\u{feff}').map(ToOwned::to_owned).unwrap_or(text))
}
