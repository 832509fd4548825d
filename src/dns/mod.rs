//! Reads zones from every authoritative server and from resolvers, and never writes.
//!
//! The messages go through the transports of hickory-resolver rather than its `Resolver`: that
//! one tries servers until an answer pleases, while here each server's own answer, its AA bit and
//! its refusal are what is wanted.

mod answer;
mod ask;
mod discover;
mod view;

pub use view::HickoryView;
