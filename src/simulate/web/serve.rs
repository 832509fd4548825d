//! Speaks HTTP/1.1 over a stream and sends each request to the host that it names.

use super::fault::{Door, WebMischief};
use super::reply::{Body, Reply};
use super::tenant::Tenant;
use super::{graph, login};
use crate::simulate::habit::Habit;
use crate::simulate::listen::Serve;
use bytes::Bytes;
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderName};
use hyper::service::service_fn;
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::json;
use std::io;
use tokio::io::{AsyncRead, AsyncWrite};

/// No request of a client is longer.
const BODY: usize = 64 << 10;

impl Tenant {
    /// Speaks HTTP over one stream until either side ends it.
    pub async fn serve<S>(&self, stream: S)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send,
    {
        let service = service_fn(|request| self.answer(request));
        // A connection that breaks is what connections do; the client is told by its end.
        let _ = hyper::server::conn::http1::Builder::new()
            .serve_connection(TokioIo::new(stream), service)
            .await;
    }

    async fn answer(&self, request: Request<Incoming>) -> io::Result<Response<Body>> {
        let (head, body) = request.into_parts();
        let text = |name: &HeaderName| {
            head.headers.get(name).and_then(|value| value.to_str().ok()).map(ToOwned::to_owned)
        };
        let host = text(&HOST).unwrap_or_default();
        let door = match host.split(':').next() {
            Some("login.microsoftonline.com") => Door::Login,
            Some("graph.microsoft.com") => Door::Graph,
            // 421: this host is not served here.
            _ => return Ok(Reply::page(421).response(false)),
        };
        let body = Limited::new(body, BODY).collect().await.map_err(io::Error::other)?.to_bytes();
        let target = head.uri.path_and_query().map_or("/", |target| target.as_str()).to_owned();
        let line = line(&head.method, &target, &body);
        let fault = self.strike(door, line);
        match &fault {
            Some(WebMischief::CloseBefore) => return Err(io::ErrorKind::ConnectionAborted.into()),
            Some(WebMischief::Delay(time)) => tokio::time::sleep(*time).await,
            Some(WebMischief::Page(status)) => return Ok(Reply::page(*status).response(false)),
            Some(WebMischief::Refusal(status, text)) => {
                let reply = Reply { text: text.clone(), ..Reply::page(*status) };
                return Ok(Reply { html: false, ..reply }.response(false));
            }
            Some(WebMischief::Patience(status, retry_after)) => {
                let retry_after = retry_after.clone();
                let words = self.state().habits.contains(&Habit::BusyInWords);
                let reply = if words { busy(*status) } else { Reply::page(*status) };
                let reply = Reply { retry_after, ..reply };
                return Ok(reply.response(false));
            }
            Some(WebMischief::CloseAfter | WebMischief::CloseWithin) | None => {}
        }
        let reply = match (door, &head.method) {
            (Door::Login, &Method::POST) => {
                login::token(self, &target, text(&CONTENT_TYPE).as_deref(), &body)
            }
            (Door::Graph, &Method::GET) => {
                let authorization = text(&AUTHORIZATION);
                let token = authorization.as_deref().and_then(|it| it.strip_prefix("Bearer "));
                graph::get(self, &target, token)
            }
            _ => Reply::page(405),
        };
        match fault {
            Some(WebMischief::CloseAfter) => Err(io::ErrorKind::ConnectionAborted.into()),
            fault => Ok(reply.response(fault == Some(WebMischief::CloseWithin))),
        }
    }
}

impl Serve for Tenant {
    async fn serve<S: AsyncRead + AsyncWrite + Unpin + Send>(&self, stream: S) {
        Self::serve(self, stream).await;
    }
}

fn busy(status: u16) -> Reply {
    let error = json!({ "code": "TooManyRequests", "message": "Too many requests." });
    Reply::json(status, &json!({ "error": error }))
}

/// Writes a request down without anything that is secret: of a form, its scope.
fn line(method: &Method, target: &str, body: &Bytes) -> String {
    let form = String::from_utf8_lossy(body);
    let scope = form.split('&').find(|field| field.starts_with("scope="));
    match scope {
        Some(scope) => format!("{method} {target} {scope}"),
        None => format!("{method} {target}"),
    }
}
