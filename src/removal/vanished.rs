//! Whose copy may follow a message that vanished at the source.

use super::intent::Own;
use crate::model::uid::UidValidity;
use crate::ports::ledger::{Listed, Look, MessageRow, MessageState};
use std::collections::BTreeSet;

const ADOPTED: &str = "was there before us";
const MOVED: &str = "its user moved it, or it never followed its message";
const NO_PLACE: &str = "the server never said under which UID it is";
const OTHER_FOLDER: &str = "its folder is not there any more, or is another one";
const MAY_HAVE_MOVED: &str =
    "a message like it is elsewhere at the source and not copied from there: it may have moved";

/// Sizes and looks that are kept in mind; beyond, every message may be among them.
const MOST: usize = 200_000;

/// Messages at the source that no copy stands for yet, or never will: what vanished elsewhere may
/// be one of them.
#[derive(Debug, Default)]
pub struct Unsettled {
    /// Of messages that are to be copied, stay behind or are unclear. A copy of them is still to be
    /// made, or was refused, so that the size alone decides.
    sizes: BTreeSet<u64>,
    /// Of messages in folders that are not copied.
    looks: BTreeSet<Look>,
    /// Not all of them are known.
    all: bool,
}

impl Unsettled {
    /// Adds a message that is to be copied, stays behind or is unclear.
    pub fn add(&mut self, listed: &Listed) {
        self.sizes.insert(listed.size);
        self.bound();
    }

    /// Adds a message of a folder that is not copied.
    pub fn add_outside(&mut self, look: Look) {
        self.looks.insert(look);
        self.bound();
    }

    /// Notes that some are not known: every message may be among them.
    pub fn add_unknown(&mut self) {
        self.all = true;
        self.sizes.clear();
        self.looks.clear();
    }

    fn bound(&mut self) {
        if self.all || self.sizes.len() + self.looks.len() > MOST {
            self.add_unknown();
        }
    }

    fn may_hold(&self, listed: &Listed) -> bool {
        self.all || self.sizes.contains(&listed.size) || Look::of(listed).is_among(&self.looks)
    }
}

/// What is to become of the copy of a message that a complete listing lacks.
#[derive(Debug)]
pub enum Verdict {
    /// It may go, when it is still as it was left.
    MayGo(Own),
    /// It stays, with the reason.
    Stays(&'static str),
    /// There is none.
    NoCopy,
}

/// Tells whether there is a copy.
pub fn has_copy(row: &MessageRow) -> bool {
    matches!(row.state, MessageState::Acknowledged | MessageState::Verified) && row.copied.is_some()
}

/// Judges a message that vanished, by what the ledger knows; `there` is the UIDVALIDITY of the
/// destination folder now.
pub fn judge(row: &MessageRow, there: UidValidity, unsettled: &Unsettled) -> Verdict {
    let Some(copied) = row.copied.as_ref().filter(|_| has_copy(row)) else {
        return Verdict::NoCopy;
    };
    match copied.destination {
        _ if copied.adopted => Verdict::Stays(ADOPTED),
        _ if copied.elsewhere.is_some() => Verdict::Stays(MOVED),
        None => Verdict::Stays(NO_PLACE),
        Some((known, _)) if known != there => Verdict::Stays(OTHER_FOLDER),
        _ if unsettled.may_hold(&row.listed) => Verdict::Stays(MAY_HAVE_MOVED),
        Some((_, at)) => Verdict::MayGo(Own {
            at,
            source: Some(row.listed.uid),
            size: copied.size,
            flags: copied.stored_flags.clone(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::digest::Digest;
    use crate::model::flags::Flags;
    use crate::model::internal_date::InternalDate;
    use crate::model::uid::Uid;
    use crate::ports::ledger::Copied;

    fn row(change: impl FnOnce(&mut Copied)) -> MessageRow {
        let date = InternalDate::parse("01-Jan-2020 00:00:00 +0000");
        let mut copied = Copied {
            destination: Some((UidValidity(9), Uid(4))),
            source_digest: Digest([1; 32]),
            sent_digest: Digest([1; 32]),
            size: 10,
            stored_flags: Flags::default(),
            source_flags: Flags::default(),
            tried_flags: None,
            internal_date: date.clone(),
            transforms: Vec::new(),
            adopted: false,
            found: false,
            elsewhere: None,
        };
        change(&mut copied);
        MessageRow {
            listed: listed(10, date),
            state: MessageState::Acknowledged,
            copied: Some(copied),
            vanished: true,
            proven_at: None,
            doubted: false,
        }
    }

    fn listed(size: u64, internal_date: Option<InternalDate>) -> Listed {
        let flags = Flags::default();
        Listed { uid: Uid(1), size, flags, internal_date, modseq: None, headers: None }
    }

    fn may_go(row: &MessageRow, unsettled: &Unsettled) -> bool {
        matches!(judge(row, UidValidity(9), unsettled), Verdict::MayGo(_))
    }

    #[test]
    fn only_a_copy_that_we_sent_and_that_is_where_we_put_it_may_go() {
        let none = Unsettled::default();
        assert!(may_go(&row(|_| {}), &none));
        let changes: [fn(&mut Copied); 4] = [
            |copied| copied.adopted = true,
            |copied| copied.elsewhere = Some("Other".parse().unwrap()),
            |copied| copied.destination = None,
            |copied| copied.destination = Some((UidValidity(8), Uid(4))),
        ];
        for change in changes {
            assert!(!may_go(&row(change), &none));
        }
        for state in [
            MessageState::Pending,
            MessageState::Removed,
            MessageState::Unclear(String::new()),
            MessageState::Excepted(String::new()),
        ] {
            assert!(!may_go(&MessageRow { state, ..row(|_| {}) }, &none));
        }
    }

    #[test]
    fn what_may_be_elsewhere_at_the_source_did_not_vanish() {
        let other = InternalDate::parse("02-Jan-2020 00:00:00 +0000");
        let same = InternalDate::parse("01-Jan-2020 00:00:00 +0000");
        let row = row(|_| {});
        let with = |add: fn(&mut Unsettled, &Listed), listed: Listed| {
            let mut unsettled = Unsettled::default();
            add(&mut unsettled, &listed);
            unsettled
        };
        let outside: fn(&mut Unsettled, &Listed) =
            |unsettled, listed| unsettled.add_outside(Look::of(listed));
        // Of one that is still to be copied the size is enough.
        assert!(!may_go(&row, &with(Unsettled::add, listed(10, other.clone()))));
        assert!(may_go(&row, &with(Unsettled::add, listed(11, same.clone()))));
        assert!(may_go(&row, &with(outside, listed(10, other))));
        assert!(!may_go(&row, &with(outside, listed(10, same))));
        assert!(!may_go(&row, &with(outside, listed(10, None))));
        let mut many = Unsettled::default();
        for size in 0..=MOST as u64 {
            many.add(&listed(1_000 + size, None));
        }
        assert!(!may_go(&row, &many), "more than are kept in mind");
    }
}
