//! Sends one request over a connection of its own.

use super::error::HttpError;
use super::request::Request;
use super::retry_after;
use crate::imap::{BoxStream, Dial, ImapError, tls};
use crate::model::server::TlsMode;
use crate::model::words::shown;
use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::header::{DATE, HeaderMap, HeaderName, RETRY_AFTER};
use hyper_util::rt::TokioIo;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::Instant;

/// How long a server may be silent, and how much it may say.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The connection and TLS.
    pub connect: Duration,
    /// From the request to the head of the answer.
    pub head: Duration,
    /// From the head to the end of the answer.
    pub body: Duration,
    /// Octets of the answer's head; at least 8,192.
    pub head_octets: usize,
    /// Octets of the answer's body.
    pub body_octets: usize,
}

impl Default for Limits {
    /// Microsoft Graph gives up by itself with 504 before a minute is over; a page of it has some
    /// hundred records of some hundred octets.
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(30),
            head: Duration::from_secs(100),
            body: Duration::from_secs(60),
            head_octets: 64 << 10,
            body_octets: 4 << 20,
        }
    }
}

/// A complete answer. Its body may hold a token, so that it is never shown as a whole.
#[derive(Clone)]
pub struct Answer {
    /// When the request that it answers began.
    pub asked: Instant,
    /// The status code.
    pub status: u16,
    /// For how long the server asks to be left alone.
    pub retry_after: Option<Duration>,
    /// The body.
    pub body: Bytes,
}

impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Answer")
            .field("status", &self.status)
            .field("retry_after", &self.retry_after)
            .field("octets", &self.body.len())
            .finish_non_exhaustive()
    }
}

impl Answer {
    /// Returns what a server that refuses says, cut and escaped; `None` for a success, which may
    /// hold what nobody is to see.
    pub fn words(&self) -> Option<String> {
        (!matches!(self.status, 200..=299)).then(|| shown(&self.body))
    }
}

/// Sends requests.
#[derive(Clone, Debug)]
pub struct Client {
    dial: Arc<dyn Dial>,
    limits: Limits,
}

impl Client {
    /// Makes a client over a way to servers.
    pub fn new(dial: Arc<dyn Dial>, limits: Limits) -> Self {
        Self { dial, limits }
    }

    /// Sends a request once and reads the whole answer.
    pub async fn send(&self, request: &Request<'_>) -> Result<Answer, HttpError> {
        let endpoint = request.endpoint();
        let host = endpoint.host.as_str();
        let built = request.build()?;
        let asked = Instant::now();
        let stream = within(host, "the connection", self.limits.connect, self.connect(request));
        let stream = stream.await?;
        let lost = |error: &hyper::Error| HttpError::Lost {
            host: host.to_owned(),
            reason: error.to_string(),
        };
        let (mut sender, connection) = hyper::client::conn::http1::Builder::new()
            .max_buf_size(self.limits.head_octets)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(|error| lost(&error))?;
        // Ends with this function, whatever comes of the answer.
        let mut tasks = JoinSet::new();
        tasks.spawn(connection);
        let head = within(host, "the request", self.limits.head, async {
            sender.send_request(built).await.map_err(|error| lost(&error))
        })
        .await?;
        let status = head.status().as_u16();
        let text = |name: &HeaderName| text(head.headers(), name);
        let retry_after =
            text(&RETRY_AFTER).and_then(|value| retry_after::read(&value, text(&DATE).as_deref()));
        let body = within(host, "the rest of the answer", self.limits.body, async {
            self.body(host, head.into_body()).await
        })
        .await?;
        Ok(Answer { asked, status, retry_after, body })
    }

    async fn connect(&self, request: &Request<'_>) -> Result<BoxStream, HttpError> {
        let endpoint = request.endpoint();
        if endpoint.tls != TlsMode::Implicit {
            // Whatever goes to a service of HTTP holds a secret or a token.
            let endpoint = endpoint.clone();
            return Err(HttpError::Reach(ImapError::Plaintext { endpoint }));
        }
        let stream = self.dial.dial(endpoint, self.limits.connect).await;
        tls::wrap(endpoint, stream.map_err(HttpError::Reach)?).await.map_err(HttpError::Reach)
    }

    async fn body(&self, host: &str, body: Incoming) -> Result<Bytes, HttpError> {
        let most = self.limits.body_octets;
        match Limited::new(body, most).collect().await {
            Ok(collected) => Ok(collected.to_bytes()),
            Err(error) if error.downcast_ref::<LengthLimitError>().is_some() => {
                Err(HttpError::TooLong { host: host.to_owned(), octets: most })
            }
            Err(error) => Err(HttpError::Lost { host: host.to_owned(), reason: error.to_string() }),
        }
    }
}

fn text(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    headers.get(name)?.to_str().ok().map(ToOwned::to_owned)
}

async fn within<T>(
    host: &str,
    what: &'static str,
    limit: Duration,
    work: impl Future<Output = Result<T, HttpError>>,
) -> Result<T, HttpError> {
    tokio::time::timeout(limit, work).await.unwrap_or_else(|_| {
        Err(HttpError::Timeout { host: host.to_owned(), what, seconds: limit.as_secs() })
    })
}
