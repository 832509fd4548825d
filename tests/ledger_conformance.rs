//! What every ledger must hold to, run against each implementation.

#![allow(missing_docs, clippy::unwrap_used, clippy::panic, reason = "a test")]

use jiff::{SignedDuration, Timestamp};
use mailferry::clock::SystemClock;
use mailferry::error::{ErrorKind, Result};
use mailferry::ledger::{SqliteLedger, current_owner};
use mailferry::model::digest::Digest;
use mailferry::model::flags::Flags;
use mailferry::model::internal_date::InternalDate;
use mailferry::model::uid::{Uid, UidValidity};
use mailferry::ports::ledger::{
    Checkpoint, Copied, FolderKey, FolderTally, JournalEntry, Ledger, Listed, Look, MessageRow,
    MessageState, Need, Owner, Pass, Pause,
};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

const FIRST: UidValidity = UidValidity(11);
const SECOND: UidValidity = UidValidity(12);
const THERE: UidValidity = UidValidity(900);

fn folder(mailbox: &str, path: &str) -> FolderKey {
    FolderKey { mailbox: mailbox.parse().unwrap(), folder: path.parse().unwrap() }
}

fn inbox() -> FolderKey {
    folder("ada@acme.example", "INBOX")
}

fn odd() -> FolderKey {
    folder("ada@acme.example", "INBOX/Ünïcode 日本/a\\/b\\\\c/ trailing ")
}

fn there() -> FolderKey {
    folder("ada@new.example", "INBOX")
}

fn listed(uid: u32) -> Listed {
    Listed {
        uid: Uid(uid),
        size: 1_000 + u64::from(uid),
        flags: Flags::from_words(["\\Seen", "$Label1"]),
        internal_date: InternalDate::parse(" 7-Feb-1994 21:52:25 -0800"),
        modseq: Some((1 << 62) + u64::from(uid)),
        headers: Some(Digest::of(&uid.to_be_bytes())),
    }
}

fn copied(uid: u32) -> Copied {
    Copied {
        destination: Some((THERE, Uid(uid))),
        source_digest: Digest::of(b"source"),
        sent_digest: Digest::of(b"sent"),
        size: 500,
        stored_flags: Flags::from_words(["\\Seen"]),
        source_flags: Flags::from_words(["\\Seen", "$Label1"]),
        tried_flags: None,
        internal_date: InternalDate::parse("08-Feb-1994 05:52:25 +0000"),
        transforms: vec!["long-lines".to_owned(), "nul".to_owned()],
        adopted: false,
        found: false,
        elsewhere: None,
    }
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + seconds).unwrap()
}

/// An owner on another machine, of whom only the heartbeat is known.
fn stranger(name: &str, now: Timestamp) -> Owner {
    Owner {
        host: name.to_owned(),
        boot: "b".to_owned(),
        pid: 1,
        started: "1".to_owned(),
        command: "apply".to_owned(),
        since: now,
        heartbeat: now,
    }
}

fn take(ledger: &dyn Ledger) {
    ledger.acquire(&current_owner(&SystemClock, "apply")).unwrap();
}

fn list_all(ledger: &dyn Ledger, source: &FolderKey, validity: UidValidity, uids: &[u32]) {
    let rows: Vec<Listed> = uids.iter().copied().map(listed).collect();
    ledger.begin_listing(source, validity).unwrap();
    ledger.list(source, validity, &rows).unwrap();
    ledger.end_listing(source, validity).unwrap();
}

fn all(ledger: &dyn Ledger, source: &FolderKey, validity: UidValidity) -> Vec<MessageRow> {
    ledger.rows(source, validity, Uid(1), usize::MAX).unwrap()
}

fn vanished(ledger: &dyn Ledger, source: &FolderKey, validity: UidValidity) -> Vec<u32> {
    let rows = all(ledger, source, validity);
    rows.iter().filter(|row| row.vanished).map(|row| row.listed.uid.0).collect()
}

mod rules {
    use super::*;

    pub(super) fn a_new_ledger_is_empty_and_answers(ledger: &dyn Ledger) {
        assert!(ledger.is_empty().unwrap());
        assert!(ledger.tallies().unwrap().is_empty());
        assert_eq!(ledger.holder().unwrap(), None);
        assert_eq!(ledger.last_pass(&inbox()).unwrap(), None);
        assert_eq!(ledger.checkpoint(&there()).unwrap(), None);
        assert_eq!(ledger.binding(&inbox()).unwrap(), None);
        assert!(ledger.bound_to(&there()).unwrap().is_empty());
        assert!(ledger.known_destination_uids(&there(), THERE, Uid(1)).unwrap().is_empty());
        assert!(ledger.journal_tail(9).unwrap().is_empty());
        assert!(all(ledger, &inbox(), FIRST).is_empty());
    }

