//! Looks at both sides and at DNS, and compares the source with the ledger. It writes nothing.

mod count;
mod deleted;
mod patience;

use crate::accounts::Accounts;
use crate::blocking;
use crate::catalogue::{self, Object};
use crate::copy::inventory::{self, Listing};
use crate::copy::lines::{self, Line};
use crate::copy::nonexistent::is_nonexistent;
use crate::copy::stop::Stop;
use crate::desired::{self, Deletions, Desired, DesiredMailbox, DesiredZone, Mapped};
use crate::error::{Class, Error, ErrorKind, Result};
use crate::executor::event::{Event, Listener};
use crate::imap::{Connection, ImapError, ListEntry, Selected, SourceConnection};
use crate::model::address::{Address, Domain};
use crate::model::flags::PermanentFlags;
use crate::model::folder::FolderPath;
use crate::model::reading::{Failure, Reading};
use crate::model::shape::Shape;
use crate::model::uid::UidValidity;
use crate::observed::{FolderContents, FolderState, MailboxState, Observed, Quota};
use crate::planner::census::{Census, LedgerSummary};
use crate::planner::moves;
use crate::ports::directory::Directory;
use crate::ports::dns::{DnsView, ZoneQuestion};
use crate::ports::ledger::{FolderKey, Ledger};
use crate::profile::target::Target;
use crate::removal::{self, Intent};
use count::{Count, Limits};
use deleted::{Vanished, Vanishing};
use futures_util::StreamExt;
use patience::Folders;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Everything that looking needs.
#[derive(Debug)]
pub struct Eyes {
    /// What is wanted; says where to look.
    pub desired: Arc<Desired>,
    /// Opens connections.
    pub accounts: Arc<Accounts>,
    /// What was done.
    pub ledger: Arc<dyn Ledger>,
    /// Zones.
    pub dns: Arc<dyn DnsView>,
    /// The directory of the tenant, where the destination is one.
    pub directory: Option<Arc<dyn Directory>>,
    /// Who wants to know.
    pub listener: Arc<dyn Listener>,
}

/// The source side of one mailbox: its state, and the comparison with the ledger.
type SourceLook = (Reading<MailboxState>, Vec<(FolderKey, Census)>);

/// The same when it could be read, and what vanished from it.
type SourceState = (MailboxState, Vec<(FolderKey, Census)>, Vanishing);

/// What counts while the source of one mailbox is looked at.
struct Looking<'a> {
    mailbox: &'a DesiredMailbox,
    target: &'a Target,
    limits: Limits,
}

/// What may have moved within one mailbox.
#[derive(Debug, Default)]
struct Moving {
    new: moves::Looks,
    gone: moves::Looks,
    vanishing: Vanishing,
}

/// Looks at everything that the migration plan names.
///
/// What cannot be read is [`Reading::Unreadable`]; only a failure of the ledger, a declined
/// consent or a lost lock ends the look.
pub async fn observe(eyes: &Eyes) -> Result<(Observed, LedgerSummary)> {
    let mailboxes = eyes.desired.mailboxes.len() as u64;
    let zones = (eyes.desired.zones.len() + at_the_tenant(eyes).count()) as u64;
    eyes.listener
        .event(&Event::PhaseStarted { phase: "observe", total: Some(mailboxes * 2 + zones) });
    let empty = blocking::ledger(&eyes.ledger, |ledger| ledger.is_empty()).await?;
    let paused = blocking::ledger(&eyes.ledger, |ledger| ledger.paused()).await?;
    let mut observed = Observed::default();
    let mut summary = LedgerSummary { empty, paused, ..LedgerSummary::default() };
    let mut looks = futures_util::stream::iter(
        eyes.desired.mailboxes.values().cloned().map(|mailbox| look(eyes, mailbox)),
    )
    .buffer_unordered(desired::MAILBOXES.into());
    while let Some(look) = looks.next().await {
        let (mailbox, (source, census), destination) = look?;
        observed.source.insert(mailbox.source.clone(), source);
        observed.destination.insert(mailbox.destination.clone(), destination);
        summary.folders.extend(census);
    }
    drop(looks);
    for (zone, state) in zones_of(eyes).await {
        observed.dns.insert(zone, state);
    }
    for (domain, directory) in at_the_tenant(eyes) {
        let state = directory.domain(domain).await?;
        eyes.looked(&format!("domain {domain} at the tenant"), &state);
        observed.directory.insert(domain.clone(), state);
    }
    Ok((observed, summary))
}

