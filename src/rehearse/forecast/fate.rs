//! What becomes of one folder.

use super::{Amount, Reason};
use crate::desired::{Desired, Mapped};
use crate::model::address::Address;
use crate::model::date_range::DateRange;
use crate::model::folder::FolderPath;
use crate::model::internal_date::InternalDate;
use crate::model::reading::Reading;
use crate::model::shape::Shape;
use crate::observation::{Folder, Mailbox, Seen};
use crate::profile::target::Target;
use serde::{Deserialize, Serialize};

/// A mailbox, or a folder in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// The mailbox.
    pub mailbox: Address,
    /// The folder; absent where the whole mailbox is meant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub folder: Option<FolderPath>,
    /// Messages that it is about.
    pub messages: u64,
    /// More about the reason, where there is more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub because: Option<String>,
}

impl Place {
    pub(super) fn of(mailbox: &Mailbox, folder: Option<&Folder>, messages: u64) -> Self {
        let folder = folder.map(|folder| folder.path.clone());
        Self { mailbox: mailbox.address.clone(), folder, messages, because: None }
    }

    pub(super) fn because(self, reason: &str) -> Self {
        Self { because: Some(reason.to_owned()), ..self }
    }
}

/// What stays behind of a folder.
#[derive(Debug)]
pub(super) struct Left {
    pub(super) reason: Reason,
    pub(super) amount: Amount,
    pub(super) at_most: Option<u64>,
    pub(super) place: Place,
}

#[derive(Debug, Default)]
pub(super) struct Fate {
    pub(super) is_folder: bool,
    pub(super) seen: Amount,
    pub(super) to_copy: Amount,
    pub(super) without_size: u64,
    pub(super) left: Vec<Left>,
    pub(super) renamed: Option<(String, String)>,
}

impl Fate {
    pub(super) fn of(
        mailbox: &Mailbox,
        folder: &Folder,
        desired: &Desired,
        target: &Target,
    ) -> Self {
        let seen = match &folder.state {
            Reading::Absent => return Self::default(),
            Reading::Unreadable(failure) => {
                let place = Place::of(mailbox, Some(folder), 0).because(&failure.message);
                let mut fate = Self { is_folder: true, ..Self::default() };
                fate.leave(Reason::UnreadableFolder, Amount::default(), None, place);
                return fate;
            }
            Reading::Present(seen) => seen,
        };
        let Some(messages) = seen.messages else { return Self::default() };
        let octets = seen.shape.as_ref().map_or(0, |shape| shape.octets);
        // More may have come between the opening of the folder and its listing.
        let listed = seen.shape.as_ref().map_or(0, |shape| shape.messages);
        let all = Amount { messages: listed.max(messages.into()), octets };
        let mut fate = Self { is_folder: true, seen: all, ..Self::default() };
        let place = |messages| Place::of(mailbox, Some(folder), messages);
        match destination(mailbox, folder, desired, target) {
            Goes::Nowhere(why) => {
                fate.leave(Reason::NoPlace, all, None, place(all.messages).because(&why));
            }
            Goes::Excluded => fate.leave(Reason::Excluded, all, None, place(all.messages)),
            Goes::To { renamed } => {
                fate.renamed = renamed;
                fate.to_copy = all;
                let range = desired
                    .mailboxes
                    .get(&mailbox.address)
                    .map_or_else(DateRange::default, |wanted| wanted.messages.range);
                fate.without(seen, range, target.message_size, place);
            }
        }
        fate
    }

    fn leave(&mut self, reason: Reason, amount: Amount, at_most: Option<u64>, place: Place) {
        self.left.push(Left { reason, amount, at_most, place });
    }

    /// Takes away from what is copied what is not, message by message.
    fn without(
        &mut self,
        seen: &Seen,
        range: DateRange,
        limit: Option<u64>,
        place: impl Fn(u64) -> Place,
    ) {
        let Some(shape) = &seen.shape else {
            self.without_size = self.to_copy.messages;
            return;
        };
        let unlisted = self.to_copy.messages.saturating_sub(shape.messages);
        if let Some(failure) = &shape.incomplete {
            let place = place(unlisted).because(&failure.message);
            self.to_copy.messages -= unlisted;
            self.leave(Reason::Unlisted, Amount { messages: unlisted, octets: 0 }, None, place);
        }
        if let Some(limit) = limit {
            let (least, most) = shape.above(limit);
            if most > 0 {
                let over = Amount { messages: least, octets: octets_above(shape, limit) };
                self.to_copy.messages = self.to_copy.messages.saturating_sub(over.messages);
                self.to_copy.octets = self.to_copy.octets.saturating_sub(over.octets);
                let at_most = (most > least).then_some(most);
                self.leave(Reason::OverSize, over, at_most, place(most));
            }
        }
        let holds = |at| range.holds(Some(&InternalDate::from_timestamp(at)));
        if !range.is_all() && ![shape.oldest, shape.newest].into_iter().flatten().all(holds) {
            // What has no date is copied in any case.
            let dated = shape.messages.saturating_sub(shape.undated);
            self.leave(Reason::OtherDates, Amount::default(), Some(dated), place(dated));
        }
    }
}

/// Octets of the messages that are surely larger than a limit.
fn octets_above(shape: &Shape, limit: u64) -> u64 {
    if let Some(over) = shape.over_limit.filter(|over| over.limit == limit) {
        return over.octets;
    }
    let classes = shape.sizes.iter().filter(|class| class.at_least > limit);
    let octets = classes.fold(0_u64, |sum, class| sum.saturating_add(class.octets));
    octets.max(if shape.largest > limit { shape.largest } else { 0 })
}

/// Where a folder goes.
enum Goes {
    To { renamed: Option<(String, String)> },
    Excluded,
    Nowhere(String),
}

fn destination(mailbox: &Mailbox, folder: &Folder, desired: &Desired, target: &Target) -> Goes {
    let exclude = desired.mailboxes.get(&mailbox.address).map_or(&[][..], |one| &one.exclude);
    let wanted = match desired.folders.wanted(&folder.path, folder.special_use, exclude) {
        Mapped::To { path, .. } => path,
        Mapped::Excluded { .. } => return Goes::Excluded,
        Mapped::Invalid { reason, .. } => return Goes::Nowhere(reason),
    };
    let first = wanted.components().first();
    let meets = |name: &&str| first.is_some_and(|first| first.eq_ignore_ascii_case(name));
    if target.profile.no_mail.iter().any(meets) {
        return Goes::Nowhere(format!("{wanted} is no folder for mail at the destination"));
    }
    let fitted = target.profile.names.fitted(&wanted);
    if let Some(why) = target.profile.names.refusal(&fitted) {
        return Goes::Nowhere(why);
    }
    let renamed = (fitted != wanted).then(|| (wanted.to_string(), fitted.to_string()));
    Goes::To { renamed }
}
