//! `mailferry plan`.

use crate::cli::args::{Global, PlanArgs};
use crate::cli::output::Output;
use crate::cli::whole::{self, Readers};
use crate::cli::wiring::{Mode, World};
use crate::cli::{Ended, show};
use crate::error::{ErrorKind, Result};
use crate::planner::saved::SavedPlan;
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
        whole::write(out, Readers::AsUsual, &saved.to_json()?)?;
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
