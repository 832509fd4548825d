//! The same questions to BIND and to the simulation have the same answers.

use crate::ask::{How, Still, ask, listen, primary, shown};
use crate::lab::bind::Zone;
use crate::{Fixture, start};
use hickory_server::proto::rr::RecordType;
use mailferry::dns::HickoryView;
use mailferry::model::reading::Reading;
use mailferry::observed::ZoneState;
use mailferry::ports::dns::{DnsView as _, Route as _, ZoneQuestion};
use mailferry::simulate::dns::Internet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

fn zones() -> Vec<Zone> {
    let mut acme = Zone { servers: 2, ..Zone::rackspace("acme.example") };
    let more = [
        "www 60 IN CNAME web",
        "web 30 IN A 192.0.2.7",
        "web 30 IN A 192.0.2.8",
        "dead 60 IN CNAME gone",
        "across 60 IN CNAME www.other.example.",
        "round 60 IN CNAME about",
        "about 60 IN CNAME round",
        "a.deep 60 IN TXT \"below an empty name\"",
        "below 60 IN NS ns.below",
        "ns.below 60 IN A 192.0.2.9",
        "_dmarc 300 IN TXT \"v=DMARC1; p=none\"",
    ];
    acme.records.extend(more.map(str::to_owned));
    let mut other = Zone { servers: 2, ..Zone::rackspace("other.example") };
    other.records.push("www 90 IN A 192.0.2.10".to_owned());
    vec![acme, other]
}

/// BIND and the simulation with the same zones at the same addresses.
struct Both {
    bind: Fixture,
    internet: Internet,
    /// Where the simulated servers 1 and 2 really are.
    local: [SocketAddr; 2],
}

async fn both() -> Both {
    let zones = zones();
    let bind = start(&zones);
    let clock = Still::new();
    let mut internet = Internet::new(clock.clone(), Internet::usual_habits());
    let servers = [internet.name_server("ns1"), internet.name_server("ns2")];
    for zone in &zones {
        let primary = primary(&zone.name, &zone.text(1), clock.clone());
        servers[0].hold(&primary);
        servers[1].follow(&primary, Duration::from_secs(600));
    }
    let one = listen(&mut internet, bind.dns.address(1), &servers[0]).await;
    let two = listen(&mut internet, bind.dns.address(2), &servers[1]).await;
    Both { bind, internet, local: [one, two] }
}

#[tokio::test]
async fn questions_are_answered_as_bind_answers_them() {
    let both = both().await;
    // The second server is authoritative only, as all simulated name servers are.
    let bind = both.bind.dns.address(2);
    for (name, kinds) in [
        ("acme.example", &["MX", "NS", "TXT", "SOA", "A", "AAAA", "CNAME", "SRV"][..]),
        ("ACME.Example", &["MX", "TXT"]),
        ("autodiscover.acme.example", &["CNAME", "A", "TXT", "MX"]),
        ("www.acme.example", &["A", "AAAA", "CNAME", "ANY"]),
        ("WEB.acme.example", &["A", "ANY"]),
        ("dead.acme.example", &["A", "CNAME"]),
        ("across.acme.example", &["A", "MX"]),
        ("round.acme.example", &["CNAME"]),
        ("deep.acme.example", &["TXT", "A"]),
        ("a.deep.acme.example", &["TXT"]),
        ("b.deep.acme.example", &["TXT"]),
        ("nobody.acme.example", &["MX", "A", "ANY"]),
        ("below.acme.example", &["NS", "MX"]),
        ("x.below.acme.example", &["A"]),
        ("_dmarc.acme.example", &["TXT"]),
        ("elsewhere.example", &["MX", "SOA"]),
        ("example", &["NS"]),
        (".", &["NS"]),
    ] {
        for kind in kinds {
            let kind: RecordType = kind.parse().unwrap();
            for how in [
                How::default(),
                How { recursion: true, edns: Some(1_232) },
                How { recursion: false, edns: Some(512) },
            ] {
                let real = shown(&ask(bind, name, kind, how).await);
                for local in both.local {
                    let simulated = shown(&ask(local, name, kind, how).await);
                    assert_eq!(simulated, real, "{name} {kind} {how:?}");
                }
            }
        }
    }
}

