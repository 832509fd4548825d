//! `verify` against a simulated Exchange: patience, lost connections, extra copies that the server
//! wrote anew, and what recovery found.

use crate::migrations::{Migration, unaltering};
use crate::raw::{ADA, Raw, mail};
use mailferry::model::flags::Flags;
use mailferry::model::internal_date::InternalDate;
use mailferry::simulate::{Delivery, Fault, Habit, Mischief, Product, Service, When};
use serde_json::Value;
use std::time::Duration;

fn at(verb: &str, nth: u64, what: Mischief) -> Fault {
    Fault { when: When::Command { verb: verb.to_owned(), user: None, nth }, what }
}

fn inbox(service: &Service) -> Vec<mailferry::simulate::Message> {
    service.oracle().messages(ADA, "INBOX").unwrap()
}

async fn evidence(migration: &Migration, args: &[&str], wanted: i32) -> Value {
    let args = [&["verify", "plan.yaml", "--format", "json"], args].concat();
    let (code, said) = migration.run(&args).await;
    assert_eq!(code, Some(wanted), "{said}");
    let end = said.rfind("\n}").expect("JSON") + 2;
    let begin = said.find("{\n").expect("JSON");
    serde_json::from_str(&said[begin..end]).unwrap_or_else(|error| panic!("{error}: {said}"))
}

fn number(evidence: &Value, name: &str) -> u64 {
    evidence["totals"]["account"][name].as_u64().unwrap_or_else(|| panic!("{name}"))
}

/// Exchange without what takes time.
fn quick(product: Product) -> Product {
    product.without(Habit::SerialAppend)
}

