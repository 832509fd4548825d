//! Asks servers by hand, and shows answers so that those of two servers can be compared.

use hickory_server::proto::op::{Edns, Message, MessageType, OpCode, Query, ResponseCode};
use hickory_server::proto::rr::{Name, RData, Record, RecordType};
use jiff::Timestamp;
use mailferry::ports::clock::Clock;
use mailferry::ports::dns::Route as _;
use mailferry::simulate::dns::{Internet, Key, NameServer, Primary, Zone};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::net::UdpSocket;

/// Long enough for a loaded machine; a server that answers is not waited for.
const PATIENCE: Duration = Duration::from_secs(20);

/// A clock that stands until it is moved.
#[derive(Debug)]
pub(crate) struct Still(Mutex<Timestamp>);

impl Still {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self(Mutex::new("2026-01-01T00:00:00Z".parse().unwrap())))
    }

    pub(crate) fn pass(&self, seconds: i64) {
        let mut now = self.0.lock().unwrap();
        *now = now.checked_add(jiff::SignedDuration::from_secs(seconds)).unwrap();
    }
}

impl Clock for Still {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }
}

pub(crate) fn key() -> Key {
    let (name, secret) = crate::lab::bind::KEY;
    Key::new(name, secret).unwrap()
}

pub(crate) fn primary(zone: &str, text: &str, clock: Arc<dyn Clock>) -> Primary {
    Primary::new(Zone::parse(zone, text).unwrap(), vec![key()], clock)
}

/// Lets a simulated server be reached and returns where it really listens.
pub(crate) async fn listen(
    internet: &mut Internet,
    address: SocketAddr,
    server: &NameServer,
) -> SocketAddr {
    internet.add_name_server(address, server).await.unwrap();
    internet.route(address).unwrap()
}

pub(crate) fn name(text: &str) -> Name {
    let mut name = Name::from_ascii(text).unwrap();
    name.set_fqdn(true);
    name
}

/// How to ask.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct How {
    pub(crate) recursion: bool,
    pub(crate) edns: Option<u16>,
}

/// Asks over UDP; None when nothing comes back in the time given.
pub(crate) async fn within(
    patience: Duration,
    server: SocketAddr,
    name: &Name,
    kind: RecordType,
    how: How,
) -> Option<Message> {
    let mut message = Message::new(7, MessageType::Query, OpCode::Query);
    message.metadata.recursion_desired = how.recursion;
    message.add_query(Query::query(name.clone(), kind));
    if let Some(size) = how.edns {
        let mut edns = Edns::new();
        edns.set_max_payload(size);
        message.set_edns(edns);
    }
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    socket.connect(server).await.unwrap();
    socket.send(&message.to_vec().unwrap()).await.unwrap();
    let mut octets = [0; 4_096];
    let length = tokio::time::timeout(patience, socket.recv(&mut octets)).await.ok()?.unwrap();
    Some(Message::from_vec(&octets[..length]).unwrap())
}

pub(crate) async fn ask(server: SocketAddr, text: &str, kind: RecordType, how: How) -> Message {
    within(PATIENCE, server, &name(text), kind, how).await.expect("an answer")
}

/// What counts of an answer: the code, the bits, what was asked for, and for how long its absence
/// may be kept. What servers add of their own accord is theirs.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Shown {
    pub(crate) code: ResponseCode,
    pub(crate) authoritative: bool,
    pub(crate) recursion: (bool, bool),
    pub(crate) cut: bool,
    pub(crate) edns: bool,
    pub(crate) answers: Vec<String>,
    pub(crate) absence: Vec<String>,
    pub(crate) elsewhere: Vec<String>,
}

fn text(record: &Record) -> String {
    format!("{} {} {}", record.name.to_lowercase(), record.ttl, record.data).replace('"', "")
}

pub(crate) fn shown(message: &Message) -> Shown {
    let mut answers: Vec<String> = message.answers.iter().map(text).collect();
    answers.sort();
    let of = |kind: RecordType| {
        let wanted = message.authorities.iter().filter(|record| record.record_type() == kind);
        let mut all: Vec<String> = wanted.map(text).collect();
        all.sort();
        all
    };
    let bits = message.metadata;
    Shown {
        code: bits.response_code,
        authoritative: bits.authoritative,
        recursion: (bits.recursion_desired, bits.recursion_available),
        cut: bits.truncation,
        edns: message.edns.is_some(),
        answers,
        absence: of(RecordType::SOA),
        // Servers may name a zone's own servers beside an answer; a referral has no answer.
        elsewhere: if message.answers.is_empty() { of(RecordType::NS) } else { Vec::new() },
    }
}

pub(crate) fn hosts(message: &Message) -> Vec<(u32, String)> {
    let mut hosts: Vec<(u32, String)> = message
        .answers
        .iter()
        .filter_map(|record| match &record.data {
            RData::MX(mx) => Some((record.ttl, mx.exchange.to_ascii())),
            _ => None,
        })
        .collect();
    hosts.sort();
    hosts
}
