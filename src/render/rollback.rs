//! What a rollback would remove, what it keeps and why.

use crate::model::size::Size;
use crate::render::style::{clean, count};
use crate::rollback::Rollback;
use serde_json::{Value, json};
use std::fmt::Write as _;

/// Renders a rollback before it is approved.
pub fn text(rollback: &Rollback) -> String {
    let mut text =
        format!("Copies of {} in {} at the destination\n", rollback.mailbox, rollback.destination);
    for place in &rollback.places {
        let from = if place.source == place.destination {
            String::new()
        } else {
            format!("   (from {})", clean(&place.source.to_string()))
        };
        let _ = writeln!(
            text,
            "  - {}   {}, {}{from}",
            clean(&place.destination.to_string()),
            count(place.uids.len() as u64, "message", "messages"),
            Size(place.bytes),
        );
    }
    for (folder, reasons) in &rollback.kept {
        for (reason, number) in reasons {
            let _ = writeln!(
                text,
                "    {}   {}: {}",
                clean(&folder.to_string()),
                count(*number, "copy stays", "copies stay"),
                clean(reason),
            );
        }
    }
    for folder in &rollback.interrupted {
        let _ = writeln!(
            text,
            "    {}   may hold more copies: an interrupted apply did not record all of them; apply \
             again first to have them found",
            clean(&folder.to_string()),
        );
    }
    if rollback.gone > 0 {
        let _ = writeln!(
            text,
            "    {} removed already by a rollback that was cut off.",
            count(rollback.gone, "copy was", "copies were")
        );
    }
    let _ = writeln!(
        text,
        "Rollback: {}, {} to remove. Folders stay, also empty ones. The source is not touched.",
        count(rollback.messages(), "message", "messages"),
        Size(rollback.bytes()),
    );
    text
}

/// Returns a rollback as data.
pub fn json(rollback: &Rollback, removed: Option<u64>) -> Value {
    let places: Vec<Value> = rollback
        .places
        .iter()
        .map(|place| {
            json!({
                "source": place.source, "destination": place.destination,
                "uid_validity": place.destination_validity,
                "messages": place.uids.len(), "bytes": place.bytes,
            })
        })
        .collect();
    let kept: Vec<Value> = rollback
        .kept
        .iter()
        .map(|(folder, reasons)| json!({ "source": folder, "reasons": reasons }))
        .collect();
    json!({
        "format_version": "1.0", "mailbox": rollback.mailbox,
        "destination": rollback.destination, "digest": rollback.digest(),
        "messages": rollback.messages(), "bytes": rollback.bytes(),
        "removed_before": rollback.gone, "interrupted": rollback.interrupted, "remove": places, "keep": kept, "removed": removed,
    })
}
