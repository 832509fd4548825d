//! The tables and their versions.

use super::fault::Fault;
use rusqlite::{Connection, TransactionBehavior};

/// Brings a ledger from version `n` to `n + 1`, in order.
const MIGRATIONS: [&str; 7] = [
    include_str!("schema/0001.sql"),
    include_str!("schema/0002.sql"),
    include_str!("schema/0003.sql"),
    include_str!("schema/0004.sql"),
    include_str!("schema/0005.sql"),
    include_str!("schema/0006.sql"),
    include_str!("schema/0007.sql"),
];

/// `mfly`: tells a ledger from any other SQLite file.
const APPLICATION_ID: i64 = 0x6d66_6c79;

/// What a file is, before anything in it is changed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A database without any table.
    Blank,
    /// A ledger of this version, which is known here.
    Ledger(i64),
}

fn known() -> i64 {
    i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX)
}

/// Tells what the file is; reads only.
pub(super) fn identify(connection: &Connection) -> Result<Kind, Fault> {
    let number = |pragma: &str| connection.pragma_query_value(None, pragma, |row| row.get(0));
    let (application, found): (i64, i64) = (number("application_id")?, number("user_version")?);
    if application == APPLICATION_ID {
        if found > known() {
            return Err(Fault::Newer { found, known: known() });
        }
        return Ok(Kind::Ledger(found));
    }
    let tables: i64 =
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if application == 0 && found == 0 && tables == 0 {
        return Ok(Kind::Blank);
    }
    Err(Fault::Foreign)
}

/// Refuses a ledger that only a writer can bring up to date.
pub(super) fn require_current(version: i64) -> Result<(), Fault> {
    if version < known() {
        return Err(Fault::Older { found: version, known: known() });
    }
    Ok(())
}

/// Makes the tables, or brings them up to date, in one transaction.
pub(super) fn migrate(connection: &mut Connection) -> Result<(), Fault> {
    let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Asked again inside: another process may have done it in between.
    let from = match identify(&tx)? {
        Kind::Blank => 0,
        Kind::Ledger(version) => version,
    };
    let skip = usize::try_from(from).unwrap_or(usize::MAX);
    for step in MIGRATIONS.iter().skip(skip) {
        tx.execute_batch(step)?;
    }
    tx.pragma_update(None, "application_id", APPLICATION_ID)?;
    tx.pragma_update(None, "user_version", known())?;
    tx.commit()?;
    Ok(())
}
