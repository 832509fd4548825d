//! A tenant with its tokens and its directory, and the name servers of a domain whose mail is about
//! to move there: what a seed makes of them.

use crate::life::Life;
use crate::world::PASSWORD;
use fastrand::Rng;
use mailferry::microsoft365::{GRAPH, LOGIN};
use mailferry::model::reading::{Failure, Reading};
use mailferry::model::records::{Mx, RecordSet};
use mailferry::observed::{ZoneState, ZoneView};
use mailferry::ports::dns::{DnsView, ZoneQuestion};
use mailferry::simulate::web::{App, DirectoryDomain, Door, Tenant, WebFault, WebMischief};
use mailferry::simulate::{Authority, Service, TokioClock};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

pub(crate) const TENANT: &str = "acme.onmicrosoft.com";
pub(crate) const APP: &str = "8d3ba5c1-3f4e-4c55-9d0b-0c1d2e3f4a5b";

const OLD_MX: &str = "mx1.emailsrvr.com";
pub(crate) const NEW_MX: &str = "acme-example.mail.protection.outlook.com";

/// A tenant, where the destination has one, and the zone.
#[derive(Clone, Debug)]
pub(crate) struct Cloud {
    pub(crate) tenant: Option<Tenant>,
    pub(crate) zone: Arc<Zone>,
    rng: Rng,
    /// Faults since they were counted last.
    added: Vec<WebFault>,
}

/// Its certificates are made once: they decide nothing.
pub(crate) fn authority() -> &'static Authority {
    static ONE: OnceLock<Authority> = OnceLock::new();
    ONE.get_or_init(|| {
        Authority::for_hosts(&[LOGIN, GRAPH].map(ToOwned::to_owned)).expect("certificates")
    })
}

/// The tenant that an Exchange belongs to.
pub(crate) fn tenant(clock: TokioClock, exchange: &Service, users: &[String]) -> Tenant {
    let tenant = Tenant::new(TENANT, Arc::new(clock));
    tenant.set_exchange(exchange);
    tenant.set_domain("acme.example", DirectoryDomain::new("acme.example", true));
    let mut app = App::new(PASSWORD);
    app.mailboxes.extend(users.iter().cloned());
    tenant.set_app(APP, app);
    tenant
}

impl Cloud {
    pub(crate) fn new(rng: Rng, tenant: Option<Tenant>) -> Self {
        Self { tenant, zone: Arc::default(), rng, added: Vec::new() }
    }

    /// Draws what goes wrong until further notice.
    pub(crate) fn trouble(&mut self) {
        let rng = &mut self.rng;
        self.zone.trouble(rng);
        let Some(tenant) = &self.tenant else { return };
        tenant.set_life(Duration::from_secs([40, 90, 300, 3_599][rng.usize(0..4)]));
        for _ in 0..rng.usize(0..5) {
            let door = if rng.u8(0..3) == 0 { Door::Graph } else { Door::Login };
            let wait = rng.bool().then(|| rng.u64(1..90).to_string());
            let what = match rng.u8(0..8) {
                0 | 1 => WebMischief::Patience(429, wait),
                2 => WebMischief::Patience(503, wait),
                3 => WebMischief::CloseBefore,
                4 => WebMischief::CloseAfter,
                5 => WebMischief::CloseWithin,
                6 => WebMischief::Delay(Duration::from_secs(rng.u64(1..150))),
                _ => WebMischief::Page([200, 403, 502][rng.usize(0..3)]),
            };
            let fault = WebFault { door, nth: rng.u64(1..5), what };
            tenant.add_fault(fault.clone());
            self.added.push(fault);
        }
    }

    /// Draws what happens in the middle of a life.
    pub(crate) fn happenings(&mut self, life: &Life, steps: u64) {
        let rng = &mut self.rng;
        if let Some(tenant) = self.tenant.clone()
            && rng.u8(0..3) == 0
        {
            let revoke = move || tenant.revoke_tokens();
            life.happens(rng.u64(0..steps), Box::new(revoke));
        }
        if rng.u8(0..4) == 0 {
            let (zone, lags) = (Arc::clone(&self.zone), rng.bool());
            life.happens(rng.u64(0..steps), Box::new(move || zone.moves(lags)));
        }
    }

    /// Days pass: the MX moves, or it moves back.
    pub(crate) fn live(&mut self) {
        if self.rng.u8(0..4) == 0 {
            self.zone.moves(self.rng.bool());
        }
    }

    /// Returns the faults that struck since it was asked last, by kind, and takes the others back.
    pub(crate) fn struck(&mut self) -> Vec<String> {
        let waiting = self.tenant.iter().flat_map(Tenant::take_faults);
        let mut struck = std::mem::take(&mut self.added);
        for fault in waiting {
            if let Some(place) = struck.iter().position(|one| *one == fault) {
                struck.swap_remove(place);
            }
        }
        let kind = |fault: WebFault| {
            let what = match fault.what {
                WebMischief::Patience(status, _) | WebMischief::Page(status) => status.to_string(),
                _ => String::new(),
            };
            let word = format!("{:?}", fault.what);
            let word = word.split(['(', ' ']).next().unwrap_or_default().to_owned();
            format!("{:?} {word} {what}", fault.door).trim_end().to_owned()
        };
        struck.into_iter().map(kind).collect()
    }

    pub(crate) fn peace(&mut self) {
        self.struck();
        if let Some(tenant) = &self.tenant {
            tenant.set_life(Duration::from_secs(3_599));
        }
        self.zone.peace();
    }
}

