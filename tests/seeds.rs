//! Whole migrations in memory: one thread, time that stands still until nobody has anything to do,
//! and one seed that decides mail, faults, kills and everything that others do meanwhile.
//!
//! `MAILFERRY_TEST_SEEDS=1000` runs more seeds, `MAILFERRY_TEST_SEED=7` exactly one, and
//! `tests/run --seeds N` any number.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test says so by panicking, and names its seeds"
)]

#[path = "seeds/both.rs"]
mod both;
#[path = "seeds/cloud.rs"]
mod cloud;
#[path = "seeds/course.rs"]
mod course;
#[path = "seeds/damage.rs"]
mod damage;
#[path = "seeds/deeds.rs"]
mod deeds;
#[path = "seeds/disk.rs"]
mod disk;
#[path = "seeds/extras.rs"]
mod extras;
#[path = "seeds/finding.rs"]
mod finding;
#[path = "seeds/judge.rs"]
mod judge;
#[path = "seeds/letters.rs"]
mod letters;
#[path = "seeds/life.rs"]
mod life;
#[path = "seeds/met.rs"]
mod met;
#[path = "seeds/mortal.rs"]
mod mortal;
#[path = "seeds/mutant.rs"]
mod mutant;
#[path = "seeds/network.rs"]
mod network;
#[path = "seeds/others.rs"]
mod others;
#[path = "seeds/people.rs"]
mod people;
#[path = "seeds/process.rs"]
mod process;
#[path = "seeds/proof.rs"]
mod proof;
#[path = "seeds/said.rs"]
mod said;
#[path = "seeds/saved.rs"]
mod saved;
#[path = "seeds/scene.rs"]
mod scene;
#[path = "seeds/stores.rs"]
mod stores;
#[path = "seeds/trouble.rs"]
mod trouble;
#[path = "seeds/wall.rs"]
mod wall;
#[path = "seeds/world.rs"]
mod world;

use course::Course;
use finding::{Check, Failure};
use mutant::{Mutant, Mutants};
use std::io::Write as _;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::RecvTimeoutError;
use std::sync::{Mutex, mpsc};
use std::time::Duration;

/// Seeds of a test run.
const SEEDS: u64 = 240;

fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} is not a number: {text}")))
}

/// A seed takes seconds, on a slow and busy machine a minute; one that is not over by then turns
/// round without time going on.
const LIMIT: Duration = Duration::from_secs(300);

fn again(seed: u64) -> String {
    format!("MAILFERRY_TEST_SEED={seed} cargo test --test seeds -- --nocapture migrations_of_seeds")
}

/// Runs a seed. What panics is a failure like any other; what does not end ends all, because no
/// thread can be stopped.
fn run_one<T>(seed: u64, run: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
    let (done, over) = mpsc::channel::<()>();
    let watch = std::thread::spawn(move || {
        if over.recv_timeout(LIMIT) == Err(RecvTimeoutError::Timeout) {
            // Not what a test prints, which nobody would see any more.
            let _ = writeln!(
                std::io::stderr(),
                "seed {seed} failed; again: {}\nEndless: it is not over after {LIMIT:?}",
                again(seed)
            );
            std::process::abort();
        }
    });
    let result = catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|panic| {
        let words = panic.downcast_ref::<String>().cloned();
        let words = words.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string));
        Err(Check::Panic.finds(words.unwrap_or_default()).into())
    });
    drop(done);
    watch.join().expect("it only waits");
    result
}

/// Says how a seed failed and how to see it again.
fn failed(seed: u64, why: &Failure) {
    let again = again(seed);
    eprintln!(
        "seed {seed} failed; again: {again}\n{why}\nwhen it is mended: add {seed} to seeds_that_found_something_stay_well in tests/seeds.rs"
    );
}

/// The first seed of a run, and how many there are.
fn wanted() -> (u64, u64) {
    if let Some(seed) = number("MAILFERRY_TEST_SEED") {
        return (seed, 1);
    }
    let first = number("MAILFERRY_TEST_FIRST_SEED").unwrap_or(0);
    (first, number("MAILFERRY_TEST_SEEDS").unwrap_or(SEEDS))
}

/// What the seeds of a run came to.
#[derive(Debug, Default)]
struct Sum {
    met: met::Met,
    bad: Vec<u64>,
}

impl Sum {
    fn add(&mut self, seed: u64, run: Result<met::Met, Failure>) {
        match run {
            Ok(met) => self.met.add(&met),
            Err(why) => {
                failed(seed, &why);
                self.bad.push(seed);
            }
        }
    }

    fn count(&self) -> u64 {
        self.met.seeds + self.bad.len() as u64
    }
}

/// Runs the seeds from one on until another on every processor, with a line now and then. Every
/// failing one is named before the test fails.
#[test]
fn migrations_of_seeds_lose_and_double_nothing() {
    let (first, seeds) = wanted();
    let one_is_enough = number("MAILFERRY_TEST_UNTIL_ONE_FAILS").is_some();
    let begun = std::time::Instant::now();
    let next = AtomicU64::new(first);
    let sum = Mutex::new(Sum::default());
    let work = || {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= first + seeds {
                return;
            }
            let run = run_one(seed, || Course::of(seed).run());
            let mut sum = sum.lock().expect("no thread panics here");
            sum.add(seed, run);
            if one_is_enough && !sum.bad.is_empty() {
                return;
            }
            let count = sum.count();
            if count.is_multiple_of((seeds / 50).max(10)) {
                let (bad, time) = (sum.bad.len(), begun.elapsed().as_secs());
                eprintln!("{count} of {seeds} seeds, {bad} failed, {time} s");
            }
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| (0..threads).for_each(|_| drop(scope.spawn(work))));
    let Sum { met, mut bad } = sum.into_inner().expect("no thread panics here");
    bad.sort_unstable();
    let (last, time) = (first + seeds - 1, begun.elapsed().as_secs());
    eprintln!("seeds {first} to {last} in {time} s: {} failed\n{met}", bad.len());
    assert!(bad.is_empty(), "seeds that failed: {bad:?}");
    // Fewer seeds do not meet everything.
    let absent = if seeds < SEEDS { Vec::new() } else { met.absent() };
    assert!(absent.is_empty(), "nothing of this struck in {seeds} seeds: {absent:?}");
}

