//! How fast and when mail is copied, over all mailboxes of a run.

use crate::error::{Error, ErrorKind, Retry};
use crate::model::bucket::Bucket;
use crate::model::hours::Pacing;
use jiff::Timestamp;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// What all mailboxes of a run share.
#[derive(Debug)]
pub struct Pace {
    pacing: Pacing,
    bucket: Option<Mutex<Bucket>>,
    begun: Instant,
}

impl Pace {
    /// Makes it from the migration plan.
    pub fn new(pacing: &Pacing) -> Self {
        let bucket = pacing.bandwidth.map(|rate| Mutex::new(Bucket::new(rate, Duration::ZERO)));
        Self { pacing: pacing.clone(), bucket, begun: Instant::now() }
    }

    /// Takes octets and returns how long to wait before they may go out.
    pub fn take(&self, octets: u64) -> Duration {
        let Some(bucket) = &self.bucket else { return Duration::ZERO };
        let mut bucket = bucket.lock().unwrap_or_else(PoisonError::into_inner);
        bucket.take(octets, self.begun.elapsed())
    }

    /// Returns what says that it is outside the hours, with the time until the next ones.
    pub fn rest(&self, now: Timestamp) -> Option<Error> {
        let hours = self.pacing.hours.as_ref()?;
        let until = hours.rests_until(now)?;
        let wait = until.as_millisecond().saturating_sub(now.as_millisecond());
        let wait = u64::try_from(wait).unwrap_or_default().saturating_add(1);
        Some(
            Error::new(
                ErrorKind::Failed,
                "E540",
                format!("it is outside `limits.hours` ({hours}) until {until}"),
            )
            .hint("Wait, or change `limits.hours` and apply again.")
            .retry(Retry::After(wait)),
        )
    }
}
