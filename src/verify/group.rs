//! Verifies the folders of one mailbox, one destination folder after the other.

use crate::catalogue::Object;
use crate::copy::again::Again;
use crate::copy::folder::gone;
use crate::copy::stop::Stop;
use crate::desired::Compare;
use crate::error::{Class, Result};
use crate::model::folder::FolderPath;
use crate::verify::evidence::{Account, Check, FolderEvidence, MailboxEvidence};
use crate::verify::folder::FolderProof;
use crate::verify::mailbox::{LOST, MailboxProof, Source};
use crate::verify::sides::{interrupted, unknown};
use crate::verify::stands::{EXTRA, Stands};
use crate::verify::walk::Walk;
use std::collections::BTreeMap;

/// Source folders by the destination folder that they go into.
type Groups = BTreeMap<FolderPath, Vec<FolderPath>>;

/// What is done with the folders, all of them each time.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Round {
    /// Every message is looked at in its place and looked for in its own folder.
    Places,
    /// What is in neither is looked for in the others.
    Elsewhere,
}

impl MailboxProof {
    /// Verifies everything that goes into a folder of the destination. What was moved is looked for
    /// when every folder has its own, and what is beyond is counted in the end: a copy stands for
    /// one message of the whole mailbox.
    pub(super) async fn groups(
        &mut self,
        groups: &Groups,
        evidence: &mut MailboxEvidence,
    ) -> Result<()> {
        let mut stands = Stands::default();
        let mut walks: BTreeMap<FolderPath, Walk> = BTreeMap::new();
        for round in [Round::Places, Round::Elsewhere] {
            for (to, from) in groups {
                let walk = walks.remove(to);
                let is_due = match (round, &walk) {
                    (Round::Places, _) => true,
                    (Round::Elsewhere, Some(walk)) => !walk.astray.is_empty(),
                    (Round::Elsewhere, None) => continue,
                };
                let walk = match walk {
                    Some(walk) if !is_due => Ok(walk),
                    walk => {
                        self.desk.go_on().map_err(interrupted)?;
                        let checks = &mut evidence.checks;
                        self.group(to, from, (walk, round), &mut stands, checks).await?
                    }
                };
                match walk {
                    Ok(walk) => {
                        walks.insert(to.clone(), walk);
                    }
                    Err(check) => evidence.folders.extend(nothing_known(to, from, &check)),
                }
            }
        }
        self.extra_copies(&stands, &mut walks).await?;
        for (to, walk) in walks {
            for mut one in walk.done {
                self.read.0 += one.drawn_equal;
                self.read.1 += one.besides;
                evidence.exceptions.append(&mut one.exceptions);
                evidence.folders.push(one.evidence(&to));
            }
        }
        Ok(())
    }

    /// Does what is due with the source folders that go into one destination folder; returns why
    /// nothing is known when that cannot be done.
    async fn group(
        &mut self,
        to: &FolderPath,
        from: &[FolderPath],
        (mut walk, round): (Option<Walk>, Round),
        stands: &mut Stands,
        checks: &mut Vec<Check>,
    ) -> Result<std::result::Result<Walk, Check>> {
        let lost = || Check::unknown("can be read", LOST.to_owned());
        if self.lost {
            return Ok(Err(lost()));
        }
        let mut again = Again::default();
        let ended = loop {
            let before = walk.as_ref().map_or(0, |walk| walk.steps);
            match self.walk(to, from, (&mut walk, round), stands).await {
                Ok(()) => break Ok(()),
                // A page that the ledger did not take is counted already.
                Err(Stop::Again(error)) if error.class != Class::Ledger => {
                    if walk.as_ref().is_some_and(|walk| walk.steps > before) {
                        again.moved_on();
                    }
                    self.lines.drop_both();
                    if let Err(stop) = again.hold(&self.desk, error).await {
                        break Err(stop);
                    }
                }
                Err(stop) => break Err(stop),
            }
        };
        match ended {
            Ok(()) => Ok(walk.ok_or_else(lost)),
            Err(Stop::Interrupted) => Err(interrupted(Stop::Interrupted)),
            Err(Stop::Again(error) | Stop::Failed(error)) => {
                if error.class == Class::Ledger {
                    return Err(error);
                }
                self.open_again(checks).await?;
                Ok(Err(unknown("can be read", &error)))
            }
        }
    }

