//! The course of a rehearsal: what a person would do from the first look to the last.

use crate::error::Result;
use crate::model::words::shown;
use crate::planner::object;
use crate::planner::plan::{Action, Kind};
use crate::planner::saved::SavedPlan;
use crate::ports::clock::Clock as _;
use crate::rehearse::child::{Look, Stagehand};
use crate::rehearse::fault::{unread, unset};
use crate::rehearse::faults;
use crate::rehearse::people;
use crate::rehearse::performance::{Act, Ended, GuardShown, Performance, Ran, Step};
use crate::rehearse::reviewed::{self, Reviewed};
use crate::rehearse::stage::Stage;
use crate::rehearse::verdict;
use crate::rehearse::watch::{self, Held};
use crate::simulate::Script;
use crate::verify::evidence::Evidence;
use fastrand::Rng;
use std::collections::BTreeMap;
use std::fmt::Display;
use std::path::{Path, PathBuf};

/// Who watches.
pub trait Audience: Send + Sync {
    /// An act begins.
    fn act(&self, act: &Act);
    /// Something happened besides commands.
    fn event(&self, sentence: &str);
    /// A command begins.
    fn begins(&self, shown: &str);
    /// How far the copy is: messages at the destination, and all.
    fn progress(&self, stored: usize, all: usize);
    /// A command ended.
    fn ended(&self, ran: &Ran);
}

/// The rehearsal under way.
pub(crate) struct Course<'a> {
    pub(crate) stage: Stage,
    pub(crate) hand: Stagehand,
    pub(crate) audience: &'a dyn Audience,
    pub(crate) performance: Performance,
    /// The migration plan, as it was given.
    plan: PathBuf,
    folder: PathBuf,
    pub(crate) rng: Rng,
    /// No faults and no kills.
    calm: bool,
    reviewed: Reviewed,
    /// Messages that the first plan copies.
    to_copy: usize,
    source_changed: Vec<String>,
    gone: Vec<String>,
    plans: usize,
}

/// How often an apply is run again before the rehearsal goes on without its end.
const AGAIN: usize = 6;

impl<'a> Course<'a> {
    pub(crate) fn new(
        stage: Stage,
        hand: Stagehand,
        audience: &'a dyn Audience,
        plan: &Path,
        seed: u64,
        calm: bool,
    ) -> Self {
        let performance = Performance {
            format_version: "1.0".to_owned(),
            migration: stage.desired.name.clone(),
            plan: plan.display().to_string(),
            seed,
            mailboxes: (stage.players.len(), stage.desired.mailboxes.len()),
            cast: stage.cast.clone(),
            ..Performance::default()
        };
        let folder = hand.folder.clone();
        Self {
            stage,
            hand,
            audience,
            performance,
            plan: plan.to_path_buf(),
            folder,
            rng: Rng::with_seed(seed.wrapping_add(1)),
            calm,
            reviewed: Reviewed::new(),
            to_copy: 0,
            source_changed: Vec::new(),
            gone: Vec::new(),
            plans: 0,
        }
    }

    /// Plays everything.
    pub(crate) async fn play(&mut self) -> Result<()> {
        let begun = self.stage.clock.now();
        self.performance.messages = self.at_source();
        let (played, all) = self.performance.mailboxes;
        if played < all {
            self.performance.remarks.push(format!(
                "{played} of {all} mailboxes were played, the first ones; `--mailboxes` says how many."
            ));
        }
        self.validate().await?;
        let saved = self.plan().await?;
        if self.in_the_way(&saved)? {
            return Ok(());
        }
        self.first_copy(&saved).await?;
        self.prove("Is everything there?").await?;
        self.meanwhile().await?;
        self.cutover().await?;
        self.last_look().await?;
        self.judge()?;
        let days = self.stage.clock.now().duration_since(begun).as_hours() / 24;
        self.performance.days = days;
        Ok(())
    }

    fn at_source(&self) -> (usize, u64) {
        let mut sum = (0, 0);
        for player in &self.stage.players {
            let Some(truth) = self.stage.source.oracle().mailbox(&player.source) else { continue };
            for message in truth.values().flat_map(|folder| &folder.messages) {
                sum.0 += 1;
                sum.1 += message.given.len() as u64;
            }
        }
        sum
    }

    pub(crate) fn act(&mut self, title: &str) {
        let act = Act { title: title.to_owned(), ..Act::default() };
        self.audience.act(&act);
        self.performance.acts.push(act);
    }

    pub(crate) fn event(&mut self, sentence: impl Into<String>) {
        let sentence = sentence.into();
        self.audience.event(&sentence);
        if let Some(act) = self.performance.acts.last_mut() {
            act.steps.push(Step::Happened(sentence));
        }
    }

