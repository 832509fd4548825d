//! What `plan --observation` writes.

use crate::migrations::Migration;
use crate::raw::{ADA, mail};
use mailferry::model::flags::Flags;
use mailferry::model::internal_date::InternalDate;
use mailferry::observation::{Contents, Observation, Seen, schema};
use mailferry::simulate::{Delivery, Fault, Mischief, Product, When};
use serde_json::Value;

const PLAN: [&str; 4] = ["plan", "plan.yaml", "--observation", "seen.json"];

fn read(migration: &Migration) -> (String, Observation) {
    let text = std::fs::read_to_string(migration.dir.path().join("seen.json")).unwrap();
    let value: Value = serde_json::from_str(&text).unwrap();
    let validator = jsonschema::validator_for(&schema()).unwrap();
    let errors: Vec<_> = validator.iter_errors(&value).map(|error| error.to_string()).collect();
    assert!(errors.is_empty(), "{errors:#?}");
    let observation = Observation::parse(&text).unwrap();
    assert_eq!(observation.to_json().unwrap(), text);
    (text, observation)
}

fn contents(observation: &Observation) -> &Contents {
    observation.mailboxes[0].contents.present().expect("it could be read")
}

fn folder<'a>(observation: &'a Observation, path: &str) -> &'a Seen {
    let folders = &contents(observation).folders;
    let folder = folders.iter().find(|folder| folder.path.to_string() == path).expect(path);
    folder.state.present().expect("it could be read")
}

/// Messages of known size, date and flags in a folder of their own.
fn known(migration: &Migration, sizes: &[(usize, &str, &[&str])]) {
    migration.source.hands().create(ADA, "Known").unwrap();
    for (size, date, flags) in sizes {
        let head = "From: a@b.example\r\nSubject: secret words\r\n\r\n";
        let octets = format!("{head}{}", "x".repeat(size - head.len()));
        let delivery = Delivery {
            flags: Flags::from_words(*flags),
            date: InternalDate::parse(date),
            ..Delivery::new(octets)
        };
        migration.source.hands().deliver(ADA, "Known", delivery).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sizes_dates_and_keywords_are_counted_and_nothing_is_told_of_contents() {
    let product = Product::exchange_online();
    let migration = Migration::start_with(product, "  limits: { message_size: 1KB }\n").await;
    known(
        &migration,
        &[
            (100, "01-Jan-2020 12:00:00 +0000", &["\\Seen", "Project-X"]),
            (1_000, "01-Jan-2019 12:00:00 +0000", &["\\Seen"]),
            (1_001, "01-Jan-2021 12:00:00 +0000", &[]),
        ],
    );
    let (code, said) = migration.run(&PLAN).await;
    assert_eq!(code, Some(0), "{said}");
    let (text, observation) = read(&migration);
    assert_eq!(observation.product, "imap");
    let seen = folder(&observation, "Known");
    let shape = seen.shape.as_ref().unwrap();
    assert_eq!((seen.messages, shape.messages, shape.octets), (Some(3), 3, 2_101));
    assert_eq!((shape.largest, shape.undated), (1_001, 0));
    let over = shape.over_limit.unwrap();
    assert_eq!((over.limit, over.messages, over.octets), (1_000, 1, 1_001));
    let classes: Vec<_> = shape.sizes.iter().map(|c| (c.at_least, c.messages)).collect();
    assert_eq!(classes, [(64, 1), (512, 2)]);
    assert_eq!(shape.oldest.unwrap().to_string(), "2019-01-01T12:00:00Z");
    assert_eq!(shape.newest.unwrap().to_string(), "2021-01-01T12:00:00Z");
    assert_eq!((shape.flags["\\Seen"], shape.flags["Project-X"]), (2, 1));
    assert_eq!(folder(&observation, "INBOX").messages, Some(12));
    for word in ["secret words", "b.example", "mpw", "pw-"] {
        assert!(!text.contains(word), "{word}");
    }
    // A second look at what is copied by now tells the same of the source.
    let before = contents(&observation).folders.clone();
    assert_eq!(migration.copy().await.0, Some(0));
    migration.run(&PLAN).await;
    assert_eq!(contents(&read(&migration).1).folders, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_cannot_be_opened_stays_unreadable_with_its_words() {
    let migration = Migration::start(Product::exchange_online()).await;
    let words = "[NOPERM] Projects of ada is shut";
    for nth in 1..=4 {
        // The folder's name is none of the script's business: each EXAMINE is counted.
        let when = When::Command { verb: "EXAMINE".to_owned(), user: None, nth };
        let what = Mischief::No(words.to_owned());
        migration.source.add_fault(Fault { when, what });
    }
    let (code, said) = migration.run(&PLAN).await;
    assert_ne!(code, Some(0), "{said}");
    let (text, observation) = read(&migration);
    let folders = &contents(&observation).folders;
    let failed: Vec<_> = folders.iter().filter_map(|folder| folder.state.failure()).collect();
    assert!(!failed.is_empty());
    assert!(
        failed.iter().all(|failure| failure.words.as_deref().unwrap().contains(words)),
        "{text}"
    );
    // The same without names, also within the words of others.
    let args = [&PLAN[..], &["--anonymous"]].concat();
    for nth in 1..=4 {
        let when = When::Command { verb: "EXAMINE".to_owned(), user: None, nth };
        migration.source.add_fault(Fault { when, what: Mischief::No(words.to_owned()) });
    }
    migration.run(&args).await;
    let (text, observation) = read(&migration);
    assert!(observation.anonymous && text.contains("NOPERM"));
    for word in ["Projects", "ada", "acme", "shut"] {
        let text = text.replace("unreadable", "");
        assert!(!text.contains(word), "{word} in {text}");
    }
    assert!(mail(0).contains("Subject") && !text.contains("Subject"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mailbox_that_lets_nobody_in_is_unreadable_and_written_all_the_same() {
    let migration = Migration::start(Product::exchange_online()).await;
    migration.source.set_master("migrator", "changed");
    let (code, said) = migration.run(&PLAN).await;
    assert_ne!(code, Some(0), "{said}");
    let (_, observation) = read(&migration);
    let failure = observation.mailboxes[0].contents.failure().expect("unreadable");
    assert!(failure.words.is_some(), "{failure:?}");
}
