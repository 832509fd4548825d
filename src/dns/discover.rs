//! Which servers are authoritative for a zone, and where they are.

use super::answer::{self, Answer, judge, reading};
use super::ask::{Network, Server, absolute};
use crate::model::reading::{Failure, Reading};
use futures_util::future::join_all;
use hickory_resolver::proto::rr::{Name, RecordType};
use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

/// Servers by the name to show, each with its address or the reason why it has none.
pub(super) type Found = BTreeMap<String, Reading<SocketAddr>>;

/// Finds servers through resolvers.
#[derive(Clone, Debug)]
pub(super) struct Discovery {
    /// Asked in this order until one answers.
    pub(super) resolvers: Vec<SocketAddr>,
    /// The port of authoritative servers.
    pub(super) port: u16,
    /// The way to all of them.
    pub(super) network: Network,
}

impl Discovery {
    /// Finds the servers that the NS records of the zone name.
    ///
    /// `Absent` when the servers of the zone above all say with authority that the name does not
    /// exist.
    pub(super) async fn servers(&self, zone: &Name) -> Reading<Found> {
        let zone_name = answer::host(zone);
        match self.name_servers(zone).await {
            Reading::Present(hosts) => Reading::Present(self.addresses(hosts).await),
            Reading::Unreadable(failure) => Reading::Unreadable(failure),
            Reading::Absent => match self.denied_above(zone).await {
                Some(Ok(())) => Reading::Absent,
                Some(Err(failure)) => Reading::Unreadable(failure),
                None => Reading::Unreadable(Failure {
                    message: format!("{zone_name} has no NS records, so it is not a zone"),
                    words: None,
                    hint: Some(format!(
                        "Name the zone that {zone_name} belongs to, or its servers in `servers`."
                    )),
                }),
            },
        }
    }

    /// Asks the resolvers, one after the other, for the NS records of a name.
    async fn name_servers(&self, name: &Name) -> Reading<BTreeSet<String>> {
        match self.resolve(name, RecordType::NS, answer::ns).await {
            Reading::Present(hosts) => Reading::Present(hosts),
            Reading::Absent => Reading::Absent,
            Reading::Unreadable(failure) => Reading::Unreadable(failure),
        }
    }

    async fn resolve<T: Ord>(
        &self,
        name: &Name,
        kind: RecordType,
        pick: impl Fn(&hickory_resolver::proto::rr::RData) -> Option<T>,
    ) -> Reading<BTreeSet<T>> {
        let what = format!("{kind} of {}", answer::host(name));
        let mut last = Failure {
            message: format!("{what} could not be read: no resolver is known"),
            words: None,
            hint: Some("Name resolvers in the migration plan.".to_owned()),
        };
        for address in &self.resolvers {
            let server =
                Server { address: *address, recursive: true, network: self.network.clone() };
            let answer = judge(&server, server.ask(name, kind).await);
            let what = format!("{what} at resolver {address}");
            match reading(&what, answer, name, kind, &pick) {
                Reading::Present(set) => return Reading::Present(set.records),
                Reading::Absent => return Reading::Absent,
                Reading::Unreadable(failure) => last = failure,
            }
        }
        Reading::Unreadable(last)
    }

    /// Asks the servers of the nearest zone above whether the name exists: `None` when it does,
    /// `Ok` when all of them deny it with authority.
    async fn denied_above(&self, zone: &Name) -> Option<Result<(), Failure>> {
        let mut above = zone.base_name();
        let hosts = loop {
            match self.name_servers(&above).await {
                Reading::Present(hosts) => break hosts,
                Reading::Unreadable(failure) => return Some(Err(failure)),
                Reading::Absent if above.is_root() => {
                    return Some(Err(Failure {
                        message: "the resolvers know no NS records of the root".to_owned(),
                        words: None,
                        hint: Some("Name other resolvers.".to_owned()),
                    }));
                }
                Reading::Absent => above = above.base_name(),
            }
        };
        let mut denied = false;
        let mut failed = None;
        for (name, address) in self.addresses(hosts).await {
            let address = match address {
                Reading::Present(address) => address,
                Reading::Absent => continue,
                Reading::Unreadable(failure) => {
                    failed = Some(failure);
                    continue;
                }
            };
            let server = Server { address, recursive: false, network: self.network.clone() };
            match judge(&server, server.ask(zone, RecordType::NS).await) {
                Answer::NoName => denied = true,
                Answer::Records(_) => return None,
                Answer::Trouble(trouble) => {
                    let what = format!("NS of {} at name server {name}", answer::host(zone));
                    failed = Some(trouble.failure(&what));
                }
            }
        }
        match failed {
            Some(failure) => Some(Err(failure)),
            None => denied.then_some(Ok(())),
        }
    }

    /// Finds the addresses of all hosts, A and AAAA.
    async fn addresses(&self, hosts: BTreeSet<String>) -> Found {
        let found = join_all(hosts.iter().map(|host| self.addresses_of(host))).await;
        found.into_iter().flatten().collect()
    }

    async fn addresses_of(&self, host: &str) -> Found {
        let mut found = Found::new();
        let name = match absolute(host) {
            Ok(name) => name,
            Err(silence) => {
                let failure = Failure { message: silence.to_string(), words: None, hint: None };
                found.insert(host.to_owned(), Reading::Unreadable(failure));
                return found;
            }
        };
        let (v4, v6) = tokio::join!(
            self.resolve(&name, RecordType::A, answer::ip),
            self.resolve(&name, RecordType::AAAA, answer::ip)
        );
        let mut unroutable = Vec::new();
        for (kind, reading) in [("A", v4), ("AAAA", v6)] {
            match reading {
                Reading::Present(addresses) => {
                    for ip in addresses {
                        if self.network.route.is_some() || routable(ip) {
                            let address = SocketAddr::new(ip, self.port);
                            found.insert(format!("{host} ({ip})"), Reading::Present(address));
                        } else {
                            unroutable.push(ip);
                        }
                    }
                }
                Reading::Absent => {}
                Reading::Unreadable(failure) => {
                    found.insert(format!("{host} ({kind})"), Reading::Unreadable(failure));
                }
            }
        }
        // One host has one zone: where its other address answers, nothing is missed.
        if found.is_empty() {
            let message = if unroutable.is_empty() {
                format!("name server {host} has no address")
            } else {
                format!("name server {host} cannot be reached: this machine has no route to it")
            };
            let hint = Some("Correct the NS records, or name `servers`.".to_owned());
            let failure = Failure { message, words: None, hint };
            found.insert(host.to_owned(), Reading::Unreadable(failure));
        }
        found
    }
}

/// Returns false when this machine certainly has no way to the address, as one without IPv6.
/// Nothing is sent: connecting a UDP socket only looks into the routing table.
fn routable(ip: IpAddr) -> bool {
    let any = match ip {
        IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    };
    let looked = UdpSocket::bind((any, 0)).and_then(|socket| socket.connect((ip, 53)));
    let no_way = [
        ErrorKind::NetworkUnreachable,
        ErrorKind::HostUnreachable,
        ErrorKind::AddrNotAvailable,
        ErrorKind::Unsupported,
    ];
    !looked.is_err_and(|error| no_way.contains(&error.kind()))
}
