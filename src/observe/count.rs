//! Counts a source folder against the ledger.

use crate::blocking;
use crate::copy::reasons;
use crate::error::Result;
use crate::message::rules::Rules;
use crate::model::date_range::DateRange;
use crate::model::shape::Shape;
use crate::model::uid::{Uid, UidValidity};
use crate::planner::census::Census;
use crate::ports::ledger::{Copied, FolderKey, Ledger, Listed, Look, MessageRow, MessageState};
use crate::removal::{self, Intent, Unsettled};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What the destination takes.
#[derive(Clone, Debug)]
pub(super) struct Limits {
    pub(super) size: Option<u64>,
    pub(super) rules: Rules,
    pub(super) range: DateRange,
    /// A removal of ours that was cut off.
    pub(super) begun: Option<Arc<Intent>>,
    /// Where to keep what may be what vanished; only where copies follow deletions.
    pub(super) unsettled: Option<Arc<tokio::sync::Mutex<Unsettled>>>,
}

/// Counts a listing against the ledger, page by page, both in order of UID.
#[derive(Clone, Debug)]
pub(super) struct Count {
    ledger: Arc<dyn Ledger>,
    key: FolderKey,
    validity: UidValidity,
    limits: Arc<Limits>,
    /// Messages of the folder whose copies a removal of ours may have taken away.
    begun: Arc<BTreeSet<Uid>>,
    state: Arc<tokio::sync::Mutex<(Census, Uid)>>,
    shape: Arc<tokio::sync::Mutex<Shape>>,
    looks: Arc<tokio::sync::Mutex<Seen>>,
}

/// What is cheap to know of messages that may have moved.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// To be copied.
    pub(super) new: Vec<Look>,
    /// Copied, and not at their place any more.
    pub(super) gone: Vec<Look>,
    /// Source UIDs of those, only where copies follow deletions.
    pub(super) vanished: Vec<Uid>,
    /// Copied, and those of `gone`.
    pub(super) copied: u64,
}

/// Messages of a folder that are kept in mind for the remark that they moved: beyond, it names too
/// few. What moved is found out by the copy in any case.
const KEPT: usize = 50_000;

fn keep(looks: &mut Vec<Look>, listed: &Listed) {
    if looks.len() < KEPT {
        looks.push(Look::of(listed));
    }
}

/// Where the count stands behind UID 4294967295; no message has it.
const BEHIND_ALL: Uid = Uid(0);

/// Ledger rows read at once.
const PAGE: usize = 2_000;

impl Count {
    pub(super) fn new(
        ledger: Arc<dyn Ledger>,
        key: FolderKey,
        validity: UidValidity,
        limits: Limits,
    ) -> Self {
        let state = Arc::new(tokio::sync::Mutex::new((Census::default(), Uid(1))));
        let looks = Arc::default();
        let shape = Arc::new(tokio::sync::Mutex::new(Shape::under(limits.size)));
        let begun = limits.begun.iter().filter(|begun| {
            begun.source(&key.mailbox).is_some_and(|of| of == (key.clone(), validity))
        });
        let begun = begun.flat_map(|begun| begun.messages.iter().filter_map(|own| own.source));
        let begun = Arc::new(begun.collect());
        Self { ledger, key, validity, limits: Arc::new(limits), begun, state, shape, looks }
    }

    /// Hands out what may have moved.
    pub(super) async fn looks(&self) -> Seen {
        std::mem::take(&mut *self.looks.lock().await)
    }

    /// Hands out what the messages look like.
    pub(super) async fn shape(&self) -> Shape {
        std::mem::take(&mut *self.shape.lock().await)
    }

    /// Takes every copy under the present UIDVALIDITY for gone: the folder is not there any more,
    /// or has another UIDVALIDITY.
    pub(super) async fn all_gone(&self) -> Result<()> {
        let mut from = Uid(1);
        loop {
            let rows = self.rows(from).await?;
            let Some(last) = rows.last() else { return Ok(()) };
            let behind = last.listed.uid.behind();
            self.gone(rows.iter()).await;
            let Some(next) = behind else { return Ok(()) };
            from = next;
        }
    }

