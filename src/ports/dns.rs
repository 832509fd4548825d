//! A look at DNS.

use crate::model::address::Domain;
use crate::model::reading::Reading;
use crate::observed::ZoneState;
use std::net::SocketAddr;

/// Which servers to ask about a zone, and for which names.
#[derive(Clone, Debug)]
pub struct ZoneQuestion {
    /// The zone.
    pub zone: Domain,
    /// Full names whose CNAME is of interest.
    pub cnames: Vec<String>,
    /// Authoritative servers; found by NS through the resolvers when empty.
    pub servers: Vec<SocketAddr>,
    /// Recursive resolvers; the system's when empty.
    pub resolvers: Vec<SocketAddr>,
}

/// Stands for the network: where the addresses of name servers and resolvers lead to.
pub trait Route: Send + Sync + std::fmt::Debug {
    /// Returns where an address leads to; none when nobody is there.
    fn route(&self, to: SocketAddr) -> Option<SocketAddr>;

    /// Returns the addresses of the resolvers that stand for the operating system's.
    fn resolvers(&self) -> Vec<SocketAddr>;
}

/// Reads zones. It cannot write.
#[async_trait::async_trait]
pub trait DnsView: Send + Sync + std::fmt::Debug {
    /// Asks every authoritative server directly, and the resolvers.
    ///
    /// `Absent` only on an authoritative NXDOMAIN for the zone's own name.
    async fn zone(&self, question: &ZoneQuestion) -> Reading<ZoneState>;
}
