//! Real sockets with real TLS on loopback.

use crate::simulate::service::Service;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use std::fmt;
use std::io;
use std::net::Ipv4Addr;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};
use tokio_rustls::TlsAcceptor;

/// A certificate authority whose key stays in memory, and a server certificate for `localhost`.
pub struct Authority {
    pem: String,
    server: Arc<ServerConfig>,
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authority").finish_non_exhaustive()
    }
}

fn params(names: &[&str], common_name: &str) -> Result<CertificateParams, rcgen::Error> {
    let names: Vec<String> = names.iter().map(ToString::to_string).collect();
    let mut params = CertificateParams::new(names)?;
    // Wide enough for any clock that a rehearsal runs under.
    params.not_before = date_time_ymd(2000, 1, 1);
    params.not_after = date_time_ymd(2099, 1, 1);
    params.distinguished_name.push(DnType::CommonName, common_name);
    Ok(params)
}

impl Authority {
    /// Makes new keys and certificates.
    pub fn create() -> io::Result<Self> {
        Self::issue().map_err(io::Error::other)
    }

    fn issue() -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        let mut ca = params(&[], "mailferry simulation")?;
        ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        ca.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let ca_key = KeyPair::generate()?;
        let pem = ca.self_signed(&ca_key)?.pem();
        let issuer = Issuer::new(ca, ca_key);
        let mut server = params(&["localhost", "127.0.0.1"], "localhost")?;
        server.use_authority_key_identifier_extension = true;
        server.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let key = KeyPair::generate()?;
        let certificate = server.signed_by(&key, &issuer)?;
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)?;
        Ok(Self { pem, server: Arc::new(config) })
    }

    /// Returns the certificate that a client has to trust, PEM.
    pub fn pem(&self) -> &str {
        &self.pem
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
    pub async fn start(service: &Service, authority: &Authority) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let port = listener.local_addr()?.port();
        let acceptor = TlsAcceptor::from(authority.server.clone());
        let task = tokio::spawn(accept(listener, acceptor, service.clone()));
        Ok(Self { port, task })
    }

    /// Returns the port.
    pub fn port(&self) -> u16 {
        self.port
    }
}

async fn accept(listener: TcpListener, acceptor: TlsAcceptor, service: Service) {
    // The connections end with this task.
    let mut connections = JoinSet::new();
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        let (acceptor, service) = (acceptor.clone(), service.clone());
        connections.spawn(async move {
            // Small answers go out at once; without it a round trip may take 40 ms.
            let _ = stream.set_nodelay(true);
            // A client that does not agree on TLS is told by TLS.
            if let Ok(stream) = acceptor.accept(stream).await {
                service.serve(stream).await;
            }
        });
        while connections.try_join_next().is_some() {}
    }
}
