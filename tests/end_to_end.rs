//! The program itself against real servers: two Dovecots and BIND, from the migration plan to the
//! proof, with everything in between that kills a migration. What arrived is judged by the
//! fixture's own client, never by mailferry.

// Helpers of tests are not seen as tests by these lints.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

mod lab;

#[path = "end_to_end/adoption.rs"]
mod adoption;
#[path = "end_to_end/books.rs"]
mod books;
#[path = "end_to_end/compared.rs"]
mod compared;
#[path = "end_to_end/cyrus.rs"]
mod cyrus;
#[path = "end_to_end/exchange_adoption.rs"]
mod exchange_adoption;
#[path = "end_to_end/exchange_kills.rs"]
mod exchange_kills;
#[path = "end_to_end/exchange_profile.rs"]
mod exchange_profile;
#[path = "end_to_end/far.rs"]
mod far;
#[path = "end_to_end/ferry.rs"]
mod ferry;
#[path = "end_to_end/folder_names.rs"]
mod folder_names;
#[path = "end_to_end/hierarchy.rs"]
mod hierarchy;
#[path = "end_to_end/kills.rs"]
mod kills;
#[path = "end_to_end/lane.rs"]
mod lane;
#[path = "end_to_end/large.rs"]
mod large;
#[path = "end_to_end/mailbox.rs"]
mod mailbox;
#[path = "end_to_end/memory.rs"]
mod memory;
#[path = "end_to_end/merge.rs"]
mod merge;
#[path = "end_to_end/outage.rs"]
mod outage;
#[path = "end_to_end/passes.rs"]
mod passes;
#[path = "end_to_end/peers.rs"]
mod peers;
#[path = "end_to_end/random.rs"]
mod random;
#[path = "end_to_end/real.rs"]
mod real;
#[path = "end_to_end/signals.rs"]
mod signals;
#[path = "end_to_end/simulated.rs"]
mod simulated;
#[path = "end_to_end/story.rs"]
mod story;
#[path = "end_to_end/truth.rs"]
mod truth;
