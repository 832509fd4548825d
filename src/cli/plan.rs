//! `mailferry plan`.

use crate::cli::args::{Global, PlanArgs};
use crate::cli::output::Output;
use crate::cli::whole::{self, Readers};
use crate::cli::wiring::{Mode, World};
use crate::cli::{Ended, show};
use crate::error::{ErrorKind, Result};
use crate::observation::Observation;
use crate::observed::Observed;
use crate::planner::saved::SavedPlan;
use std::path::Path;
use std::sync::Arc;

pub(crate) async fn run(args: &PlanArgs, global: &Global, output: &Output) -> Result<Ended> {
    let world = World::open(&args.plan, global, output, Mode::Read)?;
    world.consents().await?;
    let telling = world.looking(output);
    let looked = world.look(Arc::clone(&telling.listener)).await;
    telling.finish();
    let (observed, plan) = looked?;
    if let Some(path) = &args.observation {
        observation(path, args.anonymous, &world, &observed)?;
    }
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

/// Writes what was seen at the source. It names people unless it is anonymous.
fn observation(path: &Path, anonymous: bool, world: &World, observed: &Observed) -> Result<()> {
    let (product, version) = (&world.desired.source.product, env!("CARGO_PKG_VERSION"));
    let seen = Observation::new(observed, product, version, world.clock.now());
    let (seen, readers) =
        if anonymous { (seen.anonymous(), Readers::AsUsual) } else { (seen, Readers::Owner) };
    let text = seen.to_json().map_err(|error| whole::failed(path, error.into()))?;
    whole::write(path, readers, &text)
}
