//! A simulated Rackspace, a simulated tenant with its Exchange, and the program between them.

use mailferry::accounts::Accounts;
use mailferry::copy::desk::{Desk, Policy};
use mailferry::copy::progress::MailboxProgress;
use mailferry::desired::{Desired, SecretRef};
use mailferry::document;
use mailferry::error::Result;
use mailferry::executor::event::{Event, Listener};
use mailferry::executor::owner::Held;
use mailferry::executor::report::RunReport;
use mailferry::executor::run::Run;
use mailferry::http::{Client, Limits, Patient};
use mailferry::imap::{BoxStream, Dial, Dialled, ImapError, Timeouts};
use mailferry::ledger::SqliteLedger;
use mailferry::microsoft365::{AppTokens, GRAPH, GraphDirectory, LOGIN, Resource};
use mailferry::model::address::{Address, Domain};
use mailferry::model::reading::Reading;
use mailferry::model::sampling::Sampling;
use mailferry::model::server::Endpoint;
use mailferry::observe::{self, Eyes};
use mailferry::observed::ZoneState;
use mailferry::planner;
use mailferry::planner::approval::approve;
use mailferry::planner::plan::Plan;
use mailferry::ports::clock::Clock;
use mailferry::ports::directory::Directory;
use mailferry::ports::dns::{DnsView, ZoneQuestion};
use mailferry::ports::ledger::Ledger;
use mailferry::ports::secrets::Secrets;
use mailferry::ports::tokens::Tokens;
use mailferry::simulate::web::{App, DirectoryDomain, Door, Tenant};
use mailferry::simulate::{Authority, Delivery, Product, Service, TokioClock};
use mailferry::verify::evidence::Evidence;
use secrecy::SecretString;
use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

pub(crate) const ADA: &str = "ada@acme.example";
pub(crate) const BOB: &str = "bob@acme.example";
pub(crate) const TENANT: &str = "acme.onmicrosoft.com";
pub(crate) const APP: &str = "8d3ba5c1-3f4e-4c55-9d0b-0c1d2e3f4a5b";
pub(crate) const APP_SECRET: &str = "the secret & the app";
pub(crate) const PASSWORD: &str = "pw";

/// Leads host names to what stands for them, with real TLS.
#[derive(Clone)]
pub(crate) struct Network {
    source: Service,
    exchange: Service,
    tenant: Tenant,
    authority: Arc<Authority>,
}

impl std::fmt::Debug for Network {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Network")
    }
}

impl Dial for Network {
    fn dial<'a>(&'a self, endpoint: &'a Endpoint, _: Duration) -> Dialled<'a> {
        Box::pin(async move {
            let host = endpoint.host.as_str();
            if host == "localhost" {
                return Ok(BoxStream::new(self.source.connect()));
            }
            if ![LOGIN, GRAPH, "outlook.office365.com"].contains(&host) {
                let source = Arc::new(io::ErrorKind::ConnectionRefused.into());
                return Err(ImapError::Connect { endpoint: endpoint.clone(), source });
            }
            let (client, server) = tokio::io::duplex(64 * 1024);
            let (acceptor, exchange, tenant) =
                (self.authority.acceptor(), self.exchange.clone(), self.tenant.clone());
            let web = host != "outlook.office365.com";
            tokio::spawn(async move {
                let Ok(stream) = acceptor.accept(server).await else { return };
                if web {
                    tenant.serve(stream).await;
                } else {
                    exchange.serve(stream).await;
                }
            });
            Ok(BoxStream::new(client))
        })
    }
}

/// Reveals what the plan names, and notes to whom.
#[derive(Debug, Default)]
pub(crate) struct Vault {
    pub(crate) app: Mutex<String>,
    pub(crate) told: Mutex<Vec<(String, String)>>,
}

#[async_trait::async_trait]
impl Secrets for Vault {
    async fn reveal(&self, reference: &SecretRef, endpoint: &Endpoint) -> Result<SecretString> {
        let SecretRef::Env(name) = reference else { panic!("{reference:?}") };
        self.told.lock().unwrap().push((name.clone(), endpoint.host.clone()));
        Ok(if name == "APP_SECRET" {
            self.app.lock().unwrap().as_str().into()
        } else {
            PASSWORD.into()
        })
    }
}

/// Answers as it is told.
#[derive(Debug, Default)]
pub(crate) struct Zones(pub(crate) Mutex<BTreeMap<Domain, ZoneState>>);

#[async_trait::async_trait]
impl DnsView for Zones {
    async fn zone(&self, question: &ZoneQuestion) -> Reading<ZoneState> {
        let zones = self.0.lock().unwrap();
        zones.get(&question.zone).cloned().map_or(Reading::Absent, Reading::Present)
    }
}

