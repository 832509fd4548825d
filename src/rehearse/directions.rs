//! What a command has to know to meet simulated services in place of the migration plan's.

use crate::clock::SystemClock;
use crate::desired::{Acknowledgement, Desired, SecretRef};
use crate::error::{Error, ErrorKind, Result};
use crate::imap::{BoxStream, Dial, Dialled, ImapError, Timeouts};
use crate::model::address::Address;
use crate::model::digest::Digest;
use crate::model::hours::Pacing;
use crate::model::position::Position;
use crate::model::server::{Endpoint, TlsMode};
use crate::ports::clock::Clock;
use crate::ports::dns::Route;
use crate::ports::secrets::Secrets;
use crate::rehearse::fault::unwritten;
use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;

/// The only version of the file.
const VERSION: &str = "1.0";

/// The file that `rehearse` writes and `--rehearsal` names. It holds nothing of value: passwords
/// are derived from the references to them, and the key of the authority is forgotten.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Directions {
    /// `1.0`.
    pub format_version: String,
    /// Host and port as the migration plan names them, and the port on 127.0.0.1 instead.
    pub routes: BTreeMap<String, u16>,
    /// Where DNS questions go: address and port as anybody names them, and the port on 127.0.0.1.
    #[serde(default)]
    pub dns: BTreeMap<SocketAddr, u16>,
    /// The resolvers that are asked when the migration plan names none, as `dns` knows them.
    #[serde(default)]
    pub resolvers: Vec<SocketAddr>,
    /// The authority that signed the certificates of the simulated servers, PEM.
    pub ca: PathBuf,
    /// Milliseconds by which the clock of the rehearsal is ahead of the system's.
    pub ahead: i64,
    /// The mailboxes that are played, by their address in the migration plan.
    pub mailboxes: BTreeSet<Address>,
    /// Guards that the rehearsal acknowledges in the place of a person: code, object, digest.
    pub acknowledged: Vec<(String, String, String)>,
}

impl Directions {
    /// Makes directions that lead nowhere yet.
    pub fn new(ca: PathBuf, mailboxes: BTreeSet<Address>) -> Self {
        Self {
            format_version: VERSION.to_owned(),
            routes: BTreeMap::new(),
            dns: BTreeMap::new(),
            resolvers: Vec::new(),
            ca,
            ahead: 0,
            mailboxes,
            acknowledged: Vec::new(),
        }
    }

