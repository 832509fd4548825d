//! `mailferry apply`.

use crate::cli::args::{ApplyArgs, Global, PlanFormat, ResultFormat};
use crate::cli::document as plan_file;
use crate::cli::output::Output;
use crate::cli::signals::Signals;
use crate::cli::wiring::{self, Mode, Telling, World};
use crate::cli::{Ended, duplicates, show};
use crate::copy::reasons;
use crate::error::{Error, ErrorKind, Result};
use crate::executor::event::{Event, Listener, Outcome};
use crate::executor::owner::Held;
use crate::executor::report::RunReport;
use crate::executor::run::{QUIET, Run};
use crate::model::words::time;
use crate::planner::approval::{Approval, approve};
use crate::planner::order;
use crate::planner::plan::{Action, ActionId, Plan};
use crate::planner::saved::SavedPlan;
use crate::ports::ledger::Ledger;
use crate::removal;
use crate::render;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub(crate) async fn run(args: &ApplyArgs, global: &Global, output: &Output) -> Result<Ended> {
    let max_age = wiring::duration(&args.max_age)?;
    let text = std::fs::read_to_string(&args.file).map_err(|error| {
        Error::new(
            ErrorKind::Failed,
            "E310",
            format!("{} could not be read: {error}", args.file.display()),
        )
        .hint("Name a saved plan (from `mailferry plan --out`) or a migration plan.")
        .source(error)
    })?;
    // A migration plan is a YAML mapping; a saved plan is JSON, and always starts with a brace.
    if text.trim_start().starts_with('{') {
        let saved = show::read(&args.file)?;
        if args.fix_own_duplicates {
            return Err(Error::new(
                ErrorKind::Usage,
                "E085",
                "--fix-own-duplicates needs the migration plan, and this is a saved plan",
            )
            .hint("Name the YAML file."));
        }
        reviewed(args, global, output, saved, max_age).await
    } else if args.fix_own_duplicates {
        duplicates::run(args, global, output).await
    } else {
        at_once(args, global, output).await
    }
}

/// Applies a saved plan: it approves what is planned again now.
async fn reviewed(
    args: &ApplyArgs,
    global: &Global,
    output: &Output,
    saved: SavedPlan,
    max_age: jiff::SignedDuration,
) -> Result<Ended> {
    if let Some(expected) = &args.expect
        && !saved.digest.is_named_by(expected)
    {
        return Err(Error::new(
            ErrorKind::Stale,
            "E306",
            format!(
                "{} has digest {}, and {expected} was expected",
                args.file.display(),
                saved.digest.short()
            ),
        )
        .hint("Apply the plan that was reviewed, or review this one: `mailferry show` shows it."));
    }
    let path = args.plan.clone().unwrap_or_else(|| recorded(&args.file, &saved));
    let desired = plan_file::load(&path, global, output)?;
    if desired.document != saved.migration_plan.digest {
        return Err(Error::new(
            ErrorKind::Stale,
            "E307",
            format!(
                "{} changed since the plan was made: its digest was {} and is {}",
                path.display(),
                saved.migration_plan.digest.short(),
                desired.document.short()
            ),
        )
        .hint("Plan again, and have the new plan reviewed.")
        .hint("What was saved in a rehearsal is good with its --rehearsal only."));
    }
    let mode = if args.dry_run { Mode::Read } else { Mode::Write };
    let world = World::of(desired, &path, global, output, mode)?;
    check_age(&saved, &world, max_age)?;
    let applying = Applying::begin(args, world, output)?;
    let fresh = applying.look().await?;
    let mut approval = approve(&saved.plan, &fresh);
    if !approval.stale.is_empty() {
        let stale = saved.plan.actions().filter(|action| approval.is_stale(&action.id));
        let mut removed = BTreeSet::new();
        for action in stale {
            if removal::is_done(applying.world.ledger.as_ref(), action)? {
                removed.insert(action.id.clone());
            }
        }
        approval.removed_before(&removed, &fresh);
    }
    applying.run(&path, &fresh, approval).await
}

/// The migration plan as the saved plan records it: as the user named it then, else beside the
/// saved plan.
fn recorded(saved_at: &Path, saved: &SavedPlan) -> PathBuf {
    let path = PathBuf::from(&saved.migration_plan.path);
    if path.exists() {
        return path;
    }
    let beside = saved_at.parent().unwrap_or_else(|| Path::new("")).join(&path);
    if beside.exists() { beside } else { path }
}

