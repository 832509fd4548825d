//! The commands beside plan, apply and verify, and the keys that say which messages go when and
//! how fast, against real servers.

// Helpers of tests are not seen as tests by these lints.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod lab;
mod migration;

#[path = "commands/archive.rs"]
mod archive;
#[path = "commands/choice.rs"]
mod choice;
#[path = "commands/deletions.rs"]
mod deletions;
#[path = "commands/rehearse.rs"]
mod rehearse;
#[path = "commands/resting.rs"]
mod resting;
#[path = "commands/rollback.rs"]
mod rollback;

use lab::seeds::Mail;

const APPLY: [&str; 3] = ["apply", "plan.yaml", "--auto-approve"];

/// A message of a day with so many octets.
fn dated(name: &str, date: &str, octets: usize) -> Mail {
    let head = format!("From: ada@acme.example\r\nSubject: {name}\r\n\r\n");
    let line = format!("{}\r\n", "x".repeat(70));
    let mut body = head;
    while body.len() < octets {
        body.push_str(&line);
    }
    Mail::new(name, date, body)
}

fn json(text: &str) -> serde_json::Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}
