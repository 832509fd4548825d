//! A source that will not give one message.

use super::relay::{Harm, Relay};
use crate::lab::{LabOptions, seeds};
use crate::migration::{ADA, Migration};

#[test]
fn one_message_that_the_source_will_not_give_stays_behind_alone() {
    let mut migration =
        Migration::empty(LabOptions { users: vec![ADA.to_owned()], ..LabOptions::default() });
    let inbox: Vec<_> = (1..=9).map(seeds::plain).collect();
    migration.lab.source.seed(ADA, &[("INBOX", inbox)]);
    let damaged = migration.lab.source.dump(ADA, "INBOX")[4].uid;
    let relay = Relay::start(migration.lab.source.plain_port, move |_| Harm::RefuseBody(damaged));
    migration.wanted.source = format!("{{ host: localhost, port: {}, tls: none }}", relay.port);
    migration.write();
    let ended = migration.run(&["apply", "plan.yaml", "--auto-approve", "--trust", "localhost"]);
    ended.code(5).says(&["Copied 8 messages", "1 message stays behind"]);
    assert!(relay.harmed(), "the source was asked for the damaged message");

    let arrived = migration.lab.destination.dump(ADA, "INBOX");
    let expected: Vec<_> = migration
        .lab
        .source
        .dump(ADA, "INBOX")
        .into_iter()
        .filter(|message| message.uid != damaged)
        .map(|message| message.bytes)
        .collect();
    // The damaged one may have let others of its FETCH pass it: the order is no promise.
    let sorted = |mut bodies: Vec<Vec<u8>>| {
        bodies.sort();
        bodies
    };
    let arrived = sorted(arrived.into_iter().map(|message| message.bytes).collect());
    assert_eq!(arrived, sorted(expected));

    let named = format!("source UID {damaged}");
    migration
        .run(&["verify", "plan.yaml", "--trust", "localhost"])
        .code(6)
        .says(&[&named, "Message is damaged"]);
}

/// Dovecot drops a CR at the very end of a message when it stores: sent as it is, nobody would
/// recognise it after a crash, and no proof could ever hold.
#[test]
fn a_message_that_ends_in_half_a_line_end_is_sent_as_it_will_be_stored() {
    let migration =
        Migration::empty(LabOptions { users: vec![ADA.to_owned()], ..LabOptions::default() });
    let large =
        [b"Subject: large\r\n\r\n".to_vec(), vec![b'x'; 1_500_000], b"\r".to_vec()].concat();
    // The folder is there once somebody delivered into it.
    migration.lab.source.seed(ADA, &[("INBOX", vec![seeds::plain(1)])]);
    let small = b"Subject: half\r\n\r\nthe end\r\n\r".to_vec();
    for (name, body) in [("900000001.M1P1.h:2,S", &small), ("900000002.M2P1.h:2,", &large)] {
        migration.lab.source.plant(ADA, "", name, body);
    }
    migration.copy().code(0);
    migration.run(&["verify", "plan.yaml"]).code(0).says(&["2 after a named transform"]);
    let arrived = migration.lab.destination.dump(ADA, "INBOX");
    assert_eq!(arrived.len(), 3);
    assert!(arrived.iter().all(|message| message.bytes.ends_with(b"\r\n")));
}

#[test]
fn a_name_that_names_nothing_is_a_mistake() {
    let migration =
        Migration::empty(LabOptions { users: vec![ADA.to_owned()], ..LabOptions::default() });
    for option in ["--only", "--skip"] {
        migration
            .run(&["apply", "plan.yaml", "--auto-approve", option, "nobody@acme.example"])
            .code(64)
            .says(&["E008", "nobody@acme.example"])
            .says_what_is_next();
    }
}
