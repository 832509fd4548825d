//! The example of this pair of products, by the real program and through real sockets.

use crate::world::ADA;
use mailferry::clock::SystemClock;
use mailferry::desired::Desired;
use mailferry::document;
use mailferry::microsoft365::{GRAPH, LOGIN};
use mailferry::ports::clock::Clock;
use mailferry::ports::dns::Route as _;
use mailferry::rehearse::directions::{Directions, made_up};
use mailferry::simulate::dns::{Internet, Key, Primary, Zone};
use mailferry::simulate::web::{App, DirectoryDomain, Door, Tenant};
use mailferry::simulate::{Authority, Delivery, Listener, Product, Service};
use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;

const ROBERT: &str = "robert@acme.example";
const IMAP: &str = "outlook.office365.com";

const ZONE: &str = "\
@ 3600 IN SOA ns1.acme.example. hostmaster.acme.example. 1 3600 600 1209600 300
@ 3600 IN NS ns1.acme.example.
ns1 3600 IN A 192.0.2.1
@ 3600 IN MX 10 mx1.emailsrvr.com.
@ 3600 IN TXT \"v=spf1 include:emailsrvr.com ~all\"
";

struct Stage {
    dir: TempDir,
    exchange: Service,
    tenant: Tenant,
    _doors: Vec<Listener>,
    _internet: Internet,
}

fn services(desired: &Desired, clock: &Arc<dyn Clock>) -> (Service, Service, Tenant) {
    let source = Service::new(Product::rackspace(), Arc::clone(clock));
    let mut product = Product::exchange_online();
    product.append_time = Duration::from_millis(1);
    let exchange = Service::new(product, Arc::clone(clock));
    let wanted = desired.microsoft365.as_ref().unwrap();
    let tenant = Tenant::new(&wanted.tenant, Arc::clone(clock));
    tenant.set_exchange(&exchange);
    tenant.set_domain("acme.example", DirectoryDomain::new("acme.example", true));
    let mut app = App::new(&made_up(&wanted.secret));
    for mailbox in desired.mailboxes.values() {
        let (from, to) = (mailbox.source.as_str(), mailbox.destination.as_str());
        source.add_user(from, &made_up(&mailbox.source_login.secret));
        exchange.add_user(to, "nobody knows it");
        app.mailboxes.insert(to.to_owned());
        for (folder, count) in [("INBOX", 6), ("Sent", 2), ("Spam", 1)] {
            for number in 0..count {
                let text = format!("Subject: {number}\r\n\r\n{folder} of {from}\r\n");
                let mail = Delivery::new(text.into_bytes());
                source.hands().deliver(from, folder, mail).unwrap();
            }
        }
    }
    tenant.set_app(&wanted.client_id, app);
    (source, exchange, tenant)
}

async fn internet(clock: &Arc<dyn Clock>, directions: &mut Directions) -> Internet {
    let mut internet = Internet::new(Arc::clone(clock), Internet::usual_habits());
    let (server, resolver): (SocketAddr, SocketAddr) =
        ("192.0.2.1:53".parse().unwrap(), "198.51.100.1:53".parse().unwrap());
    let zone = Zone::parse("acme.example", ZONE).unwrap();
    let key = Key::new("test.", b"key").unwrap();
    let primary = Primary::new(zone, vec![key], Arc::clone(clock));
    let name_server = internet.name_server("ns1.acme.example");
    name_server.hold(&primary);
    internet.add_name_server(server, &name_server).await.unwrap();
    let asked = internet.resolver();
    internet.add_resolver(resolver, &asked).await.unwrap();
    for address in [server, resolver] {
        directions.dns.insert(address, internet.route(address).unwrap().port());
    }
    directions.resolvers = internet.resolvers();
    internet
}

async fn stage() -> Stage {
    let dir = tempfile::tempdir().unwrap();
    let example = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("examples/plans/rackspace-to-microsoft-365.yaml");
    let plan = dir.path().join("plan.yaml");
    std::fs::copy(example, &plan).unwrap();
    let loaded = document::load(&plan, &document::Options::default()).unwrap();
    let desired = loaded.desired.unwrap();
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let (source, exchange, tenant) = services(&desired, &clock);
    let rackspace = desired.source.endpoint.host.clone();
    let hosts = [rackspace.as_str(), IMAP, LOGIN, GRAPH].map(ToOwned::to_owned);
    let authority = Authority::for_hosts(&hosts).unwrap();
    let ca = dir.path().join("ca.pem");
    std::fs::write(&ca, authority.pem()).unwrap();
    let mut directions = Directions::new(ca, desired.mailboxes.keys().cloned().collect());
    let doors = vec![
        Listener::start(&source, &authority).await.unwrap(),
        Listener::start(&exchange, &authority).await.unwrap(),
        Listener::start(&tenant, &authority).await.unwrap(),
    ];
    for (host, port) in [
        (format!("{rackspace}:993"), doors[0].port()),
        (format!("{IMAP}:993"), doors[1].port()),
        (format!("{LOGIN}:443"), doors[2].port()),
        (format!("{GRAPH}:443"), doors[2].port()),
    ] {
        directions.routes.insert(host, port);
    }
    let internet = internet(&clock, &mut directions).await;
    directions.write(&dir.path().join("directions.json")).unwrap();
    Stage { dir, exchange, tenant, _doors: doors, _internet: internet }
}

impl Stage {
    async fn run(&self, args: &[&str], code: i32) -> String {
        let run = tokio::process::Command::new(env!("CARGO_BIN_EXE_mailferry"))
            .args(args)
            .args(["--rehearsal", "directions.json"])
            .current_dir(self.dir.path())
            .env_clear()
            .env("HOME", self.dir.path())
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output();
        let output = tokio::time::timeout(Duration::from_secs(120), run).await.unwrap().unwrap();
        let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert_eq!(output.status.code(), Some(code), "{args:?}\n{said}");
        assert!(!said.contains("eyJ0eXAi"), "a token is shown:\n{said}");
        said
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_example_is_planned_applied_and_proven() {
    let stage = stage().await;
    let said = stage.run(&["plan", "plan.yaml", "--out", "saved.json"], 0).await;
    for wanted in [
        "acme-example.mail.protection.outlook.com.",
        "v=spf1 include:emailsrvr.com include:spf.protection.outlook.com ~all",
        "autodiscover.outlook.com.",
        "0 unknown",
    ] {
        assert!(said.contains(wanted), "{wanted}\n{said}");
    }
    stage.run(&["apply", "saved.json"], 0).await;
    for user in [ADA, ROBERT] {
        for (folder, count) in [("INBOX", 6), ("Sent Items", 2), ("Junk Email", 1)] {
            let there = stage.exchange.oracle().messages(user, folder).unwrap();
            assert_eq!(there.len(), count, "{user}: {folder}");
        }
    }
    stage.run(&["verify", "plan.yaml"], 0).await;
    // Plan, apply (which plans again) and verify are a process each: one token for IMAP in each.
    let asked = stage.tenant.requests(Door::Login);
    let imap = asked.iter().filter(|line| line.contains("outlook.office365.com")).count();
    assert_eq!((imap, asked.len()), (3, 5), "{asked:?}");
}
