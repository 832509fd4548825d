//! What a migration will be like, told from an observation of its source before it begins: what
//! stays behind and why, which mailboxes have no room, and how long it takes at stated rates. Pure.

mod fate;
mod rates;
mod time;

use crate::desired::{Desired, DesiredMailbox};
use crate::model::address::Address;
use crate::model::reading::Reading;
use crate::observation::{Mailbox, Observation};
use crate::profile::target::Target;
use fate::Fate;
pub use fate::Place;
use jiff::Timestamp;
pub use rates::{Basis, Figure, Rates};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use time::Load;
pub use time::{Bound, Course};

/// 2^30 octets: Exchange shows its quota of 50 GB as 53,687,091,200 bytes.
const GB: u64 = 1 << 30;

/// Mailboxes in Exchange Online hold so much, smaller licences first (Microsoft: Exchange Online
/// limits): Business Basic, Standard and Premium, E1 and Plan 1; E3, E5 and Plan 2.
pub const QUOTAS: [u64; 2] = [50 * GB, 100 * GB];

/// A mailbox from this size on is one to begin with; a choice.
pub const MONSTER: u64 = 40 * GB;

/// Messages that a folder in Exchange Online holds (Microsoft: Exchange Online limits).
pub const FOLDER: u64 = 1_000_000;

/// Places that are named for each reason.
const NAMED: usize = 20;

/// Messages and their octets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Amount {
    /// How many.
    pub messages: u64,
    /// Their octets, as far as they are known.
    pub octets: u64,
}

impl Amount {
    fn add(&mut self, messages: u64, octets: u64) {
        self.messages = self.messages.saturating_add(messages);
        self.octets = self.octets.saturating_add(octets);
    }
}

/// Why messages stay behind, or may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// Larger than the destination takes.
    OverSize,
    /// In a folder that the migration plan leaves out.
    Excluded,
    /// In a folder that has no place at the destination.
    NoPlace,
    /// Perhaps not of the days that the migration plan wants.
    OtherDates,
    /// There, and not in the listing that was seen.
    Unlisted,
    /// In a folder that could not be read; how many is not known.
    UnreadableFolder,
    /// In a mailbox that could not be read; how many is not known.
    UnreadableMailbox,
}

/// What stays behind for one reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exception {
    /// Why.
    pub reason: Reason,
    /// What surely stays behind; nothing where it is not known.
    pub amount: Amount,
    /// So many messages at most, where that is not known exactly.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_most: Option<u64>,
    /// Where, the first of them.
    pub places: Vec<Place>,
    /// Places beyond those.
    pub more: u64,
}

/// A mailbox that stands out by its size.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Large {
    /// Its address in the observation.
    pub mailbox: Address,
    /// What is copied of it.
    pub amount: Amount,
    /// The quotas of [`QUOTAS`] that it is over, the largest of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub over: Option<u64>,
    /// The quota that it fills by nine tenths and more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub near: Option<u64>,
    /// It is a [`MONSTER`].
    pub monster: bool,
}

/// A folder whose name the destination cannot hold.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Renamed {
    /// The name as it was wanted.
    pub from: String,
    /// The name that it gets.
    pub to: String,
    /// In so many mailboxes.
    pub mailboxes: u64,
}

/// A forecast.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Forecast {
    /// Mailboxes of the observation.
    pub mailboxes: u64,
    /// Folders that hold messages, or could.
    pub folders: u64,
    /// Everything that was seen at the source.
    pub seen: Amount,
    /// What is copied.
    pub to_copy: Amount,
    /// Messages of `to_copy` whose sizes were not seen, so that octets and times lack them: the
    /// migration plan left their folders out when it was looked.
    pub without_size: u64,
    /// The destination's profile, by its label.
    pub profile: String,
    /// Octets of the largest message that the destination takes.
    pub limit: Option<u64>,
    /// What stays behind, by reason.
    pub exceptions: Vec<Exception>,
    /// Mailboxes that stand out, the largest first.
    pub large: Vec<Large>,
    /// Folders with more than [`FOLDER`] messages.
    pub crowded: Vec<Place>,
    /// Names that become other ones.
    pub renamed: Vec<Renamed>,
    /// The observation has stand-ins for names, and rules of the migration plan that go by names
    /// are in no figure: folders that it leaves out, days of single mailboxes.
    pub blind: bool,
    /// What the times are reckoned with.
    pub rates: Rates,
    /// How long it takes when nobody is asked to be slower.
    pub free: Course,
    /// The same when the destination throttles as much as is thinkable ([`Rates::throttled`]).
    pub throttled: Course,
}

impl Forecast {
    /// Returns the seconds that throttling may add.
    pub fn added(&self) -> u64 {
        self.throttled.seconds.saturating_sub(self.free.seconds)
    }
}

