//! The side table against what is paired in memory.

use super::*;
use crate::model::address::Address;
use crate::ports::ledger::{Copied, Ledger, Listed, MessageState};
use oracle::Mark;
use proptest::prelude::*;
use std::collections::BTreeMap;

#[path = "searches_oracle.rs"]
mod oracle;

const THERE: UidValidity = UidValidity(7);

fn there() -> FolderKey {
    FolderKey { mailbox: "ada@new.example".parse().unwrap(), folder: "INBOX".parse().unwrap() }
}

fn text(second: i64) -> InternalDate {
    InternalDate::from_timestamp(jiff::Timestamp::from_second(second).unwrap())
}

fn mark() -> impl Strategy<Value = Mark> {
    let flags = prop::sample::select(vec!["", "\\Seen", "word", "WORD"]);
    (0_u8..3, prop::option::of(0_i64..3), flags).prop_map(|(digest, second, flags)| Mark {
        digest: Digest([digest; 32]),
        second,
        flags: Flags::from_words(Some(flags).filter(|flag| !flag.is_empty())),
    })
}

fn ours(key: SourceUid, mark: &Mark) -> Ours {
    let look = Look { size: 10, second: mark.second };
    let identity = Some(mark.digest);
    let flags = mark.flags.clone();
    Ours { key, fate: Fate::Unsettled, look, flags, identity, any_size: false }
}

fn theirs(uid: u32, mark: &Mark) -> Theirs {
    Theirs { uid: Uid(uid), size: 10, date: mark.second.map(text), flags: mark.flags.clone() }
}

/// Dates below 1000 are before 1971, so these tests count in years.
const YEAR: i64 = 365 * 86_400;

const UNKEPT: OtherDate = OtherDate::Unkept { since: 40 * YEAR, future: 50 * YEAR };

/// Begins a search with messages of both sides that are recognised.
fn with(
    ledger: &SqliteLedger,
    here: &BTreeMap<SourceUid, Mark>,
    others: &BTreeMap<Uid, Mark>,
) -> SearchId {
    let search = ledger.begin_search().unwrap();
    let all: Vec<Ours> = here.iter().map(|(key, mark)| ours(*key, mark)).collect();
    ledger.add_ours(search, &all).unwrap();
    let all: Vec<Theirs> = others.iter().map(|(uid, mark)| theirs(uid.0, mark)).collect();
    ledger.add_theirs(search, &there(), THERE, &all).unwrap();
    let all: Vec<_> = others.iter().map(|(uid, mark)| (*uid, mark.digest)).collect();
    ledger.identify_theirs(search, &all).unwrap();
    search
}

proptest! {
    #[test]
    fn the_side_table_pairs_as_memory_does(
        here in prop::collection::vec(mark(), 1..12),
        others in prop::collection::vec(mark(), 1..12),
    ) {
        let here: BTreeMap<SourceUid, Mark> =
            (1..).zip(here).map(|(uid, mark)| ((uid as usize % 2, Uid(uid)), mark)).collect();
        let others: BTreeMap<Uid, Mark> =
            (1..).zip(others).map(|(uid, mark)| (Uid(uid), mark)).collect();
        let ledger = SqliteLedger::in_memory().unwrap();
        let search = with(&ledger, &here, &others);
        for round in Round::ALL {
            ledger.pair(search, Fate::Unsettled, round, OtherDate::Any).unwrap();
        }
        let mut found = BTreeMap::new();
        let mut behind = None;
        loop {
            // Page by page, as a search reads them.
            let page = ledger.paired(search, Fate::Unsettled, behind, 2).unwrap();
            let Some(last) = page.last() else { break };
            behind = Some(last.key);
            found.extend(page.iter().map(|p| (p.key, (p.found.uid, p.same_date))));
        }
        let wanted: BTreeMap<_, _> = oracle::pair(&here, &others)
            .into_iter()
            .map(|(key, found)| (key, (found.uid, found.same_date)))
            .collect();
        prop_assert_eq!(found, wanted);
        ledger.end_search(search).unwrap();
        prop_assert_eq!(ledger.count_ours(search, Fate::Unsettled).unwrap(), 0);
    }
}

fn look() -> impl Strategy<Value = Look> {
    (9_u64..12, prop::option::of(0_i64..3)).prop_map(|(size, second)| Look { size, second })
}

