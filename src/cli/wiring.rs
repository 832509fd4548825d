//! Puts a command's world together: the only place that names the concrete ledger, DNS view,
//! secrets and clock, and those of a rehearsal in their place.

use crate::accounts::Accounts;
use crate::cli::args::Global;
use crate::cli::document;
use crate::cli::output::Output;
use crate::clock::SystemClock;
use crate::copy::desk::{Desk, Policy};
use crate::copy::progress::MailboxProgress;
use crate::desired::{Desired, DesiredMailbox};
use crate::dns::HickoryView;
use crate::error::{Error, ErrorKind, Result};
use crate::executor::event::{Event, Listener};
use crate::executor::owner::Held;
use crate::http;
use crate::imap::{Dial, Tcp, Timeouts};
use crate::ledger::{SqliteLedger, current_owner, is_gone};
use crate::microsoft365::{AppTokens, GraphDirectory, Resource};
use crate::model::address::Address;
use crate::observe::{self, Eyes};
use crate::observed::Observed;
use crate::planner;
use crate::planner::plan::Plan;
use crate::ports::clock::Clock;
use crate::ports::directory::Directory;
use crate::ports::dns::DnsView;
use crate::ports::ledger::{Ledger, Owner};
use crate::ports::secrets::Secrets;
use crate::ports::tokens::Tokens;
use crate::progress;
use crate::rehearse::directions::{Directions, MadeUp};
use crate::secrets::{self, BoundSecrets, Prompt, TerminalPrompt, TrustedHost};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// What a command may do with the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Read only; an absent ledger reads as an empty one.
    Read,
    /// Read and write; an absent ledger is made.
    Write,
}

/// Everything that a command works with.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) desired: Arc<Desired>,
    pub(crate) accounts: Arc<Accounts>,
    pub(crate) ledger: Arc<dyn Ledger>,
    pub(crate) dns: Arc<dyn DnsView>,
    /// Of the tenant, where the destination is one.
    pub(crate) directory: Option<Arc<dyn Directory>>,
    pub(crate) clock: Arc<dyn Clock>,
    /// The folder of the ledger, where evidence goes too.
    pub(crate) folder: PathBuf,
}

/// Tells nobody.
#[derive(Debug)]
pub(crate) struct Nobody;

impl Listener for Nobody {
    fn event(&self, _: &Event) {}
}

impl World {
    /// Loads the migration plan and opens what it needs.
    pub(crate) fn open(path: &Path, global: &Global, output: &Output, mode: Mode) -> Result<Self> {
        Self::of(document::load(path, global, output)?, path, global, output, mode)
    }

    /// Opens what a loaded migration plan needs.
    pub(crate) fn of(
        desired: Desired,
        path: &Path,
        global: &Global,
        output: &Output,
        mode: Mode,
    ) -> Result<Self> {
        let rehearsal = global.rehearsal.as_deref().map(Directions::read).transpose()?;
        let desired = Arc::new(desired);
        let state = state_path(&desired, path, global);
        let folder = state.parent().map(Path::to_path_buf).unwrap_or_default();
        refuse_tracked(&state)?;
        let ledger: Arc<dyn Ledger> = match mode {
            Mode::Write => Arc::new(SqliteLedger::open(&state)?),
            Mode::Read => match SqliteLedger::open_read_only(&state)? {
                Some(ledger) => Arc::new(ledger),
                None => Arc::new(SqliteLedger::in_memory()?),
            },
        };
        let (secrets, timeouts, clock): (Arc<dyn Secrets>, _, Arc<dyn Clock>) =
            if let Some(directions) = &rehearsal {
                (Arc::new(MadeUp), Directions::timeouts(), directions.clock())
            } else {
                let secrets = secrets_of(global, output)?;
                (Arc::new(secrets), Timeouts::default(), Arc::new(SystemClock))
            };
        let mut dial: Arc<dyn Dial> = Arc::new(Tcp);
        let mut dns = HickoryView::default();
        if let Some(directions) = &rehearsal {
            dial = directions.dial();
            dns = dns.routed(directions.dns());
        }
        let (accounts, directory) = reach(&desired, &secrets, timeouts, dial);
        let dns = Arc::new(dns);
        Ok(Self { desired, accounts: Arc::new(accounts), ledger, dns, directory, clock, folder })
    }

    /// Returns a mailbox of the migration plan by its address there.
    pub(crate) fn mailbox(&self, address: &Address, plan: &Path) -> Result<&DesiredMailbox> {
        self.desired.mailboxes.get(address).ok_or_else(|| {
            Error::new(ErrorKind::Usage, "E006", format!("{address} is not in {}", plan.display()))
                .hint("Name a mailbox by its address in the migration plan.")
        })
    }

