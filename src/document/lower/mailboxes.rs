//! The mailboxes: one by one or from a CSV file.

use super::super::csv_file;
use super::super::finding::Finding;
use super::super::migration_plan::{Mailbox, MigrationPlan};
use super::super::node::Place;
use super::super::spanned::{Field, Spanned};
use super::sides::{LoweredSide, SideLogin};
use super::{Lowering, folders, messages, microsoft365};
use crate::desired::{DesiredMailbox, Login, LoginStyle, SecretRef};
use crate::model::address::Address;
use crate::model::server::Endpoint;
use std::collections::BTreeMap;

/// What was said about a mailbox, whichever way.
struct Entry {
    address: Address,
    /// Where the address stands.
    place: Place,
    destination: Address,
    destination_place: Place,
    source: Own,
    target: Own,
    mailbox: Option<usize>,
}

/// What a mailbox says itself about signing in.
#[derive(Default)]
struct Own {
    secret: Option<SecretRef>,
    user: Option<String>,
    /// A finding says what is wrong.
    broken: bool,
}

pub(super) fn mailboxes(
    cx: &mut Lowering<'_>,
    plan: &MigrationPlan,
    source: Option<&LoweredSide>,
    destination: Option<&LoweredSide>,
) -> BTreeMap<Address, DesiredMailbox> {
    let items = plan.mailboxes.value().map(|items| items.0.as_slice()).unwrap_or_default();
    let mut entries = Vec::new();
    for (index, item) in items.iter().enumerate() {
        if item.value.csv.is_absent() {
            entries.extend(one(cx, item, index));
        } else {
            from_csv(cx, item, &mut entries);
        }
    }
    let mut result = BTreeMap::new();
    let mut addresses: BTreeMap<Address, Place> = BTreeMap::new();
    let mut destinations: BTreeMap<Address, Place> = BTreeMap::new();
    let all = messages::choice(cx, &plan.messages);
    for entry in entries {
        if !is_new(cx, &entry, &mut addresses, &mut destinations) {
            continue;
        }
        check_domain(cx, &entry);
        if let (Some(source), Some(destination)) = (source, destination) {
            check_not_itself(cx, &entry, &source.side.endpoint, &destination.side.endpoint);
        }
        let item = entry.mailbox.and_then(|index| items.get(index));
        let patterns = item.and_then(|item| item.value.folders.value());
        let exclude = patterns.map(|own| folders::patterns(cx, &own.exclude)).unwrap_or_default();
        let messages = item.map_or(all, |item| messages::own(cx, &item.value.messages, all));
        if let Some(item) = item.filter(|_| microsoft365::is_destination(plan)) {
            microsoft365::no_password(cx, &item.value);
        }
        let source_login = sign_in(cx, &entry, &entry.address, &entry.source, source, true);
        let target_login =
            sign_in(cx, &entry, &entry.destination, &entry.target, destination, false);
        let (Some(source_login), Some(destination_login)) = (source_login, target_login) else {
            continue;
        };
        let position = cx.files.position(item.map_or(entry.place, |item| item.place));
        let mailbox = DesiredMailbox {
            source: entry.address.clone(),
            destination: entry.destination,
            source_login,
            destination_login,
            exclude,
            messages,
            position,
        };
        result.insert(entry.address, mailbox);
    }
    result
}

fn one(cx: &mut Lowering<'_>, item: &Spanned<Mailbox>, index: usize) -> Option<Entry> {
    let mailbox = &item.value;
    let address = cx.need(&mailbox.address, item.place, "address", "the mailbox");
    let source_secret =
        short(cx, ("secret", &mailbox.secret), ("source_secret", &mailbox.source_secret));
    let source_user = short(cx, ("user", &mailbox.user), ("source_user", &mailbox.source_user));
    let source = own(cx, source_secret, source_user);
    let target = own(cx, &mailbox.destination_secret, &mailbox.destination_user);
    let address = address?;
    let destination = match &mailbox.destination {
        Field::Given(given) => Some((given.value.0.clone(), given.place)),
        Field::Absent => Some((address.value.0.clone(), address.place)),
        Field::Wrong => None,
    };
    let (destination, destination_place) = destination?;
    Some(Entry {
        address: address.value.0.clone(),
        place: address.place,
        destination,
        destination_place,
        source,
        target,
        mailbox: Some(index),
    })
}

/// Of a key and its short form only one may be there.
fn short<'v>(
    cx: &Lowering<'_>,
    (short, brief): (&str, &'v Field<String>),
    (long, full): (&str, &'v Field<String>),
) -> &'v Field<String> {
    if let (Some(brief), Some(full)) = (brief.place(), full.place()) {
        let message = format!("`{short}` and `{long}` say the same thing twice");
        cx.findings.add(
            Finding::error("P024", full, message)
                .other(brief, "and here")
                .hint(format!("`{short}` is short for `{long}`; remove one of the two")),
        );
    }
    if full.is_absent() { brief } else { full }
}