fn check_age(saved: &SavedPlan, world: &World, max_age: jiff::SignedDuration) -> Result<()> {
    let age = world.clock.now().duration_since(saved.made_at);
    // The clocks of two machines may differ by a little; a plan from the future is nobody's.
    if age < jiff::SignedDuration::from_mins(-2) {
        return Err(Error::new(
            ErrorKind::Stale,
            "E311",
            format!(
                "the saved plan was made at {}, which is in the future here",
                time(saved.made_at)
            ),
        )
        .hint("Set the clock of this machine, then plan again."));
    }
    if age > max_age {
        return Err(Error::new(
            ErrorKind::Stale,
            "E308",
            format!("the saved plan was made at {} and is too old", time(saved.made_at)),
        )
        .hint("Plan again, or allow more with --max-age, for example --max-age 3d."));
    }
    Ok(())
}

/// Applies a migration plan: plans, shows, asks.
async fn at_once(args: &ApplyArgs, global: &Global, output: &Output) -> Result<Ended> {
    if args.expect.is_some() {
        return Err(Error::new(
            ErrorKind::Usage,
            "E005",
            "--expect names the digest of a saved plan, and this is a migration plan",
        )
        .hint("Make one with `mailferry plan PLAN.yaml --out plan.json`."));
    }
    let mode = if args.dry_run { Mode::Read } else { Mode::Write };
    let world = World::open(&args.file, global, output, mode)?;
    let applying = Applying::begin(args, world, output)?;
    let fresh = applying.look().await?;
    let saved = SavedPlan::new(
        fresh.clone(),
        args.file.to_string_lossy().into_owned(),
        env!("CARGO_PKG_VERSION").to_owned(),
        applying.world.clock.now(),
    );
    let shown = show::shown(&saved, PlanFormat::Text, output, None)?;
    if args.format == ResultFormat::Text {
        Output::result(&shown)?;
    } else {
        Output::say(&shown);
    }
    let approval = if args.auto_approve { unattended(&fresh) } else { approve(&fresh, &fresh) };
    if !approval.run.is_empty() && !args.auto_approve && !args.dry_run {
        let question = format!("Do these {} actions?", approval.run.len());
        if !output.confirm(&question) {
            return Err(Error::new(
                ErrorKind::Declined,
                "E009",
                "nothing was done: the plan was not approved",
            )
            .hint("Review a saved plan and apply that, or run again and answer `yes`."));
        }
    }
    applying.run(&args.file, &fresh, approval).await
}

/// Approves what nobody needs to look at: nothing that users notice or that cannot be undone.
fn unattended(fresh: &Plan) -> Approval {
    let mut approved = fresh.clone();
    approved.ready.retain(|action| action.reversible && !action.visible);
    approve(&approved, fresh)
}

/// An apply with its lock, its signals and its listener.
struct Applying<'a> {
    args: &'a ApplyArgs,
    world: World,
    output: &'a Output,
    signals: Signals,
    held: Option<Held>,
}

impl<'a> Applying<'a> {
    fn begin(args: &'a ApplyArgs, world: World, output: &'a Output) -> Result<Self> {
        let signals = Signals::listen();
        world.accounts.throttle().end_with(signals.cancel.clone());
        let held = if args.dry_run { None } else { Some(world.hold("apply", &signals.cancel)?) };
        Ok(Self { args, world, output, signals, held })
    }

    /// Looks at the world again, unless a signal comes first.
    async fn look(&self) -> Result<Plan> {
        self.world.consents().await?;
        let telling = self.telling();
        let plan = tokio::select! {
            plan = self.world.plan(Arc::clone(&telling.listener)) => plan,
            () = self.signals.cancel.cancelled() => Err(self.ended_early()),
        };
        telling.finish();
        plan
    }

    fn telling(&self) -> Telling {
        self.world.doing(self.output, self.args.format == ResultFormat::Json)
    }

    fn ended_early(&self) -> Error {
        if let Some(error) = self.held.as_ref().and_then(Held::lost) {
            return error;
        }
        let kind = self.signals.came().unwrap_or(ErrorKind::Interrupted);
        Error::new(kind, "E130", "interrupted before anything was done")
    }

