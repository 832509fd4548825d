//! The port: consent first, then the value.

use super::binding::Binding;
use super::fault::Fault;
use super::prompt::Prompt;
use super::trust::{self, TrustedHost};
use super::value;
use crate::desired::SecretRef;
use crate::error::Result;
use crate::executor::event::{Event, Listener};
use crate::model::server::Endpoint;
use crate::ports::secrets::Secrets;
use secrecy::SecretString;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::OnceCell;

/// How long a program may take to give a secret.
const PATIENCE: Duration = Duration::from_secs(30);

type Environment = dyn Fn(&str) -> Option<OsString> + Send + Sync;
type Value = Arc<OnceCell<std::result::Result<SecretString, Fault>>>;

/// Reads secrets, each one once in a run, for servers that somebody outside the migration plan
/// trusted with them.
///
/// Consent comes from the products' own host names, the trust file, `--trust`, or a yes at the
/// prompt. A secret that the trust file binds to another server needs `--trust`: a changed host
/// in a migration plan must not be waved through.
pub struct BoundSecrets {
    trusted: Vec<TrustedHost>,
    commands: bool,
    prompt: Option<Arc<dyn Prompt>>,
    trust_file: Option<PathBuf>,
    listener: Arc<dyn Listener>,
    environment: Box<Environment>,
    patience: Duration,
    answers: tokio::sync::Mutex<Answers>,
    values: Mutex<BTreeMap<SecretRef, Value>>,
}

/// What was found out about bindings in this run.
#[derive(Default)]
struct Answers {
    consented: BTreeSet<Binding>,
    declined: BTreeMap<Binding, Fault>,
}

impl BoundSecrets {
    /// Makes a store that trusts the products' own hosts only, runs no program, asks nobody and
    /// records nothing; `listener` gets the notices.
    pub fn new(listener: Arc<dyn Listener>) -> Self {
        Self {
            trusted: Vec::new(),
            commands: false,
            prompt: None,
            trust_file: None,
            listener,
            environment: Box::new(|name| std::env::var_os(name)),
            patience: PATIENCE,
            answers: tokio::sync::Mutex::default(),
            values: Mutex::default(),
        }
    }

    /// Takes the values of `--trust`.
    #[must_use]
    pub fn trusting(mut self, hosts: Vec<TrustedHost>) -> Self {
        self.trusted = hosts;
        self
    }

    /// Allows secrets that are the output of a program; never because a migration plan says so.
    #[must_use]
    pub fn allowing_commands(mut self, allowed: bool) -> Self {
        self.commands = allowed;
        self
    }

    /// Asks there for consent; with `None` nobody is asked.
    #[must_use]
    pub fn asking(mut self, prompt: Option<Arc<dyn Prompt>>) -> Self {
        self.prompt = prompt;
        self
    }

    /// Reads and records consents there, usually in [`super::trust_file`].
    #[must_use]
    pub fn remembering(mut self, trust_file: Option<PathBuf>) -> Self {
        self.trust_file = trust_file;
        self
    }

    /// Looks variables up there, and not in the process's own environment.
    #[must_use]
    pub fn with_environment(
        mut self,
        environment: impl Fn(&str) -> Option<OsString> + Send + Sync + 'static,
    ) -> Self {
        self.environment = Box::new(environment);
        self
    }

    async fn consent(&self, binding: &Binding) -> std::result::Result<(), Fault> {
        if binding.is_own_host() {
            return Ok(());
        }
        // Held while a person is asked, so that the same question comes once.
        let mut answers = self.answers.lock().await;
        if answers.consented.contains(binding) {
            return Ok(());
        }
        if let Some(fault) = answers.declined.get(binding) {
            return Err(fault.clone());
        }
        match self.find_consent(binding).await {
            Ok(()) => {
                answers.consented.insert(binding.clone());
                Ok(())
            }
            Err(fault) => {
                answers.declined.insert(binding.clone(), fault.clone());
                Err(fault)
            }
        }
    }

