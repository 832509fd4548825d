//! A zone in all its versions.

use super::key::Key;
use super::update::updated;
use super::zone::{Zone, is_after};
use crate::ports::clock::Clock;
use hickory_server::proto::op::ResponseCode;
use hickory_server::proto::rr::Record;
use jiff::{SignedDuration, Timestamp};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Where a zone is changed, and what it was before; clones are one primary.
#[derive(Clone, Debug)]
pub struct Primary(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    clock: Arc<dyn Clock>,
    keys: Vec<Key>,
    first: Arc<Zone>,
    /// Later versions, each since when; few, as each is a change by hand.
    later: Mutex<Vec<(Timestamp, Arc<Zone>)>>,
}

impl Primary {
    /// Starts with a zone that has been there forever; UPDATEs need one of the keys.
    pub fn new(zone: Zone, keys: Vec<Key>, clock: Arc<dyn Clock>) -> Self {
        let (first, later) = (Arc::new(zone), Mutex::default());
        Self(Arc::new(Inner { clock, keys, first, later }))
    }

    fn later(&self) -> MutexGuard<'_, Vec<(Timestamp, Arc<Zone>)>> {
        self.0.later.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the zone as it is now.
    pub fn zone(&self) -> Arc<Zone> {
        self.later().last().map_or_else(|| self.0.first.clone(), |(_, zone)| zone.clone())
    }

    /// Returns the zone as it was some time ago.
    pub(super) fn ago(&self, lag: Duration) -> Arc<Zone> {
        let lag = SignedDuration::try_from(lag).unwrap_or(SignedDuration::MAX);
        let then = self.0.clock.now().checked_sub(lag).unwrap_or(Timestamp::MIN);
        let later = self.later();
        let shown = later.iter().rev().find(|(since, _)| *since <= then);
        shown.map_or_else(|| self.0.first.clone(), |(_, zone)| zone.clone())
    }

    pub(super) fn keys(&self) -> &[Key] {
        &self.0.keys
    }

    pub(super) fn clock(&self) -> &Arc<dyn Clock> {
        &self.0.clock
    }

    /// Puts other records in the place of all; the serial goes up. Fails in words when they belong
    /// to another zone.
    pub fn publish(&self, mut zone: Zone) -> Result<(), String> {
        let mut later = self.later();
        let present = later.last().map_or(&self.0.first, |(_, zone)| zone);
        if zone.key() != present.key() {
            return Err(format!("{} is not {}", zone.origin(), present.origin()));
        }
        if !is_after(zone.serial(), present.serial()) {
            zone.set_serial_after(present.serial());
        }
        later.push((self.0.clock.now(), Arc::new(zone)));
        Ok(())
    }

    /// Makes an UPDATE, all of it or nothing.
    pub(super) fn update(&self, prerequisites: &[Record], updates: &[Record]) -> ResponseCode {
        let mut later = self.later();
        let present = later.last().map_or(&self.0.first, |(_, zone)| zone);
        match updated(present, prerequisites, updates) {
            Err(code) => code,
            Ok(next) => {
                if next != **present {
                    later.push((self.0.clock.now(), Arc::new(next)));
                }
                ResponseCode::NoError
            }
        }
    }
}
