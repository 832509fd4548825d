//! Migration plans as files: what is taken, what is refused and in which words.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]
#![allow(clippy::format_push_string, clippy::format_collect, reason = "texts of a few lines")]

use mailferry::desired::{LoginStyle, SecretRef, Wish};
use mailferry::document::{self, Loaded, Options};
use mailferry::model::date_range::Order;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

fn at(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn load(path: impl AsRef<Path>) -> Loaded {
    document::load(path.as_ref(), &Options::default()).expect("the file can be read")
}

/// Files of a folder that end in `.yaml`, in order.
fn plans(folder: &str) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = std::fs::read_dir(at(folder))
        .expect("the folder is there")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "yaml"))
        .collect();
    paths.sort();
    paths
}

fn with_host() -> Options {
    let env = [("MAILFERRY_VAR_NEW_HOST".to_owned(), "imap.new.example".to_owned())];
    Options { env: env.into(), ..Options::default() }
}

#[test]
fn an_invalid_plan_is_told_all_at_once_with_places_and_hints() {
    let paths = plans("tests/documents/invalid");
    assert!(paths.len() >= 25, "only {} documents", paths.len());
    let assert = snapbox::Assert::new().action_env("SNAPSHOTS");
    for path in paths {
        let loaded = load(&path);
        let text = loaded.diagnostics.render(false);
        let is_warning = loaded.diagnostics.errors() == 0;
        assert_eq!(loaded.desired.is_some(), is_warning, "{}", path.display());
        assert!(!text.is_empty(), "{}: nothing is told", path.display());
        for secret in SECRETS {
            let told = text.contains(secret)
                || loaded.diagnostics.to_json().to_string().contains(secret)
                || format!("{:?}", loaded.diagnostics).contains(secret);
            assert!(!told, "{} shows the secret {secret}:\n{text}", path.display());
        }
        let golden = snapbox::Data::read_from(&path.with_extension("txt"), None).raw();
        assert.eq(text, golden);
    }
}

/// Every literal secret in the documents.
const SECRETS: [&str; 12] = [
    "hunter2",
    "correct-horse",
    "battery-staple",
    "tr0ub4dor",
    "s3cr3t-Value",
    "p@ss word",
    "open-sesame",
    "Passw0rd",
    "letmein",
    "geheim",
    "swordfish",
    "xyzzy-secret",
];

#[test]
fn diagnostics_are_sorted_by_place_and_counted() {
    let loaded = load(at("tests/documents/invalid/wrong-shapes.yaml"));
    let places: Vec<_> = loaded.diagnostics.iter().map(|d| d.position.clone()).collect();
    let mut sorted = places.clone();
    sorted.sort();
    assert_eq!(places, sorted);
    let json = loaded.diagnostics.to_json();
    assert_eq!(json["errors"], loaded.diagnostics.errors());
    assert_eq!(json["diagnostics"][0]["position"]["line"], 1);
}

#[test]
fn the_examples_are_valid() {
    for path in plans("examples/plans") {
        let loaded = document::load(&path, &with_host()).expect("readable");
        let text = loaded.diagnostics.render(false);
        assert!(loaded.desired.is_some() && text.is_empty(), "{}:\n{text}", path.display());
    }
}

#[test]
fn the_examples_fit_the_schema_and_slips_do_not() {
    let validator = jsonschema::validator_for(&document::schema()).expect("a schema");
    let mut plans = plans("examples/plans");
    plans.push(at("tests/documents/valid/every-key.yaml"));
    plans.push(at("tests/documents/valid/microsoft-365.yaml"));
    for path in plans {
        let text = std::fs::read_to_string(&path).expect("readable");
        let value: serde_json::Value = serde_yaml::from_str(&text).expect("YAML");
        let errors: Vec<String> =
            validator.iter_errors(&value).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{}: {errors:?}", path.display());
        let mut wrong = value.clone();
        wrong["folder"] = serde_json::json!({});
        assert!(!validator.is_valid(&wrong), "an unknown key fits");
        let mut wrong = value.clone();
        wrong["source"]["imap"] = serde_json::json!({ "port": "many" });
        assert!(!validator.is_valid(&wrong), "a port that is no number fits");
        let mut wrong = value;
        wrong.as_object_mut().expect("a mapping").remove("source");
        assert!(!validator.is_valid(&wrong), "a plan without source fits");
    }
}

