//! A user's mailbox: its folders, and what may be done with them.

use crate::imap::mailbox_name;
use crate::simulate::folder::{Folder, NewMessage};
use crate::simulate::habit::Habit;
use crate::simulate::product::Product;
use jiff::{Timestamp, ToSpan as _};
use std::collections::{BTreeMap, BTreeSet};

/// Why something was not done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    Exists,
    Missing,
    Reserved,
    BadName,
    HasChildren,
    Inbox,
    NotSelectable,
    OverQuota,
    NoUids,
}

/// The most octets of a folder's name; Dovecot takes 4,096 and Exchange 250 a component.
const LONGEST_NAME: usize = 4_096;

#[derive(Clone, Debug)]
pub(crate) struct Mailbox {
    /// By name on the wire; the INBOX under `INBOX`.
    pub(crate) folders: BTreeMap<String, Folder>,
    pub(crate) subscribed: BTreeSet<String>,
    /// The Message-IDs that were ever stored, for [`Habit::RewriteMessageId`].
    pub(crate) message_ids: BTreeSet<Vec<u8>>,
    /// How many APPENDs there were, for [`Habit::AppendHangs`].
    pub(crate) appends: u64,
    separator: char,
    any_case: bool,
    reserved_files: bool,
    quota: Option<u64>,
    next_id: u64,
    next_validity: u32,
}

impl Mailbox {
    pub(crate) fn new(product: &Product) -> Self {
        let mut mailbox = Self {
            folders: BTreeMap::new(),
            subscribed: BTreeSet::new(),
            message_ids: BTreeSet::new(),
            appends: 0,
            separator: product.separator,
            any_case: product.has(Habit::CaseInsensitiveNames),
            reserved_files: product.has(Habit::ReservedFiles),
            quota: product.quota,
            next_id: 1,
            // Ordinary servers take the time of the creation; a fixed number keeps runs alike.
            next_validity: 1_600_000_001,
        };
        mailbox.insert("INBOX");
        for wanted in &product.folders {
            if wanted.other_items && !product.has(Habit::NonMailFolders) {
                continue;
            }
            let folder = mailbox.insert(&wanted.name);
            folder.special_use = wanted.special_use;
            folder.purged = wanted.purged;
            mailbox.subscribed.insert(wanted.name.clone());
        }
        mailbox
    }

    fn insert(&mut self, name: &str) -> &mut Folder {
        let folder = Folder::new(self.next_id, self.next_validity);
        self.next_id += 1;
        self.next_validity = self.next_validity.saturating_add(1);
        self.folders.entry(name.to_owned()).or_insert(folder)
    }

    /// Returns the name as the mailbox has it, or would have it.
    pub(crate) fn known_as(&self, name: &str) -> String {
        let (head, rest) = match name.split_once(self.separator) {
            Some((head, rest)) => (head, Some(rest)),
            None => (name, None),
        };
        let head = if head.eq_ignore_ascii_case("INBOX") { "INBOX" } else { head };
        let name = match rest {
            Some(rest) => format!("{head}{}{rest}", self.separator),
            None => head.to_owned(),
        };
        if !self.any_case || self.folders.contains_key(&name) {
            return name;
        }
        let folded = |name: &str| mailbox_name::decode_text(name.as_bytes()).to_lowercase();
        let wanted = folded(&name);
        self.folders.keys().find(|known| folded(known) == wanted).cloned().unwrap_or(name)
    }

    pub(crate) fn folder(&self, name: &str) -> Result<&Folder, Refusal> {
        self.folders.get(&self.known_as(name)).ok_or(Refusal::Missing)
    }

    pub(crate) fn folder_mut(&mut self, name: &str) -> Result<&mut Folder, Refusal> {
        let name = self.known_as(name);
        self.folders.get_mut(&name).ok_or(Refusal::Missing)
    }

    pub(crate) fn by_id(&self, id: u64) -> Option<&Folder> {
        self.folders.values().find(|folder| folder.id == id)
    }

    pub(crate) fn by_id_mut(&mut self, id: u64) -> Option<&mut Folder> {
        self.folders.values_mut().find(|folder| folder.id == id)
    }

    pub(crate) fn has_children(&self, name: &str) -> bool {
        let start = format!("{name}{}", self.separator);
        self.folders.keys().any(|other| other.starts_with(&start))
    }

    fn check_name(&self, name: &str) -> Result<(), Refusal> {
        let well = mailbox_name::encode_text(&mailbox_name::decode_text(name.as_bytes()))
            == name.as_bytes();
        if name.is_empty()
            || name.len() > LONGEST_NAME
            || !well
            || name.split(self.separator).any(str::is_empty)
        {
            return Err(Refusal::BadName);
        }
        if self.reserved_files
            && name.split(self.separator).next().is_some_and(|it| it.eq_ignore_ascii_case("Files"))
        {
            return Err(Refusal::Reserved);
        }
        Ok(())
    }

