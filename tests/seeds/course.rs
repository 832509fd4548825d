//! The course of one migration: lives of the program that end early, then lives in peace.

use crate::cloud::{Cloud, Flow};
use crate::damage;
use crate::deeds::{self, Leave, Since};
use crate::finding::{Check, Failure, none_of};
use crate::judge::{self, Judged};
use crate::life::Life;
use crate::met::Met;
use crate::mutant::Mutants;
use crate::process::{Applied, Process, Stays};
use crate::proof;
use crate::stores::Stores;
use crate::world::{Scope, World};
use mailferry::executor::event::Outcome;
use mailferry::executor::report::RunReport;
use mailferry::planner::plan::{Action, Kind, Plan};
use mailferry::simulate::web::Door;
use std::collections::BTreeSet;
use std::time::Duration;

/// One seed.
#[derive(Clone, Debug)]
pub(crate) struct Course {
    seed: u64,
    scope: Scope,
    mutants: Mutants,
}

/// Lives in peace until nothing is left to do; more are a fault of the engine.
const PEACE: u32 = 6;

/// No life takes longer in simulated time: every fault is over after minutes, and nothing waits for
/// more than an hour.
const LONGEST: Duration = Duration::from_secs(86_400);

/// Ends what does not end by itself.
async fn within<T>(limit: Duration, run: impl Future<Output = T>) -> Result<T, Failure> {
    tokio::time::timeout(limit, run).await.map_err(|_| {
        Check::Endless.finds(format!("a life goes on after {limit:?} of simulated time")).into()
    })
}

impl Course {
    pub(crate) fn of(seed: u64) -> Self {
        Self { seed, scope: Scope::Whole, mutants: Mutants::default() }
    }

    /// As seeds were before there were tenants.
    pub(crate) fn wide(seed: u64) -> Self {
        Self { scope: Scope::Wide, ..Self::of(seed) }
    }

    /// As seeds were before they decided more.
    pub(crate) fn narrow(seed: u64) -> Self {
        Self { scope: Scope::Narrow, ..Self::of(seed) }
    }

    /// With a mistake in it.
    pub(crate) fn with(self, mutants: Mutants) -> Self {
        Self { mutants, ..self }
    }

