//! The tenant of Microsoft 365 in a rehearsal: tokens and Graph.

use crate::desired::Desired;
use crate::microsoft365::{GRAPH, LOGIN};
use crate::ports::clock::Clock;
use crate::rehearse::directions::made_up;
use crate::rehearse::stage::Player;
use crate::simulate::web::{App, DirectoryDomain, Door, Tenant, WebFault, WebMischief};
use crate::simulate::{Authority, Listener, Service};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::Arc;
use std::time::Duration;

/// The port of HTTPS, where both hosts are.
const PORT: u16 = 443;

/// How long a token lives: short, so that it is renewed within a command. Microsoft's live for an
/// hour or so.
const LIFE: Duration = Duration::from_secs(8);

/// A tenant with its door.
#[derive(Debug)]
pub(crate) struct Directory {
    tenant: Tenant,
    door: Listener,
    name: String,
    faults: usize,
}

impl Directory {
    /// Makes the tenant that the migration plan names, with its app and its domains; `None` where
    /// it names none.
    pub(crate) async fn start(
        desired: &Desired,
        players: &[Player],
        exchange: &Service,
        authority: &Authority,
        clock: Arc<dyn Clock>,
    ) -> io::Result<Option<Self>> {
        let Some(wanted) = &desired.microsoft365 else { return Ok(None) };
        let tenant = Tenant::new(&wanted.tenant, clock);
        tenant.set_exchange(exchange);
        tenant.set_life(LIFE);
        let mut app = App::new(&made_up(&wanted.secret));
        app.mailboxes = players.iter().map(|player| player.destination.clone()).collect();
        tenant.set_app(&wanted.client_id, app);
        let domains: BTreeSet<String> = players
            .iter()
            .map(|player| player.mailbox.destination.domain().as_str().to_owned())
            .chain(desired.zones.keys().map(|zone| zone.as_str().to_owned()))
            .collect();
        for domain in domains {
            tenant.set_domain(&domain, DirectoryDomain::new(&domain, true));
        }
        let door = Listener::start(&tenant, authority).await?;
        Ok(Some(Self { tenant, door, name: wanted.tenant.clone(), faults: 0 }))
    }

    /// Returns the hosts that it stands for.
    pub(crate) fn hosts() -> [String; 2] {
        [LOGIN.to_owned(), GRAPH.to_owned()]
    }

    /// Returns where the hosts lead to.
    pub(crate) fn routes(&self) -> BTreeMap<String, u16> {
        Self::hosts().map(|host| (format!("{host}:{PORT}"), self.door.port())).into()
    }

    /// Returns what stands for what.
    pub(crate) fn cast(&self) -> (String, String) {
        (
            format!("{LOGIN} and {GRAPH}"),
            format!(
                "the tenant {} on 127.0.0.1:{}, TLS; tokens live for {} s",
                self.name,
                self.door.port(),
                LIFE.as_secs()
            ),
        )
    }

    /// Lets requests go wrong.
    pub(crate) fn trouble(&mut self, part: usize) {
        let faults = match part {
            0 => vec![
                (Door::Login, 1, WebMischief::CloseAfter),
                (Door::Graph, 1, WebMischief::Patience(429, Some("1".to_owned()))),
            ],
            1 => vec![(Door::Login, 1, WebMischief::Patience(503, None))],
            _ => vec![(Door::Graph, 1, WebMischief::Page(502))],
        };
        for (door, nth, what) in faults {
            self.tenant.add_fault(WebFault { door, nth, what });
            self.faults += 1;
        }
    }

    /// Counts what struck since the last time.
    pub(crate) fn struck(&mut self, counts: &mut BTreeMap<String, usize>) {
        let left = self.tenant.waiting().len();
        let struck = self.faults.saturating_sub(left);
        self.faults = left;
        if struck > 0 {
            let what = "tenant: requests are lost, put off, or answered by somebody in between";
            *counts.entry(what.to_owned()).or_default() += struck;
        }
    }

    /// Returns how many tokens were asked for.
    pub(crate) fn tokens(&self) -> usize {
        self.tenant.requests(Door::Login).len()
    }
}
