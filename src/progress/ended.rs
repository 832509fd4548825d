//! The end of an action in words.

use super::text::{count, safe};
use crate::executor::event::Outcome;
use crate::model::size::Size;
use crate::planner::plan::ActionId;
use std::collections::BTreeMap;

/// Numbers worth a line, in the order in which they are told. Created folders and subscriptions
/// are told by the total.
const NUMBERS: [(&str, &str); 6] = [
    ("copied", "copied"),
    ("found", "there already"),
    ("moved", "moved or with new numbers at the source"),
    ("flags", "with new flags"),
    ("excepted", "left behind"),
    ("refused", "refused"),
];

/// Describes how an action ended, one line or several; `None` when there is nothing to say.
pub(super) fn describe(id: &ActionId, outcome: &Outcome) -> Option<Vec<String>> {
    let id = name(&id.0);
    let lines = match outcome {
        Outcome::Done { tally } => vec![format!("{id}: {}", numbers(tally)?)],
        // The end of the run says both, once.
        Outcome::AlreadyDone | Outcome::Interrupted => return None,
        Outcome::Stale { difference } => {
            vec![format!("{id}: stale, not done: {}", safe(difference))]
        }
        Outcome::Skipped { reason } => vec![format!("{id}: skipped: {}", safe(reason))],
        Outcome::Blocked { by } => {
            vec![format!("{id}: not done, because {} did not end well", name(&by.0))]
        }
        Outcome::Failed { message, words, hints, code } => {
            let mut lines = vec![format!("{id}: failed [{code}]: {}", safe(message))];
            lines.extend(words.iter().map(|words| format!("  said: {}", safe(words))));
            lines.extend(hints.iter().map(|hint| format!("  next: {}", safe(hint))));
            lines
        }
    };
    Some(lines)
}

/// Names an action as short as a log line wants it: a copy by its source folder alone.
fn name(id: &str) -> String {
    match id.split_once('/') {
        Some(("copy_folder", rest)) => safe(rest),
        Some(("create_folder", rest)) => format!("create {}", safe(rest)),
        Some(("set_subscription", rest)) => format!("subscribe {}", safe(rest)),
        _ => safe(id),
    }
}

fn numbers(tally: &BTreeMap<&'static str, u64>) -> Option<String> {
    let mut parts = Vec::new();
    for (key, words) in NUMBERS {
        let Some(&number) = tally.get(key).filter(|&&number| number > 0) else { continue };
        parts.push(format!("{} {words}", count(number)));
        if key == "copied" {
            parts.extend(tally.get("bytes").map(|&bytes| Size(bytes).to_string()));
        }
    }
    (!parts.is_empty()).then(|| parts.join(", "))
}
