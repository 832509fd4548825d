//! The DNS view against real BIND servers, and the simulated DNS against the same.

// Helpers of tests are not seen as tests by these lints.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "dns_view/answers.rs"]
mod answers;
#[path = "dns_view/ask.rs"]
mod ask;
mod lab;
#[path = "dns_view/simulated.rs"]
mod simulated;
#[path = "dns_view/updates.rs"]
mod updates;

use lab::account::Account;
use lab::bind::{NameServer, Zone};
use mailferry::dns::HickoryView;
use mailferry::model::reading::Reading;
use mailferry::model::records::Mx;
use mailferry::observed::{ZoneState, ZoneView};
use mailferry::ports::dns::{DnsView as _, ZoneQuestion};
use std::time::Duration;
use tempfile::TempDir;

struct Fixture {
    dns: NameServer,
    _dir: TempDir,
}

fn start(zones: &[Zone]) -> Fixture {
    let account = Account::pick();
    let (temporary, dir) = lab::directory(&account);
    Fixture { dns: NameServer::start(&dir, zones, &account), _dir: temporary }
}

fn two_servers() -> Fixture {
    start(&[Zone { servers: 2, ..Zone::rackspace("acme.example") }])
}

/// Asks with the first server as the resolver, so that the others are found through NS.
fn question(dns: &NameServer, zone: &str) -> ZoneQuestion {
    ZoneQuestion {
        zone: zone.parse().unwrap(),
        cnames: vec![format!("autodiscover.{zone}")],
        servers: Vec::new(),
        resolvers: vec![dns.address(1)],
    }
}

fn look(dns: &NameServer, question: &ZoneQuestion) -> Reading<ZoneState> {
    let view = HickoryView::default().with_port(dns.port).with_timeout(Duration::from_millis(700));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(view.zone(question))
}

fn state(reading: Reading<ZoneState>) -> ZoneState {
    match reading {
        Reading::Present(state) => state,
        other => panic!("{other:?}"),
    }
}

fn present<'a>(state: &'a ZoneState, server: &str) -> &'a ZoneView {
    match &state.authoritative[server] {
        Reading::Present(view) => view,
        other => panic!("{server}: {other:?}"),
    }
}

fn hosts(view: &ZoneView) -> Vec<String> {
    view.mx.present().expect("an MX").records.iter().map(|mx| mx.host.clone()).collect()
}

const FIRST: &str = "ns1.acme.example (127.0.0.1)";
const SECOND: &str = "ns2.acme.example (127.0.0.2)";
const OLD: [&str; 2] = ["mx1.emailsrvr.com", "mx2.emailsrvr.com"];

#[test]
fn every_server_that_ns_names_is_asked_and_so_is_the_resolver() {
    let lab = two_servers();
    let state = state(look(&lab.dns, &question(&lab.dns, "acme.example")));
    assert_eq!(state.authoritative.keys().collect::<Vec<_>>(), [FIRST, SECOND]);
    for view in [present(&state, FIRST), present(&state, SECOND)] {
        let mx = view.mx.present().unwrap();
        assert_eq!(mx.ttl, 3_600);
        assert!(mx.records.contains(&Mx { preference: 20, host: OLD[1].to_owned() }));
        assert_eq!(hosts(view), OLD);
        let ns = &view.ns.present().unwrap().records;
        assert_eq!(ns.iter().collect::<Vec<_>>(), ["ns1.acme.example", "ns2.acme.example"]);
        let txt = &view.txt.present().unwrap().records;
        assert!(txt.contains("v=spf1 include:emailsrvr.com ~all"));
        let cname = view.cname["autodiscover.acme.example"].present().unwrap();
        assert!(cname.records.contains("autodiscover.emailsrvr.com"));
    }
    let resolver = state.resolvers.values().next().unwrap().present().unwrap();
    assert_eq!(hosts(resolver), OLD);
}

#[test]
fn a_server_that_lags_keeps_its_own_answer() {
    let mut lab = two_servers();
    lab.dns.publish_on(&[1], "acme.example", &["@ 300 IN MX 0 new.example."]);
    let state = state(look(&lab.dns, &question(&lab.dns, "acme.example")));
    assert_eq!(hosts(present(&state, FIRST)), ["new.example"]);
    assert_eq!(present(&state, FIRST).mx.present().unwrap().ttl, 300);
    assert_eq!(hosts(present(&state, SECOND)), OLD);
    // What the new zone lacks is certainly not there.
    assert_eq!(present(&state, FIRST).txt, Reading::Absent);
    assert_eq!(present(&state, FIRST).cname["autodiscover.acme.example"], Reading::Absent);
}

