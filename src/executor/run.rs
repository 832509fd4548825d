//! Runs approved actions: mailboxes side by side, the actions of one mailbox in order.

use crate::accounts::Accounts;
use crate::copy::desk::{Desk, Policy};
use crate::copy::pace::Pace;
use crate::copy::progress::MailboxProgress;
use crate::desired::{self, Desired, Moves};
use crate::executor::event::{Event, Listener};
use crate::executor::mailbox::MailboxRun;
use crate::executor::report::RunReport;
use crate::executor::resting::{Rest, Watch};
use crate::model::address::Address;
use crate::model::size::Size;
use crate::planner::plan::{Action, Kind};
use crate::ports::clock::Clock;
use crate::ports::dns::DnsView;
use crate::ports::ledger::Ledger;
use futures_util::StreamExt;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How long a destination folder must stand still before an unanswered APPEND counts as not done.
pub const QUIET: Duration = Duration::from_secs(5);

/// Everything that a run needs.
#[derive(Debug)]
pub struct Run {
    /// What is wanted; says how to sign in and what may be sent.
    pub desired: Arc<Desired>,
    /// Opens connections.
    pub accounts: Arc<Accounts>,
    /// What was done. The caller holds its lock.
    pub ledger: Arc<dyn Ledger>,
    /// Zones, to see where mail arrives.
    pub dns: Arc<dyn DnsView>,
    /// Who wants to know.
    pub listener: Arc<dyn Listener>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Ends the run after what is in flight.
    pub cancel: CancellationToken,
    /// See [`QUIET`].
    pub quiet: Duration,
}

impl Run {
    /// Runs the actions, in their order within each mailbox.
    pub async fn run(&self, actions: &[Action]) -> RunReport {
        self.listener.event(&Event::PhaseStarted { phase: "apply", total: None });
        self.accounts.throttle().tell(Arc::clone(&self.listener));
        self.accounts.throttle().end_with(self.cancel.clone());
        if let Some(bandwidth) = self.desired.pacing.bandwidth {
            let message = format!("sends at most {} a second (limits.bandwidth)", Size(bandwidth));
            self.listener.event(&Event::Notice { message });
        }
        let mut groups: BTreeMap<Address, Vec<Action>> = BTreeMap::new();
        for action in actions {
            groups.entry(mailbox_of(&action.kind).clone()).or_default().push(action.clone());
        }
        let pace = Arc::new(Pace::new(&self.desired.pacing));
        let rests: BTreeMap<Address, Rest> =
            groups.keys().map(|address| (address.clone(), Rest::new(&self.cancel))).collect();
        let watch =
            Watch::start(Arc::clone(&self.ledger), Arc::clone(&self.listener), rests.clone()).await;
        let mut runs =
            futures_util::stream::iter(groups.into_iter().filter_map(|(address, actions)| {
                let rest = rests.get(&address)?.clone();
                self.mailbox(&address, actions, rest, Arc::clone(&pace))
            }))
            .map(MailboxRun::run)
            .buffer_unordered(desired::MAILBOXES.into());
        let mut report = RunReport::default();
        while let Some(ended) = runs.next().await {
            report.outcomes.extend(ended.outcomes);
            report.moved |= ended.moved;
            for (name, number) in ended.unfinished {
                *report.unfinished.entry(name).or_default() += number;
            }
            report.worst = match (report.worst, ended.worst) {
                (Some(one), Some(other)) => Some(one.or_before(other)),
                (one, other) => one.or(other),
            };
        }
        drop(watch);
        report.interrupted = self.cancel.is_cancelled();
        report.waited = self.accounts.throttle().waited();
        for waited in &report.waited {
            self.listener.event(&Event::Waited(waited.clone()));
        }
        report
    }

    fn mailbox(
        &self,
        address: &Address,
        actions: Vec<Action>,
        rest: Rest,
        pace: Arc<Pace>,
    ) -> Option<MailboxRun> {
        let mailbox = self.desired.mailboxes.get(address)?.clone();
        let (messages, bytes) =
            actions.iter().fold((0, 0), |(messages, bytes), action| match &action.kind {
                Kind::CopyFolder(copy) => {
                    (messages + copy.estimate.messages, bytes + copy.estimate.bytes)
                }
                Kind::CreateFolder(_) | Kind::SetSubscription(_) | Kind::RemoveCopies(_) => {
                    (messages, bytes)
                }
            });
        let progress =
            MailboxProgress::new(address.clone(), Arc::clone(&self.listener), messages, bytes);
        let desk = Desk {
            ledger: Arc::clone(&self.ledger),
            listener: Arc::clone(&self.listener),
            clock: Arc::clone(&self.clock),
            cancel: rest.cancel.clone(),
            policy: Policy {
                follow_moves: self.desired.folders.moves == Moves::Follow,
                quiet: self.quiet,
            },
            pace: Some(pace),
            progress: Arc::new(progress),
        };
        let (accounts, dns) = (Arc::clone(&self.accounts), Arc::clone(&self.dns));
        let wanted = (mailbox, Arc::clone(&self.desired));
        Some(MailboxRun::new(desk, rest, accounts, wanted, dns, actions))
    }
}

/// The mailbox that an action belongs to, by its address in the migration plan.
fn mailbox_of(kind: &Kind) -> &Address {
    match kind {
        Kind::CreateFolder(params) => &params.mailbox,
        Kind::CopyFolder(params) => &params.mailbox,
        Kind::SetSubscription(params) => &params.mailbox,
        Kind::RemoveCopies(params) => &params.mailbox,
    }
}
