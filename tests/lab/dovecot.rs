//! A private Dovecot 2.3.

use super::account::Account;
use super::certificates::Authority;
use super::client::{Folder, Session, Stored};
use super::daemon::Daemon;
use super::ports::Port;
pub use super::profile::{MASTER, Profile};
use super::seeds::Mail;
use rustix::process::Signal;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

/// Where Dovecot is installed on Debian.
const PROGRAM: &str = "/usr/sbin/dovecot";

/// One mailbox of a server.
#[derive(Clone, Debug)]
struct User {
    password: String,
    quota: Option<String>,
    refused: Option<String>,
}

/// A running Dovecot with its own users, mail and ports.
#[derive(Debug)]
pub struct ImapServer {
    /// IMAP with TLS from the first octet, on 127.0.0.1; the certificate is for `localhost` too.
    pub port: u16,
    /// IMAP in the clear and with STARTTLS, on 127.0.0.1.
    pub plain_port: u16,
    /// Configuration, log and mail.
    pub dir: PathBuf,
    /// How it differs.
    pub profile: Profile,
    account: Account,
    users: BTreeMap<String, User>,
    daemon: Option<Daemon>,
    _ports: [Port; 2],
}

impl ImapServer {
    /// Starts a server in a new directory below `dir`, with users of one password.
    pub fn start(
        dir: &Path,
        profile: Profile,
        users: (&[String], &str),
        authority: &Authority,
        account: &Account,
    ) -> Self {
        assert!(
            Path::new(PROGRAM).exists(),
            "{PROGRAM} is missing: install the Debian package dovecot-imapd (tests/run does)"
        );
        let dir = dir.join(profile.name);
        let ports = [Port::reserve(), Port::reserve()];
        for sub in ["", "run", "state", "mail"] {
            let sub = dir.join(sub);
            fs::create_dir(&sub).expect("a directory for the server");
            account.own(&sub);
        }
        authority.issue(&["localhost", "127.0.0.1", "imap.acme.example"], &dir);
        let mut server = Self {
            port: ports[0].number,
            plain_port: ports[1].number,
            dir,
            profile,
            account: account.clone(),
            users: BTreeMap::new(),
            daemon: None,
            _ports: ports,
        };
        let configuration = server.profile.configuration(
            &server.dir,
            &server.account,
            server.plain_port,
            server.port,
        );
        server.write("dovecot.conf", &configuration);
        server.write("log", "");
        let master = if server.profile.master {
            format!("{}:{{PLAIN}}{}\n", MASTER.0, MASTER.1)
        } else {
            String::new()
        };
        server.write("masters", &master);
        for file in ["cert.pem", "key.pem"] {
            account.own(&server.dir.join(file));
        }
        for name in users.0 {
            server.add(name, users.1);
        }
        server.write_users();
        server.run();
        server
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.dir.join(name);
        fs::write(&path, text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        self.account.own(&path);
    }

    fn run(&mut self) {
        let configuration = self.dir.join("dovecot.conf");
        let arguments = ["-F", "-c", configuration.to_str().expect("a path in UTF-8")];
        let log = self.dir.join("output");
        let mut daemon = Daemon::start(Path::new(PROGRAM), &arguments, &self.account, &log);
        let address = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        daemon.wait_for(&[address(self.port), address(self.plain_port)]);
        self.daemon = Some(daemon);
    }

    /// Ends the server; its ports stay reserved and refuse connections.
    pub fn stop(&mut self) {
        if let Some(daemon) = self.daemon.take() {
            daemon.end();
        }
    }

    /// Ends the server and starts it again on the same ports with the same mail.
    pub fn restart(&mut self) {
        self.stop();
        self.run();
    }

    /// Stops the server from answering, with its connections open, until [`ImapServer::thaw`].
    pub fn freeze(&self) {
        self.daemon.as_ref().expect("the server runs").signal_all(Signal::STOP);
    }

    /// Lets a frozen server go on.
    pub fn thaw(&self) {
        self.daemon.as_ref().expect("the server runs").signal_all(Signal::CONT);
    }

    /// Returns Dovecot's log.
    pub fn log_text(&self) -> String {
        fs::read_to_string(self.dir.join("log")).unwrap_or_default()
    }

    /// Adds a mailbox, or changes the password of one; counts at once.
    pub fn user(&mut self, name: &str, password: &str) {
        self.add(name, password);
        self.write_users();
    }

    fn add(&mut self, name: &str, password: &str) {
        let user = User { password: password.to_owned(), quota: None, refused: None };
        self.users.insert(name.to_owned(), user);
        let home = self.dir.join("mail").join(name);
        if !home.exists() {
            fs::create_dir(&home).expect("a home");
            self.account.own(&home);
        }
    }

    /// Limits a mailbox, for example to `64K`.
    pub fn limit(&mut self, name: &str, storage: &str) {
        self.users.get_mut(name).expect("a user").quota = Some(storage.to_owned());
        self.write_users();
    }

    /// Takes the limit away.
    pub fn unlimit(&mut self, name: &str) {
        self.users.get_mut(name).expect("a user").quota = None;
        self.write_users();
    }

    /// Refuses a sign-in with the right password, as servers do where IMAP is off, in these words
    /// with `_` for blanks: Dovecot's file has no way to write one.
    pub fn refuse(&mut self, name: &str, words: &str) {
        self.users.get_mut(name).expect("a user").refused = Some(words.to_owned());
        self.write_users();
    }

    /// Makes every new folder of a mailbox impossible: its directory becomes read-only.
    pub fn forbid_new_folders(&self, name: &str) {
        self.set_mode(name, 0o555);
    }

    /// Undoes [`ImapServer::forbid_new_folders`].
    pub fn allow_new_folders(&self, name: &str) {
        self.set_mode(name, 0o755);
    }

    fn set_mode(&self, name: &str, mode: u32) {
        // The directories exist after the first sign-in only.
        self.session(name).folders().expect("folders");
        let home = self.dir.join("mail").join(name);
        let dir = if self.profile.location.starts_with("mdbox") {
            home.join("mdbox/mailboxes")
        } else {
            home.join("Maildir")
        };
        fs::set_permissions(&dir, fs::Permissions::from_mode(mode)).expect("the mode is set");
    }

    /// Returns the password of a mailbox.
    pub fn password(&self, name: &str) -> &str {
        &self.users.get(name).unwrap_or_else(|| panic!("{name} is no user")).password
    }

    /// Signs in as a mailbox.
    pub fn session(&self, name: &str) -> Session {
        self.try_session(name, self.password(name)).unwrap_or_else(|error| {
            panic!("{}: {name} cannot sign in: {error}\n{}", self.profile.name, self.log_text())
        })
    }

    /// Signs in with any name and password.
    pub fn try_session(&self, name: &str, password: &str) -> io::Result<Session> {
        Session::open(self.plain_port, self.profile.separator, name, password)
    }

    /// Stores messages through one connection, creating folders where they lack; nothing is sent
    /// for a folder whose list is empty, it only exists then.
    pub fn seed(&self, name: &str, folders: &[(&str, Vec<Mail>)]) {
        let mut session = self.session(name);
        let mut known: Vec<String> =
            session.folders().expect("folders").into_iter().map(|folder| folder.path).collect();
        for (path, mails) in folders {
            if !known.iter().any(|known| known == path) {
                session.create(path).unwrap_or_else(|error| panic!("create {path}: {error}"));
                session.subscribe(path).unwrap_or_else(|error| panic!("subscribe {path}: {error}"));
                known.push((*path).to_owned());
            }
            for mail in mails {
                let flags: Vec<&str> = mail.flags.iter().map(String::as_str).collect();
                session
                    .append(path, &flags, Some(&mail.date), &mail.bytes)
                    .unwrap_or_else(|error| panic!("append {} to {path}: {error}", mail.name));
            }
        }
    }

    /// Stores one message in a folder that exists.
    pub fn deliver(&self, name: &str, path: &str, flags: &[&str], date: &str, bytes: &[u8]) {
        self.session(name)
            .append(path, flags, Some(date), bytes)
            .unwrap_or_else(|error| panic!("append to {path}: {error}"));
    }

    /// Puts a file into a Maildir folder behind Dovecot's back: octets that APPEND would change,
    /// such as NUL or bare line feeds. Only for the INBOX (`""`) and existing folders. The time of
    /// the file, which is returned, is INTERNALDATE.
    pub fn plant(&self, name: &str, path: &str, file: &str, bytes: &[u8]) -> PathBuf {
        assert!(self.profile.location.starts_with("maildir:~/Maildir"), "Maildir++ only");
        let encoded = super::wire::encode_name(&path.replace('/', "."));
        let folder = if path.is_empty() { String::new() } else { format!(".{encoded}") };
        let target = self.dir.join("mail").join(name).join("Maildir").join(folder).join("new");
        let target = target.join(file);
        fs::write(&target, bytes).unwrap_or_else(|error| panic!("{}: {error}", target.display()));
        self.account.own(&target);
        target
    }

    /// Returns the messages of a folder.
    pub fn dump(&self, name: &str, path: &str) -> Vec<Stored> {
        self.session(name).dump(path).unwrap_or_else(|error| panic!("dump {path}: {error}"))
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

    fn write_users(&self) {
        let mut text = String::new();
        for (name, user) in &self.users {
            let home = self.dir.join("mail").join(name);
            let _ = write!(
                text,
                "{name}:{{PLAIN}}{}:{}:{}::{}:",
                user.password,
                self.account.uid,
                self.account.gid,
                home.display()
            );
            text.push(':');
            if let Some(quota) = &user.quota {
                let _ = write!(text, "userdb_quota_rule=*:storage={quota} ");
            }
            if let Some(words) = &user.refused {
                let _ = write!(text, "nologin=y reason={} ", words.replace(' ', "_"));
            }
            text.push('\n');
        }
        // In one step, because Dovecot may read at any time.
        self.write("users.new", &text);
        fs::rename(self.dir.join("users.new"), self.dir.join("users")).expect("users are replaced");
        if self.daemon.is_some() {
            // Dovecot looks at the file once in a second of the clock.
            std::thread::sleep(std::time::Duration::from_millis(1_050));
        }
    }
}