/// The zones that the tenant is asked about: those whose mail shall arrive there, and those whose
/// records it names.
fn at_the_tenant(eyes: &Eyes) -> impl Iterator<Item = (&Domain, &dyn Directory)> {
    let asked = |zone: &DesiredZone| zone.mx.is_some() || zone.asks_the_directory();
    let directory = eyes.directory.as_deref();
    let zones = eyes.desired.zones.iter().filter(move |(_, zone)| asked(zone));
    zones.filter_map(move |(domain, _)| Some((domain, directory?)))
}

async fn zones_of(eyes: &Eyes) -> Vec<(Domain, Reading<crate::observed::ZoneState>)> {
    let mut states = Vec::new();
    for (zone, wanted) in &eyes.desired.zones {
        let question = question_of(&eyes.desired, zone, wanted);
        let state = eyes.dns.zone(&question).await;
        eyes.looked(&format!("zone {zone}"), &state);
        states.push((zone.clone(), state));
    }
    states
}

fn question_of(desired: &Desired, zone: &Domain, wanted: &DesiredZone) -> ZoneQuestion {
    ZoneQuestion {
        zone: zone.clone(),
        cnames: vec![format!("autodiscover.{zone}")],
        servers: wanted.servers.clone(),
        resolvers: desired.resolvers.clone(),
    }
}

/// Returns what is asked about a zone; `None` when the migration plan has none of this name.
pub fn question(desired: &Desired, zone: &Domain) -> Option<ZoneQuestion> {
    desired.zones.get(zone).map(|wanted| question_of(desired, zone, wanted))
}

async fn look(
    eyes: &Eyes,
    mailbox: DesiredMailbox,
) -> Result<(DesiredMailbox, SourceLook, Reading<MailboxState>)> {
    // One after the other: a consent is asked for once, and a side that hangs costs one place.
    let mut destination =
        eyes.patiently(async |last| eyes.destination(&mailbox, last).await).await?;
    eyes.looked(&format!("destination {}", mailbox.destination), &destination);
    // Nothing is planned for a destination that could not be read.
    let target = destination.present().map(|state| eyes.target(state)).unwrap_or_default();
    let source = eyes.patiently(async |last| eyes.source(&mailbox, &target, last).await).await?;
    let (source, census) = match source {
        Reading::Present((state, mut census, vanishing)) => {
            // On a connection of its own, when the source's is closed: it may have the only place.
            match eyes.follow(&mailbox, &vanishing, &mut census).await? {
                Some(failure) if destination.present().is_some() => {
                    destination = Reading::Unreadable(failure);
                }
                _ => {}
            }
            (Reading::Present(state), census)
        }
        Reading::Absent => (Reading::Absent, Vec::new()),
        Reading::Unreadable(failure) => (Reading::Unreadable(failure), Vec::new()),
    };
    eyes.looked(&format!("source {}", mailbox.source), &source);
    Ok((mailbox, (source, census), destination))
}

/// Failures that end the command rather than make one object unreadable.
fn ends_the_look(error: &Error) -> bool {
    let kinds = [ErrorKind::Declined, ErrorKind::Locked, ErrorKind::Interrupted];
    kinds.contains(&error.kind) || error.class == Class::Ledger
}

