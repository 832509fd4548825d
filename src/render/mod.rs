//! Plans as people and programs read them. Values in, text out: no I/O, no clock.

pub mod style;
