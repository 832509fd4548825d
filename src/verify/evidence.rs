//! What verify found, as data. The text and the report show nothing that is not here.

use crate::model::address::Address;
use crate::model::digest::Digest;
use crate::model::folder::FolderPath;
use crate::model::sampling::Sampling;
use crate::verify::exception::{Acceptance, Exception};
use crate::verify::sample::Chance;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The version of the evidence file; a minor one adds only: fields, and words of [`Fate`]. 1.1 had
/// no `redated`, `unflagged` and `before`.
///
/// [`Fate`]: crate::verify::exception::Fate
pub const FORMAT_VERSION: &str = "1.2";

/// Examples that one check names at the most.
const EXAMPLES: usize = 20;

/// The evidence of one verification.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// See [`FORMAT_VERSION`].
    pub format_version: String,
    /// `name` of the migration plan.
    pub migration: String,
    /// The digest of the migration plan that was verified.
    pub document: Digest,
    /// In order of address.
    pub mailboxes: Vec<MailboxEvidence>,
    /// Sums.
    pub totals: Totals,
    /// When the verification began; `None` in evidence of version 1.0.
    #[serde(default)]
    pub began: Option<Timestamp>,
    /// Which bodies were read.
    #[serde(default)]
    pub sampling: Sampling,
    /// The name of the rules by which messages that the destination rewrites are compared; `None`
    /// when octets alone count.
    #[serde(default)]
    pub profile: Option<String>,
    /// Nobody tested those rules against the product: *equal* is *equal under the assumed profile*.
    #[serde(default)]
    pub profile_is_assumed: bool,
    /// Checks of the whole.
    #[serde(default)]
    pub checks: Vec<Check>,
}

/// One mailbox.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MailboxEvidence {
    /// By its address in the migration plan.
    pub mailbox: Address,
    /// At the destination.
    pub destination: Address,
    /// In order of path.
    pub folders: Vec<FolderEvidence>,
    /// Checks of the mailbox as a whole: it could be read, its folders are there.
    pub checks: Vec<Check>,
    /// The label of the profile by which the destination was taken; `None` when it could not be
    /// read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
    /// Messages that a person should know by name, in order of folder and UID.
    #[serde(default)]
    pub exceptions: Vec<Exception>,
    /// What a person can accept, and has accepted when it says so.
    #[serde(default)]
    pub acceptance: Option<Acceptance>,
    /// What was drawn and what it proves; `None` when everything was read.
    #[serde(default)]
    pub chance: Option<Chance>,
}

/// One source folder with the folder that it goes to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FolderEvidence {
    /// At the source.
    pub source: FolderPath,
    /// At the destination; `None` when the migration plan excludes the folder.
    pub destination: Option<FolderPath>,
    /// Every message of a complete listing, by what became of it.
    pub account: Account,
    /// What was compared.
    pub checks: Vec<Check>,
    /// Messages at their place by the name of the transform that changed them; one that several
    /// changed counts for each.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub transforms: BTreeMap<String, u64>,
}

/// Where the messages of a folder are. `ever_listed` is the sum of all that [`Account::accounted`]
/// adds up, and `listed` that sum without `vanished` and `deleted_by_policy`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// In the source's listing now.
    pub listed: u64,
    /// In the listing now or in an earlier one.
    #[serde(default)]
    pub ever_listed: u64,
    /// Sent by us and found at its place.
    pub copied: u64,
    /// At the destination before us and recognised by digest.
    pub already_there: u64,
    /// In a folder that the migration plan excludes, or of another date than it wants.
    pub excluded: u64,
    /// Staying behind for a stated reason.
    pub excepted: u64,
    /// Fate unknown since an interrupted run.
    pub unclear: u64,
    /// Not copied yet.
    pub pending: u64,
    /// Found by digest in another folder of the destination: moved there by its user.
    pub in_another_folder: u64,
    /// Proven in place once, and gone since: removed by its user.
    pub removed_by_user: u64,
    /// Copied, by the ledger, and not found.
    pub missing: u64,
    /// At its place with other octets than were sent: the destination stores something else.
    #[serde(default)]
    pub changed: u64,
    /// Could not be compared because something could not be read.
    pub unread: u64,
    /// In an earlier listing, and not in the complete one of now.
    pub vanished: u64,
    /// Of those that vanished, whose copies were removed as the migration plan says; part of no
    /// other number.
    #[serde(default)]
    pub deleted_by_policy: u64,
    /// Came to the source while it was verified; part of no other number.
    #[serde(default)]
    pub came_meanwhile: u64,
    /// Bodies that were read on both sides and are equal.
    pub bodies_equal: u64,
    /// Of these, messages that a named transform changed.
    pub transformed: u64,
    /// Whose octets differ, and which are equal under the assumed profile.
    #[serde(default)]
    pub equal_under_profile: u64,
    /// At its place by UID, size, flags, date and header fields, and not read.
    #[serde(default)]
    pub listed_only: u64,
}

impl Account {
    /// Returns what `ever_listed` must be equal to.
    pub const fn accounted(&self) -> u64 {
        self.at_the_source() + self.vanished + self.deleted_by_policy
    }

    /// Tells whether every message of every listing is accounted for, once.
    pub const fn is_exact(&self) -> bool {
        self.ever_listed == self.accounted() && self.listed == self.at_the_source()
    }

    /// Returns what `listed` must be equal to.
    pub const fn at_the_source(&self) -> u64 {
        self.copied
            + self.already_there
            + self.excluded
            + self.excepted
            + self.unclear
            + self.pending
            + self.in_another_folder
            + self.removed_by_user
            + self.missing
            + self.changed
            + self.unread
    }

