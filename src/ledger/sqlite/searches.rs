//! Searches beside the ledger, in a temporary database.

mod twins;

use super::SqliteLedger;
use crate::error::Result;
use crate::ledger::fault::Fault;
use crate::ledger::folders::{Side, find};
use crate::ledger::rows::{date, digest, flags, names, signed, unsigned, words};
use crate::model::address::Address;
use crate::model::digest::Digest;
use crate::model::flags::Flags;
use crate::model::folder::FolderPath;
use crate::model::internal_date::{InternalDate, KEPT_FROM};
use crate::model::pairing::{self, Round};
use crate::model::uid::{Uid, UidValidity};
use crate::ports::ledger::{FolderKey, Look};
use crate::ports::search::{
    Doubt, Fate, OtherDate, Ours, Paired, Reading, SearchId, Searches, SourceUid, Theirs, Twin,
};
use rusqlite::{Row, Transaction, params};

/// A message of the table `t` that is near to one of ours.
const NEAR_OURS: &str =
    "(EXISTS (SELECT 1 FROM search_ours o WHERE o.search = ?1 AND o.size = t.size)
     OR EXISTS (SELECT 1 FROM search_ours o WHERE o.search = ?1 AND o.second = t.second)
     OR EXISTS (SELECT 1 FROM search_ours o INDEXED BY search_ours_undated
         WHERE o.search = ?1 AND o.any_size AND o.second IS NULL))";

/// A message of the table `o` that is near to one of theirs.
const NEAR_THEIRS: &str =
    "(EXISTS (SELECT 1 FROM search_theirs t WHERE t.search = ?1 AND t.size = o.size)
     OR EXISTS (SELECT 1 FROM search_theirs t WHERE t.search = ?1 AND t.second = o.second)
     OR (o.any_size AND o.second IS NULL
         AND EXISTS (SELECT 1 FROM search_theirs t WHERE t.search = ?1)))";

/// Neither has a date that tells it from the other: servers keep those from 1971 on.
const DATED_ALIKE: &str =
    "(o.second IS t.second OR o.second IS NULL OR t.second IS NULL OR o.second < 31536000)";

/// A message of the table `o` that has no partner.
const OURS_ALONE: &str = "NOT EXISTS (SELECT 1 FROM search_pair p
     WHERE p.search = ?1 AND p.source = o.source AND p.uid = o.uid)";

/// A message of the table `t` that has no partner.
const THEIRS_ALONE: &str =
    "NOT EXISTS (SELECT 1 FROM search_pair p WHERE p.search = ?1 AND p.theirs = t.uid)";

/// A message of the table `t` that is near to the one of the table `o`.
const NEAR: &str = "(t.size = o.size OR t.second = o.second OR (o.any_size AND o.second IS NULL))";

fn number(fate: Fate) -> u8 {
    match fate {
        Fate::Unsettled => 0,
        Fate::Unplaced => 1,
    }
}

fn source(index: usize) -> Result<i64, Fault> {
    i64::try_from(index).map_err(|_| Fault::TooLarge { what: "a source folder", value: u64::MAX })
}

fn key(row: &Row<'_>) -> Result<SourceUid, Fault> {
    let index = usize::try_from(unsigned(row.get(0)?)?)
        .map_err(|_| Fault::Damaged("the number of a source folder".to_owned()))?;
    Ok((index, Uid(row.get(1)?)))
}

/// Where to go on: behind one of ours.
fn after(behind: Option<SourceUid>) -> Result<(i64, u32), Fault> {
    match behind {
        Some((index, uid)) => Ok((source(index)?, uid.0)),
        None => Ok((-1, 0)),
    }
}

