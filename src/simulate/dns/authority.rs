//! Authoritative name servers.

use super::key::Key;
use super::primary::Primary;
use super::question::{Question, Reply, Serve};
use super::zone::{Found, Zone};
use crate::simulate::habit::{Habit, Habits};
use hickory_server::proto::op::{OpCode, ResponseCode};
use hickory_server::proto::rr::{DNSClass, LowerName, RData, Record, RecordType};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How many aliases are followed: BIND's limit.
pub(super) const ALIASES: usize = 16;

/// How a name server behaves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Manner {
    /// It answers.
    #[default]
    Answers,
    /// It takes every question and says nothing.
    Silent,
    /// REFUSED, as one does whose access list lacks the client.
    Refuses,
    /// SERVFAIL, as one does that could not load its zones.
    Fails,
    /// It keeps what it has now for as long as this lasts, as one whose transfers fail.
    Stale,
}

/// A server with zones, each at first hand or behind its primary; clones are one server.
#[derive(Clone, Debug)]
pub struct NameServer(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    name: String,
    habits: Habits,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    held: Vec<Held>,
    manner: Manner,
}

#[derive(Clone, Debug)]
struct Held {
    primary: Primary,
    /// None at the primary itself.
    lag: Option<Duration>,
    /// What is kept for as long as the server is stale.
    kept: Option<Arc<Zone>>,
}

impl Held {
    fn zone(&self) -> Arc<Zone> {
        match (&self.kept, self.lag) {
            (Some(kept), _) => kept.clone(),
            (None, None) => self.primary.zone(),
            (None, Some(lag)) => self.primary.ago(lag),
        }
    }
}

impl NameServer {
    /// Makes a server without zones; its name is for people.
    pub fn new(name: &str, habits: Habits) -> Self {
        Self(Arc::new(Inner { name: name.to_owned(), habits, state: Mutex::default() }))
    }

    /// Returns its name.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Serves a zone as its primary, and takes UPDATEs for it.
    pub fn hold(&self, primary: &Primary) {
        let held = Held { primary: primary.clone(), lag: None, kept: None };
        self.state().held.push(held);
    }

    /// Serves a zone as a secondary, so much behind its primary ([`Habit::LaggingSecondaries`]).
    pub fn follow(&self, primary: &Primary, lag: Duration) {
        let lags = self.0.habits.contains(&Habit::LaggingSecondaries);
        let lag = Some(if lags { lag } else { Duration::ZERO });
        self.state().held.push(Held { primary: primary.clone(), lag, kept: None });
    }

    /// Changes how it behaves from now on.
    pub fn behave(&self, manner: Manner) {
        let mut state = self.state();
        state.manner = manner;
        for held in &mut state.held {
            held.kept = match manner {
                Manner::Stale => Some(held.zone()),
                _ => None,
            };
        }
    }

    /// Returns the names of its zones.
    pub(super) fn origins(&self) -> Vec<LowerName> {
        self.state().held.iter().map(|held| held.primary.zone().key().clone()).collect()
    }

    /// Returns the zone nearest to a name.
    fn nearest(&self, name: &LowerName) -> Option<Arc<Zone>> {
        let state = self.state();
        let zones = state.held.iter().map(Held::zone).filter(|zone| zone.holds(name));
        zones.max_by_key(|zone| zone.key().num_labels())
    }

    fn query(&self, question: &Question<'_>) -> Reply {
        let transfer = matches!(question.kind, RecordType::AXFR | RecordType::IXFR);
        if question.class != DNSClass::IN || transfer {
            return Reply::of(ResponseCode::Refused);
        }
        let Some(zone) = self.nearest(question.name) else {
            return Reply::of(ResponseCode::Refused);
        };
        let mut reply = Reply { authoritative: true, ..Reply::default() };
        let mut name = question.name.clone();
        for _ in 0..ALIASES {
            match zone.find(&name, question.kind) {
                Found::Records(records) => {
                    reply.answers.extend(records);
                    break;
                }
                Found::Alias(record) => {
                    if let RData::CNAME(target) = &record.data {
                        name = LowerName::new(&target.0);
                    }
                    reply.answers.push(*record);
                    // What another zone says of it is for the client to ask there.
                    if !zone.holds(&name) {
                        break;
                    }
                }
                Found::NoRecords => {
                    reply.authorities.extend(zone.negative());
                    break;
                }
                Found::NoName => {
                    reply.code = ResponseCode::NXDomain;
                    reply.authorities.extend(zone.negative());
                    break;
                }
                Found::Elsewhere(servers) => {
                    // Of the first name it knows nothing itself; of an alias it told the first half.
                    reply.authoritative = !reply.answers.is_empty();
                    reply.additionals = glue(&zone, &servers);
                    reply.authorities = servers;
                    break;
                }
            }
        }
        reply
    }

    fn update(&self, question: &Question<'_>) -> Reply {
        if question.kind != RecordType::SOA || question.class != DNSClass::IN {
            return Reply::of(ResponseCode::FormErr);
        }
        let held = self.state().held.clone();
        let named = held.into_iter().find(|held| held.primary.zone().key() == question.name);
        let Some(Held { primary, lag, .. }) = named else {
            return Reply::of(ResponseCode::NotAuth);
        };
        let allowed = question.signed.is_some_and(|key| {
            primary.keys().iter().any(|known| known.is_named(key.signer().signer_name()))
        });
        // A secondary does not pass UPDATEs on.
        if !allowed || lag.is_some() {
            return Reply::of(ResponseCode::Refused);
        }
        Reply::of(primary.update(question.prerequisites, question.updates))
    }
}

/// Returns the addresses of the name servers that the zone above knows.
fn glue(zone: &Zone, servers: &[Record]) -> Vec<Record> {
    let hosts = servers.iter().filter_map(|record| match &record.data {
        RData::NS(host) => Some(LowerName::new(&host.0)),
        _ => None,
    });
    let sets = hosts.filter_map(|host| zone.set(&host, RecordType::A).cloned());
    sets.flat_map(|set| set.records().collect::<Vec<_>>()).collect()
}

impl Serve for NameServer {
    fn keys(&self) -> Vec<Key> {
        self.state().held.iter().flat_map(|held| held.primary.keys().to_vec()).collect()
    }

    fn time(&self) -> u64 {
        let clock = self.state().held.first().map(|held| held.primary.clock().clone());
        clock.map_or(0, |clock| u64::try_from(clock.now().as_second()).unwrap_or(0))
    }

    fn serve(&self, question: &Question<'_>) -> Option<Reply> {
        let manner = self.state().manner;
        Some(match (manner, question.op) {
            (Manner::Silent, _) => return None,
            (Manner::Refuses, _) => Reply::of(ResponseCode::Refused),
            (Manner::Fails, _) => Reply::of(ResponseCode::ServFail),
            (_, OpCode::Query) => self.query(question),
            (_, OpCode::Update) => self.update(question),
            _ => Reply::of(ResponseCode::NotImp),
        })
    }
}