#[test]
fn a_stopped_a_silent_and_a_refusing_server_are_unreadable_and_hide_nobody() {
    for fault in ["stopped", "silent", "refusing"] {
        let mut lab = two_servers();
        match fault {
            "stopped" => lab.dns.stop(2),
            "silent" => lab.dns.freeze(2),
            _ => lab.dns.refuse(2),
        }
        let state = state(look(&lab.dns, &question(&lab.dns, "acme.example")));
        assert_eq!(hosts(present(&state, FIRST)), OLD, "{fault}");
        let failure = state.authoritative[SECOND].failure().expect(fault);
        assert_eq!(
            failure.message,
            format!("zone acme.example at name server {SECOND} could not be read")
        );
        let words = failure.words.as_deref().unwrap();
        if fault == "refusing" {
            assert_eq!(words, "REFUSED");
        } else {
            assert_eq!(words, "no answer after 2 attempts of 0.7 s", "{fault}");
        }
    }
}

#[test]
fn a_server_without_authority_proves_nothing() {
    let lab = two_servers();
    let asked = ZoneQuestion {
        servers: vec![lab.dns.address(1)],
        ..question(&lab.dns, "elsewhere.example")
    };
    let state = state(look(&lab.dns, &asked));
    let label = lab.dns.address(1).to_string();
    let failure = state.authoritative[&label].failure().unwrap();
    assert_eq!(failure.words.as_deref(), Some("NOERROR without authority (AA is not set)"));
}

#[test]
fn only_an_authoritative_nxdomain_makes_a_zone_absent() {
    let mut above = Zone::rackspace("example");
    above.records.clear();
    let lab = start(&[above, Zone::rackspace("acme.example")]);
    assert_eq!(look(&lab.dns, &question(&lab.dns, "gone.example")), Reading::Absent);
    // The same without a way to find the servers: given, and authoritative for the zone above.
    let asked =
        ZoneQuestion { servers: vec![lab.dns.address(1)], ..question(&lab.dns, "gone.example") };
    assert_eq!(look(&lab.dns, &asked), Reading::Absent);
    // A resolver that fails proves nothing.
    let far = look(&lab.dns, &question(&lab.dns, "gone.far.test"));
    let failure = far.failure().expect("unreadable");
    assert_eq!(failure.words.as_deref(), Some("SERVFAIL"), "{failure:?}");
    // A name that exists without being a zone is not absent either.
    let inside = look(&lab.dns, &question(&lab.dns, "autodiscover.acme.example"));
    assert!(inside.failure().is_some(), "{inside:?}");
}

#[test]
fn a_null_mx_long_texts_and_cut_answers_arrive_whole() {
    let mut lab = two_servers();
    let part = "k".repeat(250);
    let long = format!("@ 300 IN TXT \"{part}\" \"{part}\" \"end\"");
    let mut records = vec!["@ 60 IN MX 0 .".to_owned(), long];
    records.extend((0..40).map(|n| format!("@ 300 IN TXT \"number {n} {}\"", "x".repeat(100))));
    let records: Vec<&str> = records.iter().map(String::as_str).collect();
    lab.dns.publish("acme.example", &records);
    let state = state(look(&lab.dns, &question(&lab.dns, "acme.example")));
    for view in [present(&state, FIRST), present(&state, SECOND)] {
        let mx = &view.mx.present().unwrap().records;
        assert_eq!(mx.iter().map(ToString::to_string).collect::<Vec<_>>(), ["0 ."]);
        let txt = &view.txt.present().unwrap().records;
        assert_eq!(txt.len(), 41);
        assert!(txt.contains(&format!("{part}{part}end")));
    }
}

#[test]
fn an_apex_alias_is_not_taken_for_missing_records() {
    let mut lab = two_servers();
    lab.dns.publish("acme.example", &["mail IN CNAME other", "other IN MX 5 x.example."]);
    let asked = ZoneQuestion {
        servers: vec![lab.dns.address(1)],
        ..question(&lab.dns, "mail.acme.example")
    };
    let state = state(look(&lab.dns, &asked));
    let view = present(&state, &lab.dns.address(1).to_string());
    let failure = view.mx.failure().unwrap();
    assert!(failure.message.ends_with("the name is an alias of other.acme.example"), "{failure:?}");
}
