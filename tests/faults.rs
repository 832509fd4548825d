//! What goes wrong at the servers, in the files and on the wire: each time a clear message, the
//! right exit code, nothing lost and nothing twice.

// Helpers of tests are not seen as tests by these lints.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

mod lab;
mod migration;

#[path = "faults/alike.rs"]
mod alike;
#[path = "faults/answers.rs"]
mod answers;
#[path = "faults/catalogue.rs"]
mod catalogue;
#[path = "faults/copying.rs"]
mod copying;
#[path = "faults/damaged.rs"]
mod damaged;
#[path = "faults/dates.rs"]
mod dates;
#[path = "faults/every_octet.rs"]
mod every_octet;
#[path = "faults/files.rs"]
mod files;
#[path = "faults/mailboxes.rs"]
mod mailboxes;
#[path = "faults/moved.rs"]
mod moved;
#[path = "faults/observing.rs"]
mod observing;
#[path = "faults/one_folder.rs"]
mod one_folder;
#[path = "faults/reaching.rs"]
mod reaching;
#[path = "faults/relay.rs"]
mod relay;
#[path = "faults/removing.rs"]
mod removing;
#[path = "faults/saved_plans.rs"]
mod saved_plans;
#[path = "faults/script.rs"]
mod script;
#[path = "faults/secrets.rs"]
mod secrets;
#[path = "faults/session.rs"]
mod session;
#[path = "faults/superiors.rs"]
mod superiors;
#[path = "faults/throttling.rs"]
mod throttling;
#[path = "faults/unread.rs"]
mod unread;
#[path = "faults/withheld.rs"]
mod withheld;
