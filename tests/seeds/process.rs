//! One life of the program: plan, approve, apply; or verify.

use crate::life::Life;
use crate::mortal::Mortal;
use crate::mutant::Mutant;
use crate::network::Network;
use crate::world::{DESTINATION, PASSWORD, SOURCE, World};
use mailferry::accounts::Accounts;
use mailferry::copy::desk::{Desk, Policy};
use mailferry::copy::progress::MailboxProgress;
use mailferry::desired::SecretRef;
use mailferry::error::{Error, ErrorKind, Result};
use mailferry::executor::event::{Event, Listener};
use mailferry::executor::own_duplicates;
use mailferry::executor::owner::Held;
use mailferry::executor::report::RunReport;
use mailferry::executor::run::{QUIET, Run};
use mailferry::http::{Client, Limits, Patient};
use mailferry::imap::{Dial, Timeouts};
use mailferry::microsoft365::{AppTokens, GraphDirectory, Resource};
use mailferry::model::address::Address;
use mailferry::model::reading::Reading;
use mailferry::model::sampling::Sampling;
use mailferry::model::server::Endpoint;
use mailferry::observe::{self, Eyes};
use mailferry::observed::ZoneState;
use mailferry::planner;
use mailferry::planner::approval::approve;
use mailferry::planner::plan::{Action, Kind, Plan};
use mailferry::ports::clock::Clock;
use mailferry::ports::directory::Directory;
use mailferry::ports::dns::{DnsView, ZoneQuestion};
use mailferry::ports::ledger::{Ledger, Owner};
use mailferry::ports::secrets::Secrets;
use mailferry::ports::tokens::Tokens;
use mailferry::removal::{self, Hands};
use mailferry::verify::evidence::Evidence;
use secrecy::SecretString;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

#[derive(Debug)]
struct Password;

#[async_trait::async_trait]
impl Secrets for Password {
    async fn reveal(&self, _: &SecretRef, _: &Endpoint) -> Result<SecretString> {
        Ok(PASSWORD.into())
    }
}

/// Most migration plans name a zone; the others none.
#[derive(Debug)]
struct NoZones;

#[async_trait::async_trait]
impl DnsView for NoZones {
    async fn zone(&self, _: &ZoneQuestion) -> Reading<ZoneState> {
        Reading::Absent
    }
}

/// Keeps what is told.
#[derive(Debug, Default)]
pub(crate) struct Told(pub(crate) Mutex<Vec<String>>);

impl Listener for Told {
    fn event(&self, event: &Event) {
        let Ok(text) = serde_json::to_string(event) else { return };
        self.0.lock().expect("one thread").push(text);
    }
}

/// The program while it lives.
pub(crate) struct Process {
    life: Life,
    ledger: Arc<Mortal>,
    accounts: Arc<Accounts>,
    directory: Option<Arc<dyn Directory>>,
    dns: Arc<dyn DnsView>,
    clock: Arc<dyn Clock>,
    pub(crate) told: Arc<Told>,
    owner: Owner,
    /// The actions that were approved, so far.
    pub(crate) approved: Mutex<Vec<Action>>,
    /// What was planned, so far, with the number of acknowledgements in the migration plan.
    pub(crate) planned: Mutex<Option<(Plan, usize)>>,
}

/// What an apply came to.
#[derive(Debug)]
pub(crate) struct Applied {
    pub(crate) plan: Plan,
    pub(crate) report: RunReport,
    /// What `mailferry apply` would end as; `None` is exit code 0.
    pub(crate) ends_as: Option<ErrorKind>,
    /// What of the plan nobody reviewed.
    pub(crate) not_approved: Vec<Kind>,
    /// Reviewed actions that the world did not fit any more.
    pub(crate) stale: usize,
}

/// An extra copy that stays.
#[derive(Debug)]
pub(crate) struct Stays {
    pub(crate) user: String,
    pub(crate) folder: String,
    pub(crate) uid: u32,
    pub(crate) reason: String,
}

