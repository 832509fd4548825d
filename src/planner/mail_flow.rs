//! Whether the mail of a domain still arrives at the source.

use super::object;
use super::tenant::{self, Untold};
use crate::desired::{Desired, Wish};
use crate::model::address::Domain;
use crate::model::reading::Reading;
use crate::model::records::Mx;
use crate::observed::{DomainState, ZoneState};
use std::collections::BTreeSet;

/// Where the mail of a domain arrives, as far as its name servers tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MailFlow {
    /// No MX is one of those that the migration plan wants, at any server.
    AtSource(BTreeSet<Mx>),
    /// It arrives at the destination, or on its way there, with the reason.
    Moved(String),
    /// Something could not be read; names an entry of the plan's unknown.
    Unreadable(String),
    /// The tenant does not say yet where it shall arrive, for this reason.
    Untold(String),
    /// The migration plan has no MX of the domain.
    Unwatched,
}

/// Tells where the mail of a domain arrives; every authoritative server has to say the same.
pub fn of(
    domain: &Domain,
    desired: &Desired,
    directory: Option<&Reading<DomainState>>,
    seen: Option<&Reading<ZoneState>>,
) -> MailFlow {
    let zone = desired.zones.get(domain);
    match zone.and_then(|zone| zone.mx.as_ref()) {
        None => MailFlow::Unwatched,
        Some((Wish::Exactly(wanted), _)) => {
            flow(domain, wanted, desired.microsoft365.is_some(), seen)
        }
        // Of a zone that cannot be read the plan says no more than that.
        Some((Wish::Microsoft365, _)) if servers(seen).is_none() => {
            MailFlow::Unreadable(object::zone(domain))
        }
        Some((Wish::Microsoft365, _)) => match tenant::records(domain, desired, directory) {
            Ok(records) if records.mx.is_empty() => {
                MailFlow::Unreadable(object::at_tenant("mx", domain))
            }
            Ok(records) => flow(domain, &records.mx, true, seen),
            Err(Untold::NotYet { why, .. }) => MailFlow::Untold(why),
            Err(Untold::Unread { object, .. }) => MailFlow::Unreadable(object),
        },
    }
}

/// Tells it once more for an action that was planned with [`of`] and knows the MX that it saw. The
/// directory of a tenant is not asked again: only the same MX lets the action go on.
pub fn again(domain: &Domain, desired: &Desired, seen: Option<&Reading<ZoneState>>) -> MailFlow {
    let zone = desired.zones.get(domain);
    match zone.and_then(|zone| zone.mx.as_ref()) {
        None => MailFlow::Unwatched,
        Some((Wish::Exactly(wanted), _)) => {
            flow(domain, wanted, desired.microsoft365.is_some(), seen)
        }
        Some((Wish::Microsoft365, _)) => flow(domain, &BTreeSet::new(), true, seen),
    }
}

/// Tells whether a host takes mail for Exchange Online, whatever the directory names now: Microsoft
/// gives a domain the one or the other, and an old one goes on taking mail.
fn is_exchange_online(host: &str) -> bool {
    [".mail.protection.outlook.com", ".mx.microsoft"].iter().any(|end| host.ends_with(end))
}

/// Returns the zone when it could be read and has servers.
fn servers(seen: Option<&Reading<ZoneState>>) -> Option<&ZoneState> {
    seen.and_then(Reading::present).filter(|state| !state.authoritative.is_empty())
}

fn flow(
    domain: &Domain,
    wanted: &BTreeSet<Mx>,
    tenant: bool,
    seen: Option<&Reading<ZoneState>>,
) -> MailFlow {
    let Some(state) = servers(seen) else { return MailFlow::Unreadable(object::zone(domain)) };
    let mut now: Option<BTreeSet<Mx>> = None;
    let mut unreadable = None;
    for (server, reading) in &state.authoritative {
        let Reading::Present(view) = reading else {
            unreadable.get_or_insert_with(|| object::name_server(server, domain));
            continue;
        };
        let records = match &view.mx {
            Reading::Present(set) => &set.records,
            Reading::Absent => return MailFlow::Moved(format!("{server} has no MX of {domain}")),
            Reading::Unreadable(_) => {
                unreadable.get_or_insert_with(|| object::records("mx", domain, server));
                continue;
            }
        };
        // RFC 7505: a null MX says that the domain takes no mail.
        if records.iter().any(|mx| mx.host == ".") {
            return MailFlow::Moved(format!("{server} says that {domain} takes no mail"));
        }
        let arrives = |mx: &&Mx| {
            wanted.iter().any(|one| one.host == mx.host) || (tenant && is_exchange_online(&mx.host))
        };
        if let Some(mx) = records.iter().find(arrives) {
            return MailFlow::Moved(format!("the MX of {domain} is {mx} at {server}"));
        }
        match &now {
            Some(others) if others != records => {
                return MailFlow::Moved(format!(
                    "the MX of {domain} is changing: its servers differ"
                ));
            }
            _ => now = Some(records.clone()),
        }
    }
    match (unreadable, now) {
        (None, Some(now)) => MailFlow::AtSource(now),
        (Some(object), _) => MailFlow::Unreadable(object),
        (None, None) => MailFlow::Unreadable(object::zone(domain)),
    }
}
