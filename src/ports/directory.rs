//! A look at the directory of a tenant.

use crate::error::Result;
use crate::model::address::Domain;
use crate::model::reading::Reading;
use crate::observed::DomainState;

/// Reads domains. It cannot write.
#[async_trait::async_trait]
pub trait Directory: Send + Sync + std::fmt::Debug {
    /// Looks a domain up. `Absent` only when the directory itself says that it has none of this
    /// name; an error only when the run shall end, or a consent was declined.
    async fn domain(&self, domain: &Domain) -> Result<Reading<DomainState>>;
}
