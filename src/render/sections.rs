//! The sections of a plan, the same for every output that people read.

use super::style::{clean, count, thousands, yaml};
use super::{diff, fold};
use crate::model::position::Position;
use crate::model::size::Size;
use crate::model::words::shell;
use crate::planner::codes;
use crate::planner::plan::{Action, Guard, Kind, PersonStep, Plan, Records, WaitingOn};
use crate::planner::saved::SavedPlan;

/// A titled block of lines.
#[derive(Debug)]
pub(super) struct Section {
    pub(super) title: String,
    pub(super) lines: Vec<Line>,
    /// No byte budget may cut it.
    pub(super) keep: bool,
}

/// One line with its mark at the first column.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) mark: char,
    pub(super) text: String,
}

impl Line {
    fn new(mark: char, text: impl Into<String>) -> Self {
        Self { mark, text: text.into() }
    }

    fn detail(text: impl AsRef<str>) -> Self {
        Self { mark: ' ', text: format!("  {}", text.as_ref()) }
    }

    /// Returns the line as it is printed.
    pub(super) fn shown(&self) -> String {
        format!("{} {}", self.mark, self.text).trim_end().to_owned()
    }
}

/// Returns the line that names the plan.
pub(super) fn name(saved: &SavedPlan) -> String {
    let plan = &saved.plan;
    format!(
        "{}   {} → {}   plan {}",
        clean(&plan.name),
        clean(&plan.source),
        clean(&plan.destination),
        saved.digest.short()
    )
}

/// Returns the line that says what was looked at.
pub(super) fn looked_at(plan: &Plan) -> String {
    let seen = &plan.looked_at;
    let profiles: Vec<&str> = plan.profiles.keys().map(String::as_str).collect();
    let profiles = if profiles.is_empty() {
        String::new()
    } else {
        format!(" ({})", clean(&profiles.join(", ")))
    };
    format!(
        "observed: source {}/{} {} · destination {}/{}{profiles} · dns {}/{} name servers · {} unknown",
        seen.source.0,
        seen.source.1,
        if seen.source.1 == 1 { "mailbox" } else { "mailboxes" },
        seen.destination.0,
        seen.destination.1,
        seen.name_servers.0,
        seen.name_servers.1,
        plan.unknown.len()
    )
}

/// Returns the sections that have lines, in their order.
pub(super) fn all(plan: &Plan) -> Vec<Section> {
    let mut sections = vec![
        removals(plan),
        person_steps(plan),
        guards(plan),
        unknown(plan),
        mailboxes(plan),
        findings(plan),
        unchanged(plan),
    ];
    sections.retain(|section| !section.lines.is_empty());
    sections
}

/// Tells whether messages stay behind for a reason that no plan showed before the copy; a size
/// above the limit was shown and accepted.
fn stays_behind(plan: &Plan) -> bool {
    plan.findings
        .iter()
        .any(|finding| finding.code == codes::EXCEPTED && !finding.message.ends_with("too-large"))
}

/// Returns the sentence for a plan that does nothing.
pub(super) fn nothing(plan: &Plan) -> Option<&'static str> {
    if plan.changes() {
        None
    } else if plan.unknown.is_empty() && stays_behind(plan) {
        Some(
            "Nothing can be done, but not everything arrived: some messages stay behind, see above; `mailferry verify` names each.",
        )
    } else if plan.unknown.is_empty() {
        Some("Nothing to do: everything is as the migration plan wants it.")
    } else {
        Some("Nothing can be done: what is left could not be read.")
    }
}

/// Returns the line with the next command, for a plan that was saved to `path`.
pub(super) fn next(saved: &SavedPlan, path: &str) -> String {
    let file = shell(path);
    if saved.plan.ready.is_empty() {
        return format!("Saved to {file}. Nothing of it can run now.");
    }
    format!(
        "Saved to {file}. To run what can run now:  mailferry apply {file} --expect {}",
        saved.digest.short()
    )
}

fn place(position: Option<&Position>) -> String {
    position.map(|position| format!("   ({})", clean(&position.to_string()))).unwrap_or_default()
}

/// What cannot be undone and is seen by users comes first.
fn removals(plan: &Plan) -> Section {
    let mut lines = Vec::new();
    for action in &plan.ready {
        removal(action, &[], &mut lines);
    }
    for waiting in &plan.waiting {
        removal(&waiting.action, &waiting.on, &mut lines);
    }
    let title = format!("Cannot be undone, seen by users ({} to remove)", plan.counts().remove);
    Section { title, lines, keep: true }
}

fn removal(action: &Action, on: &[WaitingOn], lines: &mut Vec<Line>) {
    let Kind::RemoveCopies(removal) = &action.kind else { return };
    let copies = count(removal.uids.len() as u64, "copy", "copies");
    let to = if removal.source == removal.destination {
        String::new()
    } else {
        format!(" → {}", clean(&removal.destination.to_string()))
    };
    lines.push(Line::new(
        '-',
        format!(
            "{} {}/{}{to}   {copies} of {}: {}{}",
            codes::COPIES_GO,
            removal.mailbox,
            clean(&removal.source.to_string()),
            thousands(removal.copied),
            clean(&action.reason),
            place(action.position.as_ref())
        ),
    ));
    lines.extend(on.iter().map(|on| Line::detail(format!("waits for {}", fold::reason(on)))));
}

