//! Whole migrations in memory: one thread, time that stands still until nobody has anything to do,
//! and one seed that decides mail, faults, kills and everything that others do meanwhile.
//!
//! `MAILFERRY_TEST_SEEDS=1000` runs more seeds, `MAILFERRY_TEST_SEED=7` exactly one.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test says so by panicking, and names its seeds"
)]

#[path = "seeds/course.rs"]
mod course;
#[path = "seeds/judge.rs"]
mod judge;
#[path = "seeds/life.rs"]
mod life;
#[path = "seeds/mortal.rs"]
mod mortal;
#[path = "seeds/network.rs"]
mod network;
#[path = "seeds/process.rs"]
mod process;
#[path = "seeds/world.rs"]
mod world;

use course::Course;

/// Seeds of a test run, about a minute's worth; each part is a test of its own, so that they run
/// side by side.
const SEEDS: u64 = 240;

fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} is not a number: {text}")))
}

/// Runs one part of the seeds; every failing one is named before the test fails.
fn part(which: u64, parts: u64) {
    if let Some(seed) = number("MAILFERRY_TEST_SEED") {
        if seed % parts == which {
            Course::of(seed).run().unwrap_or_else(|why| panic!("seed {seed}: {why}"));
        }
        return;
    }
    let first = number("MAILFERRY_TEST_FIRST_SEED").unwrap_or(0);
    let seeds = number("MAILFERRY_TEST_SEEDS").unwrap_or(SEEDS);
    let mut failed = Vec::new();
    let mut sum = course::Met::default();
    for seed in (first..first + seeds).filter(|seed| seed % parts == which) {
        match Course::of(seed).run() {
            Ok(met) => sum.add(&met),
            Err(why) => {
                eprintln!(
                    "seed {seed} failed; again: MAILFERRY_TEST_SEED={seed} cargo test --test seeds\n{why}"
                );
                failed.push(seed);
            }
        }
    }
    eprintln!("{sum}");
    assert!(failed.is_empty(), "seeds that failed: {failed:?}");
}

#[test]
fn migrations_of_seeds_lose_and_double_nothing_first_half() {
    part(0, 2);
}

#[test]
fn migrations_of_seeds_lose_and_double_nothing_second_half() {
    part(1, 2);
}

/// The regressions: seeds that found something once.
#[test]
fn seeds_that_found_something_stay_well() {
    // 53, 101 and 121 turned round and round while they waited for a connection.
    for seed in [53, 86, 101, 121, 209, 402] {
        Course::of(seed).run().unwrap_or_else(|why| panic!("seed {seed}: {why}"));
    }
}

#[test]
fn a_seed_replays_exactly() {
    let told = |seed| Course::of(seed).run().expect("it ends well").told;
    for seed in [3, 10] {
        assert_eq!(told(seed), told(seed), "seed {seed}");
    }
}
