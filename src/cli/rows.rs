//! Goes through what the ledger knows of one source folder.

use crate::error::Result;
use crate::model::uid::{Uid, UidValidity};
use crate::ports::ledger::{FolderKey, Ledger, MessageRow};

/// Rows that are in memory at once.
const PAGE: usize = 2_000;

/// Hands out the rows in order of UID, a page at a time.
pub(crate) fn pages(
    ledger: &dyn Ledger,
    source: &FolderKey,
    validity: UidValidity,
    mut take: impl FnMut(&[MessageRow]) -> Result<()>,
) -> Result<()> {
    let mut next = Some(Uid(1));
    while let Some(from) = next {
        let rows = ledger.rows(source, validity, from, PAGE)?;
        next = rows.last().and_then(|last| last.listed.uid.behind());
        if !rows.is_empty() {
            take(&rows)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SystemClock;
    use crate::ledger::{SqliteLedger, current_owner};
    use crate::model::flags::Flags;
    use crate::ports::ledger::Listed;

    #[test]
    fn every_row_is_handed_out_once_also_that_of_the_highest_uid() {
        let ledger = SqliteLedger::in_memory().unwrap();
        ledger.acquire(&current_owner(&SystemClock, "retry")).unwrap();
        let source = FolderKey {
            mailbox: "ada@acme.example".parse().unwrap(),
            folder: "INBOX".parse().unwrap(),
        };
        let validity = UidValidity(7);
        let mut uids: Vec<u32> = (1..=2_500).collect();
        uids.push(u32::MAX);
        let listed: Vec<Listed> = uids
            .iter()
            .map(|uid| Listed {
                uid: Uid(*uid),
                size: 1,
                flags: Flags::default(),
                internal_date: None,
                modseq: None,
                headers: None,
            })
            .collect();
        ledger.begin_listing(&source, validity).unwrap();
        ledger.list(&source, validity, &listed).unwrap();
        ledger.end_listing(&source, validity).unwrap();
        let (mut seen, mut largest) = (Vec::new(), 0);
        pages(&ledger, &source, validity, |rows| {
            assert!(seen.len() <= uids.len(), "it goes on behind the last");
            largest = largest.max(rows.len());
            seen.extend(rows.iter().map(|row| row.listed.uid.0));
            Ok(())
        })
        .unwrap();
        assert_eq!(seen, uids);
        assert_eq!(largest, PAGE);
    }
}