/// `UPDATE_SCHEMA=1 cargo test` writes the file.
#[test]
fn the_schema_files_are_up_to_date() {
    for (path, schema) in [
        ("schema/migration-plan.schema.json", document::schema()),
        ("schema/observation.schema.json", mailferry::observation::schema()),
    ] {
        let path = at(path);
        assert_eq!(schema["$schema"], "http://json-schema.org/draft-07/schema#");
        let text = format!("{schema:#}\n");
        if std::env::var_os("UPDATE_SCHEMA").is_some() {
            std::fs::write(&path, &text).expect("the schema can be written");
        }
        let file = std::fs::read_to_string(&path).expect("the schema file");
        assert!(
            file == text,
            "{} is out of date: run UPDATE_SCHEMA=1 cargo test --test documents",
            path.display()
        );
    }
}

#[test]
fn every_key_reaches_what_is_wanted() {
    let loaded = load(at("tests/documents/valid/every-key.yaml"));
    assert_eq!(loaded.diagnostics.render(false), "");
    let desired = loaded.desired.expect("valid");
    assert_eq!(desired.source.endpoint.to_string(), "[::1]:1143");
    assert_eq!(desired.destination.endpoint.to_string(), "new.example:143");
    assert_eq!((desired.source.connections, desired.source.connections_per_mailbox), (4, 1));
    assert_eq!(
        (desired.destination.connections, desired.destination.connections_per_mailbox),
        (1, 1)
    );
    assert_eq!(desired.destination.message_size.map(|size| size.0), Some(35_000_000));
    assert_eq!(desired.destination.profile.as_deref(), Some("cyrus"));
    let transforms = desired.destination.transforms.as_ref().expect("transforms");
    assert!(
        mailferry::message::transform::Transform::NAMES
            .iter()
            .all(|name| transforms.contains(*name))
    );
    assert_eq!(desired.mailboxes.len(), 5);
    let mailbox = |address: &str| &desired.mailboxes[&address.parse().expect("an address")];

    let ada = mailbox("ada@acme.example");
    assert_eq!(ada.destination.as_str(), "ada.l@acme.example");
    assert_eq!(ada.source_login.style, LoginStyle::Login { user: "ada".to_owned() });
    assert_eq!(ada.source_login.secret, SecretRef::Env("ADA_PASSWORD".to_owned()));
    assert_eq!(
        ada.destination_login.style,
        LoginStyle::PlainAs {
            authorization: "lovelace".to_owned(),
            authentication: "migrator".to_owned(),
        }
    );
    assert_eq!(ada.destination_login.secret, SecretRef::File(loaded.root.join("secrets/new")));
    assert_eq!(ada.exclude.len(), 1);
    assert_eq!(ada.position.to_string(), "every-key.yaml:31:5");

    let bob = mailbox("bob@sub.acme.example");
    assert_eq!(bob.source_login.style, LoginStyle::Login { user: "bob*migrator".to_owned() });
    let row = mailbox("csv1@acme.example");
    assert_eq!(row.source_login.style, LoginStyle::Login { user: "one*migrator".to_owned() });
    assert_eq!(row.position.to_string(), "mailboxes.csv:2:1");
    assert_eq!(mailbox("eve@more.example").position.to_string(), "included.yaml:3:5");

    let range = |address| mailbox(address).messages.range.to_string();
    assert_eq!(range("ada@acme.example"), "from 2020-01-01 to before 2021-01-01");
    assert_eq!(range("bob@sub.acme.example"), "from 2020-01-01 on");
    assert_eq!(range("csv1@acme.example"), "from 2020-01-01 on");
    assert_eq!(mailbox("ada@acme.example").messages.order, Order::NewestFirst);
    assert_eq!(mailbox("bob@sub.acme.example").messages.order, Order::OldestFirst);
    assert_eq!(desired.pacing.bandwidth, Some(2_000_000));
    let hours = desired.pacing.hours.as_ref().expect("hours");
    let words = "20:00-06:00 mon, tue, wed, thu, fri, sat, sun Europe/Berlin";
    assert_eq!(hours.to_string(), words);

    assert_eq!(desired.folders.map.len(), 3);
    assert_eq!(desired.folders.by_use.len(), 7);
    let share = "25%".parse().expect("a share");
    assert_eq!(desired.folders.deletions, mailferry::desired::Deletions::Propagate(share));
    assert_eq!(desired.zones.len(), 2);
    let zone = &desired.zones[&"acme.example".parse().expect("a domain")];
    let Some((Wish::Exactly(mx), position)) = &zone.mx else { panic!("an MX set") };
    assert_eq!(mx.first().expect("one").to_string(), "10 mx1.new.example.");
    assert_eq!(position.to_string(), "every-key.yaml:46:7");
    assert_eq!(zone.servers.len(), 1);
    assert_eq!(desired.resolvers.len(), 1);
    assert_eq!(desired.acknowledged.len(), 2);
    assert_eq!(desired.acknowledged[0].digest, "3f9a1c2e77d0");
}

