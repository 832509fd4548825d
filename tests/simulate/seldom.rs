//! Orders of events that are rare in life and that seeds met.

use crate::migrations::{Migration, unaltering};
use crate::raw::{ADA, mail};
use crate::removal::acknowledge;
use mailferry::model::flags::Flags;
use mailferry::model::internal_date::InternalDate;
use mailferry::simulate::{Delivery, Fault, Habit, Message, Mischief, Product, Service, When};

fn at(verb: &str, nth: u64, what: Mischief) -> Fault {
    Fault { when: When::Command { verb: verb.to_owned(), user: None, nth }, what }
}

/// Exchange without what takes time.
async fn quick(product: Product) -> Migration {
    Migration::start(product.without(Habit::SerialAppend)).await
}

async fn copied(migration: &Migration) {
    let (code, said) = migration.copy().await;
    assert_eq!(code, Some(0), "{said}");
}

fn messages(service: &Service, folder: &str) -> Vec<Message> {
    service.oracle().messages(ADA, folder).unwrap()
}

async fn verified(migration: &Migration, wanted: i32, says: &str) {
    let (code, said) = migration.run(&["verify", "plan.yaml"]).await;
    assert_eq!(code, Some(wanted), "{said}");
    assert!(said.contains(says), "{said}");
}

/// Whenever a message moves while the folders are listed, it is in the listings of both: listed with
/// the one before it moved, with the other one afterwards.
#[tokio::test(flavor = "multi_thread")]
async fn what_moves_while_the_folders_are_listed_is_not_sent_twice() {
    let migration = quick(unaltering()).await;
    copied(&migration).await;
    // The fifth and those behind it are of the listing, and not of the plan that is made first.
    for nth in 5..=10 {
        migration.at_source("Sent", 200 + usize::try_from(nth).unwrap(), &[]);
        let (from, to) = ("INBOX".to_owned(), "Sent".to_owned());
        migration.source.add_fault(at("EXAMINE", nth, Mischief::Move { from, to }));
        let (code, said) = migration.run(&["apply", "plan.yaml", "--auto-approve"]).await;
        assert_eq!(code, Some(0), "{nth}: {said}");
        assert_eq!(migration.source.script().waiting().count(), 0, "{nth}: {said}");
        copied(&migration).await;
        let (here, there) =
            (Migration::given(&migration.source), Migration::given(&migration.destination));
        assert!(here == there, "{nth}: {here:#?}\n{there:#?}\n{said}");
    }
}

/// A source folder that got another UIDVALIDITY and is empty holds nothing that anybody could
/// review: what was in it moved.
#[tokio::test(flavor = "multi_thread")]
async fn what_left_a_folder_that_got_another_uidvalidity_is_not_sent_again() {
    let migration = quick(unaltering()).await;
    copied(&migration).await;
    let hands = migration.source.hands();
    hands.renumber(ADA, "Projects.2019").unwrap();
    let [message] = &messages(&migration.source, "Projects.2019")[..] else { panic!("one") };
    hands.move_message(ADA, "Projects.2019", message.uid, "INBOX").unwrap();
    copied(&migration).await;
    let there = Migration::given(&migration.destination);
    assert_eq!(there.values().sum::<usize>(), 14, "{there:#?}");
}

/// It was stored when it had been looked for and was not sent again yet: below the other one.
#[tokio::test(flavor = "multi_thread")]
async fn a_late_copy_below_all_that_is_known_is_named() {
    let migration = quick(unaltering()).await;
    // Nothing is stored of the only message of the folder, and its checkpoint is taken.
    for nth in [13, 14] {
        let refused = Mischief::No("Message refused".to_owned());
        migration.destination.add_fault(at("APPEND", nth, refused));
    }
    let (code, said) = migration.copy().await;
    assert_eq!(code, Some(5), "{said}");
    assert!(messages(&migration.destination, "Projects/2019").is_empty(), "{said}");
    let [message] = &messages(&migration.source, "Projects.2019")[..] else { panic!("one") };
    let late = Delivery {
        date: Some(message.date.clone()),
        flags: message.flags.clone(),
        ..Delivery::new(message.given.clone())
    };
    migration.destination.hands().deliver(ADA, "Projects/2019", late).unwrap();
    let (code, said) = migration.run(&["retry", "plan.yaml", ADA]).await;
    assert_eq!(code, Some(0), "{said}");
    let (_, said) = migration.run(&["apply", "plan.yaml", "--auto-approve"]).await;
    assert_eq!(messages(&migration.destination, "Projects/2019").len(), 2, "{said}");
    verified(&migration, 6, "destination UID 1: equal to a message that is there already").await;
}

