//! Plans the subscriptions that the source has and the destination lacks.

use super::codes;
use super::collisions::Collisions;
use super::drafts::Drafts;
use super::mailbox::{Scope, Standing, Waits};
use super::mapping::{self, Pair};
use super::plan::{Action, ActionId, Kind, SetSubscription, State};
use crate::model::folder::FolderPath;
use crate::model::reading::Reading;

/// Plans a subscription for each subscribed source folder. Where the destination folder could not
/// be read, or may not be created, nothing is known about its subscription and nothing is planned.
pub(super) fn plan(scope: &Scope<'_>, pairs: &[Pair<'_>], waits: &Waits<'_>, drafts: &mut Drafts) {
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
        on.extend(waits.collisions.wait(&pair.destination));
        on.extend(waits.views.wait(&pair.destination));
        drafts.action(action(scope, pair.source, &pair.destination, needs, false), on);
    }
}

/// Plans the subscriptions of names that have no folder at the source, only folders below them.
/// A destination has such a name, too, or makes a folder of it, when what is below it is there.
/// Where it says that nothing exists under the name, it takes no subscription.
pub(super) fn names(scope: &Scope<'_>, collisions: &Collisions, drafts: &mut Drafts) {
    let mut lost = Vec::new();
    for (source, destination) in mapping::subscribed_names(scope) {
        let id = scope.subscription_id(&destination);
        let there = scope.destination.folders.get(&destination).map(Reading::present);
        let needs = match there {
            Some(Some(state)) if state.subscribed => {
                drafts.as_wanted.insert(id);
                continue;
            }
            Some(Some(state)) if state.contents.is_some() => None,
            // Without RFC 5258 nobody can tell a name that exists from one that does not.
            Some(Some(state))
                if !state.non_existent
                    && scope.destination.capabilities.contains("LIST-EXTENDED") =>
            {
                None
            }
            Some(Some(_)) => {
                lost.push(destination.to_string());
                continue;
            }
            Some(None) => continue,
            None => match drafts.created_within(&scope.wanted.destination, &destination) {
                Some(create) => Some(create),
                None => continue,
            },
        };
        let mut on = scope.on.clone();
        on.extend(collisions.wait(&destination));
        drafts.action(action(scope, source, &destination, needs, true), on);
    }
    if !lost.is_empty() {
        let message = format!(
            "{} {} subscribed at the source and only a part of other names at the destination, \
             which takes no subscription for that",
            lost.join(", "),
            if lost.len() == 1 { "is" } else { "are" },
        );
        drafts.finding(
            codes::NOT_SUBSCRIBED,
            scope.address.as_str(),
            message,
            Some(&scope.wanted.position),
        );
    }
}

fn action(
    scope: &Scope<'_>,
    source: &FolderPath,
    destination: &FolderPath,
    needs: Option<ActionId>,
    name_only: bool,
) -> Action {
    Action {
        id: scope.subscription_id(destination),
        kind: Kind::SetSubscription(SetSubscription {
            mailbox: scope.address.clone(),
            destination_mailbox: scope.wanted.destination.clone(),
            folder: destination.clone(),
            name_only,
        }),
        before: State::Subscribed(false),
        after: State::Subscribed(true),
        reason: format!("{source} is subscribed at the source"),
        position: Some(scope.wanted.position.clone()),
        needs: needs.into_iter().collect(),
        reversible: true,
        visible: false,
    }
}
