//! DNS records: mailferry compares them at every authoritative server; a person changes them.

use super::drafts::Drafts;
use super::plan::{ActionId, PersonStep, Records, WaitingOn};
use super::tenant::{self, Untold};
use super::{codes, object, spf};
use crate::desired::{Desired, DesiredZone, Wish};
use crate::model::address::Domain;
use crate::model::position::Position;
use crate::model::reading::{Failure, Reading};
use crate::model::records::{Mx, RecordSet};
use crate::observed::{DomainState, Observed, ZoneState, ZoneView};
use std::collections::BTreeSet;

/// A wanted record set.
enum Wanted {
    Mx(BTreeSet<Mx>),
    Spf { record: String, merged: bool },
    Cname { name: String, target: String },
}

/// What one server answered about a wanted record set.
enum Answer {
    AsWanted,
    Other(Records),
    Unread(Failure),
}

/// Plans one zone and returns how many of its authoritative servers could be read, of how many.
pub(super) fn plan(
    desired: &Desired,
    zone: &Domain,
    wanted: &DesiredZone,
    observed: &Observed,
    drafts: &mut Drafts,
    for_person: &mut Vec<PersonStep>,
) -> (u32, u32) {
    let wants = wants(wanted);
    if wants.is_empty() {
        return (0, 0);
    }
    let directory = observed.directory.get(zone);
    let verified = tenant::verified(zone, wanted, desired, directory, drafts);
    let Some(state) = readable(zone, wanted, observed, drafts) else {
        for (what, _) in &wants {
            drafts.count(kind(what), false);
        }
        return (0, 0);
    };
    let mut read = (0, 0);
    for (server, reading) in &state.authoritative {
        read.1 += 1;
        let failure = match reading {
            Reading::Present(_) => {
                read.0 += 1;
                continue;
            }
            Reading::Unreadable(failure) => failure.clone(),
            Reading::Absent => Failure {
                message: format!("{server} does not serve the zone {zone}"),
                words: None,
                hint: Some("Correct the NS records of the zone, or the server.".to_owned()),
            },
        };
        drafts.unknown(object::name_server(server, zone), failure, wanted.position.as_ref());
    }
    for (what, position) in wants {
        let settled = match resolved(what, zone, desired, wanted, directory, state) {
            Ok(records) => {
                costly(zone, &records, position, drafts);
                let on = if what == "mx" { verified.clone() } else { Vec::new() };
                compare(zone, what, &records, position, state, read, on, drafts, for_person)
            }
            Err(Untold::NotYet { why, step }) => {
                for_person.push(untold(what, zone, &why, &step, position, verified.clone()));
                false
            }
            Err(Untold::Unread { object, failure }) => {
                drafts.unknown(object, failure, Some(position));
                false
            }
        };
        drafts.count(kind(what), settled);
    }
    read
}

fn kind(what: &str) -> &'static str {
    match what {
        "mx" => "MX record sets",
        "spf" => "SPF records",
        _ => "autodiscover records",
    }
}

/// Returns what the migration plan says something about.
fn wants(wanted: &DesiredZone) -> Vec<(&'static str, &Position)> {
    [
        ("mx", wanted.mx.as_ref().map(|(_, position)| position)),
        ("spf", wanted.spf.as_ref().map(|(_, position)| position)),
        ("autodiscover", wanted.autodiscover.as_ref().map(|(_, position)| position)),
    ]
    .into_iter()
    .filter_map(|(what, position)| Some((what, position?)))
    .collect()
}

/// Makes the step of records that the tenant does not name yet.
fn untold(
    what: &str,
    zone: &Domain,
    why: &str,
    step: &str,
    position: &Position,
    on: Vec<WaitingOn>,
) -> PersonStep {
    let name = match what {
        "mx" => "MX",
        "spf" => "SPF record",
        _ => "autodiscover record",
    };
    PersonStep {
        id: ActionId(format!("{what}/{zone}")),
        zone: zone.clone(),
        records: Records::Untold,
        servers: Vec::new(),
        instruction: format!(
            "The {name} is not known yet, because {why}: {step}, then plan again and enter what the \
             tenant names."
        ),
        on,
        position: Some(position.clone()),
    }
}

/// Remarks an SPF record that uses up what it may cost by itself.
fn costly(zone: &Domain, wanted: &Wanted, position: &Position, drafts: &mut Drafts) {
    let Wanted::Spf { record, merged: true } = wanted else { return };
    let (count, most) = (spf::lookups(record), spf::LOOKUPS);
    if count >= most {
        let message = format!(
            "the SPF record has {count} terms that ask DNS, what its includes ask counts as well, and \
             more than {most} in all make it void (RFC 7208, 4.6.4)"
        );
        drafts.finding(codes::COSTLY_SPF, zone.as_str(), message, Some(position));
    }
}

