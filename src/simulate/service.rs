//! One simulated IMAP service: its users, their mailboxes, and its doors.

use crate::ports::clock::Clock;
use crate::simulate::deed::Deed;
use crate::simulate::fault::{Mischief, Script};
use crate::simulate::habit::Habit;
use crate::simulate::hands::Hands;
use crate::simulate::mailbox::Mailbox;
use crate::simulate::oracle::Oracle;
use crate::simulate::product::Product;
use crate::simulate::session;
use bytes::Bytes;
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_rustls::TlsAcceptor;

/// Who a token lets in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Access {
    /// One mailbox, as a delegated token does.
    Mailbox(String),
    /// These mailboxes, as an application that may open them.
    Mailboxes(Vec<String>),
}

pub(crate) struct Token {
    access: Access,
    pub(crate) end: Timestamp,
}

pub(crate) struct Account {
    password: String,
    pub(crate) mailbox: Mailbox,
    /// Whether the mailbox can be opened.
    pub(crate) connectable: bool,
    open: usize,
    /// Until when closed connections are counted.
    lingering: Vec<Instant>,
    window: Option<(Instant, u32)>,
    throttled_until: Option<Instant>,
    /// How often the user was throttled.
    pub(crate) throttles: u64,
    /// Messages are stored in turn.
    pub(crate) turn: Arc<tokio::sync::Mutex<()>>,
}

pub(crate) struct State {
    pub(crate) accounts: BTreeMap<String, Account>,
    master: Option<(String, String)>,
    tokens: BTreeMap<String, Token>,
    pub(crate) script: Script,
    sessions: u64,
    /// `None` keeps none.
    deeds: Option<Vec<Deed>>,
}

struct Inner {
    product: Product,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
    changed: watch::Sender<u64>,
}

/// A service in this process; clones are the same service.
#[derive(Clone)]
pub struct Service(Arc<Inner>);

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Service").field("voice", &self.0.product.voice).finish_non_exhaustive()
    }
}

/// How a log-in ended.
pub(crate) enum SignedIn {
    /// To this mailbox, until the token ends.
    To {
        user: String,
        connected: bool,
        end: Option<Timestamp>,
    },
    No,
}

/// A connection that is counted for a user.
pub(crate) struct Slot(Service, String);

impl Drop for Slot {
    fn drop(&mut self) {
        let product = &self.0.0.product;
        let linger = product.has(Habit::ClosedConnectionsLinger).then_some(product.linger);
        if let Some(account) = self.0.state().accounts.get_mut(&self.1) {
            account.open = account.open.saturating_sub(1);
            account.lingering.extend(linger.map(|linger| Instant::now() + linger));
        }
    }
}

impl Service {
    /// Makes a service without users.
    pub fn new(product: Product, clock: Arc<dyn Clock>) -> Self {
        Self(Arc::new(Inner {
            product,
            clock,
            state: Mutex::new(State {
                accounts: BTreeMap::new(),
                master: None,
                tokens: BTreeMap::new(),
                script: Script::default(),
                sessions: 0,
                deeds: None,
            }),
            changed: watch::Sender::new(0),
        }))
    }

    /// Makes a user with the product's folders; an address that is known gets a new password.
    pub fn add_user(&self, address: &str, password: &str) {
        let fresh = Mailbox::new(&self.0.product);
        let mut state = self.state();
        state
            .accounts
            .entry(address.to_lowercase())
            .and_modify(|account| password.clone_into(&mut account.password))
            .or_insert_with(|| Account {
                password: password.to_owned(),
                mailbox: fresh,
                connectable: true,
                open: 0,
                lingering: Vec::new(),
                window: None,
                throttled_until: None,
                throttles: 0,
                turn: Arc::default(),
            });
    }

    /// Names the master user of [`Habit::MasterLogin`].
    pub fn set_master(&self, user: &str, password: &str) {
        self.state().master = Some((user.to_owned(), password.to_owned()));
    }

    /// Lets a token sign in by XOAUTH2 until its end.
    pub fn issue_token(&self, token: &str, access: Access, end: Timestamp) {
        self.state().tokens.insert(token.to_owned(), Token { access, end });
    }