/// Keeps what is told.
#[derive(Debug, Default)]
pub(crate) struct Told(pub(crate) Mutex<Vec<Event>>);

impl Listener for Told {
    fn event(&self, event: &Event) {
        self.0.lock().unwrap().push(event.clone());
    }
}

impl Told {
    pub(crate) fn notices(&self) -> Vec<String> {
        let told = self.0.lock().unwrap();
        let notice = |event: &Event| match event {
            Event::Notice { message } => Some(message.clone()),
            _ => None,
        };
        told.iter().filter_map(notice).collect()
    }
}

pub(crate) struct World {
    pub(crate) clock: Arc<TokioClock>,
    pub(crate) source: Service,
    pub(crate) exchange: Service,
    pub(crate) tenant: Tenant,
    pub(crate) network: Network,
    pub(crate) vault: Arc<Vault>,
    pub(crate) zones: Arc<Zones>,
    pub(crate) told: Arc<Told>,
    pub(crate) desired: Desired,
    pub(crate) ledger: Arc<SqliteLedger>,
    _dir: TempDir,
}

impl World {
    /// A tenant that is set up well, with Ada and Bob, and a source without mail. `more` are further
    /// lines of the migration plan.
    pub(crate) fn new(more: &str) -> Self {
        let start = "2026-03-01T12:00:00Z".parse().unwrap();
        let clock = Arc::new(TokioClock::starting_at(start));
        let source = Service::new(Product::rackspace(), clock.clone());
        let exchange = Service::new(Product::exchange_online(), clock.clone());
        let tenant = Tenant::new(TENANT, clock.clone());
        tenant.set_exchange(&exchange);
        tenant.set_domain("acme.example", DirectoryDomain::new("acme.example", true));
        let mut app = App::new(APP_SECRET);
        for user in [ADA, BOB] {
            source.add_user(user, PASSWORD);
            exchange.add_user(user, "nobody knows it");
            app.mailboxes.insert(user.to_owned());
        }
        tenant.set_app(APP, app);
        let hosts = [LOGIN, GRAPH, "outlook.office365.com"].map(ToOwned::to_owned);
        let authority = Arc::new(Authority::for_hosts(&hosts).unwrap());
        let dir = tempfile::tempdir().unwrap();
        let ca = dir.path().join("ca.pem");
        std::fs::write(&ca, authority.pem()).unwrap();
        let mut desired = desired(dir.path(), more);
        desired.destination.endpoint.ca = Some(ca.clone());
        desired.microsoft365.as_mut().unwrap().ca = Some(ca);
        let ledger = SqliteLedger::open(&dir.path().join("ledger.sqlite")).unwrap();
        let network = Network {
            source: source.clone(),
            exchange: exchange.clone(),
            tenant: tenant.clone(),
            authority,
        };
        let vault = Arc::new(Vault::default());
        APP_SECRET.clone_into(&mut vault.app.lock().unwrap());
        Self {
            clock,
            source,
            exchange,
            tenant,
            network,
            vault,
            zones: Arc::default(),
            told: Arc::default(),
            desired,
            ledger: Arc::new(ledger),
            _dir: dir,
        }
    }

    /// Delivers letters to a folder of the source.
    pub(crate) fn deliver(&self, user: &str, folder: &str, count: usize) {
        for number in 0..count {
            let text = format!(
                "From: {user}\r\nTo: {user}\r\nSubject: {folder} {number}\r\nDate: Sun, 01 Mar 2026 11:00:00 +0000\r\nMessage-ID: <{number}.{folder}.{user}>\r\n\r\nLetter {number}.\r\n"
            );
            self.source.hands().deliver(user, folder, Delivery::new(text.into_bytes())).unwrap();
        }
    }

    /// Asserts that Exchange holds every letter of a folder once.
    #[track_caller]
    pub(crate) fn arrived(&self, user: &str, folder: &str, target: &str) {
        let wanted = self.source.oracle().messages(user, folder).unwrap();
        let there = self.exchange.oracle().messages(user, target).unwrap();
        assert_eq!(there.len(), wanted.len(), "{user}: {target}");
        for letter in wanted {
            let copies = there.iter().filter(|copy| copy.given == letter.given).count();
            assert_eq!(copies, 1, "{user}: UID {} of {folder} in {target}", letter.uid);
        }
    }

    /// How often a token for IMAP was asked for.
    pub(crate) fn asked_for_imap(&self) -> usize {
        let asked = self.tenant.requests(Door::Login);
        asked.iter().filter(|line| line.contains("outlook.office365.com")).count()
    }

