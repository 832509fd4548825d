//! Answers before they are bytes.

use bytes::Bytes;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::Frame;
use hyper::header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use hyper::{Response, StatusCode};
use serde_json::Value;
use std::convert::Infallible;
use std::io;

/// The body of an answer; one that ends too early ends in an error.
pub(super) type Body = BoxBody<Bytes, io::Error>;

/// What is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) retry_after: Option<String>,
    pub(super) html: bool,
    pub(super) text: String,
}

impl Reply {
    pub(super) fn json(status: u16, value: &Value) -> Self {
        Self { status, retry_after: None, html: false, text: value.to_string() }
    }

    pub(super) fn page(status: u16) -> Self {
        let text = format!(
            "<!DOCTYPE html>\r\n<html><head><title>{status}</title></head>\
             <body><h1>Simulated gateway</h1></body></html>\r\n"
        );
        Self { status, retry_after: None, html: true, text }
    }

    /// Makes the answer; with `cut` its body ends in the middle.
    pub(super) fn response(self, cut: bool) -> Response<Body> {
        let octets = Bytes::from(self.text);
        let body = if cut {
            let half = octets.slice(..octets.len() / 2);
            let broken = io::Error::from(io::ErrorKind::ConnectionReset);
            let parts = [Ok(Frame::data(half)), Err(broken)];
            BodyExt::boxed(StreamBody::new(futures_util::stream::iter(parts)))
        } else {
            Full::new(octets).map_err(|never: Infallible| match never {}).boxed()
        };
        let mut response = Response::new(body);
        *response.status_mut() =
            StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let kind = if self.html { "text/html" } else { "application/json; charset=utf-8" };
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        let retry = self.retry_after.and_then(|words| HeaderValue::from_str(&words).ok());
        if let Some(words) = retry {
            response.headers_mut().insert(RETRY_AFTER, words);
        }
        response
    }
}