    /// Runs a command, shows it and notes it; `kill_at` messages at the destination end it by
    /// `kill -9`.
    async fn run(&mut self, words: &[&str], wanted: &[i32], kill_at: Option<usize>) -> Result<Ran> {
        let ran = self.run_unseen(words, wanted, kill_at).await?;
        self.show(&ran);
        Ok(ran)
    }

    fn show(&mut self, ran: &Ran) {
        self.audience.ended(ran);
        if let Some(act) = self.performance.acts.last_mut() {
            act.steps.push(Step::Ran(ran.clone()));
        }
    }

    async fn run_unseen(
        &mut self,
        words: &[&str],
        wanted: &[i32],
        kill_at: Option<usize>,
    ) -> Result<Ran> {
        self.stage.direct()?;
        let words: Vec<String> = words.iter().map(|&word| word.to_owned()).collect();
        self.audience.begins(words.first().map_or("", String::as_str));
        let before = watch::snapshot(&self.stage);
        let held = watch::held(&self.stage);
        let (stage, audience) = (&self.stage, self.audience);
        let all = self.to_copy.max(stage.stored());
        let ran = self
            .hand
            .run(&words, wanted, || {
                let stored = stage.stored();
                audience.progress(stored, all);
                Look { stored, kill: kill_at.is_some_and(|at| stored >= at) }
            })
            .await?;
        self.compare(&before, &ran);
        self.miss(&held, &words, &ran)?;
        Ok(ran)
    }

    /// Nothing goes from the destination but what a reviewed plan removes.
    fn miss(&mut self, before: &Held, words: &[String], ran: &Ran) -> Result<()> {
        let gone = watch::gone(before, &watch::held(&self.stage));
        if gone.is_empty() {
            return Ok(());
        }
        let removals = match words {
            [command, saved, ..] if command == "apply" => {
                reviewed::removals(&self.read(saved)?.plan)
            }
            _ => BTreeMap::new(),
        };
        for (mailbox, count) in gone {
            let reviewed = removals.get(&mailbox).copied().unwrap_or_default();
            if count > reviewed {
                self.gone.push(format!(
                    "{mailbox}: {count} messages during `{}`, {reviewed} of them reviewed",
                    ran.shown
                ));
            }
        }
        Ok(())
    }

    /// Nothing but what the rehearsal does itself, between commands, may change the source.
    fn compare(&mut self, before: &str, ran: &Ran) {
        let after = watch::snapshot(&self.stage);
        if before != after {
            let changed = similar::TextDiff::from_lines(before, after.as_str());
            let lines = changed.unified_diff().context_radius(0).to_string();
            let lines: Vec<String> =
                lines.lines().take(10).map(|line| shown(line.as_bytes())).collect();
            self.source_changed.push(format!("during `{}`: {}", ran.shown, lines.join(" | ")));
        }
    }

    async fn validate(&mut self) -> Result<()> {
        self.act("Is the migration plan right?");
        let plan = self.plan.display().to_string();
        let ran = self.run(&["validate", &plan], &[0], None).await?;
        if ran.ended == Ended::Code(0) {
            return Ok(());
        }
        // It was valid a moment ago.
        Err(unread(&plan, &ran.output.trim(), &self.folder))
    }

    async fn plan(&mut self) -> Result<String> {
        self.act("What would be done?");
        self.reviewed_plan().await
    }

    /// Tells whether the migration plan has to change before anything else makes sense.
    fn in_the_way(&mut self, saved: &str) -> Result<bool> {
        let plan = self.read(saved)?.plan;
        for guard in plan.guards.into_iter().filter(|guard| guard.must_change) {
            let covers = guard.covers.join("; ");
            self.event(format!("{} {}: {covers}.", guard.code, guard.object));
            self.performance.in_the_way.push(format!("{} {}", guard.code, guard.object));
        }
        // Nothing fails yet: what could not be settled of a folder is for the migration plan to say.
        for unknown in plan.unknown.into_iter().filter(|one| object::is_source_folder(&one.object))
        {
            let hint = unknown.failure.hint.unwrap_or_default();
            self.event(format!("{} {hint}", sentence(&unknown.failure.message)));
            self.performance.in_the_way.push(unknown.object);
        }
        let any = !self.performance.in_the_way.is_empty();
        if any {
            self.event("The rehearsal ends here: change the migration plan, and rehearse again.");
        }
        Ok(any)
    }

