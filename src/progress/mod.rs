//! Progress of long work: bars at a terminal, plain lines elsewhere, JSON for programs.
//!
//! All three listen to the executor's events. Rates and times left come from the clock that they
//! are given.

mod board;
mod ended;
mod patience;
mod text;

pub mod bars;
pub mod lines;
pub mod ndjson;

pub use bars::Bars;
pub use lines::Lines;
pub use ndjson::Ndjson;

#[cfg(test)]
mod tests;
