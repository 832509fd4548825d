//! What is compared before and after each command: the source, which stays as it is, and what the
//! destination holds.

use crate::model::address::Address;
use crate::model::digest::Digest;
use crate::rehearse::stage::Stage;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Everything at the source as a text, to see that nobody changes it.
pub(crate) fn snapshot(stage: &Stage) -> String {
    let mut text = String::new();
    for player in &stage.players {
        let Some(truth) = stage.source.oracle().mailbox(&player.source) else { continue };
        for (name, folder) in truth {
            let _ = writeln!(
                text,
                "{} {name} {} {}",
                player.source, folder.uid_validity, folder.subscribed
            );
            for message in folder.messages {
                let _ = writeln!(
                    text,
                    "  {} {} {} {}",
                    message.uid,
                    message.flags,
                    message.date.as_str(),
                    message.given.len()
                );
            }
        }
    }
    text
}

/// What a destination mailbox holds, wherever: how often each octets are there.
pub(crate) type Held = BTreeMap<(Address, Digest), usize>;

/// Counts what the destination holds now.
pub(crate) fn held(stage: &Stage) -> Held {
    let mut held = Held::new();
    for player in &stage.players {
        let Some(truth) = stage.destination.oracle().mailbox(&player.destination) else { continue };
        for message in truth.values().flat_map(|folder| &folder.messages) {
            let key = (player.mailbox.source.clone(), Digest::of(&message.given));
            *held.entry(key).or_default() += 1;
        }
    }
    held
}

/// Counts what went away from each mailbox between two looks.
pub(crate) fn gone(before: &Held, after: &Held) -> BTreeMap<Address, usize> {
    let mut gone = BTreeMap::new();
    for ((address, digest), count) in before {
        let now = after.get(&(address.clone(), *digest)).copied().unwrap_or_default();
        if now < *count {
            *gone.entry(address.clone()).or_default() += count - now;
        }
    }
    gone
}
