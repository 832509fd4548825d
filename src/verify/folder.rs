//! Verifies the source folders that go into one destination folder.

use crate::catalogue::Object;
use crate::copy::bodies::{Digester, Read};
use crate::copy::desk::Desk;
use crate::copy::inventory;
use crate::copy::lines::Line;
use crate::copy::stop::Stop;
use crate::desired::DesiredMailbox;
use crate::imap::{Connection, FetchRow, ImapError, RowQuery, SequenceSet, SourceConnection};
use crate::message::transform::Transform;
use crate::model::folder::{FolderPath, RawName};
use crate::model::uid::{Uid, UidValidity};
use crate::ports::ledger::{FolderKey, MessageRow, MessageState};
use crate::verify::astray::{Astray, There, second};
use crate::verify::checks::{Checks, count, pending, same_date, same_flags, sort};
use crate::verify::evidence::{Account, FolderEvidence};
use crate::verify::mailbox::Source;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Messages that are compared together: their rows and digests are in memory at once.
pub(super) const PAGE: usize = 500;

/// The proof of one destination folder.
pub(super) struct FolderProof<'a> {
    pub(super) desk: &'a Desk,
    pub(super) mailbox: &'a DesiredMailbox,
    pub(super) source: &'a Line<SourceConnection>,
    pub(super) destination: &'a Line<Connection>,
    pub(super) to: &'a FolderPath,
    pub(super) sources: Vec<Source<'a>>,
}

