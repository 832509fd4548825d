//! Microsoft 365 as far as it is no IMAP: tokens of Microsoft Entra.

mod hosts;
mod refusal;
mod token;

pub use hosts::{GRAPH, LOGIN, Resource};
pub use token::AppTokens;