/// Both forms, at both sides, and lines that are cut, among three pages of messages.
#[tokio::test(flavor = "multi_thread")]
async fn a_verification_that_is_put_off_or_cut_goes_on_and_counts_everything_once() {
    let migration = Migration::start(quick(unaltering())).await;
    for message in 100..1_200 {
        migration.at_source("INBOX", message, &[]);
    }
    let (code, said) = migration.copy().await;
    assert_eq!(code, Some(0), "{said}");
    let wait = || Mischief::Throttle(Duration::from_millis(700));
    // One after the other: each is seen after the work that the one before put off.
    let faults = [
        at("UID FETCH", 1, wait()),
        at("UID FETCH", 3, wait()),
        at("UID FETCH", 5, Mischief::DropBefore),
        at("EXAMINE", 3, Mischief::DropBefore),
        at("UID FETCH", 8, Mischief::CutToClient(5_000)),
        at("LIST", 2, wait()),
    ];
    for fault in faults.clone() {
        migration.destination.add_fault(fault);
    }
    let at_source = [
        at("UID FETCH", 1, Mischief::DropBefore),
        at("UID FETCH", 4, Mischief::CutToClient(20_000)),
        at("UID FETCH", 7, Mischief::DropAfter),
    ];
    for fault in at_source.clone() {
        migration.source.add_fault(fault);
    }
    let found = evidence(&migration, &[], 0).await;
    assert_eq!(migration.destination.script().struck().len(), faults.len());
    assert_eq!(migration.source.script().struck().len(), at_source.len());
    for name in ["listed", "ever_listed", "copied", "bodies_equal"] {
        assert_eq!(number(&found, name), 1_114, "{name}");
    }
    assert_eq!(found["totals"]["unknown"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_is_lost_at_the_start_or_at_the_end_is_opened_again() {
    let migration = Migration::start(quick(unaltering())).await;
    let (code, said) = migration.copy().await;
    assert_eq!(code, Some(0), "{said}");
    let gone = inbox(&migration.destination)[3].uid;
    migration.destination.hands().delete(ADA, "INBOX", gone).unwrap();
    // The second LIST that is answered is that for the subjects.
    let faults = [
        at("LIST", 1, Mischief::DropBefore),
        at("LIST", 3, Mischief::Throttle(Duration::from_millis(300))),
    ];
    for fault in faults.clone() {
        migration.source.add_fault(fault);
    }
    let list = ["verify", "plan.yaml", "--exceptions", "list.csv", "--with-subjects"];
    let (code, said) = migration.run(&list).await;
    assert_eq!(code, Some(6), "{said}");
    assert!(said.contains("1 message is missing"), "{said}");
    assert_eq!(migration.source.script().struck().len(), faults.len());
    let list = std::fs::read_to_string(migration.dir.path().join("list.csv")).unwrap();
    assert!(list.lines().nth(1).unwrap().contains("message "), "{list}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_extra_copy_that_the_destination_wrote_anew_is_found_by_what_it_says_and_removed() {
    let exchange = quick(Product::exchange_online());
    let migration = Migration::start_with(exchange, "  profile: exchange-online\n").await;
    let (code, said) = migration.copy().await;
    assert_eq!(code, Some(0), "{said}");
    let wanted = Migration::given(&migration.source);
    let ours = inbox(&migration.destination)[3].clone();
    // Stored again long after, as a server does with what was in its buffer.
    let text = String::from_utf8(ours.given.to_vec()).unwrap();
    let mut late = Raw::signed_in(&migration.destination).await;
    let said = late.append(&format!("INBOX (\\Seen) \"{}\"", ours.date), &text).await;
    assert!(said.starts_with("OK"), "{said}");
    let extra = inbox(&migration.destination).pop().unwrap();
    assert_ne!(extra.served, ours.served, "the two differ in octets, or this proves nothing");
    assert_ne!(extra.served, extra.given);
    // Others deliver the same at another time, and another message at the same time.
    let hands = migration.destination.hands();
    let seen = || Flags::from_words(["\\Seen"]);
    let deliver = |octets: Vec<u8>, date: &str| {
        let date = InternalDate::parse(date);
        hands.deliver(ADA, "INBOX", Delivery { flags: seen(), date, ..Delivery::new(octets) })
    };
    deliver(ours.given.to_vec(), "02-Jan-2025 09:00:00 +0000").unwrap();
    deliver(mail(77).into_bytes(), ours.date.as_str()).unwrap();
    let before: Vec<u32> = inbox(&migration.destination).iter().map(|m| m.uid).collect();

    let (code, said) = migration.run(&["verify", "plan.yaml"]).await;
    assert_eq!(code, Some(6), "{said}");
    let named =
        format!("destination UID {}: says the same, under the assumed profile v0", extra.uid);
    assert!(said.contains("1 extra copy") && said.contains(&named), "{said}");
    let (_, said) = migration.run(&["verify", "plan.yaml", "--format", "junit"]).await;
    let property = "<property name=\"assumed profile\" value=\"exchange-v0\"/>";
    assert!(said.contains(property), "{said}");
    let fix = ["apply", "plan.yaml", "--fix-own-duplicates"];
    // It goes on over another connection, when it looks and when it removes.
    let faults = [1, 5].map(|nth| at("EXAMINE", nth, Mischief::DropBefore));
    let faults = [&faults[..], &[at("UID EXPUNGE", 1, Mischief::DropAfter)]].concat();
    for fault in faults.clone() {
        migration.destination.add_fault(fault);
    }
    let (code, said) = migration.run(&fix).await;
    assert_eq!(code, Some(9), "nobody agreed: {said}");
    assert!(said.contains("1 extra copy of ours, digest "), "{said}");
    assert!(said.contains(&format!("under the assumed profile v0, as UID {}", ours.uid)), "{said}");
    let digest = said.split("digest ").nth(1).unwrap()[..12].to_owned();
    let (code, said) = migration.run(&[&fix[..], &["--expect", &digest]].concat()).await;
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("Removed 1 extra copy."), "{said}");
    let after: Vec<u32> = inbox(&migration.destination).iter().map(|m| m.uid).collect();
    let left: Vec<u32> = before.into_iter().filter(|uid| *uid != extra.uid).collect();
    assert_eq!(after, left, "exactly the late copy is gone");
    assert_eq!(migration.destination.script().struck().len(), faults.len());
    let found = evidence(&migration, &[], 0).await;
    assert_eq!(found["profile"], "exchange-v0");
    assert_eq!(found["profile_is_assumed"], true);
    assert_eq!(number(&found, "equal_under_profile"), number(&found, "copied"));
    assert_eq!(Migration::given(&migration.source), wanted, "the source");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_copy_of_a_message_that_the_destination_wrote_anew_is_never_removed() {
    let exchange = quick(Product::exchange_online());
    let migration = Migration::start_with(exchange, "  profile: exchange-online\n").await;
    // Twins at the source.
    migration.at_source("INBOX", 3, &["\\Seen"]);
    let (code, said) = migration.copy().await;
    assert_eq!(code, Some(0), "{said}");
    let all = inbox(&migration.destination);
    let text = mail(3);
    let twins: Vec<_> = all.iter().filter(|m| m.given == text.as_bytes()).collect();
    assert_eq!(twins.len(), 2);
    let mut late = Raw::signed_in(&migration.destination).await;
    let options = format!("INBOX (\\Seen) \"{}\"", twins[0].date);
    assert!(late.append(&options, &text).await.starts_with("OK"));
    let fix = ["apply", "plan.yaml", "--fix-own-duplicates", "--dry-run"];
    // Its user removed one of the two: the late one may stand for it.
    let hands = migration.destination.hands();
    if twins[0].date == twins[1].date {
        hands.delete(ADA, "INBOX", twins[1].uid).unwrap();
        let (code, said) = migration.run(&fix).await;
        assert_eq!(code, Some(6), "{said}");
        assert!(said.contains("this may be it"), "{said}");
    }
    hands.delete(ADA, "INBOX", twins[0].uid).unwrap();
    let (_, said) = migration.run(&fix).await;
    assert!(said.contains("No extra copy of ours can be removed"), "{said}");
    // One whose flags somebody changed is somebody's.
    let other = all[5].clone();
    let text = String::from_utf8(other.given.to_vec()).unwrap();
    let options = format!("INBOX (\\Seen \\Flagged) \"{}\"", other.date);
    assert!(late.append(&options, &text).await.starts_with("OK"));
    let (code, said) = migration.run(&fix).await;
    assert_eq!(code, Some(6), "{said}");
    assert!(said.contains("its flags were changed"), "{said}");
    assert!(said.contains("No extra copy of ours can be removed"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_recovery_found_is_read_whatever_was_drawn() {
    let migration = Migration::start(quick(unaltering())).await;
    for nth in [2, 5, 9] {
        migration.destination.add_fault(at("APPEND", nth, Mischief::DropAfter));
    }
    let (code, said) = migration.copy().await;
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(migration.destination.script().struck().len(), 3);
    assert_eq!(Migration::given(&migration.source), Migration::given(&migration.destination));
    let found = evidence(&migration, &["--sample", "1"], 0).await;
    let chance = &found["mailboxes"][0]["chance"];
    let besides = chance["besides"].as_u64().unwrap();
    // One of the three may be the one that was drawn.
    assert!(besides >= 2, "{chance}");
    assert_eq!(number(&found, "bodies_equal"), besides + 1);
}
