//! Verifies the source folders that go into one destination folder.

use crate::catalogue::Object;
use crate::copy::bodies::Read;
use crate::copy::desk::Desk;
use crate::copy::folder::{gone, same_validity};
use crate::copy::inventory;
use crate::copy::lines::Line;
use crate::copy::reasons;
use crate::copy::stop::Stop;
use crate::desired::DesiredMailbox;
use crate::imap::{Connection, FetchRow, ImapError, Selected, SourceConnection};
use crate::message::canonical::Canonical;
use crate::model::digest::Digest;
use crate::model::folder::{FolderPath, RawName};
use crate::model::internal_date::KEPT_FROM;
use crate::model::uid::{Uid, UidValidity};
use crate::ports::ledger::{Copied, FolderKey, Ledger, MessageRow, MessageState};
use crate::verify::astray::{Astray, There};
use crate::verify::checks::{Findings, count, is_copied, not_begun};
use crate::verify::exception::Fate;
use crate::verify::mailbox::Source;
use crate::verify::marks;
use crate::verify::read::{self, PAGE};
use crate::verify::refusals::Refusals;
use crate::verify::sample::Draw;
use crate::verify::stands::Stands;
use crate::verify::walk::{Pages, Walk};
use std::collections::{BTreeMap, BTreeSet};

/// The proof of one destination folder.
pub(super) struct FolderProof<'a> {
    pub(super) desk: &'a Desk,
    pub(super) mailbox: &'a DesiredMailbox,
    pub(super) source: &'a Line<SourceConnection>,
    pub(super) destination: &'a Line<Connection>,
    pub(super) to: &'a FolderPath,
    pub(super) sources: Vec<Source<'a>>,
    pub(super) draw: &'a Draw,
    /// The destination rewrites messages: what they say is compared where the octets differ.
    pub(super) canonical: bool,
}

/// One page of copied messages, as far as it was listed and read.
#[derive(Default)]
struct Page {
    rows: Vec<MessageRow>,
    now: BTreeMap<Uid, FetchRow>,
    theirs: BTreeMap<Uid, FetchRow>,
    ours_read: BTreeMap<Uid, Read>,
    theirs_read: BTreeMap<Uid, Read>,
    /// Source UIDs of messages whose bodies count.
    wanted: BTreeSet<Uid>,
    /// Why a body was not given, by source UID and by destination UID.
    refused: (BTreeMap<Uid, String>, BTreeMap<Uid, String>),
}

