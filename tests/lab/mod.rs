//! Real servers for tests: two Dovecots and BIND on loopback, private to one [`Lab`].
//!
//! Everything here is independent of mailferry's own code, because it is what judges it.

// Each test file uses a part of this; a fixture that cannot go on says so by panicking.
#![allow(dead_code, missing_docs, unreachable_pub)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::missing_panics_doc)]
#![allow(missing_debug_implementations, clippy::must_use_candidate)]

pub mod account;
pub mod bind;
pub mod certificates;
pub mod client;
pub mod cyrus;
pub mod daemon;
pub mod dovecot;
pub mod ports;
pub mod profile;
pub mod relay;
pub mod seeds;
pub mod wire;

use account::Account;
use bind::{NameServer, Zone};
use certificates::Authority;
use dovecot::{ImapServer, Profile};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// What a lab consists of.
#[derive(Clone, Debug)]
pub struct LabOptions {
    /// The server that mail is read from.
    pub source: Profile,
    /// The server that mail is written to.
    pub destination: Profile,
    /// Mailboxes at both servers; the password is [`Lab::SOURCE_PASSWORD`] or
    /// [`Lab::DESTINATION_PASSWORD`].
    pub users: Vec<String>,
    /// Zones of the name server; no name server without zones.
    pub zones: Vec<Zone>,
}

impl Default for LabOptions {
    fn default() -> Self {
        let names = ["ada", "bob", "carol"];
        Self {
            source: Profile::rackspace(),
            destination: Profile::exchange(),
            users: names.iter().map(|name| format!("{name}@acme.example")).collect(),
            zones: Vec::new(),
        }
    }
}

/// Running servers; they end with this value, or with the process.
#[derive(Debug)]
pub struct Lab {
    /// Where mail comes from.
    pub source: ImapServer,
    /// Where it goes.
    pub destination: ImapServer,
    /// The name server, when zones were asked for.
    pub dns: Option<NameServer>,
    /// The CA of both IMAP servers.
    pub ca_pem: PathBuf,
    /// A CA that signed nothing here.
    pub other_ca_pem: PathBuf,
    /// Everything lies below; the servers can read it, root and the owner can write.
    pub dir: PathBuf,
    /// For the files of the test itself (plans, ledgers).
    pub work: PathBuf,
    account: Account,
    authority: Authority,
    _temporary: TempDir,
}

impl Lab {
    /// Starts a Cyrus beside the others, with the destination's password.
    pub fn cyrus(&self, profile: &cyrus::CyrusProfile, users: &[&str]) -> cyrus::CyrusServer {
        let users = (users, Self::DESTINATION_PASSWORD);
        cyrus::CyrusServer::start(&self.dir, profile, users, &self.authority, &self.account)
    }

    /// The password of every mailbox at the source.
    pub const SOURCE_PASSWORD: &'static str = "source-pw";
    /// The password of every mailbox at the destination.
    pub const DESTINATION_PASSWORD: &'static str = "destination-pw";

    /// Starts all servers; panics with the server's log when one does not start.
    pub fn start(options: LabOptions) -> Self {
        let account = Account::pick();
        let (temporary, dir) = directory(&account);
        let work = dir.join("work");
        fs::create_dir(&work).expect("a work directory");
        let authority = Authority::create(&dir.join("ca.pem"), "Lab CA");
        let other = Authority::create(&dir.join("other-ca.pem"), "Other CA");
        let users = (options.users.as_slice(), Self::SOURCE_PASSWORD);
        let source = ImapServer::start(&dir, options.source, users, &authority, &account);
        let users = (options.users.as_slice(), Self::DESTINATION_PASSWORD);
        let destination = ImapServer::start(&dir, options.destination, users, &authority, &account);
        let dns =
            (!options.zones.is_empty()).then(|| NameServer::start(&dir, &options.zones, &account));
        Self {
            source,
            destination,
            dns,
            ca_pem: authority.pem.clone(),
            other_ca_pem: other.pem,
            dir,
            work,
            account,
            authority,
            _temporary: temporary,
        }
    }
}

/// Makes a directory that the account can reach, with a path short enough for the sockets in it.
pub fn directory(account: &Account) -> (TempDir, PathBuf) {
    let fits = |path: &Path| {
        // The address of a Unix socket has 108 octets, and Dovecot's own names need about 50.
        path.as_os_str().len() <= 40
            && (!account.drop
                || path.ancestors().all(|part| {
                    fs::metadata(part).is_ok_and(|meta| meta.permissions().mode() & 0o001 != 0)
                }))
    };
    let base = [std::env::temp_dir(), PathBuf::from("/tmp"), PathBuf::from("/var/tmp")]
        .into_iter()
        .find(|path| fits(path))
        .expect("a temporary directory that every account can reach");
    let temporary =
        tempfile::Builder::new().prefix("mailferry-").tempdir_in(base).expect("a directory");
    let dir = temporary.path().to_owned();
    account.own(&dir);
    (temporary, dir)
}
