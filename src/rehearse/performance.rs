//! What a rehearsal came to: plain data that renderers show.

use crate::rehearse::forecast::Forecast;
use serde::Serialize;
use std::collections::BTreeMap;

/// The whole rehearsal.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Performance {
    /// `1.0`.
    pub format_version: String,
    /// `name` of the migration plan.
    pub migration: String,
    /// The path of the migration plan, as it was given.
    pub plan: String,
    /// What decided mail and faults.
    pub seed: u64,
    /// Mailboxes that were played, and those of the migration plan.
    pub mailboxes: (usize, usize),
    /// Messages at the source when it began, and their octets.
    pub messages: (usize, u64),
    /// What stood for what.
    pub cast: Vec<(String, String)>,
    /// Days that passed on the clock of the rehearsal.
    pub days: i64,
    /// Seconds that it took.
    pub seconds: u64,
    /// In their order.
    pub acts: Vec<Act>,
    /// What went wrong on purpose, and how often it struck.
    pub faults: BTreeMap<String, usize>,
    /// Guards that a person has to acknowledge in the migration plan: the entries to paste.
    pub guards: Vec<GuardShown>,
    /// Guards that no acknowledgement covers: the rehearsal ended with them.
    pub in_the_way: Vec<String>,
    /// What the services' own stores say.
    pub verdict: Verdict,
    /// What the real migration will be like, where an observation was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub forecast: Option<Forecast>,
    /// Habits that were switched on, by name, with what they are.
    pub habits: Vec<HabitShown>,
    /// What was left out or done in the place of a person, in whole sentences.
    pub remarks: Vec<String>,
}

impl Performance {
    /// Tells whether everything went as it should.
    pub fn holds(&self) -> bool {
        self.in_the_way.is_empty()
            && self.verdict.holds()
            && self.acts.iter().all(|act| act.commands().all(Ran::holds))
    }
}

/// A part of the story.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Act {
    /// What it is about.
    pub title: String,
    /// What happened, in its order.
    pub steps: Vec<Step>,
}

impl Act {
    /// Returns the commands in their order.
    pub fn commands(&self) -> impl Iterator<Item = &Ran> {
        self.steps.iter().filter_map(|step| match step {
            Step::Ran(ran) => Some(ran),
            Step::Happened(_) => None,
        })
    }
}

/// A part of an act.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// Something besides commands, in a whole sentence.
    Happened(String),
    /// A command.
    Ran(Ran),
}

/// A command that was run.
#[derive(Clone, Debug, Serialize)]
pub struct Ran {
    /// As a person would type it.
    pub shown: String,
    /// How it ended.
    pub ended: Ended,
    /// The exit codes that are right here; empty where it was to be killed.
    pub wanted: Vec<i32>,
    /// Tenths of a second.
    pub tenths: u64,
    /// What it printed, results and remarks.
    pub output: String,
    /// The file that keeps what it printed.
    pub file: String,
    /// A command of this kind was shown before: its last words are enough.
    pub again: bool,
}

impl Ran {
    /// Tells whether it ended as it should. One that was to be killed may be done before, or keep
    /// something back that the next one does.
    pub fn holds(&self) -> bool {
        match self.ended {
            Ended::Killed => self.wanted.is_empty(),
            Ended::Code(code) if self.wanted.is_empty() => matches!(code, 0 | 5),
            Ended::Code(code) => self.wanted.contains(&code),
            Ended::Hung | Ended::Signal(_) => false,
        }
    }
}

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Ended {
    /// By itself.
    Code(i32),
    /// By `kill -9` from the rehearsal.
    Killed,
    /// It did nothing for minutes, and was killed because of that.
    Hung,
    /// By a signal that the rehearsal did not send, as the system ends a process when memory is
    /// short.
    Signal(i32),
}

/// A guard as `plan` showed it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct GuardShown {
    /// For example `G301`.
    pub code: String,
    /// What it is about.
    pub object: String,
    /// What an acknowledgement is bound to.
    pub digest: String,
    /// The risk.
    pub message: String,
}

