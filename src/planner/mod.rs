//! The planner: a pure function from wanted, observed and done to a plan.
//!
//! No I/O, no clock, no randomness: the same three values give the same plan. What could not be
//! read is named in [`plan::Plan::unknown`] and is never planned as if it were absent.

pub mod approval;
pub mod census;
pub mod codes;
mod collisions;
mod copy_folder;
mod create_folder;
mod dns;
mod drafts;
mod guard;
pub mod mail_flow;
mod mailbox;
mod mapping;
pub mod moves;
pub mod object;
pub mod order;
pub mod plan;
mod remarks;
mod remove_copies;
pub mod saved;
mod set_subscription;
mod special_use;
mod spf;
mod summary;
mod tenant;
mod views;

use crate::desired::Desired;
use crate::model::hours::Pacing;
use crate::model::reading::Reading;
use crate::model::size::Size;
use crate::observed::{MailboxState, Observed};
use census::LedgerSummary;
use drafts::Drafts;
use plan::{LookedAt, Plan};
use std::collections::BTreeMap;

/// Compares what is wanted with what was seen and done, and says what there is to do.
pub fn plan(desired: &Desired, observed: &Observed, ledger: &LedgerSummary) -> Plan {
    let mut drafts = Drafts::default();
    mailbox::shared_destinations(desired, &mut drafts);
    // In the order of the actions, so that what one mailbox needs of another comes first.
    let mut mailboxes: Vec<_> = desired.mailboxes.iter().collect();
    mailboxes.sort_by_cached_key(|(address, _)| order::Natural::new(address.as_str()));
    for (address, wanted) in mailboxes {
        mailbox::plan(desired, address, wanted, observed, ledger, &mut drafts);
    }
    let mut for_person = Vec::new();
    let mut name_servers = (0, 0);
    for (zone, wanted) in &desired.zones {
        let read = dns::plan(desired, zone, wanted, observed, &mut drafts, &mut for_person);
        name_servers = (name_servers.0 + read.0, name_servers.1 + read.1);
    }
    paced(&desired.pacing, &mut drafts);
    guard::obsolete(&desired.acknowledged, &mut drafts);
    let done = drafts.finish();
    Plan {
        name: desired.name.clone(),
        source: desired.source.product.clone(),
        destination: desired.destination.product.clone(),
        document: desired.document,
        looked_at: LookedAt {
            source: read(&observed.source, desired.mailboxes.keys()),
            destination: read(
                &observed.destination,
                desired.mailboxes.values().map(|mailbox| &mailbox.destination),
            ),
            name_servers,
        },
        ready: done.ready,
        waiting: done.waiting,
        for_person,
        settled: done.settled,
        guards: done.guards,
        unknown: done.unknown,
        findings: done.findings,
        as_wanted: done.as_wanted,
        profiles: done.profiles,
    }
}

/// Says how fast and when mail is copied, so that nobody wonders why an apply takes its time.
fn paced(pacing: &Pacing, drafts: &mut Drafts) {
    if let Some(bandwidth) = pacing.bandwidth {
        let message = format!("apply sends at most {} a second", Size(bandwidth));
        drafts.finding(codes::PACED, "limits", message, None);
    }
    if let Some(hours) = &pacing.hours {
        let message = format!("apply works within {hours} only, and waits otherwise");
        drafts.finding(codes::PACED, "limits", message, None);
    }
}

/// Counts the mailboxes about which a complete answer came, and all of them.
fn read<'a, K: Ord + 'a>(
    readings: &BTreeMap<K, Reading<MailboxState>>,
    wanted: impl Iterator<Item = &'a K>,
) -> (u32, u32) {
    let mut counts = (0, 0);
    for key in wanted {
        counts.1 += 1;
        if matches!(readings.get(key), Some(Reading::Present(_) | Reading::Absent)) {
            counts.0 += 1;
        }
    }
    counts
}