    /// Makes a folder, and those above it, RFC 3501 section 6.3.3.
    pub(crate) fn create(&mut self, name: &str) -> Result<(), Refusal> {
        // A trailing separator declares an intent and is no part of the name.
        let name = self.known_as(name.strip_suffix(self.separator).unwrap_or(name));
        self.check_name(&name)?;
        if let Some(folder) = self.folders.get_mut(&name) {
            if folder.selectable {
                return Err(Refusal::Exists);
            }
            folder.selectable = true;
            return Ok(());
        }
        let places: Vec<usize> = name.match_indices(self.separator).map(|(at, _)| at).collect();
        let mut made = String::new();
        let mut last = 0;
        for end in places.into_iter().chain([name.len()]) {
            made.push_str(name.get(last..end).unwrap_or_default());
            last = end;
            // The parent may be known in another case.
            made = self.known_as(&made);
            if !self.folders.contains_key(&made) {
                self.insert(&made.clone());
            }
        }
        Ok(())
    }

    /// Deletes a folder; one with others below stays as a name that cannot be selected.
    pub(crate) fn delete(&mut self, name: &str) -> Result<(), Refusal> {
        let name = self.known_as(name);
        if name == "INBOX" {
            return Err(Refusal::Inbox);
        }
        let children = self.has_children(&name);
        let folder = self.folders.get_mut(&name).ok_or(Refusal::Missing)?;
        if !children {
            self.folders.remove(&name);
            return Ok(());
        }
        if !folder.selectable {
            return Err(Refusal::HasChildren);
        }
        // What is made under this name later is another folder.
        let mut left = Folder::new(self.next_id, self.next_validity);
        left.selectable = false;
        self.next_id += 1;
        self.next_validity = self.next_validity.saturating_add(1);
        *folder = left;
        Ok(())
    }

    /// Renames a folder and what is below it; the INBOX is emptied into a new folder instead.
    pub(crate) fn rename(&mut self, from: &str, to: &str) -> Result<(), Refusal> {
        let (from, to) = (self.known_as(from), self.known_as(to));
        self.check_name(&to)?;
        if !self.folders.contains_key(&from) {
            return Err(Refusal::Missing);
        }
        let start = format!("{from}{}", self.separator);
        if self.folders.contains_key(&to) || to.starts_with(&start) {
            return Err(Refusal::Exists);
        }
        if let Some((parent, _)) = to.rsplit_once(self.separator)
            && !self.folders.contains_key(&self.known_as(parent))
        {
            self.create(parent)?;
        }
        if from == "INBOX" {
            let messages = std::mem::take(&mut self.folder_mut("INBOX")?.messages);
            let folder = self.insert(&to);
            folder.messages = messages;
            let validity = folder.uid_validity;
            folder.renumber(validity);
            return Ok(());
        }
        let moved: Vec<String> = self
            .folders
            .keys()
            .filter(|name| **name == from || name.starts_with(&start))
            .cloned()
            .collect();
        for name in moved {
            if let Some(folder) = self.folders.remove(&name) {
                let rest = name.get(from.len()..).unwrap_or_default();
                self.folders.insert(format!("{to}{rest}"), folder);
            }
        }
        Ok(())
    }

    pub(crate) fn set_quota(&mut self, quota: Option<u64>) {
        self.quota = quota;
    }

    pub(crate) fn octets(&self) -> u64 {
        self.folders.values().map(Folder::octets).sum()
    }

    /// Stores messages in a folder, all or none; returns its UIDVALIDITY and the UIDs.
    pub(crate) fn store(
        &mut self,
        name: &str,
        new: Vec<NewMessage>,
    ) -> Result<(u32, Vec<u32>), Refusal> {
        let size: u64 = new.iter().map(|message| message.served.len() as u64).sum();
        if !self.folder(name)?.selectable {
            return Err(Refusal::NotSelectable);
        }
        if self.quota.is_some_and(|quota| self.octets().saturating_add(size) > quota) {
            return Err(Refusal::OverQuota);
        }
        let folder = self.folder_mut(name)?;
        let count = u32::try_from(new.len()).map_err(|_| Refusal::NoUids)?;
        if folder.uid_next.checked_add(count).is_none() {
            return Err(Refusal::NoUids);
        }
        let uids = new.into_iter().filter_map(|message| folder.add(message)).collect();
        Ok((folder.uid_validity, uids))
    }

    /// Gives a folder a new UIDVALIDITY.
    pub(crate) fn renumber(&mut self, name: &str) -> Result<(), Refusal> {
        let validity = self.next_validity.saturating_add(1_000);
        self.next_validity = validity.saturating_add(1);
        self.folder_mut(name)?.renumber(validity);
        Ok(())
    }

    /// Deletes what is older than the limit in the folders that are purged.
    pub(crate) fn purge(&mut self, now: Timestamp, days: i64) -> bool {
        let Ok(limit) = now.checked_sub((days * 24).hours()) else { return false };
        let mut changed = false;
        for folder in self.folders.values_mut().filter(|folder| folder.purged) {
            changed |= folder.remove(|message| message.saved <= limit) > 0;
        }
        changed
    }
}
