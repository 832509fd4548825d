//! The saved plan: what `plan --out` writes, people review and `apply` takes as an approval.

use super::plan::Plan;
use crate::error::{Error, ErrorKind, Result};
use crate::model::digest::Digest;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// The version of the format. Another major one is refused; a higher minor one only adds: fields,
/// kinds of actions, states. 1.0 had no `remove_copies`.
pub const FORMAT_VERSION: &str = "1.1";

/// A plan with what binds it to its migration plan.
///
/// The digest covers everything but `digest`, `made_at`, `tool_version` and the path of the
/// migration plan, so that the same migration plan and world give the same digest wherever and
/// whenever the plan is made. Estimates are covered: a plan with other numbers is another plan to
/// review. `apply` compares actions by id and `after`, not by this digest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedPlan {
    /// See [`FORMAT_VERSION`].
    pub format_version: String,
    /// The version of mailferry that made it.
    pub tool_version: String,
    /// What reviewers and `--expect` compare.
    pub digest: Digest,
    /// When it was made; `--max-age` counts from here.
    pub made_at: Timestamp,
    /// The migration plan that it was made from.
    pub migration_plan: MigrationPlanRef,
    /// What was planned.
    pub plan: Plan,
}

/// Names a migration plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MigrationPlanRef {
    /// Its path as the user gave it.
    pub path: String,
    /// The digest over it and what it includes; equal to [`Plan::document`].
    pub digest: Digest,
}

impl Plan {
    /// Returns the digest that names this plan, the same that its saved form carries.
    pub fn digest(&self) -> Digest {
        let covered = json!({
            "format_version": FORMAT_VERSION,
            "migration_plan": { "digest": self.document },
            // Text keys only, so that this cannot fail; if it did, no file would match the digest.
            "plan": serde_json::to_value(self)
                .unwrap_or_else(|error| Value::String(format!("{error} {self:?}"))),
        });
        digest_of(&covered)
    }
}

impl SavedPlan {
    /// Binds a plan to its migration plan, the version of the tool and the time.
    pub fn new(plan: Plan, path: String, tool_version: String, made_at: Timestamp) -> Self {
        Self {
            format_version: FORMAT_VERSION.to_owned(),
            tool_version,
            digest: plan.digest(),
            made_at,
            migration_plan: MigrationPlanRef { path, digest: plan.document },
            plan,
        }
    }

    /// Writes the canonical form: sorted keys, two blanks of indentation, a newline at the end.
    pub fn to_json(&self) -> Result<String> {
        let failed = |error: serde_json::Error| {
            Error::new(ErrorKind::Failed, "E301", "the plan could not be written as JSON")
                .source(error)
        };
        let value = sorted(serde_json::to_value(self).map_err(failed)?);
        let mut text = serde_json::to_string_pretty(&value).map_err(failed)?;
        text.push('\n');
        Ok(text)
    }

    /// Reads a saved plan. Everything that is wrong with it makes it stale, and nothing runs: not
    /// JSON, another major version, an edited file, an unknown shape.
    pub fn from_json(text: &str) -> Result<Self> {
        let value: Value = serde_json::from_str(text).map_err(|error| {
            stale("E302", format!("this is not a saved plan: {error}")).source(error)
        })?;
        let version = value.get("format_version").and_then(Value::as_str).unwrap_or_default();
        if version.split('.').next() != FORMAT_VERSION.split('.').next() {
            let shown = crate::model::words::shown(version.as_bytes());
            return Err(stale(
                "E303",
                format!("the saved plan has format `{shown}`, and this version reads 1.x"),
            ));
        }
        let found = digest_of(&covered(&value));
        let saved: Self = serde_json::from_value(value).map_err(|error| {
            stale("E302", format!("the saved plan has an unknown shape: {error}")).source(error)
        })?;
        if saved.digest != found || saved.migration_plan.digest != saved.plan.document {
            return Err(stale(
                "E304",
                format!(
                    "the saved plan was edited: it says digest {} and its content has {}",
                    saved.digest.short(),
                    found.short()
                ),
            ));
        }
        Ok(saved)
    }
}

fn stale(code: &'static str, message: String) -> Error {
    Error::new(ErrorKind::Stale, code, message)
        .hint("Make a new one with `mailferry plan PLAN --out FILE` and review it.")
}

/// Leaves out what the digest does not cover. Fields that a later minor version added stay in.
fn covered(saved: &Value) -> Value {
    let mut saved = saved.clone();
    if let Some(fields) = saved.as_object_mut() {
        for left_out in ["digest", "made_at", "tool_version"] {
            fields.remove(left_out);
        }
        if let Some(migration_plan) =
            fields.get_mut("migration_plan").and_then(Value::as_object_mut)
        {
            migration_plan.remove("path");
        }
    }
    saved
}

fn digest_of(value: &Value) -> Digest {
    Digest::of(sorted(value.clone()).to_string().as_bytes())
}

/// Sorts the keys of every object, whatever order the JSON crate is compiled to keep.
pub(crate) fn sorted(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            let mut fields: Vec<(String, Value)> = fields.into_iter().collect();
            fields.sort_by(|left, right| left.0.cmp(&right.0));
            let fields = fields.into_iter().map(|(key, value)| (key, sorted(value)));
            Value::Object(fields.collect::<Map<_, _>>())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(sorted).collect()),
        other => other,
    }
}
