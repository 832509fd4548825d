//! Mailboxes that cannot take what they are given, and sources that change meanwhile.

use crate::lab::seeds;
use crate::migration::{ADA, BOB, CAROL, Migration};

#[test]
fn a_folder_that_cannot_be_created_stops_itself_alone() {
    let migration = Migration::start();
    let before = migration.at_source();
    migration.run(&["plan", "plan.yaml", "--out", "saved.json"]).code(0);
    migration.lab.destination.forbid_new_folders(ADA);
    migration
        .run(&["apply", "saved.json"])
        .code(5)
        .says(&[ADA, "Projects/2019", "could not be created", "the server said: ", "not run: "])
        .says_what_is_next();
    let there = migration.lab.destination.dump_all(ADA);
    assert_eq!((there["INBOX"].len(), there["Sent Items"].len()), (6, 3));
    migration.arrived(BOB);
    migration.arrived(CAROL);
    migration.run(&["verify", "plan.yaml"]).code(6).says(&[ADA, "Projects/2019"]);
    migration.lab.destination.allow_new_folders(ADA);
    migration.run(&["apply", "saved.json"]).code(0);
    for user in [ADA, BOB, CAROL] {
        migration.arrived(user);
    }
    migration.run(&["verify", "plan.yaml"]).code(0);
    assert_eq!(before, migration.at_source());
}

#[test]
fn a_full_mailbox_stops_itself_alone_and_goes_on_when_there_is_room() {
    let mut migration = Migration::start();
    let large = (1..=12).map(|number| {
        seeds::Mail::new(
            "large",
            "05-Apr-2020 10:00:00 +0000",
            format!(
                "Message-ID: <large-{number}@acme.example>\r\n\r\n{}",
                "0123456789abcdef\r\n".repeat(700)
            ),
        )
    });
    migration.lab.source.seed(ADA, &[("Large", large.collect())]);
    migration.lab.destination.limit(ADA, "64K");
    let before = migration.at_source();
    migration.run(&["plan", "plan.yaml", "--out", "saved.json"]).code(0).says(&["F203", ADA]);
    let full = [ADA, "the mailbox is full", "Quota exceeded", "Raise the quota"];
    migration.run(&["apply", "saved.json"]).code(5).says(&full).says_what_is_next();
    migration.arrived(BOB);
    migration.arrived(CAROL);
    // Once more while it is full: not a single message may go in twice.
    migration.run(&["apply", "saved.json"]).says(&full);
    migration.run(&["verify", "plan.yaml"]).code(6);
    migration.lab.destination.unlimit(ADA);
    migration.run(&["apply", "saved.json"]).code(0);
    migration.arrived(ADA);
    migration.run(&["verify", "plan.yaml"]).code(0);
    assert_eq!(before, migration.at_source());
}

#[test]
fn a_source_message_that_disappears_takes_nothing_else_with_it() {
    let migration = Migration::start();
    migration.run(&["plan", "plan.yaml", "--out", "saved.json"]).code(0);
    let mut session = migration.lab.source.session(ADA);
    let gone = session.dump("INBOX").unwrap()[2].uid;
    session.remove("INBOX", gone).unwrap();
    migration.run(&["apply", "saved.json"]).code(0);
    migration.arrived(ADA);
    migration.run(&["verify", "plan.yaml"]).code(0);
    // After the copy: the destination keeps what it has, and verify does not miss anything.
    let gone = session.dump("INBOX").unwrap()[0].clone();
    session.remove("INBOX", gone.uid).unwrap();
    migration.copy();
    let there = migration.lab.destination.dump(ADA, "INBOX");
    assert!(there.iter().any(|message| message.bytes == gone.bytes), "a deletion was copied");
    assert_eq!(there.len(), 5);
    migration.run(&["verify", "plan.yaml"]).code(0);
}

#[test]
fn a_source_folder_that_disappears_is_stale_and_named() {
    let migration = Migration::start();
    migration.run(&["plan", "plan.yaml", "--out", "saved.json"]).code(0);
    migration.lab.source.session(ADA).delete("Projects/2019").unwrap();
    migration.run(&["apply", "saved.json"]).code(5).says(&["stale: ", "Projects/2019", ADA]);
    migration.arrived(BOB);
    migration.copy();
    migration.arrived(ADA);
}

#[test]
fn a_folder_made_again_under_the_same_name_is_copied_beside_what_the_old_one_held() {
    let migration = Migration::start();
    migration.copy();
    let mut session = migration.lab.source.session(ADA);
    session.delete("Projects/2019").unwrap();
    // UIDVALIDITY is a time in seconds at this server.
    std::thread::sleep(std::time::Duration::from_millis(1_100));
    migration.lab.source.seed(ADA, &[("Projects/2019", vec![seeds::plain(77)])]);
    migration.run(&["plan", "plan.yaml"]).code(0).says(&[
        ADA,
        "Projects/2019",
        "F222",
        "0 messages look equal",
    ]);
    migration.run(&["apply", "plan.yaml", "--auto-approve"]).code(0).says(&["Copied 1 message"]);
    // What was copied from the old folder stays: nothing vanishes at the destination by itself.
    assert_eq!(migration.lab.destination.dump(ADA, "Projects/2019").len(), 3);
    migration.run(&["verify", "plan.yaml"]).code(0);
}