fn most(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

/// Flags as they are compared.
fn folded(flags: &Flags) -> Result<String, Fault> {
    Ok(words(flags)?.to_lowercase())
}

fn second(date: &InternalDate) -> i64 {
    date.instant().as_second()
}

/// What messages are sorted by and must have in common: identity, second, flags.
type Sign = (Vec<u8>, Option<i64>, String);

fn sign(row: &Row<'_>) -> Result<Sign, Fault> {
    Ok((row.get(2)?, row.get(3)?, row.get(4)?))
}

/// Pairs in one round. Both sides are sorted before the first pair is written, so that what is
/// written changes neither.
fn pair(
    tx: &Transaction<'_>,
    id: i64,
    fate: Fate,
    round: Round,
    other: OtherDate,
) -> Result<(), Fault> {
    let (sent, second, folded) = match round {
        Round::DateAndFlags => ("sent", "second", "folded"),
        Round::Date => ("sent", "second", "''"),
        Round::Octets => ("NULL", "NULL", "''"),
    };
    // With a date that a server keeps, one with another date was delivered by somebody else.
    let (since, future) = match (round, other) {
        (Round::Octets, OtherDate::Unkept { since, future }) => (Some(since), Some(future)),
        _ => (None, None),
    };
    let mut ours = tx.prepare_cached(&format!(
        "SELECT source, uid, identity, {sent} AS s, {folded} AS f FROM search_ours o
         WHERE search = ?1 AND fate = ?2 AND identity IS NOT NULL AND {OURS_ALONE}
             AND (?3 IS NULL OR sent IS NULL OR sent < {KEPT_FROM} OR sent > ?3)
         ORDER BY identity, s, f, source, uid"
    ))?;
    let mut theirs = tx.prepare_cached(&format!(
        "SELECT uid, 0, identity, {second} AS s, {folded} AS f FROM search_theirs t
         WHERE search = ?1 AND identity IS NOT NULL AND {THEIRS_ALONE}
             AND (?2 IS NULL OR second >= ?2)
         ORDER BY identity, s, f, uid"
    ))?;
    let mut found = tx.prepare_cached(
        "INSERT INTO search_pair (search, source, uid, theirs) VALUES (?1, ?2, ?3, ?4)",
    )?;
    let ours =
        ours.query_and_then(params![id, number(fate), future], |row| Ok((sign(row)?, key(row)?)))?;
    let theirs =
        theirs.query_and_then(params![id, since], |row| Ok((sign(row)?, row.get::<_, u32>(0)?)))?;
    pairing::merge(ours, theirs, |(index, uid), theirs| {
        found.execute(params![id, source(index)?, uid.0, theirs])?;
        Ok::<_, Fault>(())
    })
}

fn add_theirs(
    tx: &Transaction<'_>,
    id: i64,
    destination: &FolderKey,
    uid_validity: UidValidity,
    messages: &[Theirs],
) -> Result<u64, Fault> {
    let folder = find(tx, Side::Destination, destination)?;
    let mut statement = tx.prepare_cached(&format!(
        "INSERT INTO search_theirs (search, uid, size, second, date, flags, folded)
         SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7 FROM (SELECT ?3 AS size, ?4 AS second) t
         WHERE NOT EXISTS (SELECT 1 FROM message m WHERE m.destination = ?8
                 AND m.destination_uid_validity = ?9 AND m.destination_uid = ?2)
             AND {NEAR_OURS}
         ON CONFLICT DO NOTHING"
    ))?;
    let mut new = 0;
    for message in messages {
        new += statement.execute(params![
            id,
            message.uid.0,
            signed("RFC822.SIZE", message.size)?,
            message.date.as_ref().map(second),
            message.date.as_ref().map(InternalDate::as_str),
            words(&message.flags)?,
            folded(&message.flags)?,
            folder,
            uid_validity.0,
        ])?;
    }
    Ok(new as u64)
}

fn paired(row: &Row<'_>) -> Result<Paired, Fault> {
    let reading = match row.get::<_, Option<Vec<u8>>>(7)? {
        None => None,
        Some(source_digest) => Some(Reading {
            identity: row.get::<_, Option<Vec<u8>>>(8)?.map(digest).transpose()?,
            source_digest: digest(source_digest)?,
            sent_digest: digest(row.get(9)?)?,
            sent_size: unsigned(row.get(10)?)?,
            transforms: names(&row.get::<_, String>(11)?)?,
            header_second: row.get(12)?,
        }),
    };
    Ok(Paired {
        key: key(row)?,
        found: Theirs {
            uid: Uid(row.get(2)?),
            size: unsigned(row.get(3)?)?,
            date: row.get::<_, Option<String>>(4)?.map(|text| date(&text)).transpose()?,
            flags: flags(&row.get::<_, String>(5)?)?,
        },
        same_date: row.get(6)?,
        reading,
    })
}

fn add_ours(tx: &Transaction<'_>, id: i64, messages: &[Ours]) -> Result<(), Fault> {
    let mut statement = tx.prepare_cached(
        "INSERT INTO search_ours (search, source, uid, fate, size, second, sent, folded, identity,
             any_size)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6, ?7, ?8, ?9)",
    )?;
    for message in messages {
        statement.execute(params![
            id,
            source(message.key.0)?,
            message.key.1.0,
            number(message.fate),
            signed("RFC822.SIZE", message.look.size)?,
            message.look.second,
            folded(&message.flags)?,
            message.identity.as_ref().map(|digest| digest.0.as_slice()),
            message.any_size,
        ])?;
    }
    Ok(())
}

