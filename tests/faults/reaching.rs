//! A server that cannot be reached, proven or entered.

use crate::lab::Lab;
use crate::migration::{ADA, BOB, CAROL, Migration};

/// Plans and applies while one thing is wrong with the source as a whole; nothing may be written.
fn nothing_can_be_read(migration: &Migration, says: &[&str]) {
    for args in [&["plan", "plan.yaml"] as &[&str], &["apply", "plan.yaml", "--auto-approve"]] {
        migration.run(args).code(8).says(says).says(&[ADA, BOB, CAROL]).says_what_is_next();
    }
    for user in [ADA, BOB, CAROL] {
        migration.untouched(user);
    }
}

#[test]
fn a_wrong_password_stops_its_mailbox_alone() {
    let mut migration = Migration::start();
    let before = migration.at_source();
    migration.wanted.secrets.push("wrong: { env: WRONG_PASSWORD }".to_owned());
    migration.wanted.mailboxes[0] =
        format!("{{ address: {ADA}, source_secret: wrong, destination_secret: new }}");
    migration.write();
    let run = |args: &[&str]| {
        let mut command = migration.command(args);
        command.env("WRONG_PASSWORD", "not-the-password-of-ada");
        crate::migration::run::Ended::of(command, args)
    };
    let said = ["E104", ADA, "refused the log-in", "[AUTHENTICATIONFAILED] Authentication failed."];
    run(&["plan", "plan.yaml", "--out", "saved.json"]).code(8).says(&said[1..]).says_what_is_next();
    run(&["apply", "saved.json"])
        .code(8)
        .says(&said[1..])
        .says_what_is_next()
        .does_not_say(&["not-the-password-of-ada"]);
    migration.untouched(ADA);
    migration.arrived(BOB);
    migration.arrived(CAROL);
    run(&["verify", "plan.yaml"]).says(&[ADA, "[AUTHENTICATIONFAILED]"]).code(8);
    assert_eq!(before, migration.at_source());
}

#[test]
fn a_wrong_password_at_the_destination_is_told_as_such() {
    let migration = Migration::start();
    let mut command = migration.command(&["plan", "plan.yaml"]);
    command.env("NEW_PASSWORD", "no-such-password");
    crate::migration::run::Ended::of(command, &["plan", "plan.yaml"])
        .code(8)
        .says(&[ADA, "the destination localhost", "[AUTHENTICATIONFAILED]"])
        .says_what_is_next()
        .does_not_say(&["no-such-password"]);
}

#[test]
fn an_unknown_host_is_named() {
    let mut migration = Migration::start();
    migration.wanted.source = "{ host: imap.nowhere.invalid }".to_owned();
    migration.write();
    let args = ["plan", "plan.yaml", "--trust", "imap.nowhere.invalid,localhost"];
    migration
        .run(&args)
        .code(8)
        .says(&[ADA, "imap.nowhere.invalid", "was not found", "source.imap.host"])
        .says_what_is_next();
}

#[test]
fn a_server_of_another_ca_gets_no_password() {
    let mut migration = Migration::start();
    migration.wanted.source = migration.wanted.source.replace("ca.pem", "other-ca.pem");
    migration.write();
    let log_ins = migration.lab.source.log_text().matches("Login:").count();
    nothing_can_be_read(&migration, &["could not prove who it is", "source.imap.ca"]);
    assert_eq!(log_ins, migration.lab.source.log_text().matches("Login:").count());
}

#[test]
fn a_refused_port_is_named() {
    let mut migration = Migration::start();
    migration.lab.source.stop();
    let server = format!("localhost:{}", migration.lab.source.port);
    nothing_can_be_read(&migration, &["no connection to the source", &server, "refused"]);
}

#[test]
fn a_destination_that_goes_away_leaves_nothing_half_done() {
    let mut migration = Migration::start();
    migration.run(&["plan", "plan.yaml", "--out", "saved.json"]).code(0);
    migration.lab.destination.stop();
    let ended = migration.run(&["apply", "saved.json"]).says_what_is_next();
    // Nothing was done: whether the world still fits the review, nobody knows.
    ended.code(8).says(&["unknown: ", ADA, "no connection to the destination"]);
    migration.lab.destination.restart();
    migration.run(&["apply", "saved.json"]).code(0);
    for user in [ADA, BOB, CAROL] {
        migration.arrived(user);
    }
}

#[test]
fn imap_that_is_off_is_told_from_a_wrong_password() {
    let mut migration = Migration::start();
    migration.lab.source.refuse(BOB, "IMAP access is disabled");
    let said = [BOB, "IMAP is off", "IMAP_access_is_disabled", "Switch IMAP on"];
    migration.run(&["plan", "plan.yaml", "--out", "saved.json"]).code(8).says(&said);
    migration.run(&["apply", "saved.json"]).code(8).says(&said).says_what_is_next();
    migration.untouched(BOB);
    migration.arrived(ADA);
    migration.lab.source.user(BOB, Lab::SOURCE_PASSWORD);
    migration.copy();
    migration.arrived(BOB);
    migration.run(&["verify", "plan.yaml"]).code(0);
}
