//! Everything that is wrong with a migration plan, in the order of the text.

use super::files::Files;
use super::finding::{Finding, Findings, Severity};
use super::node::Place;
use crate::model::position::Position;
use crate::model::words::shown;
use serde::Serialize;

/// The findings of one look at a migration plan.
#[derive(Clone, Debug, Default)]
pub struct Diagnostics {
    list: Vec<Diagnostic>,
    texts: Vec<Excerpted>,
    name: String,
}

/// One finding.
#[derive(Clone, Debug, Serialize)]
pub struct Diagnostic {
    /// How much it matters.
    pub severity: Severity,
    /// For example `P003`.
    pub code: &'static str,
    /// One sentence, control characters escaped.
    pub message: String,
    /// Where.
    pub position: Position,
    /// Other places that belong to it.
    pub related: Vec<Related>,
    /// What to do, one step each.
    pub hints: Vec<String>,
    #[serde(skip)]
    pub(super) spans: Vec<Underline>,
}

/// Another place that belongs to a finding.
#[derive(Clone, Debug, Serialize)]
pub struct Related {
    /// Where.
    pub position: Position,
    /// What stands there.
    pub message: String,
}

/// A range of a masked text; the first of a diagnostic is its own place.
#[derive(Clone, Debug)]
pub(super) struct Underline {
    pub(super) file: usize,
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) label: String,
}

/// A file with its secrets replaced.
#[derive(Clone, Debug)]
pub(super) struct Excerpted {
    pub(super) name: String,
    pub(super) text: String,
}

/// Stands in for a secret, whatever its length.
const MASK: &str = "********";

impl Diagnostics {
    pub(super) fn new(files: &Files, findings: Findings) -> Self {
        let mut found = findings.list.into_inner();
        found.sort_by(|a, b| (a.place, a.code, &a.message).cmp(&(b.place, b.code, &b.message)));
        let masks = masks(findings.masked.into_inner(), files);
        let texts = files
            .list
            .iter()
            .zip(0..)
            .map(|(file, index)| Excerpted {
                name: file.name.clone(),
                text: masked(&file.text, &masks, index),
            })
            .collect();
        let list = found.iter().map(|f| diagnostic(f, files, &masks)).collect();
        let name = files.list.first().map(|file| file.name.clone()).unwrap_or_default();
        Self { list, texts, name }
    }

    /// Returns the findings, errors and warnings together, by file, line and column.
    pub fn iter(&self) -> impl Iterator<Item = &Diagnostic> {
        self.list.iter()
    }

    /// Returns the number of errors.
    pub fn errors(&self) -> usize {
        self.list.iter().filter(|d| d.severity == Severity::Error).count()
    }

    /// Returns the number of warnings.
    pub fn warnings(&self) -> usize {
        self.list.len() - self.errors()
    }

    /// Returns the findings as JSON: severity, code, message, position, related and hints.
    pub fn to_json(&self) -> serde_json::Value {
        serde_json::json!({
            "errors": self.errors(),
            "warnings": self.warnings(),
            "diagnostics": self.list,
        })
    }

    /// Returns all findings as text with excerpts, and a last line with their number; nothing
    /// when there is none.
    pub fn render(&self, color: bool) -> String {
        super::excerpt::render(self, color)
    }

    pub(super) fn list(&self) -> &[Diagnostic] {
        &self.list
    }

    pub(super) fn texts(&self) -> &[Excerpted] {
        &self.texts
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }
}

fn diagnostic(finding: &Finding, files: &Files, masks: &[Mask]) -> Diagnostic {
    let line = |text: &str| shown(text.as_bytes());
    let mut spans = vec![underline(finding.place, line(&finding.label), masks)];
    spans.extend(finding.others.iter().map(|(at, label)| underline(*at, line(label), masks)));
    let related = finding
        .others
        .iter()
        .map(|(at, label)| Related { position: files.position(*at), message: line(label) })
        .collect();
    Diagnostic {
        severity: finding.severity,
        code: finding.code,
        message: line(&finding.message),
        position: files.position(finding.place),
        related,
        hints: finding.hints.iter().map(|hint| line(hint)).collect(),
        spans,
    }
}

/// What is hidden, with the octets that stand in its place.
struct Mask {
    place: Place,
    put: String,
}

/// Sorts and joins what overlaps.
fn masks(mut places: Vec<Place>, files: &Files) -> Vec<Mask> {
    places.sort_unstable();
    let mut joined: Vec<Place> = Vec::new();
    for place in places {
        match joined.last_mut() {
            Some(last) if last.file == place.file && place.start < last.end => {
                last.end = last.end.max(place.end);
            }
            _ => joined.push(place),
        }
    }
    let mask = |place: Place| {
        let text = files.get(place.file).map_or("", |file| file.text.as_str());
        let hidden = text.get(place.start as usize..place.end as usize).unwrap_or_default();
        // Line breaks stay, so that the numbers of the lines below do.
        Mask { place, put: MASK.to_owned() + &"\n".repeat(hidden.matches('\n').count()) }
    };
    joined.into_iter().map(mask).collect()
}

fn masked(text: &str, masks: &[Mask], file: u32) -> String {
    let mut out = String::with_capacity(text.len());
    let mut from = 0;
    for mask in masks.iter().filter(|mask| mask.place.file == file) {
        out.push_str(text.get(from..mask.place.start as usize).unwrap_or_default());
        out.push_str(&mask.put);
        from = mask.place.end as usize;
    }
    out.push_str(text.get(from..).unwrap_or_default());
    out
}

/// Moves a place to where it stands in the masked text.
fn underline(place: Place, label: String, masks: &[Mask]) -> Underline {
    let moved = |at: u32, is_end: bool| -> usize {
        let at = at as usize;
        let (mut before, mut put) = (0, 0);
        for mask in masks.iter().filter(|mask| mask.place.file == place.file) {
            let (start, end) = (mask.place.start as usize, mask.place.end as usize);
            if start >= at {
                break;
            }
            if at < end {
                // Inside of what is hidden: its start or its end.
                return start + put - before + if is_end { MASK.len() } else { 0 };
            }
            before += end - start;
            put += mask.put.len();
        }
        at + put - before
    };
    let file = place.file as usize;
    Underline { file, start: moved(place.start, false), end: moved(place.end, true), label }
}
