//! `mailferry plan`.

use crate::cli::args::{Global, PlanArgs};
use crate::cli::output::Output;
use crate::cli::wiring::{Mode, World};
use crate::cli::{Ended, show};
use crate::error::{Error, ErrorKind, Result};
use crate::planner::saved::SavedPlan;
use std::path::Path;
use std::sync::Arc;

pub(crate) async fn run(args: &PlanArgs, global: &Global, output: &Output) -> Result<Ended> {
    let world = World::open(&args.plan, global, output, Mode::Read)?;
    world.consents().await?;
    let telling = world.looking(output);
    let plan = world.plan(Arc::clone(&telling.listener)).await;
    telling.finish();
    let plan = plan?;
    let saved = SavedPlan::new(
        plan,
        args.plan.to_string_lossy().into_owned(),
        env!("CARGO_PKG_VERSION").to_owned(),
        world.clock.now(),
    );
    if let Some(out) = &args.out {
        write(out, &saved.to_json()?)?;
    }
    Output::result(&show::shown(&saved, args.format, output, args.out.as_deref())?)?;
    Ok(if !saved.plan.unknown.is_empty() {
        Ended::As(ErrorKind::Unobservable)
    } else if args.detailed_exitcode && saved.plan.changes() {
        Ended::Changes
    } else {
        Ended::Done
    })
}

/// Writes a file whole or not at all.
pub(crate) fn write(path: &Path, text: &str) -> Result<()> {
    let failed = |error: std::io::Error| {
        Error::new(
            ErrorKind::Failed,
            "E305",
            format!("{} could not be written: {error}", path.display()),
        )
        .hint("Name a file in a folder that you may write to.")
        .source(error)
    };
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.new", std::process::id()));
    let fresh = path.with_file_name(name);
    std::fs::write(&fresh, text).map_err(failed)?;
    std::fs::rename(&fresh, path).map_err(|error| {
        // The half-made file is of no use to anybody.
        let _ = std::fs::remove_file(&fresh);
        failed(error)
    })
}
