//! Microsoft's own hosts. They never come from a migration plan; where they lead is for whatever
//! opens streams to decide.

use crate::desired::Microsoft365;
use crate::model::server::{Endpoint, TlsMode};

/// The token endpoint. Source: Microsoft identity platform, client credentials flow.
pub const LOGIN: &str = "login.microsoftonline.com";

/// The directory. Source: Microsoft Graph REST API v1.0.
pub const GRAPH: &str = "graph.microsoft.com";

/// What a token is for; one token is never for two of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resource {
    /// IMAP, with the permission `IMAP.AccessAsApp`.
    Exchange,
    /// The directory, with the permission `Domain.Read.All`.
    Graph,
}

impl Resource {
    /// Returns what is asked for: every permission that the app was given for the resource.
    pub(super) const fn scope(self) -> &'static str {
        match self {
            Self::Exchange => "https://outlook.office365.com/.default",
            Self::Graph => "https://graph.microsoft.com/.default",
        }
    }
}

/// Returns how one of the hosts is reached.
pub(super) fn endpoint(host: &str, app: &Microsoft365) -> Endpoint {
    Endpoint { host: host.to_owned(), port: 443, tls: TlsMode::Implicit, ca: app.ca.clone() }
}