#[test]
fn a_tenant_needs_no_password_for_a_mailbox_and_has_its_own_defaults() {
    let loaded = load(at("tests/documents/valid/microsoft-365.yaml"));
    assert_eq!(loaded.diagnostics.render(false), "");
    let desired = loaded.desired.expect("valid");
    assert_eq!(desired.destination.product, "microsoft-365");
    assert_eq!(desired.destination.endpoint.to_string(), "outlook.office365.com:993");
    assert_eq!(desired.destination.endpoint.tls, mailferry::model::server::TlsMode::Implicit);
    assert_eq!(desired.destination.profile.as_deref(), Some("exchange-online"));
    let app = desired.microsoft365.as_ref().expect("a tenant");
    assert_eq!(app.tenant, "acme.onmicrosoft.com");
    assert_eq!(app.client_id, "8d3ba5c1-3f4e-4c55-9d0b-0c1d2e3f4a5b");
    assert_eq!((&app.secret, &app.ca), (&SecretRef::Env("APP_SECRET".to_owned()), &None));
    let logins: Vec<_> = desired.mailboxes.values().map(|it| &it.destination_login).collect();
    for (login, user) in logins.iter().zip(["ada@acme.example", "robert@acme.onmicrosoft.com"]) {
        assert_eq!(login.style, LoginStyle::XOAuth2 { user: user.to_owned() });
        assert_eq!(login.secret, app.secret);
    }
    let usual: Vec<String> =
        desired.folders.usual.iter().map(|(from, to)| format!("{from}: {to}")).collect();
    let wanted =
        ["Junk: Junk Email", "Sent: Sent Items", "Spam: Junk Email", "Trash: Deleted Items"];
    assert_eq!(usual, wanted);
    assert_eq!(desired.folders.merge.len(), 1);
    assert_eq!(desired.folders.exclude.len(), 1);
    let zone = desired.zones.values().next().expect("a zone");
    assert!(matches!(zone.mx, Some((Wish::Microsoft365, _))));
    assert!(matches!(zone.spf, Some((Wish::Microsoft365, _))));
    assert!(matches!(zone.autodiscover, Some((Wish::Microsoft365, _))));
}

