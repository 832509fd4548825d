//! What `verify` says, against the stores.

use crate::extras;
use crate::finding::{Check, Failure, Finding, none_of};
use crate::process::Fixed;
use crate::stores::{Stores, all_deeds, places};
use crate::world::{World, mailbox};
use mailferry::verify::evidence::{Account, Evidence, Verdict};

/// The checks of the evidence: all hold, but for what the stores themselves explain.
pub(crate) fn checks(stores: &Stores, evidence: &Evidence, fixed: Option<&Fixed>) -> Vec<Finding> {
    // What others delivered with our octets may be a late copy of ours as well, and is named; so is
    // the copy of a message that was deleted at the source before it was known to be copied.
    let may_be_extra = |user: &str| match fixed {
        None => extras::most(stores, user) > 0,
        Some(fixed) => fixed.stays.iter().any(|stays| stays.user == user),
    };
    let mut wrong: Vec<Finding> = evidence
        .checks
        .iter()
        .filter(|check| check.verdict != Verdict::Holds)
        .map(|check| Check::Verify.finds(format!("{check:?}")))
        .collect();
    for mailbox in &evidence.mailboxes {
        let user = mailbox.mailbox.as_str();
        let bad = mailbox.all_checks().filter(|check| check.verdict != Verdict::Holds);
        let unexplained = bad
            .filter(|check| !(extras::is_named(check) && may_be_extra(user)))
            // What its user removed before any proof is missing.
            .filter(|check| check.name != "all there" || Stores::sum(&stores.deleted, user) == 0);
        wrong.extend(unexplained.map(|check| Check::Verify.finds(format!("{user}: {check:?}"))));
    }
    wrong
}

/// What the evidence calls at the destination, well or damaged.
const fn called_there(account: &Account) -> u64 {
    account.copied + account.already_there + account.in_another_folder + account.changed
}

/// The equations of the evidence, against the stores.
pub(crate) fn accounts(world: &World, stores: &Stores, evidence: &Evidence) -> Vec<Finding> {
    let mut wrong = Vec::new();
    for proven in &evidence.mailboxes {
        let account = proven.account();
        let user = proven.mailbox.as_str();
        let source = mailbox(&world.source, user);
        let all = || source.values().flat_map(|folder| &folder.messages);
        let truth = all().count() as u64;
        let behind = all().filter(|message| world.stays_behind(&message.given)).count() as u64;
        let open = account.pending + account.unclear + account.changed + account.unread;
        let (missing, deleted) = (stores.missing(world, user), Stores::sum(&stores.deleted, user));
        // What its user removed after a proof is no failure, and counted all the same.
        let gone = account.missing + account.removed_by_user;
        if account.listed != truth
            || !account.is_exact()
            || account.excepted != behind
            || !(missing..=deleted).contains(&gone)
            || open > 0
        {
            wrong.push(Check::Account.finds(format!(
                "{user}: {truth} at the source, {behind} of them stay behind, {missing} are nowhere, {deleted} were deleted; accounted for {account:?}"
            )));
        }
    }
    wrong
}

/// What a verification in the middle of it all may say, `before` being the stores when it began,
/// while nobody came to the source: nothing is called there that is not, and a mailbox that is not
/// whole is not called so.
pub(crate) fn honest(world: &World, before: &Stores, evidence: &Evidence) -> Result<(), Failure> {
    let stores = Stores::of(world);
    let mut wrong = Vec::new();
    for proven in &evidence.mailboxes {
        let account = proven.account();
        let user = proven.mailbox.as_str();
        let missing = stores.missing(world, user);
        let of_user = before.now.iter().filter(|(letter, _)| letter.user == user);
        let most: usize = of_user.map(|(letter, now)| *now.min(&stores.there(letter).all())).sum();
        let deleted = Stores::sum(&stores.deleted, user);
        let whole = proven.verdict() == Verdict::Holds;
        if called_there(&account) > most as u64
            || account.removed_by_user > deleted
            || (whole && missing > account.removed_by_user)
        {
            wrong.push(Check::Account.finds(format!(
                "{user}: {most} are there, {missing} are nowhere, {deleted} were deleted; {:?} with {account:?}",
                proven.verdict()
            )));
        }
    }
    let all_well = evidence.mailboxes.iter().all(|it| it.verdict() == Verdict::Holds);
    if evidence.totals.all_verified() && !all_well {
        wrong.push(Check::Account.finds("a mailbox is not well, and all are verified"));
    }
    if evidence.mailboxes.len() < world.users.len() {
        wrong.push(Check::Account.finds("there is no evidence of a mailbox"));
    }
    none_of(wrong).map_err(|failure| Failure { more: places(world) + &all_deeds(world), ..failure })
}
