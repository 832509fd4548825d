//! `kill -9` in whatever an apply to a simulated Exchange does, which makes messages anew: what
//! became of them is told by what they say.
//!
//! `tests/kills --exchange --kills 300` kills more often.

use crate::kills::{kill, twin, user};
use crate::lab::{Lab, LabOptions};
use crate::lane::Lane;
use crate::random::{Random, number};
use crate::simulated::Exchange;

#[test]
fn killed_while_exchange_rewrites_nothing_is_lost_and_nothing_doubled() {
    let kills = number("MAILFERRY_TEST_KILLS", 15);
    let mut random = Random::new("kills at Exchange");
    let lanes = (kills / 20).clamp(5, 12);
    let users: Vec<String> = (0..lanes).map(user).collect();
    let lab = Lab::start(LabOptions { users: users.clone(), ..LabOptions::default() });
    let exchange = Exchange::start(&users);
    let outcome = kill(kills, lanes, &mut random, |number, random| {
        Lane::to_exchange(&lab, &exchange, &user(number), twin(number), random)
    });
    let oracle = exchange.service.oracle();
    assert!(users.iter().any(|user| oracle.throttles(user) > Some(0)), "nobody was throttled");
    let folders = users.iter().filter_map(|user| oracle.mailbox(user)).flatten();
    let mut messages = folders.flat_map(|(_, folder)| folder.messages);
    assert!(messages.all(|message| message.served != message.given), "octets were kept");
    assert!(outcome.tally.met.contains_key("hanging"), "{:?}", outcome.tally.met);
}
