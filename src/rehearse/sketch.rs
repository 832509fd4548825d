//! Mailboxes after an observation, scaled down: the same folders, and messages of the same sizes,
//! ages and flags, as many as a budget allows. Pure; a seed decides what is drawn.

use crate::model::address::Address;
use crate::model::flags::Flags;
use crate::model::folder::{FolderPath, SpecialUse};
use crate::model::internal_date::InternalDate;
use crate::model::reading::Reading;
use crate::model::shape::{Shape, SizeClass};
use crate::observation::{Folder, Observation};
use fastrand::Rng;
use jiff::{SignedDuration, Timestamp};

/// How much there may be of all mailboxes together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Messages.
    pub messages: u64,
    /// Their octets.
    pub octets: u64,
}

/// A mailbox to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SketchedMailbox {
    /// Its address in the observation.
    pub address: Address,
    /// Every folder that could be read, in order of their paths.
    pub folders: Vec<SketchedFolder>,
}

/// A folder to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SketchedFolder {
    /// Its path.
    pub path: FolderPath,
    /// What it is for.
    pub special_use: Option<SpecialUse>,
    /// In the subscription list.
    pub subscribed: bool,
    /// It can hold messages.
    pub selectable: bool,
    /// Its messages, from old to new; those without a date first.
    pub messages: Vec<SketchedMessage>,
}

/// A message to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SketchedMessage {
    /// Octets; what is made may have to be a little larger, as a message has a header.
    pub size: u64,
    /// Its INTERNALDATE; none where the source gave none that is valid.
    pub date: Option<InternalDate>,
    /// Its flags.
    pub flags: Flags,
}

/// Size of messages of which no size was seen; a choice.
const UNSEEN: u64 = 4_096;

/// Makes mailboxes after an observation. The same observation, seed and budget give the same.
///
/// Where the budget is as large as the source, there are as many messages in each class of size as
/// there. Otherwise they are as many as their share of it; each folder with messages keeps one as
/// long as the budget has as many messages as there are such folders. Where the octets do not fit,
/// all messages become smaller by the same factor. What could not be read is not there.
pub fn sketch(observation: &Observation, seed: u64, budget: Budget) -> Vec<SketchedMailbox> {
    let mut rng = Rng::with_seed(seed);
    let mut made: Vec<SketchedMailbox> = Vec::new();
    // Shapes and places of the folders that hold messages, with how many these are.
    let mut sources: Vec<(usize, usize, Source<'_>)> = Vec::new();
    for mailbox in &observation.mailboxes {
        let Reading::Present(contents) = &mailbox.contents else { continue };
        let mut folders = Vec::new();
        for folder in &contents.folders {
            let Some((folder, source)) = readable(folder) else { continue };
            sources.extend(source.map(|source| (made.len(), folders.len(), source)));
            folders.push(folder);
        }
        made.push(SketchedMailbox { address: mailbox.address.clone(), folders });
    }
    let wanted: Vec<u64> = sources.iter().map(|(_, _, source)| source.messages).collect();
    let given = shares(&wanted, budget.messages);
    for ((mailbox, folder, source), count) in sources.iter().zip(given) {
        let messages = source.messages(count, &mut rng);
        if let Some(folder) = made.get_mut(*mailbox).and_then(|one| one.folders.get_mut(*folder)) {
            folder.messages = messages;
        }
    }
    shrink(&mut made, budget.octets);
    made
}

/// A folder with messages.
#[derive(Debug)]
struct Source<'a> {
    messages: u64,
    shape: Option<&'a Shape>,
}

fn readable(folder: &Folder) -> Option<(SketchedFolder, Option<Source<'_>>)> {
    let seen = folder.state.present()?;
    let shape = seen.shape.as_ref();
    let listed = shape.map_or(0, |shape| shape.messages);
    // More than was listed may have been there: it counts, and looks like the rest.
    let messages = listed.max(seen.messages.unwrap_or(0).into());
    let sketched = SketchedFolder {
        path: folder.path.clone(),
        special_use: folder.special_use,
        subscribed: seen.subscribed,
        selectable: seen.messages.is_some(),
        messages: Vec::new(),
    };
    Some((sketched, (messages > 0).then_some(Source { messages, shape })))
}

