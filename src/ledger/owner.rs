//! Who this process is, and whether another one still lives.

use crate::ports::clock::Clock;
use crate::ports::ledger::Owner;

/// What is known of the process that holds a lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Life {
    /// The very process is there.
    Alive,
    /// It is certainly not.
    Gone,
    /// Another machine, another boot, or nobody to ask.
    Unknown,
}

/// Describes this process as the owner of a lock that is taken now.
///
/// `boot` and `started` are empty where the system does not tell them; then only the lease ends a
/// lock.
pub fn current_owner(clock: &dyn Clock, command: &str) -> Owner {
    let now = clock.now();
    let pid = std::process::id();
    Owner {
        host: hostname::get().map_or_else(|_| String::new(), |name| name.to_string_lossy().into()),
        boot: boot(),
        pid,
        started: started(pid).unwrap_or_default(),
        command: command.to_owned(),
        since: now,
        heartbeat: now,
    }
}

/// Tells whether the process `there` lives, as far as `here`, a process of this machine, can say.
pub(super) fn life(there: &Owner, here: &Owner) -> Life {
    if there.host != here.host || there.boot != here.boot || here.boot.is_empty() {
        return Life::Unknown;
    }
    match present(there.pid) {
        Life::Alive => {}
        other => return other,
    }
    match started(there.pid) {
        Some(_) if there.started.is_empty() => Life::Unknown,
        Some(started) if started == there.started => Life::Alive,
        // The number went to another process, or what is left is a zombie.
        Some(_) => Life::Gone,
        None => Life::Unknown,
    }
}

/// Tells whether the process of an owner is certainly gone, as far as this machine can say.
pub fn is_gone(owner: &Owner, clock: &dyn Clock) -> bool {
    life(owner, &current_owner(clock, "")) == Life::Gone
}

#[cfg(unix)]
fn present(pid: u32) -> Life {
    use rustix::io::Errno;
    use rustix::process::{Pid, test_kill_process};
    let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) else {
        return Life::Unknown;
    };
    match test_kill_process(pid) {
        Ok(()) | Err(Errno::PERM) => Life::Alive,
        Err(Errno::SRCH) => Life::Gone,
        Err(_) => Life::Unknown,
    }
}

#[cfg(not(unix))]
fn present(_: u32) -> Life {
    Life::Unknown
}

/// Returns the start time of a process in clock ticks since the boot, proc(5) `stat` field 22;
/// `ended` for a zombie, `None` where the system does not tell.
fn started(pid: u32) -> Option<String> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field is the name in parentheses, which may itself hold blanks and parentheses.
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_ascii_whitespace();
    let state = fields.next()?;
    if matches!(state, "Z" | "X" | "x") {
        return Some("ended".to_owned());
    }
    // The state was field 3; 18 lie between it and field 22.
    fields.nth(18).map(str::to_owned)
}

#[cfg(target_os = "linux")]
fn boot() -> String {
    let Ok(boot) = std::fs::read_to_string("/proc/sys/kernel/random/boot_id") else {
        return String::new();
    };
    // Containers share the kernel and may share the host name, but not their process numbers.
    let namespace = std::fs::read_link("/proc/self/ns/pid")
        .map_or_else(|_| String::new(), |link| format!(" {}", link.display()));
    format!("{}{namespace}", boot.trim())
}

#[cfg(target_os = "macos")]
fn boot() -> String {
    std::process::Command::new("/usr/sbin/sysctl")
        .args(["-n", "kern.bootsessionuuid"])
        .output()
        .map_or_else(|_| String::new(), |out| String::from_utf8_lossy(&out.stdout).trim().into())
}

#[cfg(not(any(target_os = "linux", target_os = "macos")))]
fn boot() -> String {
    String::new()
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use crate::clock::SystemClock;
    use std::process::{Command, Stdio};

    #[test]
    fn a_process_lives_until_it_is_gone_and_a_zombie_does_not() {
        let here = current_owner(&SystemClock, "apply");
        assert_eq!(life(&here, &here), Life::Alive);

        let mut child = Command::new("sleep").arg("60").stdin(Stdio::null()).spawn().unwrap();
        let there =
            Owner { pid: child.id(), started: started(child.id()).unwrap(), ..here.clone() };
        assert_eq!(life(&there, &here), Life::Alive);
        child.kill().unwrap();
        for _ in 0..500 {
            if life(&there, &here) == Life::Gone {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        assert_eq!(life(&there, &here), Life::Gone, "nobody has waited for it yet");
        child.wait().unwrap();
        assert_eq!(life(&there, &here), Life::Gone);
    }

    #[test]
    fn a_reused_number_is_another_process_and_another_boot_is_unknown() {
        let here = current_owner(&SystemClock, "apply");
        let reused = Owner { started: "1".to_owned(), ..here.clone() };
        assert_eq!(life(&reused, &here), Life::Gone);
        let elsewhere = Owner { boot: "other".to_owned(), ..here.clone() };
        assert_eq!(life(&elsewhere, &here), Life::Unknown);
        let elsewhere = Owner { host: "other".to_owned(), ..here.clone() };
        assert_eq!(life(&elsewhere, &here), Life::Unknown);
    }
}
