//! Messages as octets: what a destination cannot take, and the named changes that help.
//!
//! Pure: no I/O and no knowledge of servers.

pub mod canonical;
pub mod date;
mod eight_bit_header;
mod encoded_word;
pub mod header_text;
mod long_lines;
mod mime_header;
pub mod rules;
pub mod scan;
pub mod transform;
