//! Sends a request again where the server asks for patience, or nothing came of it.

use super::client::{Answer, Client};
use super::error::HttpError;
use super::request::Request;
use crate::throttle::Throttle;
use std::sync::Arc;
use std::time::Duration;

/// Requests without a complete answer, or with trouble at the server, before it is given up.
const TRIES: u32 = 5;

/// Requests for patience in a row before it is given up; each is waited for in full.
const PATIENCE: u32 = 8;

/// The longest wait that a server is given. Microsoft's are seconds to some minutes; what is longer
/// is for a person to know.
const LONGEST: Duration = Duration::from_secs(15 * 60);

/// The longest wait of our own choice.
const LONGEST_OWN: Duration = Duration::from_secs(60);

/// A client that waits.
#[derive(Clone, Debug)]
pub struct Patient {
    client: Client,
    throttle: Arc<Throttle>,
}

impl Patient {
    /// Makes one of a client; the throttle is told of every wait, and ends it with the run.
    pub fn new(client: Client, throttle: Arc<Throttle>) -> Self {
        Self { client, throttle }
    }

    /// Sends a request that changes nothing until it is answered: with 429 or 503 after the time
    /// that the server wants, else after 1, 2, 4 … seconds; 8 times at most. Without an answer, or
    /// with 500, 502 or 504, 5 times in all. Gives the last answer, whatever it says.
    pub async fn send(&self, request: &Request<'_>) -> Result<Answer, HttpError> {
        let host = &request.endpoint().host;
        let (mut tries, mut patience) = (0, 0);
        loop {
            let sent = self.client.send(request).await;
            let (again, wait, why) = match &sent {
                Err(error) if error.passes() => {
                    tries += 1;
                    (tries < TRIES, own(tries), error.to_string())
                }
                Ok(answer) if matches!(answer.status, 429 | 503) => {
                    patience += 1;
                    let wait = answer.retry_after.unwrap_or_else(|| own(patience));
                    let why = format!("{host} asks for patience ({})", answer.status);
                    (patience <= PATIENCE && wait <= LONGEST, wait, why)
                }
                Ok(answer) if matches!(answer.status, 500 | 502 | 504) => {
                    tries += 1;
                    (tries < TRIES, own(tries), format!("{host} is in trouble ({})", answer.status))
                }
                _ => return sent,
            };
            if !again {
                return sent;
            }
            let message = format!("{why}; it is asked again in {} s", wait.as_secs());
            self.throttle.notice(message);
            self.throttle.sleep(wait).await.map_err(|_| HttpError::Interrupted)?;
        }
    }
}

fn own(times: u32) -> Duration {
    Duration::from_secs(1_u64.checked_shl(times.saturating_sub(1)).unwrap_or(u64::MAX))
        .min(LONGEST_OWN)
}