/// Opens another connection in the place of one. Where places are few, its own has to be free
/// before another is waited for.
async fn anew<C>(line: Line<C>, another: impl Future<Output = Result<Line<C>>>) -> Result<Line<C>> {
    drop(line);
    another.await
}

impl Eyes {
    fn looked<T>(&self, object: &str, reading: &Reading<T>) {
        let readable = reading.failure().is_none();
        self.listener.event(&Event::Looked { object: object.to_owned(), readable });
    }

    async fn destination(&self, mailbox: &DesiredMailbox, last: bool) -> Result<MailboxState> {
        let mut line = lines::destination(&self.accounts, mailbox).await?;
        let at = &mailbox.destination;
        let mut come = Folders::new(last);
        // PERMANENTFLAGS is empty after EXAMINE, so the INBOX is selected: its flags stand for
        // the product.
        let (mut permanent, mut shut) = (None, None);
        let inbox = FolderPath::inbox();
        if let Some(name) = line.folders.get(&inbox).map(|entry| entry.name.clone()) {
            let object = Object::folder("destination", at, &inbox);
            loop {
                if must_go(&line.connection) {
                    line = anew(line, lines::destination(&self.accounts, mailbox)).await?;
                }
                let selected = line.connection.select(&name).await;
                let selected = selected.map_err(|error| catalogue::imap(&error, &object));
                match come.reading(selected, line.connection.is_open())? {
                    Some(Reading::Present(selected)) => permanent = Some(selected.permanent_flags),
                    Some(Reading::Unreadable(failure)) => shut = Some(failure),
                    Some(Reading::Absent) => {}
                    None => continue,
                }
                break;
            }
        }
        let mut folders = BTreeMap::new();
        for (path, entry) in line.folders.clone() {
            let reading = loop {
                if must_go(&line.connection) {
                    line = anew(line, lines::destination(&self.accounts, mailbox)).await?;
                }
                let state =
                    self.destination_folder(&line, at, &path, &entry, permanent.as_ref()).await;
                if let Some(reading) = come.reading(state, line.connection.is_open())? {
                    break reading;
                }
            };
            folders.insert(path, reading);
        }
        // What cannot be opened cannot be copied into, whatever STATUS tells of it.
        folders.extend(shut.map(|failure| (inbox, Reading::Unreadable(failure))));
        if must_go(&line.connection) {
            line = anew(line, lines::destination(&self.accounts, mailbox)).await?;
        }
        folders.extend(unread(&line));
        let quota = quota(&line.connection, &line.folders, "destination", at).await;
        Ok(MailboxState {
            capabilities: line.connection.capabilities().clone(),
            told: line.told.clone(),
            namespace: Reading::Present(line.namespace.clone()),
            folders,
            special_uses: line.special_uses(),
            quota,
        })
    }

    async fn destination_folder(
        &self,
        line: &Line<Connection>,
        mailbox: &Address,
        path: &FolderPath,
        entry: &ListEntry,
        permanent: Option<&PermanentFlags>,
    ) -> Result<FolderState> {
        let contents = if lines::selectable(entry) {
            let object = Object::folder("destination", mailbox, path);
            let status = line
                .connection
                .status(&entry.name)
                .await
                .map_err(|error| catalogue::imap(&error, &object))?;
            Some(FolderContents {
                uid_validity: status.uid_validity,
                uid_next: status.uid_next,
                messages: status.messages,
                bytes: status.size,
                highest_modseq: status.highest_modseq,
                flags: crate::model::flags::Flags::default(),
                permanent_flags: permanent.cloned(),
                shape: None,
            })
        } else {
            None
        };
        Ok(state(entry, contents))
    }

    fn target(&self, state: &MailboxState) -> Target {
        self.desired.destination.target(Some(&state.told), &state.capabilities)
    }

