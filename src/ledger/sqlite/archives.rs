//! Archives in the ledger.

use super::SqliteLedger;
use crate::error::Result;
use crate::ledger::fault::Fault;
use crate::ledger::rows::{date, digest, flags, signed, unsigned, words};
use crate::model::internal_date::InternalDate;
use crate::model::uid::{Uid, UidValidity};
use crate::ports::archive::{ArchiveFolder, ArchiveKey, Archived, Archives, Stage};
use rusqlite::{OptionalExtension, Row, Transaction, params};

fn find(tx: &Transaction<'_>, at: &ArchiveKey) -> Result<Option<i64>, Fault> {
    let mut statement = tx.prepare_cached(
        "SELECT id FROM archive_folder WHERE archive = ?1 AND mailbox = ?2 AND path = ?3",
    )?;
    let (mailbox, path) = (at.source.mailbox.as_str(), at.source.folder.to_string());
    Ok(statement.query_row(params![at.archive, mailbox, path], |row| row.get(0)).optional()?)
}

fn known(tx: &Transaction<'_>, at: &ArchiveKey) -> Result<i64, Fault> {
    find(tx, at)?.ok_or_else(|| Fault::Unarchived(at.source.folder.clone()))
}

fn archived(row: &Row<'_>) -> Result<Archived, Fault> {
    Ok(Archived {
        uid: Uid(row.get(0)?),
        name: row.get(1)?,
        begins: unsigned(row.get(2)?)?,
        stored: unsigned(row.get(3)?)?,
        ends: unsigned(row.get(4)?)?,
        size: unsigned(row.get(5)?)?,
        digest: digest(row.get(6)?)?,
        flags: flags(&row.get::<_, String>(7)?)?,
        internal_date: row.get::<_, Option<String>>(8)?.map(|text| date(&text)).transpose()?,
    })
}

impl Archives for SqliteLedger {
    fn archive_folder(&self, at: &ArchiveKey) -> Result<Option<ArchiveFolder>> {
        self.read(|tx| {
            let Some(id) = find(tx, at)? else { return Ok(None) };
            let mut statement = tx.prepare_cached(
                "SELECT uid_validity, place, format, stage FROM archive_folder WHERE id = ?1",
            )?;
            let mut rows = statement.query([id])?;
            let Some(row) = rows.next()? else { return Ok(None) };
            let stage = match row.get::<_, i64>(3)? {
                0 => Stage::Planned,
                1 => Stage::Writing,
                2 => Stage::Complete,
                other => return Err(Fault::Damaged(format!("an archive in stage {other}"))),
            };
            Ok(Some(ArchiveFolder {
                uid_validity: UidValidity(row.get(0)?),
                place: row.get(1)?,
                format: row.get(2)?,
                stage,
            }))
        })
    }

    fn set_archive_folder(&self, at: &ArchiveKey, folder: &ArchiveFolder) -> Result<()> {
        let stage = match folder.stage {
            Stage::Planned => 0,
            Stage::Writing => 1,
            Stage::Complete => 2,
        };
        self.durable(|tx| {
            tx.prepare_cached(
                "INSERT INTO archive_folder
                     (archive, mailbox, path, uid_validity, place, format, stage)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
                 ON CONFLICT (archive, mailbox, path) DO UPDATE SET
                     uid_validity = excluded.uid_validity, place = excluded.place,
                     format = excluded.format, stage = excluded.stage",
            )?
            .execute(params![
                at.archive,
                at.source.mailbox.as_str(),
                at.source.folder.to_string(),
                folder.uid_validity.0,
                folder.place,
                folder.format,
                stage,
            ])?;
            Ok(())
        })
    }

    fn knows_archive(&self, archive: &str) -> Result<bool> {
        self.read(|tx| {
            let mut statement = tx.prepare_cached(
                "SELECT EXISTS (SELECT 1 FROM archive_folder WHERE archive = ?1)",
            )?;
            Ok(statement.query_row([archive], |row| row.get(0))?)
        })
    }

    fn archived(&self, at: &ArchiveKey, from: Uid, limit: usize) -> Result<Vec<Archived>> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.read(|tx| {
            let Some(id) = find(tx, at)? else { return Ok(Vec::new()) };
            let mut statement = tx.prepare_cached(
                "SELECT uid, name, begins, stored, ends, size, digest, flags, internal_date
                 FROM archive_message WHERE folder = ?1 AND uid >= ?2 ORDER BY uid LIMIT ?3",
            )?;
            let mut rows = statement.query(params![id, from.0, limit])?;
            let mut messages = Vec::new();
            while let Some(row) = rows.next()? {
                messages.push(archived(row)?);
            }
            Ok(messages)
        })
    }

    fn archive_end(&self, at: &ArchiveKey) -> Result<u64> {
        self.read(|tx| {
            let Some(id) = find(tx, at)? else { return Ok(0) };
            let mut statement = tx.prepare_cached(
                "SELECT coalesce(max(ends), 0) FROM archive_message WHERE folder = ?1",
            )?;
            unsigned(statement.query_row([id], |row| row.get(0))?)
        })
    }

    fn archive(&self, at: &ArchiveKey, messages: &[Archived]) -> Result<()> {
        self.durable(|tx| {
            let id = known(tx, at)?;
            let mut statement = tx.prepare_cached(
                "INSERT INTO archive_message
                     (folder, uid, name, begins, stored, ends, size, digest, flags, internal_date)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
            )?;
            for message in messages {
                statement.execute(params![
                    id,
                    message.uid.0,
                    message.name,
                    signed("an offset", message.begins)?,
                    signed("a message", message.stored)?,
                    signed("an offset", message.ends)?,
                    signed("a message", message.size)?,
                    message.digest.0.as_slice(),
                    words(&message.flags)?,
                    message.internal_date.as_ref().map(InternalDate::as_str),
                ])?;
            }
            Ok(())
        })
    }
}
