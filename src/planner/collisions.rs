//! Folders that would meet at the destination although nobody said so.

use super::drafts::Drafts;
use super::mailbox::{Scope, Standing};
use super::mapping::Pair;
use super::order::folder_key;
use super::plan::WaitingOn;
use super::{codes, guard};
use crate::model::folder::FolderPath;
use crate::model::reading::Reading;
use icu_normalizer::ComposingNormalizerBorrowed;
use std::collections::{BTreeMap, BTreeSet};

/// The destination paths that collide, and what everything at or below them waits for.
#[derive(Debug, Default)]
pub(super) struct Collisions(Vec<(BTreeSet<FolderPath>, WaitingOn)>);

impl Collisions {
    /// Returns what an action on this destination path waits for.
    pub(super) fn wait(&self, path: &FolderPath) -> Vec<WaitingOn> {
        let meets = |paths: &BTreeSet<FolderPath>| paths.iter().any(|one| path.is_within(one));
        self.0.iter().filter(|(paths, _)| meets(paths)).map(|(_, on)| on.clone()).collect()
    }
}

/// Everything that is wanted under one name, upper and lower case not told apart: Exchange and
/// others hold `Work` and `work` as one folder. Nobody published whether they tell a composed `é`
/// from a decomposed one, so that these are asked about, too.
#[derive(Default)]
struct Group {
    /// Wanted, as targets or above them.
    spellings: BTreeSet<FolderPath>,
    /// Source folders by their target.
    sources: BTreeMap<FolderPath, Vec<String>>,
    /// At the destination, wanted by nobody.
    strangers: BTreeSet<FolderPath>,
}

/// Finds the collisions of one mailbox and guards each.
pub(super) fn find(scope: &Scope<'_>, pairs: &[Pair<'_>], drafts: &mut Drafts) -> Collisions {
    let mut found = Collisions::default();
    for group in groups(scope, pairs).into_values() {
        let (covers, by_case) = covers(scope, &group);
        let Some(first) = group.spellings.first().filter(|_| !covers.is_empty()) else { continue };
        let mut guard = guard::make(
            codes::COLLISION,
            format!("{}/{first}", scope.address),
            "folders collide at the destination; map one of them elsewhere, or name the \
             destination in folders.merge when they shall become one"
                .to_owned(),
            covers,
            Some(&scope.wanted.position),
            &scope.desired.acknowledged,
        );
        // Where the destination holds both as one, accepting them would not make them two.
        if by_case && scope.target.profile.names.ignores_case {
            (guard.acknowledged, guard.must_change) = (false, true);
            guard.message = String::from(
                "the destination holds names that differ in case only as one folder; map one of \
                 them elsewhere, or both to one name that folders.merge names",
            );
        }
        found.0.extend(guard::wait(&guard).map(|on| (group.spellings, on)));
        drafts.guards.push(guard);
    }
    found
}

fn groups(scope: &Scope<'_>, pairs: &[Pair<'_>]) -> BTreeMap<String, Group> {
    let mut groups: BTreeMap<String, Group> = BTreeMap::new();
    for pair in pairs {
        let sources = &mut groups.entry(folded(&pair.destination)).or_default().sources;
        sources.entry(pair.destination.clone()).or_default().push(pair.source.to_string());
        let mut at = Some(pair.destination.clone());
        while let Some(path) = at {
            at = path.parent();
            groups.entry(folded(&path)).or_default().spellings.insert(path);
        }
    }
    for (path, reading) in &scope.destination.folders {
        if let Some(group) = groups.get_mut(&folded(path))
            && *reading != Reading::Absent
            && !group.spellings.contains(path)
        {
            group.strangers.insert(path.clone());
        }
    }
    groups
}

/// Says what collides. It does not depend on which of the wanted folders exist already, so that
/// creating one of them does not void an acknowledgement.
fn covers(scope: &Scope<'_>, group: &Group) -> (Vec<String>, bool) {
    let mut covers = Vec::new();
    for (destination, sources) in &group.sources {
        if sources.len() > 1 && !scope.desired.folders.merge.contains(destination) {
            covers.push(format!("{} go to {destination}", sources.join(" and ")));
        }
    }
    // Below two spellings of one folder everything differs; that folder says it once.
    let parents: BTreeSet<Option<FolderPath>> =
        group.spellings.iter().map(FolderPath::parent).collect();
    let strangers: Vec<&FolderPath> =
        group.strangers.iter().filter(|path| parents.contains(&path.parent())).collect();
    let missing = |path: &FolderPath| matches!(scope.standing(path), Standing::Missing);
    let joins = !strangers.is_empty() && group.spellings.iter().any(missing);
    let names = &scope.target.profile.names;
    let by_case = (names.ignores_case || names.may_ignore_case)
        && parents.len() == 1
        && (group.spellings.len() > 1 || joins);
    if by_case {
        let mut shown: Vec<&FolderPath> = group.spellings.iter().chain(strangers).collect();
        shown.sort_by_cached_key(|path| folder_key(path));
        let shown: Vec<String> = shown.iter().map(ToString::to_string).collect();
        let lower: BTreeSet<String> = shown.iter().map(|name| name.to_lowercase()).collect();
        let cases = lower.len() < shown.len();
        let how = if cases { "upper and lower case" } else { "how accents are written" };
        covers.push(format!("{} differ in {how} only", shown.join(" and ")));
        return (covers, cases);
    }
    (covers, false)
}

/// Names that some server may take for one have one key: neither case nor the way in which accents
/// are written (composed or decomposed, Unicode Annex 15) is told apart.
pub(super) fn folded(path: &FolderPath) -> String {
    let composed = ComposingNormalizerBorrowed::new_nfc();
    composed.normalize(&path.to_string().to_lowercase()).into_owned()
}
