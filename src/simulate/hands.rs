//! Others who change a mailbox while a client works in it: deliveries, and the user.

use crate::model::flags::Flags;
use crate::model::folder::SpecialUse;
use crate::model::internal_date::InternalDate;
use crate::simulate::deed::Deed;
use crate::simulate::fault::Mischief;
use crate::simulate::folder::{Condition, NewMessage, Writer};
use crate::simulate::mailbox::{Mailbox, Refusal};
use crate::simulate::rewrite;
use crate::simulate::service::Service;
use bytes::Bytes;
use std::fmt;

/// Why others could not do something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Undone(String);

impl fmt::Display for Undone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Undone {}

/// A message that others store.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// Its octets.
    pub octets: Bytes,
    /// Its flags.
    pub flags: Flags,
    /// Its date; `None` is now.
    pub date: Option<InternalDate>,
    /// Whether it can be read later.
    pub condition: Condition,
}

impl Delivery {
    /// Takes octets without flags, as they arrive now.
    pub fn new(octets: impl Into<Bytes>) -> Self {
        Self {
            octets: octets.into(),
            flags: Flags::default(),
            date: None,
            condition: Condition::Whole,
        }
    }
}

/// Changes mailboxes past every session; names are as on the wire.
#[derive(Clone, Debug)]
pub struct Hands(Service);

impl Hands {
    pub(crate) fn new(service: Service) -> Self {
        Self(service)
    }

    fn change<T>(
        &self,
        user: &str,
        folder: &str,
        act: impl FnOnce(&mut Mailbox) -> Result<T, Refusal>,
    ) -> Result<T, Undone> {
        let done = self.0.account(user, |account| act(&mut account.mailbox));
        self.0.notify();
        match done {
            Some(Ok(done)) => Ok(done),
            Some(Err(why)) => Err(Undone(format!("{user}: {folder}: {why:?}"))),
            None => Err(Undone(format!("{user} is no user of the service"))),
        }
    }

    fn note(&self, user: &str, verb: &str, folder: &str, to: &str, octets: Option<Bytes>) {
        let deed = Deed::new(None, user, verb, folder);
        self.0.note(vec![Deed { to: to.to_owned(), octets, ..deed }]);
    }

    /// Renames a folder and what is below it.
    pub fn rename(&self, user: &str, from: &str, to: &str) -> Result<(), Undone> {
        self.change(user, from, |mailbox| mailbox.rename(from, to))?;
        self.note(user, "RENAME", from, to, None);
        Ok(())
    }

    /// Sets the most octets of a mailbox; `None` is without limit.
    pub fn set_quota(&self, user: &str, quota: Option<u64>) -> Result<(), Undone> {
        self.change(user, "", |mailbox| {
            mailbox.set_quota(quota);
            Ok(())
        })
    }

    /// Makes a folder, and those above it.
    pub fn create(&self, user: &str, folder: &str) -> Result<(), Undone> {
        self.change(user, folder, |mailbox| mailbox.create(folder))
    }

    /// Gives a folder a special use.
    pub fn mark(&self, user: &str, folder: &str, special_use: SpecialUse) -> Result<(), Undone> {
        self.change(user, folder, |mailbox| {
            mailbox.folder_mut(folder)?.special_use = Some(special_use.attribute());
            Ok(())
        })
    }

    /// Subscribes to a folder.
    pub fn subscribe(&self, user: &str, folder: &str) -> Result<(), Undone> {
        self.change(user, folder, |mailbox| {
            let name = mailbox.known_as(folder);
            mailbox.subscribed.insert(name);
            Ok(())
        })
    }

    /// Stores a message as a delivery does and returns its UID; sizes and quotas do not hold.
    pub fn deliver(&self, user: &str, folder: &str, mail: Delivery) -> Result<u32, Undone> {
        let now = self.0.now();
        let stored = rewrite::rewrite(self.0.product(), &mail.octets, false);
        self.change(user, folder, |mailbox| {
            let folder = mailbox.folder_mut(folder)?;
            folder
                .add(NewMessage {
                    flagged_by_store: mail.flags.contains("\\Flagged"),
                    flags: mail.flags,
                    date: mail.date.unwrap_or_else(|| InternalDate::from_timestamp(now)),
                    saved: now,
                    given: mail.octets,
                    served: stored.octets,
                    rewrites: stored.names,
                    writer: Writer::Other,
                    condition: mail.condition,
                })
                .ok_or(Refusal::NoUids)
        })
    }