    /// Plans until no guard is left that a person would have to acknowledge, and returns the path
    /// of the saved plan.
    async fn reviewed_plan(&mut self) -> Result<String> {
        let mut saved = self.plan_once(&[0]).await?;
        // Guards that an acknowledgement lets come to light are few.
        for _ in 0..3 {
            let open: Vec<GuardShown> = self
                .read(&saved)?
                .plan
                .guards
                .into_iter()
                .filter(|guard| !guard.acknowledged && !guard.must_change)
                .filter(|guard| !self.is_acknowledged(&guard.code, &guard.object, &guard.digest))
                .map(|guard| GuardShown {
                    code: guard.code,
                    object: guard.object,
                    digest: guard.digest,
                    message: guard.message,
                })
                .collect();
            if open.is_empty() {
                break;
            }
            self.acknowledge(open);
            saved = self.plan_once(&[0]).await?;
        }
        Ok(saved)
    }

    fn is_acknowledged(&self, code: &str, object: &str, digest: &str) -> bool {
        let mut known = self.stage.directions.acknowledged.iter();
        known.any(|known| {
            (known.0.as_str(), known.1.as_str(), known.2.as_str()) == (code, object, digest)
        })
    }

    /// Does what a person does who reads a guard and accepts it.
    fn acknowledge(&mut self, guards: Vec<GuardShown>) {
        for guard in guards {
            self.event(format!(
                "{} {}: {} A person has to acknowledge this in the migration plan; the rehearsal does it here.",
                guard.code, guard.object, sentence(&guard.message)
            ));
            let GuardShown { code, object, digest, .. } = guard.clone();
            self.stage.directions.acknowledged.push((code, object, digest));
            self.performance.guards.push(guard);
        }
    }

    pub(crate) async fn plan_once(&mut self, wanted: &[i32]) -> Result<String> {
        self.plans += 1;
        let out = self.folder.join(format!("plan-{}.json", self.plans)).display().to_string();
        let plan = self.plan.display().to_string();
        self.run(&["plan", &plan, "--out", &out], wanted, None).await?;
        let saved = self.read(&out)?;
        reviewed::review(&mut self.reviewed, &saved.plan);
        Ok(out)
    }

