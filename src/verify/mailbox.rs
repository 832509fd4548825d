//! Verifies one mailbox on fresh connections.

use crate::accounts::Accounts;
use crate::copy::desk::Desk;
use crate::copy::lines::{self, Line};
use crate::copy::stop::Stop;
use crate::desired::{Compare, Desired, DesiredMailbox, Mapped};
use crate::error::{Class, Error, ErrorKind, Result};
use crate::imap::{Connection, ListEntry, SourceConnection};
use crate::model::folder::{FolderPath, SpecialUse};
use crate::model::sampling::Sampling;
use crate::profile::names::Names;
use crate::removal::{self, Hands};
use crate::verify::checks::EXCEPTED;
use crate::verify::evidence::{Account, Check, FolderEvidence, MailboxEvidence, Verdict};
use crate::verify::exception::{Acceptance, Exception, Fate};
use crate::verify::folder::FolderProof;
use crate::verify::sample::Draw;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

const LOST: &str = "the connections of this mailbox were lost before it was its turn";

/// A source folder and its wire name.
pub(super) type Source<'a> = (&'a FolderPath, &'a ListEntry);

/// Verifies one mailbox; what cannot be read is an unknown check.
pub(super) async fn verify(
    desired: Arc<Desired>,
    accounts: Arc<Accounts>,
    desk: Desk,
    mailbox: DesiredMailbox,
    sampling: Sampling,
) -> Result<MailboxEvidence> {
    let mut evidence = MailboxEvidence {
        mailbox: mailbox.source.clone(),
        destination: mailbox.destination.clone(),
        folders: Vec::new(),
        checks: Vec::new(),
        profile: None,
        exceptions: Vec::new(),
        acceptance: None,
        chance: None,
    };
    match both(&accounts, &mailbox).await {
        Ok((source, destination)) => {
            // What a removal of ours took away, and did not live to record, no user did.
            match removal::take_up(&desk, &mailbox, &destination, Hands::Bound).await {
                Ok(_) => {}
                Err(Stop::Interrupted) => return Err(interrupted(Stop::Interrupted)),
                Err(Stop::Again(error) | Stop::Failed(error)) => {
                    if error.class == Class::Ledger {
                        return Err(error);
                    }
                    evidence.checks.extend(unreadable(vec![error])?);
                    return Ok(evidence);
                }
            }
            let folders = source.folders.clone();
            let sides = Some((source, destination));
            let progress = Arc::clone(&desk.progress);
            let draw = Draw::new(sampling, desired.document, &desk, &mailbox).await?;
            let proof =
                MailboxProof { desired, accounts, desk, mailbox, sides, draw, read: (0, 0) };
            proof.run(folders, &mut evidence).await?;
            progress.finish();
        }
        Err(failures) => evidence.checks.extend(unreadable(failures)?),
    }
    Ok(evidence)
}

type Sides = (Line<SourceConnection>, Line<Connection>);

/// Opens both sides, the destination first as everywhere; tells what is wrong with each.
async fn both(accounts: &Accounts, mailbox: &DesiredMailbox) -> Result<Sides, Vec<Error>> {
    let destination = lines::destination(accounts, mailbox).await;
    let source = lines::source(accounts, mailbox).await;
    match (source, destination) {
        (Ok(source), Ok(destination)) => Ok((source, destination)),
        (source, destination) => {
            Err([source.err(), destination.err()].into_iter().flatten().collect())
        }
    }
}

/// What cannot be read is a check about which nothing is known; a declined consent or a lost lock
/// ends the verification.
fn unreadable(failures: Vec<Error>) -> Result<Vec<Check>> {
    failures
        .into_iter()
        .map(|error| match error.kind {
            ErrorKind::Declined | ErrorKind::Locked => Err(error),
            _ => Ok(unknown("can be read", &error)),
        })
        .collect()
}

fn unknown(name: &str, error: &Error) -> Check {
    let words = error.words.as_ref().map(|words| format!(" ({words})")).unwrap_or_default();
    Check::unknown(name, format!("{error}{words}"))
}

