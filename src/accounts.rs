//! Opens signed-in connections for a mailbox, within what each server and each account allows.

use crate::catalogue::{self, Row, Scope};
use crate::desired::{Desired, DesiredMailbox, Login, LoginStyle, Side};
use crate::error::{Class, Error, ErrorKind, Result, Retry};
use crate::imap::{
    Brake, Connection, Credential, Dial, ImapError, SourceConnection, Tcp, Timeouts,
};
use crate::model::address::Address;
use crate::ports::secrets::Secrets;
use crate::ports::tokens::{Token, Tokens};
use crate::throttle::{AccountBrake, AccountKey, Allowed, Place, Throttle};
use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// A connection that counts against the limits of its server for as long as it lives.
#[derive(Debug)]
pub struct Held<C> {
    connection: C,
    place: Place,
}

impl<C> Held<C> {
    /// Tells whether there are more connections than there may be, so that this one goes as soon
    /// as its work allows.
    pub fn is_surplus(&self) -> bool {
        self.place.is_surplus()
    }
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
    secrets: Arc<dyn Secrets>,
    /// For log-ins with XOAUTH2.
    tokens: Option<Arc<dyn Tokens>>,
    timeouts: Timeouts,
    dial: Arc<dyn Dial>,
    throttle: Arc<Throttle>,
    /// Log-ins that were refused: none is tried twice, so that no account is locked out.
    refused: Mutex<BTreeMap<AccountKey, ImapError>>,
}

/// Waits for a server that has too many connections already. Together some two minutes: Dovecot
/// counts a closed connection for up to a minute, and another mail program may go meanwhile.
const ROOM: [Duration; 6] = [
    Duration::from_secs(2),
    Duration::from_secs(4),
    Duration::from_secs(8),
    Duration::from_secs(16),
    Duration::from_secs(32),
    Duration::from_secs(60),
];

/// Requests for patience in a row before a sign-in is given up; each is waited for in full.
const PATIENCE: usize = 8;

/// One side of one mailbox.
struct Entry<'a> {
    name: &'static str,
    side: &'a Side,
    login: &'a Login,
    mailbox: &'a Address,
}

impl Accounts {
    /// Makes the opener for a migration.
    pub fn new(desired: &Desired, secrets: Arc<dyn Secrets>, timeouts: Timeouts) -> Self {
        Self {
            source: desired.source.clone(),
            destination: desired.destination.clone(),
            secrets,
            tokens: None,
            timeouts,
            dial: Arc::new(Tcp),
            throttle: Arc::default(),
            refused: Mutex::default(),
        }
    }

    /// Reaches the servers in another way than over the network.
    #[must_use]
    pub fn dialling(mut self, dial: Arc<dyn Dial>) -> Self {
        self.dial = dial;
        self
    }

    /// Signs in with these tokens where the migration plan has an app sign in.
    #[must_use]
    pub fn with_tokens(mut self, tokens: Option<Arc<dyn Tokens>>) -> Self {
        self.tokens = tokens;
        self
    }

    /// Returns what the run knows about the patience of its servers.
    pub fn throttle(&self) -> &Arc<Throttle> {
        &self.throttle
    }

    /// Reveals every secret once, so that consents are asked for before the work begins.
    ///
    /// Only a declined consent is an error here: a secret that cannot be read concerns its own
    /// mailbox, and is told there.
    pub async fn consents(&self, desired: &Desired) -> Result<()> {
        if let Some(tokens) = &self.tokens {
            match tokens.consent().await {
                Err(error) if error.kind == ErrorKind::Declined => return Err(error),
                _ => {}
            }
        }
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
        let entry = Entry {
            name: "source",
            side: &self.source,
            login: &mailbox.source_login,
            mailbox: &mailbox.source,
        };
        self.open(&entry, async |credential, brake| {
            let endpoint = &self.source.endpoint;
            let dial = self.dial.as_ref();
            SourceConnection::open_with(endpoint, credential, &self.timeouts, Some(brake), dial)
                .await
        })
        .await
    }

    /// Signs in at the destination.
    pub async fn destination(&self, mailbox: &DesiredMailbox) -> Result<Held<Connection>> {
        let entry = Entry {
            name: "destination",
            side: &self.destination,
            login: &mailbox.destination_login,
            mailbox: &mailbox.destination,
        };
        self.open(&entry, async |credential, brake| {
            let endpoint = &self.destination.endpoint;
            let dial = self.dial.as_ref();
            Connection::open_with(endpoint, credential, &self.timeouts, Some(brake), dial).await
        })
        .await
    }

