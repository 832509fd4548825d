//! Findings as text, with the lines that they are about.

use super::diagnostics::{Diagnostic, Diagnostics, Underline};
use super::finding::Severity;
use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{Annotation, AnnotationKind, Group, Level, Renderer, Snippet};
use std::fmt::Write as _;
use std::ops::Range;

/// More is never read; the numbers at the end count all.
const MOST: usize = 100;

pub(super) fn render(diagnostics: &Diagnostics, color: bool) -> String {
    if diagnostics.list().is_empty() {
        return String::new();
    }
    let renderer = if color { Renderer::styled() } else { Renderer::plain() };
    // A fixed width: the same text in every terminal, log and golden file.
    let renderer = renderer.decor_style(DecorStyle::Ascii).term_width(120);
    let mut out = String::new();
    for diagnostic in diagnostics.list().iter().take(MOST) {
        let group = group(diagnostics, diagnostic);
        out.push_str(&renderer.render(&[group]));
        out.push_str("\n\n");
    }
    if let Some(more @ 1..) = diagnostics.list().len().checked_sub(MOST) {
        let _ = writeln!(out, "… and {more} more\n");
    }
    let _ = writeln!(out, "{} in {}", counts(diagnostics), diagnostics.name());
    out
}

fn counts(diagnostics: &Diagnostics) -> String {
    let count = |number: usize, word: &str| match number {
        0 => None,
        1 => Some(format!("1 {word}")),
        more => Some(format!("{more} {word}s")),
    };
    let parts = [count(diagnostics.errors(), "error"), count(diagnostics.warnings(), "warning")];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

fn group<'a>(diagnostics: &'a Diagnostics, diagnostic: &'a Diagnostic) -> Group<'a> {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let mut group = Group::with_title(level.primary_title(&diagnostic.message).id(diagnostic.code));
    let mut files: Vec<usize> = Vec::new();
    for span in &diagnostic.spans {
        if !files.contains(&span.file) {
            files.push(span.file);
        }
    }
    for file in files {
        if let Some(snippet) = snippet(diagnostics, diagnostic, file) {
            group = group.element(snippet);
        }
    }
    group.elements(diagnostic.hints.iter().map(|hint| Level::HELP.message(hint.as_str())))
}

/// The lines of one file, from the first to the last that is underlined and one around them.
fn snippet<'a>(
    diagnostics: &'a Diagnostics,
    diagnostic: &'a Diagnostic,
    file: usize,
) -> Option<Snippet<'a, Annotation<'a>>> {
    let source = diagnostics.texts().get(file)?;
    let spans = || diagnostic.spans.iter().filter(|span| span.file == file);
    let range = |span: &Underline| -> Range<usize> {
        // The renderer panics on half a character, and the parser can name one.
        let length = source.text.len();
        let (mut start, mut end) = (span.start.min(length), span.end.min(length));
        while !source.text.is_char_boundary(start) {
            start -= 1;
        }
        while end < start || !source.text.is_char_boundary(end) {
            end += 1;
        }
        start..end
    };
    let first = spans().map(|span| range(span).start).min()?;
    let last = spans().map(|span| range(span).end).max()?;
    let line_before =
        |at: usize| source.text.get(..at).map_or(0, |t| t.rfind('\n').map_or(0, |n| n + 1));
    let own_line = line_before(first);
    let start = line_before(own_line.saturating_sub(1));
    let after = source.text.get(last..).unwrap_or_default();
    let end = after.match_indices('\n').nth(1).map_or(source.text.len(), |(at, _)| last + at);
    let window = source.text.get(start..end)?;
    let number = source.text.get(..start)?.matches('\n').count() + 1;
    let mut snippet = Snippet::source(window).path(source.name.as_str()).line_start(number);
    for (index, span) in diagnostic.spans.iter().enumerate() {
        if span.file != file {
            continue;
        }
        let kind = if index == 0 { AnnotationKind::Primary } else { AnnotationKind::Context };
        let range = range(span);
        let annotation = kind.span(range.start - start..range.end - start);
        snippet = snippet.annotation(if span.label.is_empty() {
            annotation
        } else {
            annotation.label(span.label.as_str())
        });
    }
    Some(snippet)
}
