//! What courses met, in numbers.

use std::collections::BTreeMap;
use std::fmt;

#[derive(Debug, Default)]
pub(crate) struct Met {
    pub(crate) seeds: u64,
    pub(crate) lives: u64,
    pub(crate) kills: u64,
    pub(crate) powercuts: u64,
    pub(crate) messages: u64,
    /// Extra copies that late commits explain, and what became of them.
    pub(crate) extra: u64,
    pub(crate) removed: u64,
    /// Everything else, by what it is.
    pub(crate) kinds: BTreeMap<String, u64>,
    /// Everything that was told, to compare two runs of a seed.
    pub(crate) told: Vec<String>,
}

impl Met {
    pub(crate) fn add(&mut self, other: &Self) {
        self.seeds += 1;
        self.lives += other.lives;
        self.kills += other.kills;
        self.powercuts += other.powercuts;
        self.messages += other.messages;
        self.extra += other.extra;
        self.removed += other.removed;
        for (kind, count) in &other.kinds {
            self.count(kind, *count);
        }
    }

    pub(crate) fn count(&mut self, kind: &str, times: u64) {
        *self.kinds.entry(kind.to_owned()).or_default() += times;
    }
}

impl fmt::Display for Met {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seeds, lives, kills, powercuts, messages, extra, removed, kinds, .. } = self;
        writeln!(
            f,
            "{seeds} seeds well: {lives} lives, {kills} of them killed, {powercuts} losses of power, {messages} messages; extra copies that late commits explain {extra}, removed {removed}"
        )?;
        for (kind, count) in kinds {
            writeln!(f, "  {count:>7} {kind}")?;
        }
        Ok(())
    }
}
