//! The actions of one mailbox as one thing.

use super::style::{clean, count, thousands};
use crate::model::address::Address;
use crate::model::flags::Flags;
use crate::model::position::Position;
use crate::model::size::Size;
use crate::model::words::time;
use crate::planner::order::{self, Natural};
use crate::planner::plan::{Action, Kind, Plan, WaitingOn};
use std::collections::BTreeMap;

/// More renamed folders than these are counted, not named; the JSON names them all.
const NAMED: usize = 12;

/// What the plan does for one mailbox.
#[derive(Debug)]
pub(super) struct Folded<'a> {
    pub(super) mailbox: &'a Address,
    pub(super) destination: &'a Address,
    /// The mailbox's own line, where an action tells it; else the line of a folder rule.
    position: Option<(bool, &'a Position)>,
    creates: u64,
    copies: u64,
    subscriptions: u64,
    pub(super) messages: u64,
    pub(super) bytes: u64,
    flags: u64,
    unclear: u64,
    excepted: BTreeMap<&'a str, u64>,
    lost: Flags,
    renamed: Vec<String>,
    /// Folders that are created with a special use.
    uses: Vec<String>,
    waits: BTreeMap<String, u64>,
}

/// Folds all actions by mailbox, in natural order.
pub(super) fn mailboxes(plan: &Plan) -> Vec<Folded<'_>> {
    let mut folded: BTreeMap<Natural, Folded<'_>> = BTreeMap::new();
    for action in plan.ready.iter().filter(|action| in_a_mailbox(action)) {
        entry(&mut folded, action).add(action);
    }
    for waiting in plan.waiting.iter().filter(|waiting| in_a_mailbox(&waiting.action)) {
        let mailbox = entry(&mut folded, &waiting.action);
        mailbox.add(&waiting.action);
        for on in &waiting.on {
            *mailbox.waits.entry(reason(on)).or_default() += 1;
        }
    }
    folded.into_values().collect()
}

/// What cannot be undone has a section of its own.
fn in_a_mailbox(action: &Action) -> bool {
    !matches!(action.kind, Kind::RemoveCopies(_))
}

fn entry<'a, 'b>(
    folded: &'b mut BTreeMap<Natural, Folded<'a>>,
    action: &'a Action,
) -> &'b mut Folded<'a> {
    let mailbox = order::mailbox(action);
    folded.entry(Natural::new(mailbox.as_str())).or_insert_with(|| Folded {
        mailbox,
        destination: order::destination_mailbox(action),
        position: None,
        creates: 0,
        copies: 0,
        subscriptions: 0,
        messages: 0,
        bytes: 0,
        flags: 0,
        unclear: 0,
        excepted: BTreeMap::new(),
        lost: Flags::default(),
        renamed: Vec::new(),
        uses: Vec::new(),
        waits: BTreeMap::new(),
    })
}

pub(super) fn reason(on: &WaitingOn) -> String {
    match on {
        WaitingOn::Acknowledgement { code, object } => {
            format!("{code} {} to be acknowledged", clean(object))
        }
        WaitingOn::Readable(object) => format!("{} to be readable", clean(object)),
        WaitingOn::Resume { since, note } => {
            let note = if note.is_empty() { String::new() } else { format!(" ({})", clean(note)) };
            format!("`mailferry resume`: it rests since {}{note}", time(*since))
        }
        WaitingOn::Action(_) => "other actions that wait".to_owned(),
    }
}

impl<'a> Folded<'a> {
    fn add(&mut self, action: &'a Action) {
        let ruled = match &action.kind {
            Kind::CopyFolder(copy) => copy.source != copy.destination,
            Kind::CreateFolder(_) => true,
            Kind::SetSubscription(_) | Kind::RemoveCopies(_) => false,
        };
        let place = action.position.as_ref().map(|position| (ruled, position));
        self.position = match (self.position, place) {
            (Some(known), Some(new)) if !new.0 && known.0 => Some(new),
            (known, new) => known.or(new),
        };
        match &action.kind {
            Kind::CreateFolder(create) => {
                self.creates += 1;
                if let Some(special_use) = create.special_use {
                    let folder = create.folder.to_string();
                    self.uses.push(format!("{} ({special_use})", clean(&folder)));
                }
            }
            Kind::SetSubscription(_) => self.subscriptions += 1,
            Kind::RemoveCopies(_) => {}
            Kind::CopyFolder(copy) => {
                self.copies += 1;
                self.messages += copy.estimate.messages;
                self.bytes += copy.estimate.bytes;
                self.flags += copy.estimate.flags;
                self.unclear += copy.estimate.unclear;
                for (reason, number) in &copy.estimate.excepted {
                    *self.excepted.entry(reason).or_default() += number;
                }
                self.lost = self.lost.plus(&copy.estimate.lost_flags);
                if copy.source != copy.destination {
                    let (from, to) = (copy.source.to_string(), copy.destination.to_string());
                    self.renamed.push(format!("{} → {}", clean(&from), clean(&to)));
                }
            }
        }
    }

    /// Returns the mailbox, with its place at the destination when that is another address.
    pub(super) fn name(&self) -> String {
        if self.mailbox == self.destination {
            return self.mailbox.to_string();
        }
        format!("{} → {}", self.mailbox, self.destination)
    }

    /// Returns where the migration plan asks for it.
    pub(super) fn place(&self) -> String {
        self.position
            .map(|(_, position)| format!("({})", clean(&position.to_string())))
            .unwrap_or_default()
    }

    /// Returns what is done, in one line.
    pub(super) fn work(&self) -> String {
        let mut parts = Vec::new();
        if self.copies > 0 {
            let folders = count(self.copies, "folder", "folders");
            parts.push(match self.creates {
                0 => folders,
                creates if creates > self.copies => {
                    format!("{folders} ({} to create, with those above them)", thousands(creates))
                }
                creates => format!("{folders} ({} to create)", thousands(creates)),
            });
            parts.push(count(self.messages, "message", "messages"));
            parts.push(Size(self.bytes).to_string());
        } else if self.creates > 0 {
            parts.push(count(self.creates, "folder to create", "folders to create"));
        }
        if self.flags > 0 {
            parts.push(count(self.flags, "change of flags", "changes of flags"));
        }
        if self.unclear > 0 {
            parts.push(count(self.unclear, "unclear message first", "unclear messages first"));
        }
        if self.subscriptions > 0 {
            parts.push(count(self.subscriptions, "subscription", "subscriptions"));
        }
        parts.join(", ")
    }

    /// Returns what a reviewer should see besides, one thing a line.
    pub(super) fn details(&self) -> Vec<String> {
        let mut lines = Vec::new();
        if !self.renamed.is_empty() {
            let named: Vec<&str> = self.renamed.iter().take(NAMED).map(String::as_str).collect();
            let more = self.renamed.len().saturating_sub(NAMED);
            let more = if more > 0 { format!(" · and {more} more") } else { String::new() };
            lines.push(format!("{}{more}", named.join(" · ")));
        }
        if !self.uses.is_empty() {
            lines.push(format!("created with a special use: {}", self.uses.join(" · ")));
        }
        for (reason, number) in &self.excepted {
            let messages = count(*number, "message", "messages");
            lines.push(format!("will be excepted: {messages} {}", clean(reason)));
        }
        if !self.lost.is_empty() {
            let lost = clean(&self.lost.to_string());
            lines.push(format!("flags that the destination cannot keep: {lost}"));
        }
        for (reason, number) in &self.waits {
            let actions = count(*number, "action waits", "actions wait");
            lines.push(format!("{actions} for {reason}"));
        }
        lines
    }
}