    /// Runs it to its end, or says what went wrong.
    pub(crate) fn run(self) -> Result<Met, Failure> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()
            .expect("a runtime");
        let result = runtime.block_on(self.all());
        runtime.shutdown_background();
        result
    }

    async fn all(self) -> Result<Met, Failure> {
        let mut world = World::new(self.seed, self.scope, self.mutants.clone());
        let mut met = Met::default();
        self.act(&mut world, &mut met, false).await?;
        if world.has_a_second_act() {
            world.peace().await;
            self.life(&mut world, &mut met, None).await?;
            self.act(&mut world, &mut met, true).await?;
        }
        world.peace().await;
        let judged = self.ends_well(&mut world, &mut met).await?;
        if judged.extra {
            self.extras_go(&mut world, &mut met).await?;
        }
        if world.saved.damages() {
            self.damage(&mut world, &mut met).await?;
        }
        let people = world.people();
        met.messages = people.ever.values().sum::<usize>() as u64;
        met.count("people came in the middle of a run", people.meanwhile);
        met.count("messages that the source purged", people.purged);
        met.count("ledger calls without room or with an error", world.disk.struck());
        met.count("jumps of the clock", *world.jumps.lock().expect("one thread"));
        met.count("expunges", deeds::expunges(&world));
        met.count("letters restored at the source", people.restored.len() as u64);
        met.count("letters of others at the destination", world.letters_of_others());
        met.count("letters of others since the MX moved", world.arrived());
        if let Some(cloud) = &world.cloud {
            let (moves, doubtful) = cloud.zone.met();
            met.count("seeds with a zone", 1);
            if let Some(tenant) = &cloud.tenant {
                met.count("seeds with a tenant", 1);
                let asked = tenant.requests(Door::Login).len();
                met.count("requests for a token", asked as u64);
            }
            met.count("moves of the MX", moves);
            met.count("answers of DNS that were not of the old MX alone", doubtful);
        }
        for deed in world.others() {
            met.count(&format!("others at the destination: {}", deed.verb), 1);
        }
        for deed in world.source.deeds() {
            met.count(&format!("people at the source: {}", deed.verb), 1);
        }
        drop(people);
        Ok(met)
    }

    /// Lives with trouble, and what people do between them.
    async fn act(&self, world: &mut World, met: &mut Met, tidy: bool) -> Result<(), Failure> {
        for _ in 0..world.rng.usize(1..5) {
            let calm = tidy && world.tidy().await;
            if calm {
                world.calm();
            } else {
                world.trouble();
            }
            let steps = match world.rng.u8(0..6) {
                0 => None,
                1 => Some(world.rng.u64(1..100)),
                _ => Some(world.rng.u64(50..900)),
            };
            let steps = steps.filter(|_| !calm);
            let (began, kills) = (world.now(), met.kills);
            self.life(world, met, steps).await?;
            if met.kills > kills {
                world.moves_what_came(began).await;
            }
            if world.saved.verifies() {
                self.look(world, met).await?;
            }
            for (kind, count) in world.struck() {
                met.count(&format!("faults: {kind}"), count);
            }
            for kind in world.cloud.iter_mut().flat_map(Cloud::struck) {
                met.count(&format!("faults: tenant {kind}"), 1);
            }
            if world.rng.bool() {
                world.pass().await;
            }
            if world.rng.bool() {
                world.live();
            }
            world.restore();
        }
        Ok(())
    }

    /// One life, which may end before its time.
    async fn life(
        &self,
        world: &mut World,
        met: &mut Met,
        steps: Option<u64>,
    ) -> Result<(), Failure> {
        let life = Life::of(steps);
        world.happenings(&life, steps.unwrap_or(900));
        let number = born(met);
        let flow = world.begins();
        let (before, since) = (world.at_destination(), Since::now(world));
        let (meanwhile, letters) = (world.people().meanwhile, world.letters_of_others());
        // Taking the ledger up may be the first thing that a full disk does not let happen.
        let process = Process::start(world, &life, number).map_err(|error| failed(&error))?;
        let over = life.over().clone();
        let reviewed = world.saved.reviewed(world.desired.acknowledged.len());
        met.count("applies of an older plan", u64::from(reviewed.is_some()));
        // What it came to matters only where nobody came between.
        let applied = within(LONGEST, async {
            tokio::select! {
                biased;
                () = over.cancelled() => None,
                applied = process.apply(world, reviewed.as_ref()) => applied.ok(),
            }
        })
        .await?;
        if let Some(on) = life.killed_at() {
            met.kills += 1;
            met.count(deeds::word(on), 1);
        }
        world.disk.keep_as_killed();
        process.end();
        met.told.extend(process.told.0.lock().expect("one thread").drain(..));
        // What was written before the end is done, by this life and no later one.
        tokio::time::sleep(Duration::from_millis(1)).await;
        world.people().look();
        within_the_plan(world, &process, since, Leave::None)?;
        while_mail_arrives(world, since.deeds, flow)?;
        let came = world.people().meanwhile > meanwhile;
        if let Some(reviewed) = &reviewed {
            let wrong = deeds::unreviewed(world, &since.done(world).0, reviewed, came);
            let more = |failure| Failure { more: format!("reviewed: {reviewed:#?}"), ..failure };
            none_of(wrong).map_err(more)?;
        }
        world.saved.keep(process.planned.lock().expect("one thread").take());
        removals(&process, applied.as_ref().map(|it| &it.report), met);
        if let Some(applied) = applied
            && life.killed_at().is_none()
        {
            let others = came || world.others_since(since.deeds, letters);
            judge::honest(world, &applied, (!others).then_some(before.as_str()))?;
            if let Some(reviewed) = reviewed.filter(|_| !came) {
                stale_is_told(world, &applied, &reviewed)?;
                met.count("actions of older plans that were stale", applied.stale as u64);
                let unseen = applied.not_approved.len() as u64;
                met.count("actions that nobody had reviewed", unseen);
            }
            met.count(&format!("apply ends as {:?}", applied.ends_as), 1);
        }
        if life.killed_at().is_some() && world.rng.u8(0..3) == 0 {
            let share = if self.scope == Scope::Narrow { 0 } else { world.rng.u8(..) };
            world.disk.lose_power(share);
            met.powercuts += 1;
        }
        Ok(())
    }

    /// Verifies in the middle of it all, and looks whether it says what is.
    async fn look(&self, world: &mut World, met: &mut Met) -> Result<(), Failure> {
        let (before, since) = (Stores::of(world), Since::now(world));
        let letters = world.letters_of_others();
        let life = Life::of(None);
        // A full disk may let nothing be verified.
        let Ok(process) = Process::start(world, &life, born(met)) else { return Ok(()) };
        let verified = within(LONGEST, process.verify(world)).await?;
        process.end();
        met.told.extend(process.told.0.lock().expect("one thread").drain(..));
        world.people().look();
        within_the_plan(world, &process, since, Leave::None)?;
        let Ok(evidence) = verified else { return Ok(()) };
        met.count("verifications between lives", 1);
        if world.others_since(since.deeds, letters) {
            return Ok(());
        }
        let whole = u64::from(evidence.totals.all_verified());
        met.count("verifications between lives that find all well", whole);
        proof::honest(world, &before, &evidence)
    }

    /// Applies in peace until nothing is left, and looks at everything.
    async fn ends_well(&self, world: &mut World, met: &mut Met) -> Result<Judged, Failure> {
        let mut last = String::new();
        for _ in 0..PEACE {
            let number = born(met);
            let life = Life::of(None);
            let flow = world.begins();
            let (before, since) = (world.at_destination(), Since::now(world));
            let process = Process::start(world, &life, number).map_err(|error| failed(&error))?;
            let applied = within(LONGEST, process.apply(world, None))
                .await?
                .map_err(|error| failed(&error))?;
            world.people().look();
            within_the_plan(world, &process, since, Leave::None)?;
            while_mail_arrives(world, since.deeds, flow)?;
            judge::honest(world, &applied, Some(&before))?;
            removals(&process, Some(&applied.report), met);
            let Applied { plan, report, ends_as, .. } = applied;
            let failures: Vec<_> = report
                .outcomes
                .iter()
                .filter(|(_, outcome)| {
                    !matches!(outcome, Outcome::Done { .. } | Outcome::AlreadyDone)
                })
                .collect();
            last = format!(
                "ends as {ends_as:?}\nready {:?}\nwaiting {:?}\nunknown {:?}\nfailed {failures:#?}",
                plan.ready.iter().map(|action| &action.id.0).collect::<Vec<_>>(),
                plan.waiting
                    .iter()
                    .map(|waiting| (&waiting.action.id.0, &waiting.on))
                    .collect::<Vec<_>>(),
                plan.unknown,
            );
            let still: Vec<_> = plan.ready.iter().filter(|it| stays(world, &report, it)).collect();
            met.count(
                "removals that every plan names again, because their copies stay",
                still.len() as u64,
            );
            let quiet = plan.ready.len() == still.len()
                && plan.waiting.is_empty()
                && plan.unknown.is_empty();
            if quiet && let Some(kind) = ends_as {
                let why = format!("nothing is left to do, and apply ends as {kind:?}");
                return Err(Failure { findings: vec![Check::Honest.finds(why)], more: last });
            }
            let verified = if quiet {
                let verified = within(LONGEST, process.verify(world)).await?;
                Some(verified.map_err(|error| failed(&error))?)
            } else {
                None
            };
            process.end();
            met.told.extend(process.told.0.lock().expect("one thread").drain(..));
            if let Some(evidence) = verified {
                world.people().look();
                within_the_plan(world, &process, since, Leave::None)?;
                return judge::judge(world, &evidence, None);
            }
        }
        let why = format!("after {PEACE} applies in peace something is left to do");
        Err(Failure { findings: vec![Check::LeftToDo.finds(why)], more: last })
    }

    /// Damages something, and looks whether it is seen.
    async fn damage(&self, world: &mut World, met: &mut Met) -> Result<(), Failure> {
        let Some(damage) = damage::strike(world) else { return Ok(()) };
        let life = Life::of(None);
        let process = Process::start(world, &life, born(met)).map_err(|error| failed(&error))?;
        let evidence =
            within(LONGEST, process.verify(world)).await?.map_err(|error| failed(&error))?;
        process.end();
        met.count("copies that were damaged in the end", 1);
        damage.is_told(world, &evidence)
    }

    /// Removes the extra copies, and looks at everything again.
    async fn extras_go(&self, world: &mut World, met: &mut Met) -> Result<(), Failure> {
        let number = born(met);
        let life = Life::of(None);
        let since = Since::now(world);
        let process = Process::start(world, &life, number).map_err(|error| failed(&error))?;
        let fixed = within(LONGEST, process.fix(world)).await?.map_err(|error| failed(&error))?;
        let evidence =
            within(LONGEST, process.verify(world)).await?.map_err(|error| failed(&error))?;
        world.people().look();
        within_the_plan(world, &process, since, Leave::Extras)?;
        process.end();
        met.extra += fixed.removed + fixed.stays.len() as u64;
        met.removed += fixed.removed;
        for Stays { reason, .. } in &fixed.stays {
            met.count(&format!("extra copies that stay: {reason}"), 1);
        }
        judge::judge(world, &evidence, Some(&fixed)).map(drop)
    }
}