/// What the removal of extra copies came to.
#[derive(Debug, Default)]
pub(crate) struct Fixed {
    pub(crate) removed: u64,
    /// Copies that stay, with the reason, but those that others delivered at another time.
    pub(crate) stays: Vec<Stays>,
}

impl Process {
    /// Starts the program; `number` is its process id, which no real process has.
    pub(crate) fn start(world: &World, life: &Life, number: u32) -> Result<Self> {
        let services = BTreeMap::from([
            (SOURCE, world.source.clone()),
            (DESTINATION, world.destination.clone()),
        ]);
        let mutants = world.mutants.clone();
        let tenant = world.cloud.as_ref().and_then(|cloud| cloud.tenant.clone());
        let dial: Arc<dyn Dial> =
            Arc::new(Network { life: life.clone(), services, tenant, mutants });
        let told = Arc::<Told>::default();
        let mut accounts = Accounts::new(&world.desired, Arc::new(Password), Timeouts::default())
            .dialling(Arc::clone(&dial));
        let (mut directory, mut dns): (Option<Arc<dyn Directory>>, Arc<dyn DnsView>) =
            (None, Arc::new(NoZones));
        if let Some(cloud) = &world.cloud {
            dns = cloud.zone.clone();
        }
        if let Some(app) = &world.desired.microsoft365 {
            let client = Client::new(dial, Limits::default());
            let http = Patient::new(client, Arc::clone(accounts.throttle()));
            accounts.throttle().tell(told.clone());
            let tokens = |resource| -> Arc<dyn Tokens> {
                Arc::new(AppTokens::new(app, resource, Arc::new(Password), http.clone()))
            };
            accounts = accounts.with_tokens(Some(tokens(Resource::Exchange)));
            let graph = tokens(Resource::Graph);
            directory = Some(Arc::new(GraphDirectory::new(app, graph, http.clone())));
        }
        let clock: Arc<dyn Clock> = world.wall.clone();
        let mut owner = mailferry::ledger::current_owner(clock.as_ref(), "apply");
        owner.pid = 0x7f00_0000 + number;
        Ok(Self {
            life: life.clone(),
            ledger: Arc::new(Mortal::open(&world.disk, life, &world.mutants)?),
            accounts: Arc::new(accounts),
            directory,
            dns,
            clock,
            told,
            owner,
            approved: Mutex::default(),
            planned: Mutex::default(),
        })
    }

    /// Ends the program; its tasks find every door shut.
    pub(crate) fn end(&self) {
        self.life.end();
        self.ledger.close();
    }

    fn hold(&self, cancel: &CancellationToken) -> Result<Held> {
        let ledger: Arc<dyn Ledger> = self.ledger.clone();
        self.accounts.throttle().end_with(cancel.clone());
        Held::take(ledger, &self.owner, Arc::clone(&self.clock), cancel.clone())
    }

    /// Looks and plans.
    pub(crate) async fn plan(&self, world: &World) -> Result<Plan> {
        let eyes = Eyes {
            desired: Arc::new(world.desired.clone()),
            accounts: Arc::clone(&self.accounts),
            ledger: self.ledger.clone(),
            dns: Arc::clone(&self.dns),
            directory: self.directory.clone(),
            listener: self.told.clone(),
        };
        let (observed, summary) = observe::observe(&eyes).await?;
        Ok(planner::plan(&eyes.desired, &observed, &summary))
    }

