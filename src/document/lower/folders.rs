//! The section `folders`.

use super::super::finding::Finding;
use super::super::migration_plan::{
    ByUse, Deletions, Folders, MigrationPlan, Moves, Rule, Transform,
};
use super::super::node::Place;
use super::super::spanned::{Field, Items, Parsed, Spanned};
use super::{Lowering, microsoft365};
use crate::desired::{self, FolderPolicy, FolderRule, Pattern};
use crate::model::folder::{FolderPath, SpecialUse};
use crate::model::share::Share;
use crate::model::words::shown;
use std::collections::{BTreeMap, BTreeSet};

pub(super) fn policy(cx: &Lowering<'_>, plan: &MigrationPlan) -> FolderPolicy {
    let (usual, together) = microsoft365::folders(plan).unwrap_or_default();
    let Some(folders) = plan.folders.value() else {
        return FolderPolicy { usual, merge: together, ..FolderPolicy::default() };
    };
    let mut merge: BTreeSet<FolderPath> = folders
        .merge
        .value()
        .map(|items| items.0.iter().map(|item| item.value.0.clone()).collect())
        .unwrap_or_default();
    merge.extend(together);
    FolderPolicy {
        map: map(cx, folders, &merge),
        by_use: by_use(cx, folders.by_use.value(), &merge),
        rules: rules(cx, &folders.rules),
        usual,
        exclude: patterns(cx, &folders.exclude),
        merge,
        characters: characters(cx, folders),
        moves: match folders.moves.value() {
            Some(Moves::Leave) => desired::Moves::Leave,
            Some(Moves::Follow) | None => desired::Moves::Follow,
        },
        deletions: deletions(cx, folders),
    }
}

fn deletions(cx: &Lowering<'_>, folders: &Folders) -> desired::Deletions {
    let share = folders.deletions_share.given().map_or(Share::default(), |given| {
        given.value.parse().unwrap_or_else(|reason: String| {
            let finding = Finding::error("P004", given.place, reason);
            cx.findings.add(finding.hint("the largest share that goes without a question"));
            Share::default()
        })
    });
    match folders.deletions.value() {
        Some(Deletions::Propagate) => desired::Deletions::Propagate(share),
        Some(Deletions::Ignore) | None => desired::Deletions::Ignore,
    }
}

/// Returns the names of the transforms that may be applied; `None` when nothing is said.
pub(super) fn transforms(plan: &MigrationPlan) -> Option<BTreeSet<String>> {
    let items = plan.folders.value()?.transforms.value()?;
    Some(items.0.iter().map(|item| name_of(item.value).to_owned()).collect())
}

const fn name_of(transform: Transform) -> &'static str {
    use crate::message::transform::Transform as Known;
    match transform {
        Transform::LineEnds => Known::LineEnds.name(),
        Transform::NulOctets => Known::NulOctets.name(),
        Transform::EightBitHeaders => Known::EightBitHeaders.name(),
        Transform::LongLines => Known::LongLines(0).name(),
    }
}

fn map(
    cx: &Lowering<'_>,
    folders: &Folders,
    merge: &BTreeSet<FolderPath>,
) -> BTreeMap<FolderPath, (FolderPath, Option<crate::model::position::Position>)> {
    let mut map = BTreeMap::new();
    let mut sources: BTreeMap<FolderPath, Place> = BTreeMap::new();
    let mut targets: BTreeMap<FolderPath, Place> = BTreeMap::new();
    let entries = folders.map.value().map(|entries| entries.0.as_slice()).unwrap_or_default();
    for (key, value) in entries {
        let from: FolderPath = match key.value.parse() {
            Ok(path) => path,
            Err(reason) => {
                let reason: String = reason;
                cx.findings.add(Finding::error("P004", key.place, reason).hint(PATH_HINT));
                continue;
            }
        };
        let Some(to) = value.given() else { continue };
        if let Some(first) = sources.get(&from) {
            let message = format!("the folder {from} is mapped twice");
            cx.findings.add(
                Finding::error("P011", key.place, message)
                    .label("and here")
                    .other(*first, "first here")
                    .hint("remove one of the two; INBOX is one folder in every spelling"),
            );
            continue;
        }
        sources.insert(from.clone(), key.place);
        let target = &to.value.0;
        collision(cx, &mut targets, merge, target, to.place);
        map.insert(from, (target.clone(), Some(cx.files.position(key.place))));
    }
    map
}

const PATH_HINT: &str = "write a folder path like `Projects/2024`, with `\\/` for a `/` in a name";

fn collision(
    cx: &Lowering<'_>,
    targets: &mut BTreeMap<FolderPath, Place>,
    merge: &BTreeSet<FolderPath>,
    target: &FolderPath,
    place: Place,
) {
    let Some(first) = targets.insert(target.clone(), place) else { return };
    if merge.contains(target) {
        return;
    }
    let message = format!("two folders go to {target}");
    cx.findings.add(
        Finding::error("P013", place, message)
            .label("and here")
            .other(first, "first here")
            .hint(format!("to put them together, say so: `merge: [ {target} ]`")),
    );
}

