//! Secrets: read by reference, and handed only to servers that somebody trusted with them.
//!
//! `value` reads them, `binding` says what a consent covers, `trust` keeps consents, `prompt` asks,
//! `store` is the port.

pub mod prompt;
pub mod store;
pub mod trust;

mod binding;
mod fault;
mod value;

pub use prompt::{Prompt, TerminalPrompt};
pub use store::BoundSecrets;
pub use trust::{TrustedHost, trust_file};
