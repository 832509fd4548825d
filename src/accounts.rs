//! Opens signed-in connections for a mailbox, within the limits of each server.

use crate::catalogue;
use crate::desired::{Desired, DesiredMailbox, Side};
use crate::error::{Error, ErrorKind, Result};
use crate::imap::{Connection, Credential, ImapError, SourceConnection, Timeouts};
use crate::ports::secrets::Secrets;
use backon::{ExponentialBuilder, Retryable as _};
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// A connection that counts against the limit of its server for as long as it lives.
#[derive(Debug)]
pub struct Held<C> {
    connection: C,
    _permit: OwnedSemaphorePermit,
}

impl<C> Deref for Held<C> {
    type Target = C;

    fn deref(&self) -> &C {
        &self.connection
    }
}

/// The mailboxes of both sides, as far as signing in goes.
#[derive(Debug)]
pub struct Accounts {
    source: Side,
    destination: Side,
    source_places: Arc<Semaphore>,
    destination_places: Arc<Semaphore>,
    secrets: Arc<dyn Secrets>,
    timeouts: Timeouts,
}

/// How often a refused connection is tried again when the server says that there are too many.
const CROWDED_ATTEMPTS: usize = 5;

impl Accounts {
    /// Makes the opener for a migration.
    pub fn new(desired: &Desired, secrets: Arc<dyn Secrets>, timeouts: Timeouts) -> Self {
        let places = |side: &Side| Arc::new(Semaphore::new(usize::from(side.connections.max(1))));
        Self {
            source_places: places(&desired.source),
            destination_places: places(&desired.destination),
            source: desired.source.clone(),
            destination: desired.destination.clone(),
            secrets,
            timeouts,
        }
    }

    /// Reveals every secret once, so that consents are asked for before the work begins.
    ///
    /// Only a declined consent is an error here: a secret that cannot be read concerns its own
    /// mailbox, and is told there.
    pub async fn consents(&self, desired: &Desired) -> Result<()> {
        for mailbox in desired.mailboxes.values() {
            let sides = [
                (&mailbox.source_login.secret, &self.source.endpoint),
                (&mailbox.destination_login.secret, &self.destination.endpoint),
            ];
            for (secret, endpoint) in sides {
                match self.secrets.reveal(secret, endpoint).await {
                    Err(error) if error.kind == ErrorKind::Declined => return Err(error),
                    _ => {}
                }
            }
        }
        Ok(())
    }

    /// Returns the source as configured.
    pub fn source_side(&self) -> &Side {
        &self.source
    }

    /// Returns the destination as configured.
    pub fn destination_side(&self) -> &Side {
        &self.destination
    }

    /// Signs in at the source; the result cannot write.
    pub async fn source(&self, mailbox: &DesiredMailbox) -> Result<Held<SourceConnection>> {
        let permit = place(&self.source_places).await?;
        let secret =
            self.secrets.reveal(&mailbox.source_login.secret, &self.source.endpoint).await?;
        let credential = Credential { style: mailbox.source_login.style.clone(), password: secret };
        let connection = patiently(|| {
            SourceConnection::open(&self.source.endpoint, &credential, &self.timeouts)
        })
        .await
        .map_err(|error| {
            catalogue::signing_in(&error, &mailbox.source, "source", &self.source.endpoint)
        })?;
        Ok(Held { connection, _permit: permit })
    }

    /// Signs in at the destination.
    pub async fn destination(&self, mailbox: &DesiredMailbox) -> Result<Held<Connection>> {
        let permit = place(&self.destination_places).await?;
        let side = &self.destination;
        let secret = self.secrets.reveal(&mailbox.destination_login.secret, &side.endpoint).await?;
        let credential =
            Credential { style: mailbox.destination_login.style.clone(), password: secret };
        let connection =
            patiently(|| Connection::open(&side.endpoint, &credential, &self.timeouts))
                .await
                .map_err(|error| {
                    catalogue::signing_in(
                        &error,
                        &mailbox.destination,
                        "destination",
                        &side.endpoint,
                    )
                })?;
        Ok(Held { connection, _permit: permit })
    }
}

async fn place(places: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit> {
    Arc::clone(places).acquire_owned().await.map_err(|error| {
        Error::new(ErrorKind::Failed, "E199", "the connection limit was closed while it was in use")
            .source(error)
    })
}

/// Tries again when the server says that there are too many connections: another client of the
/// same user may have gone by then. A refused password is never tried twice, so that no account
/// is locked.
async fn patiently<C, F, Fut>(open: F) -> Result<C, ImapError>
where
    F: Fn() -> Fut,
    Fut: Future<Output = Result<C, ImapError>>,
{
    let waits = ExponentialBuilder::new()
        .with_min_delay(Duration::from_secs(2))
        .with_max_times(CROWDED_ATTEMPTS);
    open.retry(waits)
        .when(catalogue::is_crowded)
        // A time that the server names comes before ours; without a wait of ours it was the last.
        .adjust(|error, wait| wait.map(|wait| error.backoff().unwrap_or(wait)))
        .await
}
