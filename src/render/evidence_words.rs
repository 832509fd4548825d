//! The sentences of a verification, the same in every format.

use crate::model::words::shell;
use crate::render::style::{clean, count, thousands, yaml};
use crate::verify::evidence::{Account, Check, Evidence, FolderEvidence, MailboxEvidence, Verdict};
use crate::verify::exception::Acceptance;

/// Says what a check found.
pub(super) fn check_words(check: &Check) -> String {
    let messages = |one: &str, many: &str| count(check.count, one, many);
    let name = check.name.as_str();
    match (check.verdict, name) {
        (Verdict::Unknown, "can be read") => "could not be read".to_owned(),
        (Verdict::Unknown, name) => format!("not known: {name}"),
        (_, "all there") => messages("message is missing", "messages are missing"),
        (_, "bodies") => messages("message is not what was sent", "messages are not what was sent"),
        (Verdict::Broken, "flags") => {
            messages("message has other flags", "messages have other flags")
        }
        (_, "dates") => messages("message has another date", "messages have another date"),
        (_, "flags kept") => messages(
            "message lost flags at the destination",
            "messages lost flags at the destination",
        ),
        (_, "dates that were never sent") => messages(
            "message has no valid date at the source",
            "messages have no valid date at the source",
        ),
        (_, "as they were before us") => messages(
            "message was there before us, with another date or other flags",
            "messages were there before us, with another date or other flags",
        ),
        (_, "not named") => messages(
            "message that was there before us is in no list of exceptions",
            "messages that were there before us are in no list of exceptions",
        ),
        (_, "folders can be there") => messages(
            "folder cannot be at the destination under its name",
            "folders cannot be at the destination under their names",
        ),
        (_, "nothing left to copy") => messages("message is not copied", "messages are not copied"),
        (_, "no extra copies") => messages("extra copy", "extra copies"),
        (_, "folders are there") => messages("folder is not there", "folders are not there"),
        (_, "accounting") => "the accounting is not exact".to_owned(),
        (_, "excluded without a count") => {
            "is excluded, and the source did not say how many messages it has".to_owned()
        }
        (_, "moved by their user") => {
            messages("message was moved by its user", "messages were moved by their user")
        }
        (_, "removed by their user") => {
            messages("message was removed by its user", "messages were removed by their user")
        }
        (_, "flags changed by their user") => messages(
            "message has flags that its user changed",
            "messages have flags that their user changed",
        ),
        (_, name) => match name.strip_prefix("excepted ") {
            Some(class) => {
                format!("{}: {class}", messages("message stays behind", "messages stay behind"))
            }
            None => format!("{name}: {}", thousands(check.count)),
        },
    }
}

/// Names a folder of the evidence.
pub(super) fn place(folder: &FolderEvidence) -> String {
    folder.source.to_string()
}

/// Says how a mailbox stands.
pub(super) fn verdict(mailbox: &MailboxEvidence) -> String {
    match mailbox.verdict() {
        Verdict::Unknown => "NOT VERIFIED: something is not known".to_owned(),
        Verdict::Broken => "NOT VERIFIED".to_owned(),
        Verdict::Holds => {
            let account = mailbox.account();
            let there = match (account.excepted, account.removed_by_user) {
                (0, 0) => "all there".to_owned(),
                (0, removed) => {
                    format!("all arrived, {} removed by their user", thousands(removed))
                }
                (some, _) => format!("all there but {} that may stay behind", thousands(some)),
            };
            let flags = flags_and_dates(mailbox);
            format!("{there} · {flags}")
        }
    }
}

/// Says what is equal, and what is not and may be so.
fn flags_and_dates(mailbox: &MailboxEvidence) -> String {
    let noted = |name: &str| -> u64 {
        mailbox.all_checks().filter(|check| check.name == name).map(|check| check.count).sum()
    };
    let (dates, lost) = (noted("dates") + noted("dates that were never sent"), noted("flags kept"));
    let users = noted("flags changed by their user") > 0;
    let but = |count: u64| format!("equal but for {}", thousands(count));
    let mut said = match (dates, lost, users) {
        (0, 0, false) => "flags and dates equal".to_owned(),
        (0, 0, true) => "dates equal, flags as their user left them".to_owned(),
        (dates, lost, users) => {
            let dates = if dates == 0 { "equal".to_owned() } else { but(dates) };
            let flags = match (lost, users) {
                (0, false) => "equal".to_owned(),
                (0, true) => "as their user left them".to_owned(),
                (lost, _) => but(lost),
            };
            format!("dates {dates}, flags {flags}")
        }
    };
    let before = noted("as they were before us");
    if before > 0 {
        said = format!("{said}, but for {} that were there before us", thousands(before));
    }
    said
}

/// Counts by the name of the transform; nothing in evidence of a version without these numbers.
fn by_transform(mailbox: &MailboxEvidence) -> String {
    let counts: Vec<String> = mailbox
        .transforms()
        .into_iter()
        .map(|(name, count)| format!("{} {}", clean(name), thousands(count)))
        .collect();
    if counts.is_empty() { String::new() } else { format!(" ({})", counts.join(", ")) }
}

