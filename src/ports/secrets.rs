//! Secrets by reference.

use crate::desired::SecretRef;
use crate::error::Result;
use crate::model::server::Endpoint;
use secrecy::SecretString;

/// Turns references into secrets, for a stated use only.
#[async_trait::async_trait]
pub trait Secrets: Send + Sync + std::fmt::Debug {
    /// Reads the secret for use at this endpoint; refuses when nobody outside the migration plan
    /// consented to that binding.
    async fn reveal(&self, reference: &SecretRef, endpoint: &Endpoint) -> Result<SecretString>;
}
