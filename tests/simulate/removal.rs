//! `folders.deletions: propagate` against a simulated Exchange.

use crate::migrations::{Migration, unaltering};
use crate::raw::ADA;
use mailferry::simulate::{Fault, Habit, Mischief, Service, When};

fn uids(service: &Service, folder: &str) -> Vec<u32> {
    service.oracle().messages(ADA, folder).unwrap().iter().map(|message| message.uid).collect()
}

fn marked(service: &Service, folder: &str) -> usize {
    let there = service.oracle().messages(ADA, folder).unwrap();
    there.iter().filter(|message| message.flags.to_string().contains("\\Deleted")).count()
}

/// Pastes every acknowledgement that the plan offers.
pub(crate) async fn acknowledge(migration: &Migration) {
    let (_, said) = migration.run(&["plan", "plan.yaml"]).await;
    let given: Vec<&str> = said
        .lines()
        .filter_map(|line| line.trim().strip_prefix("acknowledge: [ ")?.strip_suffix(" ]"))
        .collect();
    assert!(!given.is_empty(), "{said}");
    add(migration, &format!("acknowledge: [ {} ]\n", given.join(", ")));
}

fn add(migration: &Migration, more: &str) {
    let path = migration.dir.path().join("plan.yaml");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(path, text + more).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_failed_removal_marked_is_unmarked_before_the_next_removal_of_the_same_run() {
    let migration = Migration::start(unaltering().without(Habit::SerialAppend)).await;
    migration.at_source("Projects.2019", 31, &[]);
    let path = migration.dir.path().join("plan.yaml");
    let text = std::fs::read_to_string(&path).unwrap();
    let policy = "folders:\n  deletions: propagate\n  deletions_share: 100%\n";
    std::fs::write(&path, text.replace("folders:\n", policy)).unwrap();
    let (code, said) = migration.copy().await;
    assert_eq!(code, Some(0), "{said}");
    let hands = migration.source.hands();
    for (folder, at) in [("INBOX", 2), ("INBOX", 5), ("Projects.2019", 0)] {
        let uid = uids(&migration.source, folder)[at];
        hands.delete(ADA, folder, uid).unwrap();
    }
    acknowledge(&migration).await;
    let refused = Mischief::No("NO [SERVERBUG] Internal error".to_owned());
    let when = When::Command { verb: "UID EXPUNGE".to_owned(), user: None, nth: 1 };
    migration.destination.add_fault(Fault { when, what: refused });

    let (code, said) = migration.copy().await;
    assert_eq!(code, Some(5), "{said}");
    assert_eq!(migration.destination.script().struck().len(), 1, "{said}");
    let there = |folder| uids(&migration.destination, folder).len();
    assert_eq!((there("INBOX"), there("Projects/2019")), (12, 1), "{said}");
    assert_eq!(marked(&migration.destination, "INBOX"), 0, "{said}");
    let (code, said) = migration.copy().await;
    assert_eq!(code, Some(0), "{said}");
    assert_eq!((there("INBOX"), there("Projects/2019")), (10, 1), "{said}");
}