#[test]
fn a_map_of_ones_own_replaces_the_usual_one() {
    let path = at("tests/documents/valid/microsoft-365.yaml");
    let text = std::fs::read_to_string(path).expect("readable");
    for (folders, map, merge) in [
        ("  map: { Sent: Gesendet }\n", vec!["Sent: Gesendet"], 0),
        ("  map: {}\n", vec![], 0),
        ("  merge: [ Sent Items ]\n", vec!["Junk", "Sent", "Spam", "Trash"], 2),
    ] {
        let text = text.replace("  exclude: [ Old ]\n", folders);
        let folder = folder(&[("plan.yaml", &text)]);
        let desired = load(folder.path().join("plan.yaml")).desired.expect("valid");
        let said: Vec<String> = (desired.folders.map.iter())
            .map(|(from, (to, _))| format!("{from}: {to}"))
            .chain(desired.folders.usual.iter().map(|(from, to)| format!("{from}: {to}")))
            .collect();
        assert_eq!(said.len(), map.len(), "{said:?}");
        assert!(said.iter().zip(&map).all(|(said, wanted)| said.starts_with(wanted)), "{said:?}");
        assert_eq!(desired.folders.merge.len(), merge);
    }
    let text =
        text.replace("product: rackspace-email", "product: imap\n  imap: { host: old.example }");
    let folder = folder(&[("plan.yaml", &text)]);
    let desired = load(folder.path().join("plan.yaml")).desired.expect("valid");
    assert!(desired.folders.usual.is_empty(), "the map is of this pair of products alone");
}

#[test]
fn whatever_the_migration_plan_says_of_a_folder_comes_before_what_is_usual() {
    use mailferry::desired::Mapped;
    use mailferry::model::folder::SpecialUse;
    use mailferry::profile::names::Names;
    let path = at("tests/documents/valid/microsoft-365.yaml");
    let text = std::fs::read_to_string(path).expect("readable");
    let sent = Some(SpecialUse::Sent);
    for (folders, from, special_use, to) in [
        ("  by_use: { sent: Archive/Sent }\n", "Sent", sent, "Archive/Sent"),
        ("  by_use: { sent: Archive/Sent }\n", "Sent", None, "Sent Items"),
        ("  by_use: { sent: Archive/Sent }\n", "Sent/2024", None, "Sent Items/2024"),
        (
            "  rules: [ { match: '^(Sent|Old)(/.*)?$', to: 'Kept/$1$2' } ]\n",
            "Sent",
            sent,
            "Kept/Sent",
        ),
        (
            "  rules: [ { match: '^(Sent|Old)(/.*)?$', to: 'Kept/$1$2' } ]\n",
            "Sent/a",
            None,
            "Kept/Sent/a",
        ),
        (
            "  rules: [ { match: '^(Sent|Old)(/.*)?$', to: 'Kept/$1$2' } ]\n",
            "Trash",
            None,
            "Deleted Items",
        ),
        ("  exclude: [ Sent ]\n", "Sent", sent, "excluded"),
        ("  exclude: [ Sent ]\n", "Spam", None, "Junk Email"),
    ] {
        let text = text.replace("  exclude: [ Old ]\n", folders);
        let folder = folder(&[("plan.yaml", &text)]);
        let loaded = load(folder.path().join("plan.yaml"));
        let policy = loaded
            .desired
            .unwrap_or_else(|| panic!("{}", loaded.diagnostics.render(false)))
            .folders;
        let mapped = match policy.map(&from.parse().expect("a path"), special_use, &[], &Names::ANY)
        {
            Mapped::To { path, .. } => path.to_string(),
            Mapped::Excluded { .. } => "excluded".to_owned(),
            Mapped::Invalid { reason, .. } => reason,
        };
        assert_eq!(mapped, to, "{from}: {folders}");
    }
}

