//! Removes extra copies of ours: what a server stored late, after it was sent again.
//!
//! Only what the ledger proves: unknown to it, above the lowest UID that we sent, equal in octets (or,
//! where the destination rewrites, in what it says), date and flags to messages that it knows and
//! that are all still there, while no message of ours that it may be is missing from its place.

use crate::accounts::Accounts;
use crate::catalogue::Object;
use crate::copy::again;
use crate::copy::desk::Desk;
use crate::copy::folder::same_validity;
use crate::copy::lines::{self, Line};
use crate::copy::stop::Stop;
use crate::desired::{Compare, DesiredMailbox};
use crate::error::Result;
use crate::imap::{Connection, ImapError};
use crate::model::digest::{Digest, Hasher};
use crate::model::uid::{Uid, UidValidity};
use crate::ports::ledger::FolderKey;
use crate::removal::{self, BATCH, Batch, Hands, Own, Purpose};
use crate::verify::displaced::{Displaced, Likeness};
use crate::verify::extras::{self, Extra, Search};
use std::collections::{BTreeMap, BTreeSet};

/// An extra copy of ours.
#[derive(Clone, Debug)]
pub struct Duplicate {
    /// The destination folder.
    pub folder: FolderKey,
    /// Its UIDVALIDITY.
    pub validity: UidValidity,
    /// The message.
    pub extra: Extra,
}

/// What was found in a mailbox.
#[derive(Debug, Default)]
pub struct Found {
    /// What can be removed.
    pub removable: Vec<Duplicate>,
    /// What stays, with the reason.
    pub left: Vec<(Duplicate, String)>,
    /// What is no extra copy, with the reason: it stands for a message of ours that was moved.
    pub moved: Vec<(Duplicate, String)>,
    /// How many of those each likeness has.
    spent: BTreeMap<Likeness, u64>,
}

/// Digests a list, so that a person can agree to exactly this one.
pub fn digest(duplicates: &[Duplicate]) -> Digest {
    let mut hasher = Hasher::new();
    for one in duplicates {
        let mut put = |part: &str| hasher.update(format!("{}:{part}", part.len()).as_bytes());
        put(one.folder.mailbox.as_str());
        put(&one.folder.folder.to_string());
        put(&format!("{} {}", one.validity, one.extra.uid));
        put(&one.extra.digest.to_string());
    }
    hasher.finish()
}

/// Looks through every folder of a mailbox that was copied into. Changes nothing, but takes up
/// a removal that was cut off.
pub async fn find(
    accounts: &Accounts,
    desk: &Desk,
    mailbox: &DesiredMailbox,
    compare: Option<Compare>,
    hands: Hands,
) -> Result<Found> {
    let source = mailbox.source.clone();
    let address = source.clone();
    let known = desk.ledger(move |ledger| ledger.source_folders(&address)).await?;
    let mut folders = BTreeSet::new();
    for (folder, _) in known {
        let key = FolderKey { mailbox: source.clone(), folder };
        folders.extend(desk.ledger(move |ledger| ledger.binding(&key)).await?);
    }
    if folders.is_empty() {
        return Ok(Found::default());
    }
    let look = async || {
        let mut found = Found::default();
        let line = lines::destination(accounts, mailbox).await?;
        removal::take_up(desk, mailbox, &line, hands).await?;
        let compare = Compare::of(compare, line.target(accounts).profile.rewrites);
        for folder in &folders {
            in_folder(desk, &line, compare, folder, &mut found).await?;
        }
        Ok(found)
    };
    again::until_done(desk, look).await.map_err(Stop::into_error)
}

