//! Sends a request again where the server asks for patience, or nothing came of it.

use super::client::{Answer, Client};
use super::error::HttpError;
use super::request::Request;
use crate::throttle::Throttle;
use bytes::Bytes;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// Requests without a complete answer, or with trouble at the server, before it is given up.
const TRIES: u32 = 5;

/// Requests for patience in a row before it is given up; each is waited for in full.
const PATIENCE: u32 = 8;

/// The longest wait that a server is given. Microsoft's are seconds to some minutes; what is longer
/// is for a person to know.
const LONGEST: Duration = Duration::from_secs(15 * 60);

/// The longest wait of our own choice.
const LONGEST_OWN: Duration = Duration::from_secs(60);

/// How long a server is left alone that was given up without naming a time. Until then nobody else
/// waits for the same trouble; a mailbox that is tried again for half a minute asks once more.
const REST: Duration = Duration::from_secs(30);

/// Octets of an answer that are kept: more than is ever shown of one.
const KEPT: usize = 4 << 10;

/// A client that waits, and remembers for all its clones which server was given up.
#[derive(Clone, Debug)]
pub struct Patient {
    client: Client,
    throttle: Arc<Throttle>,
    rests: Arc<Mutex<BTreeMap<String, Rest>>>,
}

/// What came of a request that was given up, and until when the next ones are told the same; `None`
/// is to the end of the run.
#[derive(Debug)]
struct Rest {
    sent: Result<Answer, HttpError>,
    until: Option<Instant>,
}

impl Patient {
    /// Makes one of a client; the throttle is told of every wait, and ends it with the run.
    pub fn new(client: Client, throttle: Arc<Throttle>) -> Self {
        Self { client, throttle, rests: Arc::default() }
    }

    /// Sends a request that changes nothing until it is answered: with 429 or 503 after the time
    /// that the server wants, else after 1, 2, 4 … seconds; 8 times at most. Without an answer, or
    /// with 500, 502 or 504, 5 times in all. Gives the last answer, whatever it says. A server that
    /// was given up is not asked again for half a minute, or for as long as it wants: the next
    /// requests get what the last one got. With 500, 502 or 504 that holds for the same path alone.
    pub async fn send(&self, request: &Request<'_>) -> Result<Answer, HttpError> {
        let host = &request.endpoint().host;
        let path = format!("{host}{}", request.path());
        if let Some(sent) = self.resting(host).or_else(|| self.resting(&path)) {
            return sent;
        }
        let (mut tries, mut patience) = (0, 0);
        loop {
            let sent = self.client.send(request).await;
            let (what, again, wait, why) = match &sent {
                Err(error) if error.passes() => {
                    tries += 1;
                    (host, tries < TRIES, own(tries), error.to_string())
                }
                Ok(answer) if matches!(answer.status, 429 | 503) => {
                    patience += 1;
                    let wait = answer.retry_after.unwrap_or_else(|| own(patience));
                    let why = format!("{host} asks for patience ({})", answer.status);
                    (host, patience <= PATIENCE && wait <= LONGEST, wait, why)
                }
                Ok(answer) if matches!(answer.status, 500 | 502 | 504) => {
                    tries += 1;
                    let why = format!("{host} is in trouble ({})", answer.status);
                    (&path, tries < TRIES, own(tries), why)
                }
                _ => return sent,
            };
            if !again {
                self.rest(what, &sent);
                return sent;
            }
            let message = format!("{why}; it is asked again in {} s", wait.as_secs());
            self.throttle.notice(message);
            self.throttle.sleep(wait).await.map_err(|_| HttpError::Interrupted)?;
        }
    }

    /// Returns what came of the last request when what it was about is left alone now.
    fn resting(&self, what: &str) -> Option<Result<Answer, HttpError>> {
        let rests = self.rests.lock().unwrap_or_else(PoisonError::into_inner);
        let rest = rests.get(what)?;
        rest.until.is_none_or(|until| Instant::now() < until).then(|| rest.sent.clone())
    }

    fn rest(&self, what: &str, sent: &Result<Answer, HttpError>) {
        let mut sent = sent.clone();
        let mut named = Duration::ZERO;
        if let Ok(answer) = &mut sent {
            named = answer.retry_after.unwrap_or_default();
            answer.body = Bytes::copy_from_slice(answer.body.get(..KEPT).unwrap_or(&answer.body));
        }
        let until = Instant::now().checked_add(named.max(REST));
        let mut rests = self.rests.lock().unwrap_or_else(PoisonError::into_inner);
        rests.insert(what.to_owned(), Rest { sent, until });
    }
}

fn own(times: u32) -> Duration {
    Duration::from_secs(1_u64.checked_shl(times.saturating_sub(1)).unwrap_or(u64::MAX))
        .min(LONGEST_OWN)
}
