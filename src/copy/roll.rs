//! Lists the source folders of a mailbox before anything is sent from one of them: only then is it
//! known which messages are new and which moved.

use crate::catalogue::Object;
use crate::copy::desk::Desk;
use crate::copy::inventory::{self, Listing};
use crate::copy::landmarks;
use crate::copy::lines::{self, Line};
use crate::copy::orphans::Orphans;
use crate::copy::stop::Stop;
use crate::desired::{Desired, DesiredMailbox, Mapped};
use crate::error::{self, Class};
use crate::imap::{Connection, ListEntry, Selected, SourceConnection};
use crate::model::folder::FolderPath;
use crate::model::uid::{Uid, UidValidity};
use crate::ports::ledger::{FolderKey, Ledger, Need, Pass};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What was listed of a mailbox in this run.
#[derive(Debug)]
pub struct Roll {
    /// What is wanted: says which folders are left out.
    desired: Arc<Desired>,
    /// The UIDVALIDITY that was reviewed, by source folder.
    reviewed: BTreeMap<FolderPath, UidValidity>,
    /// Folders that are done; with the listing until a copy takes it.
    listed: BTreeMap<FolderPath, Option<Pass>>,
    /// The UIDNEXT of each folder when it was listed for the first time.
    ends: BTreeMap<FolderPath, Uid>,
    /// Folders in the order in which they were listed.
    order: Vec<FolderPath>,
    /// Those of them that were looked at once more.
    seen_again: BTreeSet<FolderPath>,
    /// Folders that could not be listed, with why.
    unlisted: BTreeMap<FolderPath, String>,
    /// Where copies of messages may be that are elsewhere at the source now.
    orphans: Orphans,
    /// How often a folder brought trouble that may be over the next time.
    troubles: BTreeMap<FolderPath, u32>,
    called: bool,
}

/// A folder that brings trouble so often is not listed in this run.
const TRIES: u32 = 2;

impl Roll {
    /// Makes the roll of a mailbox whose copies were reviewed with these UIDVALIDITYs.
    pub fn new(desired: &Arc<Desired>, reviewed: BTreeMap<FolderPath, UidValidity>) -> Self {
        Self {
            desired: Arc::clone(desired),
            reviewed,
            listed: BTreeMap::new(),
            ends: BTreeMap::new(),
            order: Vec::new(),
            seen_again: BTreeSet::new(),
            unlisted: BTreeMap::new(),
            orphans: Orphans::default(),
            troubles: BTreeMap::new(),
            called: false,
        }
    }

    /// Lists every source folder that the ledger knows or that is to be copied, and records where
    /// the folders of the destination stand. Once in a run; after a lost connection it goes on where
    /// it stopped. What comes into a folder later waits for the next run: it may have been moved out
    /// of a folder that is copied already.
    ///
    /// A folder that cannot be listed keeps nobody else back: what was in it did not vanish.
    pub async fn call(
        &mut self,
        desk: &Desk,
        source: &Line<SourceConnection>,
        destination: &Line<Connection>,
        mailbox: &DesiredMailbox,
    ) -> Result<(), Stop> {
        if self.called {
            return Ok(());
        }
        let address = mailbox.source.clone();
        let known = desk.ledger(move |ledger| ledger.source_folders(&address)).await?;
        let mut folders: BTreeMap<FolderPath, Option<UidValidity>> =
            self.reviewed.keys().map(|folder| (folder.clone(), None)).collect();
        folders.extend(known);
        let mut again = None;
        for (folder, validity) in folders {
            if self.listed.contains_key(&folder) || self.unlisted.contains_key(&folder) {
                continue;
            }
            desk.go_on()?;
            let key = FolderKey { mailbox: mailbox.source.clone(), folder: folder.clone() };
            let entry = match source.entry(&folder) {
                Ok(entry) => entry,
                Err(error) => {
                    self.unlisted.insert(folder, error.to_string());
                    continue;
                }
            };
            match entry {
                // The LIST was complete, or there would be no line.
                None => {
                    desk.ledger(move |ledger| ledger.folder_gone(&key)).await?;
                    self.listed.insert(folder, None);
                }
                Some(entry) => match self.one(desk, source, entry, &key, validity).await {
                    Ok(Ok(pass)) => {
                        self.order.push(folder.clone());
                        self.listed.insert(folder, Some(pass));
                    }
                    Ok(Err(why)) => {
                        self.unlisted.insert(folder, why);
                    }
                    Err(stop) => {
                        let stop = self.trouble(folder, stop)?;
                        // What comes next needs a line; an answer leaves it.
                        if !source.connection.is_open() {
                            return Err(stop);
                        }
                        if !self.unlisted.contains_key(&key.folder) {
                            again = Some(stop);
                        }
                    }
                },
            }
        }
        if let Some(stop) = again {
            return Err(stop);
        }
        self.look_again(desk, source, mailbox).await?;
        self.orphans = Orphans::find(desk, source, mailbox).await?;
        if !self.orphans.folders().is_empty() && self.more_is_there(desk, source, mailbox).await? {
            self.orphans.keep();
        }
        landmarks::record(desk, destination, &mailbox.destination).await?;
        self.called = true;
        Ok(())
    }