    /// Says whether a mailbox can be opened after a log-in ([`Habit::AuthenticatedNotConnected`]).
    pub fn set_connectable(&self, address: &str, connectable: bool) {
        if let Some(account) = self.state().accounts.get_mut(&address.to_lowercase()) {
            account.connectable = connectable;
        }
    }

    /// Replaces the script of faults.
    pub fn set_script(&self, script: Script) {
        self.state().script = script;
    }

    /// Adds a fault to the script.
    pub fn add_fault(&self, fault: crate::simulate::fault::Fault) {
        self.state().script.add(fault);
    }

    /// Returns the script as it stands, with what has struck.
    pub fn script(&self) -> Script {
        self.state().script.clone()
    }

    /// Returns the number of the newest session.
    pub fn newest_session(&self) -> u64 {
        self.state().sessions
    }

    /// Notes from now on what changes mailboxes.
    pub fn keep_deeds(&self) {
        self.state().deeds.get_or_insert_default();
    }

    /// Returns what was noted since [`Service::keep_deeds`].
    pub fn deeds(&self) -> Vec<Deed> {
        self.state().deeds.clone().unwrap_or_default()
    }

    pub(crate) fn keeps_deeds(&self) -> bool {
        self.state().deeds.is_some()
    }

    /// Takes back that messages of a session were stored late.
    pub(crate) fn was_never_stored(&self, session: u64, messages: &[Bytes]) {
        let mut state = self.state();
        for deed in state.deeds.iter_mut().flatten() {
            let one = deed.octets.as_ref().is_some_and(|octets| messages.contains(octets));
            if deed.session == Some(session) && one {
                deed.late = None;
            }
        }
    }

    pub(crate) fn note(&self, new: Vec<Deed>) {
        if let Some(deeds) = &mut self.state().deeds {
            deeds.extend(new);
        }
    }

    /// Returns read access to the truth.
    pub fn oracle(&self) -> Oracle {
        Oracle::new(self.clone())
    }

    /// Returns the hands of others who change mailboxes.
    pub fn hands(&self) -> Hands {
        Hands::new(self.clone())
    }

    /// Returns what the service is.
    pub fn product(&self) -> &Product {
        &self.0.product
    }

    /// Speaks IMAP over one stream until either side ends it.
    pub async fn serve<S>(&self, stream: S)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send,
    {
        // A connection that breaks is what connections do; the client is told by its end.
        let _ = session::run(self.clone(), stream, true).await;
    }

    /// Speaks IMAP in the clear until STARTTLS, RFC 3501 section 6.2.1, and then over TLS.
    pub(crate) async fn serve_starttls(&self, mut stream: TcpStream, acceptor: TlsAcceptor) {
        if session::agree_on_tls(&self.0.product, &mut stream).await.unwrap_or(false)
            && let Ok(stream) = acceptor.accept(stream).await
        {
            let _ = session::run(self.clone(), stream, false).await;
        }
    }

    /// Opens a connection in memory; it is served by a task of the present runtime.
    pub fn connect(&self) -> DuplexStream {
        let (client, server) = tokio::io::duplex(64 * 1024);
        let service = self.clone();
        tokio::spawn(async move { service.serve(server).await });
        client
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        // A test that failed in another session must not hide what it found.
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.0.clock.now()
    }

    pub(crate) fn notify(&self) {
        self.0.changed.send_modify(|count| *count = count.wrapping_add(1));
    }

    pub(crate) fn watch(&self) -> watch::Receiver<u64> {
        self.0.changed.subscribe()
    }

    /// Counts a connection and returns its number and what strikes it.
    pub(crate) fn open(&self) -> (u64, Vec<Mischief>) {
        let mut state = self.state();
        state.sessions += 1;
        let number = state.sessions;
        (number, state.script.at_connection())
    }

    /// Runs something on a user's account; the purge of the product comes first.
    pub(crate) fn account<T>(&self, user: &str, act: impl FnOnce(&mut Account) -> T) -> Option<T> {
        let now = self.now();
        let product = &self.0.product;
        let mut state = self.state();
        let account = state.accounts.get_mut(&user.to_lowercase())?;
        if product.has(Habit::PurgeAfterDays) {
            account.mailbox.purge(now, product.purge_days);
        }
        Some(act(account))
    }

