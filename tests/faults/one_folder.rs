//! One folder at which a server fails while it is looked at: the others are seen.

use super::answers::Answers;
use super::relay::{Harm, Relay};
use super::script::Answer;
use crate::lab::seeds;
use crate::migration::ADA;

#[test]
fn a_source_folder_at_which_the_server_hangs_up_is_unknown_alone() {
    for (words, said) in [
        ("", "the connection was lost"),
        ("* BYE [SERVERBUG] Internal error occurred.\r\n", "Internal error occurred"),
    ] {
        let mut answers = Answers::new(3, true, |_| Answer::Store);
        let mails = |from: usize| (from..from + 2).map(seeds::plain).collect();
        answers.migration.lab.source.seed(ADA, &[("Alpha", mails(20)), ("Omega", mails(30))]);
        let relay = Relay::start(answers.migration.lab.source.plain_port, move |_| {
            Harm::HangUpAt("Alpha", words)
        });
        answers.migration.wanted.source =
            format!("{{ host: localhost, port: {}, tls: none }}", relay.port);
        answers.migration.write();
        answers.run("plan").code(8).says(&["? source folder ada@acme.example/Alpha", said]);
        assert!(relay.harmed());
        answers.run("apply").code(8).says(&["Copied 5 messages"]);
        let there = |folder| answers.script.messages(folder).len();
        assert_eq!((there("INBOX"), there("Omega")), (3, 2));
        relay.pass_everything();
        answers.run("apply").code(0).says(&["Copied 2 messages"]);
        assert_eq!((there("INBOX"), there("Omega"), there("Alpha")), (3, 2, 2));
        answers.run("verify").code(0);
    }
}

/// That is the server, and no folder.
#[test]
fn a_source_that_hangs_up_at_every_folder_is_unknown_as_a_whole() {
    let mut answers = Answers::new(1, true, |_| Answer::Store);
    let folders: Vec<String> = (0..9).map(|number| format!("F{number}")).collect();
    let seeded: Vec<_> =
        folders.iter().map(|name| (name.as_str(), vec![seeds::plain(1)])).collect();
    answers.migration.lab.source.seed(ADA, &seeded);
    // Everything up to the folders: the sign-in and LIST.
    let open = Relay::start(answers.migration.lab.source.plain_port, |_| Harm::None);
    answers.migration.wanted.source =
        format!("{{ host: localhost, port: {}, tls: none }}", open.port);
    answers.migration.write();
    answers.run("plan").code(2);
    let heard = open.heard().remove(0).commands;
    let first = String::from_utf8_lossy(&heard).find(" EXAMINE ").expect("a folder is opened");
    let relay =
        Relay::start(answers.migration.lab.source.plain_port, move |_| Harm::CutCommands(first));
    answers.migration.wanted.source =
        format!("{{ host: localhost, port: {}, tls: none }}", relay.port);
    answers.migration.write();
    answers.run("plan").code(8).says(&["? source mailbox ada@acme.example"]);
    assert!(relay.heard().len() < 9, "it is not tried at every folder");
}

#[test]
fn a_destination_folder_that_nobody_may_read_is_unknown_alone() {
    let answers = Answers::new(3, true, |_| Answer::Store);
    let mails = (20..22).map(seeds::plain).collect();
    answers.migration.lab.source.seed(ADA, &[("Drafts", mails)]);
    for folder in ["INBOX", "Drafts"] {
        let other = if folder == "INBOX" { "Drafts" } else { "INBOX" };
        answers.script.shut(&[folder]);
        let unknown = format!("? destination folder ada@acme.example/{folder}");
        answers.run("plan").code(8).says(&[&unknown, "not now"]);
        answers.run("apply").code(8);
        let there = |folder| answers.script.messages(folder).len();
        assert_eq!(there(folder), if folder == "INBOX" { 0 } else { 2 });
        assert!(there(other) > 0);
    }
    answers.script.shut(&[]);
    answers.run("apply").code(0);
    answers.run("verify").code(0);
    answers.run("plan").code(0);
}
