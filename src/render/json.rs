//! A plan for programs.

use crate::error::{Error, ErrorKind, Result};
use crate::planner::saved::{SavedPlan, sorted};
use serde_json::json;

/// Renders the plan with its format version and digest, without the time that a saved plan
/// carries: the same plan gives the same text.
pub fn render(saved: &SavedPlan) -> Result<String> {
    let value = json!({
        "format_version": saved.format_version,
        "digest": saved.digest,
        "summary": saved.plan.summary_line(),
        "plan": saved.plan,
    });
    let mut text = serde_json::to_string_pretty(&sorted(value)).map_err(|error| {
        Error::new(ErrorKind::Failed, "E301", "the plan could not be written as JSON").source(error)
    })?;
    text.push('\n');
    Ok(text)
}
