//! Which bodies are read again, and what reading some of them proves.
//!
//! The draw is reproducible: it depends on the migration plan, the mailbox, the folder and the UIDs,
//! and on nothing else.

use crate::copy::desk::Desk;
use crate::desired::DesiredMailbox;
use crate::error::Result;
use crate::model::digest::{Digest, Hasher};
use crate::model::folder::FolderPath;
use crate::model::sampling::Sampling;
use crate::model::uid::{Uid, UidValidity};
use crate::ports::ledger::{FolderKey, MessageState};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeSet, BinaryHeap};

/// The confidence of every statement about a sample, in per cent.
pub const CONFIDENCE: u8 = 95;

/// What was drawn from a mailbox, and what it proves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chance {
    /// The first digits of the digest of the migration plan, which the draw depends on.
    pub seed: String,
    /// Copied messages of the mailbox: what was drawn from.
    pub of: u64,
    /// Drawn.
    pub drawn: u64,
    /// Drawn, read on both sides, and equal.
    pub equal: u64,
    /// Read besides, because a transform changed them, they were found and not sent, they are not
    /// where they were put, or their size or header fields are others.
    pub besides: u64,
    /// In per cent.
    pub confidence: u8,
    /// At most so many messages in a million differ, with this confidence; nothing is stated when
    /// one that was drawn is not equal.
    pub at_most_per_million: Option<u64>,
}

impl Chance {
    /// States what was drawn, in words and figures.
    pub fn sentence(&self) -> String {
        let read = format!(
            "{} of {} drawn (seed {}), {} read back and equal",
            self.drawn, self.of, self.seed, self.equal
        );
        match self.at_most_per_million {
            Some(per_million) => {
                // Tenths of a per cent, rounded up: the statement must stay true.
                let tenths = per_million.div_ceil(1_000);
                format!(
                    "{read}, none differs: with {} % confidence at most {}.{} % differ",
                    self.confidence,
                    tenths / 10,
                    tenths % 10
                )
            }
            None => format!("{read}: nothing is stated about the others"),
        }
    }
}

/// The largest share, in a million, that can differ when none of `n` drawn messages does:
/// 1 - (1 - c)^(1/n). That is the bound of a draw with replacement; without, less can differ.
#[allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "between 0 and a million"
)]
pub fn bound(n: u64) -> Option<u64> {
    if n == 0 {
        return None;
    }
    let left = 1.0 - f64::from(CONFIDENCE) / 100.0;
    Some(((1.0 - left.powf(1.0 / n as f64)) * 1e6).ceil() as u64)
}

/// The messages of a mailbox that were drawn.
#[derive(Debug)]
pub(super) struct Draw {
    document: Digest,
    of: u64,
    /// `None` when everything is read.
    drawn: Option<BTreeSet<(FolderPath, UidValidity, Uid)>>,
}