    /// Returns what every step of work on one mailbox needs; no limit of speed or hours.
    pub(crate) fn desk(
        &self,
        mailbox: &Address,
        listener: Arc<dyn Listener>,
        cancel: &CancellationToken,
    ) -> Desk {
        Desk {
            ledger: Arc::clone(&self.ledger),
            listener: Arc::clone(&listener),
            clock: Arc::clone(&self.clock),
            cancel: cancel.clone(),
            policy: Policy { follow_moves: false, quiet: Duration::ZERO },
            pace: None,
            progress: Arc::new(MailboxProgress::new(mailbox.clone(), listener, 0, 0)),
        }
    }

    /// Takes the lock for a command. Its end also ends every wait for a server.
    pub(crate) fn hold(&self, command: &'static str, cancel: &CancellationToken) -> Result<Held> {
        self.accounts.throttle().end_with(cancel.clone());
        let owner = current_owner(self.clock.as_ref(), command);
        Held::take(Arc::clone(&self.ledger), &owner, Arc::clone(&self.clock), cancel.clone())
    }

    /// Returns who holds the lock, and whether its process is gone from this machine.
    pub(crate) fn holder(&self) -> Result<Option<(Owner, bool)>> {
        let holder = self.ledger.holder()?;
        Ok(holder.map(|owner| {
            let gone = is_gone(&owner, self.clock.as_ref());
            (owner, gone)
        }))
    }

    /// Looks at the world and plans.
    pub(crate) async fn plan(&self, listener: Arc<dyn Listener>) -> Result<Plan> {
        self.look(listener).await.map(|(_, plan)| plan)
    }

    /// Looks at the world and plans, and hands out what was seen.
    pub(crate) async fn look(&self, listener: Arc<dyn Listener>) -> Result<(Observed, Plan)> {
        self.accounts.throttle().tell(Arc::clone(&listener));
        let eyes = Eyes {
            desired: Arc::clone(&self.desired),
            accounts: Arc::clone(&self.accounts),
            ledger: Arc::clone(&self.ledger),
            dns: Arc::clone(&self.dns),
            directory: self.directory.clone(),
            listener,
        };
        let (observed, summary) = observe::observe(&eyes).await?;
        let plan = planner::plan(&self.desired, &observed, &summary);
        Ok((observed, plan))
    }

    /// Asks for every consent that signing in needs, before bars fill the terminal.
    pub(crate) async fn consents(&self) -> Result<()> {
        self.accounts.consents(&self.desired).await
    }

    /// Returns who is told while something is looked at: bars on a terminal, else only of what it
    /// has to wait for and takes note of.
    pub(crate) fn looking(&self, output: &Output) -> Telling {
        if output.terminal {
            Telling::to(Arc::new(progress::Bars::new(Arc::clone(&self.clock))))
        } else {
            let err = Box::new(std::io::stderr());
            Telling::to(Arc::new(progress::Lines::quiet(err, Arc::clone(&self.clock))))
        }
    }

    /// Returns who is told while something is done.
    pub(crate) fn doing(&self, output: &Output, json: bool) -> Telling {
        let clock = Arc::clone(&self.clock);
        Telling::to(match (json, output.terminal) {
            (true, _) => Arc::new(progress::Ndjson::new(Box::new(std::io::stdout()), clock)),
            (false, true) => Arc::new(progress::Bars::new(clock)),
            (false, false) => Arc::new(progress::Lines::new(Box::new(std::io::stderr()), clock)),
        })
    }
}

/// A listener that is ticked once a second for as long as this lives.
#[derive(Debug)]
pub(crate) struct Telling {
    pub(crate) listener: Arc<dyn Listener>,
    ticks: tokio::task::JoinHandle<()>,
}

impl Telling {
    fn to(listener: Arc<dyn Listener>) -> Self {
        let ticked = Arc::clone(&listener);
        let ticks = tokio::spawn(async move {
            loop {
                tokio::time::sleep(Duration::from_secs(1)).await;
                ticked.tick();
            }
        });
        Self { listener, ticks }
    }

    /// Ends the progress; results may follow.
    pub(crate) fn finish(&self) {
        self.ticks.abort();
        self.listener.finished();
    }
}

impl Drop for Telling {
    fn drop(&mut self) {
        self.ticks.abort();
    }
}

