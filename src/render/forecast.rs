//! A forecast as text.

use crate::model::size::Size;
use crate::rehearse::forecast::{
    Amount, Basis, Bound, Course, Exception, Figure, Forecast, Large, Place, QUOTAS, Reason,
};
use crate::render::style::{clean, count, thousands};
use std::fmt::Write as _;

/// Lines of one kind that are shown; the JSON has all that were kept.
const LINES: usize = 10;

/// Renders a forecast: what is copied, what stays behind, what has no room, and how long it takes.
pub fn text(forecast: &Forecast) -> String {
    let mut text = String::new();
    let limit = forecast
        .limit
        .map_or_else(String::new, |limit| format!(", messages up to {}", Size(limit)));
    let _ = writeln!(
        text,
        "Forecast for {} with {}: {} at the source",
        count(forecast.mailboxes, "mailbox", "mailboxes"),
        count(forecast.folders, "folder", "folders"),
        amount(forecast.seen)
    );
    let _ = writeln!(
        text,
        "  copied: {} (profile {}{limit})",
        amount(forecast.to_copy),
        forecast.profile
    );
    if forecast.without_size > 0 && !forecast.blind {
        let _ = writeln!(
            text,
            "  {} of them in folders that were not listed: their sizes are in no figure below; \
             observe again with this migration plan",
            count(forecast.without_size, "message", "messages")
        );
    }
    if forecast.blind {
        text.push_str(
            "  the observation is anonymous: folders that the migration plan leaves out by name, and \
             days that it wants, are not reckoned with; what is copied may be less\n",
        );
    }
    for one in &forecast.exceptions {
        exception(one, &mut text);
    }
    for folder in forecast.crowded.iter().take(LINES) {
        let _ = writeln!(
            text,
            "  {} has {} messages; Exchange Online holds 1,000,000 in a folder",
            place(folder),
            thousands(folder.messages)
        );
    }
    for large in forecast.large.iter().take(LINES) {
        let _ = writeln!(text, "  {}", large_line(large));
    }
    more(forecast.large.len(), "large mailboxes", &mut text);
    for renamed in forecast.renamed.iter().take(LINES) {
        let _ = writeln!(
            text,
            "  {} becomes {} in {}: the destination cannot hold the name",
            clean(&renamed.from),
            clean(&renamed.to),
            count(renamed.mailboxes, "mailbox", "mailboxes")
        );
    }
    more(forecast.renamed.len(), "names that change", &mut text);
    times(forecast, &mut text);
    text
}

fn more(all: usize, what: &str, text: &mut String) {
    if all > LINES {
        let _ = writeln!(text, "  and {} more {what}", all - LINES);
    }
}

fn amount(amount: Amount) -> String {
    format!("{}, {}", count(amount.messages, "message", "messages"), Size(amount.octets))
}

fn place(place: &Place) -> String {
    let folder = place.folder.as_ref().map_or_else(String::new, |folder| format!(" {folder}"));
    clean(&format!("{}{folder}", place.mailbox))
}

fn exception(exception: &Exception, text: &mut String) {
    let Exception { reason, amount, at_most, .. } = exception;
    let places = exception.places.len() as u64 + exception.more;
    let how_many = match at_most {
        Some(most) => format!(
            "between {} and {} messages",
            thousands(amount.messages),
            thousands((*most).max(amount.messages))
        ),
        None => count(amount.messages, "message", "messages"),
    };
    let sentence = match reason {
        Reason::OverSize => format!("{how_many} larger than the destination takes"),
        Reason::Excluded => format!("{how_many} in folders that the migration plan leaves out"),
        Reason::NoPlace => format!("{how_many} in folders that have no place at the destination"),
        Reason::OtherDates => {
            format!("{how_many} perhaps of other days than the migration plan wants")
        }
        Reason::Unlisted => format!("{how_many} that the listing lacked"),
        Reason::UnreadableFolder => {
            format!("{} that could not be read", count(places, "folder", "folders"))
        }
        Reason::UnreadableMailbox => {
            format!("{} that could not be read", count(places, "mailbox", "mailboxes"))
        }
    };
    let _ = writeln!(text, "  stays behind: {sentence}");
    for at in exception.places.iter().take(LINES) {
        let number = if at.messages > 0 {
            format!(": {}", count(at.messages, "message", "messages"))
        } else {
            String::new()
        };
        let because = at.because.as_ref().map_or_else(String::new, |why| format!(" ({why})"));
        let _ = writeln!(text, "    {}{number}{}", place(at), clean(&because));
    }
    let rest = places.saturating_sub(LINES as u64);
    if rest > 0 {
        let _ = writeln!(text, "    and in {} more", count(rest, "place", "places"));
    }
}

