//! Source folders that show messages of other folders: copied, their mail would be there twice.

use super::drafts::Drafts;
use super::mailbox::Scope;
use super::mapping::Pair;
use super::plan::WaitingOn;
use super::{codes, guard};
use crate::model::folder::FolderPath;
use std::collections::BTreeMap;

/// The destinations of such folders that nobody spoke for, and what everything there waits for.
#[derive(Debug, Default)]
pub(super) struct Views(BTreeMap<FolderPath, WaitingOn>);

impl Views {
    /// Guards each folder with the special use `\All` or `\Flagged` that the migration plan neither
    /// excludes nor names.
    pub(super) fn find(scope: &Scope<'_>, pairs: &[Pair<'_>], drafts: &mut Drafts) -> Self {
        let mut found = Self::default();
        for pair in pairs {
            let special_use = scope.special_use(pair.source).filter(|it| it.is_view());
            let Some(special_use) = special_use else { continue };
            if scope.desired.folders.names(pair.source, special_use) {
                continue;
            }
            let guard = guard::make(
                codes::SHOWN_TWICE,
                format!("{}/{}", scope.address, pair.source),
                format!(
                    "{} shows messages that lie in other folders as well, as a rule: copied, they \
                     are there twice; exclude it (`folders.exclude`), or accept it when it holds \
                     mail of its own",
                    pair.source
                ),
                vec![format!("{} has the special use {special_use} at the source", pair.source)],
                Some(&scope.wanted.position),
                &scope.desired.acknowledged,
            );
            let on = guard::wait(&guard).map(|on| (pair.destination.clone(), on));
            found.0.extend(on);
            drafts.guards.push(guard);
        }
        found
    }

    /// Returns what an action on this destination path waits for.
    pub(super) fn wait(&self, path: &FolderPath) -> Option<WaitingOn> {
        self.0.get(path).cloned()
    }
}
