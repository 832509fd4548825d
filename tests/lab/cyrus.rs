//! A private Cyrus IMAP 3.6.
//!
//! Debian's cyrus-imapd conflicts with dovecot-imapd, so `tests/install.sh` unpacks that one
//! package beside; the rest comes from cyrus-common.

use super::account::Account;
use super::certificates::Authority;
use super::client::{Folder, Session, Stored};
use super::daemon::Daemon;
use super::ports::Port;
use super::seeds::Mail;
use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Where Debian has what is installed.
const MASTER: &str = "/usr/lib/cyrus/bin/master";
const SASLPASSWD: &str = "/usr/sbin/saslpasswd2";

/// May act as anybody: SASL PLAIN with an authorization identity.
pub const PROXY: (&str, &str) = ("migrator@acme.example", super::dovecot::MASTER.1);

/// How one Cyrus differs from another.
#[derive(Clone, Debug)]
pub struct CyrusProfile {
    /// The directory below the lab.
    pub name: &'static str,
    /// `maxmessagesize` in octets; what APPENDLIMIT tells.
    pub message_size: u64,
    /// Folders that every mailbox has, with their special use.
    pub folders: &'static [(&'static str, &'static str)],
}

impl Default for CyrusProfile {
    fn default() -> Self {
        Self {
            name: "cyrus",
            // Large enough for the largest message of the tests.
            message_size: 100_000_000,
            folders: &[("Sent Items", "sent"), ("Deleted Items", "trash"), ("Junk Email", "junk")],
        }
    }
}

/// A running Cyrus with its own users, mail and ports.
#[derive(Debug)]
pub struct CyrusServer {
    /// IMAP with TLS from the first octet, on 127.0.0.1.
    pub port: u16,
    /// IMAP in the clear, on 127.0.0.1.
    pub plain_port: u16,
    /// Configuration, log and mail.
    pub dir: PathBuf,
    password: String,
    _daemon: Daemon,
    _ports: [Port; 2],
}

/// Finds `imapd`, which `tests/run` unpacks below the directory of the build.
fn imapd() -> PathBuf {
    let program = std::env::current_exe().expect("the path of this test");
    let below = "servers/cyrus/usr/lib/cyrus/bin/imapd";
    let found = program.ancestors().map(|above| above.join(below)).find(|path| path.exists());
    found.unwrap_or_else(|| {
        panic!("{below} is missing above {}: tests/run unpacks it", program.display())
    })
}