    pub(super) fn a_step_reads_the_rows_that_it_needs_and_no_others(ledger: &dyn Ledger) {
        take(ledger);
        let uids: Vec<u32> = (1..=20).collect();
        list_all(ledger, &inbox(), FIRST, &uids);
        ledger.bind(&inbox(), &there()).unwrap();
        let other = Copied { source_flags: Flags::from_words(["\\Flagged"]), ..copied(1) };
        let unsaid = Copied { destination: None, ..copied(1) };
        let states = [
            (MessageState::Acknowledged, Some(copied(1))),
            (MessageState::Acknowledged, Some(other.clone())),
            (MessageState::Acknowledged, Some(unsaid)),
            (MessageState::Excepted("why".to_owned()), None),
            (MessageState::Unclear("why".to_owned()), None),
            (MessageState::Pending, None),
            (MessageState::Acknowledged, Some(Copied { destination: None, ..other })),
        ];
        let all_states = states.iter().cycle().zip(1..=19_u32);
        let results: Vec<_> = all_states
            .map(|((state, copied), uid)| (Uid(uid), state.clone(), copied.clone()))
            .collect();
        ledger.settle(&inbox(), FIRST, &results).unwrap();
        ledger.prove(&inbox(), FIRST, &[Uid(1), Uid(2)], at(0)).unwrap();
        let left: Vec<u32> = uids.iter().copied().filter(|uid| uid % 5 != 0).collect();
        list_all(ledger, &inbox(), FIRST, &left);

        let copied = |row: &MessageRow| {
            matches!(row.state, MessageState::Acknowledged | MessageState::Verified)
        };
        let open = |row: &MessageRow| {
            matches!(row.state, MessageState::Pending | MessageState::Unclear(_))
        };
        let excepted = |row: &MessageRow| matches!(row.state, MessageState::Excepted(_));
        let unplaced =
            |row: &MessageRow| row.copied.as_ref().is_some_and(|it| it.destination.is_none());
        let behind = |row: &MessageRow| {
            row.copied.as_ref().is_some_and(|it| it.source_flags != row.listed.flags)
        };
        for need in [Need::ToSend, Need::Unplaced, Need::ToFind, Need::Copied, Need::Behind] {
            let needed = |row: &MessageRow| match need {
                Need::ToSend => !row.vanished && (open(row) || excepted(row)),
                Need::Unplaced => unplaced(row),
                Need::ToFind => !row.vanished && open(row) || unplaced(row),
                Need::Copied => !row.vanished && copied(row),
                Need::Behind => !row.vanished && copied(row) && behind(row),
            };
            let mut wanted = all(ledger, &inbox(), FIRST);
            wanted.retain(needed);
            assert!(wanted.len() > 3, "{need:?}: {wanted:?}");
            let pages = ledger.pages_for(&inbox(), FIRST, need, 2).unwrap();
            let begins: Vec<Uid> = wanted.chunks(2).map(|page| page[0].listed.uid).collect();
            assert_eq!(pages, begins, "{need:?}");
            let mut found = Vec::new();
            for begin in pages {
                found.extend(ledger.rows_for(&inbox(), FIRST, need, begin, 2).unwrap());
            }
            assert_eq!(found, wanted, "{need:?}");
            assert_eq!(ledger.rows_for(&odd(), FIRST, need, Uid(1), 2).unwrap(), []);
            assert_eq!(ledger.pages_for(&inbox(), SECOND, need, 2).unwrap(), []);
        }
    }

    pub(super) fn a_listing_is_kept_in_order_and_read_in_pages(ledger: &dyn Ledger) {
        take(ledger);
        list_all(ledger, &odd(), FIRST, &[u32::MAX, 7, 3, 5]);
        assert!(!ledger.is_empty().unwrap());
        let rows = all(ledger, &odd(), FIRST);
        assert_eq!(rows.len(), 4);
        for (row, uid) in rows.iter().zip([3, 5, 7, u32::MAX]) {
            assert_eq!(row.listed, listed(uid));
            assert_eq!((&row.state, &row.copied), (&MessageState::Pending, &None));
            assert!(!row.vanished);
        }
        let page = ledger.rows(&odd(), FIRST, Uid(4), 2).unwrap();
        assert_eq!(page.iter().map(|row| row.listed.uid.0).collect::<Vec<_>>(), [5, 7]);
        assert!(all(ledger, &inbox(), FIRST).is_empty(), "another folder");
        assert_eq!(ledger.tallies().unwrap().keys().collect::<Vec<_>>(), [&odd()]);
    }

    pub(super) fn what_a_server_did_not_tell_stays_untold(ledger: &dyn Ledger) {
        take(ledger);
        let bare = Listed { internal_date: None, modseq: None, headers: None, ..listed(1) };
        ledger.begin_listing(&inbox(), FIRST).unwrap();
        ledger.list(&inbox(), FIRST, std::slice::from_ref(&bare)).unwrap();
        ledger.end_listing(&inbox(), FIRST).unwrap();
        assert_eq!(all(ledger, &inbox(), FIRST)[0].listed, bare);
    }

    pub(super) fn a_complete_listing_marks_what_it_lacks(ledger: &dyn Ledger) {
        take(ledger);
        list_all(ledger, &inbox(), FIRST, &[1, 2, 3]);
        assert!(vanished(ledger, &inbox(), FIRST).is_empty());
        list_all(ledger, &inbox(), FIRST, &[1, 3, 4]);
        assert_eq!(vanished(ledger, &inbox(), FIRST), [2]);
        list_all(ledger, &inbox(), FIRST, &[3, 4]);
        assert_eq!(vanished(ledger, &inbox(), FIRST), [1, 2]);
        // It is there again.
        list_all(ledger, &inbox(), FIRST, &[1, 3, 4]);
        assert_eq!(vanished(ledger, &inbox(), FIRST), [2]);
        list_all(ledger, &inbox(), FIRST, &[]);
        assert_eq!(vanished(ledger, &inbox(), FIRST), [1, 2, 3, 4]);
    }

    pub(super) fn a_listing_that_did_not_end_marks_nothing(ledger: &dyn Ledger) {
        take(ledger);
        list_all(ledger, &inbox(), FIRST, &[1, 2, 3]);
        ledger.begin_listing(&inbox(), FIRST).unwrap();
        ledger.list(&inbox(), FIRST, &[listed(1)]).unwrap();
        assert!(vanished(ledger, &inbox(), FIRST).is_empty());
        // The next one starts from the beginning.
        ledger.begin_listing(&inbox(), FIRST).unwrap();
        ledger.list(&inbox(), FIRST, &[listed(2), listed(3)]).unwrap();
        ledger.end_listing(&inbox(), FIRST).unwrap();
        assert_eq!(vanished(ledger, &inbox(), FIRST), [1]);
    }

    pub(super) fn a_listing_ends_once_and_only_when_it_began(ledger: &dyn Ledger) {
        take(ledger);
        assert!(ledger.end_listing(&inbox(), FIRST).is_err());
        ledger.begin_listing(&inbox(), FIRST).unwrap();
        assert!(ledger.end_listing(&inbox(), SECOND).is_err());
        ledger.end_listing(&inbox(), FIRST).unwrap();
        assert!(ledger.end_listing(&inbox(), FIRST).is_err());
    }

