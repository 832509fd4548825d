//! How long copying takes.

use super::{Amount, Rates};
use crate::desired::{self, Desired};
use crate::model::address::Address;
use crate::model::hours::Hours;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// Milliseconds of an hour.
const HOUR: u128 = 3_600_000;

/// What is copied of one mailbox.
#[derive(Clone, Debug)]
pub(super) struct Load {
    pub(super) mailbox: Address,
    pub(super) amount: Amount,
}

/// What makes it take as long as it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Bound {
    /// There is nothing to copy.
    Nothing,
    /// The mailboxes that are copied together, one after the other.
    Connections,
    /// One mailbox takes longer than all the others.
    Mailbox,
    /// The bandwidth of the migration plan.
    Bandwidth,
}

/// How long it takes, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Course {
    /// Seconds during which mail is copied.
    pub copying: u64,
    /// Seconds from the begin to the end, hours of rest included.
    pub seconds: u64,
    /// What it waits for.
    pub bound: Bound,
    /// The mailbox that takes longest, with its seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub longest: Option<(Address, u64)>,
}

/// What the migration plan sets.
#[derive(Debug)]
pub(super) struct Limits {
    lanes: usize,
    /// Octets a second.
    bandwidth: Option<u64>,
    /// Minutes of a week in which mail is copied, where it is not all of them.
    open: Option<u64>,
}

/// Minutes of a week.
const WEEK: u64 = 7 * 24 * 60;

impl Limits {
    pub(super) fn of(desired: &Desired, begin: Timestamp) -> Self {
        let (source, destination) = (&desired.source, &desired.destination);
        let lanes = desired::MAILBOXES.min(source.connections).min(destination.connections).max(1);
        let open = desired.pacing.hours.as_ref().map(|hours| open(hours, begin));
        Self { lanes: lanes.into(), bandwidth: desired.pacing.bandwidth, open }
    }

    /// Reckons, with the throttle or without it.
    pub(super) fn course(&self, loads: &[Load], rates: &Rates, throttled: bool) -> Course {
        let times: Vec<u128> =
            loads.iter().map(|load| milliseconds(load.amount, rates, throttled)).collect();
        let lanes = schedule(&times, self.lanes);
        let longest = times.iter().copied().max().unwrap_or(0);
        let octets = loads.iter().map(|load| u128::from(load.amount.octets)).sum::<u128>();
        let wire = self.bandwidth.map_or(0, |second| octets * 1_000 / u128::from(second.max(1)));
        let copying = lanes.max(wire);
        let bound = match copying {
            0 => Bound::Nothing,
            _ if wire > lanes => Bound::Bandwidth,
            _ if longest == lanes => Bound::Mailbox,
            _ => Bound::Connections,
        };
        let wall = match self.open {
            None => copying,
            // In hours that never come nothing is ever copied.
            Some(0) => u128::MAX,
            Some(open) => copying.saturating_mul(WEEK.into()) / u128::from(open),
        };
        let at = times.iter().position(|time| *time == longest && longest > 0);
        let longest =
            at.and_then(|at| loads.get(at)).map(|load| (load.mailbox.clone(), seconds(longest)));
        Course { copying: seconds(copying), seconds: seconds(wall), bound, longest }
    }
}

/// Whole seconds, rounded up.
fn seconds(milliseconds: u128) -> u64 {
    u64::try_from(milliseconds.div_ceil(1_000)).unwrap_or(u64::MAX)
}

/// The time of one mailbox: that of its messages or of its octets, whichever is longer.
fn milliseconds(amount: Amount, rates: &Rates, throttled: bool) -> u128 {
    let (messages, octets) = (u128::from(amount.messages), u128::from(amount.octets));
    let stored = messages * u128::from(rates.message.value);
    let sent = octets * HOUR / u128::from(rates.octets.value.max(1));
    let allowed = messages * HOUR / u128::from(rates.throttled.value.max(1));
    stored.max(sent).max(if throttled { allowed } else { 0 })
}

/// Gives each mailbox to the lane that is free first, in the order of the migration plan, as
/// `apply` does.
fn schedule(times: &[u128], lanes: usize) -> u128 {
    let mut busy = vec![0_u128; lanes.max(1)];
    for time in times {
        if let Some(first) = busy.iter_mut().min() {
            *first = first.saturating_add(*time);
        }
    }
    busy.into_iter().max().unwrap_or(0)
}

/// Counts the minutes of the week after a time in which mail is copied.
fn open(hours: &Hours, begin: Timestamp) -> u64 {
    let minutes = (0_i64..).take(usize::try_from(WEEK).unwrap_or(0));
    let at = |minute: i64| begin.checked_add(SignedDuration::from_mins(minute)).ok();
    minutes.filter_map(at).filter(|at| hours.rests_until(*at).is_none()).count() as u64
}
