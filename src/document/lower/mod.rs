//! From the migration plan as written to what is wanted, with all checks that need more than one
//! value.

mod checks;
mod dns;
mod folders;
mod mailboxes;
mod messages;
mod microsoft365;
mod secrets;
mod sides;

use super::Options;
use super::files::Files;
use super::finding::{Finding, Findings};
use super::migration_plan::{Acknowledge, MigrationPlan};
use super::node::Place;
use super::spanned::{Field, Spanned};
use crate::desired::{Acknowledgement, Desired};
use crate::model::address::Domain;
use crate::model::digest::Hasher;
use crate::model::words::shown;
use secrets::SecretTable;
use std::collections::BTreeMap;

/// What all parts share.
struct Lowering<'a> {
    files: &'a mut Files,
    findings: &'a Findings,
    secrets: SecretTable,
    domains: BTreeMap<Domain, Place>,
    digest: Hasher,
    /// See [`Options::rehearsing`].
    rehearsing: bool,
}

/// Returns what is wanted; `None` or an error among the findings when it cannot be said.
pub(super) fn lower(
    plan: &MigrationPlan,
    top: Place,
    files: &mut Files,
    findings: &Findings,
    options: &Options,
    digest: Hasher,
) -> Option<Desired> {
    let secrets = SecretTable::new(plan, files, findings, options);
    let domains = domains(plan, findings);
    let rehearsing = options.rehearsing;
    let mut cx = Lowering { files, findings, secrets, domains, digest, rehearsing };
    for (key, absent) in [
        ("version", plan.version.is_absent()),
        ("name", plan.name.is_absent()),
        ("domains", plan.domains.is_absent()),
        ("source", plan.source.is_absent()),
        ("destination", plan.destination.is_absent()),
        ("mailboxes", plan.mailboxes.is_absent()),
    ] {
        if absent {
            cx.missing(top, key, "the migration plan");
        }
    }
    if let Some(version) = plan.version.given().filter(|version| version.value != 1) {
        let message = format!("version {} of the migration plan is not known", version.value);
        findings.add(Finding::error("P030", version.place, message).hint("write `version: 1`"));
    }
    let name = plan.name.given().and_then(|name| cx.name(name));
    let source = sides::source(&mut cx, plan);
    let destination = sides::destination(&mut cx, plan);
    let folders = folders::policy(&cx, plan);
    let mailboxes = mailboxes::mailboxes(&mut cx, plan, source.as_ref(), destination.as_ref());
    let pacing = messages::pacing(&cx, plan);
    let (zones, resolvers) = dns::zones(&cx, plan);
    let acknowledged = plan
        .acknowledge
        .value()
        .map(|items| items.0.iter().filter_map(|item| acknowledgement(&cx, item)).collect())
        .unwrap_or_default();
    let (sample, compare) = checks::checks(&cx, plan);
    cx.secrets.report_unused(findings);
    let destination = destination?;
    Some(Desired {
        name: name?,
        document: cx.digest.finish(),
        source: source?.side,
        destination: destination.side,
        microsoft365: destination.microsoft365,
        mailboxes,
        folders,
        pacing,
        zones,
        resolvers,
        acknowledged,
        sample,
        compare,
    })
}

impl Lowering<'_> {
    /// Reports a key that has to be there.
    fn missing(&self, place: Place, key: &str, object: &str) {
        let message = format!("{object} lacks `{key}`");
        self.findings.add(
            Finding::error("P005", place, message)
                .hint(format!("add `{key}`; the schema says what it takes")),
        );
    }

    /// Returns what is given, and reports its lack.
    fn need<'v, T>(
        &self,
        field: &'v Field<T>,
        place: Place,
        key: &str,
        object: &str,
    ) -> Option<&'v Spanned<T>> {
        if field.is_absent() {
            self.missing(place, key, object);
        }
        field.given()
    }

    fn name(&self, name: &Spanned<String>) -> Option<String> {
        let fits = |c: char| c.is_alphanumeric() || "-_.".contains(c);
        let text = &name.value;
        if text.is_empty() || text.len() > 100 || !text.chars().all(fits) || text.starts_with('.') {
            // It becomes a part of file names.
            let message = format!("`{}` cannot be the name of a migration", shown(text.as_bytes()));
            self.findings
                .add(Finding::error("P004", name.place, message).hint(
                    "up to 100 letters, digits, `-`, `_` and `.`, the last not at the start",
                ));
            return None;
        }
        Some(text.clone())
    }
}

fn domains(plan: &MigrationPlan, findings: &Findings) -> BTreeMap<Domain, Place> {
    let mut domains: BTreeMap<Domain, Place> = BTreeMap::new();
    let Some(items) = plan.domains.given() else { return domains };
    if items.value.0.is_empty() && findings.errors() == 0 {
        findings.add(
            Finding::error("P005", items.place, "`domains` names no domain")
                .hint("list the domains whose mailboxes move"),
        );
    }
    for item in &items.value.0 {
        if let Some(first) = domains.get(&item.value.0) {
            let message = format!("the domain {} is listed twice", item.value.0);
            findings.add(
                Finding::error("P011", item.place, message)
                    .other(*first, "first here")
                    .hint("remove one of the two"),
            );
            continue;
        }
        domains.insert(item.value.0.clone(), item.place);
    }
    domains
}

fn acknowledgement(cx: &Lowering<'_>, item: &Spanned<Acknowledge>) -> Option<Acknowledgement> {
    let what = "the acknowledgement";
    let code = cx.need(&item.value.code, item.place, "code", what);
    let object = cx.need(&item.value.object, item.place, "object", what);
    let digest = cx.need(&item.value.digest, item.place, "digest", what);
    let (code, object, digest) = (code?, object?, digest?);
    let problem = |given: &Spanned<String>, expected: &str| {
        let message = format!("`{}` is not {expected}", shown(given.value.as_bytes()));
        cx.findings.add(
            Finding::error("P029", given.place, message)
                .hint("copy the whole entry as `mailferry plan` prints it"),
        );
    };
    let digits = code.value.strip_prefix('G').unwrap_or_default();
    if digits.len() != 3 || !digits.bytes().all(|c| c.is_ascii_digit()) {
        problem(code, "the code of a guard");
        return None;
    }
    if digest.value.len() != 12 || !digest.value.bytes().all(|c| c.is_ascii_hexdigit()) {
        problem(digest, "a digest of twelve hexadecimal digits");
        return None;
    }
    Some(Acknowledgement {
        code: code.value.clone(),
        object: object.value.clone(),
        digest: digest.value.to_ascii_lowercase(),
        position: cx.files.position(item.place),
    })
}
