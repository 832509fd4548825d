//! The narrow traits between the core and the world, by role and not by product.

pub mod archive;
pub mod clock;
pub mod directory;
pub mod dns;
pub mod ledger;
pub mod search;
pub mod secrets;
pub mod tokens;
