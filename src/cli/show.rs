//! `mailferry show`.

use crate::cli::Ended;
use crate::cli::args::{PlanFormat, ShowArgs};
use crate::cli::output::Output;
use crate::error::{Error, ErrorKind, Result};
use crate::planner::saved::SavedPlan;
use crate::render;
use std::path::Path;

pub(crate) fn run(args: &ShowArgs, output: &Output) -> Result<Ended> {
    let saved = read(&args.file)?;
    let text = shown(&saved, args.format, output, Some(&args.file))?;
    Output::result(&text)?;
    Ok(Ended::Done)
}

/// Reads a saved plan.
pub(crate) fn read(path: &Path) -> Result<SavedPlan> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        Error::new(
            ErrorKind::Failed,
            "E310",
            format!("{} could not be read: {error}", path.display()),
        )
        .hint("Name the file that `mailferry plan --out` wrote.")
        .source(error)
    })?;
    SavedPlan::from_json(&text).map_err(|mut error| {
        error.message = format!("{}: {}", path.display(), error.message);
        error
    })
}

/// Renders a plan in a format.
pub(crate) fn shown(
    saved: &SavedPlan,
    format: PlanFormat,
    output: &Output,
    saved_to: Option<&Path>,
) -> Result<String> {
    let path = saved_to.map(|path| path.to_string_lossy().into_owned());
    Ok(match format {
        PlanFormat::Text => render::text::render(
            saved,
            render::text::Options { color: output.color, saved_to: path.as_deref() },
        ),
        PlanFormat::Markdown => render::markdown::render(saved, path.as_deref()),
        PlanFormat::Json => render::json::render(saved)?,
        PlanFormat::Html => render::html::render(saved),
    })
}
