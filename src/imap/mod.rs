//! The IMAP layer: frames, values, one task that reads, typed commands. Nothing here ever turns a
//! lost line, a NO or an unreadable record into a shorter list.

pub mod append;
pub mod brake;
pub mod connection;
pub mod dial;
pub mod error;
pub mod fetch;
pub mod frame;
mod identity;
pub mod list;
pub mod mailbox_name;
pub mod move_messages;
pub mod select;
pub mod sequence_set;
pub mod sign_in;
pub mod source;
pub mod status;
pub mod store;
pub mod timeouts;
pub mod value;

mod fetch_item;
mod pending;
mod quote;
mod reader;
mod response;
mod row_runs;
mod send;
mod shared;
pub(crate) mod tls;
mod transport;
mod turn;

pub use append::{AppendBody, PendingAppend};
pub use brake::Brake;
pub use connection::{Connection, Credential, WORN};
pub use dial::{BoxStream, Dial, Dialled, Tcp};
pub use error::ImapError;
pub use fetch::{Bodies, BodyEvent, FetchRow, Lacking, RowQuery, Rows};
pub use list::ListEntry;
pub use select::Selected;
pub use sequence_set::SequenceSet;
pub use source::SourceConnection;
pub use timeouts::Timeouts;
