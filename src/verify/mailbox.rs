//! Verifies one mailbox on fresh connections.

use crate::accounts::Accounts;
use crate::copy::desk::Desk;
use crate::copy::lines::{self, Line};
use crate::copy::stop::Stop;
use crate::desired::{Desired, DesiredMailbox, Mapped};
use crate::error::{Class, Error, ErrorKind, Result};
use crate::imap::{Connection, ListEntry, SourceConnection};
use crate::model::folder::{FolderPath, SpecialUse};
use crate::profile::names::Names;
use crate::verify::evidence::{Account, Check, FolderEvidence, MailboxEvidence};
use crate::verify::folder::FolderProof;
use std::collections::BTreeMap;
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
) -> Result<MailboxEvidence> {
    let mut evidence = MailboxEvidence {
        mailbox: mailbox.source.clone(),
        destination: mailbox.destination.clone(),
        folders: Vec::new(),
        checks: Vec::new(),
        profile: None,
    };
    match both(&accounts, &mailbox).await {
        Ok((source, destination)) => {
            let folders = source.folders.clone();
            let sides = Some((source, destination));
            let progress = Arc::clone(&desk.progress);
            let proof = MailboxProof { desired, accounts, desk, mailbox, sides };
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
        for (path, entry) in source_folders {
            if !lines::selectable(&entry) {
                continue;
            }
            let special_use = entry.attributes.iter().find_map(|a| SpecialUse::from_attribute(a));
            let names = target.as_ref().map_or(&Names::ANY, |target| &target.profile.names);
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
            evidence.folders.extend(self.group(&to, &from, &mut evidence.checks).await?);
        }
        evidence.folders.sort_by(|a, b| a.source.cmp(&b.source));
        Ok(())
    }

    /// Verifies the source folders that go into one destination folder.
    async fn group(
        &mut self,
        to: &FolderPath,
        from: &[FolderPath],
        checks: &mut Vec<Check>,
    ) -> Result<Vec<FolderEvidence>> {
        let Some((source, destination)) = &self.sides else {
            let check = Check::unknown("can be read", LOST.to_owned());
            return Ok(nothing_known(to, from, &check));
        };
        let sources: Vec<Source<'_>> =
            from.iter().filter_map(|path| source.folders.get_key_value(path)).collect();
        let proof = FolderProof {
            desk: &self.desk,
            mailbox: &self.mailbox,
            source,
            destination,
            to,
            sources,
        };
        match proof.run().await {
            Ok(folders) => Ok(folders),
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
                Ok(nothing_known(to, from, &unknown("can be read", &error)))
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