impl FolderProof<'_> {
    fn to_object(&self) -> Object {
        Object::folder("destination", &self.mailbox.destination, self.to)
    }

    pub(super) fn to_failed(&self) -> impl Fn(ImapError) -> Stop {
        let object = self.to_object();
        move |error| Stop::from_imap(&error, &object)
    }

    pub(super) async fn run(&self) -> Result<Vec<FolderEvidence>, Stop> {
        let Some(name) = self.destination.name(self.to).cloned() else { return Ok(Vec::new()) };
        let selected =
            self.destination.connection.examine(&name).await.map_err(self.to_failed())?;
        let mut there = There {
            name,
            validity: selected.uid_validity,
            taken: BTreeSet::new(),
            digests: HashMap::new(),
            dates_lost: false,
            lowest: None,
        };
        let mut folders = Vec::new();
        let mut astray = Vec::new();
        for (index, (path, entry)) in self.sources.iter().enumerate() {
            let (account, checks) =
                self.one(index, path, &entry.name, &mut there, &mut astray).await?;
            folders.push((path, account, checks));
        }
        self.look_for(&mut astray, &mut there, &mut folders).await?;
        let extra = self.extra_copies(&there).await?;
        let mut evidence: Vec<FolderEvidence> = folders
            .into_iter()
            .map(|(path, account, mut checks)| {
                if account.listed != account.accounted() {
                    checks.settled.broken(format!(
                        "{} listed, {} accounted for",
                        account.listed,
                        account.accounted()
                    ));
                }
                FolderEvidence {
                    source: (*path).clone(),
                    destination: Some(self.to.clone()),
                    account,
                    checks: checks.into_list(),
                }
            })
            .collect();
        if let Some(first) = evidence.first_mut() {
            first.checks.push(extra);
        }
        Ok(evidence)
    }

    /// Goes through one source folder, a page at a time.
    async fn one(
        &self,
        index: usize,
        path: &FolderPath,
        name: &RawName,
        there: &mut There,
        astray: &mut Vec<Astray>,
    ) -> Result<(Account, Checks), Stop> {
        let object = Object::folder("source", &self.mailbox.source, path);
        let failed = |error: ImapError| Stop::from_imap(&error, &object);
        let key = FolderKey { mailbox: self.mailbox.source.clone(), folder: path.clone() };
        let connection = &self.source.connection;
        let selected = connection.examine(name).await.map_err(failed)?;
        let mut uids: Vec<Uid> = Vec::new();
        inventory::walk(connection, name, &selected, &object, |page| {
            uids.extend(page.iter().map(|listed| listed.uid));
            std::future::ready(Ok(()))
        })
        .await?;
        uids.sort_unstable();
        uids.dedup();
        let mut account = Account { listed: uids.len() as u64, ..Account::default() };
        let mut checks = Checks::new();
        account.vanished = self.vanished(&key).await?;
        for page in uids.chunks(PAGE) {
            self.desk.go_on()?;
            let rows = self.rows(&key, selected.uid_validity, page).await?;
            let mut copied = Vec::new();
            for &uid in page {
                match rows.get(&uid) {
                    Some(row) => sort(row, &mut account, &mut checks, &mut copied),
                    None => pending(uid, &mut account, &mut checks),
                }
            }
            self.compare(
                index,
                &key,
                selected.uid_validity,
                copied,
                there,
                astray,
                &mut account,
                &mut checks,
                &object,
            )
            .await?;
        }
        Ok((account, checks))
    }

    async fn vanished(&self, key: &FolderKey) -> Result<u64, Stop> {
        let tallies = self.desk.ledger(|ledger| ledger.tallies()).await?;
        Ok(tallies.get(key).map_or(0, |tally| tally.vanished))
    }

    async fn rows(
        &self,
        key: &FolderKey,
        validity: UidValidity,
        page: &[Uid],
    ) -> Result<BTreeMap<Uid, MessageRow>, Stop> {
        let (Some(&first), Some(&last)) = (page.first(), page.last()) else {
            return Ok(BTreeMap::new());
        };
        let mut rows = BTreeMap::new();
        let mut from = first;
        while from <= last {
            let key = key.clone();
            let read =
                self.desk.ledger(move |ledger| ledger.rows(&key, validity, from, PAGE)).await?;
            let Some(end) = read.last().map(|row| row.listed.uid) else { break };
            rows.extend(
                read.into_iter()
                    .filter(|row| row.listed.uid <= last)
                    .map(|row| (row.listed.uid, row)),
            );
            from = Uid(end.0.saturating_add(1));
        }
        Ok(rows)
    }

    /// Compares one page of copied messages: bodies, flags and dates of both sides.
    #[allow(clippy::too_many_arguments, reason = "the state of one page, passed on whole")]
    async fn compare(
        &self,
        index: usize,
        key: &FolderKey,
        validity: UidValidity,
        rows: Vec<MessageRow>,
        there: &mut There,
        astray: &mut Vec<Astray>,
        account: &mut Account,
        checks: &mut Checks,
        object: &Object,
    ) -> Result<(), Stop> {
        if rows.is_empty() {
            return Ok(());
        }
        let failed = |error: ImapError| Stop::from_imap(&error, object);
        let uids: Vec<Uid> = rows.iter().map(|row| row.listed.uid).collect();
        let now = source_rows(&self.source.connection, &uids).await.map_err(failed)?;
        let bodies = self
            .source
            .connection
            .fetch_bodies(&SequenceSet::from_uids(uids.iter().copied()))
            .await
            .map_err(failed)?;
        let read = digests(bodies, &Transform::ALL).await.map_err(failed)?;
        let at: Vec<Uid> = rows
            .iter()
            .filter_map(|row| row.copied.as_ref().filter(|copied| copied.elsewhere.is_none()))
            .filter_map(|copied| copied.destination)
            .filter(|(at, _)| *at == there.validity)
            .map(|(_, uid)| uid)
            .collect();
        let (theirs, their_bodies) = self.there(&at).await?;
        let compared = rows.len() as u64;
        let mut proven = Vec::new();
        for row in rows {
            let uid = row.listed.uid;
            let (Some(copied), Some(body)) = (row.copied.clone(), read.get(&uid)) else {
                account.unread += 1;
                checks.bodies.broken(format!("UID {uid}: the source gave no body"));
                continue;
            };
            let digest = if copied.transforms.is_empty() { body.digest } else { body.sent_digest };
            let dates = there.digests.entry(digest).or_default();
            let place = copied
                .destination
                .filter(|(at, _)| *at == there.validity && copied.elsewhere.is_none());
            let found =
                place.and_then(|(_, at)| Some((at, theirs.get(&at)?, their_bodies.get(&at)?)));
            if let Some((at, _, theirs)) = found.filter(|(_, _, theirs)| theirs.digest != digest) {
                // A UID never means another message: the server stores other octets.
                there.taken.insert(at);
                account.changed += 1;
                checks.bodies.broken(format!(
                    "source UID {uid}: {} octets were sent, the destination keeps {} others as UID {at}",
                    copied.size, theirs.sent_size
                ));
            } else if let Some((at, listed, _)) = found {
                there.taken.insert(at);
                dates.extend(second(listed));
                if !copied.adopted {
                    there.lowest = Some(there.lowest.map_or(at, |lowest| lowest.min(at)));
                }
                count(account, &copied);
                let fine = same_flags(&row, &copied, listed, now.get(&uid), &mut checks.flags)
                    & same_date(&row, &copied, listed, self.desk.clock.now(), &mut checks.dates);
                there.dates_lost |= checks.dates.count > 0;
                if fine && row.state != MessageState::Verified {
                    proven.push((uid, MessageState::Verified, Some(copied)));
                }
            } else {
                let size = body.sent_size;
                astray.push(Astray { folder: index, row, digest, size });
            }
        }
        if !proven.is_empty() {
            let key = key.clone();
            self.desk.ledger(move |ledger| ledger.settle(&key, validity, &proven)).await?;
        }
        self.desk.progress.add(&key.folder, compared, 0, false);
        Ok(())
    }

    /// Lists and reads messages of the destination folder.
    async fn there(
        &self,
        uids: &[Uid],
    ) -> Result<(BTreeMap<Uid, FetchRow>, BTreeMap<Uid, Read>), Stop> {
        if uids.is_empty() {
            return Ok((BTreeMap::new(), BTreeMap::new()));
        }
        let set = SequenceSet::from_uids(uids.iter().copied());
        let connection = &self.destination.connection;
        let rows = connection.fetch_rows(&set, query()).await.map_err(self.to_failed())?;
        let rows = collect(rows).await.map_err(self.to_failed())?;
        let bodies = connection.fetch_bodies(&set).await.map_err(self.to_failed())?;
        let read = digests(bodies, &[]).await.map_err(self.to_failed())?;
        Ok((rows, read))
    }
}

pub(super) fn query() -> RowQuery {
    RowQuery {
        flags: true,
        internal_date: true,
        size: true,
        modseq: false,
        header_fields: Vec::new(),
    }
}

pub(super) async fn collect(
    mut rows: crate::imap::Rows,
) -> Result<BTreeMap<Uid, FetchRow>, ImapError> {
    let mut collected = BTreeMap::new();
    while let Some(row) = rows.next().await? {
        collected.insert(row.uid, row);
    }
    Ok(collected)
}

async fn source_rows(
    connection: &SourceConnection,
    uids: &[Uid],
) -> Result<BTreeMap<Uid, FetchRow>, ImapError> {
    let query = RowQuery { internal_date: false, size: false, ..query() };
    collect(connection.fetch_rows(&SequenceSet::from_uids(uids.iter().copied()), query).await?)
        .await
}

pub(super) async fn digests(
    bodies: crate::imap::Bodies,
    transforms: &[Transform],
) -> Result<BTreeMap<Uid, Read>, ImapError> {
    let mut digester = Digester::new(bodies, transforms);
    let mut read = BTreeMap::new();
    while let Some(body) = digester.next().await? {
        read.insert(body.uid, body);
    }
    Ok(read)
}
