//! One account at one server: its places, and its brake.

use super::limits::Limits;
use super::{REPEAT, Server, State, Throttle, interrupted};
use crate::catalogue::{self, Scope};
use crate::error::{Class, Result};
use crate::executor::event::{Event, Waited};
use crate::imap::{Brake, ImapError};
use async_trait::async_trait;
use std::sync::Arc;
use std::time::Duration;

/// An account: who is signed in, where.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct AccountKey {
    /// `source` or `destination`.
    pub side: &'static str,
    /// Host and port.
    pub server: String,
    /// The name whose mailbox it is, as the server is told it.
    pub account: String,
}

/// What a side allows, from the migration plan.
#[derive(Clone, Copy, Debug)]
pub struct Allowed {
    /// Connections to the server.
    pub server: u16,
    /// Connections of one account.
    pub account: u16,
}

/// A place for one connection, free again when it is dropped.
#[derive(Debug)]
pub struct Place {
    throttle: Arc<Throttle>,
    key: AccountKey,
}

impl State {
    fn server(&mut self, key: &AccountKey, allowed: u16) -> &mut Server {
        self.servers
            .entry((key.side, key.server.clone()))
            .or_insert_with(|| Server { limits: Limits::new(allowed), sign: None })
    }

    fn both(&mut self, key: &AccountKey) -> impl Iterator<Item = &mut Limits> {
        let server = self.servers.get_mut(&(key.side, key.server.clone()));
        server.map(|server| &mut server.limits).into_iter().chain(self.accounts.get_mut(key))
    }

    /// How long nothing may go out for this account: what its server wants of it or of everybody,
    /// on whichever side it is.
    fn held(&self, key: &AccountKey, now: Duration) -> Option<Duration> {
        let servers = self
            .servers
            .iter()
            .filter(|((_, server), _)| *server == key.server)
            .filter_map(|(_, server)| server.limits.held(now));
        let accounts = self
            .accounts
            .iter()
            .filter(|(other, _)| other.server == key.server && other.account == key.account)
            .filter_map(|(_, limits)| limits.held(now));
        servers.chain(accounts).max()
    }
}

