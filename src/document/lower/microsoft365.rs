//! A tenant of Microsoft 365 as the destination.

use super::super::finding::Finding;
use super::super::migration_plan::{
    Destination, DestinationProduct, Mailbox, MigrationPlan, SourceProduct,
};
use super::super::node::Place;
use super::super::spanned::Spanned;
use super::Lowering;
use crate::desired::{Microsoft365, Wish};
use crate::model::address::Domain;
use crate::model::folder::FolderPath;
use crate::model::words::shown;
use std::collections::{BTreeMap, BTreeSet};

/// Where the folders of Rackspace Email belong that Exchange has under other names.
const FOLDERS: [(&str, &str); 4] = [
    ("Sent", "Sent Items"),
    ("Trash", "Deleted Items"),
    ("Spam", "Junk Email"),
    ("Junk", "Junk Email"),
];

/// Tells whether mail goes to a tenant.
pub(super) fn is_destination(plan: &MigrationPlan) -> bool {
    let product = plan.destination.value().and_then(|side| side.product.value());
    product == Some(&DestinationProduct::Microsoft365)
}

/// Returns the map and the merge that hold from Rackspace Email when the migration plan has no map.
pub(super) fn folders(
    plan: &MigrationPlan,
) -> Option<(BTreeMap<FolderPath, FolderPath>, BTreeSet<FolderPath>)> {
    let source = plan.source.value().and_then(|side| side.product.value());
    let mapped = plan.folders.value().is_some_and(|folders| !folders.map.is_absent());
    if mapped || source != Some(&SourceProduct::RackspaceEmail) || !is_destination(plan) {
        return None;
    }
    let path = |text: &str| text.parse::<FolderPath>().ok();
    let map: BTreeMap<_, _> =
        FOLDERS.iter().filter_map(|(from, to)| Some((path(from)?, path(to)?))).collect();
    Some((map, path("Junk Email").into_iter().collect()))
}

/// Returns what the tenant says; a finding where there is none.
pub(super) fn of_the_tenant<T>(
    cx: &Lowering<'_>,
    plan: &MigrationPlan,
    place: Place,
) -> Option<Wish<T>> {
    if is_destination(plan) {
        return Some(Wish::Microsoft365);
    }
    // A product that is wrong or missing is told where it stands.
    let known = plan.destination.value().is_some_and(|side| side.product.value().is_some());
    if known {
        let message = "no tenant is the destination, so that nobody can be asked for this record";
        cx.findings.add(Finding::error("P032", place, message).hint(
            "write the record itself, or `product: microsoft-365` where that is the destination",
        ));
    }
    None
}

/// Reads tenant and app of the destination; `None` when a finding says what is wrong.
pub(super) fn tenant(cx: &mut Lowering<'_>, side: &Spanned<Destination>) -> Option<Microsoft365> {
    let (given, place) = (&side.value, side.place);
    for (key, field) in [("login", given.login.place()), ("passwords", given.passwords.place())] {
        if let Some(place) = field {
            let message = format!("`{key}` makes no sense with `microsoft-365`");
            cx.findings.add(Finding::error("P032", place, message).hint(
                "Exchange Online takes no passwords over IMAP; the app of `app` signs in to every \
                 mailbox, so remove it",
            ));
        }
    }
    let tenant = cx.need(&given.tenant, place, "tenant", "the destination").and_then(|tenant| {
        let text = tenant.value.to_lowercase();
        let named = text.contains('.') && text.is_ascii() && text.parse::<Domain>().is_ok();
        if named || is_identifier(&text) {
            return Some(text);
        }
        let message = format!("`{}` is no tenant", shown(tenant.value.as_bytes()));
        cx.findings.add(
            Finding::error("P004", tenant.place, message)
                .hint("write its identifier or one of its domains, such as acme.onmicrosoft.com"),
        );
        None
    });
    let app = cx.need(&given.app, place, "app", "the destination")?;
    let client_id =
        cx.need(&app.value.client_id, app.place, "client_id", "`app`").and_then(|given| {
            let text = given.value.to_lowercase();
            if is_identifier(&text) {
                return Some(text);
            }
            let message = format!("`{}` is no identifier of an app", shown(given.value.as_bytes()));
            cx.findings.add(Finding::error("P004", given.place, message).hint(
                "write the Application (client) ID of the app registration, 32 hexadecimal digits \
                 in five groups",
            ));
            None
        });
    let secret = cx.need(&app.value.secret, app.place, "secret", "`app`");
    let secret = secret.and_then(|secret| cx.secrets.get(&secret.value));
    Some(Microsoft365 { tenant: tenant?, client_id: client_id?, secret: secret?, ca: None })
}

/// Reports what only a tenant has, at a destination of another product.
pub(super) fn no_tenant(cx: &Lowering<'_>, side: &Destination) {
    for (key, field) in [("tenant", side.tenant.place()), ("app", side.app.place())] {
        if let Some(place) = field {
            let message = format!("`{key}` makes sense with `product: microsoft-365` only");
            cx.findings.add(
                Finding::error("P032", place, message).hint("remove it, or correct the product"),
            );
        }
    }
}

/// Reports a password for a mailbox to which the app signs in.
pub(super) fn no_password(cx: &Lowering<'_>, mailbox: &Mailbox) {
    if let Some(place) = mailbox.destination_secret.place() {
        let message = "`destination_secret` makes no sense with `microsoft-365`";
        cx.findings.add(Finding::error("P032", place, message).hint(
            "Exchange Online takes no passwords over IMAP; the app of `destination.app` signs in, \
             so remove it",
        ));
    }
}

/// Tells whether a text is a GUID as Microsoft prints it.
fn is_identifier(text: &str) -> bool {
    let groups: Vec<&str> = text.split('-').collect();
    groups.iter().map(|group| group.len()).eq([8, 4, 4, 4, 12])
        && groups.iter().all(|group| group.bytes().all(|octet| octet.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identifier_has_five_groups_of_hexadecimal_digits() {
        assert!(is_identifier("8d3ba5c1-3f4e-4c55-9d0b-0c1d2e3f4a5b"));
        for wrong in [
            "",
            "8d3ba5c1",
            "8d3ba5c1-3f4e-4c55-9d0b-0c1d2e3f4a5g",
            "8d3ba5c13f4e4c559d0b0c1d2e3f4a5b",
        ] {
            assert!(!is_identifier(wrong), "{wrong}");
        }
    }
}
