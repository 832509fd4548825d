//! `include`: further files whose lists are added to those of the migration plan.

use super::files::{Files, read_text};
use super::finding::{Finding, Findings};
use super::migration_plan::MigrationPlan;
use super::node::{Kind, Node, Place};
use super::spanned::{Entries, Field, Items, Spanned};
use super::{csv_file, yaml};
use crate::model::words::shown;
use std::collections::BTreeSet;

/// What an included file may hold, with the keys of a section that is shared.
const ALLOWED: [(&str, &[&str]); 7] = [
    ("version", &[]),
    ("domains", &[]),
    ("secrets", &[]),
    ("mailboxes", &[]),
    ("folders", &["map", "merge", "rules", "exclude"]),
    ("dns", &["zones"]),
    ("acknowledge", &[]),
];

/// Reads the files that `main` includes, as trees.
pub(super) fn read(main: &Node, files: &mut Files, findings: &Findings) -> Vec<Node> {
    let Some(Kind::List(items)) = main.get("include").map(|node| &node.kind) else {
        return Vec::new();
    };
    let (mut trees, mut seen) = (Vec::new(), BTreeSet::new());
    for item in items {
        let Some(text) = item.text() else { continue };
        let given = Spanned { value: text.to_owned(), place: item.place };
        let name = shown(text.as_bytes());
        let path = match files.resolve(text, true) {
            Ok(path) => path,
            Err(error) => {
                findings.add(csv_file::path_finding(&given, &error));
                continue;
            }
        };
        // Excerpts of a secret file must not be had by including it, nor through a link.
        if !path.extension().is_some_and(|end| end == "yaml" || end == "yml") {
            let message = format!("the included file `{name}` is not named like YAML");
            findings.add(
                Finding::error("P010", item.place, message)
                    .hint("give it a name that ends in `.yaml`"),
            );
            continue;
        }
        if !seen.insert(path.clone()) {
            let message = format!("`{name}` is included twice");
            findings.add(Finding::error("P010", item.place, message).hint("remove one of the two"));
            continue;
        }
        match read_text(&path, yaml::LARGEST) {
            Ok(content) => {
                let file = files.add(text, content);
                let tree = super::parse(file, files, findings);
                if tree.as_ref().is_some_and(|tree| !matches!(tree.kind, Kind::Map(_))) {
                    hide(file, files, findings);
                }
                trees.extend(tree);
            }
            Err(error) => {
                let message = format!("the included file `{name}` {}", error.reason());
                findings.add(
                    Finding::error("P010", item.place, message)
                        .hint("an included file is YAML in UTF-8 with at most 4 MiB"),
                );
            }
        }
    }
    trees
}

/// Keeps a file that is no part of a migration plan out of every excerpt.
fn hide(file: u32, files: &Files, findings: &Findings) {
    let length = files.get(file).map_or(0, |file| file.text.trim_end().len());
    let end = u32::try_from(length).unwrap_or(u32::MAX);
    findings.mask(Place { file, start: 0, end });
}

/// Reports what an included file may not hold, and takes it out.
pub(super) fn restrict(node: &mut Node, findings: &Findings) {
    let Kind::Map(entries) = &mut node.kind else { return };
    entries.retain_mut(|(key, value)| {
        let refuse = |place, what: &str| {
            let message = format!("`{what}` cannot stand in an included file");
            findings
                .add(Finding::error("P010", place, message).hint("move it to the migration plan"));
            false
        };
        let Some((_, inner)) = ALLOWED.iter().find(|(name, _)| *name == key.text) else {
            // Slips are better told by the reader, which knows what was meant.
            let known = ["name", "include", "source", "destination", "checks"];
            return !known.contains(&key.text.as_str()) || refuse(key.place, &key.text);
        };
        if let (false, Kind::Map(parts)) = (inner.is_empty(), &mut value.kind) {
            parts.retain(|(part, _)| {
                inner.contains(&part.text.as_str())
                    || refuse(part.place, &format!("{}.{}", key.text, part.text))
            });
        }
        true
    });
}

/// Adds the lists of an included file to the migration plan.
pub(super) fn merge(plan: &mut MigrationPlan, included: MigrationPlan) {
    items(&mut plan.domains, included.domains);
    entries(&mut plan.secrets, included.secrets);
    items(&mut plan.mailboxes, included.mailboxes);
    items(&mut plan.acknowledge, included.acknowledge);
    if let Field::Given(more) = included.folders {
        // A section that is wrong stays so: a finding has said why.
        if let Field::Given(Spanned { value: folders, .. }) = section(&mut plan.folders, &more) {
            entries(&mut folders.map, more.value.map);
            items(&mut folders.merge, more.value.merge);
            items(&mut folders.rules, more.value.rules);
            items(&mut folders.exclude, more.value.exclude);
        }
    }
    if let Field::Given(more) = included.dns
        && let Field::Given(Spanned { value: dns, .. }) = section(&mut plan.dns, &more)
    {
        entries(&mut dns.zones, more.value.zones);
    }
}

fn section<'a, T: Default>(field: &'a mut Field<T>, more: &Spanned<T>) -> &'a mut Field<T> {
    if field.is_absent() {
        *field = Field::Given(Spanned { value: T::default(), place: more.place });
    }
    field
}

fn items<T>(field: &mut Field<Items<T>>, more: Field<Items<T>>) {
    match (field, more) {
        (Field::Given(all), Field::Given(more)) => all.value.0.extend(more.value.0),
        (field @ Field::Absent, more) => *field = more,
        _ => {}
    }
}

fn entries<T>(field: &mut Field<Entries<T>>, more: Field<Entries<T>>) {
    match (field, more) {
        (Field::Given(all), Field::Given(more)) => all.value.0.extend(more.value.0),
        (field @ Field::Absent, more) => *field = more,
        _ => {}
    }
}