    pub(super) fn listing_again_takes_flags_and_keeps_results(ledger: &dyn Ledger) {
        take(ledger);
        ledger.bind(&inbox(), &there()).unwrap();
        list_all(ledger, &inbox(), FIRST, &[1, 2]);
        let result = (Uid(1), MessageState::Acknowledged, Some(copied(50)));
        ledger.settle(&inbox(), FIRST, std::slice::from_ref(&result)).unwrap();
        let changed = Listed {
            flags: Flags::from_words(["\\Flagged"]),
            modseq: Some(9),
            internal_date: None,
            headers: None,
            ..listed(1)
        };
        // A pass that asks for changes only lists without begin and end.
        ledger.list(&inbox(), FIRST, &[changed]).unwrap();
        let rows = all(ledger, &inbox(), FIRST);
        assert_eq!(rows[0].listed.flags, Flags::from_words(["\\Flagged"]));
        assert_eq!(rows[0].listed.modseq, Some(9));
        assert_eq!(rows[0].listed.headers, listed(1).headers, "known before");
        assert_eq!(rows[0].listed.internal_date, listed(1).internal_date, "known before");
        assert_eq!((&rows[0].state, &rows[0].copied), (&result.1, &result.2));
        assert_eq!(rows[1].listed, listed(2));
        assert!(vanished(ledger, &inbox(), FIRST).is_empty());
    }

    pub(super) fn another_uidvalidity_is_another_world_and_the_old_one_is_kept(
        ledger: &dyn Ledger,
    ) {
        take(ledger);
        ledger.bind(&inbox(), &there()).unwrap();
        list_all(ledger, &inbox(), FIRST, &[1, 2]);
        let result = (Uid(1), MessageState::Acknowledged, Some(copied(50)));
        ledger.settle(&inbox(), FIRST, std::slice::from_ref(&result)).unwrap();
        assert_eq!(ledger.listed_under(&inbox()).unwrap(), Some(FIRST), "also without a pass");
        list_all(ledger, &inbox(), SECOND, &[1]);
        assert_eq!(ledger.listed_under(&inbox()).unwrap(), Some(SECOND));
        assert_eq!(ledger.listed_under(&odd()).unwrap(), None);
        assert_eq!(all(ledger, &inbox(), SECOND)[0].state, MessageState::Pending);
        let old = all(ledger, &inbox(), FIRST);
        assert_eq!((&old[0].state, &old[0].copied), (&result.1, &result.2));
        assert_eq!(vanished(ledger, &inbox(), FIRST), [1, 2], "their UIDs name nothing any more");
        let tally = FolderTally { pending: 1, ..FolderTally::default() };
        assert_eq!(ledger.tallies().unwrap()[&inbox()], tally);
        assert_eq!(
            ledger.known_destination_uids(&there(), THERE, Uid(1)).unwrap(),
            BTreeSet::from([Uid(50)]),
            "what was copied stays ours"
        );
    }

    pub(super) fn a_result_replaces_what_was_there(ledger: &dyn Ledger) {
        take(ledger);
        ledger.bind(&inbox(), &there()).unwrap();
        list_all(ledger, &inbox(), FIRST, &[1]);
        let adopted = Copied {
            destination: None,
            internal_date: None,
            transforms: Vec::new(),
            adopted: true,
            ..copied(1)
        };
        for (state, known) in [
            (MessageState::Acknowledged, Some(copied(50))),
            (MessageState::Verified, Some(adopted)),
            (MessageState::Acknowledged, Some(Copied { found: true, ..copied(52) })),
            (MessageState::Excepted("too large".to_owned()), None),
            (MessageState::Unclear("folder unreadable".to_owned()), Some(copied(51))),
            (MessageState::Pending, None),
        ] {
            ledger.settle(&inbox(), FIRST, &[(Uid(1), state.clone(), known.clone())]).unwrap();
            let row = &all(ledger, &inbox(), FIRST)[0];
            assert_eq!((&row.state, &row.copied), (&state, &known));
            assert_eq!(row.listed, listed(1));
            let ours = ledger.known_destination_uids(&there(), THERE, Uid(1)).unwrap();
            let uid = known.and_then(|known| known.destination).map(|(_, uid)| uid);
            assert_eq!(ours, uid.into_iter().collect());
        }
    }

    pub(super) fn a_copy_that_is_elsewhere_is_ours_there(ledger: &dyn Ledger) {
        take(ledger);
        ledger.bind(&inbox(), &there()).unwrap();
        list_all(ledger, &inbox(), FIRST, &[1]);
        let moved = Copied { elsewhere: Some("Archive".parse().unwrap()), ..copied(7) };
        let result = (Uid(1), MessageState::Acknowledged, Some(moved.clone()));
        ledger.settle(&inbox(), FIRST, &[result]).unwrap();
        assert_eq!(all(ledger, &inbox(), FIRST)[0].copied, Some(moved));
        let archive = folder("ada@new.example", "Archive");
        assert_eq!(
            ledger.known_destination_uids(&archive, THERE, Uid(1)).unwrap(),
            BTreeSet::from([Uid(7)])
        );
        assert!(ledger.known_destination_uids(&there(), THERE, Uid(1)).unwrap().is_empty());
    }

    pub(super) fn a_proof_has_its_date_until_the_copy_is_given_up(ledger: &dyn Ledger) {
        take(ledger);
        ledger.bind(&inbox(), &there()).unwrap();
        list_all(ledger, &inbox(), FIRST, &[1, 2]);
        let result = (Uid(1), MessageState::Acknowledged, Some(copied(50)));
        ledger.settle(&inbox(), FIRST, std::slice::from_ref(&result)).unwrap();
        ledger.prove(&inbox(), FIRST, &[Uid(1)], at(5)).unwrap();
        let row = &all(ledger, &inbox(), FIRST)[0];
        assert_eq!((&row.state, row.proven_at), (&MessageState::Verified, Some(at(5))));
        assert_eq!(row.copied, result.2);
        // New flags do not take the proof away; a copy that is given up does.
        let flags = (Uid(1), MessageState::Verified, Some(copied(50)));
        ledger.settle(&inbox(), FIRST, &[flags]).unwrap();
        assert_eq!(all(ledger, &inbox(), FIRST)[0].proven_at, Some(at(5)));
        ledger.settle(&inbox(), FIRST, &[(Uid(1), MessageState::Pending, None)]).unwrap();
        assert_eq!(all(ledger, &inbox(), FIRST)[0].proven_at, None);
        for uid in [2, 3] {
            assert!(ledger.prove(&inbox(), FIRST, &[Uid(uid)], at(6)).is_err(), "{uid}");
        }
    }

