//! The same UPDATEs to BIND and to the simulation are taken or refused alike, and leave the same.

use crate::ask::{How, ask, hosts, key, listen, name, primary, shown};
use crate::lab::bind::{KEY, Zone};
use crate::start;
use hickory_server::proto::op::ResponseCode;
use hickory_server::proto::rr::rdata::tsig::TsigError;
use hickory_server::proto::rr::rdata::{CNAME, MX, NS, TXT};
use hickory_server::proto::rr::{DNSClass, RData, Record, RecordType};
use jiff::{SignedDuration, Timestamp};
use mailferry::clock::SystemClock;
use mailferry::model::records::Mx;
use mailferry::ports::clock::Clock;
use mailferry::simulate::dns::{EditError, Internet, Key, ZoneEditor};
use std::net::SocketAddr;
use std::sync::Arc;

/// A clock that is wrong.
#[derive(Debug)]
struct Off(i64);

impl Clock for Off {
    fn now(&self) -> Timestamp {
        SystemClock.now().checked_add(SignedDuration::from_secs(self.0)).unwrap()
    }
}

fn record(owner: &str, class: DNSClass, ttl: u32, data: RData) -> Record {
    let mut record = Record::from_rdata(name(owner), ttl, data);
    record.dns_class = class;
    record
}

fn mx(preference: u16, host: &str) -> RData {
    RData::MX(MX::new(preference, name(host)))
}

fn empty(owner: &str, class: DNSClass, kind: RecordType) -> Record {
    record(owner, class, 0, RData::Update0(kind))
}

struct Both {
    _bind: crate::Fixture,
    _internet: Internet,
    /// BIND, and the simulation.
    servers: [SocketAddr; 2],
}

async fn both() -> Both {
    let zone = Zone { updates: true, ..Zone::rackspace("acme.example") };
    let bind = start(std::slice::from_ref(&zone));
    let clock = Arc::new(SystemClock);
    let mut internet = Internet::new(clock.clone(), Internet::usual_habits());
    let server = internet.name_server("ns1");
    server.hold(&primary("acme.example", &zone.text(1), clock));
    let address = bind.dns.address(1);
    let servers = [address, listen(&mut internet, address, &server).await];
    Both { _bind: bind, _internet: internet, servers }
}

const APEX: &str = "acme.example";

#[tokio::test]
async fn updates_do_what_they_do_at_bind() {
    let both = both().await;
    let (any, none, here) = (DNSClass::ANY, DNSClass::NONE, DNSClass::IN);
    let new = "new.example.net";
    let steps: Vec<(&str, Vec<Record>, Vec<Record>, ResponseCode)> = vec![
        (
            "replace a set where it is as expected",
            vec![
                record(APEX, here, 0, mx(10, "mx1.emailsrvr.com")),
                record(APEX, here, 0, mx(20, "MX2.emailsrvr.com")),
            ],
            vec![empty(APEX, any, RecordType::MX), record(APEX, here, 300, mx(0, new))],
            ResponseCode::NoError,
        ),
        (
            "a set that is another one",
            vec![record(APEX, here, 0, mx(10, "mx1.emailsrvr.com"))],
            vec![empty(APEX, any, RecordType::MX)],
            ResponseCode::NXRRSet,
        ),
        (
            "a type that is not there",
            vec![empty(APEX, any, RecordType::SRV)],
            vec![],
            ResponseCode::NXRRSet,
        ),
        (
            "a name that is not there",
            vec![empty("no.acme.example", any, RecordType::ANY)],
            vec![],
            ResponseCode::NXDomain,
        ),
        (
            "a type that is there",
            vec![empty(APEX, none, RecordType::MX)],
            vec![],
            ResponseCode::YXRRSet,
        ),
        (
            "a name that is there",
            vec![empty(APEX, none, RecordType::ANY)],
            vec![],
            ResponseCode::YXDomain,
        ),
        (
            "a name outside",
            vec![],
            vec![record("other.example", here, 60, mx(1, new))],
            ResponseCode::NotZone,
        ),
        (
            "a prerequisite outside",
            vec![empty("other.example", any, RecordType::MX)],
            vec![],
            ResponseCode::NotZone,
        ),
        (
            "a deletion with a TTL, after one that is well formed",
            vec![],
            vec![empty(APEX, any, RecordType::MX), record(APEX, none, 5, mx(0, new))],
            ResponseCode::FormErr,
        ),
        (
            "another TTL for a record makes it that of the set",
            vec![],
            vec![record(APEX, here, 900, mx(5, "second.example.net"))],
            ResponseCode::NoError,
        ),
        (
            "nothing that is not so already",
            vec![],
            vec![record(APEX, here, 900, mx(5, "second.example.net"))],
            ResponseCode::NoError,
        ),
        (
            "one record of a set",
            vec![],
            vec![record(APEX, none, 0, mx(5, "SECOND.example.net"))],
            ResponseCode::NoError,
        ),
        (
            "the last NS stays",
            vec![],
            vec![record(APEX, none, 0, RData::NS(NS(name("ns1.acme.example"))))],
            ResponseCode::NoError,
        ),
        (
            "a CNAME does not come beside others, nor others beside a CNAME",
            vec![],
            vec![
                record(APEX, here, 60, RData::CNAME(CNAME(name(new)))),
                record(
                    "autodiscover.acme.example",
                    here,
                    60,
                    RData::TXT(TXT::new(vec!["text".to_owned()])),
                ),
            ],
            ResponseCode::NoError,
        ),
        (
            "a CNAME takes the place of another",
            vec![],
            vec![record("autodiscover.acme.example", here, 60, RData::CNAME(CNAME(name(new))))],
            ResponseCode::NoError,
        ),
        (
            "a whole name",
            vec![],
            vec![empty("autodiscover.acme.example", any, RecordType::ANY)],
            ResponseCode::NoError,
        ),
        (
            "the whole apex keeps SOA and NS",
            vec![],
            vec![empty(APEX, any, RecordType::ANY)],
            ResponseCode::NoError,
        ),
    ];
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    for (what, prerequisites, updates, code) in steps {
        let mut after = Vec::new();
        for server in both.servers {
            let editor = ZoneEditor::new(server, Some(key()), clock.clone());
            let answer = editor
                .update(&APEX.parse().unwrap(), prerequisites.clone(), updates.clone())
                .await
                .unwrap();
            assert_eq!(answer.metadata.response_code, code, "{what} at {server}");
            assert!(answer.signature().is_some(), "{what} at {server}");
            let mut seen = Vec::new();
            for (owner, kind) in [
                (APEX, RecordType::SOA),
                (APEX, RecordType::NS),
                (APEX, RecordType::MX),
                (APEX, RecordType::TXT),
                ("autodiscover.acme.example", RecordType::CNAME),
                ("autodiscover.acme.example", RecordType::TXT),
            ] {
                let answer = shown(&ask(server, owner, kind, How::default()).await);
                seen.push((answer.code, answer.answers));
            }
            after.push(seen);
        }
        assert_eq!(after[1], after[0], "{what}");
    }
}