const SMALL: &str = "version: 1\nname: small\ndomains: [acme.example]\n\
    secrets: { old: { env: OLD }, new: { env: NEW } }\n\
    source:\n  product: rackspace-email\n  login: { admin: m, secret: old, style: master-user }\n\
    destination:\n  product: imap\n  imap: { host: new.example }\n  \
    login: { admin: m, secret: new, style: sasl-plain }\n";

fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, text) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        std::fs::write(path, text).expect("a file");
    }
    folder
}

fn codes(loaded: &Loaded) -> Vec<&'static str> {
    loaded.diagnostics.iter().map(|diagnostic| diagnostic.code).collect()
}

#[test]
fn defaults_of_the_product_are_filled_in() {
    let text = format!("{SMALL}mailboxes: [ {{ address: ada@acme.example }} ]\n");
    let folder = folder(&[("plan.yaml", &text)]);
    let desired = load(folder.path().join("plan.yaml")).desired.expect("valid");
    assert_eq!(desired.source.product, "rackspace-email");
    assert_eq!(desired.source.endpoint.to_string(), "secure.emailsrvr.com:993");
    assert_eq!(desired.source.endpoint.tls, mailferry::model::server::TlsMode::Implicit);
    assert_eq!(desired.source.connections, 10);
}

#[test]
fn the_digest_covers_what_is_meant_and_no_password() {
    let text = format!(
        "{SMALL}include: [more.yaml]\nmailboxes: [ {{ csv: m.csv }} ]\n\
         folders: {{ map: {{ Sent: \"${{env.MAILFERRY_VAR_SENT}}\" }} }}\n"
    );
    let digest = |text: &str, more: &str, csv: &str, sent: &str| {
        let folder = folder(&[("plan.yaml", text), ("more.yaml", more), ("m.csv", csv)]);
        private(&folder.path().join("m.csv"));
        let env = [("MAILFERRY_VAR_SENT".to_owned(), sent.to_owned())].into();
        let options = Options { env, ..Options::default() };
        let loaded = document::load(&folder.path().join("plan.yaml"), &options).expect("readable");
        loaded.desired.unwrap_or_else(|| panic!("{}", loaded.diagnostics.render(false))).document
    };
    let more = "mailboxes: [ { address: eve@acme.example } ]\n";
    let csv = "EmailAddress,UserName,Password\nada@acme.example,ada,swordfish\n";
    let first = digest(&text, more, csv, "Sent Items");
    assert_eq!(first, digest(&text, more, &csv.replace("swordfish", "other"), "Sent Items"));
    assert_ne!(first, digest(&text, more, &csv.replace(",ada,", ",bob,"), "Sent Items"));
    assert_ne!(first, digest(&text, &more.replace("eve", "bob"), csv, "Sent Items"));
    assert_ne!(first, digest(&text, more, csv, "Elsewhere"));
    assert_ne!(first, digest(&format!("{text}# remark\n"), more, csv, "Sent Items"));
}

fn private(path: &Path) {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::Permissions::from_mode(0o600);
        std::fs::set_permissions(path, mode).expect("a mode");
    }
}

const WITH_PASSWORDS: &str = "EmailAddress,UserName,Password\nada@acme.example,,swordfish\n";

#[test]
fn a_password_file_is_read_by_reference_only() {
    let text = format!("{SMALL}mailboxes: [ {{ address: ada@acme.example }} ]\n").replace(
        "  login: { admin: m, secret: old, style: master-user }\n",
        "  passwords: { csv: secrets/p.csv }\n",
    );
    let text = text.replace("old: { env: OLD }, ", "");
    let folder = folder(&[("plan.yaml", &text), ("secrets/p.csv", WITH_PASSWORDS)]);
    let csv = folder.path().join("secrets/p.csv");
    private(&csv);
    let loaded = load(folder.path().join("plan.yaml"));
    assert_eq!(loaded.diagnostics.render(false), "");
    assert!(!format!("{loaded:?}").contains("swordfish"));
    let desired = loaded.desired.expect("valid");
    let mailbox = desired.mailboxes.values().next().expect("a mailbox");
    assert_eq!(mailbox.source_login.style, LoginStyle::Login { user: "ada@acme.example".into() });
    let file = csv.canonicalize().expect("a path");
    assert_eq!(mailbox.source_login.secret, SecretRef::Csv { file, row: 2 });
}