    pub(crate) fn start(&self) -> Process {
        let secrets: Arc<dyn Secrets> = self.vault.clone();
        self.start_with(&secrets)
    }

    pub(crate) fn start_with(&self, secrets: &Arc<dyn Secrets>) -> Process {
        let accounts = Accounts::new(&self.desired, Arc::clone(secrets), Timeouts::default());
        let dial: Arc<dyn Dial> = Arc::new(self.network.clone());
        let client = Client::new(Arc::clone(&dial), Limits::default());
        let http = Patient::new(client, Arc::clone(accounts.throttle()));
        accounts.throttle().tell(self.told.clone());
        let app = self.desired.microsoft365.as_ref().unwrap();
        let tokens = |resource| -> Arc<dyn Tokens> {
            Arc::new(AppTokens::new(app, resource, Arc::clone(secrets), http.clone()))
        };
        let imap = tokens(Resource::Exchange);
        let directory = GraphDirectory::new(app, tokens(Resource::Graph), http.clone());
        Process {
            accounts: Arc::new(accounts.dialling(dial).with_tokens(Some(Arc::clone(&imap)))),
            directory: Arc::new(directory),
            tokens: imap,
            http,
        }
    }
}

/// One life of the program.
pub(crate) struct Process {
    pub(crate) accounts: Arc<Accounts>,
    pub(crate) directory: Arc<dyn Directory>,
    pub(crate) tokens: Arc<dyn Tokens>,
    pub(crate) http: Patient,
}

impl Process {
    pub(crate) async fn plan(&self, world: &World) -> Plan {
        let eyes = Eyes {
            desired: Arc::new(world.desired.clone()),
            accounts: Arc::clone(&self.accounts),
            ledger: world.ledger.clone(),
            dns: world.zones.clone(),
            directory: Some(Arc::clone(&self.directory)),
            listener: world.told.clone(),
        };
        let (observed, summary) = observe::observe(&eyes).await.unwrap();
        planner::plan(&eyes.desired, &observed, &summary)
    }

    pub(crate) async fn apply(&self, world: &World) -> (Plan, RunReport) {
        let cancel = CancellationToken::new();
        let _held = hold(world, &cancel);
        let plan = self.plan(world).await;
        let approval = approve(&plan, &plan);
        let run = Run {
            desired: Arc::new(world.desired.clone()),
            accounts: Arc::clone(&self.accounts),
            ledger: world.ledger.clone(),
            listener: world.told.clone(),
            clock: world.clock.clone(),
            dns: world.zones.clone(),
            cancel,
            quiet: mailferry::executor::run::QUIET,
        };
        let report = run.run(&approval.run).await;
        (plan, report)
    }

    pub(crate) async fn verify(&self, world: &World) -> Evidence {
        let cancel = CancellationToken::new();
        let _held = hold(world, &cancel);
        let desk_of = |mailbox: &Address| Desk {
            ledger: world.ledger.clone(),
            listener: world.told.clone(),
            clock: world.clock.clone(),
            cancel: cancel.clone(),
            policy: Policy { follow_moves: false, quiet: Duration::ZERO },
            pace: None,
            progress: Arc::new(MailboxProgress::new(mailbox.clone(), world.told.clone(), 0, 0)),
        };
        let desired = Arc::new(world.desired.clone());
        let began = world.clock.now();
        mailferry::verify::verify(&desired, &self.accounts, desk_of, None, Sampling::Full, began)
            .await
            .unwrap()
    }
}

fn hold(world: &World, cancel: &CancellationToken) -> Held {
    let owner = mailferry::ledger::current_owner(world.clock.as_ref(), "apply");
    let clock: Arc<dyn Clock> = world.clock.clone();
    let ledger: Arc<dyn Ledger> = world.ledger.clone();
    Held::take(ledger, &owner, clock, cancel.clone()).unwrap()
}

fn desired(dir: &std::path::Path, more: &str) -> Desired {
    let text = format!(
        "\
version: 1
name: acme
domains: [acme.example]
secrets: {{ pw: {{ env: PW }}, app: {{ env: APP_SECRET }} }}
source:
  product: rackspace-email
  imap: {{ host: localhost, tls: none }}
destination:
  product: microsoft-365
  tenant: {TENANT}
  app: {{ client_id: {APP}, secret: app }}
mailboxes:
  - {{ address: {ADA}, secret: pw }}
  - {{ address: {BOB}, secret: pw }}
{more}"
    );
    let path = dir.join("plan.yaml");
    std::fs::write(&path, text).unwrap();
    let loaded = document::load(&path, &document::Options::default()).unwrap();
    loaded.desired.unwrap_or_else(|| panic!("{}", loaded.diagnostics.render(false)))
}
