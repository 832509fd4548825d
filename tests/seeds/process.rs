//! One life of the program: plan, approve, apply; or verify.

use crate::life::Life;
use crate::mortal::Mortal;
use crate::network::Network;
use crate::world::{DESTINATION, PASSWORD, SOURCE, World};
use mailferry::accounts::Accounts;
use mailferry::copy::desk::{Desk, Policy};
use mailferry::copy::progress::MailboxProgress;
use mailferry::desired::SecretRef;
use mailferry::error::{Error, Result};
use mailferry::executor::event::{Event, Listener};
use mailferry::executor::owner::Held;
use mailferry::executor::report::RunReport;
use mailferry::executor::run::Run;
use mailferry::imap::Timeouts;
use mailferry::model::address::Address;
use mailferry::model::reading::Reading;
use mailferry::model::sampling::Sampling;
use mailferry::model::server::Endpoint;
use mailferry::observe::{self, Eyes};
use mailferry::observed::ZoneState;
use mailferry::planner;
use mailferry::planner::approval::approve;
use mailferry::planner::plan::Plan;
use mailferry::ports::clock::Clock;
use mailferry::ports::dns::{DnsView, ZoneQuestion};
use mailferry::ports::ledger::{Ledger, Owner};
use mailferry::ports::secrets::Secrets;
use mailferry::verify::evidence::Evidence;
use secrecy::SecretString;
use std::collections::BTreeMap;
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

/// No migration plan here names a zone.
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
    clock: Arc<dyn Clock>,
    pub(crate) told: Arc<Told>,
    owner: Owner,
}

impl Process {
    /// Starts the program; `number` is its process id, which no real process has.
    pub(crate) fn start(world: &World, life: &Life, number: u32) -> Result<Self> {
        let services = BTreeMap::from([
            (SOURCE, world.source.clone()),
            (DESTINATION, world.destination.clone()),
        ]);
        let network = Network { life: life.clone(), services };
        let accounts = Accounts::new(&world.desired, Arc::new(Password), Timeouts::default())
            .dialling(Arc::new(network));
        let clock: Arc<dyn Clock> = world.clock.clone();
        let mut owner = mailferry::ledger::current_owner(clock.as_ref(), "apply");
        owner.pid = 0x7f00_0000 + number;
        Ok(Self {
            life: life.clone(),
            ledger: Arc::new(Mortal::open(&world.disk, life)?),
            accounts: Arc::new(accounts),
            clock,
            told: Arc::default(),
            owner,
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
            dns: Arc::new(NoZones),
            directory: None,
            listener: self.told.clone(),
        };
        let (observed, summary) = observe::observe(&eyes).await?;
        Ok(planner::plan(&eyes.desired, &observed, &summary))
    }

    /// Plans, has a person acknowledge what there is to acknowledge, and applies.
    pub(crate) async fn apply(&self, world: &mut World) -> Result<(Plan, RunReport)> {
        let cancel = CancellationToken::new();
        let held = self.hold(&cancel)?;
        let mut plan = self.plan(world).await?;
        if world.acknowledge(&plan.guards) {
            plan = self.plan(world).await?;
        }
        let approval = approve(&plan, &plan);
        let run = Run {
            desired: Arc::new(world.desired.clone()),
            accounts: Arc::clone(&self.accounts),
            ledger: self.ledger.clone(),
            listener: self.told.clone(),
            clock: Arc::clone(&self.clock),
            dns: Arc::new(NoZones),
            cancel,
        };
        let report = run.run(&approval.run).await;
        match held.lost() {
            Some(error) => Err(error),
            None => Ok((plan, report)),
        }
    }

    /// Proves it.
    pub(crate) async fn verify(&self, world: &World) -> Result<Evidence, Error> {
        let cancel = CancellationToken::new();
        let _held = self.hold(&cancel)?;
        let desk_of = |mailbox: &Address| Desk {
            ledger: self.ledger.clone(),
            listener: self.told.clone(),
            clock: Arc::clone(&self.clock),
            cancel: cancel.clone(),
            policy: Policy { follow_moves: false, quiet: Duration::ZERO },
            pace: None,
            progress: Arc::new(MailboxProgress::new(mailbox.clone(), self.told.clone(), 0, 0)),
        };
        let desired = Arc::new(world.desired.clone());
        let began = self.clock.now();
        mailferry::verify::verify(&desired, &self.accounts, desk_of, None, Sampling::Full, began)
            .await
    }
}
