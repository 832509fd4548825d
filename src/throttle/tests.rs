//! Places and brakes of several accounts together, with a clock that only the test moves.

use super::*;
use crate::imap::error::Words;
use crate::imap::{Brake, ImapError};

fn key(side: &'static str, account: &str) -> AccountKey {
    AccountKey { side, server: "mail.example:993".to_owned(), account: account.to_owned() }
}

fn brake(throttle: &Arc<Throttle>, key: &AccountKey) -> AccountBrake {
    AccountBrake {
        throttle: Arc::clone(throttle),
        key: key.clone(),
        mailbox: format!("{}@acme.example", key.account),
    }
}

fn throttled(milliseconds: u64) -> ImapError {
    let text = format!("Request is throttled. Suggested Backoff Time: {milliseconds} milliseconds");
    ImapError::Bad { command: "APPEND", words: Words::new(text.as_bytes()) }
}

const EIGHT: Allowed = Allowed { server: 8, account: 4 };

async fn is_full(throttle: &Arc<Throttle>, key: &AccountKey, allowed: Allowed) -> bool {
    let soon = Duration::from_millis(10);
    tokio::time::timeout(soon, throttle.place(key, allowed)).await.is_err()
}

#[tokio::test(start_paused = true)]
async fn places_are_counted_for_the_account_and_for_the_server() {
    let throttle = Arc::new(Throttle::default());
    let (ada, bob) = (key("source", "ada"), key("source", "bob"));
    let allowed = Allowed { server: 3, account: 2 };
    let _one = throttle.place(&ada, allowed).await.unwrap();
    let two = throttle.place(&ada, allowed).await.unwrap();
    assert!(is_full(&throttle, &ada, allowed).await, "the account is full");
    let _three = throttle.place(&bob, allowed).await.unwrap();
    assert!(is_full(&throttle, &bob, allowed).await, "the server is full");
    drop(two);
    assert!(!is_full(&throttle, &ada, allowed).await);
}

#[tokio::test(start_paused = true)]
async fn whoever_waits_for_a_place_sleeps() {
    let throttle = Arc::new(Throttle::default());
    let (ada, bob) = (key("source", "ada"), key("source", "bob"));
    let allowed = Allowed { server: 2, account: 2 };
    let _full = [
        throttle.place(&bob, allowed).await.unwrap(),
        throttle.place(&bob, allowed).await.unwrap(),
    ];
    brake(&throttle, &ada).heard(&throttled(1_000));
    assert!(is_full(&throttle, &ada, allowed).await, "the server is full");
    brake(&throttle, &ada).heard(&throttled(1_000));
    // The account has room again by now, and the server has none.
    tokio::time::sleep(Duration::from_secs(60)).await;
    let mut polls = 0;
    let mut place = std::pin::pin!(throttle.place(&ada, allowed));
    let waits = std::future::poll_fn(|cx| {
        polls += 1;
        assert!(polls < 1_000, "it turns round and round");
        place.as_mut().poll(cx)
    });
    assert!(tokio::time::timeout(Duration::from_secs(3_600), waits).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn one_account_waits_exactly_as_long_as_the_server_says_and_the_others_go_on() {
    let throttle = Arc::new(Throttle::default());
    let (ada, bob) = (key("destination", "ada"), key("destination", "bob"));
    let _places =
        [throttle.place(&ada, EIGHT).await.unwrap(), throttle.place(&bob, EIGHT).await.unwrap()];
    let begun = Instant::now();
    brake(&throttle, &ada).heard(&throttled(89_117));
    brake(&throttle, &bob).pass().await.unwrap();
    assert_eq!(begun.elapsed(), Duration::ZERO);
    // Every connection of the account, whoever heard it.
    brake(&throttle, &ada).pass().await.unwrap();
    assert!(begun.elapsed() >= Duration::from_millis(89_117), "{:?}", begun.elapsed());
    assert!(begun.elapsed() < Duration::from_millis(89_200), "{:?}", begun.elapsed());
    let waited = throttle.waited();
    assert_eq!((waited.len(), waited[0].times, waited[0].milliseconds), (1, 1, 89_117));
}

#[tokio::test(start_paused = true)]
async fn a_sign_halves_the_account_and_a_second_one_the_server() {
    let throttle = Arc::new(Throttle::default());
    let (ada, bob) = (key("destination", "ada"), key("destination", "bob"));
    let mut places = Vec::new();
    for key in [&ada, &ada, &ada, &ada, &bob, &bob, &bob, &bob] {
        places.push(throttle.place(key, EIGHT).await.unwrap());
    }
    assert!(places.iter().all(|place| !place.is_surplus()));
    brake(&throttle, &ada).heard(&throttled(1_000));
    let surplus: Vec<bool> = places.iter().map(Place::is_surplus).collect();
    assert_eq!(surplus, [true, true, true, true, false, false, false, false]);
    brake(&throttle, &bob).heard(&throttled(1_000));
    // Now the server is asked for half as well: all are more than it wants.
    assert!(places.iter().all(Place::is_surplus));
    places.truncate(2);
    assert!(places.iter().all(|place| !place.is_surplus()));
    // Calm gives them back.
    tokio::time::sleep(Duration::from_secs(600)).await;
    assert!(!is_full(&throttle, &ada, EIGHT).await);
}

#[tokio::test(start_paused = true)]
async fn what_is_about_the_machine_holds_everybody() {
    let throttle = Arc::new(Throttle::default());
    let (ada, bob) = (key("source", "ada"), key("source", "bob"));
    let _places =
        [throttle.place(&ada, EIGHT).await.unwrap(), throttle.place(&bob, EIGHT).await.unwrap()];
    let words = Words::new(b"Too many concurrent connections from this client (G2)");
    let begun = Instant::now();
    brake(&throttle, &ada).heard(&ImapError::Bye { words });
    brake(&throttle, &bob).pass().await.unwrap();
    assert!(begun.elapsed() >= Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn every_wait_ends_when_the_run_shall_end() {
    let throttle = Arc::new(Throttle::default());
    let ada = key("source", "ada");
    let cancel = CancellationToken::new();
    throttle.end_with(cancel.clone());
    let one = Allowed { server: 1, account: 1 };
    let _place = throttle.place(&ada, one).await.unwrap();
    brake(&throttle, &ada).heard(&throttled(3 * 3_600_000));
    let begun = Instant::now();
    let (passed, placed, slept, ()) = tokio::join!(
        async { brake(&throttle, &ada).pass().await },
        throttle.place(&ada, one),
        throttle.sleep(Duration::from_secs(3_600)),
        async {
            tokio::time::sleep(Duration::from_secs(5)).await;
            cancel.cancel();
        }
    );
    assert!(matches!(passed, Err(ImapError::Interrupted)));
    assert_eq!(placed.unwrap_err().kind, ErrorKind::Interrupted);
    assert_eq!(slept.unwrap_err().kind, ErrorKind::Interrupted);
    assert!(begun.elapsed() < Duration::from_secs(6));
}
