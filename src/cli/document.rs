//! Loads a migration plan for a command, with its diagnostics on stderr.

use crate::cli::args::Global;
use crate::cli::output::Output;
use crate::desired::Desired;
use crate::document;
use crate::error::{Error, ErrorKind, Result};
use crate::rehearse::directions::Directions;
use std::collections::BTreeMap;
use std::path::Path;

/// What a migration plan may do, from outside of it.
pub(crate) fn options(global: &Global) -> document::Options {
    let env: BTreeMap<String, String> =
        std::env::vars().filter(|(name, _)| name.starts_with("MAILFERRY_VAR_")).collect();
    document::Options {
        allow_outside: global.allow_outside,
        allow_commands: global.allow_commands,
        env,
        rehearsing: global.rehearsal.is_some(),
    }
}

/// Loads a valid migration plan, and in a rehearsal turns it to the simulated services. Of an invalid
/// one all findings are shown and the error counts them; warnings are shown in any case.
pub(crate) fn load(path: &Path, global: &Global, output: &Output) -> Result<Desired> {
    let desired = load_by(path, &options(global), output)?;
    Ok(match global.rehearsal.as_deref().map(Directions::read).transpose()? {
        Some(directions) => directions.dress(desired)?,
        None => desired,
    })
}

/// Loads a valid migration plan for a rehearsal, which reads no secret.
pub(crate) fn load_for_rehearsal(path: &Path, global: &Global, output: &Output) -> Result<Desired> {
    load_by(path, &document::Options { rehearsing: true, ..options(global) }, output)
}

fn load_by(path: &Path, options: &document::Options, output: &Output) -> Result<Desired> {
    let loaded = document::load(path, options)?;
    let shown = loaded.diagnostics.render(output.color_errors);
    if !shown.trim().is_empty() {
        Output::say(shown.trim_end());
    }
    loaded.desired.ok_or_else(|| {
        Error::new(
            ErrorKind::InvalidPlan,
            "E065",
            format!("{} is not a valid migration plan", path.display()),
        )
        .hint("Correct what is named above; `mailferry validate` checks it without any server.")
    })
}
