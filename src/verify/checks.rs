//! The checks of one source folder, message by message.

use crate::copy::reasons;
use crate::model::folder::FolderPath;
use crate::model::uid::{Uid, UidValidity};
use crate::ports::ledger::{Copied, MessageRow, MessageState};
use crate::verify::evidence::{Account, Check, FolderEvidence};
use crate::verify::exception::{self, Exception, Fate};
use std::collections::BTreeMap;

/// Prefix of the checks of messages that stay behind; the class of the reason follows.
pub(super) const EXCEPTED: &str = "excepted ";

/// The check of dates that are not those that were sent.
pub(super) const DATES: &str = "dates";

/// The check of flags that the destination stored and lost.
pub(super) const FLAGS_LOST: &str = "flags kept";

/// Everything that is found out about one source folder.
pub(super) struct Findings {
    pub(super) path: FolderPath,
    pub(super) validity: UidValidity,
    pub(super) account: Account,
    pub(super) checks: Checks,
    pub(super) exceptions: Vec<Exception>,
    /// Messages drawn by chance that were read and are equal.
    pub(super) drawn_equal: u64,
    /// Messages read for another reason.
    pub(super) besides: u64,
    /// Messages at their place by the name of the transform that changed them.
    transforms: BTreeMap<String, u64>,
}

impl Findings {
    pub(super) fn new(path: FolderPath, validity: UidValidity) -> Self {
        Self {
            path,
            validity,
            account: Account::default(),
            checks: Checks::new(),
            exceptions: Vec::new(),
            drawn_equal: 0,
            besides: 0,
            transforms: BTreeMap::new(),
        }
    }

    /// Names a message whose body is not what it should be, or could not be compared.
    pub(super) fn body_off(
        &mut self,
        row: &MessageRow,
        fate: Fate,
        reason: &str,
        next: &'static str,
    ) {
        match fate {
            Fate::Changed => self.account.changed += 1,
            _ => self.account.unread += 1,
        }
        self.checks.bodies.broken(format!("source UID {}: {reason}", row.listed.uid));
        self.except(row, fate, reason, next);
    }

    /// Names a message that a person should know.
    pub(super) fn except(
        &mut self,
        row: &MessageRow,
        fate: Fate,
        reason: &str,
        next: &'static str,
    ) {
        self.exceptions.push(Exception {
            folder: self.path.clone(),
            uid_validity: self.validity,
            uid: row.listed.uid,
            size: row.listed.size,
            date: row.listed.internal_date.as_ref().map(|date| date.as_str().to_owned()),
            fate,
            class: reasons::class(reason).to_owned(),
            reason: reason.to_owned(),
            next: next.into(),
            code: fate.can_be_accepted().then_some(exception::CODE.into()),
            accepted: fate == Fate::Excepted && reasons::was_reviewed(reason),
        });
    }

    /// Sorts a listed message by what the ledger says of it; one that was copied is compared.
    pub(super) fn sort(&mut self, row: &MessageRow) {
        let uid = row.listed.uid;
        match &row.state {
            MessageState::Pending | MessageState::Removed => self.pending(uid),
            MessageState::Excepted(reason) => {
                self.account.excepted += 1;
                let class = reasons::class(reason);
                let check = self
                    .checks
                    .excepted
                    .entry(class.to_owned())
                    .or_insert_with(|| Check::new(&format!("{EXCEPTED}{class}")));
                let example = format!("source UID {uid}: {reason}");
                if reasons::was_reviewed(reason) {
                    check.noted(example);
                } else {
                    check.broken(example);
                }
                self.except(row, Fate::Excepted, reason, exception::next(class));
            }
            MessageState::Unclear(reason) => {
                self.account.unclear += 1;
                self.checks.settled.broken(format!("source UID {uid}: {reason}"));
                self.except(row, Fate::Unclear, reason, UNCLEAR);
            }
            MessageState::Acknowledged | MessageState::Verified => {}
        }
    }