/// Returns the records that are wanted, or why nobody knows them.
fn resolved(
    what: &str,
    zone: &Domain,
    desired: &Desired,
    wanted: &DesiredZone,
    directory: Option<&Reading<DomainState>>,
    state: &ZoneState,
) -> Result<Wanted, Untold> {
    let records = || tenant::records(zone, desired, directory);
    let lacks = |name: &str| {
        let failure = Failure {
            message: format!("the tenant names no {name} for {zone}"),
            words: None,
            hint: Some(
                "Finish the set-up of the domain for Exchange in the Microsoft 365 admin center, \
                 or write the record itself."
                    .to_owned(),
            ),
        };
        Untold::record(what, zone, failure)
    };
    let cname = |target: String| Wanted::Cname { name: format!("autodiscover.{zone}"), target };
    match (what, &wanted.mx, &wanted.spf, &wanted.autodiscover) {
        ("mx", Some((Wish::Exactly(set), _)), ..) => Ok(Wanted::Mx(set.clone())),
        ("mx", ..) => match &records()?.mx {
            set if set.is_empty() => Err(lacks("MX")),
            set => Ok(Wanted::Mx(set.clone())),
        },
        ("spf", _, Some((Wish::Exactly(record), _)), _) => {
            Ok(Wanted::Spf { record: record.clone(), merged: false })
        }
        ("spf", ..) => {
            let asked = records()?.spf.as_ref().ok_or_else(|| lacks("SPF record"))?;
            let record = merged(zone, asked, state);
            record
                .map(|record| Wanted::Spf { record, merged: true })
                .map_err(|failure| Untold::record(what, zone, failure))
        }
        (_, _, _, Some((Wish::Exactly(target), _))) => Ok(cname(target.clone())),
        _ => match &records()?.autodiscover {
            Some(target) => Ok(cname(target.clone())),
            None => Err(lacks("autodiscover record")),
        },
    }
}

/// Merges what the tenant asks for into the SPF record that the servers give; they have to agree,
/// but for those that have it merged already.
fn merged(zone: &Domain, asked: &str, state: &ZoneState) -> Result<String, Failure> {
    let failure = |message: String| Failure {
        message,
        words: None,
        hint: Some(
            "Leave one right SPF record at every server of the zone, or write the whole record in \
             `spf`; then plan again."
                .to_owned(),
        ),
    };
    let mut all = BTreeSet::new();
    for view in state.authoritative.values().filter_map(Reading::present) {
        // One that cannot be read is named where it is compared.
        let Ok(now) = spf_records(view) else { continue };
        let merged = spf::merged(&now, asked)
            .map_err(|why| failure(format!("the SPF record of {zone} cannot be merged: {why}")))?;
        all.insert(merged);
    }
    let mut all = all.into_iter();
    match (all.next(), all.next()) {
        (Some(one), None) => Ok(one),
        (None, _) => Err(failure(format!("no server of {zone} gave its TXT records"))),
        (Some(_), Some(_)) => {
            Err(failure(format!("the servers of {zone} differ in the SPF record to merge into")))
        }
    }
}

/// Returns the zone when it could be read and has servers; names it as unknown otherwise.
fn readable<'a>(
    zone: &Domain,
    wanted: &DesiredZone,
    observed: &'a Observed,
    drafts: &mut Drafts,
) -> Option<&'a ZoneState> {
    let sentence =
        |message: String, hint: &str| Failure { message, words: None, hint: Some(hint.to_owned()) };
    let failure = match observed.dns.get(zone) {
        Some(Reading::Present(state)) if !state.authoritative.is_empty() => return Some(state),
        Some(Reading::Present(_)) => sentence(
            format!("no authoritative name server of {zone} is known"),
            "Name them in dns.zones, or correct the NS records of the zone.",
        ),
        Some(Reading::Absent) => sentence(
            format!("the zone {zone} does not exist"),
            "Register or delegate the zone, or remove it from the migration plan.",
        ),
        Some(Reading::Unreadable(failure)) => failure.clone(),
        None => sentence(
            format!("the zone {zone} was not looked at"),
            "Plan again without leaving it out.",
        ),
    };
    drafts.unknown(object::zone(zone), failure, wanted.position.as_ref());
    None
}

#[allow(clippy::too_many_arguments, reason = "one call; each is a different thing")]
fn compare(
    zone: &Domain,
    what: &str,
    wanted: &Wanted,
    position: &Position,
    state: &ZoneState,
    read: (u32, u32),
    on: Vec<WaitingOn>,
    drafts: &mut Drafts,
    for_person: &mut Vec<PersonStep>,
) -> bool {
    let mut differ: Vec<(String, Records)> = Vec::new();
    let mut answered = 0;
    for (server, view) in &state.authoritative {
        let Some(view) = view.present() else { continue };
        match answer(wanted, view) {
            Answer::AsWanted => answered += 1,
            Answer::Other(records) => {
                answered += 1;
                differ.push((server.clone(), records));
            }
            Answer::Unread(failure) => {
                drafts.unknown(object::records(what, zone, server), failure, Some(position));
            }
        }
    }
    resolvers(zone, what, wanted, position, state, differ.is_empty(), drafts);
    let everywhere = read.0 == read.1 && answered == state.authoritative.len();
    let Some((_, records)) = differ.first().cloned() else { return everywhere };
    let servers = if differ.len() == state.authoritative.len() {
        Vec::new()
    } else {
        differ.into_iter().map(|(server, _)| server).collect()
    };
    for_person.push(PersonStep {
        id: ActionId(format!("{what}/{zone}")),
        zone: zone.clone(),
        instruction: instruction(zone, wanted, &records, !servers.is_empty()),
        on,
        records,
        servers,
        position: Some(position.clone()),
    });
    false
}

