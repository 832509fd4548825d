//! A zone as it is at one time.

use hickory_server::proto::rr::rdata::SOA;
use hickory_server::proto::rr::{LowerName, Name, RData, Record, RecordType};
use hickory_server::proto::serialize::txt::Parser;
use std::collections::BTreeMap;

/// Records of one name and type; they have one TTL, RFC 2181 section 5.2.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Set {
    /// The owner, in the case in which it was written.
    pub(super) name: Name,
    pub(super) ttl: u32,
    pub(super) records: Vec<RData>,
}

impl Set {
    pub(super) fn records(&self) -> impl Iterator<Item = Record> {
        let record = |data: &RData| Record::from_rdata(self.name.clone(), self.ttl, data.clone());
        self.records.iter().map(record)
    }
}

/// All records of a zone. A value: changes make another one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone {
    origin: LowerName,
    sets: BTreeMap<(LowerName, RecordType), Set>,
}

/// What a zone has for a question, RFC 1034 section 4.3.2.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// The records that were asked for.
    Records(Vec<Record>),
    /// The name is an alias of another one.
    Alias(Box<Record>),
    /// The name is there, or one below it, without records of this type.
    NoRecords,
    /// There is no such name.
    NoName,
    /// The name belongs to a zone below: its NS records.
    Elsewhere(Vec<Record>),
}

impl Zone {
    /// Reads a zone file, RFC 1035 section 5.
    ///
    /// Fails in words where it cannot be read, lacks SOA or NS at its name, holds names that are
    /// not below it, or has records beside a CNAME.
    pub fn parse(origin: &str, text: &str) -> Result<Self, String> {
        let wrong = |reason: String| format!("zone {origin}: {reason}");
        let name = absolute(origin).map_err(wrong)?;
        let (_, read) = Parser::new(text, None, Some(name.clone()))
            .parse()
            .map_err(|error| wrong(error.to_string()))?;
        let mut zone = Self { origin: LowerName::new(&name), sets: BTreeMap::new() };
        for (key, set) in read {
            let records: Vec<RData> =
                set.records_without_rrsigs().map(|record| record.data.clone()).collect();
            let set = Set { name: set.name().clone(), ttl: set.ttl(), records };
            zone.sets.insert((key.name().clone(), key.record_type), set);
        }
        zone.checked().map_err(wrong)
    }

    fn checked(self) -> Result<Self, String> {
        if self.soa().is_none() || self.set(&self.origin, RecordType::NS).is_none() {
            return Err("SOA and NS records are needed at its name".to_owned());
        }
        for (name, kind) in self.sets.keys() {
            if !self.holds(name) {
                return Err(format!("{name} is not in it"));
            }
            if *kind == RecordType::CNAME && self.kinds(name).count() > 1 {
                return Err(format!("{name} has other records beside a CNAME"));
            }
        }
        Ok(self)
    }

    /// Returns the name of the zone.
    pub fn origin(&self) -> &Name {
        &self.origin
    }

    /// Returns the serial of the SOA.
    pub fn serial(&self) -> u32 {
        self.soa().map_or(0, |(_, soa)| soa.serial)
    }

    /// Returns the key under which the zone is known.
    pub(super) fn key(&self) -> &LowerName {
        &self.origin
    }

    /// Returns true for the zone's own name and every name below it.
    pub(super) fn holds(&self, name: &LowerName) -> bool {
        self.origin.zone_of(name)
    }

    /// Returns the SOA with its TTL.
    pub(super) fn soa(&self) -> Option<(u32, &SOA)> {
        let set = self.set(&self.origin, RecordType::SOA)?;
        match set.records.first()? {
            RData::SOA(soa) => Some((set.ttl, soa)),
            _ => None,
        }
    }

    /// Returns the SOA as it stands in negative answers: its TTL is how long these may be kept, the
    /// smaller of its own and the minimum, RFC 2308 section 3.
    pub(super) fn negative(&self) -> Option<Record> {
        let (ttl, soa) = self.soa()?;
        let data = RData::SOA(soa.clone());
        Some(Record::from_rdata(self.origin().clone(), ttl.min(soa.minimum), data))
    }

    /// Sets the serial that comes after another one, RFC 1982: never 0, which some take for none.
    pub(super) fn set_serial_after(&mut self, serial: u32) {
        let key = (self.origin.clone(), RecordType::SOA);
        if let Some(RData::SOA(soa)) =
            self.sets.get_mut(&key).and_then(|set| set.records.first_mut())
        {
            soa.serial = serial.wrapping_add(1).max(1);
        }
    }

    pub(super) fn set(&self, name: &LowerName, kind: RecordType) -> Option<&Set> {
        self.sets.get(&(name.clone(), kind))
    }

    /// Puts a set in the place of what was there; an empty one removes it.
    pub(super) fn put(&mut self, name: &LowerName, kind: RecordType, set: Set) {
        let key = (name.clone(), kind);
        if set.records.is_empty() {
            self.sets.remove(&key);
        } else {
            self.sets.insert(key, set);
        }
    }

