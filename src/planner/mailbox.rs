//! One mailbox: reads both sides and hands them to the kinds of action.

use super::census::{Census, LedgerSummary};
use super::collisions::{self, Collisions};
use super::copy_folder::Lost;
use super::drafts::Drafts;
use super::plan::{ActionId, WaitingOn};
use super::views::Views;
use super::{
    codes, copy_folder, create_folder, guard, mapping, object, remarks, remove_copies,
    set_subscription, special_use,
};
use crate::desired::{Desired, DesiredMailbox, Login, LoginStyle};
use crate::model::address::{Address, Domain};
use crate::model::folder::{FolderPath, SpecialUse};
use crate::model::reading::{Failure, Reading};
use crate::observed::{
    DomainState, FolderContents, FolderState, MailboxState, Observed, ZoneState,
};
use crate::ports::ledger::FolderKey;
use crate::profile::target::Target;
use std::collections::BTreeMap;

/// A mailbox of which both sides were read.
#[derive(Debug)]
pub(super) struct Scope<'a> {
    pub(super) desired: &'a Desired,
    pub(super) address: &'a Address,
    pub(super) wanted: &'a DesiredMailbox,
    pub(super) source: &'a MailboxState,
    pub(super) destination: &'a MailboxState,
    pub(super) ledger: &'a LedgerSummary,
    pub(super) zones: &'a BTreeMap<Domain, Reading<ZoneState>>,
    pub(super) directory: &'a BTreeMap<Domain, Reading<DomainState>>,
    /// What holds for the destination.
    pub(super) target: Target,
    /// What every action of this mailbox waits for.
    pub(super) on: Vec<WaitingOn>,
}

/// What actions on folders may have to wait for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Waits<'a> {
    pub(super) collisions: &'a Collisions,
    pub(super) views: &'a Views,
    pub(super) lost: &'a Lost,
}

/// A path at the destination as it was seen.
#[derive(Debug)]
pub(super) enum Standing<'a> {
    /// A folder that can hold messages.
    Selectable(&'a FolderState, &'a FolderContents),
    /// A name that can have folders below it only.
    NameOnly,
    /// A complete listing lacks it.
    Missing,
    /// It is listed, and nothing more is known.
    Unreadable(&'a Failure),
}

impl<'a> Scope<'a> {
    /// The hierarchy separator at the destination, when it could be read.
    pub(super) fn separator(&self) -> Option<char> {
        self.destination.namespace.present()?.separator
    }

    /// Returns the special use of a source folder.
    pub(super) fn special_use(&self, source: &FolderPath) -> Option<SpecialUse> {
        self.source.special_uses.get(source).copied()
    }

    /// Returns how a path stands at the destination.
    pub(super) fn standing(&self, path: &FolderPath) -> Standing<'a> {
        match self.destination.folders.get(path) {
            None | Some(Reading::Absent) => Standing::Missing,
            Some(Reading::Unreadable(failure)) => Standing::Unreadable(failure),
            Some(Reading::Present(state)) => match &state.contents {
                Some(contents) => Standing::Selectable(state, contents),
                None => Standing::NameOnly,
            },
        }
    }

    /// Returns what the ledger and the listing say about a source folder. An empty folder without
    /// an entry has nothing to copy; any other one without an entry was not listed.
    pub(super) fn census(&self, source: &FolderPath, messages: u32) -> Option<Census> {
        let key = FolderKey { mailbox: self.address.clone(), folder: source.clone() };
        match self.ledger.folders.get(&key) {
            Some(census) => Some(census.clone()),
            None if messages == 0 => Some(Census::default()),
            None => None,
        }
    }

    /// Tells whether anything was ever sent to this mailbox.
    pub(super) fn was_copied_into(&self) -> bool {
        let sent = |census: &Census| {
            let left: u64 = census.to_copy
                + census.over_limit
                + census.excluded
                + census.unclear
                + census.excepted.values().sum::<u64>();
            census.destination_uid_validity.is_some()
                || census.interrupted
                || census.unclear > 0
                || census.listed > left
        };
        let mut known =
            self.source.folders.keys().filter_map(|folder| self.census(folder, u32::MAX));
        !self.ledger.empty && known.any(|census| sent(&census))
    }

    pub(super) fn create_id(&self, folder: &FolderPath) -> ActionId {
        ActionId(format!("create_folder/{}/{folder}", self.wanted.destination))
    }

    pub(super) fn copy_id(&self, source: &FolderPath) -> ActionId {
        ActionId(format!("copy_folder/{}/{source}", self.address))
    }

    pub(super) fn removal_id(&self, source: &FolderPath) -> ActionId {
        ActionId(format!("remove_copies/{}/{source}", self.address))
    }

    pub(super) fn subscription_id(&self, folder: &FolderPath) -> ActionId {
        ActionId(format!("set_subscription/{}/{folder}", self.wanted.destination))
    }
}

/// Guards mailboxes that go to one destination: whose mail is whose could not be told afterwards.
pub(super) fn shared_destinations(desired: &Desired, drafts: &mut Drafts) {
    let mut by_destination: BTreeMap<&Address, Vec<String>> = BTreeMap::new();
    for (address, wanted) in &desired.mailboxes {
        by_destination.entry(&wanted.destination).or_default().push(address.to_string());
    }
    for (destination, covers) in by_destination {
        if covers.len() > 1 {
            let message = "several mailboxes go to this one and become one".to_owned();
            drafts.guards.push(guard::make(
                codes::SHARED_DESTINATION,
                destination.to_string(),
                message,
                covers,
                None,
                &desired.acknowledged,
            ));
        }
    }
}

