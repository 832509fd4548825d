//! The simulated DNS of a rehearsal, and the person who changes records at the DNS host.

use crate::desired::Desired;
use crate::model::address::Domain;
use crate::model::records::Mx;
use crate::planner::plan::Records;
use crate::ports::clock::Clock;
use crate::ports::dns::Route as _;
use crate::simulate::Habits;
use crate::simulate::dns::{
    EditError, Internet, Key, NameServer, Primary, Resolver, Zone, ZoneEditor,
};
use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

/// The port of DNS.
const PORT: u16 = 53;

/// How far the second server of a zone is behind the first one. Registrars speak of minutes to
/// hours; a rehearsal's clock is moved past it.
pub(crate) const LAG: Duration = Duration::from_secs(10 * 60);

/// The TTL of MX records before anybody prepares a cutover: Rackspace's default, and Microsoft's.
const TTL: u32 = 3_600;

/// The TTL that a cutover is prepared with.
pub(crate) const SHORT: u32 = 300;

/// Zones with their servers, and resolvers.
#[derive(Debug)]
pub(crate) struct Network {
    internet: Internet,
    resolvers: Vec<Resolver>,
    hosts: BTreeMap<Domain, ZoneEditor>,
    addresses: Vec<SocketAddr>,
    /// The MX sets before the cutover.
    pub(crate) before: BTreeMap<Domain, Vec<Mx>>,
    /// What stands for what.
    pub(crate) cast: Vec<(String, String)>,
}

/// Where mail arrives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lands {
    Source,
    Destination,
    /// RFC 7505: the domain takes none.
    Nowhere,
}

fn other(error: impl std::fmt::Display) -> io::Error {
    io::Error::other(error.to_string())
}

impl Network {
    /// Serves the zones of a migration plan as they are while mail still goes to the source.
    pub(crate) async fn start(desired: &Desired, clock: Arc<dyn Clock>) -> io::Result<Self> {
        let internet = Internet::new(Arc::clone(&clock), Internet::usual_habits());
        let mut network = Self {
            internet,
            resolvers: Vec::new(),
            hosts: BTreeMap::new(),
            addresses: Vec::new(),
            before: BTreeMap::new(),
            cast: Vec::new(),
        };
        let mut servers: BTreeMap<SocketAddr, NameServer> = BTreeMap::new();
        let mut primaries = Vec::new();
        for (number, (domain, wanted)) in desired.zones.iter().enumerate() {
            let addresses = if wanted.servers.is_empty() {
                // The blocks for documentation, RFC 5737: nobody has these addresses.
                let last = u8::try_from(1 + 2 * (number % 120)).unwrap_or(1);
                [last, last + 1]
                    .map(|last| SocketAddr::new(Ipv4Addr::new(192, 0, 2, last).into(), PORT))
                    .to_vec()
            } else {
                wanted.servers.clone()
            };
            let (text, mx) = zone(domain, &desired.source.product, &addresses);
            let zone = Zone::parse(domain.as_str(), &text).map_err(other)?;
            let key = Key::new(&format!("rehearsal.{domain}."), domain.as_str().as_bytes())
                .map_err(other)?;
            let primary = Primary::new(zone, vec![key.clone()], Arc::clone(&clock));
            for (rank, address) in addresses.iter().enumerate() {
                let server = servers
                    .entry(*address)
                    .or_insert_with(|| network.internet.name_server(&address.to_string()));
                if rank == 0 {
                    server.hold(&primary);
                } else {
                    server.follow(&primary, LAG);
                }
            }
            network.before.insert(domain.clone(), mx);
            primaries.push((domain.clone(), addresses, key));
        }
        for (address, server) in &servers {
            network.internet.add_name_server(*address, server).await?;
            network.addresses.push(*address);
        }
        network.resolvers(desired).await?;
        for (domain, addresses, key) in primaries {
            let first = addresses
                .first()
                .copied()
                .unwrap_or(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), PORT));
            let Some(at) = network.internet.route(first) else { continue };
            let editor = ZoneEditor::new(at, Some(key), Arc::clone(&clock));
            network.hosts.insert(domain.clone(), editor);
            let places: Vec<String> = addresses.iter().map(ToString::to_string).collect();
            network.cast.push((
                format!("the zone {domain} ({})", places.join(", ")),
                format!(
                    "{} on 127.0.0.1, UPDATE with TSIG; all but the first are {} min behind",
                    if places.len() == 1 { "a name server" } else { "name servers" },
                    LAG.as_secs() / 60
                ),
            ));
        }
        Ok(network)
    }

    async fn resolvers(&mut self, desired: &Desired) -> io::Result<()> {
        if desired.zones.is_empty() {
            return Ok(());
        }
        let addresses = if desired.resolvers.is_empty() {
            [1, 2]
                .map(|last| SocketAddr::new(Ipv4Addr::new(198, 51, 100, last).into(), PORT))
                .to_vec()
        } else {
            desired.resolvers.clone()
        };
        for address in addresses {
            let resolver = self.internet.resolver();
            self.internet.add_resolver(address, &resolver).await?;
            self.resolvers.push(resolver);
            self.addresses.push(address);
        }
        self.cast.push((
            "recursive resolvers".to_owned(),
            format!("{} on 127.0.0.1, which keep what they hear for its TTL", self.resolvers.len()),
        ));
        Ok(())
    }

    /// Returns where addresses lead to.
    pub(crate) fn routes(&self) -> BTreeMap<SocketAddr, u16> {
        self.addresses
            .iter()
            .filter_map(|address| Some((*address, self.internet.route(*address)?.port())))
            .collect()
    }

    /// Returns the addresses of the resolvers.
    pub(crate) fn asked(&self) -> Vec<SocketAddr> {
        self.internet.resolvers()
    }

    /// Returns the habits of its servers; none where there is no zone.
    pub(crate) fn habits(&self) -> Habits {
        if self.hosts.is_empty() { Habits::new() } else { Internet::usual_habits() }
    }

    /// Does at the DNS host what a step for a person says.
    pub(crate) async fn change(&self, zone: &Domain, records: &Records) -> Result<(), EditError> {
        let Some(host) = self.hosts.get(zone) else { return Ok(()) };
        match records {
            Records::Mx { wanted, .. } => {
                let wanted: Vec<Mx> = wanted.iter().cloned().collect();
                host.replace_mx(zone, SHORT, &wanted).await
            }
            Records::Spf { now, wanted } => {
                let now: Vec<&str> = now.iter().map(String::as_str).collect();
                host.replace_txt(zone, &now, TTL, wanted).await
            }
            Records::Cname { name, wanted, .. } => {
                host.replace_cname(zone, name, TTL, wanted).await
            }
            Records::Untold => Ok(()),
        }
    }

    /// Lowers the TTL of the MX records and leaves them as they are.
    pub(crate) async fn shorten(&self) -> Result<(), EditError> {
        for (zone, mx) in &self.before {
            if let Some(host) = self.hosts.get(zone) {
                host.replace_mx(zone, SHORT, mx).await?;
            }
        }
        Ok(())
    }

    /// Tells where somebody who sends mail to a domain delivers it, by one of the resolvers.
    pub(crate) fn lands(&self, domain: &Domain, turn: usize) -> io::Result<Lands> {
        let Some(before) = self.before.get(domain) else { return Ok(Lands::Source) };
        let count = self.resolvers.len().max(1);
        let Some(resolver) = self.resolvers.get(turn % count) else { return Ok(Lands::Source) };
        let found = resolver.mail_exchangers(domain).map_err(other)?;
        Ok(match found.first() {
            Some(mx) if mx.host == "." => Lands::Nowhere,
            Some(mx) if before.iter().all(|old| old.host != mx.host) => Lands::Destination,
            _ => Lands::Source,
        })
    }
}

