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