/// A habit of a simulated service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HabitShown {
    /// Its name.
    pub name: String,
    /// `documented`, `reported` or `assumed`.
    pub evidence: String,
    /// Where it is known from.
    pub source: String,
    /// What the service does.
    pub what: String,
}

/// What is really in the stores of the simulated services, in the end.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Verdict {
    /// Messages at the source.
    pub at_source: usize,
    /// Those that are at the destination, in the folder that the reviewed plan says.
    pub arrived: usize,
    /// Of those, the ones whose octets were changed on the way and that say the same.
    pub changed: usize,
    /// Those in the folder that their message was in before it moved, as `folders.moves: leave` says.
    pub stayed: usize,
    /// In folders that the migration plan excludes.
    pub excluded: usize,
    /// That `verify` names as staying behind, by reason.
    pub excepted: BTreeMap<String, usize>,
    /// Messages that were copied and that the provider or a user removed from the source since.
    pub gone_since: usize,
    /// At the source, and nowhere at the destination, and nobody named them.
    pub lost: Vec<String>,
    /// More often at the destination by mailferry than they ever were at the source.
    pub doubled: Vec<String>,
    /// At the destination in another folder.
    pub misplaced: Vec<String>,
    /// At the destination, and no message of the source that the migration plan moves asks for it.
    pub uncalled: Vec<String>,
    /// With other flags or another date.
    pub altered: Vec<String>,
    /// Gone from the destination, whoever brought it, without a reviewed removal.
    pub gone: Vec<String>,
    /// What changed at the source that nobody but mailferry can have changed.
    pub source_changed: Vec<String>,
    /// Of what `verify` said, what the stores say otherwise.
    pub untrue: Vec<String>,
}

impl Verdict {
    /// Tells whether nothing is wrong.
    pub fn holds(&self) -> bool {
        [
            &self.lost,
            &self.doubled,
            &self.misplaced,
            &self.uncalled,
            &self.altered,
            &self.gone,
            &self.source_changed,
            &self.untrue,
        ]
        .iter()
        .all(|wrong| wrong.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ran(ended: Ended, wanted: &[i32]) -> Ran {
        Ran {
            shown: "mailferry apply".to_owned(),
            ended,
            wanted: wanted.to_vec(),
            tenths: 0,
            output: String::new(),
            file: String::new(),
            again: false,
        }
    }

    #[test]
    fn a_command_that_ends_otherwise_makes_a_rehearsal_that_did_not_go_well() {
        let told = |ran: Ran| {
            let act = Act { title: "x".to_owned(), steps: vec![Step::Ran(ran)] };
            Performance { acts: vec![act], ..Performance::default() }.holds()
        };
        assert!(told(ran(Ended::Code(0), &[0])) && told(ran(Ended::Code(6), &[0, 6])));
        assert!(!told(ran(Ended::Code(5), &[0])) && !told(ran(Ended::Code(-1), &[0])));
        assert!(told(ran(Ended::Killed, &[])), "it was to be killed");
        assert!(told(ran(Ended::Code(0), &[])), "it was done before");
        assert!(!told(ran(Ended::Code(1), &[])));
        assert!(!told(ran(Ended::Killed, &[0])) && !told(ran(Ended::Hung, &[])));
        assert!(!told(ran(Ended::Signal(9), &[])), "the rehearsal did not do that");
    }

    #[test]
    fn everything_that_is_wrong_in_the_stores_counts() {
        let wrong = || vec!["something".to_owned()];
        let none = Verdict::default;
        assert!(none().holds());
        for verdict in [
            Verdict { lost: wrong(), ..none() },
            Verdict { doubled: wrong(), ..none() },
            Verdict { misplaced: wrong(), ..none() },
            Verdict { uncalled: wrong(), ..none() },
            Verdict { altered: wrong(), ..none() },
            Verdict { gone: wrong(), ..none() },
            Verdict { source_changed: wrong(), ..none() },
            Verdict { untrue: wrong(), ..none() },
        ] {
            let performance = Performance { verdict, ..Performance::default() };
            assert!(!performance.holds(), "{:?}", performance.verdict);
            let text = crate::render::rehearsal::epilogue(&performance, "report.html", false);
            assert!(text.contains("did not go well") && text.contains("something"), "{text}");
        }
    }
}
