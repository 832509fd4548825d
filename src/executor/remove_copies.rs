//! Removes copies whose messages vanished at the source; everything is looked at again right before.

use crate::catalogue::Object;
use crate::copy::inventory::{self, Now};
use crate::copy::lines::{self, Line, Lines};
use crate::copy::nonexistent::is_nonexistent;
use crate::copy::stop::Stop;
use crate::desired::Deletions;
use crate::error::{Error, ErrorKind};
use crate::executor::event::Outcome;
use crate::executor::mailbox::MailboxRun;
use crate::imap::{Connection, SourceConnection};
use crate::model::folder::{FolderPath, RawName};
use crate::model::records::Mx;
use crate::model::uid::UidValidity;
use crate::observe;
use crate::planner::mail_flow::{self, MailFlow};
use crate::planner::plan::{RemoveCopies, State};
use crate::ports::ledger::{FolderKey, Look, Pass};
use crate::removal::{self, BATCH, Batch, Own, Purpose, Unsettled, Verdict};
use std::collections::{BTreeMap, BTreeSet};

/// Looks of folders that are not copied, which are kept for the next action.
const MOST: usize = 100_000;

/// What was listed of a source for removals of one run: every one of them looks at every folder, and
/// one that holds the same messages is not listed again.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// Of folders that the ledger knows.
    passes: BTreeMap<FolderPath, Pass>,
    /// Of folders that are not copied.
    outside: BTreeMap<FolderPath, (Pass, Vec<Look>)>,
}

impl Seen {
    fn keep(&mut self, folder: &FolderPath, pass: Pass, looks: Vec<Look>) {
        self.outside.remove(folder);
        let kept: usize = self.outside.values().map(|(_, looks)| looks.len()).sum();
        if kept + looks.len() <= MOST {
            self.outside.insert(folder.clone(), (pass, looks));
        }
    }
}

impl MailboxRun {
    /// Removes those of the reviewed copies whose messages a listing made now lacks, that are in no
    /// other folder of the source, and that are at the destination as we left them. `removed` grows
    /// by what is gone, however it ends.
    pub(super) async fn remove_copies(
        &mut self,
        params: &RemoveCopies,
        before: &State,
        lines: &mut Lines,
        removed: &mut u64,
    ) -> Result<Outcome, Stop> {
        let State::Vanished { source, destination, mail } = before else {
            return Err(Stop::Failed(Error::new(
                ErrorKind::Stale,
                "E133",
                format!("{}: the saved plan does not say which folders it means", params.source),
            )));
        };
        self.mail_still_arrives(mail).await?;
        // Fresh connections name the folders that are there now.
        lines.drop_both();
        lines.open(&self.accounts, &self.mailbox).await?;
        let (from, to) = lines.sides()?;
        removal::require_uidplus(&to.connection, &self.mailbox)?;
        let key = FolderKey { mailbox: self.mailbox.source.clone(), folder: params.source.clone() };
        let left = self.list_first(from, &key, *source).await?;
        self.not_emptied(params, left)?;
        // What left the folder before it was listed is in the others by now.
        let unsettled = self.list_others(from, &key, *source).await?;
        let of = (&key, *source);
        let stayed = self.remove_from(to, params, of, *destination, &unsettled, removed).await?;
        Ok(Outcome::Done {
            tally: BTreeMap::from([("removed", *removed), ("copies_stayed", stayed)]),
        })
    }

