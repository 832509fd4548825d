//! The result of a verification as text and as a page.

use crate::render::style::{clean, count, thousands};
use crate::verify::evidence::{Account, Check, Evidence, MailboxEvidence, Verdict};
use maud::{DOCTYPE, Markup, PreEscaped, html};
use std::fmt::Write as _;

/// Renders the evidence for a terminal. `path` and `digest` name the evidence file.
pub fn text(evidence: &Evidence, path: &str, digest: &str) -> String {
    let mut text = String::new();
    let width = evidence.mailboxes.iter().map(|m| m.mailbox.as_str().len()).max().unwrap_or(0);
    for mailbox in &evidence.mailboxes {
        let account = mailbox.account();
        let folders = mailbox.folders.iter().filter(|folder| folder.destination.is_some()).count();
        let _ = writeln!(
            text,
            "{:<width$}  {} in {}   {}",
            clean(mailbox.mailbox.as_str()),
            count(account.listed, "message", "messages"),
            count(folders as u64, "folder", "folders"),
            verdict(mailbox),
        );
        if account.bodies_equal > 0 {
            let _ = writeln!(
                text,
                "{:width$}  {} read on both sides and equal{}",
                "",
                count(account.bodies_equal, "body", "bodies"),
                transformed(&account),
            );
        }
        for (folder, check) in off(mailbox) {
            let place = folder.map(|folder| format!("{folder}: ")).unwrap_or_default();
            let mark = match check.verdict {
                Verdict::Holds => "note",
                Verdict::Unknown => "?   ",
                Verdict::Broken => "OFF ",
            };
            let said = match (check.verdict, check.name.as_str()) {
                (Verdict::Unknown, "can be read") => "could not be read".to_owned(),
                (Verdict::Unknown, name) => format!("not known: {}", clean(name)),
                (_, name) => format!("{}: {}", clean(name), thousands(check.count)),
            };
            let _ = writeln!(text, "{:width$}  {mark}  {}{said}", "", clean(&place));
            for example in check.examples.iter().take(5) {
                let _ = writeln!(text, "{:width$}        {}", "", clean(example));
            }
        }
    }
    let totals = &evidence.totals;
    let _ = writeln!(text, "{:<width$}  {}", "accounting", sum(&totals.account));
    let _ = writeln!(
        text,
        "{} {} of {}. Evidence: {} (sha-256 {digest})",
        if totals.verified == totals.mailboxes { "Verified" } else { "NOT verified: only" },
        thousands(totals.verified),
        count(totals.mailboxes, "mailbox", "mailboxes"),
        clean(path),
    );
    text
}

fn verdict(mailbox: &MailboxEvidence) -> &'static str {
    match mailbox.verdict() {
        Verdict::Holds => "all there · flags and dates equal",
        Verdict::Unknown => "NOT VERIFIED: something could not be read",
        Verdict::Broken => "NOT VERIFIED",
    }
}

fn transformed(account: &Account) -> String {
    match account.transformed {
        0 => String::new(),
        some => format!(", {} after a named transform", thousands(some)),
    }
}

/// Checks worth a line: those that do not hold, and those that hold with something to know.
fn off(mailbox: &MailboxEvidence) -> Vec<(Option<String>, &Check)> {
    let worth = |check: &&Check| check.verdict != Verdict::Holds || check.count > 0;
    let own = mailbox.checks.iter().filter(worth).map(|check| (None, check));
    let folders = mailbox.folders.iter().flat_map(|folder| {
        folder.checks.iter().filter(worth).map(|check| (Some(folder.source.to_string()), check))
    });
    own.chain(folders).collect()
}

/// The equation of the accounting: every listed message, by what became of it.
fn sum(account: &Account) -> String {
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
    ];
    let shown: Vec<String> = parts
        .iter()
        .filter(|(number, _)| *number > 0)
        .map(|(number, name)| format!("{} {name}", thousands(*number)))
        .collect();
    let right = if shown.is_empty() { "0".to_owned() } else { shown.join(" + ") };
    let sign = if account.listed == account.accounted() { "=" } else { "≠" };
    format!("{} at the source {sign} {right}", thousands(account.listed))
}

const STYLE: &str = "
:root { color-scheme: light dark; --line: #8884; --bad: #b3261e; --good: #1b6e3c; }
@media (prefers-color-scheme: dark) { :root { --bad: #ff8a80; --good: #7ddc9c; } }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; width: 100%; margin: 1rem 0; }
th, td { text-align: left; padding: .35rem .6rem; border-bottom: 1px solid var(--line); vertical-align: top; }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; }
.bad { color: var(--bad); font-weight: 600; } .good { color: var(--good); font-weight: 600; }
code { font-size: .9em; } summary { cursor: pointer; } .wide { overflow-x: auto; }
";

/// Renders the evidence as a page of its own.
pub fn html(evidence: &Evidence) -> String {
    let totals = &evidence.totals;
    let page: Markup = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { "Verification of " (clean(&evidence.migration)) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                h1 { "Verification of " (clean(&evidence.migration)) }
                p {
                    @if totals.verified == totals.mailboxes {
                        span.good { "Verified " (thousands(totals.verified)) " of " (count(totals.mailboxes, "mailbox", "mailboxes")) "." }
                    } @else {
                        span.bad { "NOT verified: only " (thousands(totals.verified)) " of " (count(totals.mailboxes, "mailbox", "mailboxes")) "." }
                    }
                    " Migration plan " code { (evidence.document.short()) } "."
                }
                p { "Accounting: " (sum(&totals.account)) "." }
                @for mailbox in &evidence.mailboxes { (section(mailbox)) }
            }
        }
    };
    page.into_string()
}

fn section(mailbox: &MailboxEvidence) -> Markup {
    html! {
        h2 { (clean(mailbox.mailbox.as_str())) " → " (clean(mailbox.destination.as_str())) }
        p class=(if mailbox.verdict() == Verdict::Holds { "good" } else { "bad" }) {
            (verdict(mailbox))
        }
        @for check in mailbox.checks.iter().filter(|check| check.verdict != Verdict::Holds) {
            (details(check))
        }
        div.wide { table {
            thead { tr {
                th { "Source folder" } th { "Destination folder" } th.n { "Listed" } th.n { "Copied" }
                th.n { "Already there" } th.n { "Excepted" } th.n { "Bodies equal" } th { "Checks" }
            } }
            tbody { @for folder in &mailbox.folders { tr {
                td { (clean(&folder.source.to_string())) }
                td { @match &folder.destination { Some(path) => (clean(&path.to_string())), None => em { "excluded" } } }
                td.n { (thousands(folder.account.listed)) }
                td.n { (thousands(folder.account.copied)) }
                td.n { (thousands(folder.account.already_there)) }
                td.n { (thousands(folder.account.excepted)) }
                td.n { (thousands(folder.account.bodies_equal)) }
                td {
                    @let worth: Vec<&Check> = folder.checks.iter()
                        .filter(|check| check.verdict != Verdict::Holds || check.count > 0).collect();
                    @if worth.is_empty() { span.good { "hold" } }
                    @for check in worth { (details(check)) }
                }
            } } }
        } }
    }
}

fn details(check: &Check) -> Markup {
    html! {
        details {
            summary class=(if check.verdict == Verdict::Holds { "" } else { "bad" }) {
                (clean(&check.name)) ": " (thousands(check.count))
            }
            ul { @for example in &check.examples { li { (clean(example)) } } }
        }
    }
}
