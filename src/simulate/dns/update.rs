//! What an UPDATE asks for and what becomes of a zone by it, RFC 2136 section 3.

use super::zone::{Set, Zone, is_after};
use hickory_server::proto::op::ResponseCode;
use hickory_server::proto::rr::{DNSClass, LowerName, RData, Record, RecordData as _, RecordType};
use std::collections::BTreeMap;

/// Returns the zone as an UPDATE leaves it, or the code that it is refused with. All of it happens
/// or nothing.
pub(super) fn updated(
    zone: &Zone,
    prerequisites: &[Record],
    updates: &[Record],
) -> Result<Zone, ResponseCode> {
    require(zone, prerequisites)?;
    for record in updates {
        scan(zone, record)?;
    }
    let mut next = zone.clone();
    for record in updates {
        apply(&mut next, record);
    }
    // An SOA in the UPDATE has set a serial of its own.
    if next != *zone && next.serial() == zone.serial() {
        next.set_serial_after(zone.serial());
    }
    Ok(next)
}

/// Checks the prerequisites, section 3.2.
fn require(zone: &Zone, prerequisites: &[Record]) -> Result<(), ResponseCode> {
    let mut exact: BTreeMap<(LowerName, RecordType), Vec<&RData>> = BTreeMap::new();
    for record in prerequisites {
        let (name, kind) = (LowerName::new(&record.name), record.record_type());
        if record.ttl != 0 {
            return Err(ResponseCode::FormErr);
        }
        if !zone.holds(&name) {
            return Err(ResponseCode::NotZone);
        }
        let used = if kind == RecordType::ANY {
            zone.kinds(&name).next().is_some()
        } else {
            zone.set(&name, kind).is_some()
        };
        match (record.dns_class, record.data.is_update()) {
            (DNSClass::ANY, true) if used => {}
            (DNSClass::ANY, true) if kind == RecordType::ANY => {
                return Err(ResponseCode::NXDomain);
            }
            (DNSClass::ANY, true) => return Err(ResponseCode::NXRRSet),
            (DNSClass::NONE, true) if !used => {}
            (DNSClass::NONE, true) if kind == RecordType::ANY => {
                return Err(ResponseCode::YXDomain);
            }
            (DNSClass::NONE, true) => return Err(ResponseCode::YXRRSet),
            (DNSClass::IN, _) => exact.entry((name, kind)).or_default().push(&record.data),
            _ => return Err(ResponseCode::FormErr),
        }
    }
    for ((name, kind), wanted) in exact {
        let held = zone.set(&name, kind).map_or(&[][..], |set| &set.records);
        let same = held.iter().all(|data| wanted.contains(&data))
            && wanted.iter().all(|data| held.contains(data));
        if !same {
            return Err(ResponseCode::NXRRSet);
        }
    }
    Ok(())
}

/// Types that are asked for and never stored.
fn is_meta(kind: RecordType) -> bool {
    matches!(
        kind,
        RecordType::ANY
            | RecordType::AXFR
            | RecordType::IXFR
            | RecordType::OPT
            | RecordType::TSIG
            | RecordType::ZERO
    )
}

/// Checks the form of one update before any is made, section 3.4.1.
fn scan(zone: &Zone, record: &Record) -> Result<(), ResponseCode> {
    if !zone.holds(&LowerName::new(&record.name)) {
        return Err(ResponseCode::NotZone);
    }
    let kind = record.record_type();
    let empty = record.data.is_update();
    let formed = match record.dns_class {
        DNSClass::IN => !is_meta(kind) && !empty,
        DNSClass::ANY => record.ttl == 0 && empty && (kind == RecordType::ANY || !is_meta(kind)),
        DNSClass::NONE => record.ttl == 0 && !is_meta(kind),
        _ => false,
    };
    if formed { Ok(()) } else { Err(ResponseCode::FormErr) }
}

/// Makes one update, section 3.4.2.
fn apply(zone: &mut Zone, record: &Record) {
    let (name, kind) = (LowerName::new(&record.name), record.record_type());
    let apex = name == *zone.key();
    match record.dns_class {
        DNSClass::IN => add(zone, &name, record),
        DNSClass::ANY => {
            let kinds: Vec<RecordType> =
                if kind == RecordType::ANY { zone.kinds(&name).collect() } else { vec![kind] };
            for kind in kinds {
                if !(apex && matches!(kind, RecordType::SOA | RecordType::NS)) {
                    zone.remove(&name, kind);
                }
            }
        }
        _ => {
            let Some(mut set) = zone.set(&name, kind).cloned() else { return };
            // A zone keeps its SOA and its last NS.
            let last = apex && kind == RecordType::NS && set.records.len() == 1;
            if kind != RecordType::SOA && !last {
                set.records.retain(|held| *held != record.data);
                zone.put(&name, kind, set);
            }
        }
    }
}

fn add(zone: &mut Zone, name: &LowerName, record: &Record) {
    let kind = record.record_type();
    let alias = zone.set(name, RecordType::CNAME).is_some();
    let others = zone.kinds(name).any(|held| held != RecordType::CNAME);
    // A CNAME stands alone: what would stand beside it is passed over without a word.
    if (kind == RecordType::CNAME && others) || (kind != RecordType::CNAME && alias) {
        return;
    }
    let fresh = Set { name: record.name.clone(), ttl: record.ttl, records: Vec::new() };
    let mut set = zone.set(name, kind).cloned().unwrap_or(fresh);
    if let RData::SOA(soa) = &record.data
        && (name != zone.key() || !is_after(soa.serial, zone.serial()))
    {
        return;
    }
    if matches!(kind, RecordType::CNAME | RecordType::SOA) {
        set.records.clear();
    }
    // One TTL for the set: that of the record that came last.
    set.ttl = record.ttl;
    if !set.records.contains(&record.data) {
        set.records.push(record.data.clone());
    }
    zone.put(name, kind, set);
}

