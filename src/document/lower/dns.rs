//! The section `dns`.

use super::super::finding::Finding;
use super::super::migration_plan::{MigrationPlan, Mx as WrittenMx, Zone};
use super::super::mx_set::{MICROSOFT_365, MxSet};
use super::super::node::Place;
use super::super::spanned::{Field, Items, Parsed, Spanned};
use super::{Lowering, microsoft365};
use crate::desired::{DesiredZone, Wish};
use crate::model::address::Domain;
use crate::model::records::Mx;
use crate::model::words::shown;
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

pub(super) fn zones(
    cx: &Lowering<'_>,
    plan: &MigrationPlan,
) -> (BTreeMap<Domain, DesiredZone>, Vec<SocketAddr>) {
    let Some(dns) = plan.dns.given() else { return (BTreeMap::new(), Vec::new()) };
    if let Some(provider) = dns.value.provider.given() {
        cx.need(&provider.value.kind, provider.place, "kind", "the provider");
    }
    let mut zones = BTreeMap::new();
    let mut places: BTreeMap<Domain, Place> = BTreeMap::new();
    let entries = dns.value.zones.value().map(|zones| zones.0.as_slice()).unwrap_or_default();
    for (key, value) in entries {
        let name: Domain = match key.value.parse() {
            Ok(name) => name,
            Err(reason) => {
                let reason: String = reason;
                cx.findings.add(
                    Finding::error("P004", key.place, reason)
                        .hint("a zone is named like acme.example"),
                );
                continue;
            }
        };
        if let Some(first) = places.insert(name.clone(), key.place) {
            let message = format!("the zone {name} is listed twice");
            cx.findings.add(
                Finding::error("P011", key.place, message)
                    .label("and here")
                    .other(first, "first here")
                    .hint("put both into one"),
            );
            continue;
        }
        if !cx.domains.is_empty() && !cx.domains.contains_key(&name) {
            let message = format!("the zone {name} is none of the `domains`");
            cx.findings.add(
                Finding::error("P020", key.place, message)
                    .hint(format!("correct it, or add {name} to `domains`")),
            );
        }
        if let Some(given) = value.given() {
            zones.insert(name, zone(cx, plan, &given.value, key.place));
        }
    }
    (zones, addresses(&dns.value.resolvers))
}

fn addresses(field: &Field<Items<Parsed<SocketAddr>>>) -> Vec<SocketAddr> {
    field.value().map(|items| items.0.iter().map(|item| item.value.0).collect()).unwrap_or_default()
}

fn zone(cx: &Lowering<'_>, plan: &MigrationPlan, zone: &Zone, place: Place) -> DesiredZone {
    let position = |place| cx.files.position(place);
    let mx = zone.mx.given().and_then(|given| {
        let wish = match &given.value {
            MxSet::Microsoft365 => microsoft365::of_the_tenant(cx, plan, given.place),
            MxSet::Records(records) => mx(cx, records, given.place).map(Wish::Exactly),
        };
        Some((wish?, position(given.place)))
    });
    let spf = zone.spf.given().and_then(|given| {
        let wish = match given.value.trim() {
            MICROSOFT_365 => microsoft365::of_the_tenant(cx, plan, given.place),
            _ => spf(cx, given).map(Wish::Exactly),
        };
        Some((wish?, position(given.place)))
    });
    let autodiscover = zone.autodiscover.given().and_then(|given| {
        let wish = match given.value.0.as_str() {
            MICROSOFT_365 => microsoft365::of_the_tenant(cx, plan, given.place),
            target if !target.contains('.') => {
                let message = format!("`{target}` is not the full name of a host");
                let hint = "write for example `autodiscover.acme.example`, or `microsoft-365`";
                cx.findings.add(Finding::error("P027", given.place, message).hint(hint));
                None
            }
            target => Some(Wish::Exactly(target.to_owned())),
        };
        Some((wish?, position(given.place)))
    });
    DesiredZone {
        mx,
        spf,
        autodiscover,
        servers: addresses(&zone.servers),
        position: Some(position(place)),
    }
}

fn mx(cx: &Lowering<'_>, given: &Items<WrittenMx>, place: Place) -> Option<BTreeSet<Mx>> {
    let problem = |place, message: &str, hint: &str| {
        cx.findings.add(Finding::error("P027", place, message).hint(hint));
        None
    };
    let mut hosts: BTreeMap<String, Place> = BTreeMap::new();
    let mut records = BTreeSet::new();
    for item in &given.0 {
        let host = cx.need(&item.value.host, item.place, "host", "the MX record");
        let preference = cx.need(&item.value.preference, item.place, "preference", "the MX record");
        let (host, preference) = (host?, preference?);
        let name = match host.value.as_str() {
            "." => ".".to_owned(),
            text => match text.parse::<Domain>() {
                // An address looks like a name of digits; RFC 5321 section 5.1 wants a name.
                Ok(name) if text.parse::<std::net::IpAddr>().is_err() => name.as_str().to_owned(),
                _ => {
                    let message = format!("`{}` is not the name of a host", shown(text.as_bytes()));
                    return problem(
                        host.place,
                        &message,
                        "an MX record names a host, never an address",
                    );
                }
            },
        };
        if let Some(first) = hosts.insert(name.clone(), host.place) {
            let message = format!("the MX host {name} is listed twice");
            cx.findings.add(
                Finding::error("P027", host.place, message)
                    .label("and here")
                    .other(first, "first here")
                    .hint("remove one of the two"),
            );
        }
        records.insert(Mx { preference: preference.value, host: name });
    }
    if records.is_empty() {
        return problem(
            place,
            "a zone without MX would lose mail",
            "list the hosts that take mail, or leave `mx` out to leave it alone",
        );
    }
    if records.iter().any(|mx| mx.host == "." && (mx.preference != 0 || records.len() > 1)) {
        return problem(
            place,
            "`.` says that the domain takes no mail and stands alone with preference 0",
            "see RFC 7505; remove `.` or everything else",
        );
    }
    Some(records)
}

fn spf(cx: &Lowering<'_>, given: &Spanned<String>) -> Option<String> {
    let text = given.value.trim();
    let version = text.split(' ').next().unwrap_or_default();
    if !version.eq_ignore_ascii_case("v=spf1") || !text.chars().all(|c| (' '..='~').contains(&c)) {
        let message = "an SPF record starts with `v=spf1` and is plain ASCII";
        cx.findings
            .add(Finding::error("P027", given.place, message).hint(
                "write the whole record, for example `v=spf1 include:spf.acme.example -all`",
            ));
        return None;
    }
    Some(text.to_owned())
}
