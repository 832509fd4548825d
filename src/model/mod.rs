//! The shared vocabulary: plain data without I/O, clock or randomness.

pub mod address;
pub mod bucket;
pub mod date_range;
pub mod digest;
pub mod flags;
pub mod folder;
pub mod hours;
pub mod internal_date;
pub mod pairing;
pub mod position;
pub mod reading;
pub mod records;
pub mod sampling;
pub mod server;
pub mod shape;
pub mod share;
pub mod size;
pub mod uid;
pub mod uid_set;
pub mod words;
