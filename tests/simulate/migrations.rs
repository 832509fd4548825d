//! The real program, from a simulated Rackspace to a simulated Exchange, through real TLS.

use crate::raw::{ADA, PASSWORD, mail};
use mailferry::clock::SystemClock;
use mailferry::model::flags::Flags;
use mailferry::simulate::{
    Authority, Delivery, Habit, Language, Listener, MailboxTruth, Product, Service, Throttle,
};
use std::collections::BTreeMap;
use std::process::{Output, Stdio};
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;

/// No run takes longer; an APPEND is given up after two minutes.
const PATIENCE: Duration = Duration::from_secs(200);

pub(crate) struct Migration {
    pub(crate) source: Service,
    pub(crate) destination: Service,
    pub(crate) dir: TempDir,
    doors: [Listener; 2],
}

impl Migration {
    pub(crate) async fn start(product: Product) -> Self {
        Self::start_with(product, "").await
    }

    /// Starts both sides; `more` are further lines below `destination:` in the plan.
    pub(crate) async fn start_with(product: Product, more: &str) -> Self {
        let source = Service::new(Product::rackspace(), Arc::new(SystemClock));
        source.set_master("migrator", "mpw");
        let product = product.without(Habit::BasicAuthRefused);
        let destination = Service::new(product, Arc::new(SystemClock));
        for service in [&source, &destination] {
            service.add_user(ADA, PASSWORD);
        }
        let authority = Authority::create().unwrap();
        let doors = [
            Listener::start(&source, &authority).await.unwrap(),
            Listener::start(&destination, &authority).await.unwrap(),
        ];
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("ca.pem"), authority.pem()).unwrap();
        let plan = format!(
            "\
version: 1
name: acme
domains: [acme.example]
secrets: {{ old: {{ env: OLD }}, new: {{ env: NEW }} }}
source:
  product: imap
  imap: {{ host: localhost, port: {}, ca: ca.pem }}
  login: {{ admin: migrator, secret: old, style: master-user }}
destination:
{more}  product: imap
  imap: {{ host: localhost, port: {}, ca: ca.pem }}
folders:
  map: {{ Sent: Sent Items, Trash: Deleted Items, Spam: Junk Email }}
mailboxes:
  - {{ address: {ADA}, destination_secret: new }}
",
            doors[0].port(),
            doors[1].port()
        );
        std::fs::write(dir.path().join("plan.yaml"), plan).unwrap();
        let migration = Self { source, destination, dir, doors };
        for number in 0..12 {
            migration.at_source("INBOX", number, &["\\Seen"]);
        }
        migration.at_source("Sent", 20, &["\\Seen", "\\Answered"]);
        migration.source.hands().create(ADA, "Projects.2019").unwrap();
        migration.at_source("Projects.2019", 30, &["\\Flagged"]);
        migration
    }

    pub(crate) fn at_source(&self, folder: &str, number: usize, flags: &[&str]) {
        let flags = Flags::from_words(flags);
        let delivery = Delivery { flags, ..Delivery::new(mail(number)) };
        self.source.hands().deliver(ADA, folder, delivery).unwrap();
    }

    /// Starts the program.
    pub(crate) fn begin(&self, args: &[&str]) -> tokio::process::Child {
        let trust: Vec<String> =
            self.doors.iter().map(|door| format!("localhost:{}", door.port())).collect();
        tokio::process::Command::new(env!("CARGO_BIN_EXE_mailferry"))
            .args(args)
            .current_dir(self.dir.path())
            .env_clear()
            .env("HOME", self.dir.path())
            .env("XDG_CONFIG_HOME", self.dir.path().join("config"))
            .env("MAILFERRY_TRUST", trust.join(","))
            .env("OLD", "mpw")
            .env("NEW", PASSWORD)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap()
    }

    pub(crate) async fn run(&self, args: &[&str]) -> (Option<i32>, String) {
        let run = self.begin(args).wait_with_output();
        let Output { status, stdout, stderr } =
            tokio::time::timeout(PATIENCE, run).await.expect("it ends").unwrap();
        let said = [stdout, stderr].concat();
        (status.code(), String::from_utf8_lossy(&said).into_owned())
    }

    pub(crate) async fn copy(&self) -> (Option<i32>, String) {
        let (code, said) = self.run(&["plan", "plan.yaml", "--out", "saved.json"]).await;
        assert_eq!(code, Some(0), "{said}");
        self.run(&["apply", "saved.json"]).await
    }

    pub(crate) fn truth(service: &Service) -> MailboxTruth {
        service.oracle().mailbox(ADA).unwrap()
    }

    /// Every message by what was given: folder, octets and flags, with how often it is there.
    pub(crate) fn given(service: &Service) -> BTreeMap<(String, Vec<u8>, String), usize> {
        let mut all = BTreeMap::new();
        for (name, folder) in Self::truth(service) {
            let name = match name.as_str() {
                "Sent" => "Sent Items".to_owned(),
                other => other.replace('.', "/"),
            };
            for message in folder.messages {
                let key = (name.clone(), message.given.to_vec(), message.flags.to_string());
                *all.entry(key).or_insert(0) += 1;
            }
        }
        all
    }
}