async fn in_folder(
    desk: &Desk,
    line: &Line<Connection>,
    compare: Compare,
    to: &FolderKey,
    found: &mut Found,
) -> Result<(), Stop> {
    let object = Object::folder("destination", &to.mailbox, &to.folder);
    let failed = |error: ImapError| Stop::from_imap(&error, &object);
    let Some(name) = line.name(&to.folder)? else { return Ok(()) };
    let connection = &line.connection;
    let selected = connection.examine(name).await.map_err(failed)?;
    let validity = selected.uid_validity;
    let Some(lowest) = extras::lowest(desk, to, validity).await? else { return Ok(()) };
    let canonical = compare == Compare::Canonical;
    let taken = &BTreeSet::new();
    let search = Search { desk, connection, to, validity, lowest, taken, canonical };
    let extras = search.run().await?;
    if extras.is_empty() {
        return Ok(());
    }
    let key = to.clone();
    let open = desk.ledger(move |ledger| ledger.checkpoint(&key)).await?;
    let open = open.is_some_and(|checkpoint| checkpoint.open);
    // What others delivered at another time stays anyway.
    let dated: Vec<&Extra> = extras.iter().filter(|extra| extra.same_date != Some(false)).collect();
    let displaced = Displaced::look(desk, line, &to.mailbox, &dated, canonical).await?;
    let mut ours = Vec::new();
    for extra in extras {
        let may_be_wanted = displaced.may_be_wanted(&extra, canonical);
        let extra = Extra { may_be_wanted: extra.may_be_wanted || may_be_wanted, ..extra };
        let may_be = displaced.of(&extra, canonical);
        let one = Duplicate { folder: to.clone(), validity, extra };
        // Where only what it says is equal, a date alone does not tell that it was moved.
        if may_be > 0 && one.extra.said.is_none() && one.extra.same_date != Some(false) {
            let spent = found.spent.entry(Likeness::of(&one.extra, canonical)).or_default();
            if *spent < may_be {
                *spent += 1;
                found.moved.push((one, DISPLACED.to_owned()));
                continue;
            }
        }
        let reason = if open {
            Some("an apply was cut off in this folder; run `mailferry apply` to its end first")
        } else if !connection.has("UIDPLUS") {
            Some(
                "the server lacks UIDPLUS, so that nothing can be removed without removing what others marked; delete it with a mail program",
            )
        } else {
            why_not(&one).or((may_be > 0).then_some(DISPLACED))
        };
        match reason {
            Some(reason) => found.left.push((one, reason.to_owned())),
            None => ours.push(one),
        }
    }
    if ours.is_empty() {
        return Ok(());
    }
    let selected = connection.examine(name).await.map_err(failed)?;
    same_validity(&object, validity, selected.uid_validity)?;
    for some in ours.chunks(BATCH) {
        desk.go_on()?;
        let extras: Vec<&Extra> = some.iter().map(|one| &one.extra).collect();
        let there = extras::are_there(connection, &extras).await.map_err(failed)?;
        for one in some {
            if there.contains(&one.extra.uid) {
                found.removable.push(one.clone());
            } else {
                let reason = "not all messages that it is a copy of are there: it may be the last";
                found.left.push((one.clone(), reason.to_owned()));
            }
        }
    }
    Ok(())
}

const DISPLACED: &str =
    "a message of ours that is equal to it is not where it was copied to, and this may be it";

/// Tells why a message is not surely an extra copy of ours that nobody touched.
fn why_not(one: &Duplicate) -> Option<&'static str> {
    let extra = &one.extra;
    let marked = extra.flags.iter().any(|flag| flag.eq_ignore_ascii_case("\\Deleted"));
    if extra.same_date != Some(true) {
        Some("its date is another one or none: somebody else may have delivered it")
    } else if extra.may_be_wanted {
        Some(
            "a message of this size or date is still to be copied, and this may be it; apply first",
        )
    } else if extra.twins.is_empty() {
        Some("nobody knows where the message is that it is a copy of")
    } else if marked {
        Some("its user marked it as deleted")
    } else if !extra.twins.values().any(|stored| *stored == extra.flags) {
        Some("its flags were changed, so that somebody uses it")
    } else {
        None
    }
}