/// Of those, seeds of worlds without tenants. 136 and 205: what was moved out of a folder at the destination
/// before its answer was known was sent again when the folder got another UIDVALIDITY. 256: an empty
/// folder with another UIDVALIDITY held every removal back for ever.
const WIDE: [u64; 3] = [136, 205, 256];

/// The regressions: seeds that found something once.
#[test]
fn seeds_that_found_something_stay_well() {
    // 53, 101 and 121 turned round and round while they waited for a connection.
    for seed in [53, 86, 101, 121, 209, 402] {
        run_one(seed, || Course::narrow(seed).run())
            .unwrap_or_else(|why| panic!("narrow seed {seed}: {why}"));
    }
    for seed in WIDE {
        run_one(seed, || Course::wide(seed).run())
            .unwrap_or_else(|why| panic!("wide seed {seed}: {why}"));
    }
}

#[test]
fn a_seed_replays_exactly() {
    let told = |seed| Course::of(seed).run().expect("it ends well").told;
    for seed in [3, 10] {
        assert_eq!(told(seed), told(seed), "seed {seed}");
    }
}

#[test]
fn a_seed_that_panics_is_a_failure_and_says_why() {
    let failure = run_one(7, || -> Result<(), Failure> { panic!("a mistake of {}", "the engine") })
        .expect_err("it panicked");
    assert_eq!(failure.to_string(), "Panic: a mistake of the engine\n");
    assert!(again(7).contains("MAILFERRY_TEST_SEED=7 "));
}

/// Runs seeds with a mistake in them until one fails; one of `checks` must be what finds it.
fn caught(mutant: Mutant, seeds: Range<u64>, world: fn(u64) -> Course, checks: &[Check]) {
    for seed in seeds.clone() {
        let run = run_one(seed, || world(seed).with(Mutants::of(mutant)).run());
        let Err(why) = run else { continue };
        let well = run_one(seed, || world(seed).run());
        if well.is_err() {
            continue;
        }
        eprintln!("{mutant:?} is caught by seed {seed}: {}", why.findings[0]);
        let by = |check: &Check| why.findings.iter().any(|finding| finding.check == *check);
        assert!(checks.iter().any(by), "{mutant:?}: seed {seed}: {why}");
        return;
    }
    panic!("{mutant:?} is not caught by the seeds {seeds:?}");
}

macro_rules! mutants {
    ($(fn $name:ident() { $mutant:ident, $seeds:expr, [$($check:ident),*] })*) => {
        $(#[test]
        fn $name() {
            caught(Mutant::$mutant, $seeds, Course::of, &[$(Check::$check),*]);
        })*
    };
}

/// Copies that were moved before they were known are rare: this seed of an earlier world has one.
#[test]
fn landmarks_that_are_too_high_are_caught() {
    caught(Mutant::LandmarksTooHigh, 631..632, Course::wide, &[Check::Doubled]);
}

mutants! {
    fn a_recovery_that_does_not_wait_is_caught() { NoQuiet, 0..60, [Doubled] }
    fn an_acknowledgement_that_is_forgotten_is_caught() { AckForgotten, 0..20, [Doubled] }
    fn answers_that_change_their_uids_are_caught() { AckUidsSwapped, 0..20, [Lost, Verify, Flags] }
    fn a_checkpoint_that_is_never_open_is_caught() { CheckpointNotOpen, 0..20, [Doubled] }
    fn a_checkpoint_that_is_too_high_is_caught() { CheckpointTooHigh, 0..60, [Doubled] }
    fn a_checkpoint_that_is_not_on_the_disk_is_caught() { CheckpointNotSynced, 0..100, [Doubled, Unnamed] }
    fn a_look_at_dns_that_is_not_made_again_is_caught() { DnsOfYesterday, 0..60, [MailFlow] }
    fn flags_that_do_not_follow_are_caught() { FlagsStay, 0..20, [Flags, LeftToDo] }
    fn a_row_of_the_listing_that_is_lost_is_caught() { LastRowLost, 0..20, [Lost] }
    // Not from 0 on: 63 is the first that meets it, and every seed before costs half a second.
    fn a_refused_listing_that_ends_well_is_caught() { NoEndsListing, 60..80, [Lost, Doubled, Verify] }
    fn a_refused_message_that_counts_as_copied_is_caught() { NoIsCopied, 0..20, [Lost] }
    fn a_plan_that_nobody_reviewed_is_caught() { PlanOfNow, 0..60, [Plan] }
    fn a_loss_that_counts_as_proven_is_caught() { LossIsProven, 0..20, [Account, Damage] }
    fn an_extra_copy_that_is_not_named_is_caught() { ExtrasNotNamed, 0..120, [Unnamed] }
    fn an_extra_copy_that_is_forgotten_is_caught() { OneExtraStays, 0..120, [Extra] }
    fn a_message_recorded_before_its_answer_is_caught() { LossIsCopied, 0..20, [Lost] }
}
