//! What is asked.

use super::error::HttpError;
use super::form;
use crate::model::server::Endpoint;
use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{
    ACCEPT, AUTHORIZATION, CONNECTION, CONTENT_TYPE, HOST, HeaderValue, USER_AGENT,
};
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret, SecretString};

/// The names of this program's releases are no secret, and Microsoft asks clients to say who they are.
const AGENT: &str = concat!("mailferry/", env!("CARGO_PKG_VERSION"));

/// One request that may be sent several times, because it changes nothing.
#[derive(Debug)]
pub struct Request<'a> {
    endpoint: &'a Endpoint,
    /// Path and query.
    path: String,
    bearer: Option<SecretString>,
    form: Option<Vec<(&'a str, SecretString)>>,
}

impl<'a> Request<'a> {
    /// Asks for what is at a path, which is escaped already.
    pub fn get(endpoint: &'a Endpoint, path: impl Into<String>) -> Self {
        Self { endpoint, path: path.into(), bearer: None, form: None }
    }

    /// Sends a form to a path.
    pub fn post(
        endpoint: &'a Endpoint,
        path: impl Into<String>,
        form: Vec<(&'a str, SecretString)>,
    ) -> Self {
        Self { endpoint, path: path.into(), bearer: None, form: Some(form) }
    }

    /// Shows a token.
    #[must_use]
    pub fn bearer(mut self, token: &SecretString) -> Self {
        self.bearer = Some(token.clone());
        self
    }

    /// Returns where it goes.
    pub fn endpoint(&self) -> &Endpoint {
        self.endpoint
    }

    /// Returns what is asked for there.
    pub(super) fn path(&self) -> &str {
        &self.path
    }

    pub(super) fn build(&self) -> Result<hyper::Request<Full<Bytes>>, HttpError> {
        let host = &self.endpoint.host;
        let unsayable = |reason: String| HttpError::Unsayable { host: host.clone(), reason };
        let name = if self.endpoint.port == 443 { host.clone() } else { self.endpoint.to_string() };
        let method = if self.form.is_some() { hyper::Method::POST } else { hyper::Method::GET };
        let mut builder = hyper::Request::builder()
            .method(method)
            .uri(&self.path)
            .header(HOST, name)
            .header(USER_AGENT, AGENT)
            .header(ACCEPT, "application/json")
            .header(CONNECTION, "close");
        if let Some(token) = &self.bearer {
            let text = Zeroizing::new(format!("Bearer {}", token.expose_secret()));
            let mut value = HeaderValue::from_str(&text).map_err(|_| {
                unsayable("the token has characters that no header takes".to_owned())
            })?;
            value.set_sensitive(true);
            builder = builder.header(AUTHORIZATION, value);
        }
        let body = match &self.form {
            None => Bytes::new(),
            Some(fields) => {
                builder = builder.header(CONTENT_TYPE, "application/x-www-form-urlencoded");
                Bytes::from_owner(form::encode(fields))
            }
        };
        builder.body(Full::new(body)).map_err(|error| unsayable(error.to_string()))
    }
}