    /// Goes on with the walk through one group, as far as the connections last.
    async fn walk(
        &mut self,
        to: &FolderPath,
        from: &[FolderPath],
        (walk, round): (&mut Option<Walk>, Round),
        stands: &mut Stands,
    ) -> Result<(), Stop> {
        self.desk.go_on()?;
        self.lines.open(&self.accounts, &self.mailbox).await?;
        let canonical = self.canonical()?;
        let (source, destination) = self.lines.sides()?;
        let listed = |path: &FolderPath| {
            let object = || Object::folder("source", &self.mailbox.source, path);
            source.entry(path)?;
            source.folders.get_key_value(path).ok_or_else(|| gone(&object()))
        };
        let sources: Vec<Source<'_>> = from.iter().map(listed).collect::<Result<_, Stop>>()?;
        let proof = FolderProof {
            desk: &self.desk,
            mailbox: &self.mailbox,
            source,
            destination,
            to,
            sources,
            draw: &self.draw,
            canonical,
        };
        match (round, walk) {
            (Round::Elsewhere, Some(walk)) => proof.look_elsewhere(walk, stands).await,
            (_, walk) => proof.run(walk, stands).await,
        }
    }

    /// Tells whether the destination rewrites messages; the lines are open.
    fn canonical(&self) -> Result<bool, Stop> {
        let (_, destination) = self.lines.sides()?;
        let rewrites = destination.target(&self.accounts).profile.rewrites;
        Ok(Compare::of(self.desired.compare, rewrites) == Compare::Canonical)
    }

    /// Makes the checks of extra copies; unknown ones where that cannot be done.
    async fn extra_copies(
        &mut self,
        stands: &Stands,
        walks: &mut BTreeMap<FolderPath, Walk>,
    ) -> Result<()> {
        let mut again = Again::default();
        let error = loop {
            let stop = match self.count_extra(stands, walks).await {
                Ok(()) => return Ok(()),
                Err(Stop::Again(error)) if error.class != Class::Ledger => {
                    self.lines.drop_both();
                    match again.hold(&self.desk, error).await {
                        Ok(()) => continue,
                        Err(stop) => stop,
                    }
                }
                Err(stop) => stop,
            };
            match stop {
                Stop::Interrupted => return Err(interrupted(Stop::Interrupted)),
                Stop::Again(error) | Stop::Failed(error) => break error,
            }
        };
        if error.class == Class::Ledger {
            return Err(error);
        }
        for walk in walks.values_mut() {
            if let Some(first) = walk.done.first_mut() {
                first.checks.extra = Some(unknown(EXTRA, &error));
            }
        }
        Ok(())
    }

    async fn count_extra(
        &mut self,
        stands: &Stands,
        walks: &mut BTreeMap<FolderPath, Walk>,
    ) -> Result<(), Stop> {
        let mailbox = &self.mailbox.destination;
        let due =
            walks.values().flat_map(|walk| &walk.beyond).any(|(extras, _)| !extras.is_empty());
        if !due {
            return stands.extra_copies(&self.desk, None, mailbox, walks, false).await;
        }
        self.lines.open(&self.accounts, &self.mailbox).await?;
        let canonical = self.canonical()?;
        let (_, line) = self.lines.sides()?;
        stands.extra_copies(&self.desk, Some(line), mailbox, walks, canonical).await
    }
}

fn nothing_known(to: &FolderPath, from: &[FolderPath], check: &Check) -> Vec<FolderEvidence> {
    from.iter()
        .map(|path| FolderEvidence {
            source: path.clone(),
            destination: Some(to.clone()),
            account: Account::default(),
            checks: vec![check.clone()],
            transforms: BTreeMap::new(),
        })
        .collect()
}