    async fn source(
        &self,
        mailbox: &DesiredMailbox,
        target: &Target,
        last: bool,
    ) -> Result<SourceState> {
        let mut line = lines::source(&self.accounts, mailbox).await?;
        let mut folders = BTreeMap::new();
        let mut censuses = Vec::new();
        let address = mailbox.source.clone();
        let begun =
            blocking::ledger(&self.ledger, move |ledger| removal::begun(ledger, &address)).await?;
        let limits = self.limits(mailbox, target, begun);
        let looking = Looking { mailbox, target, limits };
        let mut moves = self.gone_folders(&line, &looking).await?;
        let mut come = Folders::new(last);
        for (path, entry) in line.folders.clone() {
            let reading = loop {
                if line.connection.is_worn() || !line.connection.is_open() {
                    line = anew(line, lines::source(&self.accounts, mailbox)).await?;
                }
                let looked = self.source_folder(&line, &looking, &path, &entry, &mut moves).await;
                if let Some(reading) = come.reading(looked, line.connection.is_open())? {
                    break reading;
                }
            };
            let (state, census) = match reading {
                Reading::Present((state, census)) => (Reading::Present(state), census),
                Reading::Absent => (Reading::Absent, None),
                Reading::Unreadable(failure) => (Reading::Unreadable(failure), None),
            };
            censuses.extend(census.map(|census| {
                let (mailbox, folder) = (mailbox.source.clone(), path.clone());
                (FolderKey { mailbox, folder }, census)
            }));
            folders.insert(path, state);
        }
        for (to, from) in moves::count(&moves.new, moves.gone) {
            if let Some((_, census)) = censuses.iter_mut().find(|(key, _)| key.folder == to) {
                census.moved = from;
            }
        }
        if !line.connection.is_open() {
            line = anew(line, lines::source(&self.accounts, mailbox)).await?;
        }
        let mut vanishing = std::mem::take(&mut moves.vanishing);
        if let Some(unsettled) = looking.limits.unsettled {
            vanishing.unsettled = unsettled;
            self.outside(&line, mailbox, &vanishing).await?;
        }
        folders.extend(unread(&line));
        let quota = source_quota(&line, &mailbox.source).await;
        let state = MailboxState {
            capabilities: line.connection.capabilities().clone(),
            told: line.told.clone(),
            namespace: Reading::Present(line.namespace.clone()),
            folders,
            special_uses: line.special_uses(),
            quota,
        };
        Ok((state, censuses, vanishing))
    }

    /// Folders that the ledger knows and a complete LIST lacks: what was copied from them may be
    /// somewhere else now.
    async fn gone_folders(
        &self,
        line: &Line<SourceConnection>,
        looking: &Looking<'_>,
    ) -> Result<Moving> {
        let mut moves = Moving::default();
        let mailbox = looking.mailbox;
        let address = mailbox.source.clone();
        let known =
            blocking::ledger(&self.ledger, move |ledger| ledger.source_folders(&address)).await?;
        for (folder, validity) in known {
            let gone = !line.folders.contains_key(&folder) && !line.unread.contains_key(&folder);
            let Some(validity) = validity.filter(|_| gone) else { continue };
            let key = FolderKey { mailbox: mailbox.source.clone(), folder };
            let count = self.count(&key, validity, looking.limits.clone());
            count.all_gone().await?;
            moves.gone.insert(key.folder, count.looks().await.gone);
        }
        Ok(moves)
    }

    fn limits(&self, mailbox: &DesiredMailbox, target: &Target, begun: Option<Intent>) -> Limits {
        let follow = matches!(self.desired.folders.deletions, Deletions::Propagate(_));
        Limits {
            size: target.message_size,
            rules: target.rules.clone(),
            range: mailbox.messages.range,
            begun: begun.map(Arc::new),
            unsettled: follow.then(Arc::default),
        }
    }

    fn count(&self, key: &FolderKey, validity: UidValidity, limits: Limits) -> Count {
        Count::new(Arc::clone(&self.ledger), key.clone(), validity, limits)
    }

