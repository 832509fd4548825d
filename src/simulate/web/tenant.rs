//! A tenant: apps, domains, tokens, and what goes wrong.

use super::fault::{Door, WebFault, WebMischief};
use crate::model::digest::Digest;
use crate::ports::clock::Clock;
use crate::simulate::habit::{Habit, Habits};
use crate::simulate::service::{Access, Service};
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::io::DuplexStream;

/// The names of application permissions.
pub mod permission {
    /// IMAP to the mailboxes that Exchange gives the app.
    pub const IMAP: &str = "IMAP.AccessAsApp";
    /// The domains of the directory.
    pub const DOMAINS: &str = "Domain.Read.All";
}

/// How long a token lives, as the documentation's example says.
const LIFE: Duration = Duration::from_secs(3_599);

/// An app registration.
#[derive(Clone, Debug)]
pub struct App {
    /// Its client secret.
    pub secret: String,
    /// The secret is past its end.
    pub expired: bool,
    /// What an administrator consented to.
    pub permissions: BTreeSet<String>,
    /// The mailboxes that Exchange gives it, by address.
    pub mailboxes: BTreeSet<String>,
}

impl App {
    /// Makes an app with every permission that a migration needs, and no mailbox.
    pub fn new(secret: &str) -> Self {
        let permissions = [permission::IMAP, permission::DOMAINS].map(ToOwned::to_owned);
        Self {
            secret: secret.to_owned(),
            expired: false,
            permissions: permissions.into(),
            mailboxes: BTreeSet::new(),
        }
    }
}

/// A domain of the directory.
#[derive(Clone, Debug)]
pub struct DirectoryDomain {
    /// Somebody proved whose it is.
    pub verified: bool,
    /// Its host for mail; Microsoft gives a domain one of several forms.
    pub mail_exchange: String,
    /// The preference of the MX record.
    pub preference: u16,
    /// Its SPF record.
    pub spf: String,
    /// The target of its CNAME `autodiscover`.
    pub autodiscover: String,
    /// The text of the record that proves whose it is.
    pub verification: String,
}

impl DirectoryDomain {
    /// Makes a domain with the records that Microsoft's sample has.
    pub fn new(name: &str, verified: bool) -> Self {
        Self {
            verified,
            mail_exchange: format!("{}.mail.protection.outlook.com", name.replace('.', "-")),
            preference: 0,
            spf: "v=spf1 include:spf.protection.outlook.com -all".to_owned(),
            autodiscover: "autodiscover.outlook.com".to_owned(),
            verification: "MS=ms12345678".to_owned(),
        }
    }
}

/// A token for Microsoft Graph.
pub(super) struct GraphToken {
    pub(super) end: Timestamp,
    pub(super) permissions: BTreeSet<String>,
}

pub(super) struct State {
    pub(super) apps: BTreeMap<String, App>,
    pub(super) domains: BTreeMap<String, DirectoryDomain>,
    pub(super) graph_tokens: BTreeMap<String, GraphToken>,
    exchange: Option<Service>,
    exchange_tokens: Vec<(String, Access)>,
    pub(super) habits: Habits,
    pub(super) life: Duration,
    issued: u64,
    faults: Vec<(WebFault, u64)>,
    log: Vec<(Door, String)>,
}

struct Inner {
    name: String,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

/// A tenant in this process; clones are the same tenant.
#[derive(Clone)]
pub struct Tenant(Arc<Inner>);

impl fmt::Debug for Tenant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tenant").field("name", &self.0.name).finish_non_exhaustive()
    }
}

impl Tenant {
    /// Makes a tenant without apps and domains, known by a name such as `acme.onmicrosoft.com`,
    /// with every habit that tenants have.
    pub fn new(name: &str, clock: Arc<dyn Clock>) -> Self {
        let habits = [
            Habit::OneResourcePerScope,
            Habit::TokenWithoutRoles,
            Habit::ExpiringTokens,
            Habit::UnverifiedWithoutRecords,
            Habit::PagedLists,
            Habit::BusyInWords,
        ];
        Self(Arc::new(Inner {
            name: name.to_lowercase(),
            clock,
            state: Mutex::new(State {
                apps: BTreeMap::new(),
                domains: BTreeMap::new(),
                graph_tokens: BTreeMap::new(),
                exchange: None,
                exchange_tokens: Vec::new(),
                habits: habits.into(),
                life: LIFE,
                issued: 0,
                faults: Vec::new(),
                log: Vec::new(),
            }),
        }))
    }

    /// Lets this Exchange take the tokens that are issued from now on.
    pub fn set_exchange(&self, service: &Service) {
        self.state().exchange = Some(service.clone());
    }

    /// Registers an app, or changes it. What tokens may do was decided when they were issued.
    pub fn set_app(&self, client_id: &str, app: App) {
        self.state().apps.insert(client_id.to_lowercase(), app);
    }