fn failed(error: &mailferry::error::Error) -> Failure {
    Check::Error.finds(format!("{error:?}")).into()
}

fn born(met: &mut Met) -> u32 {
    met.lives += 1;
    u32::try_from(met.lives).unwrap_or_default()
}

/// What the world does not fit any more is no success.
fn stale_is_told(world: &World, applied: &Applied, reviewed: &Plan) -> Result<(), Failure> {
    let mut misfits = deeds::misfits(world, reviewed);
    // Another run may have copied it since, whatever it is now.
    misfits.retain(|id| !applied.plan.as_wanted.iter().any(|done| done.0 == *id));
    if misfits.is_empty() || applied.ends_as.is_some() {
        return Ok(());
    }
    let why = format!("apply ends well, and what was reviewed is no more: {misfits:?}");
    Err(Failure {
        findings: vec![Check::Honest.finds(why)],
        more: format!("{:#?}\nreviewed {reviewed:#?}\nnow {:#?}", applied.report, applied.plan),
    })
}

/// Counts what became of removals that were approved.
fn removals(process: &Process, report: Option<&RunReport>, met: &mut Met) {
    let approved = process.approved.lock().expect("one thread");
    for action in approved.iter().filter(|it| matches!(it.kind, Kind::RemoveCopies(_))) {
        let word = match report.and_then(|report| report.outcomes.get(&action.id)) {
            None => "not ended",
            Some(Outcome::Done { .. } | Outcome::AlreadyDone) => "done",
            Some(Outcome::Failed { code, .. }) => code,
            Some(_) => "held back",
        };
        met.count(&format!("removals that were approved: {word}"), 1);
    }
}

