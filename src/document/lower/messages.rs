//! Which messages are copied, in which order, how fast and when.

use super::super::finding::Finding;
use super::super::migration_plan::{CopyHours, DayName, Messages, MigrationPlan, SendOrder};
use super::super::node::Place;
use super::super::spanned::{Field, Spanned};
use super::Lowering;
use crate::model::date_range::{DateRange, MessageChoice, Order};
use crate::model::hours::{Hours, Pacing};
use crate::model::words::shown;
use jiff::civil::Weekday;
use jiff::tz::TimeZone;

/// Slower than this, a chunk of 64 KiB holds a connection for longer than servers like.
const SLOWEST: u64 = 10_000;

/// Returns the choice for all mailboxes.
pub(super) fn choice(cx: &Lowering<'_>, field: &Field<Messages>) -> MessageChoice {
    own(cx, field, MessageChoice::default())
}

/// Returns the choice for one mailbox: what it says itself replaces what is said for all.
pub(super) fn own(cx: &Lowering<'_>, field: &Field<Messages>, all: MessageChoice) -> MessageChoice {
    let Some(given) = field.given() else { return all };
    let messages = &given.value;
    let order = match messages.order.value() {
        None => all.order,
        Some(SendOrder::OldestFirst) => Order::OldestFirst,
        Some(SendOrder::NewestFirst) => Order::NewestFirst,
    };
    let range = DateRange {
        since: messages.since.value().map(|day| day.0).or(all.range.since),
        until: messages.until.value().map(|day| day.0).or(all.range.until),
    };
    if range.is_empty() {
        cx.findings.add(
            Finding::error("P051", given.place, format!("no day is in the range {range}"))
                .hint("`since` is the first day and `until` the day after the last one"),
        );
    }
    MessageChoice { order, range }
}

/// Returns how fast and when mail is copied.
pub(super) fn pacing(cx: &Lowering<'_>, plan: &MigrationPlan) -> Pacing {
    let Some(limits) = plan.limits.value() else { return Pacing::default() };
    let bandwidth = limits.bandwidth.given();
    if let Some(given) = bandwidth.filter(|given| given.value.0.0 < SLOWEST) {
        cx.findings.add(
            Finding::error("P052", given.place, "so little in a second moves no mailbox")
                .hint("write at least `10KB`, or leave `bandwidth` out"),
        );
    }
    let hours = limits.hours.given();
    Pacing {
        bandwidth: bandwidth.map(|given| given.value.0.0),
        hours: hours.and_then(|given| self::hours(cx, &given.value, given.place)),
    }
}

fn hours(cx: &Lowering<'_>, given: &CopyHours, place: Place) -> Option<Hours> {
    let only = cx.need(&given.only, place, "only", "`hours`");
    let zone = cx.need(&given.zone, place, "zone", "`hours`");
    let days = given.days.given();
    if let Some(days) = days.filter(|days| days.value.0.is_empty()) {
        cx.findings.add(
            Finding::error("P053", days.place, "on no day nothing is ever copied")
                .hint("name the days on which the hours begin, or leave `days` out for every day"),
        );
    }
    let zone = zone.and_then(|zone| time_zone(cx, zone));
    let days = days.map(|days| days.value.0.iter().map(|day| weekday(day.value)).collect());
    Some(Hours { only: only?.value.0, days: days.unwrap_or_default(), zone: zone? })
}

fn time_zone(cx: &Lowering<'_>, given: &Spanned<String>) -> Option<TimeZone> {
    if let Ok(zone) = TimeZone::get(&given.value) {
        return Some(zone);
    }
    let message =
        format!("`{}` is no time zone that this machine knows", shown(given.value.as_bytes()));
    cx.findings.add(Finding::error("P054", given.place, message).hint(
        "write a name such as `Europe/Berlin` or `UTC`; the machine needs its time zone data",
    ));
    None
}

fn weekday(day: DayName) -> Weekday {
    match day {
        DayName::Mon => Weekday::Monday,
        DayName::Tue => Weekday::Tuesday,
        DayName::Wed => Weekday::Wednesday,
        DayName::Thu => Weekday::Thursday,
        DayName::Fri => Weekday::Friday,
        DayName::Sat => Weekday::Saturday,
        DayName::Sun => Weekday::Sunday,
    }
}