    /// Stores the newest message of a folder again, as somebody else who copies it does.
    pub fn deliver_twin(&self, user: &str, folder: &str) -> Result<u32, Undone> {
        let (uid, octets) = self.change(user, folder, |mailbox| {
            let folder = mailbox.folder_mut(folder)?;
            let last = folder.messages.last().cloned().ok_or(Refusal::Missing)?;
            let octets = last.given.clone();
            let twin = NewMessage { writer: Writer::Other, ..NewMessage::from(last) };
            folder.add(twin).map(|uid| (uid, octets)).ok_or(Refusal::NoUids)
        })?;
        self.note(user, "DELIVER", folder, "", Some(octets));
        Ok(uid)
    }

    /// Moves a message to another folder and returns its new UID.
    pub fn move_message(&self, user: &str, from: &str, uid: u32, to: &str) -> Result<u32, Undone> {
        let (new, octets) = self.change(user, from, |mailbox| {
            let message = mailbox.folder(from)?.message(uid).cloned().ok_or(Refusal::Missing)?;
            let octets = message.given.clone();
            let new = mailbox.folder_mut(to)?.add(message.into()).ok_or(Refusal::NoUids)?;
            mailbox.folder_mut(from)?.remove(|message| message.uid == uid);
            Ok((new, octets))
        })?;
        self.note(user, "MOVE", from, to, Some(octets));
        Ok(new)
    }

    /// Deletes a message for good.
    pub fn delete(&self, user: &str, folder: &str, uid: u32) -> Result<(), Undone> {
        let octets = self.change(user, folder, |mailbox| {
            let folder = mailbox.folder_mut(folder)?;
            let octets = folder.message(uid).ok_or(Refusal::Missing)?.given.clone();
            folder.remove(|message| message.uid == uid);
            Ok(octets)
        })?;
        self.note(user, "DELETE", folder, "", Some(octets));
        Ok(())
    }

    /// Gives a message other flags, as any program but IMAP does it: they count as stored.
    pub fn set_flags(&self, user: &str, folder: &str, uid: u32, to: Flags) -> Result<(), Undone> {
        let (octets, more) = self.change(user, folder, |mailbox| {
            let folder = mailbox.folder_mut(folder)?;
            let message = folder.message(uid).ok_or(Refusal::Missing)?;
            let (octets, more) = (message.given.clone(), to.minus(&message.flags));
            folder.set_flags(uid, to).ok_or(Refusal::Missing)?;
            Ok((octets, more))
        })?;
        let flags = more.iter().map(ToOwned::to_owned).collect();
        let deed = Deed::new(None, user, "STORE", folder);
        self.0.note(vec![Deed { flags, octets: Some(octets), ..deed }]);
        Ok(())
    }

    /// Serves other octets for a message from now on, as a damaged disk does.
    pub fn damage(
        &self,
        user: &str,
        folder: &str,
        uid: u32,
        octets: impl Into<Bytes>,
    ) -> Result<(), Undone> {
        self.change(user, folder, |mailbox| {
            let folder = mailbox.folder_mut(folder)?;
            folder.damage(uid, octets.into()).ok_or(Refusal::Missing)
        })
    }

    /// Gives a folder another UIDVALIDITY and every message another UID.
    pub fn renumber(&self, user: &str, folder: &str) -> Result<(), Undone> {
        let all = self.change(user, folder, |mailbox| {
            mailbox.renumber(folder)?;
            let messages = &mailbox.folder(folder)?.messages;
            Ok(messages.iter().map(|message| message.given.clone()).collect::<Vec<_>>())
        })?;
        for octets in all {
            self.note(user, "RENUMBER", folder, "", Some(octets));
        }
        Ok(())
    }

    fn newest(&self, user: &str, folder: &str) -> Result<(u32, Flags), Undone> {
        self.change(user, folder, |mailbox| {
            let last = mailbox.folder(folder)?.messages.last().ok_or(Refusal::Missing)?;
            Ok((last.uid, last.flags.clone()))
        })
    }

    /// Does what a script says; a fault that others play without anybody to play on is an error.
    pub(crate) fn play(&self, user: &str, mischief: &Mischief) -> Result<(), Undone> {
        match mischief {
            Mischief::Deliver { folder, octets } => {
                self.deliver(user, folder, Delivery::new(octets.clone())).map(drop)
            }
            Mischief::DeliverTwin { folder } => self.deliver_twin(user, folder).map(drop),
            Mischief::Move { from, to } => {
                let (uid, _) = self.newest(user, from)?;
                self.move_message(user, from, uid, to).map(drop)
            }
            Mischief::Delete { folder } => {
                let (uid, _) = self.newest(user, folder)?;
                self.delete(user, folder, uid)
            }
            Mischief::Flag { folder, flag } => {
                let (uid, mut flags) = self.newest(user, folder)?;
                flags.insert(flag);
                self.set_flags(user, folder, uid, flags)
            }
            Mischief::NewUidValidity { folder } => self.renumber(user, folder),
            _ => Ok(()),
        }
    }
}
