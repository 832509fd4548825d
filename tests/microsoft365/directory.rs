//! The domains of a tenant: there, not there, or nobody knows.

use crate::world::{APP, APP_SECRET, World};
use mailferry::error::ErrorKind;
use mailferry::model::address::Domain;
use mailferry::model::reading::Reading;
use mailferry::simulate::web::{App, DirectoryDomain, Door, WebFault, WebMischief};
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

fn acme() -> Domain {
    "acme.example".parse().unwrap()
}

fn strike(world: &World, nth: u64, what: WebMischief) {
    world.tenant.add_fault(WebFault { door: Door::Graph, nth, what });
}

#[tokio::test(start_paused = true)]
async fn records_are_read_page_by_page_to_the_end() {
    let world = World::new("");
    let process = world.start();
    let reading = process.directory.domain(&acme()).await.unwrap();
    let state = reading.present().unwrap();
    assert!(state.verified && state.verification.is_empty());
    let records = state.records.present().unwrap();
    let mx: Vec<String> = records.mx.iter().map(ToString::to_string).collect();
    assert_eq!(mx, ["0 acme-example.mail.protection.outlook.com."]);
    assert_eq!(records.spf.as_deref(), Some("v=spf1 include:spf.protection.outlook.com -all"));
    assert_eq!(records.autodiscover.as_deref(), Some("autodiscover.outlook.com"));
    assert_eq!(
        world.tenant.requests(Door::Graph),
        [
            "GET /v1.0/domains/acme.example",
            "GET /v1.0/domains/acme.example/serviceConfigurationRecords",
            "GET /v1.0/domains/acme.example/serviceConfigurationRecords?$skiptoken=2",
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_domain_that_is_not_verified_has_no_records_and_a_proof_to_enter() {
    let world = World::new("");
    world.tenant.set_domain("acme.example", DirectoryDomain::new("acme.example", false));
    let reading = world.start().directory.domain(&acme()).await.unwrap();
    let state = reading.present().unwrap();
    assert!(!state.verified && state.records == Reading::Absent);
    assert_eq!(state.verification, ["MS=ms12345678"]);
}

#[tokio::test(start_paused = true)]
async fn only_the_directory_itself_says_that_a_domain_is_not_there() {
    let other: Domain = "other.example".parse().unwrap();
    let world = World::new("");
    assert_eq!(world.start().directory.domain(&other).await.unwrap(), Reading::Absent);
    let not_found = r#"{"error":{"code":"ResourceNotFound","message":"no such path"}}"#;
    for what in [
        WebMischief::Page(404),
        WebMischief::Refusal(404, not_found.to_owned()),
        WebMischief::Refusal(404, "{}".to_owned()),
        WebMischief::Page(200),
        WebMischief::Page(302),
        WebMischief::Refusal(200, "{}".to_owned()),
        WebMischief::Refusal(200, r#"{"id":"acme.example","isVerified":true}"#.to_owned()),
        WebMischief::Refusal(400, "{}".to_owned()),
    ] {
        strike(&world, 1, what.clone());
        let reading = world.start().directory.domain(&other).await.unwrap();
        let failure = reading.failure().unwrap_or_else(|| panic!("{what:?}: {reading:?}"));
        assert!(failure.message.contains("graph.microsoft.com") && failure.hint.is_some());
    }
}

#[tokio::test(start_paused = true)]
async fn records_that_cannot_be_read_are_unknown_and_the_domain_is_not() {
    let elsewhere =
        r#"{"value":[],"@odata.nextLink":"https://graph.microsoft.com.evil.example/v1.0/x"}"#;
    let round = r#"{"value":[],"@odata.nextLink":"https://graph.microsoft.com/v1.0/domains/acme.example/serviceConfigurationRecords"}"#;
    let world = World::new("");
    for text in [elsewhere, r#"{"value":[{"recordType":"Mx"}"#, r#"{"values":[]}"#] {
        strike(&world, 2, WebMischief::Refusal(200, text.to_owned()));
        let reading = world.start().directory.domain(&acme()).await.unwrap();
        let state = reading.present().unwrap();
        assert!(state.verified && state.records.failure().is_some(), "{text}: {state:?}");
    }
    for nth in 2..=51 {
        strike(&world, nth, WebMischief::Refusal(200, round.to_owned()));
    }
    let reading = world.start().directory.domain(&acme()).await.unwrap();
    let failure = reading.present().unwrap().records.failure().unwrap();
    assert!(failure.message.contains("does not end"), "{failure:?}");
}

#[tokio::test(start_paused = true)]
async fn a_missing_permission_names_the_permission() {
    let world = World::new("");
    world.tenant.set_app(APP, App { permissions: [].into(), ..App::new(APP_SECRET) });
    let reading = world.start().directory.domain(&acme()).await.unwrap();
    let failure = reading.failure().unwrap();
    assert!(failure.message.contains("does not let the app read the directory"), "{failure:?}");
    assert!(failure.words.as_deref().unwrap().starts_with("Authorization_RequestDenied"));
    assert!(failure.hint.as_deref().unwrap().contains("Domain.Read.All"));
}

#[tokio::test(start_paused = true)]
async fn a_token_that_is_refused_is_no_missing_permission() {
    let world = World::new("");
    let words = r#"{"error":{"code":"UnknownError","message":"Identity not found"}}"#;
    for nth in 1..=9 {
        strike(&world, nth, WebMischief::Refusal(401, words.to_owned()));
    }
    let reading = world.start().directory.domain(&acme()).await.unwrap();
    let failure = reading.failure().unwrap();
    assert!(failure.message.contains("does not take the app's token"), "{failure:?}");
    assert!(failure.words.as_deref().unwrap().contains("Identity not found"));
    assert!(failure.hint.as_deref().unwrap().contains("service principal"), "{failure:?}");
}

#[tokio::test(start_paused = true)]
async fn a_token_that_was_taken_back_is_renewed_once() {
    let world = World::new("");
    let process = world.start();
    assert!(process.directory.domain(&acme()).await.unwrap().present().is_some());
    world.tenant.revoke_tokens();
    assert!(process.directory.domain(&acme()).await.unwrap().present().is_some());
    assert_eq!(world.tenant.requests(Door::Login).len(), 2);
    // Expired and not renewed by the clock alone: the process knows of it by its own time.
    tokio::time::sleep(Duration::from_secs(4_000)).await;
    assert!(process.directory.domain(&acme()).await.unwrap().present().is_some());
    assert_eq!(world.tenant.requests(Door::Login).len(), 3);
}

#[tokio::test(start_paused = true)]
async fn trouble_is_waited_for_and_told_when_it_stays() {
    let world = World::new("");
    let process = world.start();
    strike(&world, 1, WebMischief::Patience(429, Some("30".to_owned())));
    strike(&world, 2, WebMischief::CloseAfter);
    assert!(process.directory.domain(&acme()).await.unwrap().present().is_some());
    assert_eq!(world.told.notices().len(), 2, "{:?}", world.told.notices());
    for nth in 1..=9 {
        strike(&world, nth, WebMischief::Patience(503, None));
    }
    let reading = process.directory.domain(&acme()).await.unwrap();
    let failure = reading.failure().unwrap();
    assert!(failure.message.contains("gave no answer but 503"), "{failure:?}");
}

#[tokio::test(start_paused = true)]
async fn trouble_that_stayed_is_waited_for_once_for_all_domains() {
    let other: Domain = "other.example".parse().unwrap();
    let world = World::new("");
    let process = world.start();
    for nth in 1..=9 {
        strike(&world, nth, WebMischief::Patience(503, Some("60".to_owned())));
    }
    assert!(process.directory.domain(&acme()).await.unwrap().failure().is_some());
    let (asked, begun) = (world.tenant.requests(Door::Graph).len(), Instant::now());
    let reading = process.directory.domain(&other).await.unwrap();
    assert!(reading.failure().unwrap().message.contains("gave no answer but 503"), "{reading:?}");
    assert_eq!(world.tenant.requests(Door::Graph).len(), asked);
    assert!(begun.elapsed() < Duration::from_secs(1));
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(process.directory.domain(&other).await.unwrap(), Reading::Absent);
    // What may be about one object alone says nothing of another one.
    for nth in 1..=5 {
        strike(&world, nth, WebMischief::Page(500));
    }
    assert!(process.directory.domain(&acme()).await.unwrap().failure().is_some());
    assert_eq!(process.directory.domain(&other).await.unwrap(), Reading::Absent);
    assert!(process.directory.domain(&acme()).await.unwrap().failure().is_some());
}

#[tokio::test(start_paused = true)]
async fn a_run_that_shall_end_is_no_domain_that_cannot_be_read() {
    let (world, acme) = (World::new(""), acme());
    // The second wait is for the records of a domain that is known already.
    for nth in [1, 2] {
        let process = world.start();
        let cancel = CancellationToken::new();
        process.accounts.throttle().end_with(cancel.clone());
        strike(&world, nth, WebMischief::Patience(503, Some("600".to_owned())));
        let (looked, ()) = tokio::join!(process.directory.domain(&acme), async {
            tokio::time::sleep(Duration::from_secs(60)).await;
            cancel.cancel();
        });
        assert_eq!(looked.unwrap_err().kind, ErrorKind::Interrupted);
    }
}
