//! Other people's tools, as they are, between the servers of a lab.

use crate::lab::Lab;
use std::fs;
use std::process::{Command, Output};

/// Runs mbsync (Debian's `isync`) from the source to the destination over some folders.
pub(crate) fn mbsync(lab: &Lab, user: &str, folders: &[&str]) -> Output {
    let side = |name: &str, port: u16, password: &str| {
        format!(
            "IMAPAccount {name}\nHost localhost\nPort {port}\nUser {user}\nPass {password}\n\
             SSLType None\nAuthMechs LOGIN\n\nIMAPStore {name}\nAccount {name}\n\n"
        )
    };
    let state = lab.work.join("mbsync");
    fs::create_dir_all(&state).expect("a directory");
    let text = format!(
        "{}{}Channel both\nFar :source:\nNear :destination:\nPatterns {}\nCreate Near\n\
         Sync Pull\nCopyArrivalDate yes\nSyncState {}/\n",
        side("source", lab.source.plain_port, Lab::SOURCE_PASSWORD),
        side("destination", lab.destination.plain_port, Lab::DESTINATION_PASSWORD),
        folders.join(" "),
        state.display(),
    );
    let file = lab.work.join("mbsyncrc");
    fs::write(&file, text).expect("a configuration");
    run(Command::new("mbsync").arg("-c").arg(&file).arg("both").env("HOME", &lab.work))
}

/// Runs Dovecot's own `doveadm backup`, which writes into the destination's storage.
pub(crate) fn doveadm_backup(lab: &Lab, user: &str) {
    let file = lab.destination.dir.join("dovecot.conf");
    let output = run(Command::new("doveadm")
        .arg("-c")
        .arg(&file)
        .args(["-o", "imapc_host=localhost", "-o", "imapc_ssl=no"])
        .args(["-o", &format!("imapc_port={}", lab.source.plain_port)])
        .args(["-o", &format!("imapc_user={user}")])
        .args(["-o", &format!("imapc_password={}", Lab::SOURCE_PASSWORD)])
        .args(["-o", "imapc_features=rfc822.size fetch-headers"])
        .args(["backup", "-R", "-u", user, "imapc:"]));
    succeeded(&output);
}

/// Runs imapsync, which is in no Debian package: `MAILFERRY_TEST_IMAPSYNC` names it.
pub(crate) fn imapsync(lab: &Lab, user: &str, more: &[&str]) -> Output {
    let program = std::env::var_os("MAILFERRY_TEST_IMAPSYNC").expect("the program");
    let mut command = Command::new(program);
    for (side, port, password) in [
        ("1", lab.source.plain_port, Lab::SOURCE_PASSWORD),
        ("2", lab.destination.plain_port, Lab::DESTINATION_PASSWORD),
    ] {
        command
            .args([format!("--host{side}"), "localhost".to_owned()])
            .args([format!("--port{side}"), port.to_string()])
            .args([format!("--user{side}"), user.to_owned()])
            .args([format!("--password{side}"), password.to_owned()])
            .args([format!("--nossl{side}"), format!("--notls{side}")]);
    }
    command.args(["--nolog", "--noreleasecheck", "--tmpdir"]).arg(&lab.work).args(more);
    run(command.env("HOME", &lab.work))
}

/// Shows what a tool said when it failed.
pub(crate) fn succeeded(output: &Output) {
    let said = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
    assert!(
        output.status.success(),
        "{}\n{}{}",
        output.status,
        said(&output.stdout),
        said(&output.stderr)
    );
}

fn run(command: &mut Command) -> Output {
    command.output().unwrap_or_else(|error| {
        panic!("{command:?}: {error}; tests/run installs the Debian packages that it needs")
    })
}
