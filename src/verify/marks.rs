//! Flags and dates of a message that is at its place.

use crate::imap::FetchRow;
use crate::model::flags::Flags;
use crate::ports::ledger::{Copied, MessageRow, MessageState};
use crate::verify::checks::{Findings, proven};
use crate::verify::exception::Fate;

/// Messages that were there before us and are named, of one folder: a tool that kept no dates leaves
/// a whole mailbox of them, and nobody has to do anything about one.
const NAMED: u64 = 10_000;

/// Flags of one message, here and there.
struct Seen<'a> {
    row: &'a MessageRow,
    copied: &'a Copied,
    theirs: &'a FetchRow,
    /// At the source.
    now: &'a Flags,
}

/// Compares flags and date; returns whether the flags are as they must be. A date is what it is as
/// long as the message lives: what was read of a message is proven whatever its date.
pub(super) fn compare(
    row: &MessageRow,
    copied: &Copied,
    theirs: &FetchRow,
    source_now: Option<&FetchRow>,
    clock: jiff::Timestamp,
    found: &mut Findings,
) -> bool {
    let now = source_now.and_then(|row| row.flags.as_ref()).unwrap_or(&row.listed.flags);
    let seen = Seen { row, copied, theirs, now };
    let same = flags(&seen, found);
    if copied.adopted {
        there_before(&seen, found);
    } else {
        date(&seen, clock, found);
    }
    same
}

/// Compares flags. What the destination stored is the base: a flag that it shows besides was set
/// by its user, and so was whatever differs once the message was proven in place.
fn flags(seen: &Seen<'_>, found: &mut Findings) -> bool {
    let Seen { row, copied, theirs, now } = seen;
    let uid = row.listed.uid;
    if copied.tried_flags.is_some() {
        let why = "an interrupted run was changing them; apply again";
        found.checks.flags.broken(format!("source UID {uid}: flags: {why}"));
        return false;
    }
    if **now != copied.source_flags {
        found
            .checks
            .flags
            .broken(format!("source UID {uid}: flags changed at the source since the copy"));
        return false;
    }
    let Some(there) = &theirs.flags else {
        found.checks.flags.broken(format!("source UID {uid}: the destination tells no flags"));
        return false;
    };
    let stored = &copied.stored_flags;
    let (lost, gained) = (stored.minus(there), there.minus(stored));
    if row.state == MessageState::Verified && !(lost.is_empty() && gained.is_empty()) {
        found
            .checks
            .user_flags
            .noted(format!("source UID {uid}: {} with `{stored}`, `{there}` now", proven(row)));
        return true;
    }
    if !lost.is_empty() {
        let reason = format!("flags-lost: `{lost}` stored, and not there now");
        found.checks.flags_lost.broken(format!("source UID {uid}: {reason}"));
        found.except(row, Fate::Unflagged, &reason, UNFLAGGED);
        return false;
    }
    if !gained.is_empty() {
        found
            .checks
            .user_flags
            .noted(format!("source UID {uid}: `{stored}` stored, `{there}` now"));
    }
    true
}

/// Compares a message that was at the destination before us with the source: it was accepted as it
/// is, and has the date and the flags that somebody else gave it.
fn there_before(seen: &Seen<'_>, found: &mut Findings) {
    let Seen { row, copied, theirs, now } = seen;
    let mut differs = Vec::new();
    match (&row.listed.internal_date, &theirs.internal_date) {
        (Some(here), Some(there)) if here.same_instant(there) => {}
        (Some(here), Some(there)) => differs.push(format!("date {there}, at the source {here}")),
        (None, Some(there)) => differs.push(format!("date {there}, at the source none")),
        (_, None) => differs.push("no valid date".to_owned()),
    }
    if let Some(there) = &theirs.flags {
        let since = there.minus(&copied.stored_flags);
        let besides = there.minus(&since).minus(now);
        if !besides.is_empty() {
            differs.push(format!("flags `{besides}`, which the source has not"));
        }
    }
    if !differs.is_empty() {
        let reason = format!("there-before: {}", differs.join("; "));
        let uid = row.listed.uid;
        found.checks.before.noted(format!("source UID {uid}: {reason}"));
        if found.checks.before.count <= NAMED {
            found.except(row, Fate::Before, &reason, BEFORE);
        } else {
            found.checks.unnamed.noted(format!("source UID {uid}"));
        }
    }
}