    /// Looks once more at the folders that were listed before one with something to send: what was
    /// moved there out of one of them in between is in both listings, and would be sent as new.
    async fn look_again(
        &mut self,
        desk: &Desk,
        source: &Line<SourceConnection>,
        mailbox: &DesiredMailbox,
    ) -> Result<(), Stop> {
        let of = |folder: &FolderPath| FolderKey {
            mailbox: mailbox.source.clone(),
            folder: folder.clone(),
        };
        let order: Vec<FolderKey> = self.order.iter().map(of).collect();
        let wanted = desk.ledger(move |ledger| copied_before_something_new(ledger, order)).await?;
        for key in wanted {
            if self.seen_again.contains(&key.folder) {
                continue;
            }
            desk.go_on()?;
            // The LIST is that of the first look: a name that it lacks was not listed.
            let Ok(Some(entry)) = source.entry(&key.folder) else { continue };
            if let Err(stop) = self.again(desk, source, entry, &key).await {
                let stop = self.trouble(key.folder.clone(), stop)?;
                if !self.unlisted.contains_key(&key.folder) {
                    return Err(stop);
                }
                self.listed.remove(&key.folder);
            }
            self.seen_again.insert(key.folder);
        }
        Ok(())
    }

    /// Lists a folder once more, if it is not as it was.
    async fn again(
        &mut self,
        desk: &Desk,
        source: &Line<SourceConnection>,
        entry: &ListEntry,
        key: &FolderKey,
    ) -> Result<(), Stop> {
        let Some(last) = self.listed.get(&key.folder).copied().flatten() else { return Ok(()) };
        let now = source.connection.examine(&entry.name).await;
        if now.is_ok_and(|now| inventory::same(&last, &now)) {
            return Ok(());
        }
        match self.one(desk, source, entry, key, Some(last.uid_validity)).await? {
            Ok(pass) => {
                self.listed.insert(key.folder.clone(), Some(pass));
            }
            Err(why) => {
                self.listed.remove(&key.folder);
                self.unlisted.insert(key.folder.clone(), why);
            }
        }
        Ok(())
    }

    /// Tells whether a folder that is not on the roll holds messages: it was made or filled after the
    /// plan, perhaps with what is looked for.
    async fn more_is_there(
        &self,
        desk: &Desk,
        source: &Line<SourceConnection>,
        mailbox: &DesiredMailbox,
    ) -> Result<bool, Stop> {
        for (path, entry) in &source.folders {
            let (policy, exclude) = (&self.desired.folders, &mailbox.exclude);
            let left_out = matches!(
                policy.wanted(path, entry.special_use(), exclude),
                Mapped::Excluded { .. }
            );
            if left_out || self.ends.contains_key(path) || !lines::selectable(entry) {
                continue;
            }
            desk.go_on()?;
            let object = Object::folder("source", &mailbox.source, path);
            match source.connection.examine(&entry.name).await {
                Ok(selected) if selected.exists == 0 => {}
                Ok(_) => return Ok(true),
                // What a folder holds that cannot be opened is not known.
                Err(error) => match unless_lost::<()>(Stop::from_imap(&error, &object))? {
                    Ok(()) | Err(_) => return Ok(true),
                },
            }
        }
        Ok(false)
    }

    /// Counts trouble that is about one folder, and gives up that folder when it comes again.
    /// Everything else ends the roll.
    fn trouble(&mut self, folder: FolderPath, stop: Stop) -> Result<Stop, Stop> {
        let Stop::Again(error) = &stop else { return Err(stop) };
        if !matches!(error.class, Class::Transient | Class::Line | Class::Folder | Class::Message) {
            return Err(stop);
        }
        let troubles = self.troubles.entry(folder.clone()).or_default();
        *troubles += 1;
        if *troubles >= TRIES {
            self.unlisted.insert(folder, error.to_string());
        }
        Ok(stop)
    }

