//! The checks of one source folder, message by message.

use crate::copy::reasons;
use crate::imap::FetchRow;
use crate::model::uid::Uid;
use crate::ports::ledger::{Copied, MessageRow, MessageState};
use crate::verify::evidence::{Account, Check};
use std::collections::BTreeMap;

/// The checks of one source folder.
pub(super) struct Checks {
    pub(super) all_there: Check,
    pub(super) bodies: Check,
    pub(super) flags: Check,
    pub(super) dates: Check,
    pub(super) settled: Check,
    pub(super) excepted: BTreeMap<String, Check>,
}

impl Checks {
    pub(super) fn new() -> Self {
        Self {
            all_there: Check::new("all there"),
            bodies: Check::new("bodies"),
            flags: Check::new("flags"),
            dates: Check::new("dates"),
            settled: Check::new("nothing left to copy"),
            excepted: BTreeMap::new(),
        }
    }

    pub(super) fn into_list(self) -> Vec<Check> {
        let mut list = vec![self.all_there, self.bodies, self.flags, self.dates, self.settled];
        list.extend(self.excepted.into_values());
        list
    }
}

/// Sorts a listed message by what the ledger says of it.
pub(super) fn sort(
    row: &MessageRow,
    account: &mut Account,
    checks: &mut Checks,
    copied: &mut Vec<MessageRow>,
) {
    match &row.state {
        MessageState::Pending | MessageState::Removed => pending(row.listed.uid, account, checks),
        MessageState::Excepted(reason) => {
            account.excepted += 1;
            let class = reasons::class(reason);
            let check = checks
                .excepted
                .entry(class.to_owned())
                .or_insert_with(|| Check::new(&format!("excepted {class}")));
            let example = format!("source UID {}: {reason}", row.listed.uid);
            if reasons::was_reviewed(reason) {
                check.noted(example);
            } else {
                check.broken(example);
            }
        }
        MessageState::Unclear(reason) => {
            account.unclear += 1;
            checks.settled.broken(format!("source UID {}: {reason}", row.listed.uid));
        }
        MessageState::Acknowledged | MessageState::Verified => copied.push(row.clone()),
    }
}

/// Tells whether nothing was done with a message yet: of another date than the migration plan
/// wants, it is excluded then.
pub(super) fn not_begun(row: Option<&MessageRow>) -> bool {
    row.is_none_or(|row| matches!(row.state, MessageState::Pending | MessageState::Removed))
}

pub(super) fn pending(uid: Uid, account: &mut Account, checks: &mut Checks) {
    account.pending += 1;
    checks.settled.broken(format!("source UID {uid}: not copied yet"));
}

pub(super) fn count(account: &mut Account, copied: &Copied) {
    if copied.adopted {
        account.already_there += 1;
    } else {
        account.copied += 1;
    }
    account.bodies_equal += 1;
    account.transformed += u64::from(!copied.transforms.is_empty());
}

/// Compares flags. Once a message was proven in place, what differs is its user's doing.
pub(super) fn same_flags(
    row: &MessageRow,
    copied: &Copied,
    theirs: &FetchRow,
    source_now: Option<&FetchRow>,
    check: &mut Check,
) -> bool {
    let uid = row.listed.uid;
    let now = source_now.and_then(|row| row.flags.as_ref());
    if now.is_some_and(|now| *now != copied.source_flags) {
        check.broken(format!("source UID {uid}: flags changed at the source since the copy"));
        return false;
    }
    let stored = theirs.flags.as_ref();
    if row.state != MessageState::Verified && stored != Some(&copied.stored_flags) {
        let there = stored.map(ToString::to_string).unwrap_or_default();
        check.broken(format!("source UID {uid}: `{}` sent, `{there}` there", copied.stored_flags));
        return false;
    }
    true
}

/// Compares dates. A date in the future is one that servers do not keep (Dovecot stores the
/// present instead): it is noted, and no copy could mend it.
pub(super) fn same_date(
    row: &MessageRow,
    copied: &Copied,
    theirs: &FetchRow,
    now: jiff::Timestamp,
    check: &mut Check,
) -> bool {
    let (Some(sent), Some(there)) = (&copied.internal_date, &theirs.internal_date) else {
        return true;
    };
    if sent.same_instant(there) {
        return true;
    }
    if sent.instant() > now {
        check.noted(format!(
            "source UID {}: {sent} is in the future, and the destination keeps {there}",
            row.listed.uid
        ));
        return true;
    }
    check.broken(format!("source UID {}: {sent} sent, {there} there", row.listed.uid));
    false
}