    /// Reads the file.
    pub fn read(path: &Path) -> Result<Self> {
        let wrong = |why: String| {
            Error::new(
                ErrorKind::Failed,
                "E320",
                format!("{} are no directions of a rehearsal: {why}", path.display()),
            )
            .hint("Name the file that `mailferry rehearse PLAN --keep` shows, while it runs.")
        };
        let text = std::fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
        let directions: Self =
            serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))?;
        if directions.format_version != VERSION {
            return Err(wrong(format!("their version is {}", directions.format_version)));
        }
        Ok(directions)
    }

    /// Writes the file, whole or not at all.
    pub fn write(&self, path: &Path) -> Result<()> {
        let failed = |error: io::Error| unwritten(path, &error);
        let text = serde_json::to_string_pretty(self).map_err(io::Error::other).map_err(failed)?;
        let beside = path.with_extension("new");
        std::fs::write(&beside, text).map_err(failed)?;
        std::fs::rename(&beside, path).map_err(failed)
    }

    /// Turns what is wanted into what is wanted of the simulated services: other authorities, some
    /// mailboxes only, and no limits of speed and hours. It is another document, so that a plan that
    /// was saved here approves nothing at the real servers.
    ///
    /// # Errors
    /// When none of its mailboxes is played: the directions belong to another migration plan.
    pub fn dress(&self, mut desired: Desired) -> Result<Desired> {
        desired.document = Digest::of(format!("rehearsal of {}", desired.document).as_bytes());
        for side in [&mut desired.source, &mut desired.destination] {
            if side.endpoint.tls != TlsMode::None {
                side.endpoint.ca = Some(self.ca.clone());
            }
        }
        if let Some(app) = &mut desired.microsoft365 {
            app.ca = Some(self.ca.clone());
        }
        desired.mailboxes.retain(|address, _| self.mailboxes.contains(address));
        if desired.mailboxes.is_empty() {
            return Err(Error::new(
                ErrorKind::Failed,
                "E320",
                format!("these directions of a rehearsal play no mailbox of {}", desired.name),
            )
            .hint("Name the migration plan that is rehearsed there."));
        }
        desired.pacing = Pacing::default();
        let position = Position { file: "the rehearsal".to_owned(), line: 1, column: 1 };
        desired.acknowledged.extend(self.acknowledged.iter().map(|(code, object, digest)| {
            Acknowledgement {
                code: code.clone(),
                object: object.clone(),
                digest: digest.clone(),
                position: position.clone(),
            }
        }));
        Ok(desired)
    }

    /// Returns the way to the simulated services, and to nobody else.
    pub fn dial(&self) -> Arc<dyn Dial> {
        Arc::new(Routed(self.routes.clone()))
    }

    /// Returns the way to the simulated name servers and resolvers, and to no others.
    pub fn dns(&self) -> Arc<dyn Route> {
        Arc::new(RoutedDns { ports: self.dns.clone(), resolvers: self.resolvers.clone() })
    }

    /// Returns the clock of the rehearsal.
    pub fn clock(&self) -> Arc<dyn Clock> {
        Arc::new(Ahead(SignedDuration::from_millis(self.ahead)))
    }

    /// Returns the patience of a rehearsal: what takes minutes at a real server takes seconds.
    pub fn timeouts() -> Timeouts {
        Timeouts {
            connect: Duration::from_secs(10),
            greeting: Duration::from_secs(10),
            command: Duration::from_secs(20),
            literal: Duration::from_secs(20),
            append: Duration::from_secs(6),
            ..Timeouts::default()
        }
    }
}

/// A clock ahead of the system's.
#[derive(Clone, Copy, Debug)]
struct Ahead(SignedDuration);

impl Clock for Ahead {
    fn now(&self) -> Timestamp {
        SystemClock.now().checked_add(self.0).unwrap_or(Timestamp::MAX)
    }
}

/// Leads to ports on 127.0.0.1.
#[derive(Clone, Debug)]
struct Routed(BTreeMap<String, u16>);

impl Dial for Routed {
    fn dial<'a>(&'a self, endpoint: &'a Endpoint, limit: Duration) -> Dialled<'a> {
        Box::pin(async move {
            let failed = |error: io::Error| ImapError::Connect {
                endpoint: endpoint.clone(),
                source: Arc::new(error),
            };
            let Some(port) = self.0.get(&endpoint.to_string()) else {
                return Err(failed(io::Error::other("this server is not part of the rehearsal")));
            };
            let connecting = TcpStream::connect((Ipv4Addr::LOCALHOST, *port));
            let stream = tokio::time::timeout(limit, connecting)
                .await
                .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
                .map_err(failed)?;
            let _ = stream.set_nodelay(true);
            Ok(BoxStream::new(stream))
        })
    }
}

#[derive(Debug)]
struct RoutedDns {
    ports: BTreeMap<SocketAddr, u16>,
    resolvers: Vec<SocketAddr>,
}

impl Route for RoutedDns {
    fn route(&self, to: SocketAddr) -> Option<SocketAddr> {
        Some(SocketAddr::new(Ipv4Addr::LOCALHOST.into(), *self.ports.get(&to)?))
    }

    fn resolvers(&self) -> Vec<SocketAddr> {
        self.resolvers.clone()
    }
}

/// Returns the password that stands for a secret in a rehearsal. The secret itself is never read.
pub fn made_up(reference: &SecretRef) -> String {
    format!("made-up-{}", Digest::of(format!("{reference:?}").as_bytes()).short())
}

/// Gives made-up passwords, and only to servers of the rehearsal, because there is no way to others.
#[derive(Clone, Copy, Debug, Default)]
pub struct MadeUp;

#[async_trait::async_trait]
impl Secrets for MadeUp {
    async fn reveal(&self, reference: &SecretRef, _: &Endpoint) -> Result<SecretString> {
        Ok(made_up(reference).into())
    }
}
