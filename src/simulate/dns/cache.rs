//! What a resolver keeps, and for how long.

use hickory_server::proto::op::ResponseCode;
use hickory_server::proto::rr::{LowerName, Record, RecordType};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;

/// More than a rehearsal ever asks for; beyond it everything is forgotten.
const LIMIT: usize = 10_000;

/// What is known about a name and a type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Known {
    /// Records of this type.
    Records(Vec<Record>),
    /// An alias, whatever the type.
    Alias(Record),
    /// None, with the code that said so and the SOA that says for how long, RFC 2308.
    Nothing(ResponseCode, Option<Record>),
}

impl Known {
    fn records_mut(&mut self) -> Vec<&mut Record> {
        match self {
            Self::Records(records) => records.iter_mut().collect(),
            Self::Alias(record) | Self::Nothing(_, Some(record)) => vec![record],
            Self::Nothing(_, None) => Vec::new(),
        }
    }

    /// Returns seconds; what says nothing about it is not kept.
    pub(super) fn ttl(&self) -> u32 {
        match self {
            Self::Records(records) => records.iter().map(|record| record.ttl).min().unwrap_or(0),
            Self::Alias(record) | Self::Nothing(_, Some(record)) => record.ttl,
            Self::Nothing(_, None) => 0,
        }
    }

    /// Sets the TTL of every record.
    pub(super) fn with_ttl(mut self, ttl: u32) -> Self {
        for record in self.records_mut() {
            record.ttl = ttl;
        }
        self
    }
}

#[derive(Clone, Debug)]
struct Kept {
    known: Known,
    since: Timestamp,
}

impl Kept {
    /// Returns whole seconds that are left, or none when its time is over.
    fn left(&self, now: Timestamp) -> Option<u32> {
        let ttl = self.known.ttl();
        let gone = now.duration_since(self.since);
        // A clock that went back makes nothing older.
        let gone = u32::try_from(gone.max(SignedDuration::ZERO).as_secs()).unwrap_or(u32::MAX);
        (gone < ttl).then(|| ttl - gone)
    }
}

/// Answers by name and type; for a type that is not there and for aliases alike.
#[derive(Debug, Default)]
pub(super) struct Cache(BTreeMap<(LowerName, RecordType), Kept>);

impl Cache {
    /// Keeps what was told, under the type that it is true for.
    pub(super) fn keep(
        &mut self,
        name: &LowerName,
        kind: RecordType,
        known: Known,
        now: Timestamp,
    ) {
        if self.0.len() >= LIMIT {
            self.0.clear();
        }
        let known = match known {
            Known::Records(mut records) if kind == RecordType::CNAME && records.len() == 1 => {
                Known::Alias(records.remove(0))
            }
            other => other,
        };
        let kind = match &known {
            Known::Alias(_) => RecordType::CNAME,
            // That there is no such name is true for every type.
            Known::Nothing(ResponseCode::NXDomain, _) => RecordType::ANY,
            _ => kind,
        };
        self.0.insert((name.clone(), kind), Kept { known, since: now });
    }

    /// Returns what bears on a question, the nearest first.
    fn kept(&self, name: &LowerName, kind: RecordType) -> impl Iterator<Item = Kept> {
        let places = [kind, RecordType::CNAME, RecordType::ANY];
        places.into_iter().filter_map(move |place| {
            let kept = self.0.get(&(name.clone(), place))?;
            let known = match (&kept.known, kind == place) {
                // An alias answers for itself, and points further for every other type.
                (Known::Alias(record), true) => Known::Records(vec![record.clone()]),
                (Known::Alias(_) | Known::Nothing(ResponseCode::NXDomain, _), _) | (_, true) => {
                    kept.known.clone()
                }
                // That there is no alias says nothing of other types.
                _ => return None,
            };
            Some(Kept { known, since: kept.since })
        })
    }

    /// Returns what is known and not too old, its TTL counted down.
    pub(super) fn fresh(
        &self,
        name: &LowerName,
        kind: RecordType,
        now: Timestamp,
    ) -> Option<Known> {
        self.kept(name, kind).find_map(|kept| {
            let left = kept.left(now)?;
            Some(kept.known.with_ttl(left))
        })
    }

    /// Returns what was known, however old, with a TTL of the caller's.
    pub(super) fn stale(&self, name: &LowerName, kind: RecordType, ttl: u32) -> Option<Known> {
        self.kept(name, kind).next().map(|kept| kept.known.with_ttl(ttl))
    }
}