    /// Adds another account.
    pub const fn add(&mut self, other: &Self) {
        self.listed += other.listed;
        self.ever_listed += other.ever_listed;
        self.copied += other.copied;
        self.already_there += other.already_there;
        self.excluded += other.excluded;
        self.excepted += other.excepted;
        self.unclear += other.unclear;
        self.pending += other.pending;
        self.in_another_folder += other.in_another_folder;
        self.removed_by_user += other.removed_by_user;
        self.missing += other.missing;
        self.changed += other.changed;
        self.unread += other.unread;
        self.vanished += other.vanished;
        self.bodies_equal += other.bodies_equal;
        self.transformed += other.transformed;
        self.deleted_by_policy += other.deleted_by_policy;
        self.came_meanwhile += other.came_meanwhile;
        self.equal_under_profile += other.equal_under_profile;
        self.listed_only += other.listed_only;
    }
}

/// The result of one check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It is as it must be.
    Holds,
    /// Something could not be read, so nothing is known.
    Unknown,
    /// It is not as it must be.
    Broken,
}

/// One check with what it saw.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// `all there`, `flags`, `dates`, `no extra copies`, …
    pub name: String,
    /// The result.
    pub verdict: Verdict,
    /// How many objects are off.
    pub count: u64,
    /// Some of them, named by source UID, or why nothing is known.
    pub examples: Vec<String>,
}

impl Check {
    /// Makes a check that holds until something is found.
    pub fn new(name: &str) -> Self {
        Self { name: name.to_owned(), verdict: Verdict::Holds, count: 0, examples: Vec::new() }
    }

    /// Makes the check of an account: the equation holds or it does not.
    pub fn of_account(account: &Account) -> Self {
        let mut check = Self::new("accounting");
        if !account.is_exact() {
            check.broken(format!(
                "{} listed now and {} in all listings; accounted for are {} and {}",
                account.listed,
                account.ever_listed,
                account.at_the_source(),
                account.accounted()
            ));
        }
        check
    }

    /// Adds something that is off.
    pub fn broken(&mut self, example: String) {
        self.verdict = Verdict::Broken;
        self.noted(example);
    }

    /// Adds something that could not be read: what is known to be off stays so.
    pub fn doubtful(&mut self, example: String) {
        self.verdict = self.verdict.max(Verdict::Unknown);
        self.noted(example);
    }

    /// Adds something worth knowing that breaks nothing.
    pub fn noted(&mut self, example: String) {
        self.count += 1;
        if self.examples.len() < EXAMPLES {
            self.examples.push(example);
        }
    }

    /// Makes a check whose object could not be read.
    pub fn unknown(name: &str, why: String) -> Self {
        Self { name: name.to_owned(), verdict: Verdict::Unknown, count: 1, examples: vec![why] }
    }
}

/// Sums over all mailboxes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// Mailboxes whose checks all hold.
    pub verified: u64,
    /// All mailboxes.
    pub mailboxes: u64,
    /// Checks that are broken.
    pub broken: u64,
    /// Checks about which nothing is known.
    pub unknown: u64,
    /// All messages.
    pub account: Account,
}

impl Totals {
    /// Tells whether everything was looked at and is as it must be.
    pub const fn all_verified(&self) -> bool {
        self.verified == self.mailboxes && self.broken == 0 && self.unknown == 0
    }

    /// Sums up; `checks` are those of the whole.
    pub fn of(mailboxes: &[MailboxEvidence], checks: &[Check]) -> Self {
        let mut totals = Self { mailboxes: mailboxes.len() as u64, ..Self::default() };
        for mailbox in mailboxes {
            totals.verified += u64::from(mailbox.verdict() == Verdict::Holds);
            for check in mailbox.all_checks() {
                totals.count(check);
            }
            for folder in &mailbox.folders {
                totals.account.add(&folder.account);
            }
        }
        for check in checks {
            totals.count(check);
        }
        totals
    }

    fn count(&mut self, check: &Check) {
        self.broken += u64::from(check.verdict == Verdict::Broken);
        self.unknown += u64::from(check.verdict == Verdict::Unknown);
    }
}

impl MailboxEvidence {
    /// Returns every check of the mailbox and its folders.
    pub fn all_checks(&self) -> impl Iterator<Item = &Check> {
        self.checks.iter().chain(self.folders.iter().flat_map(|folder| &folder.checks))
    }

    /// Returns the worst verdict.
    pub fn verdict(&self) -> Verdict {
        self.all_checks().map(|check| check.verdict).max().unwrap_or(Verdict::Holds)
    }

    /// Returns the sum of the folders.
    pub fn account(&self) -> Account {
        let mut account = Account::default();
        for folder in &self.folders {
            account.add(&folder.account);
        }
        account
    }

    /// Counts the messages that were changed on their way, by the name of the transform.
    pub fn transforms(&self) -> BTreeMap<&str, u64> {
        let mut by_name = BTreeMap::new();
        for (name, count) in self.folders.iter().flat_map(|folder| &folder.transforms) {
            *by_name.entry(name.as_str()).or_default() += count;
        }
        by_name
    }

    /// Counts the messages that stay behind, by the class of their reason.
    pub fn excepted(&self) -> BTreeMap<String, u64> {
        let mut by_reason = BTreeMap::new();
        for check in self.folders.iter().flat_map(|folder| &folder.checks) {
            if let Some(reason) = check.name.strip_prefix("excepted ") {
                *by_reason.entry(reason.to_owned()).or_default() += check.count;
            }
        }
        by_reason
    }
}