    pub(super) fn a_doubt_stays_until_it_is_taken_away(ledger: &dyn Ledger) {
        take(ledger);
        ledger.bind(&inbox(), &there()).unwrap();
        list_all(ledger, &inbox(), FIRST, &[1, 2]);
        let result = |uid| (Uid(uid), MessageState::Acknowledged, Some(copied(uid)));
        ledger.settle(&inbox(), FIRST, &[result(1), result(2)]).unwrap();
        let doubted = |validity| {
            let rows = all(ledger, &inbox(), validity);
            rows.iter().map(|row| row.doubted).collect::<Vec<_>>()
        };
        assert_eq!(doubted(FIRST), [false, false]);
        ledger.doubt(&inbox(), FIRST, &[Uid(2)], true).unwrap();
        // Neither a listing nor new flags nor a proof of other things says that it is well.
        list_all(ledger, &inbox(), FIRST, &[1, 2]);
        ledger.settle(&inbox(), FIRST, &[result(2)]).unwrap();
        ledger.prove(&inbox(), FIRST, &[Uid(1)], at(5)).unwrap();
        assert_eq!(doubted(FIRST), [false, true]);
        // It goes with the copy.
        list_all(ledger, &inbox(), SECOND, &[9]);
        let look = Look::of(&listed(2));
        let stray = ledger.strays(&inbox().mailbox, &BTreeSet::from([look]), 9).unwrap();
        let stray = stray.into_iter().find(|stray| stray.row.listed.uid == Uid(2)).unwrap();
        ledger.take_over(&stray, &inbox(), SECOND, Uid(9), &copied(2)).unwrap();
        assert_eq!(doubted(SECOND), [true]);
        ledger.doubt(&inbox(), SECOND, &[Uid(9)], false).unwrap();
        assert_eq!(doubted(SECOND), [false]);
        assert!(ledger.doubt(&inbox(), SECOND, &[Uid(10)], true).is_err(), "never listed");
    }

    pub(super) fn what_went_astray_is_found_by_size_and_taken_over_once(ledger: &dyn Ledger) {
        take(ledger);
        let sent = folder("ada@acme.example", "Sent");
        ledger.bind(&inbox(), &there()).unwrap();
        ledger.bind(&sent, &folder("ada@new.example", "Sent Items")).unwrap();
        list_all(ledger, &inbox(), FIRST, &[1, 2, 3]);
        let results = [1, 2].map(|uid| (Uid(uid), MessageState::Acknowledged, Some(copied(uid))));
        ledger.settle(&inbox(), FIRST, &results).unwrap();
        let mailbox = &inbox().mailbox;
        let sizes = BTreeSet::from([1, 2, 3, 9].map(|uid| Look::of(&listed(uid))));
        assert!(ledger.strays(mailbox, &sizes, 9).unwrap().is_empty(), "all are in their place");
        list_all(ledger, &inbox(), FIRST, &[2]);
        let strays = ledger.strays(mailbox, &sizes, 9).unwrap();
        assert_eq!(strays.len(), 1, "3 has no copy");
        let stray = &strays[0];
        assert_eq!((stray.row.listed.uid, stray.uid_validity), (Uid(1), FIRST));
        assert_eq!((&stray.source, &stray.destination), (&inbox(), &there()));
        let other = "bob@acme.example".parse().unwrap();
        assert!(ledger.strays(&other, &sizes, 9).unwrap().is_empty());
        list_all(ledger, &sent, SECOND, &[9]);
        let copied = Copied { elsewhere: Some("INBOX".parse().unwrap()), ..copied(1) };
        ledger.take_over(stray, &sent, SECOND, Uid(9), &copied).unwrap();
        let row = &all(ledger, &sent, SECOND)[0];
        assert_eq!((&row.state, &row.copied), (&MessageState::Acknowledged, &Some(copied.clone())));
        assert!(ledger.strays(mailbox, &sizes, 9).unwrap().is_empty());
        assert!(ledger.take_over(stray, &sent, SECOND, Uid(9), &copied).is_err(), "only once");
        assert_eq!(ledger.tallies().unwrap()[&inbox()].vanished, 1, "it is counted in one place");
        // A folder that is gone: all that was in it is astray.
        ledger.folder_gone(&inbox()).unwrap();
        assert_eq!(ledger.strays(mailbox, &sizes, 9).unwrap().len(), 1);
        assert_eq!(ledger.last_pass(&inbox()).unwrap(), None);
        assert_eq!(
            ledger.source_folders(mailbox).unwrap(),
            [("INBOX".parse().unwrap(), Some(FIRST)), ("Sent".parse().unwrap(), Some(SECOND))]
        );
    }

    pub(super) fn what_was_removed_is_to_be_copied_when_it_is_back(ledger: &dyn Ledger) {
        take(ledger);
        list_all(ledger, &inbox(), FIRST, &[1]);
        list_all(ledger, &inbox(), FIRST, &[]);
        ledger.settle(&inbox(), FIRST, &[(Uid(1), MessageState::Removed, None)]).unwrap();
        let tally = &ledger.tallies().unwrap()[&inbox()];
        assert_eq!((tally.vanished, tally.removed), (1, 1));
        list_all(ledger, &inbox(), FIRST, &[1]);
        assert_eq!(all(ledger, &inbox(), FIRST)[0].state, MessageState::Pending);
    }

    pub(super) fn a_message_that_did_not_move_keeps_its_proof(ledger: &dyn Ledger) {
        take(ledger);
        ledger.bind(&inbox(), &there()).unwrap();
        list_all(ledger, &inbox(), FIRST, &[1]);
        let result = (Uid(1), MessageState::Acknowledged, Some(copied(1)));
        ledger.settle(&inbox(), FIRST, &[result]).unwrap();
        ledger.prove(&inbox(), FIRST, &[Uid(1)], at(77)).unwrap();
        // The server made new UIDs.
        list_all(ledger, &inbox(), SECOND, &[1]);
        let look = Look::of(&listed(1));
        let stray = ledger.strays(&inbox().mailbox, &BTreeSet::from([look]), 9).unwrap().remove(0);
        ledger.take_over(&stray, &inbox(), SECOND, Uid(1), &copied(1)).unwrap();
        let row = &all(ledger, &inbox(), SECOND)[0];
        assert_eq!((&row.state, row.proven_at), (&MessageState::Verified, Some(at(77))));
    }

