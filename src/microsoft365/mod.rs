//! Microsoft 365 as far as it is no IMAP: tokens of Microsoft Entra, and the directory of a tenant.

mod domains;
mod graph;
mod hosts;
mod refusal;
mod token;

pub use domains::GraphDirectory;
pub use hosts::{GRAPH, LOGIN, Resource};
pub use token::AppTokens;
