//! A request for patience in words.

use super::text::{safe, span};
use crate::executor::event::Event;

/// Describes it: who waits, for how long, and what became of the connections.
pub(super) fn describe(event: &Event) -> Option<String> {
    let Event::Throttled {
        side,
        mailbox,
        server,
        milliseconds,
        connections_before,
        connections_now,
        words,
    } = event
    else {
        return None;
    };
    let mut parts = Vec::new();
    if *milliseconds > 0 {
        parts.push(format!("waiting {}", span(milliseconds.div_ceil(1_000))));
    }
    if let (Some(before), Some(now)) = (connections_before, connections_now) {
        parts.push(format!("connections halved from {before} to {now}"));
    }
    if parts.is_empty() {
        return None;
    }
    Some(format!(
        "{}: {}: the {side} {} said \"{}\"",
        safe(mailbox),
        parts.join(", "),
        safe(server),
        safe(words)
    ))
}
