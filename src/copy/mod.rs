//! The copy engine: inventory, batches of bodies, a window of appends, recovery.
//!
//! It names no product: what a server can take comes in a [`desk::Policy`].

pub mod acks;
pub mod again;
pub mod batches;
pub mod bodies;
mod checkpoint;
pub mod desk;
mod doubts;
mod elsewhere;
mod flags;
pub mod folder;
pub mod inventory;
mod landmarks;
mod leftover;
pub mod lines;
pub mod look_alikes;
pub mod memory;
pub mod nonexistent;
mod orphans;
pub mod pace;
mod pairs;
mod paths;
mod pending;
pub mod progress;
pub mod reasons;
pub mod recovery;
pub mod roll;
mod search;
pub mod send;
pub mod stop;
mod strays;
pub mod stream;
pub mod tally;
pub mod there;
mod twins;
mod unclear;
pub mod unread;
pub mod window;
