//! HTTP/1.1 for the few services that speak it: over the same streams and the same TLS as IMAP, so
//! that whatever stands for the network stands for these, too.
//!
//! One request is one connection. No redirect is followed: a service that sends somebody elsewhere
//! is not asked there, because nobody consented to it.

mod client;
mod error;
mod form;
mod patience;
mod request;
mod retry_after;

pub use client::{Answer, Client, Limits};
pub use error::HttpError;
pub use patience::Patient;
pub use request::Request;