#[tokio::test]
async fn long_answers_are_cut_where_bind_cuts_them() {
    let mut zone = Zone { servers: 2, ..Zone::rackspace("acme.example") };
    let long = |number| format!("@ 300 IN TXT \"number {number} {}\"", "x".repeat(100));
    zone.records.extend((0..12).map(long));
    let bind = start(std::slice::from_ref(&zone));
    let clock = Still::new();
    let mut internet = Internet::new(clock.clone(), Internet::usual_habits());
    let server = internet.name_server("ns1");
    server.hold(&primary("acme.example", &zone.text(1), clock));
    let local = listen(&mut internet, bind.dns.address(1), &server).await;
    // 1,400 octets of text: more than without EDNS, and more than 1,232, whatever is asked for.
    for size in [None, Some(512), Some(1_232), Some(4_096)] {
        let how = How { recursion: false, edns: size };
        let real = ask(bind.dns.address(2), "acme.example", RecordType::TXT, how).await;
        let simulated = ask(local, "acme.example", RecordType::TXT, how).await;
        assert_eq!(simulated.metadata, real.metadata, "{how:?}");
        assert!(real.metadata.truncation, "{how:?}");
    }
}

async fn look(view: HickoryView, question: &ZoneQuestion) -> ZoneState {
    match view.zone(question).await {
        Reading::Present(state) => state,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn the_view_sees_what_it_sees_at_bind() {
    let mut both = both().await;
    let port = both.bind.dns.port;
    let resolver = both.internet.resolver();
    // BIND's first server is also the resolver; here it has an address of its own.
    let address = SocketAddr::from(([127, 0, 0, 9], port));
    both.internet.add_resolver(address, &resolver).await.unwrap();
    let internet = Arc::new(both.internet);
    for named in [Vec::new(), vec![both.bind.dns.address(1), both.bind.dns.address(2)]] {
        let mut question = ZoneQuestion {
            zone: "acme.example".parse().unwrap(),
            cnames: ["autodiscover", "nobody", "web"].map(|n| format!("{n}.acme.example")).into(),
            servers: named,
            resolvers: vec![both.bind.dns.address(1)],
        };
        let view = HickoryView::default().with_port(port);
        let real = look(view.clone(), &question).await;
        question.resolvers = vec![address];
        let simulated = look(view.routed(internet.clone()), &question).await;
        assert_eq!(simulated.authoritative, real.authoritative);
        let (real, simulated) = (real.resolvers.values(), simulated.resolvers.values());
        assert!(real.eq(simulated));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_resolver_answers_as_bind_does_when_both_ask_the_same_server() {
    let clock = Still::new();
    let mut internet = Internet::new(clock.clone(), Internet::usual_habits());
    let server = internet.name_server("ns1");
    let resolver = internet.resolver();
    let mut zones = zones();
    for zone in &mut zones {
        zone.servers = 1;
        server.hold(&primary(&zone.name, &zone.text(1), clock.clone()));
    }
    let anywhere = |last: u8| SocketAddr::from(([192, 0, 2, last], 53));
    let authority = listen(&mut internet, anywhere(1), &server).await;
    internet.add_resolver(anywhere(53), &resolver).await.unwrap();
    let simulated = internet.route(anywhere(53)).unwrap();
    for zone in &mut zones {
        zone.forward = Some(authority);
    }
    let bind = tokio::task::spawn_blocking(move || start(&zones)).await.unwrap();
    let real = bind.dns.address(1);
    // Each set of records once only: BIND's clock goes on, and the TTL of what it keeps with it.
    for (name, kind) in [
        ("acme.example", "MX"),
        ("ACME.example", "TXT"),
        ("acme.example", "NS"),
        ("acme.example", "AAAA"),
        ("autodiscover.acme.example", "CNAME"),
        ("www.acme.example", "A"),
        ("dead.acme.example", "A"),
        ("across.acme.example", "A"),
        ("about.acme.example", "CNAME"),
        ("deep.acme.example", "MX"),
        ("nobody.acme.example", "MX"),
        ("nobody2.acme.example", "A"),
        ("elsewhere.test", "MX"),
    ] {
        let kind: RecordType = kind.parse().unwrap();
        let how = How { recursion: true, edns: Some(1_232) };
        let real = shown(&ask(real, name, kind, how).await);
        let simulated = shown(&ask(simulated, name, kind, how).await);
        assert_eq!(simulated, real, "{name} {kind}");
    }
}