    /// Counts messages that were known and are not listed any more.
    async fn gone(&self, rows: impl Iterator<Item = &MessageRow>) -> u64 {
        let mut looks = self.looks.lock().await;
        let mut count = 0;
        for row in rows {
            count += 1;
            if matches!(row.state, MessageState::Acknowledged | MessageState::Verified) {
                keep(&mut looks.gone, &row.listed);
                if self.limits.unsettled.is_some() && removal::has_copy(row) {
                    looks.vanished.push(row.listed.uid);
                    looks.copied += 1;
                }
            }
        }
        count
    }

    async fn one(&self, census: &mut Census, listed: &Listed, row: Option<&MessageRow>) {
        // The date that the ledger kept counts where a listing gave none.
        let known = row.and_then(|row| row.listed.internal_date.as_ref());
        let date = listed.internal_date.as_ref().or(known);
        self.shape.lock().await.add(listed.size, date, &listed.flags);
        let begun = self.begun.contains(&listed.uid);
        if let Some(unsettled) = &self.limits.unsettled {
            if !begun && row.is_some_and(removal::has_copy) {
                self.looks.lock().await.copied += 1;
            } else {
                unsettled.lock().await.add(listed);
            }
        }
        let before = census.to_copy;
        if begun && row.is_some_and(removal::has_copy) {
            census.listed += 1;
            census.bytes += listed.size;
            census.unclear += 1;
            return;
        }
        tally(census, listed, row, &self.limits);
        if census.to_copy > before {
            keep(&mut self.looks.lock().await.new, listed);
        }
    }

    async fn rows(&self, from: Uid) -> Result<Vec<MessageRow>> {
        let (key, validity) = (self.key.clone(), self.validity);
        blocking::ledger(&self.ledger, move |ledger| ledger.rows(&key, validity, from, PAGE)).await
    }

    /// Reads the ledger's rows up to and including `to`.
    async fn known(&self, from: Uid, to: Uid) -> Result<BTreeMap<Uid, MessageRow>> {
        let mut known = BTreeMap::new();
        if from == BEHIND_ALL {
            return Ok(known);
        }
        let mut next = from;
        loop {
            let rows = self.rows(next).await?;
            let Some(last) = rows.last().map(|row| row.listed.uid) else { return Ok(known) };
            known.extend(
                rows.into_iter()
                    .filter(|row| row.listed.uid <= to)
                    .map(|row| (row.listed.uid, row)),
            );
            match last.behind() {
                Some(behind) if last < to => next = behind,
                _ => return Ok(known),
            }
        }
    }

    pub(super) async fn page(&self, page: Vec<Listed>) -> Result<()> {
        let mut state = self.state.lock().await;
        // A server may repeat a row (a flag changed meanwhile): a message counts once.
        let from = state.1;
        let counted = |uid: Uid| from == BEHIND_ALL || uid < from;
        let page: BTreeMap<Uid, Listed> = page
            .into_iter()
            .filter(|listed| !counted(listed.uid))
            .map(|listed| (listed.uid, listed))
            .collect();
        let Some(to) = page.keys().next_back().copied() else { return Ok(()) };
        let mut known = self.known(from, to).await?;
        for listed in page.into_values() {
            let row = known.remove(&listed.uid);
            self.one(&mut state.0, &listed, row.as_ref()).await;
        }
        state.0.vanished += self.gone(known.values()).await;
        state.1 = to.behind().unwrap_or(BEHIND_ALL);
        Ok(())
    }

    /// Returns the numbers of a listing that is not complete, of a folder with so many messages.
    /// What it lacks did not vanish and is still to be copied, so that the folder is never done.
    pub(super) async fn without_end(&self, exists: u32) -> Census {
        let mut looks = self.looks.lock().await;
        looks.gone.clear();
        looks.vanished.clear();
        drop(looks);
        let census = self.state.lock().await.0.clone();
        let lacking = u64::from(exists).saturating_sub(census.listed).max(1);
        let (listed, to_copy) = (census.listed + lacking, census.to_copy + lacking);
        Census { listed, to_copy, vanished: 0, ..census }
    }

    /// Counts the rows of the ledger that lie above the whole listing.
    pub(super) async fn finish(&mut self) -> Result<Census> {
        let from = self.state.lock().await.1;
        let rest = self.known(from, Uid(u32::MAX)).await?;
        let mut state = self.state.lock().await;
        state.0.vanished += self.gone(rest.values()).await;
        Ok(state.0.clone())
    }

