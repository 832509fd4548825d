//! Messages as octets: what a destination cannot take, and the named changes that help.
//!
//! Pure: no I/O and no knowledge of servers.

pub mod canonical;
pub mod date;
pub mod header_text;
pub mod scan;
pub mod transform;