/// Shares a number out by weights. Where it is not less than their sum, each gets its weight;
/// otherwise each gets its part, rounded, and at least one as long as there are enough.
fn shares(weights: &[u64], budget: u64) -> Vec<u64> {
    let sum: u128 = weights.iter().map(|weight| u128::from(*weight)).sum();
    if sum <= u128::from(budget) {
        return weights.to_vec();
    }
    let some = weights.iter().filter(|weight| **weight > 0).count() as u64;
    let part = |weight: u64| {
        let exact = u128::from(weight) * u128::from(budget);
        let floor = u64::try_from(exact / sum.max(1)).unwrap_or(u64::MAX);
        (floor, exact % sum.max(1))
    };
    let least = u64::from(some <= budget);
    let mut given: Vec<u64> =
        weights.iter().map(|weight| part(*weight).0.max(least.min(*weight))).collect();
    let mut used: u64 = given.iter().sum();
    // What rounding left goes to those who lost most by it, the first of them first.
    let mut order: Vec<usize> = (0..weights.len()).collect();
    order.sort_by_key(|at| std::cmp::Reverse(weights.get(*at).map_or(0, |w| part(*w).1)));
    for at in &order {
        if let Some(one) = given.get_mut(*at).filter(|one| **one < weights[*at] && used < budget) {
            *one += 1;
            used += 1;
        }
    }
    // The one that small folders keep is taken from the largest.
    while used > budget {
        let Some(most) = given.iter_mut().max() else { break };
        *most -= 1;
        used -= 1;
    }
    given
}

impl Source<'_> {
    fn messages(&self, count: u64, rng: &mut Rng) -> Vec<SketchedMessage> {
        let unseen = SizeClass { at_least: UNSEEN, messages: self.messages, octets: 0 };
        let classes = match self.shape {
            Some(shape) if !shape.sizes.is_empty() => shape.sizes.clone(),
            _ => vec![unseen],
        };
        let weights: Vec<u64> = classes.iter().map(|class| class.messages).collect();
        let listed: u64 = weights.iter().fold(0, |sum, weight| sum.saturating_add(*weight));
        let mut given = shares(&weights, count);
        // Messages that came after the listing, or were not in it.
        if let (Some(most), true) = (given.iter_mut().max(), count > listed) {
            *most += count - listed;
        }
        let mut messages = Vec::new();
        for (class, count) in classes.iter().zip(given) {
            for _ in 0..count {
                messages.push(self.message(*class, rng));
            }
        }
        rng.shuffle(&mut messages);
        messages.sort_by_key(|message| message.date.as_ref().map(InternalDate::instant));
        messages
    }

    fn message(&self, class: SizeClass, rng: &mut Rng) -> SketchedMessage {
        let Some(shape) = self.shape else {
            return SketchedMessage { size: UNSEEN, date: None, flags: Flags::default() };
        };
        let last = class.at_least.saturating_mul(2).saturating_sub(1).max(class.at_least);
        // The class that holds the largest message ends with it.
        let last = last.min(shape.largest.max(class.at_least));
        let mut flags = Flags::default();
        for (flag, count) in &shape.flags {
            if rng.u64(0..shape.messages.max(1)) < *count {
                flags.insert(flag);
            }
        }
        let dated = rng.u64(0..shape.messages.max(1)) >= shape.undated;
        let date = dated.then(|| date(shape, rng)).flatten();
        SketchedMessage { size: rng.u64(class.at_least..=last), date, flags }
    }
}

/// Draws a date between the oldest and the newest.
fn date(shape: &Shape, rng: &mut Rng) -> Option<InternalDate> {
    let (oldest, newest) = (shape.oldest?, shape.newest?);
    let span = newest.duration_since(oldest).as_secs().max(0);
    let at: Timestamp =
        oldest.checked_add(SignedDuration::from_secs(rng.i64(0..=span))).unwrap_or(oldest);
    Some(InternalDate::from_timestamp(at))
}

/// Makes all messages smaller by one factor until they fit.
fn shrink(made: &mut [SketchedMailbox], octets: u64) {
    let messages = made.iter_mut().flat_map(|one| &mut one.folders);
    let mut messages: Vec<&mut SketchedMessage> =
        messages.flat_map(|folder| &mut folder.messages).collect();
    let sum: u128 = messages.iter().map(|message| u128::from(message.size)).sum();
    if sum <= u128::from(octets) {
        return;
    }
    for message in &mut messages {
        let smaller = u128::from(message.size) * u128::from(octets) / sum;
        message.size = u64::try_from(smaller).unwrap_or(u64::MAX);
    }
}