    /// Opens a connection within the limits, as often as the server only asks for patience.
    async fn open<C>(
        &self,
        entry: &Entry<'_>,
        connect: impl AsyncFn(&Credential, Arc<dyn Brake>) -> Result<C, ImapError>,
    ) -> Result<Held<C>> {
        let Entry { name, side, login, mailbox } = entry;
        let key = AccountKey {
            side: name,
            server: side.endpoint.to_string(),
            account: account(&login.style).to_owned(),
        };
        let by_token = matches!(login.style, LoginStyle::XOAuth2 { .. });
        let explained = |error: &ImapError| match catalogue::row_of(error) {
            Some(Row { class: Class::Credential, .. }) if by_token => {
                catalogue::token_refused(error, mailbox, name, &side.endpoint)
            }
            _ => catalogue::signing_in(error, mailbox, name, &side.endpoint),
        };
        let brake: Arc<dyn Brake> = Arc::new(AccountBrake {
            throttle: Arc::clone(&self.throttle),
            key: key.clone(),
            mailbox: mailbox.to_string(),
        });
        let allowed = Allowed { server: side.connections, account: side.connections_per_mailbox };
        // With a token this is the consent alone: a token opens what its app's secret opens, so that
        // no server gets it that may not have the secret.
        let secret = self.secrets.reveal(&login.secret, &side.endpoint).await?;
        let mut credential = Credential { style: login.style.clone(), password: secret };
        let mut refused_token: Option<Token> = None;
        let (mut room, mut patience) = (ROOM.iter(), PATIENCE);
        loop {
            let place = self.throttle.place(&key, allowed).await?;
            if let Some(error) = self.refused(|refused| refused.get(&key).cloned()) {
                return Err(explained(&error));
            }
            let token =
                if by_token { Some(self.token(refused_token.as_ref()).await?) } else { None };
            if let Some(token) = &token {
                credential.password = token.value.clone();
            }
            let error = match connect(&credential, Arc::clone(&brake)).await {
                Ok(connection) => return Ok(Held { connection, place }),
                Err(error) => error,
            };
            // Others of this run may have the room meanwhile.
            drop(place);
            match catalogue::row_of(&error) {
                // It may have been taken back, or its end came early: one more, and a new one.
                Some(Row { class: Class::Credential, .. })
                    if refused_token.is_none() && token.as_ref().is_some_and(|it| it.kept) =>
                {
                    refused_token = token;
                }
                Some(Row { class: Class::Credential, .. }) => {
                    self.refused(|refused| refused.insert(key.clone(), error.clone()));
                    return Err(explained(&error));
                }
                Some(Row { class: Class::Throttle, scope: Scope::Connections, .. }) => {
                    let Some(&wait) = room.next() else {
                        return Err(explained(&error).retry(Retry::Never));
                    };
                    // A time that the server names comes before ours.
                    let wait = error.backoff().unwrap_or(wait);
                    let words = error.words().unwrap_or_default();
                    self.throttle.waits_for_room(&key, mailbox.as_str(), wait, &words);
                    self.throttle.sleep(wait).await?;
                }
                Some(Row { class: Class::Throttle, .. }) if patience > 0 => patience -= 1,
                Some(Row { class: Class::Throttle, .. }) => {
                    return Err(explained(&error).retry(Retry::Never));
                }
                _ => return Err(explained(&error)),
            }
        }
    }

    async fn token(&self, refused: Option<&Token>) -> Result<Token> {
        let tokens = self.tokens.as_ref().ok_or_else(|| {
            Error::new(ErrorKind::Failed, "E189", "nobody gets tokens for a log-in with XOAUTH2")
                .hint("This is a defect of mailferry: report it.")
        })?;
        match refused {
            Some(refused) => tokens.instead_of(refused).await,
            None => tokens.token().await,
        }
    }

    fn refused<T>(&self, look: impl FnOnce(&mut BTreeMap<AccountKey, ImapError>) -> T) -> T {
        look(&mut self.refused.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The name whose mailbox is opened: servers count connections by it, whoever signs in for it.
fn account(style: &LoginStyle) -> &str {
    match style {
        LoginStyle::Login { user } | LoginStyle::XOAuth2 { user } => user,
        LoginStyle::PlainAs { authorization, .. } => authorization,
    }
}
