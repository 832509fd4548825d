//! One question to one server, over UDP, and over TCP when the answer was cut.

use crate::ports::dns::Route;
use futures_util::StreamExt as _;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::tcp::TcpClientStream;
use hickory_resolver::net::udp::UdpClientStream;
use hickory_resolver::net::xfer::DnsExchange;
use hickory_resolver::net::{DnsHandle as _, NetError};
use hickory_resolver::proto::op::{DnsRequest, DnsRequestOptions, Message, Query, ResponseCode};
use hickory_resolver::proto::rr::{Name, RecordType};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// How long and how often a server is asked.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    /// For one attempt.
    pub(super) timeout: Duration,
    /// At least one.
    pub(super) attempts: u8,
}

/// The way to servers.
#[derive(Clone, Debug)]
pub(super) struct Network {
    /// For each question.
    pub(super) patience: Patience,
    /// What stands for the network; nothing is sent anywhere else then.
    pub(super) route: Option<Arc<dyn Route>>,
}

/// Whom to ask, and as what.
#[derive(Clone, Debug)]
pub(super) struct Server {
    /// Where it listens, UDP and TCP.
    pub(super) address: SocketAddr,
    /// True for a resolver: recursion is wanted and AA is not expected.
    pub(super) recursive: bool,
    /// The way to it.
    pub(super) network: Network,
}

/// Why a server gave no answer at all.
#[derive(Debug, thiserror::Error)]
pub(super) enum Silence {
    /// The name cannot stand in a question.
    #[error("`{0}` cannot be asked for in DNS")]
    Name(String),
    /// Nothing came back in time.
    #[error("no answer after {attempts} attempts of {} s", timeout.as_secs_f32())]
    Timeout {
        /// For one attempt.
        timeout: Duration,
        /// How many.
        attempts: u8,
    },
    /// What stands for the network has nobody there.
    #[error("{0} is not part of the rehearsal")]
    Nowhere(SocketAddr),
    /// The network or the answer was at fault.
    #[error("{0}")]
    Broken(String),
}

impl Server {
    /// Asks for the records of one type; any answer that belongs to the question is returned,
    /// refusals too.
    pub(super) async fn ask(&self, name: &Name, kind: RecordType) -> Result<Message, Silence> {
        let message = self.ask_with(name, kind, true).await?;
        // Servers from before EDNS say FORMERR to its option, RFC 6891 section 7.
        if message.metadata.response_code == ResponseCode::FormErr {
            return self.ask_with(name, kind, false).await;
        }
        Ok(message)
    }

    async fn ask_with(
        &self,
        name: &Name,
        kind: RecordType,
        edns: bool,
    ) -> Result<Message, Silence> {
        let Patience { timeout, attempts } = self.network.patience;
        let address = match &self.network.route {
            None => self.address,
            Some(route) => route.route(self.address).ok_or(Silence::Nowhere(self.address))?,
        };
        let mut last = Silence::Timeout { timeout, attempts };
        for _ in 0..attempts.max(1) {
            match self.attempt(address, name, kind, edns).await {
                Ok(message) => return Ok(message),
                Err(NetError::Timeout) => {}
                Err(error) => last = Silence::Broken(error.to_string()),
            }
        }
        Err(last)
    }

    async fn attempt(
        &self,
        address: SocketAddr,
        name: &Name,
        kind: RecordType,
        edns: bool,
    ) -> Result<Message, NetError> {
        let timeout = self.network.patience.timeout;
        let provider = TokioRuntimeProvider::new();
        let udp = UdpClientStream::builder(address, provider.clone())
            // `within` ends the wait first: its own end looks like a closed connection.
            .with_timeout(Some(timeout * 2))
            // The attempts are counted here, not there.
            .with_max_retries(0)
            .exchange();
        let message = self.send(&udp, name, kind, edns).await?;
        if !message.metadata.truncation {
            return Ok(message);
        }
        let connect = TcpClientStream::exchange(address, None, timeout * 2, None, provider);
        let tcp = within(timeout, connect).await?;
        let message = self.send(&tcp, name, kind, edns).await?;
        if message.metadata.truncation {
            return Err(NetError::Message("the answer is cut even over TCP"));
        }
        Ok(message)
    }

    async fn send(
        &self,
        exchange: &DnsExchange<TokioRuntimeProvider>,
        name: &Name,
        kind: RecordType,
        edns: bool,
    ) -> Result<Message, NetError> {
        let mut options = DnsRequestOptions::default();
        options.use_edns = edns;
        options.recursion_desired = self.recursive;
        let query = Query::query(name.clone(), kind);
        let request = DnsRequest::from_query(query.clone(), options);
        let mut answers = exchange.send(request);
        let answer = within(self.network.patience.timeout, async {
            answers.next().await.unwrap_or(Err(NetError::Message("the connection was closed")))
        })
        .await?;
        let message = answer.into_message();
        if message.queries.as_slice() != [query] {
            return Err(NetError::Message("the answer belongs to another question"));
        }
        Ok(message)
    }
}

async fn within<T>(
    timeout: Duration,
    work: impl Future<Output = Result<T, NetError>>,
) -> Result<T, NetError> {
    tokio::time::timeout(timeout, work).await.unwrap_or(Err(NetError::Timeout))
}

/// Makes an absolute name, so that no search list is ever added.
pub(super) fn absolute(name: &str) -> Result<Name, Silence> {
    let mut absolute = Name::from_utf8(name).map_err(|_| Silence::Name(name.to_owned()))?;
    absolute.set_fqdn(true);
    Ok(absolute)
}
