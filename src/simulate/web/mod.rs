//! A simulated tenant of Microsoft 365 as far as it speaks HTTP: the token endpoint of Microsoft
//! Entra and the domains of Microsoft Graph, told apart by the host that a request names.
//!
//! A [`Tenant`] has apps, domains and an Exchange ([`crate::simulate::Service`]) that takes the
//! tokens which it issues. [`WebFault`] says what goes wrong. What it does beyond what is
//! documented is among the [`crate::simulate::HABITS`].

mod fault;
mod graph;
mod login;
mod reply;
mod serve;
mod tenant;

pub use fault::{Door, WebFault, WebMischief};
pub use tenant::{App, DirectoryDomain, Tenant, permission};
