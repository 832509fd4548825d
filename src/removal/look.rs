//! Looks whether messages of ours are as we left them.

use super::intent::Own;
use crate::copy::there::those_there;
use crate::imap::{Connection, ImapError};
use crate::model::flags::Flags;
use crate::ports::ledger::Listed;

/// How a message of ours is found in the folder that is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// With the size and the flags that were stored.
    AsStored,
    /// As stored, and marked as deleted besides.
    Marked,
    /// With another size.
    OtherSize,
    /// With other flags.
    OtherFlags,
    /// Not at all.
    Gone,
}

impl Standing {
    /// Says why a message that stands so is not removed.
    pub const fn why(self) -> &'static str {
        match self {
            Self::AsStored => "is as it was left",
            Self::Marked | Self::OtherFlags => "its user changed its flags",
            Self::OtherSize => "has another size than was stored",
            Self::Gone => "its user moved or removed it",
        }
    }
}

/// Returns how each message stands in the folder that is open, in their order.
///
/// # Errors
/// When not every row could be read: what is missing then is not gone.
pub async fn look(connection: &Connection, messages: &[Own]) -> Result<Vec<Standing>, ImapError> {
    let there = those_there(connection, messages.iter().map(|one| one.at)).await?;
    Ok(messages.iter().map(|one| standing(one, there.get(&one.at))).collect())
}

fn standing(own: &Own, now: Option<&Listed>) -> Standing {
    let Some(now) = now else { return Standing::Gone };
    if now.size != own.size {
        Standing::OtherSize
    } else if now.flags == own.flags {
        Standing::AsStored
    } else if now.flags == own.flags.plus(&deleted()) {
        Standing::Marked
    } else {
        Standing::OtherFlags
    }
}

/// The mark that EXPUNGE looks for.
pub(super) const DELETED: &str = "\\Deleted";

pub(super) fn deleted() -> Flags {
    Flags::from_words([DELETED])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::uid::Uid;

    #[test]
    fn only_the_size_and_the_flags_that_were_stored_are_as_stored() {
        let flags = |words: &[&str]| Flags::from_words(words);
        let own = Own { at: Uid(7), source: None, size: 9, flags: flags(&["\\Seen"]) };
        let row = |size, words: &[&str]| Listed {
            uid: Uid(7),
            size,
            flags: flags(words),
            internal_date: None,
            modseq: None,
            headers: None,
        };
        for (row, wanted) in [
            (None, Standing::Gone),
            (Some(row(9, &["\\Seen"])), Standing::AsStored),
            (Some(row(9, &["\\Seen", "\\Recent"])), Standing::AsStored),
            (Some(row(9, &["\\Seen", "\\Deleted"])), Standing::Marked),
            (Some(row(9, &["\\Deleted"])), Standing::OtherFlags),
            (Some(row(9, &[])), Standing::OtherFlags),
            (Some(row(8, &["\\Seen"])), Standing::OtherSize),
        ] {
            assert_eq!(standing(&own, row.as_ref()), wanted, "{row:?}");
        }
    }
}
