//! Mailboxes after an observation keep its tree and its shape.

use crate::forecast::{folder, observation, observed, seen, sources};
use mailferry::model::flags::Flags;
use mailferry::model::internal_date::InternalDate;
use mailferry::model::reading::Reading;
use mailferry::model::shape::Shape;
use mailferry::rehearse::sketch::{Budget, SketchedFolder, SketchedMailbox, sketch};
use proptest::prelude::*;

const ENOUGH: Budget = Budget { messages: u64::MAX, octets: u64::MAX };

fn folders(made: &[SketchedMailbox]) -> impl Iterator<Item = &SketchedFolder> {
    made.iter().flat_map(|mailbox| &mailbox.folders)
}

fn count(made: &[SketchedMailbox]) -> u64 {
    folders(made).map(|folder| folder.messages.len() as u64).sum()
}

fn octets(made: &[SketchedMailbox]) -> u64 {
    folders(made).flat_map(|folder| &folder.messages).map(|message| message.size).sum()
}

proptest! {
    #[test]
    fn a_budget_is_kept_and_no_folder_with_messages_is_empty(
        sources in sources(),
        seed: u64,
        messages in 0_u64..60,
        room in 0_u64..1 << 30,
    ) {
        let observation = observed(&sources);
        let whole = sketch(&observation, seed, ENOUGH);
        let budget = Budget { messages, octets: room };
        let made = sketch(&observation, seed, budget);
        prop_assert!(count(&made) <= messages && octets(&made) <= room);
        prop_assert_eq!(&made, &sketch(&observation, seed, budget));
        // As many as the budget has, or as there are.
        prop_assert_eq!(count(&made), messages.min(count(&whole)));
        let names = |made: &[SketchedMailbox]| {
            folders(made).map(|folder| folder.path.clone()).collect::<Vec<_>>()
        };
        prop_assert_eq!(names(&made), names(&whole));
        let with_some = folders(&whole).filter(|folder| !folder.messages.is_empty()).count();
        if with_some as u64 <= messages {
            for (folder, original) in folders(&made).zip(folders(&whole)) {
                prop_assert_eq!(folder.messages.is_empty(), original.messages.is_empty());
            }
        }
    }

    #[test]
    fn with_room_for_all_each_class_of_size_is_as_it_was(
        sizes in proptest::collection::vec(0_u64..1 << 30, 1..40),
        seed: u64,
    ) {
        let seen = seen(&sizes, None);
        let classes = |shape: &Shape| {
            shape.sizes.iter().map(|class| (class.at_least, class.messages)).collect::<Vec<_>>()
        };
        let original = classes(seen.shape.as_ref().unwrap());
        let largest = sizes.iter().copied().max().unwrap();
        let folder = folder("INBOX", Reading::Present(seen));
        let made = sketch(&observation(vec![Reading::Present(vec![folder])]), seed, ENOUGH);
        let mut again = Shape::default();
        for message in &made[0].folders[0].messages {
            again.add(message.size, None, &message.flags);
        }
        prop_assert_eq!(classes(&again), original);
        prop_assert!(again.largest <= largest);
    }
}

#[test]
fn dates_lie_where_they_lay_and_flags_are_as_frequent() {
    let mut state = seen(&[], None);
    let mut shape = Shape::default();
    let date = |text: &str| InternalDate::parse(text);
    let (old, new) = (date("01-Jan-2015 00:00:00 +0000"), date("31-Dec-2025 23:59:59 +0000"));
    for number in 0..1_000 {
        let flags = if number % 4 == 0 { Flags::from_words(["\\Seen"]) } else { Flags::default() };
        shape.add(5_000, if number % 2 == 0 { old.as_ref() } else { new.as_ref() }, &flags);
    }
    state.messages = Some(1_000);
    state.shape = Some(shape);
    let observation =
        observation(vec![Reading::Present(vec![folder("INBOX", Reading::Present(state))])]);
    let made = sketch(&observation, 7, Budget { messages: 400, octets: u64::MAX });
    let messages = &made[0].folders[0].messages;
    assert_eq!(messages.len(), 400);
    let instants: Vec<_> =
        messages.iter().map(|message| message.date.as_ref().unwrap().instant()).collect();
    assert!(instants.is_sorted());
    assert!(instants[0] >= old.unwrap().instant() && instants[399] <= new.unwrap().instant());
    // Drawn with this seed; a quarter is expected.
    let seen = messages.iter().filter(|message| message.flags.contains("\\Seen")).count();
    assert!((70..=130).contains(&seen), "{seen}");
    assert_ne!(made, sketch(&observation, 8, Budget { messages: 400, octets: u64::MAX }));
}