    /// Counts a message that is at its place and equal, when it was changed on its way.
    pub(super) fn changed_on_its_way(&mut self, copied: &Copied) {
        self.account.transformed += u64::from(!copied.transforms.is_empty());
        for name in &copied.transforms {
            *self.transforms.entry(name.clone()).or_default() += 1;
        }
    }

    pub(super) fn pending(&mut self, uid: Uid) {
        self.account.pending += 1;
        self.checks.settled.broken(format!("source UID {uid}: not copied yet"));
    }

    /// Makes the evidence, with the equation of the accounting as a check of its own.
    pub(super) fn evidence(self, to: &FolderPath) -> FolderEvidence {
        let mut checks = self.checks.into_list();
        checks.push(Check::of_account(&self.account));
        FolderEvidence {
            source: self.path,
            destination: Some(to.clone()),
            account: self.account,
            checks,
            transforms: self.transforms,
        }
    }
}

const UNCLEAR: &str = "Apply again: it looks for the message in every folder that can be read.";

/// The checks of one source folder.
pub(super) struct Checks {
    pub(super) all_there: Check,
    pub(super) bodies: Check,
    /// What `apply` brings up to date.
    pub(super) flags: Check,
    pub(super) flags_lost: Check,
    pub(super) dates: Check,
    pub(super) settled: Check,
    pub(super) excepted: BTreeMap<String, Check>,
    /// What users did after the proof; none of it is a failure.
    pub(super) moved: Check,
    pub(super) removed: Check,
    pub(super) user_flags: Check,
    /// Messages without a valid date at the source; none of it is a failure.
    pub(super) undated: Check,
    /// What was there before us and is not as at the source; none of it is a failure.
    pub(super) before: Check,
    /// Those of them that are named nowhere.
    pub(super) unnamed: Check,
    /// Of the destination folder; with the first of its source folders.
    pub(super) extra: Option<Check>,
}

impl Checks {
    fn new() -> Self {
        Self {
            all_there: Check::new("all there"),
            bodies: Check::new("bodies"),
            flags: Check::new("flags"),
            flags_lost: Check::new(FLAGS_LOST),
            dates: Check::new(DATES),
            settled: Check::new("nothing left to copy"),
            excepted: BTreeMap::new(),
            moved: Check::new("moved by their user"),
            removed: Check::new("removed by their user"),
            user_flags: Check::new("flags changed by their user"),
            undated: Check::new("dates that were never sent"),
            before: Check::new("as they were before us"),
            unnamed: Check::new("not named"),
            extra: None,
        }
    }

    fn into_list(self) -> Vec<Check> {
        let mut list = vec![
            self.all_there,
            self.bodies,
            self.flags,
            self.flags_lost,
            self.dates,
            self.settled,
        ];
        list.extend(self.excepted.into_values());
        let Self { moved, removed, user_flags, undated, before, unnamed, .. } = self;
        let notes = [moved, removed, user_flags, undated, before, unnamed];
        list.extend(notes.into_iter().filter(|check| check.count > 0));
        list.extend(self.extra);
        list
    }
}

/// Tells whether the ledger says that a message is at the destination.
pub(super) fn is_copied(row: &MessageRow) -> bool {
    matches!(row.state, MessageState::Acknowledged | MessageState::Verified)
}

/// Tells whether nothing was done with a message yet: of another date than the migration plan
/// wants, it is excluded then.
pub(super) fn not_begun(row: Option<&MessageRow>) -> bool {
    row.is_none_or(|row| matches!(row.state, MessageState::Pending | MessageState::Removed))
}

/// Counts a message that is at its place.
pub(super) fn count(account: &mut Account, copied: &Copied) {
    if copied.adopted {
        account.already_there += 1;
    } else {
        account.copied += 1;
    }
}

/// Says when a message was proven, for a sentence.
pub(super) fn proven(row: &MessageRow) -> String {
    match row.proven_at {
        Some(at) => format!("proven in place on {}", at.strftime("%Y-%m-%d %H:%M UTC")),
        None => "proven in place once".to_owned(),
    }
}
