//! A plan for the terminal.

use super::sections::{self, Section};
use super::style::painted;
use crate::planner::saved::SavedPlan;

/// How the text is written.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options<'a> {
    /// Colours lines by their mark, ECMA-48.
    pub color: bool,
    /// The file that the plan was saved to; adds the next command.
    pub saved_to: Option<&'a str>,
}

/// Renders a plan; the same plan gives the same text.
pub fn render(saved: &SavedPlan, options: Options<'_>) -> String {
    let mut text = format!(
        "{}\n{}\n",
        painted('#', &sections::name(saved), options.color),
        sections::looked_at(&saved.plan)
    );
    for section in sections::all(&saved.plan) {
        push(&mut text, &section, options.color);
    }
    text.push('\n');
    if let Some(sentence) = sections::nothing(&saved.plan) {
        text.push_str(sentence);
        text.push('\n');
    }
    text.push_str(&painted('#', &saved.plan.summary_line(), options.color));
    text.push('\n');
    if let Some(path) = options.saved_to {
        text.push_str(&sections::next(saved, path));
        text.push('\n');
    }
    text
}

fn push(text: &mut String, section: &Section, color: bool) {
    text.push('\n');
    text.push_str(&painted('#', &section.title, color));
    text.push('\n');
    for line in &section.lines {
        text.push_str(&painted(line.mark, &line.shown(), color));
        text.push('\n');
    }
}