impl Draw {
    /// Draws from what the ledger says is copied: those whose digest over plan, mailbox, folder and
    /// UID is lowest. Memory holds what is drawn and nothing else.
    pub(super) async fn new(
        sampling: Sampling,
        document: Digest,
        desk: &Desk,
        mailbox: &DesiredMailbox,
    ) -> Result<Self> {
        let whole = Self { document, of: 0, drawn: None };
        if sampling == Sampling::Full {
            return Ok(whole);
        }
        let tallies = desk.ledger(|ledger| ledger.tallies()).await?;
        let (mut messages, mut octets) = (0, 0);
        for (_, tally) in tallies.iter().filter(|(key, _)| key.mailbox == mailbox.source) {
            messages += tally.copied;
            octets += tally.copied_bytes;
        }
        let Some(number) = sampling.drawn(messages, octets) else { return Ok(whole) };
        let number = usize::try_from(number).unwrap_or(usize::MAX);
        let mut lowest: BinaryHeap<([u8; 32], FolderPath, UidValidity, Uid)> = BinaryHeap::new();
        let address = mailbox.source.clone();
        let folders = desk.ledger(move |ledger| ledger.source_folders(&address)).await?;
        let mut of = 0;
        for (folder, validity) in folders {
            let Some(validity) = validity else { continue };
            let key = FolderKey { mailbox: mailbox.source.clone(), folder: folder.clone() };
            let mut from = Uid(1);
            while let Some(rows) = desk.page(&key, validity, &mut from).await? {
                for row in rows {
                    let copied =
                        matches!(row.state, MessageState::Acknowledged | MessageState::Verified);
                    if row.vanished || !copied {
                        continue;
                    }
                    of += 1;
                    let uid = row.listed.uid;
                    lowest.push((
                        lot(&document, &key, validity, uid).0,
                        folder.clone(),
                        validity,
                        uid,
                    ));
                    if lowest.len() > number {
                        lowest.pop();
                    }
                }
            }
        }
        let drawn = lowest.into_iter().map(|(_, folder, validity, uid)| (folder, validity, uid));
        Ok(Self { document, of, drawn: Some(drawn.collect()) })
    }

    /// Tells whether this message is one of those that were drawn by chance.
    pub(super) fn has(&self, folder: &FolderPath, validity: UidValidity, uid: Uid) -> bool {
        self.drawn.as_ref().is_none_or(|drawn| drawn.contains(&(folder.clone(), validity, uid)))
    }

    /// Tells whether every body is read.
    pub(super) const fn is_all(&self) -> bool {
        self.drawn.is_none()
    }

    /// States what the reading proves; nothing when everything was read.
    pub(super) fn chance(&self, equal: u64, besides: u64) -> Option<Chance> {
        let drawn = self.drawn.as_ref()?.len() as u64;
        Some(Chance {
            seed: self.document.short(),
            of: self.of,
            drawn,
            equal,
            besides,
            confidence: CONFIDENCE,
            at_most_per_million: if equal == drawn { bound(equal) } else { None },
        })
    }
}

fn lot(document: &Digest, key: &FolderKey, validity: UidValidity, uid: Uid) -> Digest {
    let mut hasher = Hasher::new();
    hasher.update(&document.0);
    for part in [key.mailbox.as_str(), &key.folder.to_string()] {
        hasher.update(format!("{}:{part}", part.len()).as_bytes());
    }
    hasher.update(format!("{}:{}", validity.0, uid.0).as_bytes());
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The figures of a table of the rule of three: 3/n for large n.
    #[test]
    fn the_bound_is_that_of_a_binomial() {
        assert_eq!(bound(0), None);
        assert_eq!(bound(1), Some(950_000));
        assert_eq!(bound(59), Some(49_508));
        assert_eq!(bound(300), Some(9_937));
        assert_eq!(bound(3_000), Some(999));
        // With this share off, a draw of n finds none in 5 of 100 cases.
        for n in [2u32, 10, 299, 3_000] {
            let share = f64::from(u32::try_from(bound(n.into()).unwrap()).unwrap()) / 1e6;
            let none = (1.0 - share).powi(i32::try_from(n).unwrap());
            assert!(none <= 0.05 && none > 0.0498, "{n}: {none}");
        }
    }

    #[test]
    fn the_statement_names_every_figure_and_says_nothing_when_one_differs() {
        let chance = |equal| Chance {
            seed: "3f9a1c2e77d0".to_owned(),
            of: 20_000,
            drawn: 300,
            equal,
            besides: 2,
            confidence: CONFIDENCE,
            at_most_per_million: if equal == 300 { bound(equal) } else { None },
        };
        assert_eq!(
            chance(300).sentence(),
            "300 of 20000 drawn (seed 3f9a1c2e77d0), 300 read back and equal, none differs: with 95 % confidence at most 1.0 % differ"
        );
        assert!(chance(299).sentence().ends_with("nothing is stated about the others"));
    }
}
