//! What Exchange answers and fails to answer while it makes messages anew: in the end its own store
//! has what the source has, each message once, or as often as is named.

use crate::migrations::Migration;
use crate::raw::{ADA, mail};
use mailferry::model::flags::Flags;
use mailferry::model::internal_date::InternalDate;
use mailferry::simulate::{Delivery, Fault, Habit, Mischief, Product, Throttle, When};
use std::time::Duration;

fn at_append(nth: u64, what: Mischief) -> Fault {
    Fault { when: When::Command { verb: "APPEND".to_owned(), user: None, nth }, what }
}

/// Applies, and expects the code.
#[track_caller]
fn expect((code, said): (Option<i32>, String), wanted: i32) -> String {
    assert_eq!(code, Some(wanted), "{said}");
    said
}

impl Migration {
    async fn struck_by(faults: impl IntoIterator<Item = Fault>) -> Self {
        let migration = Self::start(Product::exchange_online()).await;
        for fault in faults {
            migration.destination.add_fault(fault);
        }
        migration
    }

    /// Checks the store itself, then what mailferry says of it.
    async fn each_once(&self, said: &str) {
        let (source, there) = (Self::given(&self.source), Self::given(&self.destination));
        assert!(source == there, "{source:#?}\n{there:#?}\n{said}");
        let messages = Self::truth(&self.destination).into_values().flat_map(|it| it.messages);
        assert!(messages.into_iter().all(|message| message.served != message.given), "{said}");
        assert_eq!(self.destination.script().waiting().count(), 0, "every fault struck: {said}");
        expect(self.run(&["verify", "plan.yaml"]).await, 0);
        expect(self.run(&["plan", "plan.yaml", "--detailed-exitcode"]).await, 0);
    }

    fn stored(&self) -> usize {
        Self::truth(&self.destination).values().map(|folder| folder.messages.len()).sum()
    }

