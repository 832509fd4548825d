//! Real sockets on loopback, with real TLS where the client wants it.

use crate::model::server::TlsMode;
use crate::simulate::authority::Authority;
use crate::simulate::service::Service;
use std::future::Future;
use std::io;
use std::net::Ipv4Addr;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};
use tokio_rustls::TlsAcceptor;

/// What speaks over the streams of a [`Listener`].
pub trait Serve: Clone + Send + Sync + 'static {
    /// Speaks over a stream until either side ends it.
    fn serve<S>(&self, stream: S) -> impl Future<Output = ()> + Send
    where
        S: AsyncRead + AsyncWrite + Unpin + Send;

    /// Speaks in the clear until the client wants TLS, and afterwards over what `wrap` gives. A
    /// protocol without STARTTLS ends the connection.
    fn serve_starttls(
        &self,
        stream: TcpStream,
        acceptor: TlsAcceptor,
    ) -> impl Future<Output = ()> + Send {
        let _ = (stream, acceptor);
        async {}
    }
}

impl Serve for Service {
    async fn serve<S: AsyncRead + AsyncWrite + Unpin + Send>(&self, stream: S) {
        Service::serve(self, stream).await;
    }

    async fn serve_starttls(&self, stream: TcpStream, acceptor: TlsAcceptor) {
        Service::serve_starttls(self, stream, acceptor).await;
    }
}

/// A door to a service on 127.0.0.1; it closes, with every connection, when this is dropped.
#[derive(Debug)]
pub struct Listener {
    port: u16,
    task: JoinHandle<()>,
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Listener {
    /// Listens on a free port with implicit TLS.
    pub async fn start(service: &impl Serve, authority: &Authority) -> io::Result<Self> {
        Self::start_with(service, authority, TlsMode::Implicit).await
    }

    /// Listens on a free port.
    pub async fn start_with(
        service: &impl Serve,
        authority: &Authority,
        tls: TlsMode,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let port = listener.local_addr()?.port();
        let task = tokio::spawn(accept(listener, authority.acceptor(), tls, service.clone()));
        Ok(Self { port, task })
    }

    /// Returns the port.
    pub fn port(&self) -> u16 {
        self.port
    }
}

async fn accept(listener: TcpListener, acceptor: TlsAcceptor, tls: TlsMode, service: impl Serve) {
    // The connections end with this task.
    let mut connections = JoinSet::new();
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            // No files are left, for example: those who have some give them back.
            tokio::time::sleep(Duration::from_millis(20)).await;
            continue;
        };
        let (acceptor, service) = (acceptor.clone(), service.clone());
        connections.spawn(async move {
            // Small answers go out at once; without it a round trip may take 40 ms.
            let _ = stream.set_nodelay(true);
            match tls {
                TlsMode::None => service.serve(stream).await,
                TlsMode::Starttls => service.serve_starttls(stream, acceptor).await,
                TlsMode::Implicit => {
                    // A client that does not agree on TLS is told by TLS.
                    if let Ok(stream) = acceptor.accept(stream).await {
                        service.serve(stream).await;
                    }
                }
            }
        });
        while connections.try_join_next().is_some() {}
    }
}
