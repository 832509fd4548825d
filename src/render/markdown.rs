//! A plan for a pull request.

use super::sections::{self, Section};
use crate::planner::saved::SavedPlan;
use std::fmt::Write as _;

/// The most octets of the Markdown form. GitHub refuses comments above 65,536 characters; what is
/// left is for the words that a workflow puts around it.
pub const BUDGET: usize = 60_000;

/// Renders a plan in at most [`BUDGET`] octets, if need be without lines about mailboxes, remarks
/// and what is as wanted. Never cut are the header, steps for a person, guards, what is unknown
/// and the summary, even when these alone are larger.
pub fn render(saved: &SavedPlan, saved_to: Option<&str>) -> String {
    let sections = sections::all(&saved.plan);
    let fence = fence(saved, &sections, saved_to);
    let head = format!(
        "## Migration plan\n\n{fence}text\n{}\n{}\n{fence}\n",
        sections::name(saved),
        sections::looked_at(&saved.plan)
    );
    let mut tail = format!("\n**{}**\n", saved.plan.summary_line());
    if let Some(sentence) = sections::nothing(&saved.plan) {
        tail = format!("\n{sentence}\n{tail}");
    }
    if let Some(path) = saved_to {
        let _ = write!(tail, "\n{fence}text\n{}\n{fence}\n", sections::next(saved, path));
    }
    let kept: usize = sections
        .iter()
        .filter(|section| section.keep)
        .map(|section| block(section, section.lines.len(), &fence).len())
        .sum();
    let mut left = BUDGET.saturating_sub(head.len() + tail.len() + kept);
    let mut text = head;
    for section in &sections {
        if section.keep {
            text.push_str(&block(section, section.lines.len(), &fence));
            continue;
        }
        let block = fitting(section, left, &fence);
        left = left.saturating_sub(block.len());
        text.push_str(&block);
    }
    text + &tail
}

/// Returns the section with as many lines as fit; nothing when not even its title fits.
fn fitting(section: &Section, left: usize, fence: &str) -> String {
    let all = block(section, section.lines.len(), fence);
    if all.len() <= left {
        return all;
    }
    let (mut low, mut high) = (0, section.lines.len());
    while low < high {
        let middle = usize::midpoint(low, high + 1);
        if block(section, middle, fence).len() <= left { low = middle } else { high = middle - 1 }
    }
    let cut = block(section, low, fence);
    if cut.len() <= left { cut } else { String::new() }
}

fn block(section: &Section, lines: usize, fence: &str) -> String {
    let mut text = format!("\n### {}\n\n{fence}diff\n", escaped(&section.title));
    for line in section.lines.iter().take(lines) {
        text.push_str(&line.shown());
        text.push('\n');
    }
    let more = section.lines.len().saturating_sub(lines);
    if more > 0 {
        let _ = writeln!(text, "  … {more} more lines: `mailferry show` prints them all");
    }
    text.push_str(fence);
    text.push('\n');
    text
}

/// Returns a fence that is longer than every run of backticks inside, so that no folder name can
/// end the block.
fn fence(saved: &SavedPlan, sections: &[Section], saved_to: Option<&str>) -> String {
    let mut longest = 0;
    let mut look = |text: &str| {
        let mut run = 0;
        for c in text.chars() {
            run = if c == '`' { run + 1 } else { 0 };
            longest = longest.max(run);
        }
    };
    look(&sections::name(saved));
    look(saved_to.unwrap_or_default());
    sections.iter().flat_map(|section| &section.lines).for_each(|line| look(&line.text));
    "`".repeat((longest + 1).max(3))
}

/// Escapes what Markdown or HTML would read as markup.
pub fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '#' | '|' | '~' | '@' | '!' => {
                safe.push('\\');
                safe.push(c);
            }
            c => safe.push(c),
        }
    }
    safe
}
