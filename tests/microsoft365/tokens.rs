//! Tokens: asked for once, renewed in time, refused in Microsoft's own words.

use crate::world::{APP, APP_SECRET, World};
use mailferry::error::{Class, ErrorKind, Retry};
use mailferry::ports::secrets::Secrets;
use mailferry::secrets::BoundSecrets;
use mailferry::simulate::Habit;
use mailferry::simulate::web::{App, Door, WebFault, WebMischief};
use secrecy::ExposeSecret as _;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

fn login(nth: u64, what: WebMischief) -> WebFault {
    WebFault { door: Door::Login, nth, what }
}

#[tokio::test(start_paused = true)]
async fn many_who_want_a_token_at_once_ask_once() {
    let world = World::new("");
    let process = world.start();
    let all = futures_util::future::join_all((0..32).map(|_| {
        let tokens = Arc::clone(&process.tokens);
        tokio::spawn(async move { tokens.token().await.unwrap() })
    }));
    let numbers: Vec<u64> = all.await.into_iter().map(|token| token.unwrap().number).collect();
    assert_eq!(numbers, [1; 32]);
    assert_eq!(
        world.tenant.requests(Door::Login),
        [
            "POST /acme.onmicrosoft.com/oauth2/v2.0/token scope=https%3A%2F%2Foutlook.office365.com%2F.default"
        ]
    );
    let told = world.vault.told.lock().unwrap().clone();
    assert_eq!(told, [("APP_SECRET".to_owned(), "login.microsoftonline.com".to_owned())]);
}

#[tokio::test(start_paused = true)]
async fn a_token_is_kept_until_five_minutes_before_its_end() {
    let world = World::new("");
    let process = world.start();
    let first = process.tokens.token().await.unwrap();
    assert!(!first.kept);
    tokio::time::sleep(Duration::from_secs(3_599 - 300 - 1)).await;
    let same = process.tokens.token().await.unwrap();
    assert!(same.kept && same.number == 1);
    assert_eq!(same.value.expose_secret(), first.value.expose_secret());
    tokio::time::sleep(Duration::from_secs(1)).await;
    let next = process.tokens.token().await.unwrap();
    assert!(!next.kept && next.number == 2);
    // A short life has a margin of its own.
    world.tenant.set_life(Duration::from_secs(50));
    process.tokens.instead_of(&next).await.unwrap();
    tokio::time::sleep(Duration::from_secs(39)).await;
    assert_eq!(process.tokens.token().await.unwrap().number, 3);
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(process.tokens.token().await.unwrap().number, 4);
}

#[tokio::test(start_paused = true)]
async fn many_whose_token_is_refused_renew_it_once() {
    let world = World::new("");
    let process = world.start();
    let old = process.tokens.token().await.unwrap();
    let all = futures_util::future::join_all((0..8).map(|_| process.tokens.instead_of(&old)));
    let numbers: Vec<u64> = all.await.into_iter().map(|token| token.unwrap().number).collect();
    assert_eq!(numbers, [2; 8]);
}

#[tokio::test(start_paused = true)]
async fn a_wrong_secret_is_told_with_its_next_step_and_never_sent_again() {
    let world = World::new("");
    "another".clone_into(&mut world.vault.app.lock().unwrap());
    let process = world.start();
    for _ in 0..3 {
        let error = process.tokens.token().await.unwrap_err();
        assert_eq!((error.code, error.kind), ("E191", ErrorKind::Unobservable));
        assert_eq!((error.class, error.retry), (Class::Credential, Retry::Never));
        let words = error.words.as_deref().unwrap();
        assert!(
            words.starts_with("invalid_client: AADSTS7000215: Invalid client secret"),
            "{words}"
        );
        assert!(words.contains("\\u{d}\\u{a}Trace ID"), "{words}");
        assert!(error.message.contains(APP) && error.message.contains("acme.onmicrosoft.com"));
        assert!(error.hints[0].contains("not its secret ID"), "{:?}", error.hints);
        let all = format!("{error:?} {error}");
        assert!(!all.contains("another"), "{all}");
    }
    assert_eq!(world.asked_for_imap(), 1);
}

