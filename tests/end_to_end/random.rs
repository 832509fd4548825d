//! Numbers that can be had again.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};

/// A xorshift generator; `MAILFERRY_TEST_SEED` repeats a run.
#[derive(Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(what: &str) -> Self {
        let seed = match std::env::var("MAILFERRY_TEST_SEED") {
            Ok(seed) => seed.parse().expect("MAILFERRY_TEST_SEED is a number"),
            Err(_) => RandomState::new().build_hasher().finish() >> 32,
        };
        eprintln!("{what}: MAILFERRY_TEST_SEED={seed}");
        Self(seed.wrapping_mul(2).wrapping_add(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// Returns a generator of its own for each of several that run side by side.
    pub(crate) fn split(&mut self) -> Self {
        Self(self.below(u64::MAX) | 1)
    }

    /// Returns one of these.
    pub(crate) fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        let at = self.below(from.len() as u64);
        &from[usize::try_from(at).expect("an index")]
    }

    /// Returns a number below `limit`.
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % limit.max(1)
    }
}

/// Returns a number from the environment.
pub(crate) fn number(name: &str, otherwise: u64) -> u64 {
    match std::env::var(name) {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{name}={text} is not a number")),
        Err(_) => otherwise,
    }
}
