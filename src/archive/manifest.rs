//! The manifest beside an archive: every message with its place, length, digest, flags and date.

use super::pages::Pages;
use super::run::key;
use super::{FolderProof, Order, files};
use crate::copy::desk::Desk;
use crate::error::{Error, ErrorKind, Result};
use serde_json::{Value, json};
use std::io::{BufWriter, Read, Write};
use std::path::{Path, PathBuf};

/// Its name in the archive.
pub const NAME: &str = "mailferry-manifest.json";

/// Ends the head of a manifest.
const FOLDERS: &[u8] = b",\"folders\":[";

/// A head is shorter than this.
const HEAD: u64 = 1 << 16;

/// Reads from a manifest under which path the ledger knows its archive; `None` when it does not
/// say so or is none.
pub fn recorded_as(path: &Path) -> Result<Option<String>> {
    let mut head = Vec::new();
    files::open(path, false)?
        .take(HEAD)
        .read_to_end(&mut head)
        .map_err(|error| files::failed(path, error))?;
    let end = head.windows(FOLDERS.len()).position(|octets| octets == FOLDERS);
    let Some(head) = end.and_then(|end| head.get(..end)) else { return Ok(None) };
    let head: Option<Value> = serde_json::from_slice(&[head, b"}"].concat()).ok();
    Ok(head.and_then(|head| head.get("archive")?.as_str().map(str::to_owned)))
}

/// Writes the manifest anew, whole or not at all, and returns its path. The caller made sure that
/// one that is there belongs to this archive.
pub async fn write(desk: &Desk, order: &Order, proofs: &[FolderProof]) -> Result<PathBuf> {
    let path = order.to.join(NAME);
    let fresh = order.to.join(format!("{NAME}.new"));
    let failed = |error| files::failed(&fresh, error);
    if files::exists(&fresh)? {
        std::fs::remove_file(&fresh).map_err(failed)?;
    }
    let mut file = BufWriter::new(files::create(&fresh)?);
    let head = json!({
        "archive": order.name(), "format_version": "1.0", "mailbox": order.mailbox.source, "format": order.format.word(),
        "since": order.range.since, "until": order.range.until,
    });
    // A list of messages may be long: it is written as it is read.
    let head = text(&head)?;
    file.write_all(head.trim_end_matches('}').as_bytes()).map_err(failed)?;
    file.write_all(FOLDERS).map_err(failed)?;
    for (index, proof) in proofs.iter().enumerate() {
        let comma = if index > 0 { ",\n" } else { "\n" };
        let proven = serde_json::to_value(proof).map_err(unwritten)?;
        file.write_all(comma.as_bytes()).map_err(failed)?;
        let proven = text(&proven)?;
        file.write_all(proven.trim_end_matches('}').as_bytes()).map_err(failed)?;
        file.write_all(b",\"messages\":[").map_err(failed)?;
        let folder = proof.folder.parse().map_err(|reason: String| {
            Error::new(
                ErrorKind::Failed,
                "E507",
                format!("the manifest could not be written: {reason}"),
            )
        })?;
        let at = key(order, &folder);
        let mut first = true;
        let mut pages = Pages::new(desk, &at);
        loop {
            let page = pages.next().await?;
            if page.is_empty() {
                break;
            }
            for message in &page {
                let comma = if first { "\n" } else { ",\n" };
                first = false;
                let line = text(&json!({
                    "uid": message.uid, "name": message.name, "begins": message.begins,
                    "stored": message.stored, "size": message.size, "digest": message.digest,
                    "flags": message.flags,
                    "date": message.internal_date.as_ref().map(ToString::to_string),
                }))?;
                file.write_all(comma.as_bytes()).map_err(failed)?;
                file.write_all(line.as_bytes()).map_err(failed)?;
            }
        }
        file.write_all(b"]}").map_err(failed)?;
    }
    file.write_all(b"]}\n").map_err(failed)?;
    file.flush().and_then(|()| file.get_ref().sync_all()).map_err(failed)?;
    std::fs::rename(&fresh, &path).map_err(|error| files::failed(&path, error))?;
    files::sync_dir(&order.to)?;
    Ok(path)
}

fn text(value: &Value) -> Result<String> {
    serde_json::to_string(value).map_err(unwritten)
}

fn unwritten(error: serde_json::Error) -> Error {
    Error::new(ErrorKind::Failed, "E507", "the manifest could not be written").source(error)
}
