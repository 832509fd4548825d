//! The view of a zone from every server.

use super::answer::{self, Answer, judge, reading};
use super::ask::{Network, Patience, Server, absolute};
use super::discover::{Discovery, Found};
use crate::model::reading::{Failure, Reading};
use crate::model::records::RecordSet;
use crate::observed::{ZoneState, ZoneView};
use crate::ports::dns::{DnsView, Route, ZoneQuestion};
use futures_util::future::join_all;
use hickory_resolver::proto::rr::{Name, RData, RecordType};
use hickory_resolver::system_conf::read_system_conf;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// The port of DNS, RFC 1035 section 4.2.
const PORT: u16 = 53;

/// Reads zones over UDP and TCP; nothing is cached.
#[derive(Clone, Debug)]
pub struct HickoryView {
    port: u16,
    network: Network,
}

impl Default for HickoryView {
    /// Asks authoritative servers on port 53, each question twice, waiting 5 s each time as the
    /// resolvers of libc do.
    fn default() -> Self {
        let patience = Patience { timeout: Duration::from_secs(5), attempts: 2 };
        Self { port: PORT, network: Network { patience, route: None } }
    }
}

impl HickoryView {
    /// Sets the port of the authoritative servers that NS records lead to.
    #[must_use]
    pub fn with_port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// Sets how long one attempt waits.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.network.patience.timeout = timeout;
        self
    }

    /// Leads every question, to servers named and found, where the route says; nothing goes to the
    /// network, and the route's resolvers stand for those of the system.
    #[must_use]
    pub fn routed(mut self, route: Arc<dyn Route>) -> Self {
        self.network.route = Some(route);
        self
    }

    async fn authoritative(
        &self,
        question: &ZoneQuestion,
        zone: &Name,
        resolvers: &[SocketAddr],
    ) -> Reading<Found> {
        if question.servers.is_empty() {
            let resolvers = resolvers.to_vec();
            let network = self.network.clone();
            let discovery = Discovery { resolvers, port: self.port, network };
            return discovery.servers(zone).await;
        }
        let named = |address: &SocketAddr| (shown(*address), Reading::Present(*address));
        Reading::Present(question.servers.iter().map(named).collect())
    }

    async fn views(
        &self,
        servers: Found,
        recursive: bool,
        question: &ZoneQuestion,
        zone: &Name,
    ) -> BTreeMap<String, Reading<ZoneView>> {
        let views = servers.into_iter().map(|(label, address)| async move {
            let view = match address {
                Reading::Present(address) => {
                    let network = self.network.clone();
                    let server = Server { address, recursive, network };
                    view(&server, &label, question, zone).await
                }
                Reading::Absent => Reading::Absent,
                Reading::Unreadable(failure) => Reading::Unreadable(failure),
            };
            (label, view)
        });
        join_all(views).await.into_iter().collect()
    }
}

#[async_trait::async_trait]
impl DnsView for HickoryView {
    async fn zone(&self, question: &ZoneQuestion) -> Reading<ZoneState> {
        let zone = match absolute(question.zone.as_str()) {
            Ok(zone) => zone,
            Err(silence) => {
                let message = silence.to_string();
                return Reading::Unreadable(Failure { message, words: None, hint: None });
            }
        };
        let resolvers = resolvers(&question.resolvers, self.network.route.as_deref());
        let addresses: Vec<SocketAddr> =
            resolvers.values().filter_map(Reading::present).copied().collect();
        let (found, seen) = tokio::join!(
            self.authoritative(question, &zone, &addresses),
            self.views(resolvers, true, question, &zone)
        );
        let servers = match found {
            Reading::Present(servers) => servers,
            Reading::Absent => return Reading::Absent,
            Reading::Unreadable(failure) => return Reading::Unreadable(failure),
        };
        let authoritative = self.views(servers, false, question, &zone).await;
        // The views of authoritative servers are absent only on NXDOMAIN with AA.
        if !authoritative.is_empty() && authoritative.values().all(|view| *view == Reading::Absent)
        {
            return Reading::Absent;
        }
        Reading::Present(ZoneState { authoritative, resolvers: seen })
    }
}

/// Returns the resolvers to ask: those given, or those of the operating system or of what stands
/// for it.
fn resolvers(given: &[SocketAddr], route: Option<&dyn Route>) -> Found {
    let named = |address: SocketAddr| (shown(address), Reading::Present(address));
    if !given.is_empty() {
        return given.iter().copied().map(named).collect();
    }
    if let Some(route) = route {
        return route.resolvers().into_iter().map(named).collect();
    }
    let trouble = |message: String| {
        let hint = Some("Name resolvers in the migration plan.".to_owned());
        let failure = Failure { message, words: None, hint };
        Found::from([("the system's resolver".to_owned(), Reading::Unreadable(failure))])
    };
    let config = match read_system_conf() {
        Ok((config, _)) => config,
        Err(error) => {
            return trouble(format!("the resolvers of this machine could not be read: {error}"));
        }
    };
    let mut found = Found::new();
    for server in config.name_servers() {
        let port = server.connections.first().map_or(PORT, |connection| connection.port);
        found.extend([named(SocketAddr::new(server.ip, port))]);
    }
    if found.is_empty() {
        return trouble("this machine has no resolver".to_owned());
    }
    found
}

/// Shows an address, with its port only when it is not that of DNS.
fn shown(address: SocketAddr) -> String {
    if address.port() == PORT { address.ip().to_string() } else { address.to_string() }
}

/// Reads everything of interest from one server.
async fn view(
    server: &Server,
    label: &str,
    question: &ZoneQuestion,
    zone: &Name,
) -> Reading<ZoneView> {
    let role = if server.recursive { "resolver" } else { "name server" };
    let place = format!("at {role} {label}");
    // NS goes first: a server that does not answer for the zone itself is not asked further.
    let first = judge(server, server.ask(zone, RecordType::NS).await);
    let what = |kind: &str, name: &str| format!("{kind} of {name} {place}");
    match first {
        Answer::NoName => return Reading::Absent,
        Answer::Trouble(trouble) => {
            let message = format!("zone {} {place}", question.zone);
            return Reading::Unreadable(trouble.failure(&message));
        }
        Answer::Records(_) => {}
    }
    let apex = question.zone.as_str();
    let ns = reading(&what("NS", apex), first, zone, RecordType::NS, answer::ns);
    let cnames = question.cnames.iter().map(|full| async {
        let records =
            ask(server, &what("CNAME", full), full, RecordType::CNAME, answer::cname).await;
        (full.clone(), records)
    });
    let (mx, txt, cnames) = tokio::join!(
        ask(server, what("MX", apex), apex, RecordType::MX, answer::mx),
        ask(server, what("TXT", apex), apex, RecordType::TXT, answer::txt),
        join_all(cnames)
    );
    let cname = cnames.into_iter().collect();
    Reading::Present(ZoneView { mx, ns, txt, cname })
}

async fn ask<T: Ord>(
    server: &Server,
    what: impl AsRef<str>,
    name: &str,
    kind: RecordType,
    pick: impl Fn(&RData) -> Option<T>,
) -> Reading<RecordSet<T>> {
    match absolute(name) {
        Ok(name) => {
            let answer = judge(server, server.ask(&name, kind).await);
            reading(what.as_ref(), answer, &name, kind, pick)
        }
        Err(silence) => {
            let message = silence.to_string();
            Reading::Unreadable(Failure { message, words: None, hint: None })
        }
    }
}
