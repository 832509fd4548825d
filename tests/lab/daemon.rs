//! A server process of our own, and its certain end.

use super::account::Account;
use rustix::process::{Pid, Signal, kill_process_group};
use std::fs::OpenOptions;
use std::io::Write as _;
use std::net::{SocketAddr, TcpStream};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// A started server with its children, in a process group of its own.
#[derive(Debug)]
pub struct Daemon {
    child: Child,
    guard: Child,
    log: PathBuf,
}

impl Daemon {
    /// Starts a program in the foreground as `account`; its output goes to `log`.
    pub fn start(program: &Path, args: &[&str], account: &Account, log: &Path) -> Self {
        let out =
            OpenOptions::new().create(true).append(true).open(log).expect("the log can be written");
        let mut command = Command::new(program);
        command
            .args(args)
            .env_clear()
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .env("TZ", "UTC")
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(out.try_clone().expect("a second handle of the log"))
            .stderr(out)
            .process_group(0);
        if account.drop {
            command.gid(account.gid).uid(account.uid);
        }
        let child =
            command.spawn().unwrap_or_else(|error| panic!("{}: {error}", program.display()));
        let guard = guard(child.id());
        Self { child, guard, log: log.to_owned() }
    }

    /// Waits until something listens on every address; shows the log when the process ends before.
    pub fn wait_for(&mut self, addresses: &[SocketAddr]) {
        let start = Instant::now();
        for address in addresses {
            while TcpStream::connect_timeout(address, Duration::from_secs(1)).is_err() {
                if let Some(status) = self.child.try_wait().expect("the child can be waited for") {
                    panic!("the server ended with {status}:\n{}", self.log_text());
                }
                assert!(
                    start.elapsed() < Duration::from_secs(30),
                    "nothing listens on {address} after 30 s:\n{}",
                    self.log_text()
                );
                sleep(Duration::from_millis(10));
            }
        }
    }

    /// Sends a signal to the main process alone.
    pub fn signal(&self, signal: Signal) {
        rustix::process::kill_process(self.pid(), signal).expect("the server runs");
    }

    /// Sends a signal to the server and all its children.
    pub fn signal_all(&self, signal: Signal) {
        // A group that is gone already is what the caller wants.
        let _ = kill_process_group(self.pid(), signal);
    }

    /// Ends the server in good order, so that it leaves no lock files that it would wait for
    /// later (Dovecot takes a lock of its own for stale after two minutes).
    pub fn end(mut self) {
        self.signal_all(Signal::CONT);
        self.signal_all(Signal::TERM);
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(10)
            && self.child.try_wait().expect("the child can be waited for").is_none()
        {
            sleep(Duration::from_millis(5));
        }
    }

    /// Returns what the server wrote so far.
    pub fn log_text(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // The group cannot be another one yet: its leader is not reaped.
        self.signal_all(Signal::CONT);
        self.signal_all(Signal::KILL);
        if let Some(mut words) = self.guard.stdin.take() {
            let _ = words.write_all(b"done\n");
        }
        let _ = self.guard.wait();
        let _ = self.child.wait();
    }
}

/// Ends the group when this process goes away without running `drop`: the guard waits for words
/// on a pipe and takes its end for our death.
fn guard(group: u32) -> Child {
    let script = format!(
        "read words || true; [ \"$words\" = done ] && exit 0; kill -TERM -{group}; sleep 1; kill -KILL -{group}"
    );
    Command::new("/bin/sh")
        .args(["-c", &script])
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .expect("/bin/sh can be run")
}