proptest! {
    #[test]
    fn a_message_with_more_than_one_look_alike_is_left_out(
        here in prop::collection::vec(look(), 1..8),
        pages in prop::collection::vec(prop::collection::vec(look(), 0..4), 0..3),
        any_size: bool,
    ) {
        let ledger = SqliteLedger::in_memory().unwrap();
        let search = ledger.begin_search().unwrap();
        let all: Vec<Ours> = (1..)
            .zip(&here)
            .map(|(uid, look)| Ours { look: *look, ..ours((0, Uid(uid)), &plain(1, 0)) })
            .collect();
        ledger.add_ours(search, &all).unwrap();
        for page in &pages {
            ledger.count_alike(search, page, any_size).unwrap();
        }
        ledger.leave_out_twins(search).unwrap();
        let alike = |one: &Look, other: &&Look| {
            let dates = one.second.is_none() || other.second.is_none() || one.second == other.second;
            dates && (any_size || one.size == other.size)
        };
        let count = |one: &&Look| pages.iter().flatten().filter(|other| alike(one, other)).count();
        let wanted = here.iter().filter(|one| count(one) < 2).count() as u64;
        prop_assert_eq!(ledger.count_ours(search, Fate::Unsettled).unwrap(), wanted);
    }
}

fn plain(digest: u8, second: i64) -> Mark {
    Mark { digest: Digest([digest; 32]), second: Some(second), flags: Flags::default() }
}

#[test]
fn only_what_is_near_and_not_known_is_kept_and_searches_do_not_see_each_other() {
    let ledger = SqliteLedger::in_memory().unwrap();
    ledger.acquire(&crate::ledger::current_owner(&crate::clock::SystemClock, "apply")).unwrap();
    let address: Address = "ada@acme.example".parse().unwrap();
    let source = FolderKey { mailbox: address, folder: "INBOX".parse().unwrap() };
    let listed = Listed {
        uid: Uid(1),
        size: 10,
        flags: Flags::default(),
        internal_date: None,
        modseq: None,
        headers: None,
    };
    ledger.list(&source, UidValidity(1), &[listed]).unwrap();
    ledger.bind(&source, &there()).unwrap();
    let copied = Copied {
        destination: Some((THERE, Uid(52))),
        source_digest: Digest([9; 32]),
        sent_digest: Digest([9; 32]),
        size: 10,
        stored_flags: Flags::default(),
        source_flags: Flags::default(),
        tried_flags: None,
        internal_date: None,
        transforms: Vec::new(),
        adopted: false,
        found: false,
        elsewhere: None,
    };
    let result = (Uid(1), MessageState::Acknowledged, Some(copied));
    ledger.settle(&source, UidValidity(1), &[result]).unwrap();

    let (first, second) = (ledger.begin_search().unwrap(), ledger.begin_search().unwrap());
    ledger.add_ours(first, &[ours((0, Uid(5)), &plain(1, 100))]).unwrap();
    let at = |uid, size, second| Theirs { size, ..theirs(uid, &plain(1, second)) };
    // The size alone, the date alone, both and known, neither.
    let all = [at(50, 10, 1), at(51, 11, 100), at(52, 10, 100), at(53, 11, 1)];
    assert_eq!(ledger.add_theirs(first, &there(), THERE, &all).unwrap(), 2);
    assert_eq!(ledger.add_theirs(first, &there(), THERE, &all).unwrap(), 0, "they are not new");
    assert_eq!(ledger.add_theirs(second, &there(), THERE, &all).unwrap(), 0, "nothing of ours");
    assert_eq!(ledger.theirs(first, Uid(0), 9).unwrap(), [Uid(50), Uid(51)]);
    assert_eq!(ledger.theirs(first, Uid(50), 9).unwrap(), [Uid(51)]);
    assert_eq!(ledger.near_ours(first, None, 9).unwrap(), [(0, Uid(5))]);
    assert_eq!(ledger.near_ours(first, Some((0, Uid(5))), 9).unwrap(), []);
    // Under another UIDVALIDITY the UID means another message.
    assert_eq!(ledger.add_theirs(first, &there(), UidValidity(8), &all).unwrap(), 1);
    ledger.end_search(first).unwrap();
    assert_eq!(ledger.theirs(first, Uid(0), 9).unwrap(), []);
}

