//! The ledger in SQLite: one file beside the migration plan.
//!
//! `open` makes and checks the file, `schema` its tables, `lock` says who may write, `rows` turns
//! messages into columns and back, `sqlite` is the port.

pub mod owner;
pub mod sqlite;

mod fault;
mod folders;
mod lock;
mod messages;
mod open;
mod pauses;
mod rows;
mod schema;
mod strays;

pub use owner::{current_owner, is_gone};
pub use sqlite::SqliteLedger;
