//! The executor: does exactly what was approved, and tells what happens.

pub mod event;