    pub(super) fn remove(&mut self, name: &LowerName, kind: RecordType) {
        self.sets.remove(&(name.clone(), kind));
    }

    /// Returns the types of the records of a name.
    pub(super) fn kinds(&self, name: &LowerName) -> impl Iterator<Item = RecordType> {
        self.sets.keys().filter(move |(owner, _)| owner == name).map(|(_, kind)| *kind)
    }

    /// Returns true when a name below this one has records: the name is there then, RFC 8020.
    fn is_above_others(&self, name: &LowerName) -> bool {
        self.sets.keys().any(|(owner, _)| owner != name && name.zone_of(owner))
    }

    /// Returns the uppermost zone cut at or above a name, below the zone's own name.
    fn cut(&self, name: &LowerName) -> Option<&Set> {
        let cuts = self.sets.iter().filter(|((owner, kind), _)| {
            *kind == RecordType::NS && *owner != self.origin && owner.zone_of(name)
        });
        cuts.min_by_key(|((owner, _), _)| owner.num_labels()).map(|(_, set)| set)
    }

    /// Looks for records; the name is one that the zone holds.
    pub(super) fn find(&self, name: &LowerName, kind: RecordType) -> Found {
        if let Some(cut) = self.cut(name) {
            return Found::Elsewhere(cut.records().collect());
        }
        let wanted = |held: &RecordType| kind == RecordType::ANY || *held == kind;
        let kinds: Vec<RecordType> = self.kinds(name).collect();
        let sets = kinds.iter().filter(|held| wanted(held));
        let records: Vec<Record> =
            sets.filter_map(|kind| self.set(name, *kind)).flat_map(Set::records).collect();
        if !records.is_empty() {
            return Found::Records(records);
        }
        let alias = self.set(name, RecordType::CNAME).and_then(|set| set.records().next());
        if let Some(record) = alias {
            return Found::Alias(Box::new(record));
        }
        if kinds.is_empty() && !self.is_above_others(name) {
            return Found::NoName;
        }
        Found::NoRecords
    }
}

/// Returns true when a serial comes after another one, RFC 1982 section 3.2: it is less than half
/// of all numbers ahead.
pub(super) fn is_after(serial: u32, other: u32) -> bool {
    (1..=u32::MAX / 2).contains(&serial.wrapping_sub(other))
}

/// Makes an absolute name out of a text.
pub(super) fn absolute(text: &str) -> Result<Name, String> {
    let mut name = Name::from_utf8(text).map_err(|error| format!("`{text}`: {error}"))?;
    name.set_fqdn(true);
    Ok(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
@ 3600 IN SOA ns1 hostmaster 7 3600 600 86400 300
@ 3600 IN NS ns1
ns1 3600 IN A 192.0.2.1
@ 600 IN MX 10 mx.example.net.
www 60 IN CNAME web
a.deep 60 IN TXT \"text\"
below 60 IN NS ns.elsewhere.example.
";

    fn name(text: &str) -> LowerName {
        LowerName::new(&absolute(text).unwrap())
    }

    #[test]
    fn names_are_there_above_others_and_not_otherwise() {
        let zone = Zone::parse("acme.example", TEXT).unwrap();
        assert_eq!(zone.serial(), 7);
        let find = |text: &str, kind| zone.find(&name(text), kind);
        assert!(
            matches!(find("ACME.example", RecordType::MX), Found::Records(mx) if mx.len() == 1)
        );
        assert_eq!(find("deep.acme.example", RecordType::MX), Found::NoRecords);
        assert_eq!(find("eep.acme.example", RecordType::MX), Found::NoName);
        assert_eq!(find("acme.example", RecordType::AAAA), Found::NoRecords);
        assert!(matches!(find("www.acme.example", RecordType::A), Found::Alias(..)));
        assert!(matches!(find("www.acme.example", RecordType::CNAME), Found::Records(_)));
        assert!(matches!(find("x.below.acme.example", RecordType::A), Found::Elsewhere(_)));
        assert_eq!(zone.negative().unwrap().ttl, 300);
    }

    #[test]
    fn a_serial_goes_on_behind_the_last_and_leaves_out_nothing_but_zero() {
        let mut zone = Zone::parse("acme.example", &TEXT.replace(" 7 ", " 4294967295 ")).unwrap();
        zone.set_serial_after(zone.serial());
        assert_eq!(zone.serial(), 1);
    }

    #[test]
    fn what_no_server_would_load_is_refused_in_words() {
        for (text, words) in [
            ("@ 60 IN NS ns1", "SOA and NS"),
            (&format!("{TEXT}other.example. 60 IN A 192.0.2.9\n"), "is not in it"),
            (&format!("{TEXT}www 60 IN A 192.0.2.9\n"), "beside a CNAME"),
        ] {
            let refused = Zone::parse("acme.example", text).unwrap_err();
            assert!(refused.contains(words), "{refused}");
        }
    }
}
