//! The HTTP client: limits, and what it never does.

use crate::world::{Network, World};
use mailferry::http::{Client, HttpError, Limits, Patient, Request};
use mailferry::imap::{BoxStream, Dial, Dialled};
use mailferry::microsoft365::GRAPH;
use mailferry::model::server::{Endpoint, TlsMode};
use mailferry::simulate::web::{Door, WebFault, WebMischief};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::time::Instant;

/// Ends connections during the handshake of TLS, as often as it is told.
#[derive(Debug)]
struct Falling {
    times: AtomicUsize,
    network: Network,
}

impl Dial for Falling {
    fn dial<'a>(&'a self, endpoint: &'a Endpoint, limit: Duration) -> Dialled<'a> {
        let falls = self
            .times
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        if falls.is_err() {
            return self.network.dial(endpoint, limit);
        }
        Box::pin(async {
            let (client, mut server) = tokio::io::duplex(1024);
            tokio::spawn(async move {
                // Within the first message of the client.
                let _ = tokio::io::AsyncReadExt::read(&mut server, &mut [0; 16]).await;
            });
            Ok(BoxStream::new(client))
        })
    }
}

fn client(world: &World, limits: Limits) -> Client {
    Client::new(Arc::new(world.network.clone()), limits)
}

fn graph(world: &World) -> Endpoint {
    let ca = world.desired.microsoft365.as_ref().unwrap().ca.clone();
    Endpoint { host: GRAPH.to_owned(), port: 443, tls: TlsMode::Implicit, ca }
}

fn strike(world: &World, what: WebMischief) {
    world.tenant.add_fault(WebFault { door: Door::Graph, nth: 1, what });
}

#[tokio::test(start_paused = true)]
async fn an_answer_without_end_is_not_read_to_its_end() {
    let world = World::new("");
    let graph = graph(&world);
    let limits = Limits { body_octets: 1_000, ..Limits::default() };
    strike(&world, WebMischief::Refusal(200, "x".repeat(1_000)));
    let answer = client(&world, limits).send(&Request::get(&graph, "/")).await.unwrap();
    assert_eq!((answer.status, answer.body.len()), (200, 1_000));
    strike(&world, WebMischief::Refusal(200, "x".repeat(1_001)));
    let error = client(&world, limits).send(&Request::get(&graph, "/")).await.unwrap_err();
    assert!(matches!(error, HttpError::TooLong { octets: 1_000, .. }), "{error}");
    assert!(!error.passes());
}

#[tokio::test(start_paused = true)]
async fn silence_and_a_cut_answer_are_told_as_what_they_are() {
    let world = World::new("");
    let graph = graph(&world);
    let client = client(&world, Limits::default());
    strike(&world, WebMischief::Delay(Duration::from_secs(101)));
    let begun = Instant::now();
    let error = client.send(&Request::get(&graph, "/v1.0/x")).await.unwrap_err();
    assert_eq!(error.to_string(), "graph.microsoft.com: no answer to the request for 100 s");
    assert!(error.passes() && begun.elapsed() < Duration::from_secs(101));
    for what in [WebMischief::CloseBefore, WebMischief::CloseAfter, WebMischief::CloseWithin] {
        strike(&world, what.clone());
        let error = client.send(&Request::get(&graph, "/v1.0/x")).await.unwrap_err();
        assert!(matches!(error, HttpError::Lost { .. }) && error.passes(), "{what:?}: {error}");
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_goes_out_without_tls_or_to_somebody_else() {
    let world = World::new("");
    let client = client(&world, Limits::default());
    let plain = Endpoint { tls: TlsMode::None, ..graph(&world) };
    let error = client.send(&Request::get(&plain, "/")).await.unwrap_err();
    assert!(error.to_string().contains("without TLS is refused"), "{error}");
    // The authority of the test is not among those of the system.
    let public = Endpoint { ca: None, ..graph(&world) };
    let error = client.send(&Request::get(&public, "/")).await.unwrap_err();
    assert!(error.to_string().contains("with TLS") && !error.passes(), "{error}");
    assert!(world.tenant.requests(Door::Graph).is_empty());
    strike(&world, WebMischief::Page(302));
    let graph = graph(&world);
    assert_eq!(client.send(&Request::get(&graph, "/")).await.unwrap().status, 302);
    assert_eq!(world.tenant.requests(Door::Graph).len(), 1, "a redirect is not followed");
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_said_is_not_sent() {
    let world = World::new("");
    let client = client(&world, Limits::default());
    let graph = graph(&world);
    let token = "two\nlines".into();
    let error = client.send(&Request::get(&graph, "/").bearer(&token)).await.unwrap_err();
    assert!(matches!(error, HttpError::Unsayable { .. }), "{error}");
    assert!(!format!("{error} {error:?}").contains("lines"));
    assert!(world.tenant.requests(Door::Graph).is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_line_that_falls_during_the_handshake_is_a_line_that_falls() {
    let world = World::new("");
    let graph = graph(&world);
    let falling = Arc::new(Falling { times: AtomicUsize::new(1), network: world.network.clone() });
    let client = Client::new(falling.clone(), Limits::default());
    let error = client.send(&Request::get(&graph, "/v1.0/x")).await.unwrap_err();
    assert!(error.to_string().contains("with TLS") && error.passes(), "{error}");
    falling.times.store(3, Ordering::Relaxed);
    let throttle = Arc::clone(world.start().accounts.throttle());
    let answer = Patient::new(client, throttle).send(&Request::get(&graph, "/v1.0/x")).await;
    assert_eq!(answer.unwrap().status, 401);
    assert_eq!(falling.times.load(Ordering::Relaxed), 0);
}