    pub(crate) async fn until(&self, what: &str, holds: impl Fn(&Self) -> bool) {
        let wait = async {
            while !holds(self) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), wait)
            .await
            .unwrap_or_else(|_| panic!("{what}"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_append_that_is_stored_and_not_answered_is_found_by_what_it_says() {
    let migration = Migration::struck_by([at_append(4, Mischief::DropAfter)]).await;
    let said = expect(migration.copy().await, 0);
    assert!(said.contains("Found 1 message"), "{said}");
    migration.each_once(&said).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_append_that_exchange_carries_out_after_the_connection_died_is_waited_for() {
    let late = Mischief::LateCommit(Duration::from_secs(2));
    let migration = Migration::struck_by([at_append(4, late)]).await;
    let said = expect(migration.copy().await, 0);
    assert!(said.contains("Found 1 message"), "{said}");
    migration.each_once(&said).await;
}

/// Nobody can prevent this one over IMAP.
#[tokio::test(flavor = "multi_thread")]
async fn an_append_that_exchange_carries_out_too_late_makes_one_copy_and_no_second() {
    // Longer than the copy takes, with its wait for the folder to stand still.
    let late = Mischief::LateCommit(Duration::from_secs(20));
    let migration = Migration::struck_by([at_append(4, late)]).await;
    let mut wanted = Migration::given(&migration.source);
    let count: usize = wanted.values().sum();
    let said = expect(migration.copy().await, 0);
    assert!(wanted == Migration::given(&migration.destination), "{said}");
    migration.until("it is stored late", |it| it.stored() == count + 1).await;
    expect(migration.copy().await, 0);
    let mut extra = 0;
    for (message, number) in Migration::given(&migration.destination) {
        let left = wanted.remove(&message);
        assert!(left.is_some(), "something else is there: {message:?}");
        extra += number - left.unwrap_or_default();
    }
    assert!(wanted.is_empty(), "lost: {wanted:?}");
    assert_eq!(extra, 1, "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_append_that_hangs_and_is_done_is_found_after_a_kill_by_what_it_says() {
    let migration = Migration::struck_by([at_append(6, Mischief::Hang)]).await;
    let mut apply = migration.begin(&["apply", "plan.yaml", "--auto-approve"]);
    migration.until("an APPEND hangs", |it| it.destination.script().waiting().count() == 0).await;
    migration.until("it is stored", |it| it.stored() == 6).await;
    apply.kill().await.unwrap();
    let said = expect(migration.copy().await, 0);
    assert!(said.contains("Found "), "{said}");
    migration.each_once(&said).await;
}

/// More refusals than the ten at which Exchange closes: the rest arrives, each refusal is named.
#[tokio::test(flavor = "multi_thread")]
async fn more_than_ten_refusals_cost_no_other_message() {
    let mut product = Product::exchange_online();
    // A mailbox may have another limit than the documented one.
    product.append_limit = 2_000;
    let migration = Migration::start(product).await;
    let large = |number: usize| {
        let body = "A line that makes it large.\r\n".repeat(100);
        format!("From: a@b.example\r\nSubject: large {number}\r\n\r\n{body}")
    };
    for number in 0..13 {
        let flags = Flags::from_words(["\\Seen"]);
        let delivery = Delivery { flags, ..Delivery::new(large(number)) };
        migration.source.hands().deliver(ADA, "INBOX", delivery).unwrap();
        migration.at_source("INBOX", 100 + number, &[]);
    }
    let mut wanted = Migration::given(&migration.source);
    wanted.retain(|(_, octets, _), _| octets.len() < 2_000);
    let (_, said) = migration.copy().await;
    let there = Migration::given(&migration.destination);
    assert!(wanted == there, "{wanted:#?}\n{there:#?}\n{said}");
    let said = expect(migration.run(&["verify", "plan.yaml"]).await, 6);
    assert!(said.contains("13 "), "{said}");
    expect(migration.run(&["apply", "plan.yaml", "--auto-approve"]).await, 0);
    assert!(wanted == Migration::given(&migration.destination), "a second apply adds nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_throttle_by_bad_that_closes_every_time_is_obeyed_and_nothing_is_sent_twice() {
    let mut product = Product::exchange_online().without(Habit::ThrottleByNo);
    let backoff = Duration::from_millis(1_500);
    product.throttle = Some(Throttle { appends: 5, per: Duration::from_secs(600), backoff });
    let migration = Migration::start(product).await;
    let said = expect(migration.copy().await, 0);
    assert!(migration.destination.oracle().throttles(ADA) > Some(1), "{said}");
    migration.each_once(&said).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mailbox_that_is_authenticated_but_not_connected_is_named_and_gets_nothing() {
    let migration = Migration::start(Product::exchange_online()).await;
    let said = expect(migration.run(&["plan", "plan.yaml"]).await, 0);
    migration.destination.set_connectable(ADA, false);
    let (code, said) = (migration.run(&["apply", "plan.yaml", "--auto-approve"]).await, said);
    let (code, words) = code;
    assert!(code.is_some_and(|code| code != 0), "{words}\n{said}");
    assert!(words.contains("User is authenticated but not connected"), "{words}");
    assert_eq!(migration.stored(), 0);
    migration.destination.set_connectable(ADA, true);
    let said = expect(migration.run(&["apply", "plan.yaml", "--auto-approve"]).await, 0);
    migration.each_once(&said).await;
}

/// A message whose twin in another folder says the same in other octets: where everything is made
/// anew, the copy of the one is no copy of the other, whatever their sizes are.
#[tokio::test(flavor = "multi_thread")]
async fn an_unanswered_message_is_not_taken_for_one_in_another_folder_that_says_the_same() {
    let migration = Migration::start(Product::exchange_online()).await;
    migration.source.hands().create(ADA, "Zeta").unwrap();
    expect(migration.copy().await, 0);
    let deliver = |folder: &str, octets: String| {
        let delivery = Delivery {
            date: InternalDate::parse("01-Feb-2020 10:00:00 +0000"),
            ..Delivery::new(octets)
        };
        migration.source.hands().deliver(ADA, folder, delivery).unwrap();
    };
    // It is stored, and its run does not live to find out.
    deliver("Zeta", format!("X-Loop: list\r\n{}", mail(77)));
    let before = migration.stored();
    migration.destination.add_fault(at_append(1, Mischief::DropAfter));
    let mut apply = migration.begin(&["apply", "plan.yaml", "--auto-approve"]);
    migration.until("it is stored", |it| it.stored() > before).await;
    apply.kill().await.unwrap();
    // Its twin is not stored, and nobody can know that.
    deliver("INBOX", mail(77));
    migration.destination.add_fault(at_append(1, Mischief::DropBefore));
    let said = expect(migration.run(&["apply", "plan.yaml", "--auto-approve"]).await, 0);
    migration.each_once(&said).await;
}

/// `\Flagged` does not go with the message, so that what is found always lacks it.
#[tokio::test(flavor = "multi_thread")]
async fn an_unanswered_message_that_its_user_moved_is_found_and_gets_the_flags_that_it_lacks() {
    let migration = Migration::start(Product::exchange_online()).await;
    expect(migration.copy().await, 0);
    migration.at_source("INBOX", 77, &["\\Flagged"]);
    let before = migration.stored();
    migration.destination.add_fault(at_append(1, Mischief::DropAfter));
    let mut apply = migration.begin(&["apply", "plan.yaml", "--auto-approve"]);
    migration.until("it is stored", |it| it.stored() > before).await;
    apply.kill().await.unwrap();
    let hands = migration.destination.hands();
    hands.create(ADA, "Kept").unwrap();
    let uid = migration.destination.oracle().messages(ADA, "INBOX").unwrap().last().unwrap().uid;
    hands.move_message(ADA, "INBOX", uid, "Kept").unwrap();
    let said = expect(migration.run(&["apply", "plan.yaml", "--auto-approve"]).await, 0);
    let kept = migration.destination.oracle().messages(ADA, "Kept").unwrap();
    assert_eq!((kept.len(), migration.stored()), (1, before + 1), "{said}");
    assert_eq!(kept[0].flags.to_string(), "\\Flagged");
    assert!(migration.destination.oracle().other_view(&kept[0]).flagged);
    expect(migration.run(&["verify", "plan.yaml"]).await, 0);
}
