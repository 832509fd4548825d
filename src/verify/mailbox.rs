//! Verifies one mailbox on fresh connections.

use crate::accounts::Accounts;
use crate::catalogue::Object;
use crate::copy::again::Again;
use crate::copy::desk::Desk;
use crate::copy::lines::{self, Lines};
use crate::copy::nonexistent::is_nonexistent;
use crate::copy::stop::Stop;
use crate::desired::{Desired, DesiredMailbox, Mapped};
use crate::error::{Class, ErrorKind, Result};
use crate::imap::ListEntry;
use crate::model::folder::{FolderPath, SpecialUse};
use crate::model::sampling::Sampling;
use crate::ports::ledger::FolderKey;
use crate::profile::target::Target;
use crate::removal::{self, Hands};
use crate::verify::checks::{DATES, EXCEPTED, FLAGS_LOST};
use crate::verify::evidence::{Account, Check, FolderEvidence, MailboxEvidence, Verdict};
use crate::verify::exception::Acceptance;
use crate::verify::sample::Draw;
use crate::verify::sides::{both, interrupted, patiently, unknown, unreadable};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

pub(super) const LOST: &str = "the connections of this mailbox were lost before it was its turn";

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
    match patiently(&accounts, &desk, &mailbox).await? {
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
            let unread = source.special_uses_of_unread();
            let target = destination.target(&accounts);
            evidence.profile = Some(target.profile.label.to_owned());
            let known =
                destination.folders.keys().chain(destination.unread.keys()).cloned().collect();
            let lines = Lines::of(source, destination);
            let progress = Arc::clone(&desk.progress);
            let draw = Draw::new(sampling, desired.document, &desk, &mailbox).await?;
            let proof = MailboxProof {
                desired,
                accounts,
                desk,
                mailbox,
                lines,
                lost: false,
                known,
                draw,
                read: (0, 0),
            };
            proof.run(folders, unread, &target, &mut evidence).await?;
            progress.finish();
        }
        Err(failures) => evidence.checks.extend(unreadable(failures)?),
    }
    Ok(evidence)
}

pub(super) struct MailboxProof {
    pub(super) desired: Arc<Desired>,
    pub(super) accounts: Arc<Accounts>,
    pub(super) desk: Desk,
    pub(super) mailbox: DesiredMailbox,
    pub(super) lines: Lines,
    /// They could not be opened again: what is left of the mailbox is unknown.
    pub(super) lost: bool,
    /// Folders of the destination when the verification began.
    known: BTreeSet<FolderPath>,
    pub(super) draw: Draw,
    /// Messages that were drawn and are equal, and those that were read besides.
    pub(super) read: (u64, u64),
}

impl MailboxProof {
    async fn run(
        mut self,
        source_folders: BTreeMap<FolderPath, ListEntry>,
        unread: BTreeMap<FolderPath, Option<SpecialUse>>,
        target: &Target,
        evidence: &mut MailboxEvidence,
    ) -> Result<()> {
        let mut groups: BTreeMap<FolderPath, Vec<FolderPath>> = BTreeMap::new();
        let mut there = Check::new("folders are there");
        let mut named = Check::new("folders can be there");
        let known = std::mem::take(&mut self.known);
        let listed: BTreeSet<FolderPath> =
            source_folders.keys().chain(unread.keys()).cloned().collect();
        for (path, special_use) in unread {
            let names = &target.profile.names;
            if let Mapped::To { path: to, .. } =
                self.desired.folders.map(&path, special_use, &self.mailbox.exclude, names)
            {
                // The walk says why it cannot be read.
                groups.entry(to).or_default().push(path);
            }
        }
        for (path, entry) in source_folders {
            if !lines::selectable(&entry) {
                continue;
            }
            let names = &target.profile.names;
            let special_use = entry.special_use();
            match self.desired.folders.map(&path, special_use, &self.mailbox.exclude, names) {
                Mapped::To { .. } if self.is_nonexistent(&path).await? => {}
                Mapped::To { path: to, .. } => {
                    if known.contains(&to) {
                        groups.entry(to).or_default().push(path);
                    } else {
                        there.broken(format!("{path} → {to}: not at the destination"));
                        let checks = &mut evidence.checks;
                        let folder = self.uncopied(path, Some(to), &entry, checks).await?;
                        evidence.folders.push(folder);
                    }
                }
                Mapped::Excluded { .. } => {
                    evidence.folders.push(self.excluded(path, &entry).await?);
                }
                Mapped::Invalid { reason, .. } => {
                    named.broken(format!("{path}: {reason}"));
                    let folder = self.uncopied(path, None, &entry, &mut evidence.checks).await?;
                    evidence.folders.push(folder);
                }
            }
        }
        evidence.checks.push(there);
        if named.count > 0 {
            evidence.checks.push(named);
        }
        self.groups(&groups, evidence).await?;
        evidence.folders.extend(self.gone(&listed).await?);
        evidence.folders.sort_by(|a, b| a.source.cmp(&b.source));
        evidence.exceptions.sort_by(|a, b| (&a.folder, a.uid).cmp(&(&b.folder, b.uid)));
        self.accept(evidence);
        evidence.chance = self.draw.chance(self.read.0, self.read.1);
        evidence.checks.push(Check::of_account(&evidence.account()));
        Ok(())
    }