#[cfg(test)]
mod tests {
    use super::super::zone::absolute;
    use super::*;
    use hickory_server::proto::rr::rdata::{CNAME, MX, NS, TXT};

    const TEXT: &str = "\
@ 3600 IN SOA ns1 hostmaster 7 3600 600 86400 300
@ 3600 IN NS ns1
ns1 3600 IN A 192.0.2.1
@ 3600 IN MX 10 old.example.net.
www 60 IN CNAME web
";

    fn zone() -> Zone {
        Zone::parse("acme.example", TEXT).unwrap()
    }

    fn record(name: &str, class: DNSClass, ttl: u32, data: RData) -> Record {
        let mut record = Record::from_rdata(absolute(name).unwrap(), ttl, data);
        record.dns_class = class;
        record
    }

    fn mx(host: &str) -> RData {
        RData::MX(MX::new(10, absolute(host).unwrap()))
    }

    fn set(kind: RecordType, class: DNSClass) -> Record {
        record("acme.example", class, 0, RData::Update0(kind))
    }

    fn hosts(zone: &Zone) -> usize {
        zone.set(zone.key(), RecordType::MX).map_or(0, |set| set.records.len())
    }

    #[test]
    fn a_set_is_replaced_at_once_and_the_serial_goes_up() {
        let next = updated(
            &zone(),
            &[set(RecordType::MX, DNSClass::ANY)],
            &[
                set(RecordType::MX, DNSClass::ANY),
                record("acme.example", DNSClass::IN, 300, mx("one.example.net")),
                record("acme.example", DNSClass::IN, 300, mx("two.example.net")),
            ],
        )
        .unwrap();
        assert_eq!((hosts(&next), next.serial()), (2, 8));
        assert_eq!(next.set(next.key(), RecordType::MX).unwrap().ttl, 300);
    }

    #[test]
    fn what_changes_nothing_leaves_the_serial() {
        let same = [record("acme.example", DNSClass::IN, 3_600, mx("old.example.net"))];
        assert_eq!(updated(&zone(), &[], &same).unwrap(), zone());
    }

    #[test]
    fn each_prerequisite_has_its_code() {
        let here = |name, class, kind| record(name, class, 0, RData::Update0(kind));
        let (any, none) = (DNSClass::ANY, DNSClass::NONE);
        for (prerequisite, code) in [
            (here("acme.example", any, RecordType::TXT), ResponseCode::NXRRSet),
            (here("x.acme.example", any, RecordType::ANY), ResponseCode::NXDomain),
            (here("acme.example", none, RecordType::MX), ResponseCode::YXRRSet),
            (here("acme.example", none, RecordType::ANY), ResponseCode::YXDomain),
            (here("other.example", any, RecordType::MX), ResponseCode::NotZone),
            (record("acme.example", any, 5, RData::Update0(RecordType::MX)), ResponseCode::FormErr),
            (record("acme.example", any, 0, mx("old.example.net")), ResponseCode::FormErr),
            (record("acme.example", DNSClass::IN, 0, mx("new.example.net")), ResponseCode::NXRRSet),
            (record("acme.example", DNSClass::CH, 0, mx("old.example.net")), ResponseCode::FormErr),
        ] {
            let refused = updated(&zone(), std::slice::from_ref(&prerequisite), &[]);
            assert_eq!(refused.unwrap_err(), code, "{prerequisite:?}");
        }
        let good = [
            record("acme.example", DNSClass::IN, 0, mx("OLD.example.net")),
            here("x.acme.example", none, RecordType::ANY),
            here("acme.example", none, RecordType::TXT),
        ];
        updated(&zone(), &good, &[]).unwrap();
    }

    #[test]
    fn a_wrong_record_at_the_end_undoes_the_ones_before_it() {
        let wrong = record("acme.example", DNSClass::NONE, 5, mx("old.example.net"));
        let updates = [set(RecordType::MX, DNSClass::ANY), wrong];
        assert_eq!(updated(&zone(), &[], &updates).unwrap_err(), ResponseCode::FormErr);
    }

    #[test]
    fn soa_and_the_last_ns_stay_and_a_cname_stands_alone() {
        let ns = RData::NS(NS(absolute("ns1.acme.example").unwrap()));
        let text = RData::TXT(TXT::new(vec!["x".to_owned()]));
        let alias = RData::CNAME(CNAME(absolute("x.example").unwrap()));
        let next = updated(
            &zone(),
            &[],
            &[
                record("acme.example", DNSClass::NONE, 0, ns),
                record("www.acme.example", DNSClass::IN, 60, text),
                record("acme.example", DNSClass::IN, 60, alias),
                set(RecordType::ANY, DNSClass::ANY),
            ],
        )
        .unwrap();
        assert_eq!(hosts(&next), 0);
        assert!(next.soa().is_some() && next.set(next.key(), RecordType::NS).is_some());
        assert!(next.set(next.key(), RecordType::CNAME).is_none());
        assert!(next.kinds(&LowerName::new(&absolute("www.acme.example").unwrap())).count() == 1);
    }
}