    async fn mail_still_arrives(&self, reviewed: &BTreeSet<Mx>) -> Result<(), Stop> {
        let domain = self.mailbox.source.domain();
        let seen = match observe::question(&self.desired, &domain) {
            Some(question) => Some(self.dns.zone(&question).await),
            None => None,
        };
        let (kind, code, why) = match mail_flow::again(&domain, &self.desired, seen.as_ref()) {
            MailFlow::AtSource(now) if now == *reviewed => return Ok(()),
            // The guard was accepted, or the action would wait.
            MailFlow::Unwatched if reviewed.is_empty() => return Ok(()),
            MailFlow::AtSource(_) | MailFlow::Unwatched => (
                ErrorKind::Stale,
                "E527",
                format!("the MX of {domain} is another one than reviewed"),
            ),
            MailFlow::Moved(reason) | MailFlow::Untold(reason) => {
                (ErrorKind::Stale, "E527", reason)
            }
            MailFlow::Unreadable(object) => {
                (ErrorKind::Unobservable, "E528", format!("{object} could not be read"))
            }
        };
        let message = format!("no copy was removed: {why}");
        Err(Stop::Failed(Error::new(kind, code, message).hint(
            "Copies follow deletions only while mail is known to arrive at the source; plan again.",
        )))
    }

    /// Lists the folder that messages vanished from and returns how many are left in it.
    async fn list_first(
        &mut self,
        from: &Line<SourceConnection>,
        key: &FolderKey,
        validity: UidValidity,
    ) -> Result<u32, Stop> {
        if from.name(&key.folder)?.is_none() {
            let object = Object::folder("source", &key.mailbox, &key.folder);
            return Err(Stop::Failed(
                Error::new(ErrorKind::Stale, "E132", format!("{object}: it is not there any more"))
                    .hint("A folder that vanished as a whole takes no copy along; plan again."),
            ));
        }
        let pass = self.listed_anew(from, key, validity).await?.same(key, validity)?;
        Ok(pass.map_or(0, |pass| pass.messages))
    }

    async fn listed_anew(
        &mut self,
        from: &Line<SourceConnection>,
        key: &FolderKey,
        validity: UidValidity,
    ) -> Result<Now, Stop> {
        let known = if let Some(pass) = self.seen.passes.get(&key.folder) {
            Some(*pass)
        } else {
            let asked = key.clone();
            self.desk.ledger(move |ledger| ledger.last_pass(&asked)).await?
        };
        let now = inventory::now(&self.desk, from, key, validity, known).await?;
        if let Now::Listed(pass) = now {
            self.seen.passes.insert(key.folder.clone(), pass);
        }
        Ok(now)
    }

    fn not_emptied(&self, params: &RemoveCopies, left: u32) -> Result<(), Stop> {
        let Deletions::Propagate(share) = self.desired.folders.deletions else {
            return Err(Stop::Failed(
                Error::new(
                    ErrorKind::Stale,
                    "E529",
                    format!("{}: the migration plan leaves the copies alone", params.source),
                )
                .hint("Say `folders.deletions: propagate` if they shall go, then plan again."),
            ));
        };
        if left > 0 || params.uids.len() as u64 <= share.of(params.copied) {
            return Ok(());
        }
        Err(Stop::Failed(
            Error::new(
                ErrorKind::Stale,
                "E529",
                format!("{}: the whole folder is empty at the source now", params.source),
            )
            .hint("That looks like an accident. Look at the source, then plan again."),
        ))
    }

    /// Lists every other folder of the source, and returns what may be what vanished. One that
    /// cannot be listed ends it: what vanished may be there.
    async fn list_others(
        &mut self,
        from: &Line<SourceConnection>,
        first: &FolderKey,
        validity: UidValidity,
    ) -> Result<Unsettled, Stop> {
        let mut unsettled = Unsettled::default();
        self.add_unsettled(first, validity, &mut unsettled).await?;
        if let Some(unread) = from.unread.values().next() {
            return Err(unread.error().into());
        }
        for (path, entry) in &from.folders {
            self.desk.go_on()?;
            if *path == first.folder || !lines::selectable(entry) {
                continue;
            }
            let key = FolderKey { mailbox: first.mailbox.clone(), folder: path.clone() };
            if is_nonexistent(&self.desk.ledger, from, &key).await? {
                continue;
            }
            let asked = key.clone();
            let known = self.desk.ledger(move |ledger| ledger.listed_under(&asked)).await?;
            if let Some(known) = known {
                let now = self.listed_anew(from, &key, known).await?;
                self.add_unsettled(&key, known, &mut unsettled).await?;
                // Under another UIDVALIDITY it is as one that is not copied: an empty one has no
                // copy that would list it anew, and must not hold every removal back for ever.
                if !matches!(now, Now::Another(_)) {
                    continue;
                }
            }
            self.add_outside(from, &key, &entry.name, &mut unsettled).await?;
        }
        Ok(unsettled)
    }

