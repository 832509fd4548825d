//! The network between a process and the services: streams in memory that end with the process.

use crate::cloud::authority;
use crate::life::{Life, On};
use crate::mutant::{Deaf, Mutants};
use mailferry::imap::{BoxStream, Dial, Dialled, ImapError};
use mailferry::microsoft365::{GRAPH, LOGIN};
use mailferry::model::server::Endpoint;
use mailferry::simulate::Service;
use mailferry::simulate::web::Tenant;
use std::collections::BTreeMap;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};
use tokio_util::sync::WaitForCancellationFutureOwned;

/// Reaches services by port.
#[derive(Debug)]
pub(crate) struct Network {
    pub(crate) life: Life,
    pub(crate) services: BTreeMap<u16, Service>,
    pub(crate) tenant: Option<Tenant>,
    pub(crate) mutants: Mutants,
}

impl Dial for Network {
    fn dial<'a>(&'a self, endpoint: &'a Endpoint, _: Duration) -> Dialled<'a> {
        Box::pin(async move {
            if let Some(tenant) = &self.tenant
                && [LOGIN, GRAPH].contains(&endpoint.host.as_str())
                && self.life.step(On::Socket)
            {
                let (client, server) = tokio::io::duplex(64 * 1024);
                let (acceptor, tenant) = (authority().acceptor(), tenant.clone());
                let life = self.life.clone();
                tokio::spawn(async move {
                    let Ok(stream) = acceptor.accept(server).await else { return };
                    // Between the two sides' agreement and the first answer.
                    if !life.step(On::Tls) {
                        return;
                    }
                    tenant.serve(stream).await;
                });
                return Ok(BoxStream::new(Plug::new(&self.life, client, false)));
            }
            let service = self.services.get(&endpoint.port);
            match service.filter(|_| self.life.step(On::Socket)) {
                Some(service) => {
                    let plug = Plug::new(&self.life, service.connect(), true);
                    Ok(BoxStream::new(Deaf::new(&self.mutants, plug)))
                }
                None => Err(ImapError::Connect {
                    endpoint: endpoint.clone(),
                    source: Arc::new(io::ErrorKind::ConnectionRefused.into()),
                }),
            }
        })
    }
}

/// The process's end of a stream. When the process dies, what was written stays written, and the
/// other side sees the end.
pub(crate) struct Plug {
    stream: Option<DuplexStream>,
    life: Life,
    over: Pin<Box<WaitForCancellationFutureOwned>>,
    /// Each octet that comes or goes is part of an operation that counts. Not where there is TLS:
    /// how much of it there is differs from run to run.
    counts: bool,
}

impl std::fmt::Debug for Plug {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Plug")
    }
}

fn reset() -> io::Error {
    io::ErrorKind::ConnectionReset.into()
}

impl Plug {
    fn new(life: &Life, stream: DuplexStream, counts: bool) -> Self {
        let over = Box::pin(life.over().clone().cancelled_owned());
        Self { stream: Some(stream), life: life.clone(), over, counts }
    }

    fn is_over(&mut self, cx: &mut Context<'_>) -> bool {
        if self.stream.is_some() && self.over.as_mut().poll(cx).is_ready() {
            self.stream = None;
        }
        self.stream.is_none()
    }

    fn step(&self) -> bool {
        !self.counts || self.life.step(On::Socket)
    }
}

impl AsyncRead for Plug {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        to: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.is_over(cx) {
            return Poll::Ready(Err(reset()));
        }
        let before = to.filled().len();
        let Some(stream) = self.stream.as_mut() else { return Poll::Ready(Err(reset())) };
        let read = Pin::new(stream).poll_read(cx, to);
        // What came is an operation; a look at an empty stream is none.
        if read.is_ready() && to.filled().len() > before && !self.step() {
            self.stream = None;
            return Poll::Ready(Err(reset()));
        }
        read
    }
}

impl AsyncWrite for Plug {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.is_over(cx) {
            return Poll::Ready(Err(reset()));
        }
        let lives = self.step();
        // The last words of a process end anywhere.
        let end = if lives {
            octets.len()
        } else {
            usize::try_from(self.life.steps()).unwrap_or_default() * 7 % (octets.len() + 1)
        };
        let Some(stream) = self.stream.as_mut() else { return Poll::Ready(Err(reset())) };
        let written = Pin::new(stream).poll_write(cx, &octets[..end]);
        if lives {
            return written;
        }
        self.stream = None;
        Poll::Ready(Err(reset()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.is_over(cx) {
            return Poll::Ready(Err(reset()));
        }
        match self.stream.as_mut() {
            Some(stream) => Pin::new(stream).poll_flush(cx),
            None => Poll::Ready(Err(reset())),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.stream.as_mut() {
            Some(stream) => Pin::new(stream).poll_shutdown(cx),
            None => Poll::Ready(Ok(())),
        }
    }
}
