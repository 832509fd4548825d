//! Counts a source folder against the ledger.

use super::blocking;
use crate::copy::reasons;
use crate::error::Result;
use crate::message::rules::Rules;
use crate::model::date_range::DateRange;
use crate::model::uid::{Uid, UidValidity};
use crate::planner::census::Census;
use crate::ports::ledger::{FolderKey, Ledger, Listed, MessageRow, MessageState};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What the destination takes.
#[derive(Debug)]
pub(super) struct Limits {
    pub(super) size: Option<u64>,
    pub(super) rules: Rules,
    pub(super) range: DateRange,
}

/// Counts a listing against the ledger, page by page, both in order of UID.
#[derive(Clone, Debug)]
pub(super) struct Count {
    ledger: Arc<dyn Ledger>,
    key: FolderKey,
    validity: UidValidity,
    limits: Arc<Limits>,
    state: Arc<tokio::sync::Mutex<(Census, Uid)>>,
}

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
        Self { ledger, key, validity, limits: Arc::new(limits), state }
    }

    async fn rows(&self, from: Uid) -> Result<Vec<MessageRow>> {
        let (key, validity) = (self.key.clone(), self.validity);
        blocking(&self.ledger, move |ledger| ledger.rows(&key, validity, from, PAGE)).await
    }

    /// Reads the ledger's rows up to and including `to`.
    async fn known(&self, from: Uid, to: Uid) -> Result<BTreeMap<Uid, MessageRow>> {
        let mut known = BTreeMap::new();
        let mut next = from;
        loop {
            let rows = self.rows(next).await?;
            let Some(last) = rows.last().map(|row| row.listed.uid) else { return Ok(known) };
            next = Uid(last.0.saturating_add(1));
            known.extend(
                rows.into_iter()
                    .filter(|row| row.listed.uid <= to)
                    .map(|row| (row.listed.uid, row)),
            );
            if last >= to {
                return Ok(known);
            }
        }
    }

    pub(super) async fn page(&self, page: Vec<Listed>) -> Result<()> {
        let mut state = self.state.lock().await;
        let Some(to) = page.iter().map(|listed| listed.uid).max() else { return Ok(()) };
        let mut known = self.known(state.1, to).await?;
        for listed in page {
            let row = known.remove(&listed.uid);
            tally(&mut state.0, &listed, row.as_ref(), &self.limits);
        }
        state.0.vanished += vanished(known.values());
        state.1 = Uid(to.0.saturating_add(1));
        Ok(())
    }

    /// Counts the rows of the ledger that lie above the whole listing.
    pub(super) async fn finish(&mut self) -> Result<Census> {
        let from = self.state.lock().await.1;
        let rest = self.known(from, Uid(u32::MAX)).await?;
        let mut state = self.state.lock().await;
        state.0.vanished += vanished(rest.values());
        Ok(state.0.clone())
    }

    /// Counts the ledger's rows as if they were the listing.
    pub(super) async fn known_only(&mut self) -> Result<Census> {
        let mut census = Census::default();
        let mut from = Uid(1);
        loop {
            let rows = self.rows(from).await?;
            let Some(last) = rows.last() else { return Ok(census) };
            from = Uid(last.listed.uid.0.saturating_add(1));
            for row in &rows {
                if row.vanished {
                    census.vanished += 1;
                } else {
                    tally(&mut census, &row.listed, Some(row), &self.limits);
                }
            }
        }
    }
}

/// Messages that were copied or known and are not listed any more.
fn vanished<'a>(rows: impl Iterator<Item = &'a MessageRow>) -> u64 {
    rows.count() as u64
}

fn tally(census: &mut Census, listed: &Listed, row: Option<&MessageRow>, limits: &Limits) {
    census.listed += 1;
    census.bytes += listed.size;
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
            census.to_copy_bytes += listed.size;
        }
        Some((MessageState::Excepted(reason), _))
            if !over && reasons::may_be_lifted(reason, &limits.rules) =>
        {
            census.to_copy += 1;
            census.to_copy_bytes += listed.size;
        }
        Some((MessageState::Excepted(reason), _)) => {
            *census.excepted.entry(reasons::class(reason).to_owned()).or_default() += 1;
        }
        Some((MessageState::Unclear(_), _)) => census.unclear += 1,
        Some((MessageState::Acknowledged | MessageState::Verified, copied)) => {
            if copied.as_ref().is_some_and(|copied| copied.source_flags != listed.flags) {
                census.flags_changed += 1;
            }
        }
    }
}
