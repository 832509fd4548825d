//! What an answer is about, for sentences.

use crate::model::address::Address;
use crate::model::folder::FolderPath;

/// What an answer is about.
#[derive(Clone, Debug)]
pub struct Object {
    side: &'static str,
    mailbox: Address,
    folder: Option<FolderPath>,
}

impl Object {
    /// A mailbox on one side, `source` or `destination`.
    pub fn mailbox(side: &'static str, mailbox: &Address) -> Self {
        Self { side, mailbox: mailbox.clone(), folder: None }
    }

    /// Returns `source` or `destination`.
    pub fn side(&self) -> &'static str {
        self.side
    }

    /// A folder of it.
    pub fn folder(side: &'static str, mailbox: &Address, folder: &FolderPath) -> Self {
        Self { side, mailbox: mailbox.clone(), folder: Some(folder.clone()) }
    }
}

impl std::fmt::Display for Object {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.folder {
            Some(folder) => write!(f, "{}: folder `{folder}` at the {}", self.mailbox, self.side),
            None => write!(f, "{} at the {}", self.mailbox, self.side),
        }
    }
}
