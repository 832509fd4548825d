//! TLS with the system's trust store or with a private CA.

use crate::imap::dial::BoxStream;
use crate::imap::error::ImapError;
use crate::model::server::Endpoint;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::BuilderVerifierExt;
use std::io;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use tokio_rustls::TlsConnector;

/// Puts TLS around a stream; the certificate must be for the endpoint's host.
pub(crate) async fn wrap(endpoint: &Endpoint, stream: BoxStream) -> Result<BoxStream, ImapError> {
    let failed =
        |source: io::Error| ImapError::Tls { endpoint: endpoint.clone(), source: Arc::new(source) };
    let config = match &endpoint.ca {
        Some(path) => private(path).await.map_err(failed)?,
        None => system().map_err(failed)?,
    };
    let name = ServerName::try_from(endpoint.host.clone())
        .map_err(|error| failed(io::Error::other(error)))?;
    let tls = TlsConnector::from(config).connect(name, stream).await.map_err(failed)?;
    Ok(BoxStream::new(tls))
}

fn builder() -> io::Result<rustls::ConfigBuilder<ClientConfig, rustls::WantsVerifier>> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)
}

/// Reading the system's store takes some 10 ms, so it is read once.
fn system() -> io::Result<Arc<ClientConfig>> {
    static CONFIG: OnceLock<Arc<ClientConfig>> = OnceLock::new();
    if let Some(config) = CONFIG.get() {
        return Ok(config.clone());
    }
    let config = builder()?.with_platform_verifier().map_err(io::Error::other)?;
    Ok(CONFIG.get_or_init(|| Arc::new(config.with_no_client_auth())).clone())
}

async fn private(path: &Path) -> io::Result<Arc<ClientConfig>> {
    let name = path.display();
    let pem = tokio::fs::read(path)
        .await
        .map_err(|error| io::Error::new(error.kind(), format!("cannot read {name}: {error}")))?;
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let certificate =
            certificate.map_err(|error| io::Error::other(format!("{name}: {error}")))?;
        roots.add(certificate).map_err(|error| io::Error::other(format!("{name}: {error}")))?;
    }
    if roots.is_empty() {
        return Err(io::Error::other(format!("{name} holds no certificate in PEM form")));
    }
    Ok(Arc::new(builder()?.with_root_certificates(roots).with_no_client_auth()))
}
