//! When all is proven, a copy is damaged and another one deleted: `verify` has to say so.

use crate::finding::{Check, Failure};
use crate::proof;
use crate::stores::Stores;
use crate::world::{Letter, World, mailbox};
use mailferry::verify::evidence::{Evidence, MailboxEvidence, Verdict};

/// What was done.
pub(crate) struct Damage {
    user: String,
    /// What and where.
    text: String,
    before: Stores,
    /// One was deleted as well.
    deleted: bool,
}

/// Damages the copy of a message that has no twin and is where it was sent to, and deletes another
/// one; `None` where there is none.
pub(crate) fn strike(world: &World) -> Option<Damage> {
    let stores = Stores::of(world);
    let alone = |letter: &Letter| {
        let there = stores.there(letter);
        (there.ours, there.others, Stores::count(&stores.now, letter)) == (1, 0, 1)
            && !stores.elsewhere.contains(letter)
    };
    for user in &world.users {
        let mut copies = Vec::new();
        for (folder, truth) in mailbox(&world.destination, user) {
            for message in truth.messages {
                let letter = Letter { user: user.clone(), octets: message.given.to_vec() };
                if alone(&letter) {
                    copies.push((folder.clone(), message));
                }
            }
        }
        let Some((folder, last)) = copies.pop() else { continue };
        // The number of a letter, in its body or else in its header.
        let mut octets = last.served.to_vec();
        let is_number = |five: &[u8]| five.iter().all(u8::is_ascii_digit);
        let Some(number) = last.given.windows(5).find(|five| is_number(five)) else { continue };
        let Some(digit) = octets.windows(5).rposition(|five| five == number) else { continue };
        octets[digit] = if octets[digit] == b'7' { b'8' } else { b'7' };
        let hands = world.destination.hands();
        let text =
            format!("{user} {folder} UID {}: {:?}", last.uid, String::from_utf8_lossy(&octets));
        hands.damage(user, &folder, last.uid, octets).expect("a message");
        let other = copies.pop();
        if let Some((folder, other)) = &other {
            hands.delete(user, folder, other.uid).expect("a message");
        }
        return Some(Damage { user: user.clone(), text, before: stores, deleted: other.is_some() });
    }
    None
}

impl Damage {
    /// Looks whether it was seen.
    pub(crate) fn is_told(&self, world: &World, evidence: &Evidence) -> Result<(), Failure> {
        proof::honest(world, &self.before, evidence)?;
        let of_user = evidence.mailboxes.iter().find(|it| it.mailbox.as_str() == self.user);
        let account = of_user.map(MailboxEvidence::account).unwrap_or_default();
        let gone = account.missing + account.removed_by_user;
        let whole = of_user.is_none_or(|it| it.verdict() == Verdict::Holds);
        if whole || account.changed + account.missing == 0 || gone < u64::from(self.deleted) {
            let found = format!("{}: whole {whole}, {account:?}", self.text);
            return Err(Check::Damage.finds(found).into());
        }
        Ok(())
    }
}