/// Whether an action only comes to leaving copies that are not as they were left: no plan knows
/// them, so that each names them again.
fn stays(world: &World, report: &RunReport, action: &Action) -> bool {
    let (Kind::RemoveCopies(remove), Some(Outcome::Done { tally })) =
        (&action.kind, report.outcomes.get(&action.id))
    else {
        return false;
    };
    let changed = world.destination.deeds().iter().any(|deed| {
        let changes = match deed.verb.as_str() {
            "STORE" | "DELETE" => deed.session.is_none(),
            "MOVE" => true,
            _ => false,
        };
        changes
            && deed.user == remove.destination_mailbox.as_str()
            && deed.folder == remove.destination.to_string()
    });
    tally["removed"] == 0 && tally["copies_stayed"] > 0 && changed
}

/// Where mail did not arrive at the source when a run began, nor since, it removed nothing.
fn while_mail_arrives(world: &World, since: usize, flow: Option<Flow>) -> Result<(), Failure> {
    let all = world.destination.deeds();
    let removed = all[since..].iter().find(|deed| deed.verb == "EXPUNGE");
    match (flow, removed) {
        (Some(Flow { at_source: false, .. }), Some(deed)) if world.flow() == flow => {
            return Err(Check::MailFlow.finds(format!("{flow:?}: {deed:?}")).into());
        }
        _ => {}
    }
    // And each removal looked again after it was planned.
    let folders: BTreeSet<(&str, &str)> = all[since..]
        .iter()
        .filter(|deed| deed.verb == "EXPUNGE")
        .map(|deed| (deed.user.as_str(), deed.folder.as_str()))
        .collect();
    let looks = world.cloud.as_ref().map(|cloud| cloud.zone.looks());
    match looks {
        Some(looks) if looks < folders.len() => {
            let found = format!(
                "removed from {folders:?}, and since the plan mail was seen to arrive at the source {looks} times"
            );
            Err(Check::MailFlow.finds(found).into())
        }
        _ => Ok(()),
    }
}

/// Nothing was done but what was approved, and nothing at the source.
fn within_the_plan(
    world: &mut World,
    process: &Process,
    since: Since,
    leave: Leave,
) -> Result<(), Failure> {
    let (new, old) = since.done(world);
    let approved = process.approved.lock().expect("one thread");
    let mut wrong = deeds::outside(&new, &approved, leave);
    wrong.extend(deeds::outside(&old, &world.saved.approved, leave));
    world.saved.approved.extend_from_slice(&approved);
    wrong.extend(world.wronged());
    wrong.extend(world.people().wrong.drain(..).map(|text| Check::Source.finds(text)));
    none_of(wrong)
}

#[tokio::test(start_paused = true)]
async fn a_life_that_does_not_end_is_found() {
    let failure = within(LONGEST, std::future::pending::<()>()).await.expect_err("it never ends");
    assert_eq!(failure.findings[0].check, Check::Endless);
}
