//! Secrets that are missing, open to others, or asked for by somebody nobody trusts.

use crate::migration::run::Ended;
use crate::migration::{ADA, BOB, CAROL, Migration};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;

fn nobody_was_written_to(migration: &Migration) {
    for user in [ADA, BOB, CAROL] {
        migration.untouched(user);
    }
}

#[test]
fn a_missing_variable_is_named() {
    let migration = Migration::start();
    for args in [&["plan", "plan.yaml"] as &[&str], &["apply", "plan.yaml", "--auto-approve"]] {
        let mut command = migration.command(args);
        command.env_remove("OLD_PASSWORD");
        Ended::of(command, args)
            .code(8)
            .says(&[ADA, "OLD_PASSWORD is not set", "set OLD_PASSWORD"])
            .says_what_is_next();
    }
    nobody_was_written_to(&migration);
}

#[test]
fn a_secret_that_others_can_read_is_not_used() {
    let mut migration = Migration::start();
    let file = migration.path("old-password");
    fs::write(&file, "master-pw\n").unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    migration.wanted.secrets[0] = "old: { file: old-password }".to_owned();
    migration.write();
    migration
        .run(&["plan", "plan.yaml"])
        .code(8)
        .says(&["old-password", "others than its owner can read it", "chmod 600"])
        .says_what_is_next();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    migration.run(&["plan", "plan.yaml"]).code(0);
    nobody_was_written_to(&migration);
}

#[test]
fn a_plan_cannot_run_a_program() {
    let mut migration = Migration::start();
    let mark = migration.path("it-ran");
    migration.wanted.secrets[0] =
        format!("old: {{ command: [sh, -c, \"touch {}; echo master-pw\"] }}", mark.display());
    migration.write();
    for args in [&["plan", "plan.yaml"] as &[&str], &["apply", "plan.yaml", "--auto-approve"]] {
        let says = ["P022", "`old` would run a program", "allow it when you start mailferry"];
        migration.run(args).code(65).says(&says).says_what_is_next();
        assert!(!mark.exists(), "the program ran");
    }
    nobody_was_written_to(&migration);
    migration.run(&["plan", "plan.yaml", "--allow-commands"]).code(0);
    assert!(mark.exists(), "it may run when it is allowed from outside");
}

#[test]
fn a_server_that_nobody_trusts_gets_no_password() {
    let migration = Migration::start();
    let log_ins = migration.lab.source.log_text().matches("Login:").count();
    let trust = format!("--trust localhost:{}", migration.lab.source.port);
    for args in [
        &["plan", "plan.yaml"] as &[&str],
        &["apply", "plan.yaml", "--auto-approve"],
        &["verify", "plan.yaml"],
    ] {
        let mut command = migration.command(args);
        command.env("MAILFERRY_TRUST", format!("localhost:{}", migration.lab.destination.port));
        Ended::of(command, args)
            .code(9)
            .says(&["E110", "OLD_PASSWORD", "localhost", &trust])
            .says_what_is_next();
    }
    assert_eq!(log_ins, migration.lab.source.log_text().matches("Login:").count());
    nobody_was_written_to(&migration);
}

#[test]
fn a_host_that_changed_in_the_plan_asks_for_consent_again() {
    let mut migration = Migration::start();
    migration.run(&["plan", "plan.yaml"]).code(0);
    let without = |migration: &Migration| {
        let mut command = migration.command(&["plan", "plan.yaml"]);
        command.env_remove("MAILFERRY_TRUST");
        Ended::of(command, &["plan", "plan.yaml"])
    };
    without(&migration).code(0);
    let port = migration.lab.source.plain_port;
    migration.wanted.source =
        format!("{{ host: localhost, port: {port}, tls: starttls, ca: ca.pem }}");
    migration.write();
    without(&migration).code(9).says(&["E110", "OLD_PASSWORD"]);
}
