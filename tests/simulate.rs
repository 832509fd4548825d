//! The simulated services: the engine against the RFC, each habit provoked, faults, and migrations
//! by the real program through real TLS.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]

#[path = "simulate/answers.rs"]
mod answers;
#[path = "simulate/engine.rs"]
mod engine;
#[path = "simulate/faults.rs"]
mod faults;
#[path = "simulate/habits.rs"]
mod habits;
#[path = "simulate/migrations.rs"]
mod migrations;
#[path = "simulate/observed.rs"]
mod observed;
#[path = "simulate/proof.rs"]
mod proof;
#[path = "simulate/raw.rs"]
mod raw;
#[path = "simulate/removal.rs"]
mod removal;
#[path = "simulate/seldom.rs"]
mod seldom;
#[path = "simulate/strictness.rs"]
mod strictness;