#[tokio::test]
async fn who_may_not_is_refused_as_bind_refuses() {
    let both = both().await;
    let stranger = Key::new("stranger.example", KEY.1).unwrap();
    let wrong = Key::new(KEY.0, b"another secret of 32 octets.....").unwrap();
    let update = || vec![record(APEX, DNSClass::IN, 60, mx(1, "evil.example.net"))];
    for (what, key, seconds, zone, code, error) in [
        ("unsigned", None, 0, APEX, ResponseCode::Refused, None),
        ("an unknown key", Some(stranger), 0, APEX, ResponseCode::NotAuth, Some(TsigError::BadKey)),
        ("a wrong secret", Some(wrong), 0, APEX, ResponseCode::NotAuth, Some(TsigError::BadSig)),
        ("too late", Some(key()), 301, APEX, ResponseCode::NotAuth, Some(TsigError::BadTime)),
        ("too early", Some(key()), -400, APEX, ResponseCode::NotAuth, Some(TsigError::BadTime)),
        ("another zone", Some(key()), 0, "other.example", ResponseCode::NotAuth, None),
    ] {
        let mut seen = Vec::new();
        for server in both.servers {
            // 301 seconds at the moment of asking may be 300 at that of looking.
            let seconds = if seconds > 0 { seconds + 60 } else { seconds };
            let editor = ZoneEditor::new(server, key.clone(), Arc::new(Off(seconds)));
            let answer = editor.update(&zone.parse().unwrap(), vec![], update()).await.unwrap();
            assert_eq!(answer.metadata.response_code, code, "{what} at {server}");
            let tsig = answer.signature().map(|record| record.data.clone());
            assert_eq!(tsig.as_ref().and_then(|tsig| tsig.error), error, "{what} at {server}");
            // Signed or not, and whether the server tells its own time.
            seen.push(tsig.map(|tsig| (tsig.mac.is_empty(), tsig.other.len(), tsig.fudge)));
            let mail = ask(server, APEX, RecordType::MX, How::default()).await;
            assert_eq!(hosts(&mail).len(), 2, "{what} at {server}");
        }
        assert_eq!(seen[1], seen[0], "{what}");
    }
}

#[tokio::test]
async fn the_person_at_the_dns_host_replaces_the_mx_at_both() {
    let both = both().await;
    let target = Mx { preference: 0, host: "acme-example.mail.protection.outlook.com".to_owned() };
    for server in both.servers {
        let editor = ZoneEditor::new(server, Some(key()), Arc::new(SystemClock));
        let zone = APEX.parse().unwrap();
        editor.replace_mx(&zone, 300, std::slice::from_ref(&target)).await.unwrap();
        let mail = ask(server, APEX, RecordType::MX, How::default()).await;
        assert_eq!(hosts(&mail), [(300, format!("{}.", target.host))]);
        let nobody = ZoneEditor::new(server, None, Arc::new(SystemClock));
        let refused = nobody.replace_mx(&zone, 300, &[]).await.unwrap_err();
        assert!(matches!(refused, EditError::Refused(ResponseCode::Refused)), "{refused}");
    }
}