/// Removes copies, a folder at a time, and returns how many are gone. Everything is looked at again
/// right before; what changed since stays and is told.
pub async fn remove(
    accounts: &Accounts,
    desk: &Desk,
    mailbox: &DesiredMailbox,
    agreed: &[Duplicate],
    compare: Option<Compare>,
) -> Result<(u64, Found)> {
    let mut by_folder: BTreeMap<&FolderKey, BTreeSet<Uid>> = BTreeMap::new();
    for one in agreed {
        by_folder.entry(&one.folder).or_default().insert(one.extra.uid);
    }
    let (mut removed, mut done, mut since) = (0, BTreeSet::new(), Found::default());
    let round = async || {
        let line = lines::destination(accounts, mailbox).await?;
        // What a batch that was cut off took away.
        let taken = removal::take_up(desk, mailbox, &line, Hands::Free).await?;
        removed +=
            taken.filter(|taken| taken.purpose == Purpose::Extra).map_or(0, |taken| taken.gone);
        let compare = Compare::of(compare, line.target(accounts).profile.rewrites);
        for (folder, uids) in &by_folder {
            if done.contains(folder) {
                continue;
            }
            let mut now = Found::default();
            in_folder(desk, &line, compare, folder, &mut now).await?;
            now.removable.retain(|one| uids.contains(&one.extra.uid));
            now.left.append(&mut now.moved);
            now.left.retain(|(one, _)| uids.contains(&one.extra.uid));
            let same = |one: &&Duplicate| {
                agreed.iter().any(|given| {
                    given.folder == one.folder
                        && given.validity == one.validity
                        && given.extra.uid == one.extra.uid
                        && given.extra.digest == one.extra.digest
                })
            };
            let gone: Vec<&Duplicate> = now.removable.iter().filter(same).collect();
            expunge(desk, &line, mailbox, folder, &gone, &mut removed).await?;
            since.left.append(&mut now.left);
            done.insert(*folder);
        }
        Ok(())
    };
    again::until_done(desk, round).await.map_err(Stop::into_error)?;
    Ok((removed, since))
}

async fn expunge(
    desk: &Desk,
    line: &Line<Connection>,
    mailbox: &DesiredMailbox,
    folder: &FolderKey,
    extra: &[&Duplicate],
    removed: &mut u64,
) -> Result<(), Stop> {
    for some in extra.chunks(BATCH) {
        let Some(first) = some.first() else { break };
        let own = |one: &&Duplicate| Own {
            at: one.extra.uid,
            source: None,
            size: one.extra.size,
            flags: one.extra.flags.clone(),
        };
        let batch = Batch {
            purpose: Purpose::Extra,
            folder: &folder.folder,
            uid_validity: first.validity,
            of: None,
            messages: some.iter().map(own).collect(),
        };
        *removed += removal::remove(desk, mailbox, line, batch).await?.gone.len() as u64;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::flags::Flags;

    fn duplicate(change: impl FnOnce(&mut Extra)) -> Duplicate {
        let seen = Flags::from_words(["\\Seen"]);
        let mut extra = Extra {
            uid: Uid(9),
            size: 10,
            date: String::new(),
            second: None,
            digest: Digest([1; 32]),
            said: None,
            sent: BTreeSet::from([Digest([1; 32])]),
            flags: seen.clone(),
            same_date: Some(true),
            twins: BTreeMap::from([(Uid(3), seen)]),
            may_be_wanted: false,
        };
        change(&mut extra);
        let folder = FolderKey {
            mailbox: "ada@acme.example".parse().unwrap(),
            folder: "INBOX".parse().unwrap(),
        };
        Duplicate { folder, validity: UidValidity(1), extra }
    }

    #[test]
    fn only_what_is_surely_ours_and_untouched_is_removed() {
        assert_eq!(why_not(&duplicate(|_| {})), None);
        let changes: [fn(&mut Extra); 5] = [
            |extra| extra.same_date = None,
            |extra| extra.may_be_wanted = true,
            |extra| extra.twins.clear(),
            |extra| extra.flags = Flags::from_words(["\\Seen", "\\Flagged"]),
            |extra| extra.flags = Flags::from_words(["\\Seen", "\\Deleted"]),
        ];
        for change in changes {
            assert!(why_not(&duplicate(change)).is_some());
        }
    }

    #[test]
    fn an_agreement_is_to_one_list() {
        let one = duplicate(|_| {});
        let other = duplicate(|extra| extra.uid = Uid(10));
        let both = [one, other];
        assert_ne!(digest(&both[..1]), digest(&both[1..]));
        assert_ne!(digest(&both[..1]), digest(&both));
    }
}