    /// Tells whether a name of the source stands for no folder; see [`is_nonexistent`].
    async fn is_nonexistent(&mut self, path: &FolderPath) -> Result<bool> {
        // Where a line cannot be opened, the walk says why.
        let open = !self.lost && self.lines.open(&self.accounts, &self.mailbox).await.is_ok();
        let Ok((source, _)) = self.lines.sides() else { return Ok(false) };
        let key = FolderKey { mailbox: self.mailbox.source.clone(), folder: path.clone() };
        Ok(open && is_nonexistent(&self.desk.ledger, source, &key).await?)
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
        let covered = |check: &&mut Check| {
            check.name.starts_with(EXCEPTED) || [DATES, FLAGS_LOST].contains(&check.name.as_str())
        };
        for check in checks.filter(covered) {
            check.verdict = Verdict::Holds;
        }
        for one in evidence.exceptions.iter_mut().filter(|one| one.fate.can_be_accepted()) {
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
                transforms: BTreeMap::new(),
            });
        }
        Ok(folders)
    }

    /// Opens both sides again for what is left of the mailbox, once; tells what is wrong with them.
    pub(super) async fn open_again(&mut self, checks: &mut Vec<Check>) -> Result<()> {
        // Closed before they are opened again: their places may be the only ones.
        self.lines.drop_both();
        match both(&self.accounts, &self.mailbox).await {
            Ok((source, destination)) => self.lines = Lines::of(source, destination),
            Err(failures) => {
                self.lost = true;
                checks.extend(unreadable(failures)?);
            }
        }
        Ok(())
    }

    /// A folder that the migration plan leaves behind is not opened: its messages are counted, and
    /// what keeps the source from counting them breaks nothing.
    async fn excluded(&mut self, path: FolderPath, entry: &ListEntry) -> Result<FolderEvidence> {
        let (mut account, mut checks) = (Account::default(), Vec::new());
        let mut again = Again::default();
        loop {
            let stop = match self.status(&path, entry).await {
                Ok(messages) => {
                    account.listed = messages;
                    account.ever_listed = messages;
                    account.excluded = messages;
                    break;
                }
                Err(Stop::Again(error)) if error.class == Class::Throttle => {
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
                Stop::Again(error) | Stop::Failed(error) => {
                    if error.class == Class::Ledger
                        || matches!(error.kind, ErrorKind::Declined | ErrorKind::Locked)
                    {
                        return Err(error);
                    }
                    let mut check = Check::new("excluded without a count");
                    check.noted(error.to_string());
                    checks.push(check);
                }
            }
            break;
        }
        let transforms = BTreeMap::new();
        Ok(FolderEvidence { source: path, destination: None, account, checks, transforms })
    }

    /// Asks how many messages a source folder has, without opening it.
    async fn status(&mut self, path: &FolderPath, entry: &ListEntry) -> Result<u64, Stop> {
        self.desk.go_on()?;
        self.lines.open(&self.accounts, &self.mailbox).await?;
        let object = Object::folder("source", &self.mailbox.source, path);
        let (source, _) = self.lines.sides()?;
        let status = source.connection.status(&entry.name).await;
        let status = status.map_err(|error| Stop::from_imap(&error, &object))?;
        Ok(u64::from(status.messages))
    }

    /// A folder of which nothing can be at the destination: only its messages are counted. `to` is
    /// `None` when the destination cannot have one of its name.
    async fn uncopied(
        &mut self,
        path: FolderPath,
        to: Option<FolderPath>,
        entry: &ListEntry,
        mailbox: &mut Vec<Check>,
    ) -> Result<FolderEvidence> {
        let mut account = Account::default();
        let mut checks = Vec::new();
        let mut again = Again::default();
        while !self.lost {
            let error = match self.count(&path, entry).await {
                Ok(messages) => {
                    account.listed = messages;
                    account.ever_listed = messages;
                    account.pending = messages;
                    break;
                }
                Err(Stop::Again(error)) => {
                    self.lines.drop_both();
                    match again.hold(&self.desk, error).await {
                        Ok(()) => continue,
                        Err(stop) => stop,
                    }
                }
                Err(stop) => stop,
            };
            match error {
                Stop::Interrupted => return Err(interrupted(Stop::Interrupted)),
                Stop::Again(error) | Stop::Failed(error) => {
                    checks.push(unknown("can be read", &error));
                    self.open_again(mailbox).await?;
                }
            }
            break;
        }
        if self.lost && checks.is_empty() {
            checks.push(Check::unknown("can be read", LOST.to_owned()));
        }
        Ok(FolderEvidence {
            source: path,
            destination: to,
            account,
            checks,
            transforms: BTreeMap::new(),
        })
    }

    /// Counts the messages of a source folder.
    async fn count(&mut self, path: &FolderPath, entry: &ListEntry) -> Result<u64, Stop> {
        self.desk.go_on()?;
        self.lines.open(&self.accounts, &self.mailbox).await?;
        let object = Object::folder("source", &self.mailbox.source, path);
        let (source, _) = self.lines.sides()?;
        let selected = source.connection.examine(&entry.name).await;
        let selected = selected.map_err(|error| Stop::from_imap(&error, &object))?;
        Ok(u64::from(selected.exists))
    }
}