/// Plans one mailbox.
pub(super) fn plan(
    desired: &Desired,
    address: &Address,
    wanted: &DesiredMailbox,
    observed: &Observed,
    ledger: &LedgerSummary,
    drafts: &mut Drafts,
) {
    drafts.missed();
    if let Some(scope) = scope(desired, address, wanted, observed, ledger, drafts) {
        folders(&scope, drafts);
    }
    let settled = !drafts.missed() && !drafts.touches(address);
    drafts.count("mailboxes", settled);
}

fn folders(scope: &Scope<'_>, drafts: &mut Drafts) {
    let pairs = mapping::pairs(scope, drafts);
    let collisions = collisions::find(scope, &pairs, drafts);
    let views = Views::find(scope, &pairs, drafts);
    let lost = copy_folder::lost_folders(scope, &pairs, drafts);
    let waits = Waits { collisions: &collisions, views: &views, lost: &lost };
    let created = create_folder::plan(scope, &pairs, &waits, drafts);
    copy_folder::plan(scope, &pairs, &waits, &created, drafts);
    set_subscription::plan(scope, &pairs, &waits, drafts);
    set_subscription::names(scope, &collisions, drafts);
    special_use::remark(scope, &pairs, drafts);
    remove_copies::plan(scope, &pairs, &lost, drafts);
    for pair in &pairs {
        let mut ids = [
            scope.create_id(&pair.destination),
            scope.copy_id(pair.source),
            scope.subscription_id(&pair.destination),
            scope.removal_id(pair.source),
        ]
        .into_iter();
        let known = pair.folder.is_some() && !created.is_blocked(&pair.destination);
        let settled = known
            && !ids.any(|id| drafts.has(&id))
            && matches!(scope.standing(&pair.destination), Standing::Selectable(..));
        drafts.count("folders", settled);
    }
    remarks::find(scope, &pairs, drafts);
}

fn scope<'a>(
    desired: &'a Desired,
    address: &'a Address,
    wanted: &'a DesiredMailbox,
    observed: &'a Observed,
    ledger: &'a LedgerSummary,
    drafts: &mut Drafts,
) -> Option<Scope<'a>> {
    let source = side(
        observed.source.get(address),
        object::source_mailbox(address),
        format!("{address} does not exist at the source"),
        "Correct the address in the migration plan, or remove the mailbox from it.",
        wanted,
        drafts,
    );
    let destination = side(
        observed.destination.get(&wanted.destination),
        object::destination_mailbox(&wanted.destination),
        format!("{} does not exist at the destination", wanted.destination),
        "Create it at the destination, then plan again.",
        wanted,
        drafts,
    );
    let (source, destination) = (source?, destination?);
    if same_mailbox(desired, wanted) {
        let failure = Failure {
            message: format!("{address} is the same mailbox at the source and the destination"),
            words: None,
            hint: Some("Correct the server or the log-in of one side.".to_owned()),
        };
        let object = object::destination_mailbox(&wanted.destination);
        drafts.unknown(object, failure, Some(&wanted.position));
        return None;
    }
    let on = drafts
        .guards
        .iter()
        .filter(|guard| guard.code == codes::SHARED_DESTINATION)
        .filter(|guard| guard.object == wanted.destination.as_str())
        .filter_map(guard::wait)
        .chain(
            ledger
                .paused
                .get(address)
                .map(|pause| WaitingOn::Resume { since: pause.since, note: pause.note.clone() }),
        )
        .collect();
    let target = desired.destination.target(Some(&destination.told), &destination.capabilities);
    *drafts.profiles.entry(target.profile.label.to_owned()).or_default() += 1;
    let (zones, directory) = (&observed.dns, &observed.directory);
    Some(Scope {
        desired,
        address,
        wanted,
        source,
        destination,
        ledger,
        zones,
        directory,
        target,
        on,
    })
}

/// Returns a side that was read; names it as unknown otherwise. A mailbox that nobody looked at
/// is unreadable, not absent.
fn side<'a>(
    reading: Option<&'a Reading<MailboxState>>,
    object: String,
    absent: String,
    hint: &str,
    wanted: &DesiredMailbox,
    drafts: &mut Drafts,
) -> Option<&'a MailboxState> {
    let failure = match reading {
        Some(Reading::Present(state)) => return Some(state),
        Some(Reading::Unreadable(failure)) => failure.clone(),
        Some(Reading::Absent) => {
            Failure { message: absent, words: None, hint: Some(hint.to_owned()) }
        }
        None => Failure {
            message: format!("{object} was not looked at"),
            words: None,
            hint: Some("Plan again without leaving it out.".to_owned()),
        },
    };
    drafts.unknown(object, failure, Some(&wanted.position));
    None
}

/// Copying a mailbox into itself would double every message.
fn same_mailbox(desired: &Desired, wanted: &DesiredMailbox) -> bool {
    let (source, destination) = (&desired.source.endpoint, &desired.destination.endpoint);
    source.host.eq_ignore_ascii_case(&destination.host)
        && source.port == destination.port
        && acts_as(&wanted.source_login) == acts_as(&wanted.destination_login)
}

/// Returns the name of the mailbox that a log-in opens; Dovecot's `user*master` opens `user`.
fn acts_as(login: &Login) -> String {
    let name = match &login.style {
        LoginStyle::Login { user } => user.split('*').next().unwrap_or(user),
        LoginStyle::PlainAs { authorization, .. } => authorization,
        LoginStyle::XOAuth2 { user } => user,
    };
    name.to_lowercase()
}
