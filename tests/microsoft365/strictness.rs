//! The simulated tenant refuses what Microsoft's documentation says is refused.

use crate::world::{APP, APP_SECRET, World};
use mailferry::http::{Answer, Request};
use mailferry::microsoft365::{GRAPH, LOGIN};
use mailferry::model::server::{Endpoint, TlsMode};
use secrecy::SecretString;

fn at(world: &World, host: &str) -> Endpoint {
    let ca = world.desired.microsoft365.as_ref().unwrap().ca.clone();
    Endpoint { host: host.to_owned(), port: 443, tls: TlsMode::Implicit, ca }
}

const EXCHANGE: &str = "https://outlook.office365.com/.default";

async fn asked(world: &World, form: &[(&'static str, &str)]) -> Answer {
    let endpoint = at(world, LOGIN);
    let form = form.iter().map(|(key, value)| (*key, SecretString::from(*value))).collect();
    let request = Request::post(&endpoint, "/acme.onmicrosoft.com/oauth2/v2.0/token", form);
    world.start().http.send(&request).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn the_token_endpoint_takes_what_is_documented_and_nothing_else() {
    let world = World::new("");
    let right = [
        ("client_id", APP),
        ("scope", EXCHANGE),
        ("client_secret", APP_SECRET),
        ("grant_type", "client_credentials"),
    ];
    assert_eq!(asked(&world, &right).await.status, 200);
    let with = |key: &'static str, value: &'static str| {
        let mut form = right.to_vec();
        form.retain(|(other, _)| *other != key);
        form.push((key, value));
        form
    };
    let both = "https://outlook.office365.com/.default https://graph.microsoft.com/.default";
    for (form, code) in [
        (with("scope", both), "AADSTS70011"),
        (with("scope", "https://outlook.office365.com/IMAP.AccessAsApp"), "AADSTS70011"),
        (with("grant_type", "password"), "AADSTS70003"),
        (with("resource", "x"), "AADSTS90014"),
        (right[..3].to_vec(), "AADSTS900144"),
        (right[1..].to_vec(), "AADSTS900144"),
    ] {
        let answer = asked(&world, &form).await;
        assert_eq!(answer.status, 400, "{form:?}");
        let words = answer.words().unwrap();
        assert!(words.contains(code) && words.contains("error_codes"), "{words}");
    }
}

#[tokio::test(start_paused = true)]
async fn graph_wants_a_token_of_its_own_and_one_of_its_paths() {
    let world = World::new("");
    let process = world.start();
    let graph = at(&world, GRAPH);
    let get = async |path: &str, token: &SecretString| {
        process.http.send(&Request::get(&graph, path).bearer(token)).await.unwrap()
    };
    let imap = process.tokens.token().await.unwrap();
    let answer = get("/v1.0/domains/acme.example", &imap.value).await;
    assert_eq!(answer.status, 401);
    assert!(answer.words().unwrap().contains("InvalidAuthenticationToken"));
    let login = at(&world, LOGIN);
    let answer = process.http.send(&Request::get(&login, "/nothing")).await.unwrap();
    assert_eq!(answer.status, 405);
}