/// What is found out on the way.
#[derive(Debug, Default)]
struct Sum {
    folders: u64,
    seen: Amount,
    to_copy: Amount,
    without_size: u64,
    exceptions: BTreeMap<Reason, Exception>,
    large: Vec<Large>,
    crowded: Vec<Place>,
    renamed: BTreeMap<(String, String), BTreeSet<Address>>,
    loads: Vec<Load>,
}

impl Sum {
    fn except(&mut self, reason: Reason, amount: Amount, at_most: Option<u64>, place: Place) {
        let exception = self.exceptions.entry(reason).or_insert_with(|| Exception {
            reason,
            amount: Amount::default(),
            at_most: None,
            places: Vec::new(),
            more: 0,
        });
        // Where one place is not known exactly, the sum is not.
        if at_most.is_some() || exception.at_most.is_some() {
            let before = exception.at_most.unwrap_or(exception.amount.messages);
            exception.at_most = Some(before.saturating_add(at_most.unwrap_or(amount.messages)));
        }
        exception.amount.add(amount.messages, amount.octets);
        if exception.places.len() < NAMED {
            exception.places.push(place);
        } else {
            exception.more += 1;
        }
    }
}

/// Makes a forecast of a migration plan for a source that was observed, if it began at a time.
///
/// Every mailbox of the observation counts, whether or not the migration plan names it: those of
/// an anonymous one have other names.
pub fn forecast(
    observation: &Observation,
    desired: &Desired,
    rates: &Rates,
    begin: Timestamp,
) -> Forecast {
    let target = desired.destination.target(None, &BTreeSet::new());
    let mut sum = Sum::default();
    for mailbox in &observation.mailboxes {
        one(mailbox, desired, &target, &mut sum);
    }
    sum.large.sort_by(|one, other| {
        let key = |large: &Large| (std::cmp::Reverse(large.amount.octets), large.mailbox.clone());
        key(one).cmp(&key(other))
    });
    let limits = time::Limits::of(desired, begin);
    let renamed = sum.renamed.into_iter().map(|((from, to), mailboxes)| Renamed {
        from,
        to,
        mailboxes: mailboxes.len() as u64,
    });
    Forecast {
        mailboxes: observation.mailboxes.len() as u64,
        folders: sum.folders,
        seen: sum.seen,
        to_copy: sum.to_copy,
        without_size: sum.without_size,
        profile: target.profile.label.to_owned(),
        limit: target.message_size,
        exceptions: sum.exceptions.into_values().collect(),
        large: sum.large,
        crowded: sum.crowded,
        renamed: renamed.collect(),
        blind: observation.anonymous && goes_by_names(desired),
        free: limits.course(&sum.loads, rates, false),
        throttled: limits.course(&sum.loads, rates, true),
        rates: rates.clone(),
    }
}

/// Tells whether it depends on names of folders or mailboxes what is copied.
fn goes_by_names(desired: &Desired) -> bool {
    let own =
        |mailbox: &DesiredMailbox| !mailbox.exclude.is_empty() || !mailbox.messages.range.is_all();
    !desired.folders.exclude.is_empty() || desired.mailboxes.values().any(own)
}

/// Counts one mailbox.
fn one(mailbox: &Mailbox, desired: &Desired, target: &Target, sum: &mut Sum) {
    let contents = match &mailbox.contents {
        Reading::Present(contents) => contents,
        Reading::Absent => return,
        Reading::Unreadable(failure) => {
            let place = Place::of(mailbox, None, 0).because(&failure.message);
            sum.except(Reason::UnreadableMailbox, Amount::default(), None, place);
            return;
        }
    };
    let mut copied = Amount::default();
    for folder in &contents.folders {
        let fate = Fate::of(mailbox, folder, desired, target);
        if let Some((from, to)) = fate.renamed {
            sum.renamed.entry((from, to)).or_default().insert(mailbox.address.clone());
        }
        sum.folders += u64::from(fate.is_folder);
        sum.seen.add(fate.seen.messages, fate.seen.octets);
        sum.without_size = sum.without_size.saturating_add(fate.without_size);
        copied.add(fate.to_copy.messages, fate.to_copy.octets);
        if fate.to_copy.messages > FOLDER {
            sum.crowded.push(Place::of(mailbox, Some(folder), fate.to_copy.messages));
        }
        for left in fate.left {
            sum.except(left.reason, left.amount, left.at_most, left.place);
        }
    }
    sum.to_copy.add(copied.messages, copied.octets);
    sum.loads.push(Load { mailbox: mailbox.address.clone(), amount: copied });
    let over = QUOTAS.into_iter().rev().find(|quota| copied.octets > *quota);
    let near =
        QUOTAS.into_iter().find(|quota| copied.octets <= *quota && copied.octets >= quota / 10 * 9);
    let monster = copied.octets >= MONSTER;
    if over.is_some() || near.is_some() || monster {
        let (mailbox, amount) = (mailbox.address.clone(), copied);
        sum.large.push(Large { mailbox, amount, over, near, monster });
    }
}
