//! The section `checks`.

use super::super::finding::Finding;
use super::super::migration_plan::{Compare as Written, MigrationPlan};
use super::Lowering;
use crate::desired::Compare;
use crate::model::sampling::Sampling;

/// Returns which bodies are read and what must be equal.
pub(super) fn checks(cx: &Lowering<'_>, plan: &MigrationPlan) -> (Sampling, Option<Compare>) {
    let Some(checks) = plan.checks.value() else { return Default::default() };
    let sample = checks.sample.given().map_or(Sampling::default(), |given| {
        given.value.parse().unwrap_or_else(|reason: String| {
            cx.findings.add(
                Finding::error("P004", given.place, reason)
                    .hint("a share in per cent is one of 1 to 100"),
            );
            Sampling::default()
        })
    });
    let compare = checks.compare.value().map(|written| match written {
        Written::Canonical => Compare::Canonical,
        Written::Bytes => Compare::Bytes,
    });
    (sample, compare)
}