/// Compares the date with the one that was sent. One in the future is one that servers do not keep
/// (Dovecot stores the present instead): it is noted, and no copy could mend it.
fn date(seen: &Seen<'_>, clock: jiff::Timestamp, found: &mut Findings) {
    let Seen { row, copied, theirs, .. } = seen;
    let uid = row.listed.uid;
    let there = theirs.internal_date.as_ref();
    let shown = there.map_or("none that is valid", |there| there.as_str());
    let Some(sent) = &copied.internal_date else {
        found.checks.undated.noted(format!(
            "source UID {uid}: no valid date at the source, the destination keeps {shown}"
        ));
        return;
    };
    if there.is_some_and(|there| sent.same_instant(there)) {
        return;
    }
    if sent.instant() > clock {
        found.checks.dates.noted(format!(
            "source UID {uid}: {sent} is in the future, and the destination keeps {shown}"
        ));
        return;
    }
    let reason = format!("other-date: {sent} sent, {shown} there");
    found.checks.dates.broken(format!("source UID {uid}: {reason}"));
    let reason = format!("{reason}, as UID {} of the destination", theirs.uid);
    found.except(row, Fate::Redated, &reason, REDATED);
}

const REDATED: &str = "IMAP cannot change the date of a message that is there. Mail programs show the Date field, which is as it was; where the order by arrival matters, ask the destination's operator, or remove the copy and copy it again when the server keeps dates. Or accept it with the entry that verify prints.";
const UNFLAGGED: &str = "Ask its user whether the flags were taken away on purpose; set them again with a mail program, or accept it with the entry that verify prints.";
const BEFORE: &str = "Nothing has to be done: the message is there as somebody else brought it, and IMAP cannot change its date. Change its flags with a mail program if they are wrong.";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::digest::Digest;
    use crate::model::internal_date::InternalDate;
    use crate::model::uid::{Uid, UidValidity};
    use crate::ports::ledger::Listed;

    /// Compares so many messages that are there with a later date than at the source.
    fn later(count: u32, adopted: bool) -> Findings {
        let mut found = Findings::new("INBOX".parse().unwrap(), UidValidity(7));
        let date = |text: &str| InternalDate::parse(text);
        let sent = date("01-Jan-2024 10:00:00 +0000");
        for uid in 1..=count {
            let copied = Copied {
                destination: Some((UidValidity(9), Uid(uid))),
                source_digest: Digest([1; 32]),
                sent_digest: Digest([1; 32]),
                size: 10,
                stored_flags: Flags::default(),
                source_flags: Flags::default(),
                tried_flags: None,
                internal_date: sent.clone(),
                transforms: Vec::new(),
                adopted,
                found: false,
                elsewhere: None,
            };
            let listed = Listed {
                uid: Uid(uid),
                size: 10,
                flags: Flags::default(),
                internal_date: sent.clone(),
                modseq: None,
                headers: None,
            };
            let row = MessageRow {
                listed,
                state: MessageState::Acknowledged,
                copied: Some(copied.clone()),
                vanished: false,
                proven_at: None,
                doubted: false,
            };
            let theirs = FetchRow {
                uid: Uid(uid),
                size: Some(10),
                flags: Some(Flags::default()),
                internal_date: date("02-Jan-2024 10:00:00 +0000"),
                internal_date_raw: None,
                modseq: None,
                headers: None,
            };
            compare(&row, &copied, &theirs, None, jiff::Timestamp::MAX, &mut found);
        }
        found
    }

    #[test]
    fn of_what_was_there_before_us_ten_thousand_are_named_and_the_others_counted() {
        let found = later(10_002, true);
        assert_eq!((found.checks.before.count, found.checks.unnamed.count), (10_002, 2));
        assert_eq!(found.exceptions.len(), 10_000);
        let checks = found.evidence(&"INBOX".parse().unwrap()).checks;
        assert!(checks.iter().any(|check| check.name == "not named" && check.count == 2));
    }

    #[test]
    fn everything_that_a_person_can_accept_is_named() {
        assert_eq!(later(10_002, false).exceptions.len(), 10_002);
    }
}