fn person_steps(plan: &Plan) -> Section {
    let mut lines = Vec::new();
    for step in &plan.for_person {
        let only = if step.servers.is_empty() {
            String::new()
        } else {
            format!("   at {} only", clean(&step.servers.join(", ")))
        };
        let place = place(step.position.as_ref());
        lines.push(Line::new(
            '!',
            format!("{}{only}{place}", clean(&step.id.0.replacen('/', " ", 1))),
        ));
        lines.extend(record_lines(step));
        lines.extend(
            step.on.iter().map(|on| Line::detail(format!("waits for {}", fold::reason(on)))),
        );
        lines.push(Line::detail(clean(&step.instruction)));
    }
    let title = format!("Seen by users, for a person ({})", plan.for_person.len());
    Section { title, lines, keep: true }
}

fn record_lines(step: &PersonStep) -> Vec<Line> {
    let (now, wanted, ttl): (Vec<String>, Vec<String>, Option<u32>) = match &step.records {
        Records::Mx { now, wanted } => (
            now.iter().flat_map(|set| &set.records).map(ToString::to_string).collect(),
            wanted.iter().map(ToString::to_string).collect(),
            now.as_ref().map(|set| set.ttl),
        ),
        Records::Spf { now, wanted } => (now.iter().cloned().collect(), vec![wanted.clone()], None),
        Records::Cname { now, wanted, .. } => (
            now.iter().flat_map(|set| &set.records).map(|target| format!("{target}.")).collect(),
            vec![format!("{wanted}.")],
            now.as_ref().map(|set| set.ttl),
        ),
        Records::Untold => return Vec::new(),
    };
    let mut lines: Vec<Line> = diff::lines(&now, &wanted)
        .into_iter()
        .map(|(mark, text)| Line::new(mark, format!("  {}", clean(&text))))
        .collect();
    if let Some(ttl) = ttl {
        lines.push(Line::detail(format!("ttl now {ttl}")));
    }
    lines
}

fn guards(plan: &Plan) -> Section {
    let mut lines = Vec::new();
    for guard in &plan.guards {
        let (mark, state) = if guard.acknowledged { (' ', "acknowledged: ") } else { ('!', "") };
        lines.push(Line::new(
            mark,
            format!(
                "{} {}   {state}{}{}",
                guard.code,
                clean(&guard.object),
                clean(&guard.message),
                place(guard.position.as_ref())
            ),
        ));
        lines.extend(
            guard.covers.iter().map(|item| Line::detail(format!("covers {}", clean(item)))),
        );
        if guard.must_change {
            lines.push(Line::detail("it cannot be accepted: the migration plan has to change"));
        } else if !guard.acknowledged {
            lines.push(Line::detail("to accept it, add to the migration plan:"));
            lines.push(Line::detail(format!("  {}", acknowledgement(guard))));
        }
    }
    Section { title: format!("Guards ({})", plan.guards.len()), lines, keep: true }
}

fn acknowledgement(guard: &Guard) -> String {
    format!(
        "acknowledge: [ {{ code: {}, object: {}, digest: {} }} ]",
        guard.code,
        yaml(&guard.object),
        yaml(&guard.digest)
    )
}

fn mailboxes(plan: &Plan) -> Section {
    let folded = fold::mailboxes(plan);
    let mut lines = Vec::new();
    let widest = folded.iter().map(|mailbox| mailbox.name().chars().count()).max().unwrap_or(0);
    for mailbox in &folded {
        let (name, work, place) = (mailbox.name(), mailbox.work(), mailbox.place());
        lines.push(Line::new('+', format!("{name:widest$}   {work}   {place}")));
        lines.extend(mailbox.details().into_iter().map(Line::detail));
    }
    let counts = plan.counts();
    let total: u64 = folded.iter().map(|mailbox| mailbox.messages).sum();
    let bytes: u64 = folded.iter().map(|mailbox| mailbox.bytes).sum();
    let title = format!(
        "Mailboxes ({}): {}, {}",
        folded.len().max(counts.copy),
        count(total, "message", "messages"),
        Size(bytes)
    );
    Section { title, lines, keep: false }
}

fn unknown(plan: &Plan) -> Section {
    let mut lines = Vec::new();
    for unknown in &plan.unknown {
        let place = place(unknown.position.as_ref());
        let failure = &unknown.failure;
        let object = clean(&unknown.object);
        lines.push(Line::new('?', format!("{object}   {}{place}", clean(&failure.message))));
        if let Some(words) = &failure.words {
            lines.push(Line::detail(format!("the server said: {}", clean(words))));
        }
        if let Some(hint) = &failure.hint {
            lines.push(Line::detail(format!("next: {}", clean(hint))));
        }
    }
    Section { title: format!("Unknown ({})", plan.unknown.len()), lines, keep: true }
}

fn findings(plan: &Plan) -> Section {
    let lines = plan
        .findings
        .iter()
        .map(|finding| {
            let place = place(finding.position.as_ref());
            let (object, message) = (clean(&finding.object), clean(&finding.message));
            Line::new(' ', format!("{} {object}   {message}{place}", finding.code))
        })
        .collect();
    Section { title: format!("To read ({})", plan.findings.len()), lines, keep: false }
}

/// Returns the word for one of a kind.
fn one(kind: &str) -> &str {
    let plural = if kind.ends_with("xes") { "es" } else { "s" };
    kind.strip_suffix(plural).unwrap_or(kind)
}

fn unchanged(plan: &Plan) -> Section {
    let lines = plan
        .settled
        .iter()
        .map(|(kind, settled)| {
            let (some, all) = (thousands(settled.settled), thousands(settled.all));
            let kind = if settled.all == 1 { one(kind) } else { kind };
            Line::new(' ', format!("{some} of {all} {}", clean(kind)))
        })
        .collect();
    Section { title: "As wanted".to_owned(), lines, keep: false }
}