fn own(cx: &mut Lowering<'_>, secret: &Field<String>, user: &Field<String>) -> Own {
    let reference = secret.value().and_then(|name| cx.secrets.get(name));
    if let Some(user) = user.given().filter(|user| user.value.is_empty()) {
        cx.findings.add(
            Finding::error("P004", user.place, "the log-in name is empty")
                .hint("leave the key out when it is the address"),
        );
    }
    Own {
        broken: !secret.is_absent() && reference.is_none(),
        secret: reference,
        user: user.value().cloned(),
    }
}

fn from_csv(cx: &mut Lowering<'_>, item: &Spanned<Mailbox>, entries: &mut Vec<Entry>) {
    let mailbox = &item.value;
    let others = [
        ("destination", mailbox.destination.is_absent()),
        ("address", mailbox.address.is_absent()),
        ("secret", mailbox.secret.is_absent()),
        ("source_secret", mailbox.source_secret.is_absent()),
        ("destination_secret", mailbox.destination_secret.is_absent()),
        ("user", mailbox.user.is_absent()),
        ("source_user", mailbox.source_user.is_absent()),
        ("destination_user", mailbox.destination_user.is_absent()),
        ("folders", mailbox.folders.is_absent()),
    ];
    for (key, absent) in others {
        if !absent {
            let message = format!("`{key}` cannot stand beside `csv`");
            cx.findings.add(
                Finding::error("P024", item.place, message)
                    .hint("a CSV file stands for many mailboxes; list this one by its address"),
            );
        }
    }
    let Some(csv) = mailbox.csv.given() else { return };
    let Some(table) = csv_file::read(csv, cx.files, cx.findings, &mut cx.digest) else { return };
    for row in table.rows {
        let secret =
            row.has_password.then(|| SecretRef::Csv { file: table.path.clone(), row: row.number });
        entries.push(Entry {
            address: row.address.clone(),
            place: row.place,
            destination: row.address,
            destination_place: row.place,
            source: Own { secret, user: row.user, broken: false },
            target: Own::default(),
            mailbox: None,
        });
    }
}

fn is_new(
    cx: &Lowering<'_>,
    entry: &Entry,
    addresses: &mut BTreeMap<Address, Place>,
    destinations: &mut BTreeMap<Address, Place>,
) -> bool {
    if let Some(first) = addresses.get(&entry.address) {
        let message = format!("the mailbox {} is listed twice", entry.address);
        cx.findings.add(
            Finding::error("P011", entry.place, message)
                .label("and here")
                .other(*first, "first here")
                .hint("remove one of the two; case makes no difference in addresses"),
        );
        return false;
    }
    addresses.insert(entry.address.clone(), entry.place);
    if let Some(first) = destinations.get(&entry.destination) {
        let message = format!("two mailboxes go to the same destination {}", entry.destination);
        cx.findings.add(
            Finding::error("P012", entry.destination_place, message)
                .label("and here")
                .other(*first, "first here")
                .hint("give one of the two another `destination`; mailboxes are not merged"),
        );
        return false;
    }
    destinations.insert(entry.destination.clone(), entry.destination_place);
    true
}

fn check_domain(cx: &Lowering<'_>, entry: &Entry) {
    let domain = entry.address.domain();
    if cx.domains.is_empty() || cx.domains.contains_key(&domain) {
        return;
    }
    let listed: Vec<&str> = cx.domains.keys().map(crate::model::address::Domain::as_str).collect();
    let message = format!("{} is in none of the `domains`", entry.address);
    cx.findings.add(
        Finding::error("P020", entry.place, message)
            .hint(format!("correct it, or add {domain} to `domains` ({})", listed.join(", "))),
    );
}

/// Source and destination being one mailbox, everything would be there twice.
fn check_not_itself(cx: &Lowering<'_>, entry: &Entry, source: &Endpoint, target: &Endpoint) {
    // 143 and 993 are two doors of one server.
    let door = |port: u16| if port == 143 { 993 } else { port };
    let same = source.host.eq_ignore_ascii_case(&target.host)
        && door(source.port) == door(target.port)
        && entry.address == entry.destination;
    if same {
        let message = format!("{} would be copied into itself", entry.address);
        cx.findings.add(
            Finding::error("P025", entry.place, message)
                .hint(format!("source and destination are both {}", source.host)),
        );
    }
}

fn sign_in(
    cx: &Lowering<'_>,
    entry: &Entry,
    address: &Address,
    own: &Own,
    side: Option<&LoweredSide>,
    is_source: bool,
) -> Option<Login> {
    if let Some(secret) = &own.secret {
        let user = own.user.clone().unwrap_or_else(|| address.as_str().to_owned());
        return Some(Login { style: LoginStyle::Login { user }, secret: secret.clone() });
    }
    let side: &SideLogin = &side?.login;
    if own.broken {
        return None;
    }
    if let Some(login) = side.of(address, own.user.as_deref()) {
        return Some(login);
    }
    if !side.broken {
        let (name, key) = if is_source {
            ("source", "source_secret")
        } else {
            ("destination", "destination_secret")
        };
        let message = format!("nothing says how to sign in to {address} at the {name}");
        cx.findings.add(
            Finding::error("P023", entry.place, message).hint(format!(
                "give the mailbox a `{key}`, or the {name} a `login` or `passwords`"
            )),
        );
    }
    None
}
