//! The section `secrets`, and who refers to it.

use super::super::Options;
use super::super::csv_file::path_finding;
use super::super::files::Files;
use super::super::finding::{Finding, Findings};
use super::super::migration_plan::{MigrationPlan, Secret};
use super::super::node::Place;
use super::super::spanned::{Field, Spanned};
use crate::desired::SecretRef;
use std::collections::{BTreeMap, BTreeSet};

/// Where each named secret comes from; `None` when a finding says what is wrong with it.
#[derive(Debug, Default)]
pub(super) struct SecretTable {
    named: BTreeMap<String, (Option<SecretRef>, Place)>,
    used: BTreeSet<String>,
}

impl SecretTable {
    pub(super) fn new(
        plan: &MigrationPlan,
        files: &Files,
        findings: &Findings,
        options: &Options,
    ) -> Self {
        let mut table = Self::default();
        let Some(entries) = plan.secrets.value() else { return table };
        for (name, secret) in &entries.0 {
            if let Some((_, first)) = table.named.get(&name.value) {
                let message = format!("the secret `{}` is named twice", name.value);
                findings.add(
                    Finding::error("P011", name.place, message)
                        .other(*first, "first here")
                        .hint("give one of the two another name"),
                );
                continue;
            }
            let reference = match secret {
                Field::Given(secret) => reference(name, &secret.value, files, findings, options),
                Field::Absent | Field::Wrong => None,
            };
            table.named.insert(name.value.clone(), (reference, name.place));
        }
        table
    }

    /// Returns what a name refers to. A name of nothing was reported when the tree was checked.
    pub(super) fn get(&mut self, name: &str) -> Option<SecretRef> {
        let (reference, _) = self.named.get(name)?;
        self.used.insert(name.to_owned());
        reference.clone()
    }

    pub(super) fn report_unused(&self, findings: &Findings) {
        if findings.errors() > 0 {
            // What is wrong elsewhere could be the use.
            return;
        }
        for (name, (_, place)) in &self.named {
            if !self.used.contains(name) {
                let message = format!("nothing uses the secret `{name}`");
                findings.add(Finding::warning("P017", *place, message).hint("remove it"));
            }
        }
    }
}

fn reference(
    name: &Spanned<String>,
    secret: &Secret,
    files: &Files,
    findings: &Findings,
    options: &Options,
) -> Option<SecretRef> {
    let absent = [secret.env.is_absent(), secret.file.is_absent(), secret.command.is_absent()];
    if absent.iter().filter(|absent| !**absent).count() != 1 {
        let message = format!("the secret `{}` needs exactly one source", name.value);
        findings.add(
            Finding::error("P024", name.place, message)
                .hint("write `env: NAME`, `file: path` or `command: [program, argument]`"),
        );
        return None;
    }
    if let Some(file) = secret.file.given() {
        return match files.resolve(&file.value, false) {
            Ok(path) => Some(SecretRef::File(path)),
            Err(error) => {
                findings.add(path_finding(file, &error));
                None
            }
        };
    }
    if let Some(command) = secret.command.given() {
        let words: Vec<String> = command.value.0.iter().map(|word| word.value.clone()).collect();
        if words.first().is_none_or(String::is_empty) {
            findings.add(
                Finding::error("P004", command.place, "the command names no program")
                    .hint("write `command: [program, argument]`"),
            );
            return None;
        }
        if !options.allow_commands && !options.rehearsing {
            let message = format!("the secret `{}` would run a program", name.value);
            findings.add(Finding::error("P022", command.place, message).hint(
                "allow it when you start mailferry, never in the migration plan; or use `env` or \
                 `file`",
            ));
            return None;
        }
        return Some(SecretRef::Command(words));
    }
    secret.env.value().map(|name| SecretRef::Env(name.clone()))
}
