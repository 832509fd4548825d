//! `status --changes`: every message that a transform changed.

use crate::cli::rows;
use crate::cli::whole::{self, Readers};
use crate::cli::wiring::World;
use crate::error::{Error, Result};
use crate::model::folder::FolderPath;
use crate::model::uid::UidValidity;
use crate::ports::ledger::{FolderKey, MessageState};
use crate::render::changes::{Change, Changes};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter};
use std::path::Path;

/// Writes the list, for the owner's eyes only, and counts its messages by transform.
pub(crate) fn keep(world: &World, path: &Path) -> Result<BTreeMap<String, u64>> {
    let failed = |error: io::Error| whole::failed(path, error);
    whole::with(path, Readers::Owner, |file| write(world, file, failed))
}

fn write(
    world: &World,
    file: File,
    failed: impl Fn(io::Error) -> Error,
) -> Result<BTreeMap<String, u64>> {
    let mut list = Changes::new(BufWriter::new(file)).map_err(&failed)?;
    let mut counts = BTreeMap::new();
    for (source, _) in world.ledger.tallies()? {
        let Some(validity) = world.ledger.listed_under(&source)? else { continue };
        let bound = world.ledger.binding(&source)?.map(|bound| bound.folder);
        folder(world, &source, validity, bound.as_ref(), &mut list, &mut counts, &failed)?;
    }
    list.end().map_err(&failed)?;
    Ok(counts)
}

fn folder(
    world: &World,
    source: &FolderKey,
    validity: UidValidity,
    bound: Option<&FolderPath>,
    list: &mut Changes<BufWriter<File>>,
    counts: &mut BTreeMap<String, u64>,
    failed: impl Fn(io::Error) -> Error,
) -> Result<()> {
    rows::pages(world.ledger.as_ref(), source, validity, |rows| {
        for row in rows {
            let is_there = matches!(row.state, MessageState::Acknowledged | MessageState::Verified);
            let Some(copied) = row.copied.as_ref().filter(|_| is_there) else { continue };
            if copied.transforms.is_empty() {
                continue;
            }
            let change = Change {
                mailbox: &source.mailbox,
                folder: &source.folder,
                uid_validity: validity,
                uid: row.listed.uid,
                date: row.listed.internal_date.as_ref(),
                size: row.listed.size,
                transforms: &copied.transforms,
                size_sent: copied.size,
                destination_folder: copied.elsewhere.as_ref().or(bound),
                destination_uid: copied.destination.map(|(_, uid)| uid),
                proven_at: row.proven_at.filter(|_| row.state == MessageState::Verified),
            };
            list.add(&change).map_err(&failed)?;
            for transform in &copied.transforms {
                *counts.entry(transform.clone()).or_default() += 1;
            }
        }
        Ok(())
    })
}