/// One decimal, rounded down. Exchange's "50 GB" are 50 times 2^30 octets.
fn gigabytes(octets: u64) -> String {
    let tenths = (u128::from(octets) * 10) >> 30;
    format!("{}.{} GiB", tenths / 10, tenths % 10)
}

fn quota(octets: u64) -> String {
    format!("{0} GiB (Exchange's {0} GB)", octets >> 30)
}

fn large_line(large: &Large) -> String {
    let mut words = Vec::new();
    if let Some(over) = large.over {
        let next = QUOTAS.iter().find(|quota| **quota > over).map_or_else(
            || "it needs an archive or has to become smaller".to_owned(),
            |next| format!("it needs a licence with {}", quota(*next)),
        );
        words.push(format!("more than a mailbox of {} holds; {next}", quota(over)));
    }
    if let Some(near) = large.near {
        words.push(format!("near to the {} of a mailbox", quota(near)));
    }
    if large.monster {
        words.push("one of the largest: begin with it".to_owned());
    }
    format!(
        "{}: {} of messages: {}",
        clean(large.mailbox.as_str()),
        gigabytes(large.amount.octets),
        words.join("; ")
    )
}

fn times(forecast: &Forecast, text: &mut String) {
    let Forecast { free, throttled, rates, .. } = forecast;
    let _ = writeln!(text, "Time: {}, {}", duration(free.seconds), bound(free));
    if forecast.added() > 0 {
        let _ = writeln!(
            text,
            "  with the throttle below {}, {} more",
            duration(throttled.seconds),
            duration(forecast.added())
        );
    }
    let _ = writeln!(text, "  reckoned for each mailbox with");
    figure(&rates.message, |value| format!("{} ms for a message", thousands(value)), text);
    figure(&rates.octets, |value| format!("{} an hour", Size(value)), text);
    let throttle = |value| format!("{} messages an hour when throttled", thousands(value));
    figure(&rates.throttled, throttle, text);
}

fn figure(figure: &Figure, shown: impl Fn(u64) -> String, text: &mut String) {
    let basis = match figure.basis {
        Basis::Published => "published",
        Basis::Assumed => "assumed",
    };
    let _ = writeln!(text, "    {} ({basis}; {})", shown(figure.value), clean(&figure.source));
}

fn bound(course: &Course) -> String {
    let longest = course.longest.as_ref().map(|(mailbox, seconds)| {
        format!("{} alone {}", clean(mailbox.as_str()), duration(*seconds))
    });
    let longest = longest.unwrap_or_default();
    let what = match course.bound {
        Bound::Nothing => return "nothing is to be copied".to_owned(),
        Bound::Connections => format!("several mailboxes together; {longest}"),
        Bound::Mailbox => format!("the largest mailbox sets it: {longest}"),
        Bound::Bandwidth => "the bandwidth of the migration plan sets it".to_owned(),
    };
    if course.seconds > course.copying {
        return format!("{what}; {} of it within the hours", duration(course.copying));
    }
    what
}

/// A time in its two largest units, rounded up.
fn duration(seconds: u64) -> String {
    if seconds == u64::MAX {
        return "forever".to_owned();
    }
    let minutes = seconds.div_ceil(60);
    match (seconds, minutes) {
        (0..60, _) => format!("{seconds} s"),
        (_, 0..60) => format!("{minutes} min"),
        (_, 60..1_440) => format!("{} h {} min", minutes / 60, minutes % 60),
        _ => {
            let hours = minutes.div_ceil(60);
            format!("{} d {} h", hours / 24, hours % 24)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_rounded_up_and_have_two_units() {
        let shown = [0, 59, 60, 61, 3_600, 3_601, 86_399, 86_400, 90_001, u64::MAX].map(duration);
        assert_eq!(
            shown,
            [
                "0 s",
                "59 s",
                "1 min",
                "2 min",
                "1 h 0 min",
                "1 h 1 min",
                "1 d 0 h",
                "1 d 0 h",
                "1 d 2 h",
                "forever"
            ]
        );
    }
}