impl Throttle {
    /// Waits until server and account have room for one more connection, and takes it.
    pub async fn place(self: &Arc<Self>, key: &AccountKey, allowed: Allowed) -> Result<Place> {
        loop {
            // Before the look, so that no change is missed after it.
            let mut changed = std::pin::pin!(self.changed.notified());
            changed.as_mut().enable();
            let now = self.now();
            let grows = {
                let mut state = self.state();
                state.server(key, allowed.server);
                state.accounts.entry(key.clone()).or_insert_with(|| Limits::new(allowed.account));
                // Both are asked: one that is not told the time goes on saying when it would have
                // grown, and a wait until then is none.
                let full =
                    state.both(key).map(|limits| u8::from(!limits.has_room(now))).sum::<u8>();
                if full == 0 {
                    state.both(key).for_each(Limits::take);
                    return Ok(Place { throttle: Arc::clone(self), key: key.clone() });
                }
                state.both(key).filter_map(|limits| limits.grows_at()).min()
            };
            let cancel = self.cancel();
            let sleep = async {
                match grows {
                    Some(at) => tokio::time::sleep(at.saturating_sub(now)).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                () = cancel.cancelled() => return Err(interrupted()),
                () = changed => {}
                () = sleep => {}
            }
        }
    }

    /// Takes a sign of trouble: halves, makes everybody wait, and tells it.
    fn sign(&self, key: &AccountKey, mailbox: &str, scope: Scope, error: &ImapError) {
        let now = self.now();
        let words = error.words().unwrap_or_default();
        let event = {
            let mut state = self.state();
            let repeated = state
                .servers
                .get_mut(&(key.side, key.server.clone()))
                .and_then(|server| server.sign.replace(now))
                .is_some_and(|at| now < at.saturating_add(REPEAT));
            let named = error.backoff();
            let (mut longer, mut wait) = (Duration::ZERO, Duration::ZERO);
            let mut halved = None;
            if let Some(account) = state.accounts.get_mut(key) {
                match scope {
                    Scope::Account => {
                        let change = account.hold(now, named);
                        (longer, wait, halved) = (change.longer, change.wait, change.halved);
                    }
                    Scope::Connections => halved = account.halve(now),
                    Scope::Server => {}
                }
            }
            if let Some(server) = state.servers.get_mut(&(key.side, key.server.clone())) {
                if scope == Scope::Server {
                    let change = server.limits.hold(now, named);
                    (longer, wait, halved) = (change.longer, change.wait, change.halved);
                } else if repeated {
                    halved = server.limits.halve(now).or(halved);
                }
            }
            let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
            let waited = state.waited(key.side, mailbox);
            waited.times += 1;
            waited.milliseconds = waited.milliseconds.saturating_add(millis(longer));
            waited.words.clone_from(&words);
            if let Some((_, to)) = halved {
                waited.fewest_connections =
                    Some(waited.fewest_connections.map_or(to, |least| least.min(to)));
            }
            Event::Throttled {
                side: key.side,
                mailbox: mailbox.to_owned(),
                server: key.server.clone(),
                milliseconds: millis(wait),
                connections_before: halved.map(|(from, _)| from),
                connections_now: halved.map(|(_, to)| to),
                words,
            }
        };
        self.changed.notify_waiters();
        self.event(&event);
    }

    /// Notes a wait for room that no command is held for, and tells it.
    pub fn waits_for_room(&self, key: &AccountKey, mailbox: &str, wait: Duration, words: &str) {
        let millis = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
        {
            let mut state = self.state();
            let waited = state.waited(key.side, mailbox);
            waited.milliseconds = waited.milliseconds.saturating_add(millis);
        }
        self.event(&Event::Throttled {
            side: key.side,
            mailbox: mailbox.to_owned(),
            server: key.server.clone(),
            milliseconds: millis,
            connections_before: None,
            connections_now: None,
            words: words.to_owned(),
        });
    }
}

impl State {
    fn waited(&mut self, side: &'static str, mailbox: &str) -> &mut Waited {
        self.waited.entry((side, mailbox.to_owned())).or_insert_with(|| Waited {
            side,
            mailbox: mailbox.to_owned(),
            times: 0,
            milliseconds: 0,
            fewest_connections: None,
            words: String::new(),
        })
    }
}

impl Place {
    /// Tells whether there are more connections than there may be, so that this one goes as soon
    /// as its work allows.
    pub fn is_surplus(&self) -> bool {
        let now = self.throttle.now();
        self.throttle.state().both(&self.key).any(|limits| limits.is_over(now))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.throttle.state().both(&self.key).for_each(Limits::give_back);
        self.throttle.changed.notify_waiters();
    }
}

/// The brake of one account.
#[derive(Debug)]
pub struct AccountBrake {
    /// What the whole run knows.
    pub throttle: Arc<Throttle>,
    /// The account.
    pub key: AccountKey,
    /// The mailbox, for people.
    pub mailbox: String,
}

#[async_trait]
impl Brake for AccountBrake {
    async fn pass(&self) -> std::result::Result<(), ImapError> {
        loop {
            let now = self.throttle.now();
            let left = self.throttle.state().held(&self.key, now);
            let Some(left) = left else { return Ok(()) };
            self.throttle.sleep(left).await.map_err(|_| ImapError::Interrupted)?;
        }
    }

    fn heard(&self, error: &ImapError) {
        if let Some(row) = catalogue::row_of(error).filter(|row| row.class == Class::Throttle) {
            self.throttle.sign(&self.key, &self.mailbox, row.scope, error);
        }
    }

    fn again(&self, error: &ImapError) -> bool {
        error.is_answer() && catalogue::class(error) == Class::Throttle
    }
}