#[tokio::test(start_paused = true)]
async fn each_refusal_has_its_code() {
    let expired = App { expired: true, ..App::new(APP_SECRET) };
    let without = App { permissions: [].into(), ..App::new(APP_SECRET) };
    for (app, tenant, habit, code) in [
        (Some(expired), None, true, "E192"),
        (None, None, true, "E193"),
        (Some(App::new(APP_SECRET)), Some("other.onmicrosoft.com"), true, "E194"),
        (Some(without), None, false, "E195"),
    ] {
        let mut world = World::new("");
        world.tenant.set_habit(Habit::TokenWithoutRoles, habit);
        let wanted = world.desired.microsoft365.as_mut().unwrap();
        match app {
            Some(app) => world.tenant.set_app(APP, app),
            None => "11111111-2222-3333-4444-555555555555".clone_into(&mut wanted.client_id),
        }
        if let Some(tenant) = tenant {
            tenant.clone_into(&mut wanted.tenant);
        }
        let error = world.start().tokens.token().await.unwrap_err();
        assert_eq!(error.code, code, "{error:?}");
        assert!(!error.hints.is_empty() && error.words.is_some(), "{error:?}");
    }
    let world = World::new("");
    let json = r#"{"error":"invalid_grant","error_description":"AADSTS99999: New."}"#;
    world.tenant.add_fault(login(1, WebMischief::Refusal(400, json.to_owned())));
    let error = world.start().tokens.token().await.unwrap_err();
    assert_eq!(
        (error.code, error.words.as_deref()),
        ("E190", Some("invalid_grant: AADSTS99999: New."))
    );
}

