//! Who the servers run as.

use std::fs;
use std::process::Command;

/// An account of the machine; the servers never run as root.
#[derive(Clone, Debug)]
pub struct Account {
    /// Its number.
    pub uid: u32,
    /// The number of its group.
    pub gid: u32,
    /// Its name, as Dovecot's configuration wants it.
    pub user: String,
    /// The name of its group.
    pub group: String,
    /// True when this process is root and must hand files over.
    pub drop: bool,
}

impl Account {
    /// Returns the account of this process, or for root an unprivileged one that every Debian has:
    /// Dovecot's log-in process refuses to run as root.
    pub fn pick() -> Self {
        if !rustix::process::geteuid().is_root() {
            return Self {
                uid: rustix::process::geteuid().as_raw(),
                gid: rustix::process::getegid().as_raw(),
                user: id("-un"),
                group: id("-gn"),
                drop: false,
            };
        }
        let passwd = fs::read_to_string("/etc/passwd").expect("/etc/passwd can be read");
        ["nobody", "daemon"]
            .iter()
            .find_map(|name| Self::named(&passwd, name))
            .expect("the account `nobody` or `daemon` exists")
    }

    fn named(passwd: &str, name: &str) -> Option<Self> {
        let fields = passwd
            .lines()
            .map(|line| line.split(':').collect::<Vec<_>>())
            .find(|fields| fields.first() == Some(&name))?;
        let uid = fields.get(2)?.parse().ok()?;
        let gid: u32 = fields.get(3)?.parse().ok()?;
        let groups = fs::read_to_string("/etc/group").ok()?;
        let group = groups
            .lines()
            .map(|line| line.split(':').collect::<Vec<_>>())
            .find(|fields| fields.get(2).is_some_and(|field| field.parse() == Ok(gid)))?
            .first()?
            .to_string();
        Some(Self { uid, gid, user: name.to_owned(), group, drop: true })
    }

    /// Gives a file or directory to the account, when this process is root.
    pub fn own(&self, path: &std::path::Path) {
        if self.drop {
            std::os::unix::fs::lchown(path, Some(self.uid), Some(self.gid))
                .unwrap_or_else(|error| panic!("chown {}: {error}", path.display()));
        }
    }
}

fn id(option: &str) -> String {
    let output = Command::new("id").arg(option).output().expect("`id` can be run");
    assert!(output.status.success(), "this user has no name; Dovecot needs an account with one");
    String::from_utf8(output.stdout).expect("account names are text").trim().to_owned()
}
