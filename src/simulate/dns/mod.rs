//! Simulated DNS: authoritative servers, some of which lag behind, and resolvers that cache.
//!
//! A [`Primary`] has a [`Zone`] in all its versions and takes UPDATEs, RFC 2136, that are signed
//! with one of its keys, RFC 8945. A [`NameServer`] shows zones as they were some time ago, a
//! [`Resolver`] asks name servers and keeps what they say. An [`Internet`] gives each of them an
//! address of its own: they listen on loopback, and whoever is routed by it finds them there. All
//! of them tell the time by the clock that they are given.
//!
//! Not simulated: DNSSEC, wildcards, zone transfers (a secondary sees its primary in memory), and
//! classes other than IN.

mod authority;
mod cache;
mod editor;
mod internet;
mod key;
mod listen;
mod primary;
mod question;
mod resolver;
mod update;
mod zone;

pub use authority::{Manner, NameServer};
pub use editor::{EditError, ZoneEditor};
pub use internet::Internet;
pub use key::Key;
pub use primary::Primary;
pub use resolver::Resolver;
pub use zone::Zone;