pub(crate) fn unaltering() -> Product {
    let rewrites = [
        Habit::RewriteDate,
        Habit::RewriteMessageId,
        Habit::RewriteBoundary,
        Habit::RewriteTransferEncoding,
        Habit::RewriteTrailingBlanks,
        Habit::RewriteFolding,
        Habit::RewriteLineEnds,
        Habit::AddHeaders,
        Habit::SizeDiffersFromBody,
    ];
    rewrites.into_iter().fold(Product::exchange_online(), Product::without)
}

#[tokio::test(flavor = "multi_thread")]
async fn to_an_exchange_that_keeps_octets_everything_arrives_and_is_verified() {
    let migration = Migration::start(unaltering()).await;
    let before = format!("{:?}", Migration::truth(&migration.source));
    let (code, said) = migration.copy().await;
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(
        Migration::given(&migration.source),
        Migration::given(&migration.destination),
        "{said}"
    );
    let (code, said) = migration.run(&["verify", "plan.yaml"]).await;
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(format!("{:?}", Migration::truth(&migration.source)), before, "the source");
}

#[tokio::test(flavor = "multi_thread")]
async fn to_an_exchange_that_makes_mime_anew_everything_arrives_once() {
    let migration = Migration::start(Product::exchange_online()).await;
    let (code, said) = migration.copy().await;
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(
        Migration::given(&migration.source),
        Migration::given(&migration.destination),
        "{said}"
    );
    // The server says who it is: its profile is taken without being named.
    let (code, said) = migration.run(&["verify", "plan.yaml"]).await;
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("equal under the assumed profile v0 (exchange-v0)"), "{said}");
    let (code, said) = migration.copy().await;
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(
        Migration::given(&migration.source),
        Migration::given(&migration.destination),
        "a second pass copies nothing twice: {said}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_throttled_run_waits_and_stores_everything_once() {
    let mut product = unaltering();
    product.throttle = Some(Throttle {
        appends: 8,
        per: Duration::from_secs(600),
        backoff: Duration::from_secs(2),
    });
    let migration = Migration::start(product).await;
    let (code, said) = migration.copy().await;
    assert_eq!(code, Some(0), "{said}");
    assert!(migration.destination.oracle().throttles(ADA) > Some(0), "it was throttled");
    assert_eq!(
        Migration::given(&migration.source),
        Migration::given(&migration.destination),
        "{said}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn under_the_profile_of_exchange_rewritten_mail_is_proven_equal_and_copied_once() {
    let migration =
        Migration::start_with(Product::exchange_online(), "  profile: exchange-online\n").await;
    let before = format!("{:?}", Migration::truth(&migration.source));
    let (code, said) = migration.copy().await;
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(
        Migration::given(&migration.source),
        Migration::given(&migration.destination),
        "{said}"
    );
    // The rewriting happened, or equality under a profile would prove nothing.
    let truth = Migration::truth(&migration.destination);
    assert!(truth["INBOX"].messages.iter().any(|message| message.served != message.given));
    for message in &truth["Projects/2019"].messages {
        assert!(migration.destination.oracle().other_view(message).flagged, "\\Flagged is seen");
    }
    let (code, said) = migration.run(&["verify", "plan.yaml"]).await;
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("equal under the assumed profile v0 (exchange-v0)"), "{said}");
    let (code, said) = migration.copy().await;
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(
        Migration::given(&migration.source),
        Migration::given(&migration.destination),
        "a second pass copies nothing twice: {said}"
    );
    assert_eq!(format!("{:?}", Migration::truth(&migration.source)), before, "the source");
}

#[tokio::test(flavor = "multi_thread")]
async fn in_an_exchange_of_another_language_mail_goes_to_the_folder_of_its_special_use() {
    let product = Product::exchange_online_in(Language::German);
    let migration = Migration::start(product).await;
    let plan = migration.dir.path().join("plan.yaml");
    let text = std::fs::read_to_string(&plan).unwrap();
    let map = "folders:\n  map: { Sent: Sent Items, Trash: Deleted Items, Spam: Junk Email }\n";
    std::fs::write(&plan, text.replace(map, "")).unwrap();
    let (_, said) = migration.run(&["plan", "plan.yaml"]).await;
    assert!(said.contains("at the destination Gesendete Elemente is \\Sent"), "{said}");
    let uses = "folders:\n  by_use: { sent: Gesendete Elemente, trash: Gelöschte Elemente, drafts: Entwürfe, junk: Junk-E-Mail }\n";
    std::fs::write(&plan, text.replace(map, uses)).unwrap();
    let (code, said) = migration.copy().await;
    assert_eq!(code, Some(0), "{said}");
    let there = Migration::truth(&migration.destination);
    assert_eq!(there["Gesendete Elemente"].messages.len(), 1, "{said}");
    assert!(!there.contains_key("Sent") && !there.contains_key("Trash"), "{:?}", there.keys());
    let (code, said) = migration.run(&["verify", "plan.yaml"]).await;
    assert_eq!(code, Some(0), "{said}");
    let (code, said) = migration.run(&["plan", "plan.yaml", "--detailed-exitcode"]).await;
    assert_eq!(code, Some(0), "{said}");
}