/// Says which bodies were read and what that proves, a line each.
pub(super) fn bodies(mailbox: &MailboxEvidence, profile: Option<&str>) -> Vec<String> {
    let account = mailbox.account();
    let mut lines = Vec::new();
    if account.bodies_equal > 0 {
        let transformed = match account.transformed {
            0 => String::new(),
            some => {
                format!(", {} after a named transform{}", thousands(some), by_transform(mailbox))
            }
        };
        lines.push(format!(
            "{} read on both sides and equal{transformed}",
            count(account.bodies_equal, "body", "bodies")
        ));
    }
    if account.equal_under_profile > 0 {
        lines.push(format!(
            "{} rewritten by the destination and equal under the assumed profile {}",
            count(account.equal_under_profile, "body", "bodies"),
            match profile {
                Some("exchange-v0") | None => "v0 (exchange-v0)",
                Some(other) => other,
            }
        ));
    }
    if account.listed_only > 0 {
        lines.push(format!(
            "{} compared by size, flags, date and key fields only",
            count(account.listed_only, "message", "messages")
        ));
    }
    lines.extend(mailbox.chance.as_ref().map(|chance| format!("sample: {}", chance.sentence())));
    lines
}

/// The equation of the accounting: every message of every listing, by what became of it.
pub(super) fn sum(account: &Account) -> String {
    let parts = [
        (account.copied, "copied"),
        (account.already_there, "already there"),
        (account.excluded, "excluded by the plan"),
        (account.excepted, "excepted"),
        (account.in_another_folder, "in another folder"),
        (account.removed_by_user, "removed by their user"),
        (account.unclear, "unclear"),
        (account.pending, "to copy"),
        (account.missing, "MISSING"),
        (account.changed, "stored with other octets"),
        (account.unread, "unread"),
        (account.vanished, "vanished at the source"),
        (account.deleted_by_policy, "deleted by policy"),
    ];
    let shown: Vec<String> = parts
        .iter()
        .filter(|(number, _)| *number > 0)
        .map(|(number, name)| format!("{} {name}", thousands(*number)))
        .collect();
    let right = if shown.is_empty() { "0".to_owned() } else { shown.join(" + ") };
    let sign = if account.is_exact() { "=" } else { "≠" };
    let where_ = if account.ever_listed == account.listed {
        "at the source"
    } else {
        "ever listed at the source"
    };
    format!("{} {where_} {sign} {right}", thousands(account.ever_listed))
}

/// The entry that accepts what stays behind, ready to paste.
pub(super) fn entry(offered: &Acceptance) -> String {
    format!(
        "acknowledge: [ {{ code: {}, object: {}, digest: {} }} ]",
        offered.code,
        yaml(&offered.object),
        yaml(&offered.digest)
    )
}

/// Says what to do next, the first step first; nothing when all is verified.
pub(super) fn next(evidence: &Evidence, plan: &str) -> Vec<String> {
    let mut steps = Vec::new();
    let plan = shell(plan);
    let checks = || evidence.mailboxes.iter().flat_map(MailboxEvidence::all_checks);
    let broken = |name: &str| checks().any(|c| c.verdict == Verdict::Broken && c.name == name);
    if checks().any(|check| check.verdict == Verdict::Unknown) {
        steps.push(format!(
            "mend what could not be read or told apart, then `mailferry verify {plan}`"
        ));
    }
    if broken("nothing left to copy") || broken("folders are there") || broken("flags") {
        steps.push(format!(
            "`mailferry apply {plan}` copies what is left and brings flags up to date, then verify \
             again; what has to be acknowledged before, `mailferry plan {plan}` says"
        ));
    }
    if broken("folders can be there") {
        steps.push(
            "give the folder another name with `folders.map` in the migration plan, then plan and apply again"
                .to_owned(),
        );
    }
    if broken("no extra copies") {
        steps.push(format!(
            "`mailferry apply {plan} --fix-own-duplicates` lists the extra copies and removes them when you agree"
        ));
    }
    let offered = evidence.mailboxes.iter().filter_map(|mailbox| mailbox.acceptance.as_ref());
    for offered in offered.filter(|offered| !offered.acknowledged) {
        steps.push(format!(
            "to accept that {} of {} stay behind or have another date or fewer flags, add to the migration plan: {}",
            thousands(offered.messages),
            clean(&offered.object),
            entry(offered)
        ));
    }
    if ["all there", "bodies", "dates", "flags kept"].into_iter().any(broken) {
        steps.push(format!(
            "`mailferry verify {plan} --exceptions list.csv` names each message and what to do"
        ));
    }
    if broken("bodies") && evidence.profile.is_none() {
        steps.push(
            "if the destination rewrites every message, `checks: { compare: canonical }` in the migration plan compares what they say"
                .to_owned(),
        );
    }
    if steps.is_empty() && evidence.totals.broken + evidence.totals.unknown > 0 {
        steps.push(format!("look at the evidence, then `mailferry verify {plan}`"));
    }
    steps
}