    async fn source_folder(
        &self,
        line: &Line<SourceConnection>,
        looking: &Looking<'_>,
        path: &FolderPath,
        entry: &ListEntry,
        moves: &mut Moving,
    ) -> Result<(FolderState, Option<Census>)> {
        let mailbox = looking.mailbox;
        if !lines::selectable(entry) {
            return Ok((state(entry, None), None));
        }
        let object = Object::folder("source", &mailbox.source, path);
        let key = FolderKey { mailbox: mailbox.source.clone(), folder: path.clone() };
        let selected = match line.connection.examine(&entry.name).await {
            Ok(selected) => selected,
            Err(error) => {
                if catalogue::denies_the_folder(&error)
                    && is_nonexistent(&self.ledger, line, &key).await?
                {
                    return Ok((FolderState { denied: true, ..state(entry, None) }, None));
                }
                return Err(catalogue::imap(&error, &object));
            }
        };
        let names = &looking.target.profile.names;
        let mapped = self.desired.folders.map(path, entry.special_use(), &mailbox.exclude, names);
        let Mapped::To { path: destination, .. } = mapped else {
            moves.vanishing.outside.push(path.clone());
            return Ok((state(entry, Some(contents(&selected, None, None))), None));
        };
        let limits = looking.limits.clone();
        let target = FolderKey { mailbox: mailbox.destination.clone(), folder: destination };
        let (mut census, shape) =
            self.census(line, entry, &selected, &key, &object, limits, moves).await?;
        let (checkpoint, bound) = blocking::ledger(&self.ledger, {
            let (key, target) = (key.clone(), target.clone());
            move |ledger| {
                Ok((ledger.checkpoint(&target)?, ledger.bound_to(&target)?.contains(&key)))
            }
        })
        .await?;
        if let Some(vanished) = moves.vanishing.folders.get_mut(path) {
            vanished.destination = target.folder;
        }
        if let Some(checkpoint) = checkpoint.filter(|_| bound) {
            census.destination_uid_validity = Some(checkpoint.uid_validity);
            census.interrupted = checkpoint.open;
        }
        let bytes = Some(census.bytes);
        Ok((state(entry, Some(contents(&selected, bytes, Some(shape)))), Some(census)))
    }

    /// Compares a source folder with the ledger.
    #[allow(clippy::too_many_arguments, reason = "what one folder needs, each of its own kind")]
    async fn census(
        &self,
        line: &Line<SourceConnection>,
        entry: &ListEntry,
        selected: &Selected,
        key: &FolderKey,
        object: &Object,
        limits: Limits,
        moves: &mut Moving,
    ) -> Result<(Census, Shape)> {
        let mut count = self.count(key, selected.uid_validity, limits.clone());
        let asked = key.clone();
        let known = blocking::ledger(&self.ledger, move |ledger| {
            // Before it was bound nothing was sent, so a new UIDVALIDITY voids nothing.
            let bound = ledger.binding(&asked)?.is_some();
            Ok(ledger.listed_under(&asked)?.filter(|_| bound))
        })
        .await?;
        let (mut census, incomplete) =
            self.counted(line, entry, selected, key, object, &mut count).await?;
        let shape = Shape { incomplete, ..count.shape().await };
        let seen = count.looks().await;
        let mut gone = seen.gone;
        // Every known UID is void; what was copied is recognised by its octets.
        if let Some(was) = known.filter(|&known| known != selected.uid_validity) {
            let before = self.count(key, was, limits);
            before.all_gone().await?;
            gone.extend(before.looks().await.gone);
            census.was_uid_validity = Some(was);
        }
        let vanished = Vanished {
            validity: selected.uid_validity,
            destination: key.folder.clone(),
            uids: seen.vanished,
            copied: seen.copied,
        };
        moves.vanishing.folders.insert(key.folder.clone(), vanished);
        moves.new.insert(key.folder.clone(), seen.new);
        moves.gone.insert(key.folder.clone(), gone);
        Ok((census, shape))
    }