impl FolderProof<'_> {
    fn object(&self) -> Object {
        Object::folder("destination", &self.mailbox.destination, self.to)
    }

    pub(super) fn to_failed(&self) -> impl Fn(ImapError) -> Stop {
        let object = self.object();
        move |error| Stop::from_imap(&error, &object)
    }

    /// Goes on with a walk, or begins one, to its end. When it stops, what is done is in the walk,
    /// and everything else is done again over the next connections.
    pub(super) async fn run(
        &self,
        walk: &mut Option<Walk>,
        stands: &mut Stands,
    ) -> Result<(), Stop> {
        let name = self.destination.name(self.to)?.ok_or_else(|| gone(&self.object()))?;
        let selected = self.destination.connection.examine(name).await.map_err(self.to_failed())?;
        let walk = match walk {
            Some(walk) => {
                same_validity(&self.object(), walk.there.validity, selected.uid_validity)?;
                walk
            }
            None => walk.insert(Walk::new(name.clone(), selected.uid_validity)),
        };
        while let Some((path, entry)) = self.sources.get(walk.done.len()) {
            self.one(path, &entry.name, walk).await?;
        }
        self.look_here(walk, stands).await?;
        if walk.beyond.is_none() {
            walk.beyond = Some(self.beyond(&walk.there, stands).await?);
        }
        // The ledger knows those, and nothing here is compared any more.
        walk.there.taken.clear();
        Ok(())
    }

    fn key(&self, path: &FolderPath) -> FolderKey {
        FolderKey { mailbox: self.mailbox.source.clone(), folder: path.clone() }
    }

    /// Lists one source folder, completely.
    async fn list(
        &self,
        path: &FolderPath,
        name: &RawName,
        selected: &Selected,
        object: &Object,
    ) -> Result<Pages, Stop> {
        let mut uids: Vec<Uid> = Vec::new();
        let mut other_dates: BTreeSet<Uid> = BTreeSet::new();
        inventory::walk(&self.source.connection, name, selected, object, |page| {
            uids.extend(page.iter().map(|listed| listed.uid));
            let range = &self.mailbox.messages.range;
            let others = page.iter().filter(|row| !range.holds(row.internal_date.as_ref()));
            other_dates.extend(others.map(|listed| listed.uid));
            std::future::ready(Ok(()))
        })
        .await?;
        uids.sort_unstable();
        uids.dedup();
        let mut found = Findings::new(path.clone(), selected.uid_validity);
        // What came after the folder was opened belongs to the next verification.
        let all = uids.len();
        uids.retain(|uid| *uid < selected.uid_next);
        found.account.came_meanwhile = (all - uids.len()) as u64;
        found.account.listed = uids.len() as u64;
        found.account.ever_listed = found.account.listed;
        self.gone(&uids, &mut found).await?;
        Ok(Pages { uids, other_dates, next: 0, found, refused: Default::default() })
    }

    /// Goes through one source folder, a page at a time.
    async fn one(&self, path: &FolderPath, name: &RawName, walk: &mut Walk) -> Result<(), Stop> {
        let object = Object::folder("source", &self.mailbox.source, path);
        let failed = |error: ImapError| Stop::from_imap(&error, &object);
        let selected = self.source.connection.examine(name).await.map_err(failed)?;
        let pages = match &mut walk.pages {
            Some(pages) => pages,
            None => walk.pages.insert(self.list(path, name, &selected, &object).await?),
        };
        same_validity(&object, pages.found.validity, selected.uid_validity)?;
        let Pages { uids, other_dates, next, found, refused } = pages;
        while let Some(page) = uids.get(*next..).and_then(|rest| rest.chunks(PAGE).next()) {
            self.desk.go_on()?;
            let rows = self.rows(path, found.validity, page).await?;
            let listed = page.iter().filter_map(|uid| rows.get(uid));
            let copied: Vec<MessageRow> = listed.filter(|row| is_copied(row)).cloned().collect();
            // Nothing is counted before all of it was read: after a lost connection it is read again.
            let known = refused.0.known() + refused.1.known();
            let read = self.page(copied, found, &walk.there, refused).await;
            if read.is_err() && refused.0.known() + refused.1.known() > known {
                walk.steps += 1;
            }
            let read = read.map_err(|stop| match stop {
                Side::Source(error) => failed(error),
                Side::Destination(error) => self.to_failed()(error),
            })?;
            refused.0.next_page();
            refused.1.next_page();
            for &uid in page {
                match rows.get(&uid) {
                    row if other_dates.contains(&uid) && not_begun(row) => {
                        found.account.excluded += 1;
                    }
                    Some(row) => found.sort(row),
                    None => found.pending(uid),
                }
            }
            let index = walk.done.len();
            self.compare(index, read, &mut walk.there, &mut walk.astray, found).await?;
            *next += page.len();
            walk.steps += 1;
        }
        walk.steps += 1;
        walk.done.extend(walk.pages.take().map(|pages| pages.found));
        Ok(())
    }

    /// Counts what an earlier listing had and this complete one lacks.
    async fn gone(&self, uids: &[Uid], found: &mut Findings) -> Result<(), Stop> {
        let key = self.key(&found.path);
        let mut from = Uid(1);
        while let Some(rows) = self.desk.page(&key, found.validity, &mut from).await? {
            self.desk.go_on()?;
            for row in rows.iter().filter(|row| uids.binary_search(&row.listed.uid).is_err()) {
                found.account.ever_listed += 1;
                if row.state == MessageState::Removed {
                    found.account.deleted_by_policy += 1;
                } else {
                    found.account.vanished += 1;
                }
            }
        }
        Ok(())
    }

    async fn rows(
        &self,
        path: &FolderPath,
        validity: UidValidity,
        page: &[Uid],
    ) -> Result<BTreeMap<Uid, MessageRow>, Stop> {
        let (Some(&first), Some(&last)) = (page.first(), page.last()) else {
            return Ok(BTreeMap::new());
        };
        let mut rows = BTreeMap::new();
        let mut next = Some(first);
        while let Some(from) = next.filter(|from| *from <= last) {
            let key = self.key(path);
            let read =
                self.desk.ledger(move |ledger| ledger.rows(&key, validity, from, PAGE)).await?;
            next = read.last().and_then(|row| row.listed.uid.behind());
            rows.extend(
                read.into_iter()
                    .filter(|row| row.listed.uid <= last)
                    .map(|row| (row.listed.uid, row)),
            );
        }
        Ok(rows)
    }

    /// Lists both sides of a page, and reads the bodies that count: those that were drawn, and
    /// besides them all that were transformed, found instead of sent, moved, look different, or were
    /// found off by an earlier verification.
    async fn page(
        &self,
        rows: Vec<MessageRow>,
        found: &Findings,
        there: &There,
        refused: &mut (Refusals, Refusals),
    ) -> Result<Page, Side> {
        if rows.is_empty() {
            return Ok(Page::default());
        }
        let key_fields = !self.draw.is_all();
        let uids: Vec<Uid> = rows.iter().map(|row| row.listed.uid).collect();
        let now = read::source_rows(&self.source.connection, &uids, key_fields)
            .await
            .map_err(Side::Source)?;
        let at: Vec<Uid> =
            rows.iter().filter_map(|row| there.place(row.copied.as_ref()?)).collect();
        let connection = &self.destination.connection;
        let theirs =
            read::destination_rows(connection, &at, key_fields).await.map_err(Side::Destination)?;
        let mut wanted = BTreeSet::new();
        let mut by_transforms: BTreeMap<Vec<String>, Vec<Uid>> = BTreeMap::new();
        let mut wanted_there = Vec::new();
        for row in &rows {
            let Some(copied) = &row.copied else { continue };
            let uid = row.listed.uid;
            let place = there.place(copied).and_then(|at| theirs.get(&at));
            let drawn = self.draw.has(&found.path, found.validity, uid);
            if drawn || row.doubted || self.is_particular(copied, now.get(&uid), place) {
                wanted.insert(uid);
                by_transforms.entry(copied.transforms.clone()).or_default().push(uid);
                wanted_there.extend(place.map(|row| row.uid));
            }
        }
        let (ours, others) = refused;
        let source = &self.source.connection;
        let ours_read = read::source_bodies(source, by_transforms, self.canonical, ours)
            .await
            .map_err(Side::Source)?;
        let theirs_read =
            read::destination_bodies_given(connection, &wanted_there, self.canonical, others)
                .await
                .map_err(Side::Destination)?;
        let why = |refused: &Refusals, uids: &mut dyn Iterator<Item = Uid>| {
            uids.filter_map(|uid| Some((uid, refused.of(uid)?.to_owned()))).collect()
        };
        let refused = (
            why(ours, &mut wanted.iter().copied()),
            why(others, &mut wanted_there.iter().copied()),
        );
        Ok(Page { rows, now, theirs, ours_read, theirs_read, wanted, refused })
    }

    /// Tells whether a message is read whether or not it was drawn.
    fn is_particular(
        &self,
        copied: &Copied,
        here: Option<&FetchRow>,
        there: Option<&FetchRow>,
    ) -> bool {
        let Some(there) = there else { return true };
        let fields = |row: &FetchRow| row.headers.as_deref().map(Canonical::of);
        copied.adopted
            || copied.found
            || copied.elsewhere.is_some()
            || !copied.transforms.is_empty()
            // A server that rewrites tells another size for every message.
            || (!self.canonical && there.size != Some(copied.size))
            || here.and_then(fields) != fields(there)
    }

    /// Compares one page of copied messages.
    async fn compare(
        &self,
        index: usize,
        page: Page,
        there: &mut There,
        astray: &mut Vec<Astray>,
        found: &mut Findings,
    ) -> Result<(), Stop> {
        let compared = page.rows.len() as u64;
        let mut proven = Vec::new();
        let (mut off, mut well) = (Vec::new(), Vec::new());
        for row in &page.rows {
            let uid = row.listed.uid;
            let read = page.wanted.contains(&uid);
            let body = page.ours_read.get(&uid);
            let Some(copied) = row.copied.as_ref().filter(|_| !read || body.is_some()) else {
                let reason = match page.refused.0.get(&uid) {
                    Some(words) => reasons::unreadable(words),
                    None => "no-body: the source gave no content".to_owned(),
                };
                found.body_off(row, Fate::Unread, &reason, AGAIN);
                off.push(uid);
                continue;
            };
            let place = there.place(copied);
            let listed = place.and_then(|at| page.theirs.get(&at));
            let drawn = self.draw.has(&found.path, found.validity, uid);
            found.besides += u64::from(read && !drawn);
            let Some(listed) = listed else {
                astray.push(Astray::new(index, row.clone(), body, drawn));
                continue;
            };
            let equal = match (body, page.theirs_read.get(&listed.uid)) {
                (Some(body), Some(theirs)) => Some(self.equal(copied, body, theirs)),
                (Some(_), None) => {
                    // It was listed a moment ago: that it is missing would be said too soon.
                    there.taken.insert(listed.uid);
                    let at = listed.uid;
                    let words = page.refused.1.get(&at).map(|words| format!(": {words}"));
                    let reason = format!(
                        "no-content: the destination lists it as UID {at} and gives no content for it{}",
                        words.unwrap_or_default()
                    );
                    found.body_off(row, Fate::Unread, &reason, NO_CONTENT);
                    off.push(uid);
                    continue;
                }
                (None, _) => None,
            };
            there.taken.insert(listed.uid);
            if equal == Some(Equal::No) {
                // A UID never means another message: the server stores other octets.
                let reason = format!(
                    "changed: {} octets were sent, the destination keeps others as UID {}",
                    copied.size, listed.uid
                );
                found.body_off(row, Fate::Changed, &reason, CHANGED);
                off.push(uid);
                continue;
            }
            there.own(copied, listed.uid);
            count(&mut found.account, copied);
            let clock = self.desk.clock.now();
            let before = found.checks.dates.count;
            let fine = marks::compare(row, copied, listed, page.now.get(&uid), clock, found);
            // A date before 1971 or in the future is kept by no server, and says nothing of others.
            let usual = copied.internal_date.as_ref().is_some_and(|date| {
                let sent = date.instant();
                sent.as_second() >= KEPT_FROM && sent <= clock
            });
            there.dates_lost |= usual && found.checks.dates.count > before;
            let Some(equal) = equal else {
                found.account.listed_only += 1;
                continue;
            };
            found.account.bodies_equal += u64::from(equal == Equal::Octets);
            found.account.equal_under_profile += u64::from(equal == Equal::Profile);
            found.changed_on_its_way(copied);
            found.drawn_equal += u64::from(drawn);
            if row.doubted {
                well.push(uid);
            }
            if fine {
                proven.push(uid);
            }
        }
        self.doubt(found, off, true).await?;
        self.doubt(found, well, false).await?;
        self.prove(found, proven).await?;
        self.desk.progress.add(&found.path, compared, 0, false);
        Ok(())
    }

    /// Records copies that are off, which every later sample reads again, or that are well again.
    pub(super) async fn doubt(
        &self,
        found: &Findings,
        uids: Vec<Uid>,
        doubted: bool,
    ) -> Result<(), Stop> {
        if uids.is_empty() {
            return Ok(());
        }
        let (key, validity) = (self.key(&found.path), found.validity);
        let call = move |ledger: &dyn Ledger| ledger.doubt(&key, validity, &uids, doubted);
        Ok(self.desk.ledger(call).await?)
    }

    /// Records what was proven in place, and when.
    async fn prove(&self, found: &Findings, uids: Vec<Uid>) -> Result<(), Stop> {
        if uids.is_empty() {
            return Ok(());
        }
        let (key, validity, now) = (self.key(&found.path), found.validity, self.desk.clock.now());
        Ok(self.desk.ledger(move |ledger| ledger.prove(&key, validity, &uids, now)).await?)
    }

    fn equal(&self, copied: &Copied, ours: &Read, theirs: &Read) -> Equal {
        if theirs.digest == sent(copied, ours) {
            Equal::Octets
        } else if self.canonical && ours.canonical.is_some() && ours.canonical == theirs.canonical {
            Equal::Profile
        } else {
            Equal::No
        }
    }
}

/// The digest of what was sent, by what the source holds now.
pub(super) fn sent(copied: &Copied, ours: &Read) -> Digest {
    if copied.transforms.is_empty() { ours.digest } else { ours.sent_digest }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Equal {
    Octets,
    /// Under the assumed profile.
    Profile,
    No,
}

/// Which side a command failed on.
enum Side {
    Source(ImapError),
    Destination(ImapError),
}

const AGAIN: &str = "Verify again; when the source still gives nothing, open the message there.";
pub(super) const CHANGED: &str = "Compare the two messages. A destination that rewrites every message needs `checks: { compare: canonical }`.";
pub(super) const NO_CONTENT: &str = "Verify again; when the destination still gives nothing, open the message there, and copy it by hand from the source when it cannot be read.";
