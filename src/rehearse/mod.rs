//! Runs a whole migration plan against simulated services on this machine.
//!
//! [`directions`] lead the ordinary commands to the services and to nobody else; the stage holds
//! the services, the course plays the migration on it with commands that are processes of their
//! own, the verdict looks at the services' own stores, and the performance is what is shown.

mod child;
mod content;
mod copies;
mod course;
mod cutover;
pub mod directions;
pub(crate) mod fault;
mod faults;
pub mod forecast;
mod letters;
mod network;
mod observed;
mod people;
pub mod performance;
mod reviewed;
pub mod sketch;
mod stage;
mod tenant;
mod verdict;
mod watch;

use crate::desired::Desired;
use crate::error::Result;
use crate::observation::Observation;
use crate::ports::clock::Clock as _;
use crate::simulate::{Evidence, HABITS, HabitFact};
use child::Stagehand;
pub use course::Audience;
use course::Course;
use forecast::Rates;
use performance::{HabitShown, Performance};
use stage::Stage;
use std::future::Future;
use std::path::{Path, PathBuf};

/// What a rehearsal is made of, from the command line.
#[derive(Clone, Debug)]
pub struct Choice {
    /// Decides mail, faults and kills.
    pub seed: u64,
    /// Messages of each mailbox.
    pub messages: usize,
    /// Mailboxes that are played at most.
    pub mailboxes: usize,
    /// No faults and no kills.
    pub calm: bool,
    /// What the mailboxes shall be like.
    pub observation: Option<Observation>,
    /// This program.
    pub program: PathBuf,
    /// What every command gets besides its own words.
    pub flags: Vec<String>,
}

/// Rehearses a migration plan in a folder that holds nothing else. `afterwards` runs with the file
/// of the directions while the services are still there.
///
/// # Errors
/// When the services cannot be set up, a command cannot be run, or the migration plan is invalid.
/// What went wrong in the rehearsal itself is in the [`Performance`].
pub async fn rehearse<F: Future<Output = ()>>(
    desired: Desired,
    plan: &Path,
    folder: &Path,
    choice: &Choice,
    audience: &dyn Audience,
    afterwards: impl FnOnce(Performance, PathBuf) -> F,
) -> Result<()> {
    let stage = Stage::set(desired, choice, folder).await?;
    let habits = stage.habits();
    let forecast = choice.observation.as_ref().map(|observation| {
        let now = stage.clock.now();
        forecast::forecast(observation, &stage.desired, &Rates::default(), now)
    });
    let directions = stage.path.clone();
    let hand = Stagehand::new(choice, directions.clone(), folder.to_path_buf());
    let mut course = Course::new(stage, hand, audience, plan, choice.seed, choice.calm);
    course.play().await?;
    course.performance.habits = habits;
    course.performance.forecast = forecast;
    afterwards(course.performance.clone(), directions).await;
    Ok(())
}

/// Returns every habit of the simulated services.
pub fn habits() -> Vec<HabitShown> {
    HABITS.iter().map(shown).collect()
}

fn shown(fact: &HabitFact) -> HabitShown {
    let evidence = match fact.evidence {
        Evidence::Documented => "documented",
        Evidence::Reported => "reported",
        Evidence::Assumed => "assumed",
    };
    HabitShown {
        name: fact.name.to_owned(),
        evidence: evidence.to_owned(),
        source: fact.source.to_owned(),
        what: fact.what.to_owned(),
    }
}
