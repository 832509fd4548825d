//! What the directory of a tenant says about a domain.

use super::drafts::Drafts;
use super::plan::WaitingOn;
use super::{codes, guard, object};
use crate::desired::{Desired, DesiredZone};
use crate::model::address::Domain;
use crate::model::reading::{Failure, Reading};
use crate::observed::{DomainState, ServiceRecords};

/// Returns the records that the tenant wants for a domain, or why nobody knows them.
pub(super) fn records<'a>(
    domain: &Domain,
    seen: Option<&'a Reading<DomainState>>,
) -> Result<&'a ServiceRecords, Failure> {
    let unknown =
        |message: String, hint: &str| Failure { message, words: None, hint: Some(hint.to_owned()) };
    match seen {
        Some(Reading::Present(state)) => match &state.records {
            Reading::Present(records) => Ok(records),
            Reading::Unreadable(failure) => Err(failure.clone()),
            Reading::Absent => Err(unknown(
                format!("the tenant gives no records for {domain}"),
                "Verify the domain in the Microsoft 365 admin center and finish its set-up, then plan again.",
            )),
        },
        Some(Reading::Unreadable(failure)) => Err(failure.clone()),
        Some(Reading::Absent) => Err(unknown(
            format!("the tenant has no domain {domain}, so that it gives no records for it"),
            "Add the domain in the Microsoft 365 admin center and verify it, then plan again.",
        )),
        None => Err(not_looked_up(domain)),
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
    let (Some((_, position)), Some(app)) = (&zone.mx, &desired.microsoft365) else {
        return Vec::new();
    };
    let (state, step) = match seen {
        Some(Reading::Present(state)) if state.verified => return Vec::new(),
        Some(Reading::Present(state)) => {
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
            (format!("{domain} is not verified at the tenant {}", app.tenant), step)
        }
        Some(Reading::Absent) => (
            format!("the tenant {} has no domain {domain}", app.tenant),
            "add it in the Microsoft 365 admin center and verify it".to_owned(),
        ),
        Some(Reading::Unreadable(failure)) => {
            let object = object::at_tenant("domain", domain);
            drafts.unknown(object.clone(), failure.clone(), Some(position));
            return vec![WaitingOn::Readable(object)];
        }
        None => {
            let object = object::at_tenant("domain", domain);
            drafts.unknown(object.clone(), not_looked_up(domain), Some(position));
            return vec![WaitingOn::Readable(object)];
        }
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
