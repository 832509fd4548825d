//! Where in the migration plan something stands.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A place in a file of the migration plan; shown as `file:line:column`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Position {
    /// The file as the user named it, relative to the migration plan's folder.
    pub file: String,
    /// Counts from 1.
    pub line: u32,
    /// Counts characters from 1; for a CSV row it is 1.
    pub column: u32,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}
