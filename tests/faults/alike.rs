//! Folders of which LIST does not tell which is which: two names that read as one path, a
//! separator that nobody can part a name by.

use super::answers::Answers;
use super::damaged::{APPLY, from_script};
use super::script::{Answer, Message};
use crate::lab::seeds;
use crate::migration::ADA;

/// Both read as `Work/2024`, or may.
const OTHERS: [(&str, &str); 2] = [("Work.2024", "."), ("Work||2024", "||")];

const DATE: &str = "01-Jan-2024 10:00:00 +0000";

fn mail(uid: u32) -> Message {
    let bytes = seeds::plain(uid as usize).bytes;
    Message { uid, flags: Vec::new(), date: DATE.to_owned(), bytes }
}

#[test]
fn a_source_folder_that_reads_as_another_is_unknown_alone_and_not_gone() {
    for (other, separator) in OTHERS {
        let first = [1, 2].map(|uid| (uid, DATE, mail(uid).bytes));
        let (migration, script) = from_script(&first);
        script.make("Work/2024", "/");
        script.hold("Work/2024", mail(20));
        script.hold("Work/2024", mail(21));
        migration.run(&APPLY).code(0).says(&["Copied 4 messages"]);
        script.make(other, separator);
        script.hold(other, mail(30));
        script.hold("INBOX", mail(3));
        let args = ["plan", "plan.yaml", "--trust", "localhost"];
        migration.run(&args).says(&["? source folder", "Work/2024", other]);
        migration.run(&APPLY).code(8).says(&["Copied 1 message", other]);
        let status = migration.run(&["status", "plan.yaml", "--format", "json"]).code(0);
        status.says(&["\"vanished\": 0"]);
        let there = |folder| migration.lab.destination.dump(ADA, folder).len();
        assert_eq!((there("INBOX"), there("Work/2024")), (3, 2), "{other}");
        let verify = ["verify", "plan.yaml", "--trust", "localhost"];
        migration
            .run(&verify)
            .code(8)
            .says(&["Work/2024", other])
            .does_not_say(&["vanished", "moved away"]);
        script.drop_folder(other);
        migration.run(&APPLY).code(0);
        migration.run(&verify).code(0).does_not_say(&["vanished"]);
        assert_eq!((there("INBOX"), there("Work/2024")), (3, 2), "{other}");
    }
}

#[test]
fn a_destination_folder_that_reads_as_another_is_unknown_alone_and_not_made() {
    for (other, separator) in OTHERS {
        for both in [true, false] {
            let answers = Answers::new(2, true, |_| Answer::Store);
            answers.migration.lab.source.seed(ADA, &[("Work/2024", vec![seeds::plain(20)])]);
            answers.script.make(other, separator);
            if both {
                answers.script.make("Work/2024", "/");
            } else if separator == "." {
                // Alone it is well.
                continue;
            }
            let what = format!("{other}, both: {both}");
            answers.run("plan").says(&["? destination folder", "Work/2024", other]);
            let ended = answers.run("apply").says(&["Copied 2 messages"]);
            assert_eq!(ended.code, Some(8), "{what}: {ended}");
            assert!(answers.script.messages(other).is_empty(), "{what}");
            let log = answers.script.log();
            let made = log.iter().any(|(_, line)| line.contains("CREATE"));
            assert!(!made, "{what}: {log:#?}");
            if both {
                assert!(answers.script.messages("Work/2024").is_empty(), "{what}");
            }
            answers.run("verify").code(8).says(&["Work/2024"]).does_not_say(&["missing"]);
            answers.script.drop_folder(other);
            answers.run("apply").code(0).says(&["Copied 1 message"]);
            assert_eq!(answers.script.messages("Work/2024").len(), 1, "{what}");
            answers.run("verify").code(0);
        }
    }
}
