//! Plans the subscriptions that the source has and the destination lacks.

use super::collisions::Collisions;
use super::drafts::Drafts;
use super::mailbox::{Scope, Standing};
use super::mapping::Pair;
use super::plan::{Action, Kind, SetSubscription, State};
use crate::model::folder::FolderPath;

/// Plans a subscription for each subscribed source folder. Where the destination folder could not
/// be read, or may not be created, nothing is known about its subscription and nothing is planned.
pub(super) fn plan(
    scope: &Scope<'_>,
    pairs: &[Pair<'_>],
    collisions: &Collisions,
    drafts: &mut Drafts,
) {
    for pair in pairs {
        if !pair.folder.is_some_and(|(state, _)| state.subscribed) {
            continue;
        }
        let id = scope.subscription_id(&pair.destination);
        let create = scope.create_id(&pair.destination);
        let needs = match scope.standing(&pair.destination) {
            Standing::Selectable(state, _) if state.subscribed => {
                drafts.as_wanted.insert(id);
                continue;
            }
            Standing::Selectable(..) => None,
            Standing::Missing | Standing::NameOnly if drafts.has(&create) => Some(create),
            Standing::Missing | Standing::NameOnly | Standing::Unreadable(_) => continue,
        };
        let mut on = scope.on.clone();
        on.extend(collisions.wait(&pair.destination));
        let action = Action {
            id,
            kind: Kind::SetSubscription(SetSubscription {
                mailbox: scope.address.clone(),
                destination_mailbox: scope.wanted.destination.clone(),
                folder: pair.destination.clone(),
            }),
            before: State::Subscribed(false),
            after: State::Subscribed(true),
            reason: reason(pair.source),
            position: Some(scope.wanted.position.clone()),
            needs: needs.into_iter().collect(),
            reversible: true,
            visible: false,
        };
        drafts.action(action, on);
    }
}

fn reason(source: &FolderPath) -> String {
    format!("{source} is subscribed at the source")
}
