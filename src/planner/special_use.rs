//! Special uses of folders, RFC 6154: which of them come along.

use super::codes;
use super::drafts::Drafts;
use super::mailbox::Scope;
use super::mapping::Pair;
use crate::model::folder::{FolderPath, SpecialUse};
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
        let held = there(scope, special_use).next().is_some();
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

/// The destination's folders with a special use, also those of which nothing else could be read.
fn there<'a>(
    scope: &Scope<'a>,
    special_use: SpecialUse,
) -> impl Iterator<Item = &'a FolderPath> + use<'a> {
    let all = scope.destination.special_uses.iter();
    all.filter(move |(_, has)| **has == special_use).map(|(path, _)| path)
}

/// Says which special uses do not come along. A folder is not sent elsewhere for its use without a
/// word: what another tool copied under its own name would not be found there.
pub(super) fn remark(scope: &Scope<'_>, pairs: &[Pair<'_>], drafts: &mut Drafts) {
    let mut lost = Vec::new();
    let position = Some(&scope.wanted.position);
    for pair in pairs.iter().filter(|pair| pair.folder.is_some()) {
        let Some(special_use) = scope.special_use(pair.source) else { continue };
        let homes: Vec<&FolderPath> = there(scope, special_use).collect();
        let set = drafts.special_use_of(&scope.create_id(&pair.destination)) == Some(special_use);
        if set || homes.contains(&&pair.destination) {
            continue;
        }
        match homes.as_slice() {
            [home]
                if !special_use.is_view()
                    && !scope.desired.folders.names(pair.source, special_use) =>
            {
                let message = format!(
                    "{} is {special_use} and goes to {}, and at the destination {home} is \
                     {special_use}: `folders.map` or `folders.by_use` can send it there",
                    pair.source, pair.destination
                );
                drafts.finding(codes::OTHER_HOME, scope.address.as_str(), message, position);
            }
            _ => lost.push(format!("{} ({special_use})", pair.source)),
        }
    }
    if !lost.is_empty() {
        let message = format!(
            "the special use does not come along of {}; mail programs at the destination choose \
             these folders themselves",
            lost.join(", ")
        );
        drafts.finding(codes::LOST_SPECIAL_USE, scope.address.as_str(), message, position);
    }
}