    pub(super) fn checkpoints_are_found_while_they_are_open(ledger: &dyn Ledger) {
        take(ledger);
        let mailbox = &there().mailbox;
        let open = Checkpoint { uid_validity: THERE, uid_next: Uid(3), at: at(1), open: true };
        ledger.set_checkpoint(&there(), &open).unwrap();
        let found = BTreeMap::from([(there().folder, open.clone())]);
        assert_eq!(ledger.open_checkpoints(mailbox).unwrap(), found);
        ledger.set_checkpoint(&there(), &Checkpoint { open: false, ..open }).unwrap();
        assert!(ledger.open_checkpoints(mailbox).unwrap().is_empty());
    }

    pub(super) fn nothing_of_ours_lies_below_the_first_checkpoint(ledger: &dyn Ledger) {
        take(ledger);
        let first = |validity| ledger.first_uid_next(&there(), validity).unwrap();
        let set = |uid_validity, uid_next| {
            let uid_next = Uid(uid_next);
            let checkpoint = Checkpoint { uid_validity, uid_next, at: at(1), open: true };
            ledger.set_checkpoint(&there(), &checkpoint).unwrap();
        };
        assert_eq!(first(THERE), None, "an unknown folder");
        set(THERE, 7);
        set(THERE, 9);
        assert_eq!(first(THERE), Some(Uid(7)), "the first one counts");
        let anew = UidValidity(THERE.0 + 1);
        assert_eq!(first(anew), None);
        set(anew, 30);
        assert_eq!((first(anew), first(THERE)), (Some(Uid(30)), None), "the folder is another one");
    }

    pub(super) fn landmarks_and_slow_answers_are_kept_for_each_folder(ledger: &dyn Ledger) {
        take(ledger);
        let mailbox = &there().mailbox;
        assert!(ledger.landmarks(mailbox).unwrap().is_empty());
        let first = BTreeMap::from(
            [("INBOX", 5), ("Old", 9)]
                .map(|(path, uid_next)| (path.parse().unwrap(), (THERE, Uid(uid_next)))),
        );
        ledger.set_landmarks(mailbox, &first).unwrap();
        assert_eq!(ledger.landmarks(mailbox).unwrap(), first);
        let second = BTreeMap::from([("INBOX".parse().unwrap(), (THERE, Uid(6)))]);
        ledger.set_landmarks(mailbox, &second).unwrap();
        assert_eq!(ledger.landmarks(mailbox).unwrap(), second, "the old ones are gone");
        assert_eq!(ledger.slowest_append(&there()).unwrap(), None);
        for milliseconds in [700, 300] {
            let answer = Duration::from_millis(milliseconds);
            ledger.record_slowest_append(&there(), answer).unwrap();
        }
        assert_eq!(ledger.slowest_append(&there()).unwrap(), Some(Duration::from_millis(700)));
    }

    pub(super) fn what_vanished_unanswered_is_noted_until_it_was_looked_for(ledger: &dyn Ledger) {
        take(ledger);
        let mailbox = &there().mailbox;
        assert!(!ledger.lost_unanswered(&there()).unwrap(), "an unknown folder");
        ledger.bind(&inbox(), &there()).unwrap();
        list_all(ledger, &inbox(), FIRST, &[1, 2]);
        let copied = (Uid(1), MessageState::Acknowledged, Some(copied(50)));
        ledger.settle(&inbox(), FIRST, &[copied]).unwrap();
        assert!(!ledger.lost_unanswered(&there()).unwrap(), "both are there");
        list_all(ledger, &inbox(), FIRST, &[2]);
        assert!(!ledger.lost_unanswered(&there()).unwrap(), "the first is known to be copied");
        list_all(ledger, &inbox(), FIRST, &[]);
        assert!(ledger.lost_unanswered(&there()).unwrap());
        assert!(ledger.orphans(mailbox).unwrap().is_empty());
        for uid in [7, 5] {
            ledger.set_orphan(&there(), Some((THERE, Uid(uid)))).unwrap();
            let noted = BTreeMap::from([(there().folder, (THERE, Uid(uid)))]);
            assert_eq!(ledger.orphans(mailbox).unwrap(), noted);
        }
        ledger.set_orphan(&there(), None).unwrap();
        assert!(ledger.orphans(mailbox).unwrap().is_empty());
    }

    pub(super) fn a_mailbox_rests_without_the_lock(ledger: &dyn Ledger) {
        let (mailbox, pause) =
            (inbox().mailbox, Pause { since: at(0), note: "holiday".to_owned() });
        ledger.pause(&mailbox, &pause).unwrap();
        ledger.pause(&mailbox, &Pause { since: at(9), ..pause.clone() }).unwrap();
        assert_eq!(ledger.paused().unwrap(), BTreeMap::from([(mailbox.clone(), pause)]));
        assert!(ledger.resume(&mailbox).unwrap());
        assert!(!ledger.resume(&mailbox).unwrap());
        assert!(ledger.paused().unwrap().is_empty());
    }

    pub(super) fn results_are_recorded_all_or_none(ledger: &dyn Ledger) {
        take(ledger);
        ledger.bind(&inbox(), &there()).unwrap();
        list_all(ledger, &inbox(), FIRST, &[1]);
        let results = [
            (Uid(1), MessageState::Acknowledged, Some(copied(50))),
            (Uid(2), MessageState::Acknowledged, Some(copied(51))),
        ];
        let error = ledger.settle(&inbox(), FIRST, &results).unwrap_err();
        assert!(error.message.contains("UID 2"), "{error}");
        assert_eq!(all(ledger, &inbox(), FIRST)[0].state, MessageState::Pending);
        ledger.settle(&inbox(), FIRST, &[]).unwrap();
    }

    pub(super) fn a_copy_out_of_an_unbound_folder_is_refused(ledger: &dyn Ledger) {
        take(ledger);
        list_all(ledger, &inbox(), FIRST, &[1]);
        let result = (Uid(1), MessageState::Acknowledged, Some(copied(50)));
        assert!(ledger.settle(&inbox(), FIRST, &[result]).is_err());
        let result = (Uid(1), MessageState::Excepted("too large".to_owned()), None);
        ledger.settle(&inbox(), FIRST, &[result]).unwrap();
    }