    /// Checks a password; `authorization` is the mailbox where it is another than the user.
    pub(crate) fn check_password(
        &self,
        authorization: &str,
        user: &str,
        password: &str,
    ) -> SignedIn {
        let product = &self.0.product;
        let state = self.state();
        if product.has(Habit::BasicAuthRefused) {
            return SignedIn::No;
        }
        let masters = product.has(Habit::MasterLogin);
        let (mailbox, by) = match user.rsplit_once('*') {
            Some((mailbox, master)) if masters && authorization.is_empty() => (mailbox, master),
            _ if authorization.is_empty() || authorization.eq_ignore_ascii_case(user) => (user, ""),
            _ => (authorization, user),
        };
        let mailbox = mailbox.to_lowercase();
        let Some(account) = state.accounts.get(&mailbox) else { return SignedIn::No };
        let right = if by.is_empty() {
            account.password == password
        } else {
            masters
                && state.master.as_ref().is_some_and(|(name, its)| name == by && its == password)
        };
        if !right {
            return SignedIn::No;
        }
        SignedIn::To { connected: account.connectable, user: mailbox, end: None }
    }

    /// Checks a token of XOAUTH2.
    pub(crate) fn check_token(&self, user: &str, token: &str) -> SignedIn {
        let product = &self.0.product;
        let now = self.now();
        let state = self.state();
        let Some(token) = state.tokens.get(token) else { return SignedIn::No };
        if product.has(Habit::ExpiringTokens) && token.end <= now {
            return SignedIn::No;
        }
        let user = user.to_lowercase();
        let allowed = match &token.access {
            Access::Mailbox(only) => only.eq_ignore_ascii_case(&user),
            Access::Mailboxes(these) => these.iter().any(|it| it.eq_ignore_ascii_case(&user)),
        };
        let connected =
            allowed && state.accounts.get(&user).is_some_and(|account| account.connectable);
        if !connected && !product.has(Habit::AuthenticatedNotConnected) {
            return SignedIn::No;
        }
        SignedIn::To { user, connected, end: Some(token.end) }
    }

    /// Counts a connection for a user; `None` when there is one too many.
    pub(crate) fn slot(&self, user: &str) -> Option<Slot> {
        let product = &self.0.product;
        let counted = product.has(Habit::ConnectionsPerUser);
        let mut state = self.state();
        if let Some(account) = state.accounts.get_mut(user) {
            let now = Instant::now();
            account.lingering.retain(|until| *until > now);
            if counted && account.open + account.lingering.len() >= product.connections {
                return None;
            }
            account.open += 1;
        }
        Some(Slot(self.clone(), user.to_owned()))
    }

    /// Throttles a user from now on.
    pub(crate) fn throttle(&self, user: &str, time: std::time::Duration) {
        self.account(user, |account| {
            account.throttled_until = Some(Instant::now() + time);
            account.throttles += 1;
        });
    }

    /// Counts an APPEND against the rate, and returns the milliseconds that are left while the user
    /// is throttled, with whether this is an even or an odd time.
    pub(crate) fn throttled(&self, user: &str, append: bool) -> Option<(u128, bool)> {
        let rate = self.0.product.throttle;
        self.account(user, |account| {
            let now = Instant::now();
            if let (true, Some(rate)) = (append, rate)
                && account.throttled_until.is_none_or(|until| until <= now)
            {
                let (start, count) = account.window.get_or_insert((now, 0));
                if now.duration_since(*start) >= rate.per {
                    (*start, *count) = (now, 0);
                }
                *count += 1;
                if *count > rate.appends {
                    account.throttled_until = Some(now + rate.backoff);
                    account.throttles += 1;
                    account.window = None;
                }
            }
            let left = account.throttled_until?.checked_duration_since(now)?;
            (!left.is_zero()).then_some((left.as_millis().max(1), account.throttles % 2 == 0))
        })?
    }
}
