//! Strays as a multiset.

use super::*;
use crate::model::internal_date::InternalDate;
use proptest::prelude::*;

fn row(uid: u32, content: u8, state: MessageState, vanished: bool) -> MessageRow {
    let copied = |_: &MessageState| Copied {
        destination: Some((UidValidity(1), Uid(uid))),
        source_digest: Digest([content; 32]),
        sent_digest: Digest([content; 32]),
        size: 1,
        stored_flags: Flags::default(),
        source_flags: Flags::default(),
        tried_flags: None,
        internal_date: None,
        transforms: Vec::new(),
        adopted: false,
        found: false,
        elsewhere: None,
    };
    let copied = Some(&state).filter(|state| **state != MessageState::Pending).map(copied);
    let listed = Listed {
        uid: Uid(uid),
        size: u64::from(content),
        flags: Flags::default(),
        internal_date: None,
        modseq: None,
        headers: None,
    };
    MessageRow { listed, state, copied, vanished, proven_at: None, doubted: false }
}

fn stray(uid: u32, content: u8) -> Stray {
    let key = |folder: &str| FolderKey {
        mailbox: "ada@acme.example".parse().unwrap(),
        folder: folder.parse().unwrap(),
    };
    Stray {
        source: key("Old"),
        uid_validity: UidValidity(3),
        row: row(uid, content, MessageState::Acknowledged, true),
        destination: key("Old"),
    }
}

fn content(row: &MessageRow) -> u8 {
    u8::try_from(row.listed.size).unwrap()
}

fn count(contents: impl Iterator<Item = u8>) -> BTreeMap<u8, usize> {
    let mut counts = BTreeMap::new();
    for content in contents {
        *counts.entry(content).or_default() += 1;
    }
    counts
}

proptest! {
    #[test]
    fn every_stray_serves_one_message_at_most_and_only_an_equal_one(
        new in prop::collection::vec(0_u8..4, 0..12),
        gone in prop::collection::vec(0_u8..4, 0..12),
    ) {
        let mut pending: BTreeMap<Uid, MessageRow> = (1_u32..)
            .zip(&new)
            .map(|(uid, content)| (Uid(uid), row(uid, *content, MessageState::Pending, false)))
            .collect();
        let digests: BTreeMap<Uid, Digest> =
            pending.values().map(|row| (row.listed.uid, Digest([content(row); 32]))).collect();
        let strays: Vec<Stray> = (1..).zip(&gone).map(|(uid, content)| stray(uid, *content)).collect();
        let found = pairs(&mut pending, &digests, strays);
        for (row, stray) in &found {
            prop_assert_eq!(row.listed.size, stray.row.listed.size);
            prop_assert!(!pending.contains_key(&row.listed.uid));
        }
        let used: BTreeSet<Uid> = found.iter().map(|(_, stray)| stray.row.listed.uid).collect();
        prop_assert_eq!(used.len(), found.len(), "a stray served twice");
        let (new, gone) = (count(new.into_iter()), count(gone.into_iter()));
        let there = count(found.iter().map(|(row, _)| content(row)));
        for (content, wanted) in new {
            let have = gone.get(&content).copied().unwrap_or(0);
            prop_assert_eq!(there.get(&content).copied().unwrap_or(0), wanted.min(have));
        }
    }

    #[test]
    fn looking_alike_is_mutual(
        size in 0_u64..3, other in 0_u64..3,
        second in prop::option::of(0_i64..3), another in prop::option::of(0_i64..3),
    ) {
        let (a, b) = (Look { size, second }, Look { size: other, second: another });
        let alike = a.is_among(&BTreeSet::from([b]));
        prop_assert_eq!(alike, b.is_among(&BTreeSet::from([a])));
        let dates = second.is_none() || another.is_none() || second == another;
        prop_assert_eq!(alike, size == other && dates);
    }
}

#[test]
fn what_was_there_before_us_or_was_changed_is_not_ours_to_move() {
    let mut copied = stray(1, 1).row.copied.unwrap();
    copied.stored_flags = Flags::from_words(["\\Seen"]);
    assert!(ours_unchanged(&copied, &Flags::from_words(["\\Seen", "\\Recent"])));
    assert!(!ours_unchanged(&copied, &Flags::from_words(["\\Seen", "\\Flagged"])));
    assert!(!ours_unchanged(&copied, &Flags::default()));
    copied.adopted = true;
    assert!(!ours_unchanged(&copied, &Flags::from_words(["\\Seen"])));
}

fn dated(mut row: MessageRow, second: Option<i64>) -> MessageRow {
    row.listed.internal_date = second
        .map(|second| InternalDate::from_timestamp(jiff::Timestamp::from_second(second).unwrap()));
    row
}

#[test]
fn twins_with_dates_are_paired_by_them_and_only_without_one_by_their_octets() {
    let found = |new: &[Option<i64>], gone: &[Option<i64>]| -> Vec<(u32, u32)> {
        let mut pending: BTreeMap<Uid, MessageRow> = (1..)
            .zip(new)
            .map(|(uid, date)| (Uid(uid), dated(row(uid, 7, MessageState::Pending, false), *date)))
            .collect();
        let digests = pending.keys().map(|uid| (*uid, Digest([7; 32]))).collect();
        let strays = (1..).zip(gone).map(|(uid, date)| {
            let stray = stray(uid, 7);
            Stray { row: dated(stray.row, *date), ..stray }
        });
        let pairs = pairs(&mut pending, &digests, strays.collect());
        pairs.iter().map(|(row, stray)| (row.listed.uid.0, stray.row.listed.uid.0)).collect()
    };
    let (one, two) = (Some(100_000_000), Some(200_000_000));
    assert_eq!(found(&[one, two], &[two, two]), [(2, 1)], "one is copied with its own date");
    assert_eq!(found(&[one, two], &[two, one]), [(2, 1), (1, 2)]);
    assert_eq!(found(&[one, None], &[two, two]), [(2, 1)]);
    assert_eq!(found(&[one], &[two, None]), [(1, 2)]);
    assert_eq!(found(&[one], &[two]), []);
}
