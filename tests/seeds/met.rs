//! What courses met, in numbers.

use std::collections::BTreeMap;
use std::fmt;

/// Every kind of fault of `trouble.rs` and `cloud.rs`, and what others do.
const STRIKES: [(&str, &str); 6] = [
    (
        "faults: destination ",
        "Bad CutFromClient CutToClient Delay Delete DeliverTwin DropAfter DropBefore Flag Hang LateCommit Move NewUidValidity No Throttle",
    ),
    ("faults: source ", "CutFromClient CutToClient Delay DropAfter DropBefore Hang No Throttle"),
    ("faults: tenant Graph ", "CloseAfter CloseBefore CloseWithin Delay Page Patience"),
    ("faults: tenant Login ", "CloseAfter CloseBefore CloseWithin Delay Page Patience"),
    ("others at the destination: ", "DELETE DELIVER MOVE RENUMBER STORE"),
    ("people at the source: ", "DELETE MOVE RENAME RENUMBER STORE"),
];

/// What else has to be met.
const OTHERWISE: [&str; 14] = [
    "answers of DNS that were not of the old MX alone",
    "expunges",
    "jumps of the clock",
    "kills before a call of the ledger",
    "kills before an operation on a socket",
    "ledger calls without room or with an error",
    "letters of others at the destination",
    "letters of others since the MX moved",
    "letters restored at the source",
    "messages that the source purged",
    "moves of the MX",
    "people came in the middle of a run",
    "removals that were approved: done",
    "removals that were approved: held back",
];

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

    /// What struck in none of many seeds although it should have.
    pub(crate) fn absent(&self) -> Vec<String> {
        let Self { lives, kills, powercuts, messages, extra, removed, .. } = *self;
        let numbers = [
            ("lives", lives),
            ("kills", kills),
            ("losses of power", powercuts),
            ("messages", messages),
            ("extra copies", extra),
            ("extra copies removed", removed),
        ];
        let mut absent: Vec<String> = numbers
            .into_iter()
            .filter(|(_, number)| *number == 0)
            .map(|(word, _)| word.to_owned())
            .collect();
        // A line that stands for several begins as they do.
        let met = |start: &str| {
            self.kinds.iter().any(|(kind, count)| *count > 0 && kind.starts_with(start))
        };
        let all = STRIKES.iter().flat_map(|(of, kinds)| {
            kinds.split_whitespace().map(move |kind| format!("{of}{kind}"))
        });
        absent.extend(all.chain(OTHERWISE.map(ToOwned::to_owned)).filter(|it| !met(it)));
        absent
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
