//! Certificates for servers that only a rehearsal trusts.

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use std::fmt;
use std::io;
use std::sync::Arc;
use tokio_rustls::TlsAcceptor;

/// A certificate authority whose key is forgotten at once, and a server certificate.
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
    /// Makes new keys and a certificate for `localhost`.
    pub fn create() -> io::Result<Self> {
        Self::for_hosts(&[])
    }

    /// Makes new keys and a certificate for `localhost` and these host names and IP addresses. Who
    /// trusts the authority takes its servers for theirs, and nobody else does.
    pub fn for_hosts(hosts: &[String]) -> io::Result<Self> {
        Self::issue(hosts).map_err(io::Error::other)
    }

    fn issue(hosts: &[String]) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        let mut ca = params(&[], "mailferry simulation")?;
        ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        ca.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let ca_key = KeyPair::generate()?;
        let pem = ca.self_signed(&ca_key)?.pem();
        let issuer = Issuer::new(ca, ca_key);
        let local = ["localhost", "127.0.0.1"];
        let names: Vec<&str> = local.into_iter().chain(hosts.iter().map(String::as_str)).collect();
        let mut server = params(&names, "localhost")?;
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

    /// Returns what answers the handshakes of clients.
    pub fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::clone(&self.server))
    }

    /// Returns the certificate that a client has to trust, PEM.
    pub fn pem(&self) -> &str {
        &self.pem
    }
}