#[cfg(unix)]
#[test]
fn a_password_file_that_others_can_read_or_git_tracks_is_refused() {
    use std::os::unix::fs::PermissionsExt as _;
    let text = format!("{SMALL}mailboxes: [ {{ csv: p.csv }} ]\n");
    let folder = folder(&[("plan.yaml", &text), ("p.csv", WITH_PASSWORDS)]);
    let (plan, csv) = (folder.path().join("plan.yaml"), folder.path().join("p.csv"));
    std::fs::set_permissions(&csv, std::fs::Permissions::from_mode(0o640)).expect("a mode");
    let loaded = load(&plan);
    assert_eq!(codes(&loaded), ["P019"]);
    let told = loaded.diagnostics.render(false);
    assert!(told.contains("0640") && !told.contains("swordfish"), "{told}");
    private(&csv);
    assert_eq!(codes(&load(&plan)), [] as [&str; 0]);

    let git = |arguments: &[&str]| {
        let status = std::process::Command::new("git")
            .args(["-C"])
            .arg(folder.path())
            .args(arguments)
            .stdout(std::process::Stdio::null())
            .status()
            .expect("git runs");
        assert!(status.success(), "git {arguments:?}");
    };
    git(&["init", "--quiet"]);
    assert_eq!(codes(&load(&plan)), [] as [&str; 0], "a repository that holds nothing yet");
    git(&["add", "plan.yaml"]);
    assert_eq!(codes(&load(&plan)), [] as [&str; 0], "another file is tracked");
    git(&["add", "p.csv"]);
    assert_eq!(codes(&load(&plan)), ["P019"]);
    git(&["update-index", "--index-version", "4"]);
    assert_eq!(codes(&load(&plan)), ["P019"], "the index in version 4");
    std::fs::write(folder.path().join(".git/index"), "?").expect("a file");
    assert_eq!(codes(&load(&plan)), ["P019"], "an index that cannot be read proves nothing");
}

#[test]
fn rows_of_a_csv_file_are_told_by_number_and_without_passwords() {
    let csv = "EmailAddress,UserName,Password\nada@acme.example,,swordfish\n\
               nobody,,swordfish\nbob@acme.example,,sword,fish\n";
    let text = format!("{SMALL}mailboxes: [ {{ csv: p.csv }} ]\n");
    let folder = folder(&[("plan.yaml", &text), ("p.csv", csv)]);
    private(&folder.path().join("p.csv"));
    let loaded = load(folder.path().join("plan.yaml"));
    let told = loaded.diagnostics.render(false);
    let lines: Vec<String> = loaded.diagnostics.iter().map(|d| d.position.to_string()).collect();
    assert_eq!(lines, ["p.csv:3:1", "p.csv:4:1"], "{told}");
    assert!(!told.contains("swordfish") && !told.contains("fish"), "{told}");

    // A row that moved by a line would give one mailbox the password of another.
    for csv in [
        "EmailAddress,Password\n\nada@acme.example,swordfish\n",
        "EmailAddress,Password\r\n\r\nada@acme.example,swordfish\r\n",
        "EmailAddress,Password\nbob@acme.example,\"sword\nfish\"\nada@acme.example,x\n",
        "EmailAddress,Password\rada@acme.example,swordfish\r",
    ] {
        std::fs::write(folder.path().join("p.csv"), csv).expect("a file");
        let loaded = load(folder.path().join("plan.yaml"));
        assert_eq!(codes(&loaded), ["P018"], "{csv:?}");
        assert!(loaded.diagnostics.render(false).contains("a line of its own"));
    }

    // The first line of a file that is no such table could be a secret.
    for csv in ["swordfish\n", "ada@acme.example,swordfish\n", ""] {
        std::fs::write(folder.path().join("p.csv"), csv).expect("a file");
        let loaded = load(folder.path().join("plan.yaml"));
        assert_eq!(codes(&loaded), ["P018"], "{csv:?}");
        assert!(!loaded.diagnostics.render(false).contains("swordfish"));
    }
}