impl Searches for SqliteLedger {
    fn begin_search(&self) -> Result<SearchId> {
        self.aside(|tx| {
            tx.execute_batch(include_str!("searches.sql"))?;
            tx.execute("INSERT INTO search DEFAULT VALUES", [])?;
            Ok(SearchId(tx.last_insert_rowid()))
        })
    }

    fn end_search(&self, search: SearchId) -> Result<()> {
        self.aside(|tx| {
            for table in ["search_ours", "search_theirs", "search_pair", "search_twin"] {
                tx.execute(&format!("DELETE FROM {table} WHERE search = ?1"), [search.0])?;
            }
            tx.execute("DELETE FROM search WHERE id = ?1", [search.0])?;
            Ok(())
        })
    }

    fn add_ours(&self, search: SearchId, messages: &[Ours]) -> Result<()> {
        self.aside(|tx| add_ours(tx, search.0, messages))
    }

    fn count_ours(&self, search: SearchId, fate: Fate) -> Result<u64> {
        self.aside(|tx| {
            let sql = "SELECT count(*) FROM search_ours WHERE search = ?1 AND fate = ?2";
            let mut statement = tx.prepare_cached(sql)?;
            unsigned(statement.query_row(params![search.0, number(fate)], |row| row.get(0))?)
        })
    }

    fn add_theirs(
        &self,
        search: SearchId,
        destination: &FolderKey,
        uid_validity: UidValidity,
        messages: &[Theirs],
    ) -> Result<u64> {
        self.aside(|tx| add_theirs(tx, search.0, destination, uid_validity, messages))
    }

    fn theirs(&self, search: SearchId, above: Uid, limit: usize) -> Result<Vec<Uid>> {
        self.aside(|tx| {
            let mut statement = tx.prepare_cached(
                "SELECT uid FROM search_theirs WHERE search = ?1 AND uid > ?2
                 ORDER BY uid LIMIT ?3",
            )?;
            let uid = |row: &Row<'_>| Ok(Uid(row.get(0)?));
            statement.query_and_then(params![search.0, above.0, most(limit)], uid)?.collect()
        })
    }

    fn identify_theirs(&self, search: SearchId, read: &[(Uid, Digest)]) -> Result<()> {
        self.aside(|tx| {
            let mut statement = tx.prepare_cached(
                "UPDATE search_theirs SET identity = ?3 WHERE search = ?1 AND uid = ?2",
            )?;
            for (uid, digest) in read {
                statement.execute(params![search.0, uid.0, digest.0.as_slice()])?;
            }
            Ok(())
        })
    }

    fn near_ours(
        &self,
        search: SearchId,
        behind: Option<SourceUid>,
        limit: usize,
    ) -> Result<Vec<SourceUid>> {
        self.aside(|tx| {
            let mut statement = tx.prepare_cached(&format!(
                "SELECT source, uid FROM search_ours o
                 WHERE search = ?1 AND (source, uid) > (?2, ?3) AND fate = 0 AND {NEAR_THEIRS}
                 ORDER BY source, uid LIMIT ?4"
            ))?;
            let (source, uid) = after(behind)?;
            statement.query_and_then(params![search.0, source, uid, most(limit)], key)?.collect()
        })
    }

    fn identify_ours(&self, search: SearchId, read: &[(SourceUid, Reading)]) -> Result<()> {
        self.aside(|tx| {
            let mut statement = tx.prepare_cached(
                "UPDATE search_ours SET identity = ?4, source_digest = ?5, sent_digest = ?6,
                     sent_size = ?7, transforms = ?8, sent = coalesce(second, ?9)
                 WHERE search = ?1 AND source = ?2 AND uid = ?3",
            )?;
            for ((index, uid), reading) in read {
                statement.execute(params![
                    search.0,
                    source(*index)?,
                    uid.0,
                    reading.identity.as_ref().map(|digest| digest.0.as_slice()),
                    reading.source_digest.0.as_slice(),
                    reading.sent_digest.0.as_slice(),
                    signed("a message", reading.sent_size)?,
                    words(&reading.transforms)?,
                    reading.header_second,
                ])?;
            }
            Ok(())
        })
    }

