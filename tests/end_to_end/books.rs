//! What the ledger says while nobody writes to it: how far a run had come when it was killed.

use rusqlite::{Connection, OpenFlags};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// A message of the source as the ledger has it.
#[derive(Debug)]
pub(crate) struct Entry {
    /// Flags of the newest listing.
    pub(crate) flags: BTreeSet<String>,
    /// Flags at the time of the copy, when there is one.
    pub(crate) copied_flags: Option<BTreeSet<String>>,
    /// Nothing is left to send.
    pub(crate) settled: bool,
}

/// The ledger at one moment.
#[derive(Debug, Default)]
pub(crate) struct Books {
    /// By source folder and UID.
    pub(crate) entries: BTreeMap<(String, u32), Entry>,
    /// UIDs that stand for a source message, by destination folder.
    pub(crate) known: BTreeMap<String, BTreeSet<u32>>,
    /// Destination folders with an open checkpoint.
    pub(crate) open: BTreeSet<String>,
    /// Destination folders that adopt nothing any more, by the number of source folders bound to
    /// them.
    pub(crate) begun: BTreeMap<String, u32>,
    /// Source folders with a listing under way.
    pub(crate) listing: BTreeSet<String>,
}

impl Books {
    /// Reads a ledger without changing it: closing a connection that may write would tidy up what
    /// a killed process left. One that is not there yet says nothing.
    pub(crate) fn read(path: &Path) -> Self {
        if !path.exists() {
            return Self::default();
        }
        let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)
            .expect("the ledger can be opened");
        let mut books = Self::default();
        // Killed before its tables were made.
        let tables: i64 = connection
            .query_row("SELECT count(*) FROM sqlite_schema WHERE name = 'message'", [], |row| {
                row.get(0)
            })
            .expect("the schema");
        if tables == 0 {
            return books;
        }
        books.messages(&connection);
        books.open =
            names(&connection, "SELECT path FROM destination_folder WHERE checkpoint_open = 1");
        books.begun(&connection);
        books.listing =
            names(&connection, "SELECT path FROM source_folder WHERE listing IS NOT NULL");
        books
    }

    fn begun(&mut self, connection: &Connection) {
        let mut query = connection
            .prepare(
                "SELECT d.path, count(*) FROM destination_folder d
                 JOIN source_folder s ON s.destination = d.id
                 WHERE NOT (d.checkpoint_open = 1 AND d.checkpoint_uid_next = 0) GROUP BY d.id",
            )
            .expect("a query");
        let rows = query.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).expect("rows");
        self.begun = rows.map(|row| row.expect("a folder")).collect();
    }

    fn messages(&mut self, connection: &Connection) {
        let mut query = connection
            .prepare(
                "SELECT s.path, m.uid, m.flags, m.source_flags, m.state, d.path, m.destination_uid
                 FROM message m JOIN source_folder s ON s.id = m.folder
                 LEFT JOIN destination_folder d ON d.id = m.destination
                 WHERE m.vanished = 0",
            )
            .expect("a query");
        let mut rows = query.query([]).expect("rows");
        while let Some(row) = rows.next().expect("a row") {
            let key = (row.get(0).expect("a path"), row.get(1).expect("a UID"));
            let flags: String = row.get(2).expect("flags");
            let copied: Option<String> = row.get(3).expect("flags");
            let state: u8 = row.get(4).expect("a state");
            let entry = Entry {
                flags: words(&flags),
                copied_flags: copied.as_deref().map(words),
                settled: state != 0,
            };
            self.entries.insert(key, entry);
            let at: Option<String> = row.get(5).expect("a path");
            if let (Some(at), Some(uid)) = (at, row.get(6).expect("a UID")) {
                self.known.entry(at).or_default().insert(uid);
            }
        }
    }

    /// Tells whether flags of a copy are still to follow, while a run may be writing.
    pub(crate) fn flags_wait(path: &Path) -> bool {
        let open = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY);
        let query = "SELECT EXISTS (SELECT 1 FROM message WHERE source_flags <> flags)";
        open.and_then(|ledger| ledger.query_row(query, [], |row| row.get(0))).unwrap_or(false)
    }

    /// Counts what is pending in a source folder, or in all.
    pub(crate) fn pending(&self, folder: Option<&str>) -> usize {
        let here = |path: &str| folder.is_none_or(|folder| folder == path);
        self.entries.iter().filter(|((path, _), entry)| here(path) && !entry.settled).count()
    }

    /// Counts copies in a source folder whose flags are still to follow.
    pub(crate) fn flags_due(&self, folder: &str) -> usize {
        let due = |entry: &Entry| entry.copied_flags.as_ref().is_some_and(|at| *at != entry.flags);
        self.entries.iter().filter(|((path, _), entry)| path == folder && due(entry)).count()
    }
}

fn words(json: &str) -> BTreeSet<String> {
    serde_json::from_str(json).expect("flags are a list")
}

fn names(connection: &Connection, query: &str) -> BTreeSet<String> {
    let mut query = connection.prepare(query).expect("a query");
    let rows = query.query_map([], |row| row.get(0)).expect("rows");
    rows.map(|row| row.expect("a name")).collect()
}