    async fn find_consent(&self, binding: &Binding) -> std::result::Result<(), Fault> {
        let recorded = match self.trust_file.clone() {
            Some(path) => {
                let reading = path.clone();
                blocking(&path, move || trust::read(&reading)).await?
            }
            None => BTreeSet::new(),
        };
        if recorded.contains(binding) {
            return Ok(());
        }
        if self.trusted.iter().any(|host| host.covers(binding)) {
            self.record(binding).await;
            return Ok(());
        }
        let old: Vec<String> = recorded
            .iter()
            .filter(|known| known.secret == binding.secret)
            .map(Binding::server)
            .collect();
        let refusal = |was: String| Fault::NoConsent {
            secret: binding.secret.clone(),
            server: binding.server(),
            was,
            flag: binding.flag(),
        };
        if !old.is_empty() {
            return Err(refusal(format!("; until now it went to {} only", old.join(" and "))));
        }
        let Some(prompt) = self.prompt.clone() else { return Err(refusal(String::new())) };
        let question = format!(
            "The secret `{}` would be sent to {} for the first time. Send it?",
            binding.secret,
            binding.server()
        );
        let asked = tokio::task::spawn_blocking(move || prompt.ask(&question)).await;
        match asked {
            Ok(Ok(true)) => {
                self.record(binding).await;
                Ok(())
            }
            Ok(Ok(false)) => Err(Fault::Declined {
                secret: binding.secret.clone(),
                server: binding.server(),
                flag: binding.flag(),
            }),
            Ok(Err(error)) => Err(refusal(format!("; nobody could be asked ({error})"))),
            Err(error) => Err(refusal(format!("; nobody could be asked ({error})"))),
        }
    }

    /// Keeps a consent for later runs; it holds for this one also when that fails.
    async fn record(&self, binding: &Binding) {
        let trouble = match self.trust_file.clone() {
            None => Some("no home directory is known".to_owned()),
            Some(path) => {
                let (writing, adding) = (path.clone(), binding.clone());
                let outcome = blocking(&path, move || trust::add(&writing, &adding)).await;
                outcome.err().map(|fault| fault.to_string())
            }
        };
        if let Some(why) = trouble {
            let message = format!(
                "the consent to send the secret `{}` to {} holds for this run only: {why}",
                binding.secret,
                binding.server()
            );
            self.listener.event(&Event::Notice { message });
        }
    }

    async fn value(&self, reference: &SecretRef) -> std::result::Result<SecretString, Fault> {
        match reference {
            SecretRef::Env(name) => value::variable(name, (self.environment)(name)),
            SecretRef::File(path) => {
                let reading = path.clone();
                blocking(path, move || value::file(&reading)).await
            }
            SecretRef::Csv { file, row } => {
                let (reading, row) = (file.clone(), *row);
                blocking(file, move || value::csv_cell(&reading, row)).await
            }
            SecretRef::Command(words) => value::output(words, self.patience).await,
        }
    }
}

/// Does file work where a reactor would wait.
async fn blocking<T: Send + 'static>(
    path: &std::path::Path,
    work: impl FnOnce() -> std::result::Result<T, Fault> + Send + 'static,
) -> std::result::Result<T, Fault> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| Fault::File { path: path.to_owned(), words: error.to_string() })?
}

#[async_trait::async_trait]
impl Secrets for BoundSecrets {
    async fn reveal(&self, reference: &SecretRef, endpoint: &Endpoint) -> Result<SecretString> {
        let (of, at) = (reference.clone(), endpoint.clone());
        let ca = endpoint.ca.clone().unwrap_or_default();
        let binding = blocking(&ca, move || Binding::of(&of, &at)).await?;
        if matches!(reference, SecretRef::Command(_)) && !self.commands {
            return Err(Fault::CommandForbidden(binding.secret).into());
        }
        self.consent(&binding).await?;
        let cell = {
            let mut values = self.values.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(values.entry(reference.clone()).or_default())
        };
        // A failure is kept too: a program that asks for a passphrase asks once in a run.
        let value = cell.get_or_init(|| self.value(reference)).await;
        value.clone().map_err(Into::into)
    }
}

impl fmt::Debug for BoundSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BoundSecrets")
            .field("trusted", &self.trusted)
            .field("commands", &self.commands)
            .field("trust_file", &self.trust_file)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