#[cfg(unix)]
#[test]
fn a_link_that_leads_out_of_the_folder_is_refused_unless_allowed() {
    let outside = folder(&[("more.yaml", "mailboxes: [ { address: eve@acme.example } ]\n")]);
    let text = format!("{SMALL}include: [link/more.yaml]\nmailboxes: []\n");
    let folder = folder(&[("plan.yaml", &text)]);
    std::os::unix::fs::symlink(outside.path(), folder.path().join("link")).expect("a link");
    let plan = folder.path().join("plan.yaml");
    assert_eq!(codes(&load(&plan)), ["P021"]);
    let options = Options { allow_outside: true, ..Options::default() };
    let loaded = document::load(&plan, &options).expect("readable");
    assert_eq!(loaded.desired.expect("valid").mailboxes.len(), 1);

    let secret = text.replace("{ env: NEW }", "{ file: link/none/yet }").replace("link/more", "x");
    std::fs::write(&plan, secret.replace("include: [x.yaml]\n", "")).expect("a file");
    assert_eq!(codes(&load(&plan)), ["P021"], "a secret that is not there yet behind a link");
}

#[test]
fn a_program_is_named_only_when_that_is_allowed() {
    let text = format!("{SMALL}mailboxes: [ {{ address: ada@acme.example }} ]\n")
        .replace("{ env: NEW }", "{ command: [pass, show, acme] }");
    let folder = folder(&[("plan.yaml", &text)]);
    let plan = folder.path().join("plan.yaml");
    assert_eq!(codes(&load(&plan)), ["P022"]);
    let options = Options { allow_commands: true, ..Options::default() };
    assert!(document::load(&plan, &options).expect("readable").desired.is_some());
}

#[test]
fn a_file_that_is_no_text_is_an_error_with_its_exit_code() {
    let folder = folder(&[("here/x", "")]);
    let bad = folder.path().join("bad.yaml");
    std::fs::write(&bad, b"name: \xff\n").expect("a file");
    let large = folder.path().join("large.yaml");
    std::fs::write(&large, " ".repeat((4 << 20) + 1)).expect("a file");
    for (path, reason) in [
        (folder.path().join("here"), "is not a file"),
        (folder.path().join("missing.yaml"), "no such file"),
        (bad, "octet 7"),
        (large, "4 MiB"),
    ] {
        let error = document::load(&path, &Options::default()).expect_err("no text");
        assert!(error.message.contains(reason), "{}", error.message);
        assert_eq!(error.kind.exit_code(), 65);
    }
}

#[test]
fn bombs_and_absurd_nesting_are_refused_at_once() {
    let mut bomb = "a: &a [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for (name, of) in [("b", "a"), ("c", "b"), ("d", "c"), ("e", "d"), ("f", "e"), ("g", "f")] {
        bomb += &format!("{name}: &{name} [{}]\n", vec![format!("*{of}"); 9].join(", "));
    }
    let flow = format!("name: {}x{}\n", "[".repeat(5_000), "]".repeat(5_000));
    let block: String = (0..1_900).map(|depth| format!("{}a:\n", " ".repeat(depth))).collect();
    let list = format!("{}x\n", "- ".repeat(5_000));
    for text in [bomb, flow, block, list] {
        let folder = folder(&[("plan.yaml", &text)]);
        let started = std::time::Instant::now();
        let loaded = load(folder.path().join("plan.yaml"));
        assert_eq!(codes(&loaded), ["P002"], "{}", loaded.diagnostics.render(false));
        assert!(started.elapsed().as_secs() < 5);
    }
}

