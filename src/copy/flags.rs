//! Brings flags up to date: what changed at the source since the copy, and nothing else.

use crate::catalogue::Object;
use crate::copy::desk::Desk;
use crate::copy::stop::Stop;
use crate::imap::{Connection, SequenceSet};
use crate::model::flags::{Flags, PermanentFlags};
use crate::model::uid::{Uid, UidValidity};
use crate::ports::ledger::{Copied, FolderKey, MessageRow, MessageState};
use std::collections::BTreeMap;

/// What one message needs: flags to add and to take away.
type Change = (Vec<String>, Vec<String>);

/// Returns what a change at the source means for the copy.
///
/// The base is what the destination stored. Flags that its user set or took away there are no
/// part of the difference at the source, so they stay as the user wants them.
pub fn change(copied: &Copied, now: &Flags, permanent: &PermanentFlags) -> (Flags, Flags) {
    let (wanted, _) = now.storable(permanent);
    let (was, _) = copied.source_flags.storable(permanent);
    (wanted.minus(&was), was.minus(&wanted))
}

/// Applies the changes of one folder, grouped by equal change, and returns how many messages
/// were touched.
pub async fn bring_up_to_date(
    desk: &Desk,
    destination: &Connection,
    permanent: &PermanentFlags,
    key: &FolderKey,
    validity: UidValidity,
    destination_validity: UidValidity,
    object: &Object,
) -> Result<u64, Stop> {
    let mut touched = 0;
    let mut from = Uid(1);
    while let Some(rows) = desk.page(key, validity, &mut from).await? {
        desk.go_on()?;
        touched +=
            page(desk, destination, permanent, key, validity, destination_validity, object, rows)
                .await?;
    }
    Ok(touched)
}

#[allow(clippy::too_many_arguments, reason = "one page of the loop above, passed on whole")]
async fn page(
    desk: &Desk,
    destination: &Connection,
    permanent: &PermanentFlags,
    key: &FolderKey,
    validity: UidValidity,
    destination_validity: UidValidity,
    object: &Object,
    rows: Vec<MessageRow>,
) -> Result<u64, Stop> {
    let mut groups: BTreeMap<Change, Vec<Uid>> = BTreeMap::new();
    let mut results = Vec::new();
    for row in rows {
        let settled = matches!(row.state, MessageState::Acknowledged | MessageState::Verified);
        let Some(copied) = row.copied.filter(|_| settled && !row.vanished) else { continue };
        if copied.source_flags == row.listed.flags {
            continue;
        }
        let Some((at, uid)) = copied.destination else { continue };
        if at != destination_validity {
            continue;
        }
        let (add, remove) = change(&copied, &row.listed.flags, permanent);
        let words = |flags: &Flags| flags.iter().map(str::to_owned).collect::<Vec<_>>();
        groups.entry((words(&add), words(&remove))).or_default().push(uid);
        let stored_flags = copied.stored_flags.minus(&remove).plus(&add);
        let copied = Copied { stored_flags, source_flags: row.listed.flags.clone(), ..copied };
        results.push((row.listed.uid, row.state, Some(copied)));
    }
    for ((add, remove), uids) in &groups {
        let set = SequenceSet::from_uids(uids.iter().copied());
        for (flags, adding) in [(add, true), (remove, false)] {
            if !flags.is_empty() {
                destination
                    .uid_store(&set, adding, &Flags::from_words(flags))
                    .await
                    .map_err(|error| Stop::from_imap(&error, object))?;
            }
        }
    }
    let touched = results.len() as u64;
    if touched > 0 {
        let key = key.clone();
        desk.ledger(move |ledger| ledger.settle(&key, validity, &results)).await?;
    }
    Ok(touched)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::digest::Digest;

    fn copied(source: &[&str], stored: &[&str]) -> Copied {
        Copied {
            destination: None,
            source_digest: Digest([0; 32]),
            sent_digest: Digest([0; 32]),
            size: 1,
            stored_flags: Flags::from_words(stored),
            source_flags: Flags::from_words(source),
            internal_date: None,
            transforms: Vec::new(),
            adopted: false,
            elsewhere: None,
        }
    }

    #[test]
    fn only_what_changed_at_the_source_is_changed_and_deleted_never() {
        let permanent = PermanentFlags {
            flags: Flags::from_words(["\\Seen", "\\Flagged", "\\Deleted"]),
            any_keyword: false,
        };
        let before = copied(&["\\Flagged", "old"], &["\\Flagged"]);
        let now = Flags::from_words(["\\Seen", "\\Deleted", "new"]);
        let (add, remove) = change(&before, &now, &permanent);
        assert_eq!(add.to_string(), "\\Seen");
        assert_eq!(remove.to_string(), "\\Flagged");
    }
}
