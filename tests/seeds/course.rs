//! The course of one migration: lives of the program that end early, then lives in peace.

use crate::judge;
use crate::life::Life;
use crate::process::Process;
use crate::world::World;
use mailferry::executor::event::Outcome;
use std::fmt;
use std::time::Duration;

/// What a course met.
#[derive(Debug, Default)]
pub(crate) struct Met {
    pub(crate) seeds: u64,
    pub(crate) lives: u64,
    pub(crate) kills: u64,
    pub(crate) powercuts: u64,
    pub(crate) faults: u64,
    pub(crate) messages: u64,
    /// Everything that was told, to compare two runs of a seed.
    pub(crate) told: Vec<String>,
}

impl Met {
    pub(crate) fn add(&mut self, other: &Self) {
        self.seeds += 1;
        self.lives += other.lives;
        self.kills += other.kills;
        self.powercuts += other.powercuts;
        self.faults += other.faults;
        self.messages += other.messages;
    }
}

impl fmt::Display for Met {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} seeds: {} lives, {} of them killed, {} losses of power, {} faults struck, {} messages; lost 0, doubled 0",
            self.seeds, self.lives, self.kills, self.powercuts, self.faults, self.messages
        )
    }
}

/// One seed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Course(u64);

/// Lives in peace until nothing is left to do; more are a fault of the engine.
const PEACE: u32 = 5;

impl Course {
    pub(crate) fn of(seed: u64) -> Self {
        Self(seed)
    }

    /// Runs it to its end, or says what went wrong.
    pub(crate) fn run(self) -> Result<Met, String> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()
            .expect("a runtime");
        let result = runtime.block_on(self.all());
        runtime.shutdown_background();
        result
    }

    async fn all(self) -> Result<Met, String> {
        let mut world = World::new(self.0);
        let mut met = Met::default();
        for _ in 0..world.rng.usize(1..5) {
            world.trouble();
            let steps = match world.rng.u8(0..6) {
                0 => None,
                1 => Some(world.rng.u64(1..100)),
                _ => Some(world.rng.u64(50..900)),
            };
            self.life(&mut world, &mut met, steps).await?;
            met.faults += (world.source.script().struck().len()
                + world.destination.script().struck().len()) as u64;
            if world.rng.bool() {
                tokio::time::sleep(Duration::from_millis(world.rng.u64(1..8_000))).await;
            }
            if world.rng.bool() {
                world.live();
            }
        }
        world.peace();
        self.ends_well(&mut world, &mut met).await?;
        met.messages = world.ever.values().sum::<usize>() as u64;
        Ok(met)
    }

    /// One life, which may end before its time.
    async fn life(
        self,
        world: &mut World,
        met: &mut Met,
        steps: Option<u64>,
    ) -> Result<(), String> {
        met.lives += 1;
        let life = Life::of(steps);
        let number = u32::try_from(met.lives).unwrap_or_default();
        let before = world.at_source();
        let process = Process::start(world, &life, number).map_err(|error| failed(&error))?;
        let over = life.over().clone();
        // What it came to does not matter here: a fault may have ended it, and the next goes on.
        tokio::select! {
            biased;
            () = over.cancelled() => {}
            _ = process.apply(world) => {}
        }
        met.kills += u64::from(life.is_over());
        process.end();
        met.told.extend(process.told.0.lock().expect("one thread").drain(..));
        same_source(world, &before)?;
        if life.is_over() && world.rng.u8(0..3) == 0 {
            world.disk.lose_power();
            met.powercuts += 1;
        }
        Ok(())
    }

    /// Applies in peace until nothing is left, and looks at everything.
    async fn ends_well(self, world: &mut World, met: &mut Met) -> Result<(), String> {
        let mut last = String::new();
        for _ in 0..PEACE {
            met.lives += 1;
            let life = Life::of(None);
            let number = u32::try_from(met.lives).unwrap_or_default();
            let before = world.at_source();
            let process = Process::start(world, &life, number).map_err(|error| failed(&error))?;
            let (plan, report) = process.apply(world).await.map_err(|error| failed(&error))?;
            same_source(world, &before)?;
            let failures: Vec<_> = report
                .outcomes
                .iter()
                .filter(|(_, outcome)| {
                    !matches!(outcome, Outcome::Done { .. } | Outcome::AlreadyDone)
                })
                .collect();
            last = format!(
                "ready {:?}\nwaiting {:?}\nunknown {:?}\nfailed {failures:#?}",
                plan.ready.iter().map(|action| &action.id.0).collect::<Vec<_>>(),
                plan.waiting
                    .iter()
                    .map(|waiting| (&waiting.action.id.0, &waiting.on))
                    .collect::<Vec<_>>(),
                plan.unknown,
            );
            let quiet = plan.ready.is_empty() && plan.waiting.is_empty() && plan.unknown.is_empty();
            let verified = if quiet {
                Some(process.verify(world).await.map_err(|error| failed(&error))?)
            } else {
                None
            };
            process.end();
            met.told.extend(process.told.0.lock().expect("one thread").drain(..));
            if let Some(evidence) = verified {
                same_source(world, &before)?;
                return judge::judge(world, &evidence);
            }
        }
        Err(format!("after {PEACE} applies in peace something is left to do:\n{last}"))
    }
}

fn failed(error: &mailferry::error::Error) -> String {
    format!("{error:?}")
}

fn same_source(world: &World, before: &str) -> Result<(), String> {
    let after = world.at_source();
    if after == before {
        return Ok(());
    }
    let changed = similar::TextDiff::from_lines(before, after.as_str());
    Err(format!("the source changed:\n{}", changed.unified_diff()))
}