struct MailboxProof {
    desired: Arc<Desired>,
    accounts: Arc<Accounts>,
    desk: Desk,
    mailbox: DesiredMailbox,
    /// `None` when they were lost: what is left of the mailbox is unknown then.
    sides: Option<Sides>,
    draw: Draw,
    /// Messages that were drawn and are equal, and those that were read besides.
    read: (u64, u64),
}

impl MailboxProof {
    async fn run(
        mut self,
        source_folders: BTreeMap<FolderPath, ListEntry>,
        evidence: &mut MailboxEvidence,
    ) -> Result<()> {
        let mut groups: BTreeMap<FolderPath, Vec<FolderPath>> = BTreeMap::new();
        let mut there = Check::new("folders are there");
        let target = self.sides.as_ref().map(|(_, there)| there.target(&self.accounts));
        evidence.profile = target.as_ref().map(|target| target.profile.label.to_owned());
        let listed: BTreeSet<FolderPath> = source_folders.keys().cloned().collect();
        for (path, entry) in source_folders {
            if !lines::selectable(&entry) {
                continue;
            }
            let names = target.as_ref().map_or(&Names::ANY, |target| &target.profile.names);
            let special_use = entry.attributes.iter().find_map(|a| SpecialUse::from_attribute(a));
            match self.desired.folders.map(&path, special_use, &self.mailbox.exclude, names) {
                Mapped::To { path: to, .. } => {
                    let known = self.sides.as_ref().map(|(_, destination)| &destination.folders);
                    if known.is_some_and(|folders| folders.contains_key(&to)) {
                        groups.entry(to).or_default().push(path);
                    } else {
                        there.broken(format!("{path} → {to}: not at the destination"));
                        evidence.folders.push(self.uncopied(path, Some(to), &entry).await);
                    }
                }
                Mapped::Excluded { .. } => {
                    evidence.folders.push(self.uncopied(path, None, &entry).await);
                }
                Mapped::Invalid { reason, .. } => there.broken(format!("{path}: {reason}")),
            }
        }
        evidence.checks.push(there);
        for (to, from) in groups {
            self.desk.go_on().map_err(interrupted)?;
            let (folders, exceptions) = self.group(&to, &from, &mut evidence.checks).await?;
            evidence.folders.extend(folders);
            evidence.exceptions.extend(exceptions);
        }
        evidence.folders.extend(self.gone(&listed).await?);
        evidence.folders.sort_by(|a, b| a.source.cmp(&b.source));
        evidence.exceptions.sort_by(|a, b| (&a.folder, a.uid).cmp(&(&b.folder, b.uid)));
        self.accept(evidence);
        evidence.chance = self.draw.chance(self.read.0, self.read.1);
        evidence.checks.push(Check::of_account(&evidence.account()));
        Ok(())
    }

    /// Lets what a person accepted, exactly these messages, break nothing.
    fn accept(&self, evidence: &mut MailboxEvidence) {
        evidence.acceptance = Acceptance::over(
            &self.mailbox.source,
            &evidence.exceptions,
            &self.desired.acknowledged,
        );
        if evidence.acceptance.as_ref().is_none_or(|offered| !offered.acknowledged) {
            return;
        }
        let checks = evidence.folders.iter_mut().flat_map(|folder| &mut folder.checks);
        for check in checks.filter(|check| check.name.starts_with(EXCEPTED)) {
            check.verdict = Verdict::Holds;
        }
        for one in evidence.exceptions.iter_mut().filter(|one| one.fate == Fate::Excepted) {
            one.accepted = true;
        }
    }