#[tokio::test(start_paused = true)]
async fn patience_is_kept_to_the_second_and_told() {
    let world = World::new("");
    world.tenant.add_fault(login(1, WebMischief::Patience(429, Some("17".to_owned()))));
    world.tenant.add_fault(login(2, WebMischief::Patience(503, None)));
    let process = world.start();
    let begun = Instant::now();
    process.tokens.token().await.unwrap();
    let took = begun.elapsed();
    assert!(took >= Duration::from_secs(19) && took < Duration::from_secs(20), "{took:?}");
    assert_eq!(
        world.told.notices(),
        [
            "login.microsoftonline.com asks for patience (429); it is asked again in 17 s",
            "login.microsoftonline.com asks for patience (503); it is asked again in 2 s",
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_wait_without_reason_is_not_waited_for() {
    let world = World::new("");
    world.tenant.add_fault(login(1, WebMischief::Patience(429, Some("86400".to_owned()))));
    let process = world.start();
    let error = process.tokens.token().await.unwrap_err();
    assert_eq!((error.code, error.class), ("E199", Class::Transient));
    assert!(error.message.contains("86400 s"), "{error}");
    // Until then everybody is told the same, and nobody asks.
    tokio::time::sleep(Duration::from_secs(86_399)).await;
    let again = process.tokens.token().await.unwrap_err();
    assert_eq!(
        (again.code, again.class, again.retry),
        ("E199", Class::Transient, Retry::Transient)
    );
    assert_eq!(again.message, error.message);
    assert_eq!(world.asked_for_imap(), 1);
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(process.tokens.token().await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_is_down_is_waited_for_once_for_all_mailboxes() {
    let world = World::new("");
    for nth in 1..=5 {
        world.tenant.add_fault(login(nth, WebMischief::Delay(Duration::from_secs(3_600))));
    }
    let process = world.start();
    let begun = Instant::now();
    let all = futures_util::future::join_all((0..200).map(|_| process.tokens.token()));
    for answer in all.await {
        let error = answer.unwrap_err();
        assert_eq!((error.code, error.class, error.retry), ("E199", Class::Line, Retry::Transient));
    }
    assert_eq!(world.asked_for_imap(), 5, "five times for all of them");
    let took = begun.elapsed();
    assert!(took < Duration::from_secs(5 * 100 + 15 + 1), "{took:?}");
    // The directory is asked with tokens of the same endpoint.
    let domain = "acme.example".parse().unwrap();
    assert!(process.directory.domain(&domain).await.unwrap().failure().is_some());
    assert_eq!(world.tenant.requests(Door::Login).len(), 5);
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert!(process.tokens.token().await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn the_life_of_a_token_does_not_count_the_waits_before_it() {
    let world = World::new("");
    world.tenant.add_fault(login(1, WebMischief::Patience(429, Some("900".to_owned()))));
    world.tenant.set_life(Duration::from_secs(600));
    let process = world.start();
    assert!(!process.tokens.token().await.unwrap().kept);
    assert!(process.tokens.token().await.unwrap().kept, "it is as good as new");
    assert_eq!(world.asked_for_imap(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_is_in_trouble_refuses_nobody() {
    let world = World::new("");
    let json = r#"{"error":"temporarily_unavailable","error_description":"AADSTS90033: A transient error has occurred. Please try again."}"#;
    world.tenant.add_fault(login(1, WebMischief::Refusal(400, json.to_owned())));
    let process = world.start();
    let error = process.tokens.token().await.unwrap_err();
    assert_eq!(
        (error.code, error.class, error.retry),
        ("E199", Class::Transient, Retry::Transient)
    );
    assert!(error.words.unwrap().contains("AADSTS90033"));
    assert!(process.tokens.token().await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_lost_connection_is_no_refusal() {
    let world = World::new("");
    world.tenant.add_fault(login(1, WebMischief::CloseBefore));
    world.tenant.add_fault(login(2, WebMischief::CloseAfter));
    world.tenant.add_fault(login(3, WebMischief::CloseWithin));
    world.tenant.add_fault(login(4, WebMischief::Delay(Duration::from_secs(3_600))));
    let process = world.start();
    assert_eq!(process.tokens.token().await.unwrap().number, 1);
    assert_eq!(world.asked_for_imap(), 5);
    for nth in 1..=5 {
        world.tenant.add_fault(login(nth, WebMischief::CloseBefore));
    }
    let error = world.start().tokens.token().await.unwrap_err();
    assert_eq!((error.code, error.class, error.retry), ("E199", Class::Line, Retry::Transient));
    assert_eq!(world.asked_for_imap(), 10, "five times and no more");
}

#[tokio::test(start_paused = true)]
async fn a_page_of_somebody_in_between_is_no_answer() {
    let world = World::new("");
    world.tenant.add_fault(login(1, WebMischief::Page(200)));
    let error = world.start().tokens.token().await.unwrap_err();
    assert_eq!((error.code, error.words), ("E198", None), "a success is never shown");
    world.tenant.add_fault(login(1, WebMischief::Page(407)));
    let error = world.start().tokens.token().await.unwrap_err();
    assert_eq!(error.code, "E198");
    assert!(error.words.unwrap().contains("Simulated gateway"));
    world.tenant.add_fault(login(
        1,
        WebMischief::Refusal(
            200,
            r#"{"token_type":"Bearer","expires_in":"x","access_token":"swordfish"}"#.to_owned(),
        ),
    ));
    let error = world.start().tokens.token().await.unwrap_err();
    assert!(error.code == "E198" && !format!("{error:?}").contains("swordfish"), "{error:?}");
    // Not even where a success is none that is known.
    let strange = WebMischief::Refusal(201, r#"{"access_token":"swordfish"}"#.to_owned());
    world.tenant.add_fault(login(1, strange));
    let error = world.start().tokens.token().await.unwrap_err();
    assert!(error.code == "E198" && !format!("{error:?}").contains("swordfish"), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn no_other_server_gets_a_token_without_the_consent_that_the_secret_needs() {
    let mut world = World::new("");
    world.desired.destination.endpoint.host = "mail.evil.example".to_owned();
    // Public trust, as a migration plan that was changed by somebody would have it.
    world.desired.destination.endpoint.ca = None;
    world.desired.microsoft365.as_mut().unwrap().ca = None;
    let secrets =
        BoundSecrets::new(world.told.clone()).with_environment(|_| Some(APP_SECRET.into()));
    let secrets: Arc<dyn Secrets> = Arc::new(secrets);
    let process = world.start_with(&secrets);
    let ada = world.desired.mailboxes.values().next().unwrap();
    let error = process.accounts.destination(ada).await.unwrap_err();
    assert_eq!((error.code, error.kind), ("E110", ErrorKind::Declined));
    assert!(error.message.contains("mail.evil.example"), "{error}");
    assert!(world.tenant.requests(Door::Login).is_empty(), "not even asked for");
    // Microsoft's own hosts need none: this fails later, at the authority of the test.
    let error = process.tokens.token().await.unwrap_err();
    assert_eq!(error.code, "E199", "{error:?}");
    assert_eq!(process.accounts.consents(&world.desired).await.unwrap_err().code, "E110");
}

#[tokio::test(start_paused = true)]
async fn tokens_for_two_services_are_two_tokens() {
    let world = World::new("");
    let process = world.start();
    process.tokens.token().await.unwrap();
    let domain = "acme.example".parse().unwrap();
    assert!(process.directory.domain(&domain).await.unwrap().present().is_some());
    assert!(process.directory.domain(&domain).await.unwrap().present().is_some());
    let asked = world.tenant.requests(Door::Login);
    assert_eq!(asked.len(), 2, "{asked:?}");
    assert!(asked[1].ends_with("scope=https%3A%2F%2Fgraph.microsoft.com%2F.default"), "{asked:?}");
}
