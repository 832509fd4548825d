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

/// What a server says of itself in answer to ID, RFC 2971.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The value of `name`, for example `Dovecot`.
    pub name: String,
    /// The value of `version`, when it tells one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
}

/// What a destination told about itself besides its capabilities.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// `None` when it does not answer ID, or tells no name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<Identity>,
    /// Octets of the largest message for the INBOX, RFC 7889 section 4, where the limit is not
    /// the same for every mailbox; else CAPABILITY has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub append_limit: Option<u64>,
}