    /// Adds the messages of a folder that is not copied.
    async fn add_outside(
        &mut self,
        from: &Line<SourceConnection>,
        key: &FolderKey,
        name: &RawName,
        unsettled: &mut Unsettled,
    ) -> Result<(), Stop> {
        let object = Object::folder("source", &key.mailbox, &key.folder);
        let failed = |error| Stop::from_imap(&error, &object);
        let selected = from.connection.examine(name).await.map_err(failed)?;
        if let Some((pass, looks)) = self.seen.outside.get(&key.folder)
            && inventory::same(pass, &selected)
        {
            for look in looks {
                unsettled.add_outside(*look);
            }
            return Ok(());
        }
        let mut looks = Vec::new();
        let pass = inventory::walk(&from.connection, name, &selected, &object, |page| {
            for look in page.iter().map(Look::of) {
                unsettled.add_outside(look);
                if looks.len() <= MOST {
                    looks.push(look);
                }
            }
            std::future::ready(Ok(()))
        })
        .await?;
        self.seen.keep(&key.folder, pass, looks);
        Ok(())
    }

    async fn add_unsettled(
        &self,
        key: &FolderKey,
        validity: UidValidity,
        unsettled: &mut Unsettled,
    ) -> Result<(), Stop> {
        let mut from = crate::model::uid::Uid(1);
        while let Some(rows) = self.desk.page(key, validity, &mut from).await? {
            self.desk.go_on()?;
            for row in rows.iter().filter(|row| !row.vanished && !removal::has_copy(row)) {
                unsettled.add(&row.listed);
            }
        }
        Ok(())
    }

    /// Adds how many copies were removed, and returns how many stayed.
    async fn remove_from(
        &self,
        to: &Line<Connection>,
        params: &RemoveCopies,
        (key, source): (&FolderKey, UidValidity),
        destination: UidValidity,
        unsettled: &Unsettled,
        removed: &mut u64,
    ) -> Result<u64, Stop> {
        let asked = key.clone();
        let bound = self.desk.ledger(move |ledger| ledger.binding(&asked)).await?;
        if bound.is_none_or(|bound| bound.folder != params.destination) {
            return Err(Stop::Failed(
                Error::new(
                    ErrorKind::Stale,
                    "E529",
                    format!("{}: it was not copied to {}", params.source, params.destination),
                )
                .hint("Plan again."),
            ));
        }
        let mut stayed = 0;
        let Some(mut from) = params.uids.first() else { return Ok(0) };
        while let Some(rows) = self.desk.page(key, source, &mut from).await? {
            let mut going: Vec<Own> = Vec::new();
            for row in rows.iter().filter(|row| params.uids.contains(row.listed.uid)) {
                match removal::judge(row, destination, unsettled) {
                    Verdict::MayGo(own) if row.vanished => going.push(own),
                    Verdict::MayGo(_) | Verdict::Stays(_) => stayed += 1,
                    Verdict::NoCopy => {}
                }
            }
            for messages in going.chunks(BATCH) {
                let batch = Batch {
                    purpose: Purpose::Deletion,
                    folder: &params.destination,
                    uid_validity: destination,
                    of: Some((&key.folder, source)),
                    messages: messages.to_vec(),
                };
                let done = removal::remove(&self.desk, &self.mailbox, to, batch).await?;
                *removed += done.gone.len() as u64;
                stayed += done.stayed.len() as u64;
            }
        }
        Ok(stayed)
    }
}