    /// Adds a domain, or changes it.
    pub fn set_domain(&self, name: &str, domain: DirectoryDomain) {
        self.state().domains.insert(name.to_lowercase(), domain);
    }

    /// Says how long the tokens live that are issued from now on.
    pub fn set_life(&self, life: Duration) {
        self.state().life = life;
    }

    /// Switches a habit on or off.
    pub fn set_habit(&self, habit: Habit, on: bool) {
        let habits = &mut self.state().habits;
        if on {
            habits.insert(habit);
        } else {
            habits.remove(&habit);
        }
    }

    /// Returns the habits that are switched on.
    pub fn habits(&self) -> Habits {
        self.state().habits.clone()
    }

    /// Takes every token back: nobody signs in with one of them any more.
    pub fn revoke_tokens(&self) {
        let now = self.0.clock.now();
        let mut state = self.state();
        for token in state.graph_tokens.values_mut() {
            token.end = now;
        }
        if let Some(exchange) = state.exchange.clone() {
            for (token, access) in std::mem::take(&mut state.exchange_tokens) {
                exchange.issue_token(&token, access, now);
            }
        }
    }

    /// Adds a fault.
    pub fn add_fault(&self, fault: WebFault) {
        self.state().faults.push((fault, 0));
    }

    /// Takes the faults back that have not struck, and returns them.
    pub fn take_faults(&self) -> Vec<WebFault> {
        let faults = std::mem::take(&mut self.state().faults);
        faults.into_iter().map(|(fault, _)| fault).collect()
    }

    /// Returns the faults that have not struck.
    pub fn waiting(&self) -> Vec<WebFault> {
        self.state().faults.iter().map(|(fault, _)| fault.clone()).collect()
    }

    /// Returns what was asked at a host, in its order, without secrets and tokens.
    pub fn requests(&self, door: Door) -> Vec<String> {
        let state = self.state();
        let here = state.log.iter().filter(|(at, _)| *at == door);
        here.map(|(_, line)| line.clone()).collect()
    }

    /// Opens a connection in memory; it is served by a task of the present runtime.
    pub fn connect(&self) -> DuplexStream {
        let (client, server) = tokio::io::duplex(64 * 1024);
        let tenant = self.clone();
        tokio::spawn(async move { tenant.serve(server).await });
        client
    }

    pub(super) fn is_named(&self, name: &str) -> bool {
        self.0.name == name.to_lowercase()
    }

    pub(super) fn now(&self) -> Timestamp {
        self.0.clock.now()
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a request and returns what strikes it.
    pub(super) fn strike(&self, door: Door, line: String) -> Option<WebMischief> {
        let mut state = self.state();
        state.log.push((door, line));
        let mut struck = None;
        state.faults.retain_mut(|(fault, seen)| {
            if fault.door != door {
                return true;
            }
            *seen += 1;
            let now = struck.is_none() && *seen >= fault.nth;
            if now {
                struck = Some(fault.what.clone());
            }
            !now
        });
        struck
    }

    /// Issues a token and tells the service that takes it.
    pub(super) fn issue(&self, app: &App, resource: Resource) -> (String, Duration) {
        let now = self.now();
        let mut state = self.state();
        state.issued += 1;
        let number = state.issued;
        // The shape of a signed token; nothing is in it, and the same run makes the same one.
        let seed = Digest::of(format!("{} {number}", self.0.name).as_bytes());
        let token = format!("eyJ0eXAiOiJKV1QiLCJhbGciOiJSUzI1NiJ9.{seed}.{number}");
        let life = state.life;
        let end = SignedDuration::try_from(life).unwrap_or(SignedDuration::MAX);
        let end = now.checked_add(end).unwrap_or(Timestamp::MAX);
        match resource {
            Resource::Graph => {
                let permissions = app.permissions.clone();
                state.graph_tokens.insert(token.clone(), GraphToken { end, permissions });
            }
            Resource::Exchange if app.permissions.contains(permission::IMAP) => {
                let access = Access::Mailboxes(app.mailboxes.iter().cloned().collect());
                state.exchange_tokens.push((token.clone(), access.clone()));
                let exchange = state.exchange.clone();
                drop(state);
                if let Some(exchange) = exchange {
                    exchange.issue_token(&token, access, end);
                }
            }
            // A token without roles: nobody is told of it, and everybody refuses it.
            Resource::Exchange => {}
        }
        (token, life)
    }
}

/// Who takes a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Resource {
    Exchange,
    Graph,
}

impl Resource {
    pub(super) fn of_scope(scope: &str) -> Option<Self> {
        match scope {
            "https://outlook.office365.com/.default" => Some(Self::Exchange),
            "https://graph.microsoft.com/.default" => Some(Self::Graph),
            _ => None,
        }
    }
}