/// A destination that makes messages anew keeps their dates only: another message of the same second
/// that is gone explains no copy of this one.
#[tokio::test(flavor = "multi_thread")]
async fn an_extra_copy_is_named_though_another_message_of_its_second_is_gone() {
    let migration = quick(Product::exchange_online()).await;
    let date = InternalDate::parse("01-Mar-2021 10:00:00 +0000");
    for number in [300, 301] {
        let delivery = Delivery { date: date.clone(), ..Delivery::new(mail(number)) };
        migration.source.hands().deliver(ADA, "INBOX", delivery).unwrap();
    }
    copied(&migration).await;
    verified(&migration, 0, "").await;
    for service in [&migration.source, &migration.destination] {
        let all = messages(service, "INBOX");
        let gone = all.iter().find(|it| it.given == mail(300).as_bytes()).unwrap();
        service.hands().delete(ADA, "INBOX", gone.uid).unwrap();
    }
    migration.destination.hands().deliver_twin(ADA, "INBOX").unwrap();
    copied(&migration).await;
    verified(&migration, 8, "or another one of its date that its user moved").await;
}

/// The STORE is done and nobody knows it when the flag goes away at the source.
#[tokio::test(flavor = "multi_thread")]
async fn a_flag_that_goes_away_after_a_kill_in_its_store_goes_away_at_the_destination() {
    for flagged_first in [false, true] {
        let migration = quick(unaltering()).await;
        let flags = |on: bool| {
            let hands = migration.source.hands();
            let words: &[&str] = if on { &["\\Seen", "\\Answered"] } else { &["\\Seen"] };
            let uid = messages(&migration.source, "INBOX")[3].uid;
            hands.set_flags(ADA, "INBOX", uid, Flags::from_words(words)).unwrap();
        };
        flags(flagged_first);
        copied(&migration).await;
        flags(!flagged_first);
        migration.destination.add_fault(at("UID STORE", 1, Mischief::Hang));
        let mut apply = migration.begin(&["apply", "plan.yaml", "--auto-approve"]);
        let struck = || migration.destination.script().waiting().count() == 0;
        migration.until("a STORE hangs", |_| struck()).await;
        apply.kill().await.unwrap();
        flags(flagged_first);
        copied(&migration).await;
        let (here, there) =
            (Migration::given(&migration.source), Migration::given(&migration.destination));
        assert!(here == there, "{here:#?}\n{there:#?}");
        verified(&migration, 0, "").await;
    }
}

/// Of two places where it may be, one holds something else.
#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_copy_that_stayed_where_it_was_is_not_called_removed() {
    let migration = quick(unaltering()).await;
    let path = migration.dir.path().join("plan.yaml");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace("folders:\n", "folders:\n  moves: leave\n")).unwrap();
    copied(&migration).await;
    verified(&migration, 0, "").await;
    let uid = messages(&migration.source, "INBOX")[3].uid;
    migration.source.hands().move_message(ADA, "INBOX", uid, "Sent").unwrap();
    copied(&migration).await;
    verified(&migration, 0, "1 in another folder").await;
    let copy = messages(&migration.destination, "INBOX")[3].uid;
    migration.destination.hands().damage(ADA, "INBOX", copy, mail(999)).unwrap();
    verified(&migration, 6, "octets were sent, the destination keeps others as UID").await;
}

/// Two folders go to one that was made anew, and one of them is new: what is known of the folder is
/// reviewed with the other one, which comes later.
#[tokio::test(flavor = "multi_thread")]
async fn a_stale_copy_does_not_hold_back_the_one_that_makes_it_right() {
    let migration = quick(unaltering()).await;
    let path = migration.dir.path().join("plan.yaml");
    let text = std::fs::read_to_string(&path).unwrap();
    let both = "Spam: Junk Email, Junk: Junk Email }\n  merge: [ Junk Email ]";
    std::fs::write(&path, text.replace("Spam: Junk Email }", both)).unwrap();
    migration.at_source("Spam", 40, &[]);
    copied(&migration).await;
    migration.destination.hands().renumber(ADA, "Junk Email").unwrap();
    migration.source.hands().create(ADA, "Junk").unwrap();
    migration.at_source("Junk", 41, &[]);
    acknowledge(&migration).await;
    let (_, said) = migration.copy().await;
    assert!(said.contains("UIDVALIDITY"), "the first of them is stale: {said}");
    copied(&migration).await;
    assert_eq!(messages(&migration.destination, "Junk Email").len(), 2);
    verified(&migration, 0, "").await;
}
