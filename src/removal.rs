//! Removes messages of ours from the destination, exactly those and no other: the one way that
//! `rollback --copies`, extra copies and the policy for deletions share.
//!
//! Each batch is looked at right before: intent in the journal → STORE → UID EXPUNGE → FETCH →
//! ledger → end in the journal. What a kill leaves of a batch is taken up before anything else.

mod done;
mod expunge;
mod intent;
mod look;
mod take_up;
mod vanished;

pub use done::is_done;
pub use expunge::{Batch, Removed, remove, require_uidplus};
pub use intent::{Intent, Own, Purpose, begun};
pub use look::{Standing, look};
pub use take_up::{Hands, TakenUp, take_up};
pub use vanished::{Unsettled, Verdict, has_copy, judge};

/// Messages that are removed together: what a crash leaves in between is looked at again.
pub const BATCH: usize = 200;