/// A resolver may give old records until their time to live is over, so that it blocks nothing.
fn resolvers(
    zone: &Domain,
    what: &str,
    wanted: &Wanted,
    position: &Position,
    state: &ZoneState,
    in_place: bool,
    drafts: &mut Drafts,
) {
    for (resolver, reading) in &state.resolvers {
        let silent = |about: &str, why: &str| {
            let message = format!("resolver {resolver} told nothing about {about}: {why}");
            Some((codes::RESOLVER_SILENT, message))
        };
        let remark = match reading {
            Reading::Unreadable(failure) => silent("the zone", &failure.message),
            Reading::Absent => silent("the zone", "it says that it does not exist"),
            Reading::Present(view) => match answer(wanted, view) {
                Answer::Unread(failure) => silent(what, &failure.message),
                Answer::Other(_) if in_place => Some((
                    codes::RESOLVER_BEHIND,
                    format!("resolver {resolver} still answers with other {what} records"),
                )),
                Answer::Other(_) | Answer::AsWanted => None,
            },
        };
        let Some((code, message)) = remark else { continue };
        drafts.finding(code, zone.as_str(), message, Some(position));
    }
}

fn answer(wanted: &Wanted, view: &ZoneView) -> Answer {
    match wanted {
        Wanted::Mx(set) => match known(&view.mx) {
            Err(failure) => Answer::Unread(failure),
            Ok(Some(now)) if now.records == *set => Answer::AsWanted,
            Ok(now) => Answer::Other(Records::Mx { now, wanted: set.clone() }),
        },
        Wanted::Spf { record, .. } => match spf_records(view) {
            Err(failure) => Answer::Unread(failure),
            Ok(now) if now.len() == 1 && now.contains(record) => Answer::AsWanted,
            Ok(now) => Answer::Other(Records::Spf { now, wanted: record.clone() }),
        },
        Wanted::Cname { name, target } => {
            let Some(reading) = view.cname.get(name) else {
                return Answer::Unread(Failure {
                    message: format!("{name} was not asked for"),
                    words: None,
                    hint: None,
                });
            };
            match known(reading) {
                Err(failure) => Answer::Unread(failure),
                Ok(Some(now)) if now.records.iter().eq([target]) => Answer::AsWanted,
                Ok(now) => Answer::Other(Records::Cname {
                    name: name.clone(),
                    now,
                    wanted: target.clone(),
                }),
            }
        }
    }
}

fn known<T: Ord + Clone>(reading: &Reading<RecordSet<T>>) -> Result<Option<RecordSet<T>>, Failure> {
    match reading {
        Reading::Present(set) => Ok(Some(set.clone())),
        Reading::Absent => Ok(None),
        Reading::Unreadable(failure) => Err(failure.clone()),
    }
}

/// Returns the SPF records among the TXT records that a server gave.
fn spf_records(view: &ZoneView) -> Result<BTreeSet<String>, Failure> {
    let texts = known(&view.txt)?.map(|set| set.records).unwrap_or_default();
    Ok(texts.into_iter().filter(|text| is_spf(text)).collect())
}

/// Tells whether a text is an SPF record: the version, then a blank or the end, RFC 7208
/// section 4.5.
fn is_spf(text: &str) -> bool {
    let mut words = text.split(' ');
    words.next().is_some_and(|version| version.eq_ignore_ascii_case("v=spf1"))
}

fn instruction(zone: &Domain, wanted: &Wanted, now: &Records, partly: bool) -> String {
    let entered = match (wanted, now) {
        (Wanted::Mx(set), Records::Mx { now, .. }) => {
            let records: Vec<String> = set.iter().map(|mx| format!("`{mx}`")).collect();
            let verb = if now.is_some() { "replace all MX records by" } else { "enter the MX" };
            format!("{verb} {}, once `mailferry verify` holds", records.join(" and "))
        }
        (Wanted::Spf { record, merged }, Records::Spf { now, .. }) => match now.len() {
            // Until then everybody may send mail of the domain, the old service as well.
            0 if *merged => format!(
                "enter the TXT record `{record}`, with whatever else still sends mail of {zone} \
                 added before its `all`: it names the tenant alone"
            ),
            0 => format!("enter the TXT record `{record}`"),
            1 => format!("replace the TXT record that starts with `v=spf1` by `{record}`"),
            _ => format!(
                "replace all {} TXT records that start with `v=spf1` by the one `{record}`",
                now.len()
            ),
        },
        (Wanted::Cname { name, target }, _) => {
            format!("let `{name}` be one CNAME to `{target}.` and nothing else")
        }
        _ => String::new(),
    };
    let also = if partly {
        "; if it is entered already, wait until the servers agree, or ask the DNS host why they \
         do not"
    } else {
        ""
    };
    format!("At the DNS host of {zone}: {entered}{also}.")
}
