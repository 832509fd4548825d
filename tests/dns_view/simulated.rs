//! What BIND cannot show in a test: lag, the passing of time, and a network that is led elsewhere.

use crate::ask::{How, Still, ask, hosts, key, listen, name, primary, within};
use crate::lab::bind::Zone as Lab;
use hickory_server::proto::op::ResponseCode;
use hickory_server::proto::rr::RecordType;
use mailferry::dns::HickoryView;
use mailferry::model::reading::Reading;
use mailferry::model::records::Mx;
use mailferry::observed::ZoneState;
use mailferry::ports::dns::{DnsView as _, Route as _, ZoneQuestion};
use mailferry::simulate::dns::{Internet, Manner, NameServer, Primary, Resolver, Zone, ZoneEditor};
use mailferry::simulate::{Habit, Habits};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

const APEX: &str = "acme.example";
const OLD: &str = "mx1.emailsrvr.com.";
const NEW: &str = "new.example.net.";

/// A zone file whose servers have documentation addresses.
fn text(mx: &str) -> String {
    format!(
        "\
@ 3600 IN SOA ns1 hostmaster 1 3600 600 86400 300
@ 3600 IN NS ns1
@ 3600 IN NS ns2
ns1 3600 IN A 192.0.2.1
ns2 3600 IN A 192.0.2.2
@ 3600 IN MX 10 {mx}
www 600 IN CNAME web
web 60 IN A 192.0.2.7
"
    )
}

fn at(last: u8) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, last], 53))
}

struct World {
    clock: Arc<Still>,
    internet: Internet,
    primary: Primary,
    first: NameServer,
    second: NameServer,
    resolver: Resolver,
}

async fn world(habits: Habits) -> World {
    let clock = Still::new();
    let mut internet = Internet::new(clock.clone(), habits);
    let (first, second) = (internet.name_server("ns1"), internet.name_server("ns2"));
    let primary = primary(APEX, &text(OLD), clock.clone());
    first.hold(&primary);
    second.follow(&primary, Duration::from_secs(900));
    internet.add_name_server(at(1), &first).await.unwrap();
    internet.add_name_server(at(2), &second).await.unwrap();
    let resolver = internet.resolver();
    internet.add_resolver(at(53), &resolver).await.unwrap();
    World { clock, internet, primary, first, second, resolver }
}

impl World {
    async fn mail(&self, last: u8) -> (u32, String) {
        let server = self.internet.route(at(last)).unwrap();
        let how = How { recursion: true, edns: None };
        let mut hosts = hosts(&ask(server, APEX, RecordType::MX, how).await);
        assert_eq!(hosts.len(), 1);
        hosts.remove(0)
    }

    async fn serial(&self, last: u8) -> String {
        let server = self.internet.route(at(last)).unwrap();
        let answer = ask(server, APEX, RecordType::SOA, How::default()).await;
        answer.answers[0].data.to_string()
    }

