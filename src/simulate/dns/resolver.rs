//! Resolvers that keep what they were told.

use super::authority::{ALIASES, NameServer};
use super::cache::{Cache, Known};
use super::internet::Directory;
use super::key::Key;
use super::question::{Question, Reply, Serve};
use crate::model::address::Domain;
use crate::model::records::Mx;
use crate::ports::clock::Clock;
use crate::simulate::habit::{Habit, Habits};
use hickory_server::proto::op::{OpCode, ResponseCode};
use hickory_server::proto::rr::{DNSClass, LowerName, RData, RecordType};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Seconds that short TTLs are stretched to: the most that BIND's `min-cache-ttl` takes.
const FLOOR: u32 = 90;

/// Seconds that an answer past its time may be kept, RFC 8767 section 4 and BIND's
/// `stale-answer-ttl`.
const STALE_TTL: u32 = 30;

/// A recursive resolver; clones share what they keep.
#[derive(Clone, Debug)]
pub struct Resolver(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    directory: Directory,
    clock: Arc<dyn Clock>,
    habits: Habits,
    cache: Mutex<Cache>,
    /// Servers are asked in turn, so that one that lags is heard too.
    turn: AtomicUsize,
}

impl Resolver {
    pub(super) fn new(directory: Directory, clock: Arc<dyn Clock>, habits: Habits) -> Self {
        let (cache, turn) = (Mutex::default(), AtomicUsize::new(0));
        Self(Arc::new(Inner { directory, clock, habits, cache, turn }))
    }

    fn has(&self, habit: Habit) -> bool {
        self.0.habits.contains(&habit)
    }

    fn cache(&self) -> MutexGuard<'_, Cache> {
        self.0.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets everything, as its operator can make it.
    pub fn flush(&self) {
        *self.cache() = Cache::default();
    }

    /// Finds where mail for a domain goes, as one who sends mail asks: the most preferred first,
    /// none where the domain has no MX. Fails with the code that the resolver answers.
    pub fn mail_exchangers(&self, domain: &Domain) -> Result<Vec<Mx>, ResponseCode> {
        let name = super::zone::absolute(domain.as_str()).map_err(|_| ResponseCode::FormErr)?;
        let reply = self.resolve(&LowerName::new(&name), RecordType::MX);
        if reply.code != ResponseCode::NoError {
            return Err(reply.code);
        }
        let mut found: Vec<Mx> = reply
            .answers
            .iter()
            .filter_map(|record| match &record.data {
                RData::MX(mx) => {
                    let host = mx.exchange.to_lowercase().to_ascii();
                    let host = match host.strip_suffix('.') {
                        Some("") | None => host,
                        Some(host) => host.to_owned(),
                    };
                    Some(Mx { preference: mx.preference, host })
                }
                _ => None,
            })
            .collect();
        found.sort();
        Ok(found)
    }

    fn resolve(&self, name: &LowerName, kind: RecordType) -> Reply {
        let mut reply = Reply { recursion_available: true, ..Reply::default() };
        let mut name = name.clone();
        for _ in 0..ALIASES {
            match self.known(&name, kind) {
                None => {
                    return Reply {
                        recursion_available: true,
                        ..Reply::of(ResponseCode::ServFail)
                    };
                }
                Some(Known::Records(records)) => {
                    reply.answers.extend(records);
                    return reply;
                }
                Some(Known::Alias(record)) => {
                    let RData::CNAME(target) = &record.data else { return reply };
                    name = LowerName::new(&target.0);
                    reply.answers.push(record);
                }
                Some(Known::Nothing(code, soa)) => {
                    reply.code = code;
                    reply.authorities.extend(soa);
                    return reply;
                }
            }
        }
        // Aliases that go round, as BIND answers them: with what it came to.
        reply
    }

    /// Returns what is kept, or what a name server says now.
    fn known(&self, name: &LowerName, kind: RecordType) -> Option<Known> {
        let now = self.0.clock.now();
        if let Some(known) = self.cache().fresh(name, kind, now) {
            return Some(known);
        }
        let Some(mut known) = self.ask(name, kind) else {
            let stale = self.cache().stale(name, kind, STALE_TTL);
            return stale.filter(|_| self.has(Habit::ServeStale));
        };
        if self.has(Habit::ResolverTtlFloor) && known.ttl() < FLOOR {
            known = known.with_ttl(FLOOR);
        }
        let keeps = match known {
            Known::Nothing(..) => Habit::NegativeCaching,
            _ => Habit::ResolverKeepsTtl,
        };
        if self.has(keeps) {
            self.cache().keep(name, kind, known.clone(), now);
        }
        Some(known)
    }

    /// Asks the servers of the nearest zone, in turn, until one answers with authority.
    fn ask(&self, name: &LowerName, kind: RecordType) -> Option<Known> {
        let mut servers = self.0.directory.servers(name);
        if servers.is_empty() {
            return None;
        }
        let first = self.0.turn.fetch_add(1, Ordering::Relaxed) % servers.len();
        servers.rotate_left(first);
        let question = Question::about(name, kind);
        servers.iter().find_map(|server: &NameServer| read(server.serve(&question)?, name, kind))
    }
}

/// Reads what an authoritative server says of one name; of where an alias leads to, others are
/// asked.
fn read(reply: Reply, name: &LowerName, kind: RecordType) -> Option<Known> {
    let decided = matches!(reply.code, ResponseCode::NoError | ResponseCode::NXDomain);
    if !reply.authoritative || !decided {
        return None;
    }
    let own = reply.answers.into_iter().filter(|record| LowerName::new(&record.name) == *name);
    let (aliases, records): (Vec<_>, Vec<_>) = own.partition(|record| {
        record.record_type() == RecordType::CNAME
            && !matches!(kind, RecordType::CNAME | RecordType::ANY)
    });
    Some(match (aliases.into_iter().next(), records.is_empty()) {
        (Some(alias), _) => Known::Alias(alias),
        (None, false) => Known::Records(records),
        (None, true) => {
            let soa = |record: &hickory_server::proto::rr::Record| {
                record.record_type() == RecordType::SOA
            };
            Known::Nothing(reply.code, reply.authorities.into_iter().find(soa))
        }
    })
}

impl Serve for Resolver {
    fn keys(&self) -> Vec<Key> {
        Vec::new()
    }

    fn time(&self) -> u64 {
        u64::try_from(self.0.clock.now().as_second()).unwrap_or(0)
    }

    fn serve(&self, question: &Question<'_>) -> Option<Reply> {
        let mut reply = match question.op {
            OpCode::Query if question.class == DNSClass::IN && question.recursion_desired => {
                self.resolve(question.name, question.kind)
            }
            // Who wants no recursion has no business with a resolver that serves no zone.
            OpCode::Query => Reply::of(ResponseCode::Refused),
            OpCode::Update => Reply::of(ResponseCode::NotAuth),
            _ => Reply::of(ResponseCode::NotImp),
        };
        reply.recursion_available = true;
        Some(reply)
    }
}
