//! A server to talk to, without any secret.

use serde::{Deserialize, Serialize};
use std::fmt;

/// How a connection to a mail server is protected.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum TlsMode {
    /// TLS from the first octet, usually port 993.
    Implicit,
    /// The connection starts in the clear and is switched before the sign-in, usually port 143.
    Starttls,
    /// No TLS: refused unless the host is a loopback address.
    None,
}

/// Where a mail server listens and how its certificate is verified.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Endpoint {
    /// A host name or an IP address; the certificate must be for it.
    pub host: String,
    /// The TCP port.
    pub port: u16,
    /// How the connection is protected.
    pub tls: TlsMode,
    /// PEM file with the private CA, as an absolute path; the system's trust store otherwise.
    pub ca: Option<std::path::PathBuf>,
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            return write!(f, "[{}]:{}", self.host, self.port);
        }
        write!(f, "{}:{}", self.host, self.port)
    }
}
