//! A small migration, built in Rust: what the scenarios and the properties start from.

use mailferry::desired::{
    Acknowledgement, Desired, DesiredMailbox, DesiredZone, FolderPolicy, Login, LoginStyle,
    Pattern, SecretRef, Side, Wish,
};
use mailferry::model::digest::Digest;
use mailferry::model::folder::FolderPath;
use mailferry::model::position::Position;
use mailferry::model::records::Mx;
use mailferry::model::server::{Endpoint, TlsMode};
use mailferry::model::size::Size;
use std::collections::{BTreeMap, BTreeSet};

pub(crate) fn at(line: u32) -> Position {
    Position { file: "acme.yaml".to_owned(), line, column: 5 }
}

pub(crate) fn path(text: &str) -> FolderPath {
    text.parse().unwrap()
}

fn side(host: &str, product: &str, message_size: Option<Size>) -> Side {
    Side {
        product: product.to_owned(),
        endpoint: Endpoint { host: host.to_owned(), port: 993, tls: TlsMode::Implicit, ca: None },
        connections: 10,
        connections_per_mailbox: 2,
        message_size,
        profile: None,
        transforms: None,
    }
}

fn login(user: &str) -> Login {
    Login {
        style: LoginStyle::Login { user: user.to_owned() },
        secret: SecretRef::Env("PASSWORD".to_owned()),
    }
}

/// A migration without mailboxes and zones.
pub(crate) fn desired() -> Desired {
    let to = |text: &str, line| (path(text), Some(at(line)));
    Desired {
        name: "acme".to_owned(),
        document: Digest::of(b"acme"),
        source: side("imap.old.example", "rackspace-email", None),
        destination: side("imap.new.example", "imap", Some(Size(35_000_000))),
        microsoft365: None,
        mailboxes: BTreeMap::new(),
        folders: FolderPolicy {
            map: BTreeMap::from([
                (path("Sent"), to("Sent Items", 20)),
                (path("Spam"), to("Junk Email", 21)),
                (path("Junk"), to("Junk Email", 22)),
            ]),
            exclude: vec![exclude("Old", 23)],
            ..FolderPolicy::default()
        },
        pacing: mailferry::model::hours::Pacing::default(),
        zones: BTreeMap::new(),
        resolvers: Vec::new(),
        acknowledged: Vec::new(),
        sample: mailferry::model::sampling::Sampling::Full,
        compare: None,
    }
}

pub(crate) fn exclude(text: &str, line: u32) -> Pattern {
    Pattern {
        text: text.to_owned(),
        glob: globset::GlobBuilder::new(text)
            .literal_separator(true)
            .build()
            .unwrap()
            .compile_matcher(),
        position: at(line),
    }
}

pub(crate) fn add_mailbox(desired: &mut Desired, source: &str, destination: &str, line: u32) {
    let mailbox = DesiredMailbox {
        source: source.parse().unwrap(),
        destination: destination.parse().unwrap(),
        source_login: login(source),
        destination_login: login(destination),
        exclude: Vec::new(),
        messages: mailferry::model::date_range::MessageChoice::default(),
        position: at(line),
    };
    desired.mailboxes.insert(source.parse().unwrap(), mailbox);
}

#[allow(dead_code, reason = "the properties have no zones")]
pub(crate) fn add_zone(desired: &mut Desired) {
    let mx = Mx { preference: 0, host: "mx.new.example".to_owned() };
    let zone = DesiredZone {
        mx: Some((Wish::Exactly(BTreeSet::from([mx])), at(71))),
        spf: Some((Wish::Exactly("v=spf1 include:new.example ~all".to_owned()), at(72))),
        autodiscover: Some((Wish::Exactly("autodiscover.new.example".to_owned()), at(73))),
        servers: Vec::new(),
        position: Some(at(70)),
    };
    desired.zones.insert("acme.example".parse().unwrap(), zone);
}

#[allow(dead_code, reason = "the properties acknowledge nothing by hand")]
pub(crate) fn acknowledge(desired: &mut Desired, code: &str, object: &str, digest: &str) {
    desired.acknowledged.push(Acknowledgement {
        code: code.to_owned(),
        object: object.to_owned(),
        digest: digest.to_owned(),
        position: at(90),
    });
}
