//! Mailboxes like those that were observed.

use crate::desired::DesiredMailbox;
use crate::model::address::Address;
use crate::model::reading::Reading;
use crate::observation::{Folder, Mailbox, Observation};
use crate::rehearse::Choice;
use crate::rehearse::content::{Author, Letter, Made};
use crate::rehearse::sketch::{Budget, SketchedFolder, SketchedMailbox, sketch};
use std::collections::BTreeSet;

/// Octets of all mailboxes together, so that a rehearsal is made in seconds.
const OCTETS: u64 = 64 << 20;

fn messages(mailbox: &Mailbox) -> u64 {
    let Reading::Present(contents) = &mailbox.contents else { return 0 };
    let of = |folder: &Folder| match &folder.state {
        Reading::Present(seen) => u64::from(seen.messages.unwrap_or(0)),
        _ => 0,
    };
    contents.folders.iter().map(of).sum()
}

/// Sketches that nobody took yet.
#[derive(Debug)]
pub(crate) struct Observed {
    sketches: Vec<SketchedMailbox>,
    /// The mailboxes that are played.
    named: BTreeSet<Address>,
}

impl Observed {
    /// Takes the mailboxes that are played by their addresses, and where the observation has other
    /// names, the largest ones.
    pub(crate) fn of(observation: &Observation, wanted: &[&Address], choice: &Choice) -> Self {
        let mut some = observation.clone();
        let named: BTreeSet<&Address> = wanted.iter().copied().collect();
        some.mailboxes.sort_by_key(|mailbox| {
            (!named.contains(&mailbox.address), std::cmp::Reverse(messages(mailbox)))
        });
        some.mailboxes.truncate(wanted.len());
        let messages = (choice.messages * wanted.len()) as u64;
        let sketches = sketch(&some, choice.seed, Budget { messages, octets: OCTETS });
        Self { sketches, named: wanted.iter().map(|&address| address.clone()).collect() }
    }

    /// Writes the letters of one mailbox.
    pub(crate) fn mailbox(
        &mut self,
        author: &mut Author,
        mailbox: &DesiredMailbox,
    ) -> (Vec<Made>, Vec<Letter>) {
        let own = self.sketches.iter().position(|sketch| sketch.address == mailbox.source);
        // What belongs to one that comes later is not given away.
        let free = || self.sketches.iter().position(|it| !self.named.contains(&it.address));
        let Some(at) = own.or_else(free) else { return (Vec::new(), Vec::new()) };
        let sketch = self.sketches.remove(at);
        let mut folders = Vec::new();
        let mut letters = Vec::new();
        for folder in sketch.folders {
            for message in folder.messages {
                letters.push(author.like(&folder.path, mailbox.source.as_str(), message));
            }
            // Names that hold no mail come with the folders below them.
            if folder.selectable {
                let SketchedFolder { path, subscribed, special_use, .. } = folder;
                folders.push(Made { path, subscribed, special_use });
            }
        }
        (folders, letters)
    }
}