    pub(super) fn our_uids_are_known_over_merged_folders(ledger: &dyn Ledger) {
        take(ledger);
        let sent = folder("ada@acme.example", "Sent");
        ledger.bind(&inbox(), &there()).unwrap();
        ledger.bind(&sent, &there()).unwrap();
        assert_eq!(ledger.bound_to(&there()).unwrap(), [inbox(), sent.clone()]);
        assert_eq!(ledger.binding(&sent).unwrap(), Some(there()));
        for (source, uid) in [(inbox(), 50), (sent.clone(), 51), (sent.clone(), 52)] {
            ledger.list(&source, FIRST, &[listed(uid)]).unwrap();
            let result = (Uid(uid), MessageState::Acknowledged, Some(copied(uid)));
            ledger.settle(&source, FIRST, &[result]).unwrap();
        }
        let ours = |validity, from| ledger.known_destination_uids(&there(), validity, Uid(from));
        assert_eq!(ours(THERE, 1).unwrap(), BTreeSet::from([50, 51, 52].map(Uid)));
        assert_eq!(ours(THERE, 51).unwrap(), BTreeSet::from([51, 52].map(Uid)));
        assert!(ours(UidValidity(901), 1).unwrap().is_empty());
        // Bound anew: what was copied stays where it is.
        let elsewhere = folder("ada@new.example", "Sent Items");
        ledger.bind(&sent, &elsewhere).unwrap();
        assert_eq!(ledger.bound_to(&there()).unwrap(), [inbox()]);
        assert_eq!(ours(THERE, 51).unwrap(), BTreeSet::from([51, 52].map(Uid)));
        assert!(ledger.known_destination_uids(&elsewhere, THERE, Uid(1)).unwrap().is_empty());
    }

    pub(super) fn the_flags_with_which_a_message_may_have_been_sent_are_kept(ledger: &dyn Ledger) {
        let flags = |word: &str| Flags::from_words([word]);
        let list = |uid, word| {
            ledger.list(&inbox(), FIRST, &[Listed { flags: flags(word), ..listed(uid) }]).unwrap();
        };
        let sent = |uid| {
            let found = ledger.flags_when_sent(&inbox(), FIRST, &[Uid(uid), Uid(99)]).unwrap();
            found.get(&Uid(uid)).map(ToString::to_string)
        };
        let mut checkpoint =
            Checkpoint { uid_validity: THERE, uid_next: Uid(1), at: at(0), open: false };
        take(ledger);
        ledger.bind(&inbox(), &there()).unwrap();
        ledger.set_checkpoint(&there(), &checkpoint).unwrap();
        list(1, "first");
        list(1, "second");
        assert_eq!(sent(1), None, "nothing was on its way");
        checkpoint.open = true;
        ledger.set_checkpoint(&there(), &checkpoint).unwrap();
        list(1, "second");
        assert_eq!(sent(1), None, "nothing changed");
        list(1, "third");
        list(1, "fourth");
        assert_eq!(sent(1).as_deref(), Some("second"), "what was listed before it was sent");
        let unclear = MessageState::Unclear("a reason".to_owned());
        ledger.settle(&inbox(), FIRST, &[(Uid(1), unclear, None)]).unwrap();
        assert_eq!(sent(1).as_deref(), Some("second"), "it may still turn out that it was sent");
        // What is copied has flags of its own, and what was not sent has none.
        let copy = |uid, copied| (Uid(uid), MessageState::Acknowledged, Some(copied));
        ledger.settle(&inbox(), FIRST, &[copy(1, copied(1))]).unwrap();
        assert_eq!(sent(1), None);
        list(1, "fifth");
        assert_eq!(all(ledger, &inbox(), FIRST)[0].copied, Some(copied(1)));
        list(2, "first");
        list(2, "second");
        assert_eq!(sent(2).as_deref(), Some("first"));
        ledger.forget_flags_when_sent(&there()).unwrap();
        assert_eq!(sent(2), None);
        assert_eq!(all(ledger, &inbox(), FIRST)[0].copied, Some(copied(1)));
    }

    pub(super) fn a_checkpoint_is_kept_for_each_destination_folder(ledger: &dyn Ledger) {
        take(ledger);
        let now: Timestamp = "2026-12-01T20:00:00.123456789Z".parse().unwrap();
        let mut checkpoint =
            Checkpoint { uid_validity: THERE, uid_next: Uid(u32::MAX), at: now, open: true };
        ledger.set_checkpoint(&there(), &checkpoint).unwrap();
        assert_eq!(ledger.checkpoint(&there()).unwrap().as_ref(), Some(&checkpoint));
        checkpoint.open = false;
        checkpoint.uid_next = Uid(7);
        ledger.set_checkpoint(&there(), &checkpoint).unwrap();
        assert_eq!(ledger.checkpoint(&there()).unwrap(), Some(checkpoint));
        assert_eq!(ledger.checkpoint(&inbox()).unwrap(), None);
        assert!(ledger.is_empty().unwrap(), "nothing was copied or listed");
    }

    pub(super) fn a_pass_is_kept_for_each_source_folder(ledger: &dyn Ledger) {
        take(ledger);
        let pass = Pass {
            uid_validity: FIRST,
            uid_next: Uid(9),
            messages: 3,
            highest_modseq: Some(i64::MAX.unsigned_abs()),
        };
        ledger.end_pass(&inbox(), pass).unwrap();
        assert_eq!(ledger.last_pass(&inbox()).unwrap(), Some(pass));
        let later = Pass { uid_validity: SECOND, highest_modseq: None, ..pass };
        ledger.end_pass(&inbox(), later).unwrap();
        assert_eq!(ledger.last_pass(&inbox()).unwrap(), Some(later));
        assert_eq!(ledger.last_pass(&odd()).unwrap(), None);
    }

    pub(super) fn the_numbers_add_up(ledger: &dyn Ledger) {
        take(ledger);
        ledger.bind(&inbox(), &there()).unwrap();
        ledger.bind(&odd(), &there()).unwrap();
        list_all(ledger, &inbox(), FIRST, &[1, 2, 3, 4, 5, 6, 7, 8]);
        let large = || MessageState::Excepted("too large".to_owned());
        let results = [
            (Uid(1), MessageState::Acknowledged, Some(copied(50))),
            (Uid(2), MessageState::Verified, Some(copied(51))),
            (Uid(3), large(), None),
            (Uid(4), large(), None),
            (Uid(5), MessageState::Excepted("unreadable".to_owned()), None),
            (Uid(6), MessageState::Unclear("?".to_owned()), None),
            (Uid(8), MessageState::Acknowledged, Some(copied(52))),
        ];
        ledger.settle(&inbox(), FIRST, &results).unwrap();
        list_all(ledger, &inbox(), FIRST, &[1, 2, 3, 4, 5, 6, 7]);
        let tally = FolderTally {
            pending: 1,
            copied: 2,
            copied_bytes: 1_000,
            verified: 1,
            excepted: BTreeMap::from([("too large".to_owned(), 2), ("unreadable".to_owned(), 1)]),
            unclear: 1,
            vanished: 1,
            removed: 0,
        };
        let expected = BTreeMap::from([(inbox(), tally), (odd(), FolderTally::default())]);
        assert_eq!(ledger.tallies().unwrap(), expected);
    }

