//! The copies in a destination mailbox, and what differs between a message and its copy.

use crate::imap::mailbox_name;
use crate::message::canonical::Canonical;
use crate::model::address::Address;
use crate::model::digest::Digest;
use crate::model::flags::Flags;
use crate::model::folder::{FolderPath, RawName};
use crate::rehearse::stage::Stage;
use crate::simulate::{MailboxTruth, Message, Service};
use std::collections::BTreeMap;

/// Flags that every destination keeps.
const SYSTEM: [&str; 4] = ["\\Seen", "\\Answered", "\\Flagged", "\\Draft"];

/// Reads the name of a folder at a service.
pub(super) fn path(service: &Service, name: &str) -> FolderPath {
    let separator = Some(service.product().separator);
    mailbox_name::decode(&RawName(name.as_bytes().to_vec()), separator, "")
        .or_else(|_| FolderPath::new(vec![name.to_owned()]))
        .unwrap_or_else(|_| FolderPath::inbox())
}

pub(super) type Copy<'a> = (FolderPath, &'a Message);

/// The copies in a destination mailbox by what they are recognised by: their octets, and what they
/// say where no letter of the source has their octets.
pub(super) struct Copies<'a> {
    pub(super) octets: BTreeMap<Digest, Vec<Copy<'a>>>,
    pub(super) says: BTreeMap<Digest, Vec<Copy<'a>>>,
    /// How often a letter that says this was at the source, of those without a copy of its octets.
    pub(super) said: BTreeMap<Digest, usize>,
    /// What those letters say, by the digest of their octets.
    pub(super) says_of: BTreeMap<Digest, Digest>,
}

impl<'a> Copies<'a> {
    pub(super) fn of(stage: &Stage, address: &Address, there: &'a MailboxTruth) -> Self {
        let mut octets: BTreeMap<Digest, Vec<Copy<'a>>> = BTreeMap::new();
        for (name, folder) in there {
            let path = path(&stage.destination, name);
            for message in &folder.messages {
                octets.entry(Digest::of(&message.given)).or_default().push((path.clone(), message));
            }
        }
        let known = |digest: &Digest| stage.ever.contains_key(&(address.clone(), *digest));
        let mut copies =
            Self { octets, says: BTreeMap::new(), said: BTreeMap::new(), says_of: BTreeMap::new() };
        for (digest, all) in &copies.octets {
            let Some((_, first)) = all.first().filter(|_| !known(digest)) else { continue };
            let says = Canonical::of(&first.given);
            copies.says.entry(says).or_default().extend(all.iter().cloned());
        }
        if copies.says.is_empty() {
            return copies;
        }
        for ((of, digest), (letter, times)) in &stage.ever {
            if of == address && !copies.octets.contains_key(digest) {
                let says = Canonical::of(letter);
                *copies.said.entry(says).or_default() += times;
                copies.says_of.insert(*digest, says);
            }
        }
        copies
    }
}

/// Says what differs between a message and its copy besides its octets.
pub(super) fn altered(message: &Message, copy: &Message) -> Option<String> {
    let system = |flags: &Flags| {
        SYSTEM.iter().filter(|flag| flags.contains(flag)).copied().collect::<Vec<_>>().join(" ")
    };
    if !message.date.same_instant(&copy.date) {
        return Some(format!("{} there and {} here", copy.date.as_str(), message.date.as_str()));
    }
    let (here, there) = (system(&message.flags), system(&copy.flags));
    (here != there).then(|| format!("flags `{there}` there and `{here}` here"))
}