    async fn change(&self) {
        let server = self.internet.route(at(1)).unwrap();
        let editor = ZoneEditor::new(server, Some(key()), self.clock.clone());
        let host = NEW.trim_end_matches('.').to_owned();
        editor
            .replace_mx(&APEX.parse().unwrap(), 300, &[Mx { preference: 0, host }])
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn a_secondary_shows_its_primary_as_it_was() {
    let world = world(Internet::usual_habits()).await;
    world.change().await;
    assert_eq!(world.mail(1).await, (300, NEW.to_owned()));
    assert_eq!(world.mail(2).await, (3_600, OLD.to_owned()));
    assert_ne!(world.serial(1).await, world.serial(2).await);
    world.clock.pass(899);
    assert_eq!(world.mail(2).await.1, OLD);
    world.clock.pass(1);
    assert_eq!(world.mail(2).await, (300, NEW.to_owned()));
    assert_eq!(world.serial(1).await, world.serial(2).await);
    // UPDATEs are for the primary.
    let server = world.internet.route(at(2)).unwrap();
    let editor = ZoneEditor::new(server, Some(key()), world.clock.clone());
    let answer = editor.update(&APEX.parse().unwrap(), vec![], vec![]).await.unwrap();
    assert_eq!(answer.metadata.response_code, ResponseCode::Refused);
    let mut habits = Internet::usual_habits();
    habits.remove(&Habit::LaggingSecondaries);
    let prompt = self::world(habits).await;
    prompt.change().await;
    assert_eq!(prompt.mail(2).await.1, NEW, "without the habit nobody lags");
}

#[tokio::test]
async fn a_server_can_be_stale_refusing_failing_and_silent() {
    let world = world(Internet::usual_habits()).await;
    world.second.behave(Manner::Stale);
    world.change().await;
    world.clock.pass(30 * 86_400);
    assert_eq!(world.mail(2).await.1, OLD, "stale forever");
    world.second.behave(Manner::Answers);
    assert_eq!(world.mail(2).await.1, NEW, "until told");
    let server = world.internet.route(at(2)).unwrap();
    for (manner, code) in
        [(Manner::Refuses, ResponseCode::Refused), (Manner::Fails, ResponseCode::ServFail)]
    {
        world.second.behave(manner);
        let answer = ask(server, APEX, RecordType::MX, How::default()).await;
        assert_eq!(answer.metadata.response_code, code);
        assert!(answer.answers.is_empty() && !answer.metadata.authoritative);
    }
    world.second.behave(Manner::Silent);
    let patience = Duration::from_millis(300);
    let name = name(APEX);
    assert!(within(patience, server, &name, RecordType::MX, How::default()).await.is_none());
}

#[tokio::test]
async fn a_resolver_keeps_an_answer_until_its_ttl_has_run_out() {
    let world = world(Internet::usual_habits()).await;
    assert_eq!(world.mail(53).await, (3_600, OLD.to_owned()));
    world.clock.pass(1_000);
    world.change().await;
    assert_eq!(world.mail(53).await, (2_600, OLD.to_owned()));
    world.clock.pass(2_599);
    assert_eq!(world.mail(53).await, (1, OLD.to_owned()));
    world.clock.pass(1);
    assert_eq!(world.mail(53).await, (300, NEW.to_owned()));
    let mail = world.resolver.mail_exchangers(&APEX.parse().unwrap()).unwrap();
    assert_eq!(mail[0].host, NEW.trim_end_matches('.'));
}

#[tokio::test]
async fn a_resolver_may_ask_the_server_that_lags_and_keep_what_it_says() {
    let world = world(Internet::usual_habits()).await;
    world.change().await;
    // Servers take turns: one of two answers is the old one, which is kept for an hour.
    let mut seen = Vec::new();
    for _ in 0..2 {
        world.resolver.flush();
        seen.push(world.mail(53).await);
    }
    seen.sort();
    assert_eq!(seen, [(300, NEW.to_owned()), (3_600, OLD.to_owned())]);
    // A server that says nothing, or no, is passed over; when all do, nothing is known.
    world.resolver.flush();
    world.first.behave(Manner::Silent);
    for _ in 0..2 {
        world.resolver.flush();
        assert_eq!(world.mail(53).await.1, OLD);
    }
    world.second.behave(Manner::Refuses);
    assert_eq!(world.mail(53).await.1, OLD, "what is kept needs nobody");
    world.resolver.flush();
    let refused = world.resolver.mail_exchangers(&APEX.parse().unwrap());
    assert_eq!(refused.unwrap_err(), ResponseCode::ServFail);
    let refused = world.resolver.mail_exchangers(&"unknown.test".parse().unwrap());
    assert_eq!(refused.unwrap_err(), ResponseCode::ServFail, "nobody serves it");
}

#[tokio::test]
async fn absence_is_kept_for_as_long_as_the_soa_says() {
    let world = world(Internet::usual_habits()).await;
    world.second.behave(Manner::Refuses);
    let server = world.internet.route(at(53)).unwrap();
    let how = How { recursion: true, edns: None };
    let look = async |owner: &str, kind| {
        let answer = ask(server, owner, kind, how).await;
        let ttl = answer.authorities.first().map(|soa| soa.ttl);
        (answer.metadata.response_code, answer.answers.len(), ttl)
    };
    let gone = (ResponseCode::NXDomain, 0, Some(300));
    assert_eq!(look("later.acme.example", RecordType::A).await, gone);
    assert_eq!(look(APEX, RecordType::TXT).await, (ResponseCode::NoError, 0, Some(300)));
    // A type that is not there says nothing of the others, an alias that is not there neither.
    assert_eq!(look("web.acme.example", RecordType::CNAME).await.1, 0);
    assert_eq!(look("web.acme.example", RecordType::A).await.1, 1);
    let more = "later 60 IN A 192.0.2.8\n@ 60 IN TXT \"now\"\n";
    world.primary.publish(Zone::parse(APEX, &format!("{}{more}", text(OLD))).unwrap()).unwrap();
    world.clock.pass(299);
    // For every type of the name.
    let gone = (ResponseCode::NXDomain, 0, Some(1));
    assert_eq!(look("later.acme.example", RecordType::AAAA).await, gone);
    assert_eq!(look(APEX, RecordType::TXT).await, (ResponseCode::NoError, 0, Some(1)));
    world.clock.pass(1);
    assert_eq!(look("later.acme.example", RecordType::A).await.1, 1);
    assert_eq!(look(APEX, RecordType::TXT).await.1, 1);
}

#[tokio::test]
async fn each_link_of_an_alias_has_its_own_time() {
    let world = world(Internet::usual_habits()).await;
    let server = world.internet.route(at(53)).unwrap();
    let how = How { recursion: true, edns: None };
    let look = async || {
        let answer = ask(server, "www.acme.example", RecordType::A, how).await;
        assert!(!answer.metadata.authoritative && answer.metadata.recursion_available);
        answer.answers.iter().map(|record| record.ttl).collect::<Vec<_>>()
    };
    assert_eq!(look().await, [600, 60]);
    world.clock.pass(59);
    assert_eq!(look().await, [541, 1]);
    world.clock.pass(1);
    assert_eq!(look().await, [540, 60]);
}

#[tokio::test]
async fn a_resolver_may_stretch_short_ttls_and_serve_what_is_over() {
    let mut habits = Internet::usual_habits();
    habits.extend([Habit::ResolverTtlFloor, Habit::ServeStale]);
    let world = world(habits).await;
    let server = world.internet.route(at(53)).unwrap();
    let how = How { recursion: true, edns: None };
    let answer = ask(server, "web.acme.example", RecordType::A, how).await;
    assert_eq!(answer.answers[0].ttl, 90);
    assert_eq!(world.mail(53).await.0, 3_600);
    world.clock.pass(86_400);
    world.first.behave(Manner::Fails);
    world.second.behave(Manner::Silent);
    assert_eq!(world.mail(53).await, (30, OLD.to_owned()));
    world.first.behave(Manner::Answers);
    assert_eq!(world.mail(53).await.0, 3_600);
    let plain = self::world(Habits::new()).await;
    assert_eq!(plain.mail(53).await.0, 3_600);
    plain.clock.pass(10);
    assert_eq!(plain.mail(53).await.0, 3_600, "without the habit nothing is kept");
}

fn question(servers: Vec<SocketAddr>, resolvers: Vec<SocketAddr>) -> ZoneQuestion {
    let cnames = vec!["www.acme.example".to_owned()];
    ZoneQuestion { zone: APEX.parse().unwrap(), cnames, servers, resolvers }
}

fn state(reading: Reading<ZoneState>) -> ZoneState {
    match reading {
        Reading::Present(state) => state,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_routed_view_finds_documentation_addresses_and_nobody_else() {
    let world = world(Internet::usual_habits()).await;
    world.change().await;
    let view = HickoryView::default().routed(Arc::new(world.internet));
    let found = state(view.zone(&question(Vec::new(), Vec::new())).await);
    let labels = ["ns1.acme.example (192.0.2.1)", "ns2.acme.example (192.0.2.2)"];
    assert_eq!(found.authoritative.keys().collect::<Vec<_>>(), labels);
    assert_eq!(found.resolvers.keys().collect::<Vec<_>>(), ["192.0.2.53"]);
    let mx = |label: &str| {
        let view = found.authoritative[label].present().unwrap();
        view.mx.present().unwrap().records.iter().next().unwrap().host.clone()
    };
    assert_eq!((mx(labels[0]), mx(labels[1])), (NEW[..15].to_owned(), OLD[..17].to_owned()));
    let named = state(view.zone(&question(vec![at(1), at(9)], vec![at(53), at(54)])).await);
    assert!(named.authoritative["192.0.2.1"].present().is_some());
    assert!(named.resolvers["192.0.2.53"].present().is_some());
    for reading in [&named.authoritative["192.0.2.9"], &named.resolvers["192.0.2.54"]] {
        let words = reading.failure().unwrap().words.clone().unwrap();
        assert!(words.ends_with("is not part of the rehearsal"), "{words}");
    }
    // Real servers are not asked either, not even on this machine.
    let real = SocketAddr::from(([127, 0, 0, 1], 53));
    let state = state(view.zone(&question(vec![real], vec![at(53)])).await);
    assert!(state.authoritative["127.0.0.1"].failure().is_some());
}

#[tokio::test]
async fn zones_of_the_lab_can_be_simulated_too() {
    let clock = Still::new();
    let mut internet = Internet::new(clock.clone(), Internet::usual_habits());
    let server = internet.name_server("ns1");
    server.hold(&primary(APEX, &Lab::rackspace(APEX).text(4), clock));
    let local = listen(&mut internet, at(1), &server).await;
    let answer = ask(local, APEX, RecordType::MX, How::default()).await;
    assert_eq!(hosts(&answer).len(), 2);
}