    pub(crate) fn read(&self, path: &str) -> Result<SavedPlan> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| unread("the saved plan", &error, &self.folder))?;
        SavedPlan::from_json(&text)
    }

    async fn apply(&mut self, saved: &str, wanted: &[i32], kill_at: Option<usize>) -> Result<Ran> {
        let digest = self.read(saved)?.digest.short();
        self.run(&["apply", saved, "--expect", &digest], wanted, kill_at).await
    }

    async fn first_copy(&mut self, saved: &str) -> Result<()> {
        self.act("Do exactly that, while the servers misbehave");
        let all: u64 = self.read(saved)?.plan.actions().map(to_copy).sum();
        let all = usize::try_from(all).unwrap_or(usize::MAX);
        self.to_copy = all;
        if !self.calm {
            for (act, share) in [(0, 35), (1, 70)] {
                self.trouble(act);
                let ran = self.apply(saved, &[], Some((all * share / 100).max(1))).await?;
                self.struck();
                let stored = self.stage.stored();
                if ran.ended == Ended::Killed {
                    self.event(format!(
                        "Killed by `kill -9`, with {stored} of {all} messages at the destination. The same command again:"
                    ));
                } else {
                    self.performance.remarks.push(format!(
                        "The copy was done before it could be killed for the {} time: there is little to copy.",
                        if act == 0 { "first" } else { "second" }
                    ));
                }
            }
            self.trouble(2);
        }
        self.apply_to_the_end(saved).await?;
        if let Some(directory) = &self.stage.directory {
            let tokens = directory.tokens();
            self.event(format!(
                "The app asked for a token {tokens} times so far; here each lives for seconds only."
            ));
        }
        Ok(())
    }

    /// Applies until it says that all is done, or nothing more can be.
    async fn apply_to_the_end(&mut self, saved: &str) -> Result<()> {
        let mut stored = self.stage.stored();
        for turn in 0..AGAIN {
            let ran = self.apply(saved, &[0, 5], None).await?;
            self.struck();
            self.peace();
            let more = self.stage.stored();
            if ran.ended != Ended::Code(5) {
                return Ok(());
            }
            if (turn > 0 || self.calm) && more == stored {
                self.event("Messages stay behind that no plan showed before; `verify` names them.");
                return Ok(());
            }
            stored = more;
            self.event("What a fault kept back is done by the same command again:");
        }
        Ok(())
    }

    fn trouble(&mut self, part: usize) {
        let product = self.stage.destination.product();
        let (here, there) = faults::scripts(part, &mut self.rng, product);
        self.stage.source.set_script(here);
        self.stage.destination.set_script(there);
        if let Some(directory) = &mut self.stage.directory {
            directory.trouble(part);
        }
    }

    /// Counts what struck since the last time.
    fn struck(&mut self) {
        let counts = &mut self.performance.faults;
        faults::count(self.stage.source.script().struck(), "source", counts);
        faults::count(self.stage.destination.script().struck(), "destination", counts);
        if let Some(directory) = &mut self.stage.directory {
            directory.struck(counts);
        }
    }

    fn peace(&mut self) {
        self.stage.source.set_script(Script::default());
        self.stage.destination.set_script(Script::default());
    }

    async fn prove(&mut self, title: &str) -> Result<()> {
        self.act(title);
        self.verify().await
    }

    pub(crate) async fn verify(&mut self) -> Result<()> {
        let plan = self.plan.display().to_string();
        let report = self.folder.join("verify.html").display().to_string();
        let words = ["verify", &plan, "--report", &report];
        let mut ran = self.run_unseen(&words, &[0], None).await?;
        // What stays behind for a reason, a person can accept; what is missing, nobody can.
        let open = if ran.ended == Ended::Code(6) { self.acceptable()? } else { Vec::new() };
        if !open.is_empty() {
            ran.wanted = vec![6];
        }
        self.show(&ran);
        if open.is_empty() {
            return Ok(());
        }
        self.acknowledge(open);
        self.run(&words, &[0], None).await.map(drop)
    }

    /// What the last `verify` named and a person can accept.
    fn acceptable(&self) -> Result<Vec<GuardShown>> {
        let mailboxes = self.evidence()?.into_iter().flat_map(|evidence| evidence.mailboxes);
        Ok(mailboxes
            .filter_map(|mailbox| mailbox.acceptance)
            .filter(|acceptance| !acceptance.acknowledged)
            .map(|acceptance| GuardShown {
                message: format!(
                    "{} of {} stay behind or differ, as `verify` names them",
                    acceptance.messages, acceptance.object
                ),
                code: acceptance.code,
                object: acceptance.object,
                digest: acceptance.digest,
            })
            .collect())
    }

    async fn meanwhile(&mut self) -> Result<()> {
        self.act("Life goes on at the source: only the difference moves");
        let happened =
            people::live(&mut self.stage, &mut self.rng).map_err(|error| unset(&error))?;
        for sentence in happened {
            self.event(sentence);
        }
        self.pass().await
    }

    /// One incremental pass: plan, apply, verify.
    pub(crate) async fn pass(&mut self) -> Result<()> {
        let saved = self.reviewed_plan().await?;
        self.apply_to_the_end(&saved).await?;
        self.verify().await
    }

    async fn last_look(&mut self) -> Result<()> {
        self.act("Nothing is left to do");
        self.anything_left(&[0]).await.map(drop)
    }

    /// Plans once more, to see whether anything is left.
    pub(crate) async fn anything_left(&mut self, wanted: &[i32]) -> Result<Ran> {
        let plan = self.plan.display().to_string();
        self.run(&["plan", &plan, "--detailed-exitcode"], wanted, None).await
    }

    fn judge(&mut self) -> Result<()> {
        let evidence = self.evidence()?;
        let changed = std::mem::take(&mut self.source_changed);
        let gone = std::mem::take(&mut self.gone);
        self.performance.verdict =
            verdict::judge(&self.stage, &self.reviewed, evidence.as_ref(), changed, gone);
        Ok(())
    }

    /// The evidence that `verify` wrote last.
    fn evidence(&self) -> Result<Option<Evidence>> {
        let failed = |error: &dyn Display| unread("the evidence", error, &self.folder);
        let folder = self.folder.join("evidence");
        let Ok(entries) = std::fs::read_dir(&folder) else { return Ok(None) };
        let mut files: Vec<PathBuf> =
            entries.filter_map(|entry| entry.ok().map(|entry| entry.path())).collect();
        files.sort();
        let Some(last) = files.pop() else { return Ok(None) };
        let text = std::fs::read_to_string(last).map_err(|error| failed(&error))?;
        serde_json::from_str(&text).map(Some).map_err(|error| failed(&error))
    }
}

/// Messages that an action is expected to copy.
fn to_copy(action: &Action) -> u64 {
    match &action.kind {
        Kind::CopyFolder(copy) => copy.estimate.messages,
        _ => 0,
    }
}

/// Ends a sentence that may lack its point.
fn sentence(text: &str) -> String {
    format!("{}.", text.trim_end_matches('.'))
}