    /// Returns how many folders are done with, listed or not.
    pub(super) fn done(&self) -> usize {
        self.listed.len() + self.unlisted.len()
    }

    /// Lists one folder; the inner error says why it could not be listed.
    async fn one(
        &mut self,
        desk: &Desk,
        source: &Line<SourceConnection>,
        entry: &ListEntry,
        key: &FolderKey,
        known: Option<UidValidity>,
    ) -> Result<Result<Pass, String>, Stop> {
        let object = Object::folder("source", &key.mailbox, &key.folder);
        if !lines::selectable(entry) {
            return Ok(Err(format!("{object} cannot be opened any more")));
        }
        let selected = match source.connection.examine(&entry.name).await {
            Ok(selected) => selected,
            Err(error) => return unless_lost(Stop::from_imap(&error, &object)),
        };
        // What a listing lacks because a row cannot be read is below it as well.
        self.ends.entry(key.folder.clone()).or_insert(selected.uid_next);
        let now = selected.uid_validity;
        // Of one that is empty there is nothing to review.
        if known.is_some_and(|known| known != now)
            && self.reviewed.get(&key.folder) != Some(&now)
            && selected.exists > 0
        {
            return Ok(Err(format!("{object} has a new UIDVALIDITY that nobody reviewed")));
        }
        let asked = key.clone();
        let last = desk.ledger(move |ledger| ledger.last_pass(&asked)).await?;
        if let Some(pass) = last.filter(|pass| inventory::unchanged(pass, &selected)) {
            return Ok(Ok(pass));
        }
        let (connection, name) = (&source.connection, &entry.name);
        let listed =
            inventory::record_readable(desk, connection, name, &selected, key, &object).await;
        match listed {
            Ok(Listing { pass, incomplete: None }) => Ok(Ok(pass)),
            Ok(Listing { incomplete: Some(error), .. }) => Ok(Err(error.to_string())),
            Err(stop) => unless_lost(stop),
        }
    }

    /// Hands out the listing of a folder, once, when the folder is as it was then.
    pub(super) fn take(&mut self, folder: &FolderPath, now: &Selected) -> Option<Pass> {
        self.listed.get_mut(folder)?.take().filter(|pass| inventory::same(pass, now))
    }

    /// Returns the UIDNEXT that a folder had when it was listed.
    pub(super) fn end(&self, folder: &FolderPath) -> Option<Uid> {
        self.ends.get(folder).copied()
    }

    pub(super) fn orphans(&mut self) -> &mut Orphans {
        &mut self.orphans
    }

    /// Ends the search for copies of messages that are elsewhere at the source now, after every
    /// copy of the mailbox took part in it.
    pub async fn close_orphans(&self, desk: &Desk, mailbox: &DesiredMailbox) -> Result<(), Stop> {
        self.orphans.close(desk, mailbox, self.ends.keys()).await
    }
}

/// Returns those of the folders that hold copied messages and were listed before the last one that
/// has something to send.
fn copied_before_something_new(
    ledger: &dyn Ledger,
    order: Vec<FolderKey>,
) -> error::Result<Vec<FolderKey>> {
    let mut before = Vec::new();
    let mut last = 0;
    for key in order {
        let Some(validity) = ledger.listed_under(&key)? else { continue };
        let any = |need| -> error::Result<bool> {
            Ok(!ledger.rows_for(&key, validity, need, Uid(1), 1)?.is_empty())
        };
        if any(Need::ToSend)? {
            last = before.len();
        }
        if any(Need::Copied)? {
            before.push(key);
        }
    }
    before.truncate(last);
    Ok(before)
}

/// A failure that is about one folder only becomes a reason; a lost line, the ledger and an
/// interruption do not.
fn unless_lost<T>(stop: Stop) -> Result<Result<T, String>, Stop> {
    match stop {
        Stop::Failed(error) if error.class != Class::Ledger => Ok(Err(error.to_string())),
        // The listing is short again and again: that is about the folder.
        Stop::Again(error) if error.code == "E155" => Ok(Err(error.to_string())),
        other => Err(other),
    }
}
