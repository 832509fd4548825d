//! Moves an organisation's mail from Rackspace Email, or any IMAP server, to another one the way
//! infrastructure as code moves infrastructure: a reviewed plan, an exact apply, and proof.
//!
//! `plan.yaml → document → Desired; ports → observe → Observed; (Desired, Observed, ledger
//! summary) → planner → Plan → render | saved plan → executor (observe again → intent → do →
//! outcome → event) → verify → Evidence`, again until nothing is ready.

pub mod accounts;
pub mod archive;
pub mod blocking;
pub mod catalogue;
pub mod cli;
pub mod clock;
pub mod copy;
pub mod desired;
pub mod dns;
pub mod document;
pub mod error;
pub mod executor;
pub mod http;
pub mod imap;
pub mod ledger;
pub mod message;
pub mod microsoft365;
pub mod model;
pub mod observation;
pub mod observe;
pub mod observed;
pub mod planner;
pub mod ports;
pub mod profile;
pub mod progress;
pub mod rehearse;
pub mod removal;
pub mod render;
pub mod rollback;
pub mod secrets;
pub mod simulate;
pub mod throttle;
pub mod verify;