impl CyrusServer {
    /// Starts a server in a new directory below `dir`, with users of one password.
    pub fn start(
        dir: &Path,
        profile: &CyrusProfile,
        users: (&[&str], &str),
        authority: &Authority,
        account: &Account,
    ) -> Self {
        assert!(
            Path::new(MASTER).exists() && Path::new(SASLPASSWD).exists(),
            "{MASTER} or {SASLPASSWD} is missing: install the Debian packages cyrus-common and \
             sasl2-bin (tests/run does)"
        );
        let dir = dir.join(profile.name);
        let ports = [Port::reserve(), Port::reserve()];
        for sub in ["", "conf", "spool", "spool/stage.", "proc", "lock"] {
            let sub = dir.join(sub);
            fs::create_dir(&sub).expect("a directory for the server");
            account.own(&sub);
        }
        authority.issue(&["localhost", "127.0.0.1"], &dir);
        let write = |name: &str, text: &str| {
            let path = dir.join(name);
            fs::write(&path, text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            account.own(&path);
        };
        write("imapd.conf", &configuration(&dir, profile, account));
        write("cyrus.conf", &services(&dir, ports[0].number, ports[1].number));
        for file in ["cert.pem", "key.pem"] {
            account.own(&dir.join(file));
        }
        for user in users.0 {
            password(&dir, user, users.1);
        }
        password(&dir, PROXY.0, PROXY.1);
        account.own(&dir.join("sasldb2"));
        let text = |name: &str| dir.join(name).to_str().expect("a path in UTF-8").to_owned();
        let (imapd_conf, cyrus_conf, pid) = (text("imapd.conf"), text("cyrus.conf"), text("pid"));
        let arguments = ["-C", &imapd_conf, "-M", &cyrus_conf, "-p", &pid, "-D"];
        let log = dir.join("output");
        let mut daemon = Daemon::start(Path::new(MASTER), &arguments, account, &log);
        let address = |port: &Port| SocketAddr::from((Ipv4Addr::LOCALHOST, port.number));
        daemon.wait_for(&[address(&ports[0]), address(&ports[1])]);
        let server = Self {
            port: ports[0].number,
            plain_port: ports[1].number,
            dir,
            password: users.1.to_owned(),
            _daemon: daemon,
            _ports: ports,
        };
        // A mailbox is made at its first sign-in, and the proxy may make none.
        for user in users.0 {
            drop(server.session(user));
        }
        server
    }

    /// Signs in as a mailbox.
    pub fn session(&self, name: &str) -> Session {
        Session::open(self.plain_port, '/', name, &self.password).unwrap_or_else(|error| {
            let log = fs::read_to_string(self.dir.join("output")).unwrap_or_default();
            panic!("{name} cannot sign in to Cyrus: {error}\n{log}")
        })
    }

    /// Stores messages, creating folders where they lack.
    pub fn seed(&self, name: &str, folders: &[(&str, Vec<Mail>)]) {
        let mut session = self.session(name);
        for (path, mails) in folders {
            if *path != "INBOX" {
                session.create(path).unwrap_or_else(|error| panic!("create {path}: {error}"));
            }
            for mail in mails {
                let flags: Vec<&str> = mail.flags.iter().map(String::as_str).collect();
                session
                    .append(path, &flags, Some(&mail.date), &mail.bytes)
                    .unwrap_or_else(|error| panic!("append {} to {path}: {error}", mail.name));
            }
        }
    }

    /// Returns the folders of a mailbox.
    pub fn folders(&self, name: &str) -> Vec<Folder> {
        self.session(name).folders().expect("folders")
    }

    /// Returns every message of every folder that can hold messages.
    pub fn dump_all(&self, name: &str) -> BTreeMap<String, Vec<Stored>> {
        let mut session = self.session(name);
        let folders = session.folders().expect("folders");
        folders
            .into_iter()
            .filter(Folder::selectable)
            .map(|folder| {
                let messages = session.dump(&folder.path).expect("the messages of a folder");
                (folder.path, messages)
            })
            .collect()
    }
}

/// `skiplist_unsafe` leaves out the fsync that would hold 45 messages a second. The default
/// domain is nobody's, because Cyrus takes the default one off a name and then finds no password.
fn configuration(dir: &Path, profile: &CyrusProfile, account: &Account) -> String {
    let dir = dir.display();
    let names: Vec<&str> = profile.folders.iter().map(|(name, _)| *name).collect();
    let names = names.join("|");
    let uses: Vec<String> = profile
        .folders
        .iter()
        .map(|(name, special_use)| format!("xlist-{special_use}: {name}\n"))
        .collect();
    let uses = uses.concat();
    format!(
        "\
configdirectory: {dir}/conf
partition-default: {dir}/spool
defaultpartition: default
proc_path: {dir}/proc
mboxname_lockpath: {dir}/lock
cyrus_user: {user}
cyrus_group: {group}
admins: cyrus@acme.example
proxyservers: {proxy}
virtdomains: userid
defaultdomain: nowhere.example
altnamespace: yes
unixhierarchysep: yes
allowplaintext: yes
sasl_mech_list: PLAIN LOGIN
sasl_pwcheck_method: auxprop
sasl_auxprop_plugin: sasldb
sasl_sasldb_path: {dir}/sasldb2
autocreate_quota: 0
autocreate_inbox_folders: {names}
autocreate_subscribe_folders: {names}
{uses}maxmessagesize: {size}
skiplist_unsafe: yes
tls_server_cert: {dir}/cert.pem
tls_server_key: {dir}/key.pem
",
        user = account.user,
        group = account.group,
        proxy = PROXY.0,
        size = profile.message_size,
    )
}

fn services(dir: &Path, port: u16, plain_port: u16) -> String {
    let (imapd, dir) = (imapd(), dir.display());
    let imapd = imapd.display();
    format!(
        "\
START {{
}}
SERVICES {{
  imaps cmd=\"{imapd} -s -C {dir}/imapd.conf\" listen=\"127.0.0.1:{port}\" prefork=0
  imap cmd=\"{imapd} -C {dir}/imapd.conf\" listen=\"127.0.0.1:{plain_port}\" prefork=0
}}
EVENTS {{
}}
"
    )
}

fn password(dir: &Path, user: &str, password: &str) {
    let (name, domain) = user.split_once('@').expect("an address");
    let mut child = Command::new(SASLPASSWD)
        .args(["-f"])
        .arg(dir.join("sasldb2"))
        .args(["-p", "-c", "-u", domain, name])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap_or_else(|error| panic!("{SASLPASSWD}: {error}"));
    child.stdin.take().expect("a pipe").write_all(password.as_bytes()).expect("it reads");
    assert!(child.wait().expect("it ends").success(), "{SASLPASSWD} failed for {user}");
}
