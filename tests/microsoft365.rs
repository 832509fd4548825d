//! Microsoft 365 as a destination, in memory and in simulated time: tokens, the directory, and whole
//! migrations to a simulated Exchange that takes nothing but tokens.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]

#[path = "microsoft365/directory.rs"]
mod directory;
#[path = "microsoft365/dns.rs"]
mod dns;
#[path = "microsoft365/http.rs"]
mod http;
#[path = "microsoft365/migrating.rs"]
mod migrating;
#[path = "microsoft365/strictness.rs"]
mod strictness;
#[path = "microsoft365/tokens.rs"]
mod tokens;
#[path = "microsoft365/world.rs"]
mod world;