    /// Counts the ledger's rows as if they were the listing.
    pub(super) async fn known_only(&mut self) -> Result<Census> {
        let mut census = Census::default();
        let mut from = Uid(1);
        loop {
            let rows = self.rows(from).await?;
            let Some(last) = rows.last().map(|row| row.listed.uid) else { return Ok(census) };
            for row in &rows {
                if row.vanished {
                    census.vanished += self.gone(std::iter::once(row)).await;
                } else {
                    self.one(&mut census, &row.listed, Some(row)).await;
                }
            }
            let Some(next) = last.behind() else { return Ok(census) };
            from = next;
        }
    }
}

fn tally(census: &mut Census, listed: &Listed, row: Option<&MessageRow>, limits: &Limits) {
    census.listed += 1;
    census.bytes = census.bytes.saturating_add(listed.size);
    let over = limits.size.is_some_and(|limit| listed.size > limit);
    // The date that the ledger kept counts where a listing gave none.
    let known = row.and_then(|row| row.listed.internal_date.as_ref());
    let wanted = limits.range.holds(listed.internal_date.as_ref().or(known));
    match row.map(|row| (&row.state, &row.copied)) {
        None | Some((MessageState::Pending | MessageState::Removed, _)) if !wanted => {
            census.excluded += 1;
        }
        None | Some((MessageState::Pending | MessageState::Removed, _)) if over => {
            census.over_limit += 1;
        }
        None | Some((MessageState::Pending | MessageState::Removed, _)) => {
            census.to_copy += 1;
            census.to_copy_bytes = census.to_copy_bytes.saturating_add(listed.size);
        }
        Some((MessageState::Excepted(reason), _))
            if !over && reasons::may_be_lifted(reason, &limits.rules) =>
        {
            census.to_copy += 1;
            census.to_copy_bytes = census.to_copy_bytes.saturating_add(listed.size);
        }
        Some((MessageState::Excepted(reason), _)) => {
            *census.excepted.entry(reasons::class(reason).to_owned()).or_default() += 1;
        }
        Some((MessageState::Unclear(_), _)) => census.unclear += 1,
        Some((MessageState::Acknowledged | MessageState::Verified, copied)) => {
            let behind = |copied: &Copied| {
                copied.source_flags != listed.flags || copied.tried_flags.is_some()
            };
            if copied.as_ref().is_some_and(behind) {
                census.flags_changed += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::SqliteLedger;
    use crate::model::flags::Flags;
    use crate::profile::target::Target;

    fn listed(uid: u32) -> Listed {
        Listed {
            uid: Uid(uid),
            size: u64::from(uid) * 100,
            flags: Flags::from_words(["\\Seen"]),
            internal_date: None,
            modseq: None,
            headers: None,
        }
    }

    #[tokio::test]
    async fn a_row_that_the_server_repeats_counts_once() {
        let key = FolderKey {
            mailbox: "ada@acme.example".parse().unwrap(),
            folder: "INBOX".parse().unwrap(),
        };
        let limits = Limits {
            size: Some(250),
            rules: Target::default().rules,
            range: DateRange::default(),
            begun: None,
            unsettled: None,
        };
        let ledger = Arc::new(SqliteLedger::in_memory().unwrap());
        let mut count = Count::new(ledger, key, UidValidity(1), limits);
        // Within a page, and in a later one.
        count.page([1, 2, 2, 3].map(listed).into()).await.unwrap();
        count.page([2, 4, 3].map(listed).into()).await.unwrap();
        count.page([u32::MAX].map(listed).into()).await.unwrap();
        count.page([u32::MAX, 4].map(listed).into()).await.unwrap();
        let census = count.finish().await.unwrap();
        assert_eq!((census.listed, census.to_copy, census.over_limit), (5, 2, 3));
        let shape = count.shape().await;
        assert_eq!((shape.messages, shape.flags["\\Seen"]), (5, 5));
        assert_eq!(shape.octets, 1_000 + u64::from(u32::MAX) * 100);
        assert_eq!(shape.over_limit.unwrap().messages, 3);
    }
}