    fn unread_ours(&self, search: SearchId, unread: &[SourceUid]) -> Result<()> {
        self.aside(|tx| {
            let mut statement = tx.prepare_cached(
                "UPDATE search_ours SET unread = 1 WHERE search = ?1 AND source = ?2 AND uid = ?3",
            )?;
            for (index, uid) in unread {
                statement.execute(params![search.0, source(*index)?, uid.0])?;
            }
            Ok(())
        })
    }

    fn unread_theirs(&self, search: SearchId, unread: &[Uid]) -> Result<()> {
        self.aside(|tx| {
            let mut statement = tx.prepare_cached(
                "UPDATE search_theirs SET unread = 1 WHERE search = ?1 AND uid = ?2",
            )?;
            for uid in unread {
                statement.execute(params![search.0, uid.0])?;
            }
            Ok(())
        })
    }

    fn doubts(
        &self,
        search: SearchId,
        behind: Option<SourceUid>,
        limit: usize,
    ) -> Result<Vec<Doubt>> {
        self.aside(|tx| {
            let mut statement = tx.prepare_cached(&format!(
                "SELECT source, uid, near, unread FROM (
                     SELECT o.source, o.uid, o.unread, iif(o.unread,
                         (SELECT min(t.uid) FROM search_theirs t
                             WHERE t.search = ?1 AND {NEAR} AND {DATED_ALIKE} AND {THEIRS_ALONE}),
                         (SELECT min(t.uid) FROM search_theirs t INDEXED BY search_theirs_unread
                             WHERE t.search = ?1 AND t.unread AND {NEAR} AND {DATED_ALIKE})) AS near
                     FROM search_ours o
                     WHERE o.search = ?1 AND (o.source, o.uid) > (?2, ?3) AND o.fate = 0
                         AND {OURS_ALONE})
                 WHERE near IS NOT NULL ORDER BY source, uid LIMIT ?4"
            ))?;
            let (source, uid) = after(behind)?;
            let doubt = |row: &Row<'_>| {
                Ok(Doubt { key: key(row)?, near: Uid(row.get(2)?), unread: row.get(3)? })
            };
            statement.query_and_then(params![search.0, source, uid, most(limit)], doubt)?.collect()
        })
    }

    fn leave_out_like_unplaced(&self, search: SearchId) -> Result<()> {
        self.aside(|tx| {
            tx.execute(
                "DELETE FROM search_ours AS o WHERE search = ?1 AND fate = 0
                     AND size IN (SELECT size FROM search_ours WHERE search = ?1 AND fate = 1)",
                [search.0],
            )?;
            Ok(())
        })
    }

    fn leave_out_other_dates(&self, search: SearchId) -> Result<()> {
        self.aside(|tx| {
            tx.execute(
                "DELETE FROM search_ours AS o WHERE search = ?1 AND fate = 0
                     AND NOT EXISTS (SELECT 1 FROM search_theirs t
                         WHERE t.search = ?1 AND t.second = o.second)",
                [search.0],
            )?;
            Ok(())
        })
    }

    fn count_alike(&self, search: SearchId, looks: &[Look], any_size: bool) -> Result<()> {
        self.aside(|tx| {
            if any_size {
                count_dates(tx, search.0, looks)
            } else {
                count_looks(tx, search.0, looks)
            }
        })
    }

    fn leave_out_twins(&self, search: SearchId) -> Result<()> {
        self.aside(|tx| {
            tx.execute(
                "DELETE FROM search_ours WHERE search = ?1 AND fate = 0 AND alike > 1",
                [search.0],
            )?;
            let far =
                format!("DELETE FROM search_theirs AS t WHERE search = ?1 AND NOT {NEAR_OURS}");
            tx.execute(&far, [search.0])?;
            Ok(())
        })
    }

    fn pair(&self, search: SearchId, fate: Fate, round: Round, other: OtherDate) -> Result<()> {
        self.aside(|tx| pair(tx, search.0, fate, round, other))
    }

    fn paired(
        &self,
        search: SearchId,
        fate: Fate,
        behind: Option<SourceUid>,
        limit: usize,
    ) -> Result<Vec<Paired>> {
        self.aside(|tx| {
            let mut statement = tx.prepare_cached(
                "SELECT p.source, p.uid, t.uid, t.size, t.date, t.flags,
                     o.second IS NULL OR o.second IS t.second,
                     o.source_digest, o.identity, o.sent_digest, o.sent_size, o.transforms,
                     iif(o.second IS NULL, o.sent, NULL)
                 FROM search_pair p
                 JOIN search_ours o ON o.search = ?1 AND o.source = p.source AND o.uid = p.uid
                 JOIN search_theirs t ON t.search = ?1 AND t.uid = p.theirs
                 WHERE p.search = ?1 AND (p.source, p.uid) > (?2, ?3) AND o.fate = ?4
                 ORDER BY p.source, p.uid LIMIT ?5",
            )?;
            let (source, uid) = after(behind)?;
            let from = params![search.0, source, uid, number(fate), most(limit)];
            statement.query_and_then(from, paired)?.collect()
        })
    }

    fn note_twins(&self, search: SearchId, mailbox: &Address) -> Result<Vec<FolderPath>> {
        self.aside(|tx| twins::note(tx, search.0, mailbox))
    }

    fn twins(
        &self,
        search: SearchId,
        folder: &FolderPath,
        behind: i64,
        limit: usize,
    ) -> Result<Vec<Twin>> {
        self.aside(|tx| twins::page(tx, search.0, folder, behind, limit))
    }

    fn part(&self, search: SearchId, ours: &[SourceUid]) -> Result<()> {
        self.aside(|tx| twins::part(tx, search.0, ours))
    }

    fn look_alikes(&self, search: SearchId, limit: usize) -> Result<(u64, Vec<Uid>)> {
        self.aside(|tx| {
            let alike = format!(
                "FROM search_theirs t WHERE search = ?1 AND identity IS NOT NULL AND {THEIRS_ALONE}
                     AND EXISTS (SELECT 1 FROM search_ours o WHERE o.search = ?1 AND o.fate = 0
                         AND o.second = t.second AND {OURS_ALONE})"
            );
            let count = format!("SELECT count(*) {alike}");
            let count = tx.prepare_cached(&count)?.query_row([search.0], |row| row.get(0))?;
            let first = format!("SELECT uid {alike} ORDER BY uid LIMIT ?2");
            let mut first = tx.prepare_cached(&first)?;
            let uid = |row: &Row<'_>| Ok(Uid(row.get(0)?));
            let first = first.query_and_then(params![search.0, most(limit)], uid)?;
            Ok((unsigned(count)?, first.collect::<Result<_, Fault>>()?))
        })
    }
}

