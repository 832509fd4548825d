//! How a stream to a server comes about, before TLS and before IMAP.

use crate::imap::error::ImapError;
use crate::model::server::{Endpoint, TlsMode};
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// What a stream can do, whatever it is made of.
trait Transport: AsyncRead + AsyncWrite + Unpin + Send + Sync + std::fmt::Debug {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send + Sync + std::fmt::Debug> Transport for T {}

/// The stream that a connection is built on.
pub struct BoxStream(Box<dyn Transport>);

impl BoxStream {
    /// Takes a stream of any kind.
    pub fn new<S>(stream: S) -> Self
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + Sync + std::fmt::Debug + 'static,
    {
        Self(Box::new(stream))
    }
}

impl std::fmt::Debug for BoxStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("BoxStream")
    }
}

impl AsyncRead for BoxStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        to: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.0).poll_read(cx, to)
    }
}

impl AsyncWrite for BoxStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut *self.0).poll_write(cx, octets)
    }
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.0).poll_flush(cx)
    }
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.0).poll_shutdown(cx)
    }
}

/// What [`Dial::dial`] gives.
pub type Dialled<'a> = Pin<Box<dyn Future<Output = Result<BoxStream, ImapError>> + Send + 'a>>;

/// Opens streams to servers: [`Tcp`], or something that stands for the network.
pub trait Dial: Send + Sync + std::fmt::Debug {
    /// Opens a stream within a time. TLS and everything of IMAP come after it.
    fn dial<'a>(&'a self, endpoint: &'a Endpoint, limit: Duration) -> Dialled<'a>;
}

/// The network. Without TLS it reaches loopback only.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tcp;

impl Dial for Tcp {
    fn dial<'a>(&'a self, endpoint: &'a Endpoint, limit: Duration) -> Dialled<'a> {
        Box::pin(async move { connect(endpoint, limit).await.map(BoxStream::new) })
    }
}

async fn connect(endpoint: &Endpoint, limit: Duration) -> Result<TcpStream, ImapError> {
    let unresolved = |source| ImapError::Resolve { endpoint: endpoint.clone(), source };
    let addresses: Vec<SocketAddr> =
        tokio::net::lookup_host((endpoint.host.as_str(), endpoint.port))
            .await
            .map_err(|error| unresolved(Some(Arc::new(error))))?
            .collect();
    if endpoint.tls == TlsMode::None && !addresses.iter().all(|address| address.ip().is_loopback())
    {
        return Err(ImapError::Plaintext { endpoint: endpoint.clone() });
    }
    // An address that swallows packets must leave time for the others.
    let share = limit / u32::try_from(addresses.len().max(1)).unwrap_or(u32::MAX);
    let mut last = None;
    for address in addresses {
        match tokio::time::timeout(share, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => {
                // Commands are small, and each is waited for.
                let _ = stream.set_nodelay(true);
                return Ok(stream);
            }
            Ok(Err(error)) => last = Some(error),
            Err(_) => last = Some(io::ErrorKind::TimedOut.into()),
        }
    }
    match last {
        Some(error) => {
            Err(ImapError::Connect { endpoint: endpoint.clone(), source: Arc::new(error) })
        }
        None => Err(unresolved(None)),
    }
}