#[test]
fn only_what_has_the_date_of_a_message_that_was_not_found_looks_like_it() {
    let ledger = SqliteLedger::in_memory().unwrap();
    let here = [(1, plain(1, 1)), (2, plain(2, 2)), (3, plain(3, 3))];
    let here = here.map(|(uid, mark)| ((0, Uid(uid)), mark)).into();
    let others = [(50, plain(1, 1)), (51, plain(8, 2)), (52, plain(8, 4)), (53, plain(7, 2))];
    let search = with(&ledger, &here, &others.map(|(uid, mark)| (Uid(uid), mark)).into());
    for round in Round::ALL {
        ledger.pair(search, Fate::Unsettled, round, OtherDate::Any).unwrap();
    }
    assert_eq!(ledger.look_alikes(search, 9).unwrap(), (2, vec![Uid(51), Uid(53)]));
    assert_eq!(ledger.look_alikes(search, 1).unwrap(), (2, vec![Uid(51)]));
}

#[test]
fn what_was_counted_twice_is_left_out_and_so_is_what_it_alone_was_near_to() {
    let ledger = SqliteLedger::in_memory().unwrap();
    let here = [(1, plain(1, 1)), (2, plain(2, 2)), (3, plain(3, 3))];
    let here = here.map(|(uid, mark)| ((0, Uid(uid)), mark)).into();
    let others = [(50, plain(1, 1)), (51, plain(2, 2))].map(|(uid, mark)| (Uid(uid), mark));
    let search = with(&ledger, &here, &others.into());
    ledger.leave_out_other_dates(search).unwrap();
    assert_eq!(ledger.count_ours(search, Fate::Unsettled).unwrap(), 2, "nothing has its date");
    let look = |size, second| Look { size, second };
    ledger
        .count_alike(search, &[look(10, Some(1)), look(10, Some(2)), look(9, None)], false)
        .unwrap();
    ledger.leave_out_twins(search).unwrap();
    assert_eq!(ledger.count_ours(search, Fate::Unsettled).unwrap(), 2, "each counts itself");
    // One without a date may be the twin of any of its size.
    ledger.count_alike(search, &[look(10, None)], false).unwrap();
    ledger.leave_out_twins(search).unwrap();
    assert_eq!(ledger.count_ours(search, Fate::Unsettled).unwrap(), 0);
    assert_eq!(ledger.theirs(search, Uid(0), 9).unwrap(), []);
}

#[test]
fn an_unplaced_message_takes_none_with_another_date() {
    let ledger = SqliteLedger::in_memory().unwrap();
    let search = with(&ledger, &BTreeMap::new(), &BTreeMap::new());
    let unplaced = |uid, mark: &Mark| Ours { fate: Fate::Unplaced, ..ours((0, Uid(uid)), mark) };
    let undated = Mark { second: None, ..plain(1, 0) };
    ledger.add_ours(search, &[unplaced(1, &plain(1, 2 * YEAR)), unplaced(2, &undated)]).unwrap();
    let one = theirs(50, &plain(1, 41 * YEAR));
    ledger.add_theirs(search, &there(), THERE, &[one]).unwrap();
    ledger.identify_theirs(search, &[(Uid(50), Digest([1; 32]))]).unwrap();
    for round in Round::ALL {
        ledger.pair(search, Fate::Unplaced, round, UNKEPT).unwrap();
    }
    let pairs = ledger.paired(search, Fate::Unplaced, None, 9).unwrap();
    let keys: Vec<SourceUid> = pairs.iter().map(|pair| pair.key).collect();
    assert_eq!(keys, [(0, Uid(2))], "of one without a date any may be it");
    // An unsettled one of the same size is left out where octets tell nothing.
    ledger.add_ours(search, &[ours((0, Uid(3)), &plain(2, 2))]).unwrap();
    ledger.leave_out_like_unplaced(search).unwrap();
    assert_eq!(ledger.count_ours(search, Fate::Unsettled).unwrap(), 0);
}

