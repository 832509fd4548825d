//! The result of a verification as text and as a page.

use crate::render::evidence_words::{bodies, check_words, entry, next, place, sum, verdict};
use crate::render::page::page;
use crate::render::style::{clean, count, thousands};
use crate::verify::evidence::{Check, Evidence, MailboxEvidence, Verdict};
use maud::{Markup, html};
use std::fmt::Write as _;

/// Renders the evidence for a terminal. `plan` names the migration plan, `path` and `digest` the
/// evidence file.
pub fn text(evidence: &Evidence, plan: &str, path: &str, digest: &str) -> String {
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
        for line in bodies(mailbox, evidence.profile.as_deref()) {
            let _ = writeln!(text, "{:width$}  {line}", "");
        }
        for (folder, check) in off(mailbox) {
            let folder = folder.map(|folder| format!("{folder}: ")).unwrap_or_default();
            let mark = match check.verdict {
                Verdict::Holds => "note",
                Verdict::Unknown => "?   ",
                Verdict::Broken => "OFF ",
            };
            let said = clean(&check_words(check));
            let _ = writeln!(text, "{:width$}  {mark}  {}{said}", "", clean(&folder));
            for example in check.examples.iter().take(EXAMPLES) {
                let _ = writeln!(text, "{:width$}        {}", "", clean(example));
            }
            let more = check.count.saturating_sub(EXAMPLES as u64);
            if more > 0 {
                let _ = writeln!(text, "{:width$}        and {} more", "", thousands(more));
            }
        }
    }
    for check in evidence.checks.iter().filter(|check| check.verdict != Verdict::Holds) {
        let _ = writeln!(text, "OFF   {}", clean(&check_words(check)));
    }
    let totals = &evidence.totals;
    let _ = writeln!(text, "{:<width$}  {}", "accounting", sum(&totals.account));
    if totals.account.came_meanwhile > 0 {
        let _ = writeln!(
            text,
            "{:width$}  {} came while this was verified; the next run copies and proves them",
            "",
            count(totals.account.came_meanwhile, "message", "messages")
        );
    }
    let _ = writeln!(
        text,
        "{} {} of {}. Evidence: {} (sha-256 {digest})",
        if totals.all_verified() { "Verified" } else { "NOT verified: only" },
        thousands(totals.verified),
        count(totals.mailboxes, "mailbox", "mailboxes"),
        clean(path),
    );
    for (index, step) in next(evidence, plan).iter().enumerate() {
        let _ = writeln!(text, "{} {step}", if index == 0 { "Next:" } else { "     " });
    }
    text
}

/// Examples of a check that the text shows; the evidence holds more.
const EXAMPLES: usize = 5;

/// Checks worth a line: those that do not hold, and those that hold with something to know.
fn off(mailbox: &MailboxEvidence) -> Vec<(Option<String>, &Check)> {
    let worth = |check: &&Check| check.verdict != Verdict::Holds || check.count > 0;
    let own = mailbox.checks.iter().filter(worth).map(|check| (None, check));
    let folders = mailbox.folders.iter().flat_map(|folder| {
        folder.checks.iter().filter(worth).map(|check| (Some(place(folder)), check))
    });
    own.chain(folders).collect()
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
    let body = html! {
        h1 { "Verification of " (clean(&evidence.migration)) }
        p {
            @if totals.all_verified() {
                span.good { "Verified " (thousands(totals.verified)) " of " (count(totals.mailboxes, "mailbox", "mailboxes")) "." }
            } @else {
                span.bad { "NOT verified: only " (thousands(totals.verified)) " of " (count(totals.mailboxes, "mailbox", "mailboxes")) "." }
            }
            @if let Some(began) = evidence.began {
                " Looked at from " (began.strftime("%Y-%m-%d %H:%M UTC")) " on."
            }
            " Migration plan " code { (evidence.document.short()) } "."
        }
        @if let Some(profile) = &evidence.profile {
            p { "Messages that the destination rewrites are compared by what they say, under the assumed profile v0 (" (profile) "); nobody but the product's maker can tell whether its rules are complete." }
        }
        p { "Accounting: " (sum(&totals.account)) "." }
        @for mailbox in &evidence.mailboxes { (section(mailbox, evidence.profile.as_deref())) }
    };
    page(&format!("Verification of {}", clean(&evidence.migration)), STYLE, &body)
}

fn section(mailbox: &MailboxEvidence, profile: Option<&str>) -> Markup {
    html! {
        h2 { (clean(mailbox.mailbox.as_str())) " → " (clean(mailbox.destination.as_str())) }
        @let shown = mailbox.verdict();
        p class=(if shown == Verdict::Holds { "good" } else { "bad" }) {
            (verdict(mailbox))
        }
        @for line in bodies(mailbox, profile) { p { (line) } }
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
                td { @match &folder.destination { Some(path) => (clean(&path.to_string())), None if folder.account.pending > 0 => em { "none" }, None => em { "excluded" } } }
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
        (changes(mailbox))
        (exceptions(mailbox))
    }
}

fn changes(mailbox: &MailboxEvidence) -> Markup {
    let changed: Vec<_> =
        mailbox.folders.iter().filter(|folder| !folder.transforms.is_empty()).collect();
    html! {
        @if !changed.is_empty() {
            h3 { "Messages changed on their way" }
            div.wide { table {
                thead { tr { th { "Source folder" } th { "Transform" } th.n { "Messages" } } }
                tbody { @for folder in changed { @for (name, number) in &folder.transforms { tr {
                    td { (clean(&folder.source.to_string())) }
                    td { (clean(name)) }
                    td.n { (thousands(*number)) }
                } } } }
            } }
            p { "Each of them, with folder, UID, date, sizes and transforms: " code { "mailferry status PLAN --changes changes.csv" } }
        }
    }
}

fn exceptions(mailbox: &MailboxEvidence) -> Markup {
    html! {
        @if !mailbox.exceptions.is_empty() {
            h3 { "Messages to know" }
            div.wide { table {
                thead { tr {
                    th { "Folder" } th.n { "UID" } th.n { "Octets" } th { "Date" } th { "Why" } th { "What to do" }
                } }
                tbody { @for one in &mailbox.exceptions { tr {
                    td { (clean(&one.folder.to_string())) }
                    td.n { (one.uid) }
                    td.n { (thousands(one.size)) }
                    td { (clean(one.date.as_deref().unwrap_or("none"))) }
                    td { (clean(&one.reason)) }
                    td { @if one.accepted { "accepted" } @else { (one.next) } }
                } } }
            } }
            @if let Some(offered) = mailbox.acceptance.as_ref().filter(|offered| !offered.acknowledged) {
                p { "To accept exactly these " (thousands(offered.messages)) ": " code { (entry(offered)) } }
            }
        }
    }
}

fn details(check: &Check) -> Markup {
    html! {
        details {
            summary class=(if check.verdict == Verdict::Holds { "" } else { "bad" }) {
                (clean(&check_words(check)))
            }
            ul {
                @for example in &check.examples { li { (clean(example)) } }
                @let more = check.count.saturating_sub(check.examples.len() as u64);
                @if more > 0 { li { "and " (thousands(more)) " more" } }
            }
        }
    }
}
