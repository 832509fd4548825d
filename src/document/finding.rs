//! What the checks collect: findings, and what must not be shown.

use super::node::Place;
use std::cell::RefCell;

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The migration plan cannot be used.
    Error,
    /// Worth a look.
    Warning,
}

/// One remark, before places are turned into lines.
#[derive(Clone, Debug)]
pub(super) struct Finding {
    pub(super) severity: Severity,
    pub(super) code: &'static str,
    pub(super) message: String,
    pub(super) place: Place,
    /// What stands under the underlined part.
    pub(super) label: String,
    /// Other places with what to say there.
    pub(super) others: Vec<(Place, String)>,
    pub(super) hints: Vec<String>,
}

impl Finding {
    pub(super) fn error(code: &'static str, place: Place, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            code,
            message: message.into(),
            place,
            label: String::new(),
            others: Vec::new(),
            hints: Vec::new(),
        }
    }

    pub(super) fn warning(code: &'static str, place: Place, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(code, place, message) }
    }

    #[must_use]
    pub(super) fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    #[must_use]
    pub(super) fn other(mut self, place: Place, label: impl Into<String>) -> Self {
        self.others.push((place, label.into()));
        self
    }

    #[must_use]
    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }
}

/// The collector that all checks share.
#[derive(Debug, Default)]
pub(super) struct Findings {
    pub(super) list: RefCell<Vec<Finding>>,
    /// Never shown: literal secrets.
    pub(super) masked: RefCell<Vec<Place>>,
}

impl Findings {
    pub(super) fn add(&self, finding: Finding) {
        self.list.borrow_mut().push(finding);
    }

    pub(super) fn mask(&self, place: Place) {
        self.masked.borrow_mut().push(place);
    }

    pub(super) fn errors(&self) -> usize {
        self.list.borrow().iter().filter(|f| f.severity == Severity::Error).count()
    }
}
