//! Simulated IMAP services: an RFC 3501 server with a store in memory, and on top of it the habits
//! of Exchange Online and of Rackspace Email, each a switch of its own ([`HABITS`]).
//!
//! A [`Service`] has users with mailboxes. It speaks over any stream: over TLS on loopback
//! ([`Listener`]), or in memory ([`Service::connect`]). [`Script`] says what goes wrong, [`Hands`]
//! are others who change mailboxes meanwhile, and [`Oracle`] sees what is really there. Time comes
//! from tokio and from the clock that the service is given; there is no state outside a service.
//!
//! Not simulated, and refused as unknown: ENVELOPE, BODYSTRUCTURE, the parts of a message by their
//! numbers, QRESYNC, SORT, THREAD, ACL and QUOTA. A message with a NUL is refused.

mod authority;
mod clock;
mod command;
mod deed;
pub mod dns;
mod entity;
mod fault;
mod fetch_item;
mod folder;
mod habit;
mod hands;
mod lexer;
mod listen;
mod mailbox;
mod oracle;
mod product;
mod rewrite;
mod search;
mod sequence;
mod service;
mod session;
mod voice;
pub mod web;
mod wire;

pub use authority::Authority;
pub use clock::{SteppedClock, TokioClock};
pub use deed::Deed;
pub use fault::{Fault, Mischief, Script, When};
pub use folder::{Condition, Message, Writer};
pub use habit::{Evidence, HABITS, Habit, HabitFact, Habits};
pub use hands::{Delivery, Hands, Undone};
pub use listen::{Listener, Serve};
pub use oracle::{FolderTruth, MailboxTruth, Oracle, OtherView};
pub use product::{DefaultFolder, Language, Product, Throttle, Voice};
pub use service::{Access, Service};