    pub(super) fn more_than_the_ledger_holds_is_refused(ledger: &dyn Ledger) {
        take(ledger);
        let row = Listed { size: u64::MAX, ..listed(1) };
        assert!(ledger.list(&inbox(), FIRST, &[listed(2), row]).is_err());
        assert!(all(ledger, &inbox(), FIRST).is_empty(), "all or none");
    }

    pub(super) fn the_journal_ends_with_the_newest(ledger: &dyn Ledger) {
        take(ledger);
        let entry = |n: i64| JournalEntry {
            at: at(n),
            action: format!("copy_folder/ada@acme.example/{n}"),
            step: "intent".to_owned(),
            note: "`x` 'y' \u{1f980}".to_owned(),
        };
        for n in 0..5 {
            ledger.journal(&entry(n)).unwrap();
        }
        assert_eq!(ledger.journal_tail(2).unwrap(), [entry(3), entry(4)]);
        assert_eq!(ledger.journal_tail(99).unwrap().len(), 5);
        let later = JournalEntry { step: "done".to_owned(), ..entry(1) };
        ledger.journal(&later).unwrap();
        assert_eq!(ledger.journal_last(&later.action).unwrap(), Some(later));
        assert_eq!(ledger.journal_last("copy_folder/ada@acme.example").unwrap(), None);
    }

    pub(super) fn nobody_writes_without_the_lock(ledger: &dyn Ledger) {
        let checkpoint =
            Checkpoint { uid_validity: THERE, uid_next: Uid(1), at: at(0), open: true };
        let entry = JournalEntry {
            at: at(0),
            action: String::new(),
            step: String::new(),
            note: String::new(),
        };
        let pass =
            Pass { uid_validity: FIRST, uid_next: Uid(1), messages: 0, highest_modseq: None };
        let refused = || {
            let attempts: [Result<()>; 11] = [
                ledger.heartbeat(at(1)),
                ledger.release(),
                ledger.end_pass(&inbox(), pass),
                ledger.begin_listing(&inbox(), FIRST),
                ledger.list(&inbox(), FIRST, &[listed(1)]),
                ledger.end_listing(&inbox(), FIRST),
                ledger.settle(&inbox(), FIRST, &[(Uid(1), MessageState::Pending, None)]),
                ledger.set_checkpoint(&there(), &checkpoint),
                ledger.bind(&inbox(), &there()),
                ledger.journal(&entry),
                ledger.journal_durably(&entry),
            ];
            for (place, attempt) in attempts.into_iter().enumerate() {
                assert_eq!(attempt.unwrap_err().kind, ErrorKind::Locked, "number {place}");
            }
        };
        refused();
        take(ledger);
        ledger.release().unwrap();
        refused();
        assert!(ledger.is_empty().unwrap());
        assert_eq!(ledger.checkpoint(&there()).unwrap(), None);
        assert!(ledger.journal_tail(9).unwrap().is_empty());
    }

    pub(super) fn one_owner_at_a_time(ledger: &dyn Ledger) {
        let first = stranger("one", at(0));
        ledger.acquire(&first).unwrap();
        assert_eq!(ledger.holder().unwrap(), Some(first.clone()));
        let error = ledger.acquire(&stranger("two", at(119))).unwrap_err();
        assert_eq!((error.kind, error.code), (ErrorKind::Locked, "E120"));
        for part in ["one", "process 1", "`mailferry apply`", "2027-01-15T08:00:00Z"] {
            assert!(error.message.contains(part), "{part}: {error}");
        }
        assert!(!error.hints.is_empty());
        ledger.heartbeat(at(100)).unwrap();
        assert_eq!(ledger.holder().unwrap().unwrap().heartbeat, at(100));
        assert!(ledger.acquire(&stranger("two", at(219))).is_err(), "the lease began anew");
        assert!(ledger.acquire(&stranger("two", at(-9_999))).is_err(), "a clock that is behind");
        ledger.acquire(&stranger("two", at(220))).unwrap();
        ledger.release().unwrap();
        assert_eq!(ledger.holder().unwrap(), None);
        ledger.acquire(&stranger("three", at(221))).unwrap();
    }

    pub(super) fn an_owner_that_is_there_is_not_replaced_however_silent(ledger: &dyn Ledger) {
        let here = current_owner(&SystemClock, "apply");
        ledger.acquire(&here).unwrap();
        let later = here.heartbeat + SignedDuration::from_hours(9);
        let error = ledger.acquire(&Owner { heartbeat: later, ..here.clone() }).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Locked);
        // Of another boot nothing is known but its heartbeat.
        let rebooted = Owner { boot: "later".to_owned(), heartbeat: later, ..here };
        ledger.acquire(&rebooted).unwrap();
    }
}

macro_rules! conformance {
    ($($rule:ident),* $(,)?) => {
        mod sqlite_in_memory {
            $(#[test] fn $rule() {
                super::rules::$rule(&super::SqliteLedger::in_memory().unwrap());
            })*
        }
        mod sqlite_in_a_file {
            $(#[test] fn $rule() {
                let dir = tempfile::tempdir().unwrap();
                let path = dir.path().join(".mailferry").join("ledger.sqlite");
                super::rules::$rule(&super::SqliteLedger::open(&path).unwrap());
            })*
        }
    };
}