    /// Accounts for folders that the ledger knows and a complete LIST lacks: their messages
    /// vanished.
    async fn gone(&self, listed: &BTreeSet<FolderPath>) -> Result<Vec<FolderEvidence>> {
        let tallies = self.desk.ledger(|ledger| ledger.tallies()).await?;
        let gone = tallies
            .into_iter()
            .filter(|(key, _)| key.mailbox == self.mailbox.source && !listed.contains(&key.folder));
        let mut folders = Vec::new();
        for (key, tally) in gone {
            let known = tally.pending
                + tally.copied
                + tally.excepted.values().sum::<u64>()
                + tally.unclear
                + tally.vanished;
            if known == 0 {
                continue;
            }
            let account = Account {
                ever_listed: known,
                vanished: known - tally.removed,
                deleted_by_policy: tally.removed,
                ..Account::default()
            };
            let asked = key.clone();
            let bound = self.desk.ledger(move |ledger| ledger.binding(&asked)).await?;
            folders.push(FolderEvidence {
                source: key.folder,
                destination: bound.map(|bound| bound.folder),
                account,
                checks: vec![Check::of_account(&account)],
            });
        }
        Ok(folders)
    }

    /// Verifies the source folders that go into one destination folder.
    async fn group(
        &mut self,
        to: &FolderPath,
        from: &[FolderPath],
        checks: &mut Vec<Check>,
    ) -> Result<(Vec<FolderEvidence>, Vec<Exception>)> {
        let Some((source, destination)) = &self.sides else {
            let check = Check::unknown("can be read", LOST.to_owned());
            return Ok((nothing_known(to, from, &check), Vec::new()));
        };
        let sources: Vec<Source<'_>> =
            from.iter().filter_map(|path| source.folders.get_key_value(path)).collect();
        let target = destination.target(&self.accounts);
        let proof = FolderProof {
            desk: &self.desk,
            mailbox: &self.mailbox,
            source,
            destination,
            to,
            sources,
            draw: &self.draw,
            canonical: Compare::of(self.desired.compare, target.profile.rewrites)
                == Compare::Canonical,
        };
        match proof.run().await {
            Ok(found) => {
                let (mut folders, mut exceptions) = (Vec::new(), Vec::new());
                for mut one in found {
                    self.read.0 += one.drawn_equal;
                    self.read.1 += one.besides;
                    exceptions.append(&mut one.exceptions);
                    folders.push(one.evidence(to));
                }
                Ok((folders, exceptions))
            }
            Err(Stop::Interrupted) => Err(interrupted(Stop::Interrupted)),
            Err(Stop::Again(error) | Stop::Failed(error)) => {
                if error.class == Class::Ledger {
                    return Err(error);
                }
                // Closed before they are opened again: their places may be the only ones.
                self.sides = None;
                match both(&self.accounts, &self.mailbox).await {
                    Ok(sides) => self.sides = Some(sides),
                    Err(failures) => checks.extend(unreadable(failures)?),
                }
                Ok((nothing_known(to, from, &unknown("can be read", &error)), Vec::new()))
            }
        }
    }

    /// A folder of which nothing can be at the destination: only its messages are counted.
    async fn uncopied(
        &self,
        path: FolderPath,
        to: Option<FolderPath>,
        entry: &ListEntry,
    ) -> FolderEvidence {
        let mut account = Account::default();
        let mut checks = Vec::new();
        let object = crate::catalogue::Object::folder("source", &self.mailbox.source, &path);
        let Some((source, _)) = &self.sides else {
            checks.push(Check::unknown("can be read", LOST.to_owned()));
            return FolderEvidence { source: path, destination: to, account, checks };
        };
        match source.connection.examine(&entry.name).await {
            Ok(selected) => {
                account.listed = u64::from(selected.exists);
                account.ever_listed = account.listed;
                if to.is_none() {
                    account.excluded = account.listed;
                } else {
                    account.pending = account.listed;
                }
            }
            Err(error) => {
                checks.push(unknown("can be read", &crate::catalogue::imap(&error, &object)));
            }
        }
        FolderEvidence { source: path, destination: to, account, checks }
    }
}

fn nothing_known(to: &FolderPath, from: &[FolderPath], check: &Check) -> Vec<FolderEvidence> {
    from.iter()
        .map(|path| FolderEvidence {
            source: path.clone(),
            destination: Some(to.clone()),
            account: Account::default(),
            checks: vec![check.clone()],
        })
        .collect()
}

fn interrupted(_: Stop) -> Error {
    Error::new(ErrorKind::Interrupted, "E130", "interrupted before everything was verified")
        .hint("Nothing was changed; run `mailferry verify` again.")
}