#[test]
fn with_another_date_only_what_a_server_did_not_keep_is_ours() {
    let folder = there();
    let pairs = |sent: Option<i64>, header: Option<i64>, there: i64| {
        let ledger = SqliteLedger::in_memory().unwrap();
        let search = ledger.begin_search().unwrap();
        let digest = Digest([1; 32]);
        let ours =
            Ours { identity: None, ..ours((0, Uid(1)), &Mark { second: sent, ..plain(1, 0) }) };
        ledger.add_ours(search, &[ours]).unwrap();
        let theirs = [theirs(50, &plain(1, there))];
        ledger.add_theirs(search, &folder, THERE, &theirs).unwrap();
        ledger.identify_theirs(search, &[(Uid(50), digest)]).unwrap();
        let reading = Reading {
            identity: Some(digest),
            source_digest: digest,
            sent_digest: digest,
            sent_size: 10,
            transforms: Vec::new(),
            header_second: header,
        };
        ledger.identify_ours(search, &[((0, Uid(1)), reading)]).unwrap();
        for round in Round::ALL {
            ledger.pair(search, Fate::Unsettled, round, UNKEPT).unwrap();
        }
        ledger.paired(search, Fate::Unsettled, None, 9).unwrap().len() == 1
    };
    let (kept, future, before, after) = (30 * YEAR, 60 * YEAR, 39 * YEAR, 41 * YEAR);
    assert!(pairs(Some(kept), None, kept));
    assert!(!pairs(Some(kept), None, after), "others delivered it");
    assert!(!pairs(Some(kept), None, before), "others delivered it");
    assert!(!pairs(Some(kept), Some(after), after), "its header was not asked");
    assert!(pairs(Some(future), None, after), "a date in the future becomes now");
    assert!(!pairs(Some(future), None, before), "it came before ours could");
    assert!(pairs(Some(0), None, after), "the epoch becomes now");
    assert!(!pairs(Some(0), None, before), "it came before ours could");
    assert!(pairs(None, Some(kept), kept), "it was sent with the date of its header");
    assert!(!pairs(None, Some(kept), after), "others delivered it");
    assert!(pairs(None, Some(future), after), "a date in the future becomes now");
    assert!(pairs(None, None, after), "it was sent without a date");
    assert!(!pairs(None, None, before), "it came before ours could");
}

#[test]
fn what_cannot_be_compared_is_in_doubt_while_something_near_has_no_partner() {
    let mark = |digest: u8, second: i64| Mark {
        digest: Digest([digest; 32]),
        second: Some(second),
        flags: Flags::default(),
    };
    let ledger = SqliteLedger::in_memory().unwrap();
    let search = ledger.begin_search().unwrap();
    let of_size = |uid: u32, digest: u8, size: u64| {
        let ours = ours((0, Uid(uid)), &mark(digest, i64::from(uid)));
        Ours { look: Look { size, ..ours.look }, identity: None, ..ours }
    };
    let all = [of_size(1, 1, 10), of_size(2, 2, 10), of_size(3, 3, 30), of_size(4, 4, 40)];
    ledger.add_ours(search, &all).unwrap();
    let of_theirs = |uid: u32, digest: u8, size: u64| Theirs {
        size,
        ..theirs(uid, &mark(digest, i64::from(uid) + 100))
    };
    let all = [of_theirs(11, 1, 10), of_theirs(13, 3, 30)];
    ledger.add_theirs(search, &there(), THERE, &all).unwrap();
    assert_eq!(ledger.doubts(search, None, 9).unwrap(), [], "everything was read");
    ledger.identify_theirs(search, &[(Uid(11), Digest([1; 32]))]).unwrap();
    ledger.unread_theirs(search, &[Uid(13)]).unwrap();
    ledger.unread_ours(search, &[(0, Uid(2)), (0, Uid(4))]).unwrap();
    let doubt = |uid, near, unread| Doubt { key: (0, Uid(uid)), near: Uid(near), unread };
    let both = [doubt(2, 11, true), doubt(3, 13, false)];
    assert_eq!(ledger.doubts(search, None, 9).unwrap(), both);
    assert_eq!(ledger.doubts(search, Some((0, Uid(2))), 9).unwrap(), both[1..]);
    assert_eq!(ledger.doubts(search, None, 1).unwrap(), both[..1]);
    // The one that was near is another one's copy.
    let reading = Reading {
        identity: Some(Digest([1; 32])),
        source_digest: Digest([1; 32]),
        sent_digest: Digest([1; 32]),
        sent_size: 10,
        transforms: Vec::new(),
        header_second: None,
    };
    ledger.identify_ours(search, &[((0, Uid(1)), reading)]).unwrap();
    ledger.pair(search, Fate::Unsettled, Round::Octets, OtherDate::Any).unwrap();
    assert_eq!(ledger.doubts(search, None, 9).unwrap(), both[1..]);
}
