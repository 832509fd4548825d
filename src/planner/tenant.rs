//! What the directory of a tenant says about a domain.

use super::drafts::Drafts;
use super::plan::WaitingOn;
use super::{codes, guard, object};
use crate::desired::{Desired, DesiredZone};
use crate::model::address::Domain;
use crate::model::reading::{Failure, Reading};
use crate::observed::{DomainState, ServiceRecords};

/// Why nobody knows what a tenant wants for a domain.
pub(super) enum Untold {
    /// It tells when somebody has done something first.
    NotYet {
        /// What stands in the way.
        why: String,
        /// What is to be done.
        step: String,
    },
    /// It could not be read.
    Unread {
        /// The entry of the plan's unknown; the same one whatever is wanted.
        object: String,
        /// Why.
        failure: Failure,
    },
}

impl Untold {
    fn unread(what: &str, domain: &Domain, failure: Failure) -> Self {
        Self::Unread { object: object::at_tenant(what, domain), failure }
    }

    /// A record of a domain makes no sense, or is none.
    pub(super) fn record(what: &str, domain: &Domain, failure: Failure) -> Self {
        Self::unread(what, domain, failure)
    }
}

/// Returns the records that the tenant wants for a domain, or why nobody knows them.
pub(super) fn records<'a>(
    domain: &Domain,
    desired: &Desired,
    seen: Option<&'a Reading<DomainState>>,
) -> Result<&'a ServiceRecords, Untold> {
    if let Some((why, step)) = unverified(domain, desired, seen) {
        return Err(Untold::NotYet { why, step });
    }
    match seen {
        Some(Reading::Present(state)) => match &state.records {
            Reading::Present(records) => Ok(records),
            Reading::Unreadable(failure) => {
                Err(Untold::unread("records", domain, failure.clone()))
            }
            Reading::Absent => Err(Untold::unread("records", domain, Failure {
                message: format!("the tenant gives no records for {domain}"),
                words: None,
                hint: Some("Finish the set-up of the domain in the Microsoft 365 admin center, then plan again.".to_owned()),
            })),
        },
        Some(Reading::Unreadable(failure)) => Err(Untold::unread("domain", domain, failure.clone())),
        Some(Reading::Absent) | None => Err(Untold::unread("domain", domain, not_looked_up(domain))),
    }
}

/// Returns that a domain is not verified at the tenant, and what is to be done about it; `None` when
/// it is, or when nobody knows.
fn unverified(
    domain: &Domain,
    desired: &Desired,
    seen: Option<&Reading<DomainState>>,
) -> Option<(String, String)> {
    let tenant = desired.microsoft365.as_ref().map_or("", |app| &app.tenant);
    match seen? {
        Reading::Present(state) if !state.verified => {
            let texts: Vec<String> =
                state.verification.iter().map(|text| format!("`{text}`")).collect();
            let step = if texts.is_empty() {
                "verify it in the Microsoft 365 admin center".to_owned()
            } else {
                format!(
                    "enter the TXT record {} in the zone and verify it in the Microsoft 365 admin center",
                    texts.join(" or ")
                )
            };
            Some((format!("{domain} is not verified at the tenant {tenant}"), step))
        }
        Reading::Absent => Some((
            format!("the tenant {tenant} has no domain {domain}"),
            "add it in the Microsoft 365 admin center and verify it".to_owned(),
        )),
        Reading::Present(_) | Reading::Unreadable(_) => None,
    }
}

fn not_looked_up(domain: &Domain) -> Failure {
    Failure {
        message: format!("{domain} was not looked up at the tenant"),
        words: None,
        hint: Some("Plan again without leaving it out.".to_owned()),
    }
}

/// Returns what a change of the MX waits for: that the domain is verified at the tenant, because
/// mail for any other one is refused there. The copy of mail does not wait for it.
pub(super) fn verified(
    domain: &Domain,
    zone: &DesiredZone,
    desired: &Desired,
    seen: Option<&Reading<DomainState>>,
    drafts: &mut Drafts,
) -> Vec<WaitingOn> {
    let (Some((_, position)), Some(_)) = (&zone.mx, &desired.microsoft365) else {
        return Vec::new();
    };
    let Some((state, step)) = unverified(domain, desired, seen) else {
        let failure = match seen {
            Some(Reading::Present(_)) => return Vec::new(),
            Some(Reading::Unreadable(failure)) => failure.clone(),
            Some(Reading::Absent) | None => not_looked_up(domain),
        };
        let object = object::at_tenant("domain", domain);
        drafts.unknown(object.clone(), failure, Some(position));
        return vec![WaitingOn::Readable(object)];
    };
    let guard = guard::make(
        codes::NOT_VERIFIED,
        domain.to_string(),
        format!("{state}, and would refuse its mail; {step} before the MX changes"),
        vec![state],
        Some(position),
        &desired.acknowledged,
    );
    let on = guard::wait(&guard).into_iter().collect();
    drafts.guards.push(guard);
    on
}