#[test]
fn twenty_thousand_mailboxes_take_seconds() {
    let mut text = format!("{SMALL}mailboxes:\n");
    for number in 0..20_000 {
        text += &format!(
            "  - address: user{number}@acme.example\n    destination: u{number}@acme.example\n"
        );
    }
    let folder = folder(&[("plan.yaml", &text)]);
    let started = std::time::Instant::now();
    let loaded = load(folder.path().join("plan.yaml"));
    assert_eq!(loaded.diagnostics.render(false), "");
    assert_eq!(loaded.desired.expect("valid").mailboxes.len(), 20_000);
    // A debug build on a busy machine.
    assert!(started.elapsed().as_secs() < 20, "{:?}", started.elapsed());

    let wrong = text.replace("address: user", "address: us er");
    std::fs::write(folder.path().join("plan.yaml"), wrong).expect("a file");
    let started = std::time::Instant::now();
    let loaded = load(folder.path().join("plan.yaml"));
    assert_eq!(loaded.diagnostics.errors(), 20_000);
    assert!(loaded.diagnostics.render(false).contains("and 19900 more"));
    assert!(started.elapsed().as_secs() < 30, "{:?}", started.elapsed());
}

#[test]
fn names_of_other_variables_are_never_read() {
    let text = format!("{SMALL}mailboxes: []\n").replace("new.example", "\"${env.HOME}\"");
    let folder = folder(&[("plan.yaml", &text)]);
    let env: BTreeMap<String, String> = [("HOME".to_owned(), "xyzzy-secret".to_owned())].into();
    let options = Options { env, ..Options::default() };
    let loaded = document::load(&folder.path().join("plan.yaml"), &options).expect("readable");
    assert_eq!(codes(&loaded), ["P008"]);
    assert!(!loaded.diagnostics.render(false).contains("xyzzy-secret"));
}

#[test]
fn no_text_breaks_the_reader() {
    let path = at("tests/documents/valid/every-key.yaml");
    let text = std::fs::read_to_string(path)
        .expect("readable")
        .replace("ada", "äda")
        .replace("secrets:", "token: |\n  xyzzy-secret\n  xyzzy-secret\nsecrets:");
    let folder = folder(&[("plan.yaml", "")]);
    let plan = folder.path().join("plan.yaml");
    // Every place takes a minute in a debug build; those beside long characters are the worst.
    let worth = |&(at, c): &(usize, char)| at % 7 == 0 || !c.is_ascii();
    let cuts = text.char_indices().filter(worth).map(|(at, _)| at);
    for at in cuts {
        let (before, after) = text.split_at(at);
        // A cut, a lost character, a stray one.
        let lost: String = after.chars().skip(1).collect();
        for broken in [before.to_owned(), format!("{before}{lost}"), format!("{before}'{after}")] {
            std::fs::write(&plan, &broken).expect("a file");
            let loaded = load(&plan);
            let told = loaded.diagnostics.render(true);
            assert_eq!(loaded.desired.is_none(), loaded.diagnostics.errors() > 0);
            let key = broken.contains("token: |") && !broken.contains('\'');
            assert!(!key || !told.contains("xyzzy-secret"), "{broken}\n{told}");
        }
    }
}

#[test]
fn lines_that_end_with_carriage_returns_are_taken() {
    let text = format!("\u{feff}{SMALL}mailboxes: [ {{ address: ada@acme.example }} ]\n");
    let folder = folder(&[("plan.yaml", &text.replace('\n', "\r\n"))]);
    let loaded = load(folder.path().join("plan.yaml"));
    assert_eq!(loaded.diagnostics.render(false), "");
    assert_eq!(loaded.desired.expect("valid").name, "small");
}