/// Counts by size and date. One without a date may be the twin of any of its size.
fn count_looks(tx: &Transaction<'_>, id: i64, looks: &[Look]) -> Result<(), Fault> {
    // Left to itself, SQLite goes through all of ours for each look.
    const COUNT: &str = "UPDATE search_ours INDEXED BY search_ours_look SET alike = alike + 1
         WHERE search = ?1 AND fate = 0 AND alike < 2 AND size = ?2";
    let mut dated = tx.prepare_cached(&format!("{COUNT} AND second = ?3"))?;
    let mut undated = tx.prepare_cached(&format!("{COUNT} AND second IS NULL"))?;
    let mut whatever = tx.prepare_cached(COUNT)?;
    for look in looks {
        let size = signed("RFC822.SIZE", look.size)?;
        match look.second {
            Some(second) => {
                dated.execute(params![id, size, second])?;
                undated.execute(params![id, size])?;
            }
            None => drop(whatever.execute(params![id, size])?),
        }
    }
    Ok(())
}

/// Counts by date alone. One without a date may be the twin of any: all of them are counted at once.
fn count_dates(tx: &Transaction<'_>, id: i64, looks: &[Look]) -> Result<(), Fault> {
    let mut dated = tx.prepare_cached(
        "UPDATE search_ours INDEXED BY search_ours_second SET alike = alike + 1
         WHERE search = ?1 AND fate = 0 AND alike < 2 AND second = ?2",
    )?;
    let seconds = looks.iter().filter_map(|look| look.second);
    for second in seconds {
        dated.execute(params![id, second])?;
    }
    let without = looks.iter().filter(|look| look.second.is_none()).count();
    for (count, of) in [(looks.len() - without, " AND second IS NULL"), (without, "")] {
        if count == 0 {
            continue;
        }
        tx.prepare_cached(&format!(
            "UPDATE search_ours SET alike = min(2, alike + ?2)
             WHERE search = ?1 AND fate = 0 AND alike < 2{of}"
        ))?
        .execute(params![id, most(count.min(2))])?;
    }
    Ok(())
}

#[cfg(test)]
#[path = "searches_tests.rs"]
mod tests;
