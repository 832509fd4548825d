//! Special uses of folders, RFC 6154: which of them come along.

use super::codes;
use super::drafts::Drafts;
use super::mailbox::Scope;
use super::mapping::Pair;
use crate::desired::Mapped;
use crate::model::folder::{FolderPath, SpecialUse};
use crate::profile::uses::Uses;
use std::collections::{BTreeMap, BTreeSet};

/// Returns the special use that each folder gets when it is created: that of the first source folder
/// that goes there, where the destination can set one and no folder of it has that use.
pub(super) fn at_creation(
    scope: &Scope<'_>,
    pairs: &[Pair<'_>],
    missing: impl Fn(&FolderPath) -> bool,
) -> BTreeMap<FolderPath, SpecialUse> {
    let mut given = BTreeMap::new();
    if !can_be_set(scope) {
        return given;
    }
    let mut taken: BTreeSet<SpecialUse> = BTreeSet::new();
    for pair in pairs.iter().filter(|pair| pair.folder.is_some()) {
        let Some(special_use) = wanted(scope, pair) else { continue };
        let held = scope.target.uses.of(special_use).next().is_some();
        let free = !held && !given.contains_key(&pair.destination) && missing(&pair.destination);
        if free && taken.insert(special_use) {
            given.insert(pair.destination.clone(), special_use);
        }
    }
    given
}

fn can_be_set(scope: &Scope<'_>) -> bool {
    scope.destination.capabilities.contains("CREATE-SPECIAL-USE")
}

/// A folder that shows messages of others is a plain folder at the destination.
fn wanted(scope: &Scope<'_>, pair: &Pair<'_>) -> Option<SpecialUse> {
    scope.special_use(pair.source).filter(|special_use| !special_use.is_view())
}

/// Says which folders go where their special use is, and which special uses do not come along.
pub(super) fn remark(scope: &Scope<'_>, pairs: &[Pair<'_>], drafts: &mut Drafts) {
    let mut lost = Vec::new();
    for pair in pairs.iter().filter(|pair| pair.folder.is_some()) {
        let Some(special_use) = scope.special_use(pair.source) else { continue };
        if goes_by_use(scope, pair, special_use) {
            let message = format!(
                "{} goes to {}, because both are {special_use}; `folders.map` can say otherwise",
                pair.source, pair.destination
            );
            let position = Some(&scope.wanted.position);
            drafts.finding(codes::BY_SPECIAL_USE, scope.address.as_str(), message, position);
        }
        let there = scope.target.uses.of(special_use).collect::<Vec<_>>();
        let set = drafts.special_use_of(&scope.create_id(&pair.destination)) == Some(special_use);
        if set || there.contains(&&pair.destination) {
            continue;
        }
        let other: Vec<String> = there.iter().map(ToString::to_string).collect();
        lost.push(if other.is_empty() {
            format!("{} ({special_use})", pair.source)
        } else {
            format!("{} ({special_use}, which is {} there)", pair.source, other.join(" and "))
        });
    }
    if !lost.is_empty() {
        let message = format!(
            "the special use does not come along of {}; mail programs at the destination choose \
             these folders themselves",
            lost.join(", ")
        );
        let position = Some(&scope.wanted.position);
        drafts.finding(codes::LOST_SPECIAL_USE, scope.address.as_str(), message, position);
    }
}

/// Tells whether the folder would go elsewhere if the destination told no special uses.
fn goes_by_use(scope: &Scope<'_>, pair: &Pair<'_>, special_use: SpecialUse) -> bool {
    let (policy, exclude) = (&scope.desired.folders, &scope.wanted.exclude);
    let without = policy.wanted(pair.source, Some(special_use), exclude, &Uses::default());
    let with = policy.wanted(pair.source, Some(special_use), exclude, &scope.target.uses);
    match (without, with) {
        (Mapped::To { path: without, .. }, Mapped::To { path: with, .. }) => without != with,
        _ => false,
    }
}