/// A zone file, and its MX records.
fn zone(domain: &Domain, product: &str, servers: &[SocketAddr]) -> (String, Vec<Mx>) {
    use std::fmt::Write as _;
    let rackspace = product == "rackspace-email";
    let mx = |preference, host: &str| Mx { preference, host: host.to_owned() };
    // Rackspace's own names are documented; those of another server are made up.
    let exchangers = if rackspace {
        vec![mx(10, "mx1.emailsrvr.com"), mx(20, "mx2.emailsrvr.com")]
    } else {
        vec![mx(10, &format!("mail.old-host.{domain}"))]
    };
    let mut text = format!(
        "@ 3600 IN SOA ns1.{domain}. hostmaster.{domain}. 2026010101 3600 600 1209600 300\n"
    );
    for (number, server) in servers.iter().enumerate() {
        let name = format!("ns{}.{domain}.", number + 1);
        let kind = if server.is_ipv4() { "A" } else { "AAAA" };
        let _ = writeln!(text, "@ 3600 IN NS {name}");
        let _ = writeln!(text, "{name} 3600 IN {kind} {}", server.ip());
    }
    for one in &exchangers {
        let _ = writeln!(text, "@ {TTL} IN MX {} {}.", one.preference, one.host);
    }
    let include = if rackspace { "include:emailsrvr.com" } else { "mx" };
    let _ = writeln!(text, "@ {TTL} IN TXT \"v=spf1 {include} ~all\"");
    let _ = writeln!(text, "@ {TTL} IN TXT \"somebody-else=verification\"");
    if rackspace {
        let _ = writeln!(text, "autodiscover {TTL} IN CNAME autodiscover.emailsrvr.com.");
    }
    (text, exchangers)
}
