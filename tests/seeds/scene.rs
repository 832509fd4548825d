//! What a seed makes of the destination and of the migration plan.

use crate::cloud::{APP, Cloud, NEW_MX, TENANT, authority};
use crate::world::{DESTINATION, SOURCE};
use fastrand::Rng;
use mailferry::desired::Desired;
use mailferry::document;
use mailferry::model::server::{Endpoint, TlsMode};
use mailferry::simulate::{Habit, Product, Throttle};
use std::path::Path;
use std::time::Duration;

/// What a wide world has beyond a narrow one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wide {
    /// The largest message that the destination takes, in octets.
    pub(crate) limit: Option<u64>,
    /// The migration plan says so, too.
    pub(crate) declared: bool,
    /// Copies follow deletions.
    pub(crate) propagate: bool,
    /// Mailboxes are full at the destination until there is peace.
    pub(crate) full: bool,
    /// Sessions are few, and closed ones are counted for a while.
    pub(crate) few: Option<usize>,
    /// Days pass between lives, so that the source purges.
    pub(crate) days: bool,
    pub(crate) odd: u8,
    pub(crate) rename: bool,
    pub(crate) throttle: bool,
    /// So many messages more are in one folder.
    pub(crate) many: usize,
}

impl Wide {
    pub(crate) fn drawn(rng: &mut Rng) -> Self {
        Self {
            limit: (rng.u8(0..3) == 0).then_some(4_096),
            declared: true,
            propagate: rng.bool(),
            full: rng.u8(0..6) == 0,
            few: (rng.u8(0..4) == 0).then(|| rng.usize(1..4)),
            days: rng.u8(0..3) == 0,
            odd: [0, 40, 120][rng.usize(0..3)],
            rename: rng.u8(0..3) == 0,
            throttle: rng.u8(0..4) == 0,
            many: 0,
        }
    }

    pub(crate) fn applied(&self, mut product: Product) -> Product {
        if let Some(limit) = self.limit {
            product = product.with(Habit::AppendSizeLimit);
            product.append_limit = limit;
        }
        if let Some(few) = self.few.filter(|_| product.habits.is_empty()) {
            product = product.with(Habit::ConnectionsPerUser).with(Habit::ClosedConnectionsLinger);
            product.connections = few + 1;
            product.linger = Duration::from_secs(10);
        }
        if self.throttle && product.has(Habit::ThrottleByNo) {
            product.throttle = Some(Throttle {
                appends: 20,
                per: Duration::from_secs(10),
                backoff: Duration::from_secs(15),
            });
        }
        product
    }
}

pub(crate) fn destination(rng: &mut Rng) -> Product {
    match rng.u8(0..4) {
        0 => {
            let mut product = Product::plain();
            if rng.bool() {
                product.after.retain(|word| *word != "CONDSTORE");
            }
            product.folders.retain(|folder| folder.name != "Junk");
            product
        }
        1 => {
            let mut product = Product::plain();
            product.after.retain(|word| !["UIDPLUS", "MOVE"].contains(word));
            product
        }
        _ => {
            let mut product = Product::exchange_online()
                .without(Habit::BasicAuthRefused)
                .without(Habit::ClosedConnectionsLinger);
            if rng.u8(0..3) == 0 {
                product.throttle = Some(Throttle {
                    appends: 12,
                    per: Duration::from_secs(10),
                    backoff: Duration::from_secs(rng.u64(1..40)),
                });
            }
            product
        }
    }
}

/// The migration plan.
pub(crate) fn desired(dir: &Path, users: &[String], wide: &Wide, cloud: Option<&Cloud>) -> Desired {
    let tenant = cloud.is_some_and(|cloud| cloud.tenant.is_some());
    let own = if tenant { "" } else { ", destination_secret: pw" };
    let mailboxes = users.iter().fold(String::new(), |text, user| {
        text + &format!("  - {{ address: {user}, secret: pw{own} }}\n")
    });
    let deletions = if wide.propagate { "  deletions: propagate\n" } else { "" };
    let limit = wide.limit.filter(|_| wide.declared);
    let limits = limit.map_or(String::new(), |limit| {
        format!("  limits: {{ message_size: {}KiB }}\n", limit / 1024)
    });
    let destination = if tenant {
        let app = format!("{{ client_id: {APP}, secret: pw }}");
        format!("  product: microsoft-365\n  tenant: {TENANT}\n  app: {app}\n")
    } else {
        let imap = format!("{{ host: localhost, port: {DESTINATION}, tls: none }}");
        format!("  product: imap\n  imap: {imap}\n")
    };
    let mx = if tenant {
        "microsoft-365".to_owned()
    } else {
        format!("[ {{ host: {NEW_MX}, preference: 10 }} ]")
    };
    let zones = cloud
        .map_or(String::new(), |_| format!("dns:\n  zones:\n    acme.example: {{ mx: {mx} }}\n"));
    let text = format!(
        "\
version: 1
name: seeds
domains: [acme.example]
secrets: {{ pw: {{ env: PW }} }}
source:
  product: imap
  imap: {{ host: localhost, port: {SOURCE}, tls: none }}
destination:
{destination}{limits}folders:
  map: {{ Sent: Sent Items, Trash: Deleted Items, Spam: Junk Email, Junk: Junk Email }}
  merge: [ Junk Email ]
{deletions}{zones}mailboxes:
{mailboxes}"
    );
    let path = dir.join("plan.yaml");
    std::fs::write(&path, text).expect("the plan is written");
    let loaded = document::load(&path, &document::Options::default()).expect("it can be read");
    let mut desired =
        loaded.desired.unwrap_or_else(|| panic!("{}", loaded.diagnostics.render(false)));
    if let Some(app) = &mut desired.microsoft365 {
        let ca = dir.join("ca.pem");
        std::fs::write(&ca, authority().pem()).expect("a certificate");
        app.ca = Some(ca);
        // How much TLS there is differs from run to run; what Exchange is told must not.
        desired.destination.endpoint = Endpoint {
            host: "localhost".to_owned(),
            port: DESTINATION,
            tls: TlsMode::None,
            ca: None,
        };
    }
    desired
}