/// How a name server answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Manner {
    #[default]
    Answers,
    Silent,
    /// It answers, and not about MX.
    Refuses,
}

#[derive(Clone, Copy, Debug, Default)]
struct Server {
    /// It has the records that are there since the MX moved.
    new: bool,
    manner: Manner,
}

#[derive(Debug, Default)]
struct Records {
    moved: bool,
    servers: [Server; 2],
    /// How often anything changed.
    changes: u64,
    /// Answers in which not every server had the old MX.
    doubtful: u64,
    moves: u64,
    /// Whether mail arrived at the source each time that this life of the program asked.
    asked: Vec<bool>,
    /// How many of these questions led to its plan.
    for_the_plan: usize,
    /// What it goes on telling.
    frozen: Option<[Server; 2]>,
}

/// Two name servers of one zone.
#[derive(Debug, Default)]
pub(crate) struct Zone(Mutex<Records>);

/// What the name servers say, and how often that changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Flow {
    pub(crate) at_source: bool,
    pub(crate) changes: u64,
}

impl Zone {
    fn with<T>(&self, change: impl FnOnce(&mut Records) -> T) -> T {
        change(&mut self.0.lock().expect("one thread"))
    }

    /// A life of the program begins.
    pub(crate) fn begins(&self) {
        self.with(|zone| {
            zone.asked.clear();
            zone.for_the_plan = 0;
            zone.frozen = None;
        });
    }

    /// The program has its plan; if `frozen`, it is told from now on what it was told for it.
    pub(crate) fn planned(&self, frozen: bool) {
        self.with(|zone| {
            zone.for_the_plan = zone.asked.len();
            zone.frozen = frozen.then_some(zone.servers);
        });
    }

    /// How often the program asked again after its plan and was told that mail arrives at the
    /// source.
    pub(crate) fn looks(&self) -> usize {
        self.with(|zone| zone.asked[zone.for_the_plan..].iter().filter(|it| **it).count())
    }

    pub(crate) fn has_moved(&self) -> bool {
        self.with(|zone| zone.moved)
    }

    /// Mail arrives at the source again, and every server says so.
    pub(crate) fn returns(&self) {
        self.with(|zone| {
            zone.moves += u64::from(zone.moved);
            zone.moved = false;
            zone.changes += 1;
            zone.servers = [Server::default(); 2];
        });
    }

    /// The MX moves to the tenant, or back; the second server may lag.
    pub(crate) fn moves(&self, lags: bool) {
        self.with(|zone| {
            zone.moved = !zone.moved;
            zone.moves += 1;
            zone.changes += 1;
            let moved = zone.moved;
            let [first, second] = &mut zone.servers;
            // Who lags still has what was there before.
            *first = Server { new: moved, ..*first };
            *second = Server { new: moved != lags, ..*second };
        });
    }

    fn trouble(&self, rng: &mut Rng) {
        let manners = [Manner::Answers, Manner::Answers, Manner::Silent, Manner::Refuses];
        self.with(|zone| {
            zone.changes += 1;
            let moved = zone.moved;
            for server in &mut zone.servers {
                let catches_up = rng.bool();
                let manner = if rng.bool() { Manner::Answers } else { manners[rng.usize(0..4)] };
                *server = Server { new: if catches_up { moved } else { server.new }, manner };
            }
        });
    }

    fn peace(&self) {
        self.with(|zone| {
            zone.changes += 1;
            zone.servers = [Server { new: zone.moved, manner: Manner::Answers }; 2];
        });
    }

    pub(crate) fn flow(&self) -> Flow {
        self.with(|zone| {
            let old = |server: &Server| !server.new && server.manner == Manner::Answers;
            Flow { at_source: zone.servers.iter().all(old), changes: zone.changes }
        })
    }

    /// How often the MX moved, and how often an answer was not one of the old MX alone.
    pub(crate) fn met(&self) -> (u64, u64) {
        self.with(|zone| (zone.moves, zone.doubtful))
    }
}

fn view(server: Server) -> Reading<ZoneView> {
    let trouble = |words: &str| Failure {
        message: "the name server does not answer".to_owned(),
        words: Some(words.to_owned()),
        hint: None,
    };
    if server.manner == Manner::Silent {
        return Reading::Unreadable(trouble("timed out"));
    }
    let host = if server.new { NEW_MX } else { OLD_MX }.to_owned();
    let records = BTreeSet::from([Mx { preference: 10, host }]);
    Reading::Present(ZoneView {
        mx: match server.manner {
            Manner::Refuses => Reading::Unreadable(trouble("SERVFAIL")),
            _ => Reading::Present(RecordSet { ttl: 300, records }),
        },
        ns: Reading::Absent,
        txt: Reading::Absent,
        cname: BTreeMap::new(),
    })
}

#[async_trait::async_trait]
impl DnsView for Zone {
    async fn zone(&self, _: &ZoneQuestion) -> Reading<ZoneState> {
        let doubtful = !self.flow().at_source;
        let servers = self.with(|zone| {
            zone.doubtful += u64::from(doubtful);
            zone.asked.push(!doubtful);
            zone.frozen.unwrap_or(zone.servers)
        });
        let named = ["ns1.acme.example", "ns2.acme.example"].into_iter().zip(servers);
        let views = named.map(|(name, server)| (name.to_owned(), view(server)));
        Reading::Present(ZoneState { authoritative: views.collect(), resolvers: BTreeMap::new() })
    }
}
