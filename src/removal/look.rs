//! Looks whether messages of ours are as we left them.

use super::intent::Own;
use crate::imap::{Connection, FetchRow, ImapError, RowQuery, SequenceSet};
use crate::model::flags::Flags;
use crate::model::uid::Uid;
use std::collections::BTreeMap;

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
    let there = rows(connection, messages.iter().map(|one| one.at)).await?;
    Ok(messages.iter().map(|one| standing(one, there.get(&one.at))).collect())
}

fn standing(own: &Own, row: Option<&FetchRow>) -> Standing {
    let Some(row) = row else { return Standing::Gone };
    if row.size != Some(own.size) {
        return Standing::OtherSize;
    }
    // \Recent says which session saw a message first, and nothing of its user.
    let recent = Flags::from_words(["\\Recent"]);
    let stored = own.flags.minus(&recent);
    match row.flags.as_ref().map(|flags| flags.minus(&recent)) {
        Some(now) if now == stored => Standing::AsStored,
        Some(now) if now == stored.plus(&deleted()) => Standing::Marked,
        _ => Standing::OtherFlags,
    }
}

/// The mark that EXPUNGE looks for.
pub(super) fn deleted() -> Flags {
    Flags::from_words(["\\Deleted"])
}

async fn rows(
    connection: &Connection,
    uids: impl Iterator<Item = Uid>,
) -> Result<BTreeMap<Uid, FetchRow>, ImapError> {
    let set = SequenceSet::from_uids(uids);
    let mut found = BTreeMap::new();
    if set.is_empty() {
        return Ok(found);
    }
    let query = RowQuery {
        flags: true,
        internal_date: false,
        size: true,
        modseq: false,
        header_fields: Vec::new(),
    };
    let mut rows = connection.fetch_rows(&set, query).await?;
    while let Some(row) = rows.next().await? {
        found.insert(row.uid, row);
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_size_and_the_flags_that_were_stored_are_as_stored() {
        let flags = |words: &[&str]| Flags::from_words(words);
        let own = Own { at: Uid(7), source: None, size: 9, flags: flags(&["\\Seen"]) };
        let row = |size, words: Option<&[&str]>| FetchRow {
            uid: Uid(7),
            size: Some(size),
            flags: words.map(flags),
            internal_date: None,
            internal_date_raw: None,
            modseq: None,
            headers: None,
        };
        for (row, wanted) in [
            (None, Standing::Gone),
            (Some(row(9, Some(&["\\Seen"]))), Standing::AsStored),
            (Some(row(9, Some(&["\\Seen", "\\Recent"]))), Standing::AsStored),
            (Some(row(9, Some(&["\\Seen", "\\Deleted"]))), Standing::Marked),
            (Some(row(9, Some(&["\\Deleted"]))), Standing::OtherFlags),
            (Some(row(9, Some(&[]))), Standing::OtherFlags),
            (Some(row(9, None)), Standing::OtherFlags),
            (Some(row(8, Some(&["\\Seen"]))), Standing::OtherSize),
        ] {
            assert_eq!(standing(&own, row.as_ref()), wanted, "{row:?}");
        }
    }
}