    /// Counts a folder. Where the server keeps mod-sequences and nothing changed since the last
    /// complete pass, the ledger alone tells. Says why where the listing is not complete.
    async fn counted(
        &self,
        line: &Line<SourceConnection>,
        entry: &ListEntry,
        selected: &Selected,
        key: &FolderKey,
        object: &Object,
        count: &mut Count,
    ) -> Result<(Census, Option<Failure>)> {
        let asked = key.clone();
        let last = blocking::ledger(&self.ledger, move |ledger| ledger.last_pass(&asked)).await?;
        if last.is_some_and(|pass| inventory::unchanged(&pass, selected)) {
            return Ok((count.known_only().await?, None));
        }
        let (connection, name) = (&line.connection, &entry.name);
        let walked = inventory::walk_readable(connection, name, selected, object, false, |page| {
            let count = count.clone();
            async move { count.page(page).await.map_err(Stop::from) }
        })
        .await;
        match walked {
            Ok(Listing { incomplete: None, .. }) => Ok((count.finish().await?, None)),
            Ok(Listing { incomplete: Some(error), .. }) => {
                // The copy takes what can be read, and fails.
                self.listener.event(&Event::Notice { message: error.to_string() });
                let failure = Failure::from(&error);
                Ok((count.without_end(selected.exists).await, Some(failure)))
            }
            Err(Stop::Again(error) | Stop::Failed(error)) => Err(error),
            Err(Stop::Interrupted) => {
                Err(Error::new(ErrorKind::Interrupted, "E130", "interrupted while looking"))
            }
        }
    }
}

/// Tells whether a fresh connection is to take the place of this one.
fn must_go(connection: &Connection) -> bool {
    connection.is_worn() || !connection.is_open()
}

/// Paths of which LIST does not tell the folder.
fn unread<C, T>(line: &Line<C>) -> impl Iterator<Item = (FolderPath, Reading<T>)> {
    let paths = line.unread.iter();
    paths.map(|(path, unread)| (path.clone(), Reading::Unreadable(Failure::from(&unread.error()))))
}

fn state(entry: &ListEntry, contents: Option<FolderContents>) -> FolderState {
    FolderState {
        name: entry.name.to_string(),
        subscribed: entry.subscribed,
        contents,
        non_existent: entry.has("\\NonExistent"),
        denied: false,
        no_inferiors: entry.has("\\Noinferiors"),
    }
}

fn contents(selected: &Selected, bytes: Option<u64>, shape: Option<Shape>) -> FolderContents {
    FolderContents {
        uid_validity: selected.uid_validity,
        uid_next: selected.uid_next,
        messages: selected.exists,
        bytes,
        highest_modseq: selected.highest_modseq,
        flags: selected.flags.clone(),
        permanent_flags: None,
        shape,
    }
}

fn quota_reading(
    answer: std::result::Result<Option<Quota>, ImapError>,
    object: &Object,
) -> Reading<Quota> {
    match answer {
        Ok(Some(quota)) => Reading::Present(quota),
        Ok(None) => Reading::Absent,
        Err(error) => Reading::Unreadable(Failure::from(&catalogue::imap(&error, object))),
    }
}

async fn quota(
    connection: &Connection,
    folders: &BTreeMap<FolderPath, ListEntry>,
    side: &'static str,
    mailbox: &Address,
) -> Reading<Quota> {
    let Some(inbox) = folders.get(&FolderPath::inbox()) else { return Reading::Absent };
    quota_reading(connection.quota_root(&inbox.name).await, &Object::mailbox(side, mailbox))
}

async fn source_quota(line: &Line<SourceConnection>, mailbox: &Address) -> Reading<Quota> {
    let Some(inbox) = line.folders.get(&FolderPath::inbox()) else { return Reading::Absent };
    quota_reading(
        line.connection.quota_root(&inbox.name).await,
        &Object::mailbox("source", mailbox),
    )
}