conformance!(
    a_new_ledger_is_empty_and_answers,
    a_listing_is_kept_in_order_and_read_in_pages,
    a_step_reads_the_rows_that_it_needs_and_no_others,
    what_a_server_did_not_tell_stays_untold,
    a_complete_listing_marks_what_it_lacks,
    a_listing_that_did_not_end_marks_nothing,
    a_listing_ends_once_and_only_when_it_began,
    listing_again_takes_flags_and_keeps_results,
    another_uidvalidity_is_another_world_and_the_old_one_is_kept,
    a_result_replaces_what_was_there,
    results_are_recorded_all_or_none,
    a_copy_that_is_elsewhere_is_ours_there,
    a_proof_has_its_date_until_the_copy_is_given_up,
    a_doubt_stays_until_it_is_taken_away,
    what_went_astray_is_found_by_size_and_taken_over_once,
    a_message_that_did_not_move_keeps_its_proof,
    checkpoints_are_found_while_they_are_open,
    what_was_removed_is_to_be_copied_when_it_is_back,
    nothing_of_ours_lies_below_the_first_checkpoint,
    landmarks_and_slow_answers_are_kept_for_each_folder,
    what_vanished_unanswered_is_noted_until_it_was_looked_for,
    a_mailbox_rests_without_the_lock,
    a_copy_out_of_an_unbound_folder_is_refused,
    our_uids_are_known_over_merged_folders,
    the_flags_with_which_a_message_may_have_been_sent_are_kept,
    a_checkpoint_is_kept_for_each_destination_folder,
    a_pass_is_kept_for_each_source_folder,
    the_numbers_add_up,
    more_than_the_ledger_holds_is_refused,
    the_journal_ends_with_the_newest,
    nobody_writes_without_the_lock,
    one_owner_at_a_time,
    an_owner_that_is_there_is_not_replaced_however_silent,
);

/// Two processes on one file.
#[cfg(unix)]
mod processes {
    use super::*;
    use std::io::{BufRead, BufReader, Lines, Write};
    use std::path::Path;
    use std::process::{Child, ChildStdout, Command, Stdio};

    const FILE: &str = "MAILFERRY_TEST_LEDGER";

    struct Writer {
        child: Child,
        lines: Lines<BufReader<ChildStdout>>,
    }

    impl Writer {
        /// Runs `the_other_process` of this very binary.
        fn start(path: &Path) -> Self {
            let mut child = Command::new(std::env::current_exe().unwrap())
                .args(["--exact", "processes::the_other_process", "--nocapture"])
                .env(FILE, path)
                .stdin(Stdio::null())
                .stdout(Stdio::piped())
                .spawn()
                .unwrap();
            let lines = BufReader::new(child.stdout.take().unwrap()).lines();
            Self { child, lines }
        }

        /// Waits until it says that this many results are committed.
        fn wait_for(&mut self, count: u32) -> u32 {
            for line in &mut self.lines {
                let line = line.unwrap();
                let Some((_, number)) = line.split_once("committed ") else { continue };
                let number = number.parse().unwrap();
                if number >= count {
                    return number;
                }
            }
            panic!("the other process ended");
        }
    }

    impl Drop for Writer {
        fn drop(&mut self) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }

    /// Not a test of its own: as the child process of one, settles one message after the other
    /// until it is killed.
    #[test]
    fn the_other_process() {
        let Some(path) = std::env::var_os(FILE) else { return };
        let ledger = SqliteLedger::open(Path::new(&path)).unwrap();
        take(&ledger);
        ledger.bind(&inbox(), &there()).unwrap();
        let checkpoint =
            Checkpoint { uid_validity: THERE, uid_next: Uid(1), at: at(0), open: true };
        ledger.set_checkpoint(&there(), &checkpoint).unwrap();
        for uid in 1.. {
            ledger.list(&inbox(), FIRST, &[listed(uid)]).unwrap();
            let result = (Uid(uid), MessageState::Acknowledged, Some(copied(uid)));
            ledger.settle(&inbox(), FIRST, &[result]).unwrap();
            let mut out = std::io::stdout().lock();
            writeln!(out, "committed {uid}").unwrap();
            out.flush().unwrap();
        }
    }

    #[test]
    fn what_was_committed_survives_a_kill_and_the_next_owner_goes_on_at_once() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ledger.sqlite");
        for round in 1..=3 {
            let mut writer = Writer::start(&path);
            let committed = writer.wait_for(20 * round);

            let ledger = SqliteLedger::open(&path).unwrap();
            let error = ledger.acquire(&current_owner(&SystemClock, "apply")).unwrap_err();
            assert_eq!(error.kind, ErrorKind::Locked);
            let pid = format!("process {}", writer.child.id());
            assert!(error.message.contains(&pid), "{error}");

            let reader = SqliteLedger::open_read_only(&path).unwrap().unwrap();
            assert!(reader.tallies().unwrap()[&inbox()].copied >= u64::from(committed));

            // Not waited for: a process that is only a zombie is gone as well.
            writer.child.kill().unwrap();
            let mut attempts = 0;
            while let Err(error) = ledger.acquire(&current_owner(&SystemClock, "apply")) {
                assert_eq!(error.kind, ErrorKind::Locked);
                attempts += 1;
                assert!(attempts < 500, "the kernel takes a moment to end a process: {error}");
                std::thread::sleep(Duration::from_millis(10));
            }
            let rows = all(&ledger, &inbox(), FIRST);
            assert!(rows.len() >= committed as usize);
            let done = |row: &MessageRow| {
                row.state == MessageState::Acknowledged
                    && row.copied == Some(copied(row.listed.uid.0))
            };
            assert!(rows.iter().take(committed as usize).all(done));
            // At most the last one was listed and not settled.
            assert!(rows.iter().filter(|row| !done(row)).count() <= 1);
            assert!(ledger.checkpoint(&there()).unwrap().unwrap().open);
            ledger.release().unwrap();
        }
    }

    #[test]
    fn an_owner_that_was_replaced_cannot_write() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ledger.sqlite");
        let (first, second) =
            (SqliteLedger::open(&path).unwrap(), SqliteLedger::open(&path).unwrap());
        first.acquire(&stranger("one", at(0))).unwrap();
        first.list(&inbox(), FIRST, &[listed(1)]).unwrap();
        second.acquire(&stranger("two", at(120))).unwrap();
        for attempt in
            [first.list(&inbox(), FIRST, &[listed(2)]), first.heartbeat(at(121)), first.release()]
        {
            let error = attempt.unwrap_err();
            assert_eq!((error.kind, error.code), (ErrorKind::Locked, "E121"));
            assert!(error.message.contains("two"), "{error}");
        }
        assert_eq!(all(&second, &inbox(), FIRST).len(), 1);
        // Not even after the other one gave it back.
        second.release().unwrap();
        assert!(first.list(&inbox(), FIRST, &[listed(2)]).is_err());
    }
}
