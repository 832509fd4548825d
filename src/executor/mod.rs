//! The executor: does exactly what was approved, and tells what happens.
//!
//! Each kind of action has its acting half here and its pure half under the same name in
//! `planner`.

mod copy_folder;
mod create_folder;
pub mod event;
pub mod mailbox;
pub mod own_duplicates;
pub mod owner;
mod refused_name;
mod remove_copies;
pub mod report;
pub mod resting;
pub mod run;
mod set_subscription;