    /// Plans, has a person acknowledge what there is to acknowledge, and applies. With a saved plan
    /// it is that which was reviewed, and nothing is acknowledged: that would be another migration
    /// plan, of which the saved one is none.
    pub(crate) async fn apply(&self, world: &mut World, saved: Option<&Plan>) -> Result<Applied> {
        let cancel = CancellationToken::new();
        let held = self.hold(&cancel)?;
        let mut plan = self.plan(world).await?;
        if saved.is_none() && world.acknowledge(&plan.guards) {
            plan = self.plan(world).await?;
        }
        world.planned(&plan);
        let acknowledged = world.desired.acknowledged.len();
        *self.planned.lock().expect("one thread") = Some((plan.clone(), acknowledged));
        let review = saved.filter(|_| !world.mutants.has(Mutant::PlanOfNow));
        let mut approval = approve(review.unwrap_or(&plan), &plan);
        if let Some(saved) = saved {
            let mut removed = BTreeSet::new();
            for action in saved.actions().filter(|action| approval.is_stale(&action.id)) {
                if removal::is_done(self.ledger.as_ref(), action)? {
                    removed.insert(action.id.clone());
                }
            }
            approval.removed_before(&removed, &plan);
        }
        let run = Run {
            desired: Arc::new(world.desired.clone()),
            accounts: Arc::clone(&self.accounts),
            ledger: self.ledger.clone(),
            listener: self.told.clone(),
            clock: Arc::clone(&self.clock),
            dns: Arc::clone(&self.dns),
            cancel,
            quiet: if world.mutants.has(Mutant::NoQuiet) { Duration::ZERO } else { QUIET },
        };
        self.approved.lock().expect("one thread").clone_from(&approval.run);
        let report = run.run(&approval.run).await;
        if let Some(error) = held.lost() {
            return Err(error);
        }
        let ends_as = report.ends_as(&plan, &approval);
        let unseen = plan.actions().filter(|action| approval.not_approved.contains(&action.id));
        let not_approved = unseen.map(|action| action.kind.clone()).collect();
        Ok(Applied { report, ends_as, not_approved, stale: approval.stale.len(), plan })
    }

    fn desk(&self, mailbox: &Address, cancel: &CancellationToken) -> Desk {
        Desk {
            ledger: self.ledger.clone(),
            listener: self.told.clone(),
            clock: Arc::clone(&self.clock),
            cancel: cancel.clone(),
            policy: Policy { follow_moves: false, quiet: Duration::ZERO },
            pace: None,
            progress: Arc::new(MailboxProgress::new(mailbox.clone(), self.told.clone(), 0, 0)),
        }
    }

    /// Proves it.
    pub(crate) async fn verify(&self, world: &World) -> Result<Evidence, Error> {
        let cancel = CancellationToken::new();
        let _held = self.hold(&cancel)?;
        let desk_of = |mailbox: &Address| self.desk(mailbox, &cancel);
        let desired = Arc::new(world.desired.clone());
        let began = self.clock.now();
        let verified = mailferry::verify::verify(
            &desired,
            &self.accounts,
            desk_of,
            None,
            Sampling::Full,
            began,
        );
        Ok(world.mutants.evidence(verified.await?))
    }

    /// Removes extra copies, after a person agreed to all that can be removed.
    pub(crate) async fn fix(&self, world: &World) -> Result<Fixed> {
        let cancel = CancellationToken::new();
        let _held = self.hold(&cancel)?;
        let mut fixed = Fixed::default();
        for mailbox in world.desired.mailboxes.values() {
            let desk = self.desk(&mailbox.source, &cancel);
            let compare = world.desired.compare;
            let found =
                own_duplicates::find(&self.accounts, &desk, mailbox, compare, Hands::Free).await?;
            let ours =
                |one: &&(own_duplicates::Duplicate, String)| one.0.extra.same_date != Some(false);
            let said = |(one, reason): &(own_duplicates::Duplicate, String)| Stays {
                user: one.folder.mailbox.as_str().to_owned(),
                folder: one.folder.folder.to_string(),
                uid: one.extra.uid.0,
                reason: reason.clone(),
            };
            fixed.stays.extend(found.left.iter().filter(ours).map(said));
            fixed.stays.extend(found.moved.iter().map(said));
            let mut removable = found.removable;
            if world.mutants.has(Mutant::OneExtraStays) {
                removable.pop();
            }
            let (gone, since) =
                own_duplicates::remove(&self.accounts, &desk, mailbox, &removable, compare).await?;
            fixed.removed += gone;
            fixed.stays.extend(since.left.iter().map(said));
        }
        Ok(fixed)
    }
}