fn by_use(
    cx: &Lowering<'_>,
    given: Option<&ByUse>,
    merge: &BTreeSet<FolderPath>,
) -> BTreeMap<SpecialUse, FolderPath> {
    let Some(given) = given else { return BTreeMap::new() };
    let uses: [(SpecialUse, &Field<Parsed<FolderPath>>); 7] = [
        (SpecialUse::All, &given.all),
        (SpecialUse::Archive, &given.archive),
        (SpecialUse::Drafts, &given.drafts),
        (SpecialUse::Flagged, &given.flagged),
        (SpecialUse::Junk, &given.junk),
        (SpecialUse::Sent, &given.sent),
        (SpecialUse::Trash, &given.trash),
    ];
    let (mut result, mut targets) = (BTreeMap::new(), BTreeMap::new());
    for (special, field) in uses {
        if let Some(to) = field.given() {
            collision(cx, &mut targets, merge, &to.value.0, to.place);
            result.insert(special, to.value.0.clone());
        }
    }
    result
}

fn rules(cx: &Lowering<'_>, field: &Field<Items<Rule>>) -> Vec<FolderRule> {
    let items = field.value().map(|items| items.0.as_slice()).unwrap_or_default();
    items.iter().filter_map(|item| rule(cx, item)).collect()
}

fn rule(cx: &Lowering<'_>, item: &Spanned<Rule>) -> Option<FolderRule> {
    let given = cx.need(&item.value.r#match, item.place, "match", "the rule");
    let to = cx.need(&item.value.to, item.place, "to", "the rule");
    let (given, to) = (given?, to?);
    let pattern =
        match regex::RegexBuilder::new(&given.value).size_limit(1 << 20).build() {
            Ok(pattern) => pattern,
            Err(error) => {
                // The last line says what is wrong; those above draw a picture of their own.
                let text = error.to_string();
                let reason = text.lines().last().unwrap_or_default().trim_start_matches("error: ");
                let message =
                    format!("the rule is no regular expression: {}", shown(reason.as_bytes()));
                cx.findings.add(Finding::error("P014", given.place, message).hint(
                    "look-around and back-references are not taken; `\\` escapes a character",
                ));
                return None;
            }
        };
    if let Some(group) = unknown_group(&pattern, &to.value) {
        // It would be replaced by nothing.
        let message =
            format!("`to` uses the group `{}`, which `match` lacks", shown(group.as_bytes()));
        cx.findings.add(
            Finding::error("P014", to.place, message)
                .other(given.place, "the groups are here")
                .hint("write `${1}` where a letter, digit or `_` follows, and `$$` for a `$`"),
        );
        return None;
    }
    Some(FolderRule { pattern, to: to.value.clone(), position: cx.files.position(item.place) })
}

/// Returns the first group that a replacement uses and its expression does not have.
fn unknown_group(pattern: &regex::Regex, to: &str) -> Option<String> {
    let mut rest = to;
    while let Some((_, after)) = rest.split_once('$') {
        if let Some(behind) = after.strip_prefix('$') {
            rest = behind;
            continue;
        }
        let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let name = match after.strip_prefix('{').and_then(|inner| inner.split_once('}')) {
            Some((name, _)) => name,
            None => after.split(|c| !word(c)).next().unwrap_or_default(),
        };
        rest = after;
        let known = match name.parse::<usize>() {
            Ok(number) => number < pattern.captures_len(),
            Err(_) => pattern.capture_names().flatten().any(|known| known == name),
        };
        if !known {
            return Some(name.to_owned());
        }
    }
    None
}

/// Compiles the patterns of an `exclude`.
pub(super) fn patterns(cx: &Lowering<'_>, field: &Field<Items<String>>) -> Vec<Pattern> {
    let items = field.value().map(|items| items.0.as_slice()).unwrap_or_default();
    let compile =
        |item: &Spanned<String>| match Pattern::new(&item.value, cx.files.position(item.place)) {
            Ok(pattern) => Some(pattern),
            Err(reason) => {
                let message = format!("`{}` is no pattern: {reason}", shown(item.value.as_bytes()));
                cx.findings.add(Finding::error("P015", item.place, message).hint(
                    "`*` stands for anything within a name, `**` for any number of names; `\\` \
                 escapes a character",
                ));
                None
            }
        };
    items.iter().filter_map(compile).collect()
}

fn characters(cx: &Lowering<'_>, folders: &Folders) -> BTreeMap<char, String> {
    let entries =
        folders.characters.value().map(|entries| entries.0.as_slice()).unwrap_or_default();
    let mut result = BTreeMap::new();
    let keys: Vec<&str> = entries.iter().map(|(key, _)| key.value.as_str()).collect();
    for (key, value) in entries {
        let Some(value) = value.given() else { continue };
        let mut chars = key.value.chars();
        let (Some(character), None) = (chars.next(), chars.next()) else {
            let message = format!("`{}` is not one character", shown(key.value.as_bytes()));
            cx.findings.add(
                Finding::error("P004", key.place, message).hint("write one entry a character"),
            );
            continue;
        };
        if keys.iter().any(|key| !key.is_empty() && value.value.contains(key)) {
            cx.findings.add(
                Finding::error("P004", value.place, "the replacement has to be replaced itself")
                    .hint("use a character that the destination can store"),
            );
            continue;
        }
        result.insert(character, value.value.clone());
    }
    result
}