/// Puts together what reaches servers over a way to them: the accounts, with the tokens of the app
/// that the migration plan names, and its directory.
pub(crate) fn reach(
    desired: &Desired,
    secrets: &Arc<dyn Secrets>,
    timeouts: Timeouts,
    dial: Arc<dyn Dial>,
) -> (Accounts, Option<Arc<dyn Directory>>) {
    let accounts = Accounts::new(desired, Arc::clone(secrets), timeouts);
    let client = http::Client::new(Arc::clone(&dial), http::Limits::default());
    let http = http::Patient::new(client, Arc::clone(accounts.throttle()));
    let accounts = accounts.dialling(dial);
    let Some(app) = &desired.microsoft365 else { return (accounts, None) };
    let tokens = |resource| -> Arc<dyn Tokens> {
        Arc::new(AppTokens::new(app, resource, Arc::clone(secrets), http.clone()))
    };
    let directory = GraphDirectory::new(app, tokens(Resource::Graph), http.clone());
    (accounts.with_tokens(Some(tokens(Resource::Exchange))), Some(Arc::new(directory)))
}

/// Reads the address of a mailbox from the command line.
pub(crate) fn address(text: &str) -> Result<Address> {
    text.parse().map_err(|reason: String| {
        Error::new(ErrorKind::Usage, "E006", reason)
            .hint("Name a mailbox by its address in the migration plan.")
    })
}

/// Reads the values of `--trust`.
pub(crate) fn trusted(global: &Global) -> Result<Vec<TrustedHost>> {
    global
        .trust
        .iter()
        .map(|text| {
            text.parse::<TrustedHost>().map_err(|reason| {
                Error::new(ErrorKind::Usage, "E007", format!("--trust: {reason}"))
            })
        })
        .collect()
}

fn secrets_of(global: &Global, output: &Output) -> Result<BoundSecrets> {
    let trusted = trusted(global)?;
    let prompt = TerminalPrompt::at_terminal()
        .filter(|_| output.can_ask)
        .map(|prompt| Arc::new(prompt) as Arc<dyn Prompt>);
    Ok(BoundSecrets::new(Arc::new(Notices))
        .trusting(trusted)
        .allowing_commands(global.allow_commands)
        .asking(prompt)
        .remembering(secrets::trust_file(|name| std::env::var_os(name))))
}

/// Shows what the secrets have to say; they speak before any bar is there.
#[derive(Debug)]
struct Notices;

impl Listener for Notices {
    fn event(&self, event: &Event) {
        if let Event::Notice { message } = event {
            use std::io::Write;
            // Nobody can be told that stderr is gone.
            let _ = writeln!(std::io::stderr().lock(), "{message}");
        }
    }
}

/// Refuses a ledger that git tracks: a commit of somebody else's could say of every message that it
/// is copied and proven.
fn refuse_tracked(state: &Path) -> Result<()> {
    // A ledger that is not there yet can come from nobody.
    let Ok(path) = state.canonicalize() else { return Ok(()) };
    let refused = |what: String| {
        Error::new(ErrorKind::Failed, "E312", format!("the ledger {}: {what}", state.display()))
    };
    match crate::document::git_tracks(&path) {
        Ok(false) => Ok(()),
        Ok(true) => Err(refused("git tracks it, so that a commit could say what was copied".into())
            .hint("If it is yours: `git rm --cached` it and add `.mailferry/` to .gitignore. If it is not: move it away.")),
        Err(reason) => Err(refused(format!("nobody can tell whether git tracks it: {reason}"))
            .hint("Keep it outside the repository, with --state FILE.")),
    }
}

fn state_path(desired: &Desired, plan: &Path, global: &Global) -> PathBuf {
    if let Some(state) = &global.state {
        return state.clone();
    }
    // What was rehearsed must never be taken for what was done.
    if let Some(directions) = &global.rehearsal {
        return directions.with_file_name("ledger.sqlite");
    }
    let name: String = desired
        .name
        .chars()
        .map(|c| if c.is_alphanumeric() || "-_.".contains(c) { c } else { '-' })
        .collect();
    let beside = plan.parent().unwrap_or_else(|| Path::new(""));
    beside.join(".mailferry").join(format!("{}.sqlite", name.trim_start_matches('.')))
}

/// Reads a duration such as `90m`, `24h` or `7d`.
pub(crate) fn duration(text: &str) -> Result<jiff::SignedDuration> {
    let wrong = || {
        Error::new(ErrorKind::Usage, "E004", format!("`{text}` is not a time"))
            .hint("Write for example `90m`, `24h` or `7d`.")
    };
    let unit = text.chars().last().ok_or_else(wrong)?;
    let number: i64 =
        text.strip_suffix(unit).and_then(|digits| digits.parse().ok()).ok_or_else(wrong)?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        _ => return Err(wrong()),
    };
    let seconds = number.checked_mul(seconds).filter(|&s| s >= 0).ok_or_else(wrong)?;
    Ok(jiff::SignedDuration::from_secs(seconds))
}