    /// A name of `--only` or `--skip` that names nothing is a mistake: it would leave everything
    /// out, or nothing.
    fn check_names(&self, fresh: &Plan, approval: &Approval) -> Result<()> {
        let reviewed =
            [&approval.done, &approval.waiting, &approval.unread, &approval.not_approved];
        let is_action = |name: &str| {
            fresh.actions().any(|action| action.id.0 == name)
                || reviewed.into_iter().flatten().any(|id| id.0 == name)
                || approval.stale.iter().any(|(id, _)| id.0 == name)
        };
        let mailboxes = &self.world.desired.mailboxes;
        for name in self.args.only.iter().chain(&self.args.skip) {
            let is_mailbox = mailboxes.keys().any(|mailbox| mailbox.as_str() == name);
            if !is_mailbox && !is_action(name) {
                return Err(Error::new(
                    ErrorKind::Usage,
                    "E008",
                    format!("`{name}` is neither a mailbox of the migration plan nor one of its actions"),
                )
                .hint("Name a mailbox by its address in the migration plan, or an action by its id in `mailferry show FILE --format json`."));
            }
        }
        Ok(())
    }

    async fn run(self, path: &Path, fresh: &Plan, mut approval: Approval) -> Result<Ended> {
        let named = |action: &Action, list: &[String]| {
            list.iter().any(|name| *name == action.id.0 || *name == order::mailbox(action).as_str())
        };
        let args = self.args;
        self.check_names(fresh, &approval)?;
        approval.run.retain(|action| {
            (args.only.is_empty() || named(action, &args.only)) && !named(action, &args.skip)
        });
        let otherwise = approval.stale.len() + approval.unread.len();
        let all = (approval.run.len() + approval.done.len() + otherwise) as u64;
        let unchanged = all - otherwise as u64;
        let telling = self.telling();
        telling.listener.event(&Event::Compared { unchanged, all });
        let json = args.format == ResultFormat::Json;
        if json {
            not_run(&approval, args.dry_run, telling.listener.as_ref());
        }
        if args.dry_run {
            if !json {
                Output::result(&render::outcome::dry_run(&approval))?;
            }
            return Ok(verdict(&RunReport::default(), fresh, &approval));
        }
        let run = Run {
            desired: Arc::clone(&self.world.desired),
            accounts: Arc::clone(&self.world.accounts),
            ledger: Arc::clone(&self.world.ledger),
            dns: Arc::clone(&self.world.dns),
            listener: Arc::clone(&telling.listener),
            clock: Arc::clone(&self.world.clock),
            cancel: self.signals.cancel.clone(),
            quiet: QUIET,
        };
        let report = run.run(&approval.run).await;
        let name = path.to_string_lossy();
        let behind = stays_behind(self.world.ledger.as_ref())?;
        let behind = render::outcome::behind(behind.saturating_sub(report.sum("refused")), &name);
        if json && !behind.is_empty() {
            let message = behind.trim_end().to_owned();
            telling.listener.event(&Event::Notice { message });
        }
        telling.finish();
        if let Some(error) = self.held.as_ref().and_then(Held::lost) {
            return Err(error);
        }
        if !json {
            Output::result(&behind)?;
            let shown = render::outcome::text(&report, fresh, &approval, &name);
            Output::result(&shown)?;
        }
        if let (true, Some(kind)) = (report.interrupted, self.signals.came()) {
            return Ok(Ended::As(kind));
        }
        Ok(verdict(&report, fresh, &approval))
    }
}

/// Counts the messages that stay behind for a reason that no plan showed before.
fn stays_behind(ledger: &dyn Ledger) -> Result<u64> {
    let tallies = ledger.tallies()?;
    let reasons = tallies.values().flat_map(|tally| &tally.excepted);
    Ok(reasons.filter(|(reason, _)| !reasons::was_reviewed(reason)).map(|(_, count)| count).sum())
}

/// Tells what does not run and why; the text says it at the end.
fn not_run(approval: &Approval, dry_run: bool, listener: &dyn Listener) {
    let tell = |id: &ActionId, outcome| {
        listener.event(&Event::ActionEnded { id: id.clone(), outcome });
    };
    for (id, difference) in &approval.stale {
        tell(id, Outcome::Stale { difference: difference.clone() });
    }
    let skipped = [
        (&approval.unread, "something of the mailbox could not be read"),
        (&approval.waiting, "it waits; the plan says for what"),
        (&approval.not_approved, "it is new since the plan was reviewed"),
    ];
    for (ids, reason) in skipped {
        for id in ids {
            tell(id, Outcome::Skipped { reason: reason.to_owned() });
        }
    }
    for action in approval.run.iter().filter(|_| dry_run) {
        tell(&action.id, Outcome::Skipped { reason: "dry run: it would run".to_owned() });
    }
}

fn verdict(report: &RunReport, fresh: &Plan, approval: &Approval) -> Ended {
    report.ends_as(fresh, approval).map_or(Ended::Done, Ended::As)
}
