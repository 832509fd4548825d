//! Each rule of the planner as one small world and the plan that it must give, word for word.
//!
//! A directory of `tests/scenarios` holds what was observed (`observed.json`) and what the ledger
//! says (`ledger.json`), and beside them the plan as text, Markdown and JSON.
//! `SNAPSHOTS=overwrite cargo test --test scenarios` writes them anew; read the difference.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]

mod planning;

use mailferry::desired::{Deletions, Desired};
use mailferry::document;
use mailferry::model::digest::Digest;
use mailferry::model::folder::{FolderPath, SpecialUse};
use mailferry::model::reading::{Failure, Reading};
use mailferry::model::share::Share;
use mailferry::observed::{Namespace, Observed};
use mailferry::planner::approval::approve;
use mailferry::planner::census::LedgerSummary;
use mailferry::planner::plan::{ActionId, Kind, Plan, State, WaitingOn};
use mailferry::planner::saved::SavedPlan;
use mailferry::ports::ledger::FolderKey;
use mailferry::render::{html, json, markdown, text};
use planning::{acknowledge, add_mailbox, add_zone, desired, path};
use std::path::PathBuf;

const ADA: &str = "ada@acme.example";

fn directory(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios").join(name)
}

fn read<T: serde::de::DeserializeOwned>(name: &str, file: &str) -> T {
    let path = directory(name).join(file);
    let text = std::fs::read_to_string(&path).unwrap();
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn with_ada() -> Desired {
    let mut desired = desired();
    add_mailbox(&mut desired, ADA, ADA, 34);
    desired
}

fn with_zone() -> Desired {
    let mut desired = desired();
    add_zone(&mut desired);
    desired
}

fn plan(name: &str, desired: &Desired) -> Plan {
    let observed: Observed = read(name, "observed.json");
    let ledger: LedgerSummary = read(name, "ledger.json");
    mailferry::planner::plan(desired, &observed, &ledger)
}

fn save(plan: Plan) -> SavedPlan {
    let version = "0.0.0".to_owned();
    SavedPlan::new(plan, "acme.yaml".to_owned(), version, jiff::Timestamp::UNIX_EPOCH)
}

/// Plans a scenario and compares every output with its file.
fn golden(name: &str, desired: &Desired) -> SavedPlan {
    let saved = save(plan(name, desired));
    let options = text::Options { color: false, saved_to: Some("acme.plan.json") };
    let outputs = [
        ("plan.txt", text::render(&saved, options)),
        ("plan.md", markdown::render(&saved, Some("acme.plan.json"))),
        ("plan.json", json::render(&saved).unwrap()),
    ];
    for (file, output) in outputs {
        let path = directory(name).join(file);
        let expected = snapbox::Data::read_from(&path, Some(snapbox::data::DataFormat::Text));
        let assert = snapbox::Assert::new().action_env("SNAPSHOTS");
        assert.eq(output, expected.raw());
    }
    schema_holds(&saved);
    let again = SavedPlan::from_json(&saved.to_json().unwrap()).unwrap();
    assert_eq!(again.plan.digest(), saved.digest, "{name}: the digest survives the file");
    saved
}

fn schema_holds(saved: &SavedPlan) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("schema/saved-plan.schema.json");
    let schema: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let written: serde_json::Value = serde_json::from_str(&saved.to_json().unwrap()).unwrap();
    for schema in [schema.clone(), closed(schema)] {
        let validator = jsonschema::validator_for(&schema).unwrap();
        let errors: Vec<String> = validator
            .iter_errors(&written)
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        assert!(errors.is_empty(), "the schema is out of date: {errors:#?}");
    }
}

/// Forbids what the schema does not name, so that a new field without a description shows.
fn closed(mut schema: serde_json::Value) -> serde_json::Value {
    match &mut schema {
        serde_json::Value::Object(fields) => {
            if fields.contains_key("properties") && !fields.contains_key("additionalProperties") {
                fields.insert("additionalProperties".to_owned(), false.into());
            }
            for value in fields.values_mut() {
                *value = closed(value.take());
            }
        }
        serde_json::Value::Array(items) => {
            for item in items {
                *item = closed(item.take());
            }
        }
        _ => {}
    }
    schema
}

fn ids(plan: &Plan) -> Vec<&str> {
    plan.ready.iter().map(|action| action.id.0.as_str()).collect()
}

fn waits<'a>(plan: &'a Plan, id: &str) -> &'a [WaitingOn] {
    let found = plan.waiting.iter().find(|waiting| waiting.action.id.0 == id);
    found.map_or(&[], |waiting| waiting.on.as_slice())
}

#[test]
fn special_uses() {
    let mut desired = with_ada();
    let saved = golden("special_uses", &desired);
    let plan = &saved.plan;
    let use_of = |plan: &Plan, folder: &str| {
        let made = plan.ready.iter().find_map(|action| match &action.kind {
            Kind::CreateFolder(create) if create.folder == path(folder) => Some(create.special_use),
            _ => None,
        });
        made.unwrap_or_else(|| panic!("{folder} is not created"))
    };
    // The first of two gets the use; where the destination has one already, nobody does.
    assert_eq!(use_of(plan, "Ablage"), Some(SpecialUse::Archive));
    assert_eq!(use_of(plan, "Alte Ablage"), None);
    assert_eq!(use_of(plan, "Abfall"), Some(SpecialUse::Trash));
    assert_eq!(use_of(plan, "Junk Email"), None);
    let goes = |from: &str| {
        plan.actions().find_map(|action| match &action.kind {
            Kind::CopyFolder(copy) if copy.source == path(from) => Some(copy.destination.clone()),
            _ => None,
        })
    };
    assert_eq!(goes("Verschickt"), Some(path("Verschickt")), "nobody said otherwise");
    assert_eq!(use_of(plan, "Verschickt"), None, "Sent Items has it");
    assert!(plan.findings.iter().any(|finding| finding.code == "F231"));
    assert_eq!(goes("Spam"), Some(path("Junk Email")), "the migration plan says so");
    let waits = |plan: &Plan| {
        let of_all = |id: &ActionId| id.0.ends_with("/Alles");
        plan.waiting.iter().filter(|waiting| of_all(&waiting.action.id)).count()
    };
    assert_eq!(waits(plan), 2, "creation and copy of what shows other folders");
    assert!(ids(plan).contains(&"set_subscription/ada@acme.example/Teil"));
    assert!(!ids(plan).contains(&"create_folder/ada@acme.example/Teil"), "no folder at the source");

    let mut excluded = desired.clone();
    excluded.folders.exclude.push(planning::exclude("Alles", 24));
    assert!(with_uses(&excluded).guards.is_empty());
    let mut named = desired.clone();
    let all = (path("Everything"), None);
    named.folders.map.insert(path("Alles"), all);
    assert!(with_uses(&named).guards.is_empty(), "a person said where it shall go");
    let digest = plan.guards[0].digest.clone();
    acknowledge(&mut desired, "G305", "ada@acme.example/Alles", &digest);
    assert_eq!(waits(&with_uses(&desired)), 0);
}

fn with_uses(desired: &Desired) -> Plan {
    plan("special_uses", desired)
}

#[test]
fn a_folder_that_could_not_be_read_keeps_its_special_use() {
    let mut observed: Observed = read("special_uses", "observed.json");
    let there = observed.destination.get_mut(&ADA.parse().unwrap()).unwrap();
    let Reading::Present(state) = there else { panic!("it was read") };
    let failure = Failure { message: "time-out".to_owned(), words: None, hint: None };
    state.folders.insert(path("Sent Items"), Reading::Unreadable(failure));
    let ledger = read("special_uses", "ledger.json");
    let plan = mailferry::planner::plan(&with_ada(), &observed, &ledger);
    let created = plan.actions().find_map(|action| match &action.kind {
        Kind::CreateFolder(create) if create.folder == path("Verschickt") => Some(create),
        _ => None,
    });
    assert_eq!(created.unwrap().special_use, None);
}

#[test]
fn composed_and_decomposed_names_are_asked_about_where_they_may_be_one() {
    let mut observed: Observed = read("special_uses", "observed.json");
    let source = observed.source.get_mut(&ADA.parse().unwrap()).unwrap();
    let Reading::Present(state) = source else { panic!("it was read") };
    let folder = state.folders[&path("Spam")].clone();
    for name in ["caf\u{e9}", "cafe\u{301}"] {
        state.folders.insert(path(name), folder.clone());
    }
    let ledger: LedgerSummary = read("special_uses", "ledger.json");
    let mut desired = with_ada();
    let guards = |desired: &Desired| -> Vec<_> {
        let plan = mailferry::planner::plan(desired, &observed, &ledger);
        plan.guards.into_iter().filter(|guard| guard.code == "G302").collect()
    };
    desired.destination.profile = Some("dovecot".to_owned());
    assert!(guards(&desired).is_empty(), "Dovecot keeps them apart");
    for profile in ["exchange-online", "generic"] {
        desired.destination.profile = Some(profile.to_owned());
        let [guard] = guards(&desired).try_into().unwrap();
        assert!(guard.covers[0].contains("how accents are written"), "{:?}", guard.covers);
        // It is asked about only: nobody published that Exchange takes them for one.
        let mut accepted = desired.clone();
        acknowledge(&mut accepted, "G302", &guard.object, &guard.digest);
        assert!(guards(&accepted)[0].acknowledged, "{profile}");
    }
}

#[test]
fn nothing_is_made_below_a_folder_that_can_have_none_below_it() {
    let mut observed: Observed = read("special_uses", "observed.json");
    let there = observed.destination.get_mut(&ADA.parse().unwrap()).unwrap();
    let Reading::Present(state) = there else { panic!("it was read") };
    let Some(Reading::Present(trash)) = state.folders.get(&path("Trash")) else {
        panic!("a folder")
    };
    let mut closed = trash.clone();
    closed.no_inferiors = true;
    state.folders.insert(path("Teil"), Reading::Present(closed));
    let ledger = read("special_uses", "ledger.json");
    let plan = mailferry::planner::plan(&with_ada(), &observed, &ledger);
    let unknown = &plan.unknown[0];
    assert_eq!(unknown.object, "source folder ada@acme.example/Teil/Ganz");
    assert!(unknown.failure.message.contains("\\Noinferiors"), "{}", unknown.failure.message);
    assert!(!plan.actions().any(|action| action.id.0.ends_with("/Ganz")));
}

#[test]
fn a_name_that_does_not_exist_at_the_destination_is_not_subscribed() {
    let mut observed: Observed = read("special_uses", "observed.json");
    let source = observed.source[&ADA.parse().unwrap()].present().unwrap();
    let mut name = source.folders[&path("Teil")].present().unwrap().clone();
    name.subscribed = false;
    let there = observed.destination.get_mut(&ADA.parse().unwrap()).unwrap();
    let Reading::Present(state) = there else { panic!("it was read") };
    state.folders.insert(path("Teil"), Reading::Present(name.clone()));
    let planned = |observed: &Observed| {
        let ledger = read("special_uses", "ledger.json");
        let plan = mailferry::planner::plan(&with_ada(), observed, &ledger);
        let planned = ids(&plan).contains(&"set_subscription/ada@acme.example/Teil");
        (planned, plan.findings.iter().any(|finding| finding.code == "F233"))
    };
    assert_eq!(planned(&observed), (true, false), "\\Noselect");
    let there = observed.destination.get_mut(&ADA.parse().unwrap()).unwrap();
    let Reading::Present(state) = there else { panic!("it was read") };
    name.non_existent = true;
    state.folders.insert(path("Teil"), Reading::Present(name));
    assert_eq!(planned(&observed), (false, true), "\\NonExistent");
}

#[test]
fn what_replaces_a_separator_can_be_pasted() {
    let base: Observed = read("special_uses", "observed.json");
    let ledger: LedgerSummary = read("special_uses", "ledger.json");
    let folder = tempfile::tempdir().unwrap();
    let mut desired = with_ada();
    desired.folders.characters.clear();
    for separator in r#"\"'.,:;!?#%&*$@|><~^`-=+()[]{}_ß"#.chars() {
        let mut observed = base.clone();
        let name = format!("a{separator}b");
        let source = observed.source.get_mut(&ADA.parse().unwrap()).unwrap();
        let Reading::Present(state) = source else { panic!("it was read") };
        let inbox = state.folders[&path("INBOX")].clone();
        let at = FolderPath::new(vec![name]).unwrap();
        state.folders.insert(at.clone(), inbox);
        let name = at.to_string();
        let there = observed.destination.get_mut(&ADA.parse().unwrap()).unwrap();
        let Reading::Present(state) = there else { panic!("it was read") };
        let (prefix, separator_there) = (String::new(), Some(separator));
        state.namespace = Reading::Present(Namespace { prefix, separator: separator_there });
        let plan = mailferry::planner::plan(&desired, &observed, &ledger);
        let unknown = plan.unknown.iter().find(|unknown| unknown.object.ends_with(&name));
        let unknown = unknown.unwrap_or_else(|| panic!("{name} has a place"));
        let hint = unknown.failure.hint.as_deref().unwrap();
        let entry = hint.split_once("`folders.").unwrap().1.split_once("}`").unwrap().0;
        let yaml = format!(
            "version: 1\nname: acme\ndomains: [acme.example]\nsecrets: {{ old: {{ env: OLD }} }}\n\
             source: {{ product: imap, imap: {{ host: a.example }}, login: {{ admin: x, secret: old, \
             style: master-user }} }}\ndestination: {{ product: imap, imap: {{ host: b.example }} }}\n\
             mailboxes: [ {{ address: {ADA}, destination_secret: old }} ]\nfolders:\n  {entry}}}\n"
        );
        let at = folder.path().join("plan.yaml");
        std::fs::write(&at, yaml).unwrap();
        let loaded = document::load(&at, &document::Options::default()).unwrap();
        let desired = loaded
            .desired
            .unwrap_or_else(|| panic!("{entry}: {}", loaded.diagnostics.render(false)));
        let with = if separator == '-' { "_" } else { "-" };
        assert_eq!(desired.folders.characters[&separator], with, "{entry}");
    }
}

#[test]
fn first_plan() {
    let mut desired = with_ada();
    add_mailbox(&mut desired, "bob@acme.example", "robert@acme.example", 36);
    add_zone(&mut desired);
    let saved = golden("first_plan", &desired);
    assert_eq!(
        ids(&saved.plan),
        [
            "create_folder/ada@acme.example/Projects/2",
            "create_folder/ada@acme.example/Projects/10",
            "copy_folder/ada@acme.example/INBOX",
            "copy_folder/ada@acme.example/Projects/2",
            "copy_folder/ada@acme.example/Sent",
            "set_subscription/ada@acme.example/Projects/2",
            "create_folder/robert@acme.example/Sent Items",
            "copy_folder/bob@acme.example/INBOX",
            "copy_folder/bob@acme.example/Sent",
        ]
    );
    assert_eq!(saved.plan.for_person.len(), 3);
}

#[test]
fn second_plan_empty() {
    let mut desired = with_ada();
    add_zone(&mut desired);
    let saved = golden("second_plan_empty", &desired);
    assert!(!saved.plan.changes());
}

#[test]
fn one_new_message() {
    let saved = golden("one_new_message", &with_ada());
    assert_eq!(ids(&saved.plan), ["copy_folder/ada@acme.example/INBOX"]);
}

#[test]
fn unknown_source_folder() {
    let saved = golden("unknown_source_folder", &with_ada());
    assert_eq!(ids(&saved.plan), ["copy_folder/ada@acme.example/INBOX"]);
    assert_eq!(
        waits(&saved.plan, "copy_folder/ada@acme.example/Projects/2024"),
        [WaitingOn::Readable("source folder ada@acme.example/Projects".to_owned())]
    );
}

#[test]
fn unreachable_mailbox() {
    let mut desired = with_ada();
    add_mailbox(&mut desired, "bob@acme.example", "robert@acme.example", 36);
    let saved = golden("unreachable_mailbox", &desired);
    assert_eq!(saved.plan.unknown.len(), 2, "an absent destination mailbox is not created");
    assert!(saved.plan.actions().all(|action| action.id.0.contains("ada@")));
}

#[test]
fn collision() {
    let saved = golden("collision", &with_ada());
    assert_eq!(ids(&saved.plan), ["copy_folder/ada@acme.example/INBOX"]);
    assert!(saved.plan.needs_acknowledgement());
}

#[test]
fn names_that_differ_in_case_cannot_be_accepted_where_they_are_one_folder() {
    let observed: Observed = read("collision", "observed.json");
    let ledger: LedgerSummary = read("collision", "ledger.json");
    let mut desired = with_ada();
    desired.destination.profile = Some("exchange-online".to_owned());
    let guard = |desired: &Desired| {
        let plan = mailferry::planner::plan(desired, &observed, &ledger);
        assert!(plan.needs_acknowledgement());
        let guard = plan.guards.iter().find(|guard| guard.object.ends_with("/Work")).unwrap();
        (guard.clone(), text::render(&save(plan), text::Options::default()))
    };
    let (asked, shown) = guard(&desired);
    assert!(asked.must_change && asked.message.contains("in case only as one folder"));
    assert!(shown.contains("it cannot be accepted: the migration plan has to change"), "{shown}");
    assert!(!shown.contains(&asked.digest), "no entry to paste that would not be taken:\n{shown}");
    acknowledge(&mut desired, "G302", &asked.object, &asked.digest);
    assert!(!guard(&desired).0.acknowledged);
    // One name for both that the migration plan says is meant as one.
    desired.folders.map.insert(path("work"), (path("Work"), None));
    desired.folders.merge.insert(path("Work"));
    let plan = mailferry::planner::plan(&desired, &observed, &ledger);
    assert!(!plan.guards.iter().any(|guard| guard.must_change), "{:?}", plan.guards);
}

#[test]
fn merge() {
    let mut desired = with_ada();
    desired.folders.merge.insert(path("Junk Email"));
    let saved = golden("merge", &desired);
    let spam = saved.plan.ready.iter().find(|action| action.id.0.ends_with("/Spam")).unwrap();
    assert!(
        spam.needs.contains(&ActionId("copy_folder/ada@acme.example/Junk".to_owned())),
        "two copies into one folder never run side by side"
    );
}

#[test]
fn guard_unacknowledged() {
    let saved = golden("guard_unacknowledged", &with_ada());
    assert!(saved.plan.ready.is_empty(), "all copying of the mailbox waits");
}

#[test]
fn guard_acknowledged() {
    let mut desired = with_ada();
    let digest = plan("guard_acknowledged", &desired).guards[0].digest.clone();
    acknowledge(&mut desired, "G301", ADA, &digest);
    let saved = golden("guard_acknowledged", &desired);
    assert!(saved.plan.waiting.is_empty());
}

#[test]
fn guard_stale_acknowledgement() {
    let mut desired = with_ada();
    acknowledge(&mut desired, "G301", ADA, "0123456789ab");
    acknowledge(&mut desired, "G303", "ada@acme.example/Sent", "0123456789ab");
    let saved = golden("guard_stale_acknowledgement", &desired);
    assert!(saved.plan.ready.is_empty());
    assert_eq!(saved.plan.findings.len(), 2);
}

#[test]
fn uid_validity_changed() {
    let saved = golden("uid_validity_changed", &with_ada());
    assert!(saved.plan.ready.is_empty(), "neither the new folder nor the lost one is touched");
    assert_eq!(saved.plan.guards.len(), 2);
}

#[test]
fn over_limit() {
    let saved = golden("over_limit", &with_ada());
    let Kind::CopyFolder(copy) = &saved.plan.ready[0].kind else { panic!("a copy") };
    let reason = "larger than the destination's limit of 35 MB";
    assert_eq!(copy.estimate.excepted.get(reason), Some(&2));
}

#[test]
fn lost_keywords() {
    let saved = golden("lost_keywords", &with_ada());
    let Kind::CopyFolder(copy) = &saved.plan.ready[1].kind else { panic!("a copy") };
    assert_eq!(copy.estimate.lost_flags.to_string(), "$label1 projekt");
}

fn following() -> Desired {
    let mut desired = with_ada();
    add_zone(&mut desired);
    desired.folders.deletions = Deletions::Propagate(Share::default());
    desired
}

#[test]
fn deletions() {
    let saved = golden("deletions", &following());
    let inbox = "remove_copies/ada@acme.example/INBOX";
    assert_eq!(ids(&saved.plan), ["copy_folder/ada@acme.example/INBOX", inbox]);
    let waits = waits(&saved.plan, "remove_copies/ada@acme.example/Sent");
    assert!(matches!(waits, [WaitingOn::Acknowledgement { code, .. }] if code == "G321"));
    let removal = &saved.plan.ready[1];
    assert!(!removal.reversible && removal.visible, "nobody runs it unseen");
    assert_eq!(saved.plan.counts().remove, 33);
    // By default nothing of it is planned.
    assert_eq!(ids(&plan("deletions", &with_ada())), ["copy_folder/ada@acme.example/INBOX"]);
}

#[test]
fn a_review_approves_the_copies_that_it_showed_and_no_other() {
    let desired = following();
    let fresh = plan("deletions", &desired);
    let uids = |plan: &mut Plan, text: &str| {
        let Kind::RemoveCopies(removal) = &mut plan.ready[1].kind else { panic!("a removal") };
        removal.uids = text.parse().unwrap();
    };
    let mut saved = fresh.clone();
    // One of the reviewed is back at the source, and two vanished since.
    uids(&mut saved, "3,5");
    let approval = approve(&saved, &fresh);
    let Kind::RemoveCopies(removal) = &approval.run[1].kind else { panic!("a removal") };
    assert_eq!(removal.uids.to_string(), "5");
    uids(&mut saved, "100");
    let approval = approve(&saved, &fresh);
    assert_eq!((approval.run.len(), approval.stale.len()), (1, 1), "{approval:?}");
    // Another MX than the reviewed one.
    let mut saved = fresh.clone();
    let State::Vanished { mail, .. } = &mut saved.ready[1].before else { panic!("a removal") };
    mail.clear();
    assert_eq!(approve(&saved, &fresh).stale.len(), 1);
    // When all is done, it is done.
    let mut ledger: LedgerSummary = read("deletions", "ledger.json");
    for census in ledger.folders.values_mut() {
        census.deleted = None;
    }
    let done = mailferry::planner::plan(&desired, &read("deletions", "observed.json"), &ledger);
    assert!(approve(&fresh, &done).done.contains(&fresh.ready[1].id));
}

/// What the servers say of the MX.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Mail {
    AtSource,
    Moved,
    MovedAtOne,
    None,
    Unreadable,
    Unwatched,
}

#[test]
fn copies_follow_deletions_only_when_everything_allows_it() {
    use Mail::{AtSource, Moved, MovedAtOne, None, Unreadable, Unwatched};
    let observed: Observed = read("deletions", "observed.json");
    let ledger: LedgerSummary = read("deletions", "ledger.json");
    let ada: mailferry::model::address::Address = ADA.parse().unwrap();
    let (inbox, id) = (path("INBOX"), "remove_copies/ada@acme.example/INBOX");
    let key = FolderKey { mailbox: ada.clone(), folder: inbox.clone() };
    let (mut ready, mut waiting) = (0, 0);
    for at in 0..6 * 64 {
        let mail = [AtSource, Moved, MovedAtOne, None, Unreadable, Unwatched][at / 64];
        let bit = |n: usize| (at % 64) & (1 << n) != 0;
        let (wanted, uidplus, junk, emptied, many, accepted) =
            (bit(0), bit(1), bit(2), bit(3), bit(4), bit(5));
        let (mut desired, mut observed, mut ledger) =
            (following(), observed.clone(), ledger.clone());
        if !wanted {
            desired.folders.deletions = Deletions::Ignore;
        }
        let Some(Reading::Present(there)) = observed.destination.get_mut(&ada) else { panic!() };
        if !uidplus {
            there.capabilities.remove("UIDPLUS");
        }
        let Some(Reading::Present(here)) = observed.source.get_mut(&ada) else { panic!() };
        let Some(Reading::Present(state)) = here.folders.get_mut(&inbox) else { panic!() };
        if emptied {
            state.contents.as_mut().unwrap().messages = 0;
        }
        if junk {
            here.special_uses.insert(inbox.clone(), SpecialUse::Junk);
        }
        let deleted = ledger.folders.get_mut(&key).unwrap().deleted.as_mut().unwrap();
        if many {
            deleted.removable = 100;
            deleted.uids = "1:100".parse().unwrap();
        }
        let domain = "acme.example".parse().unwrap();
        if mail == Unwatched {
            desired.zones.clear();
        }
        let zone = observed.dns.get_mut(&domain).unwrap();
        let Reading::Present(state) = zone else { panic!() };
        let servers = state.authoritative.values_mut();
        let changed = match mail {
            AtSource | Unwatched => 0,
            MovedAtOne | Unreadable => 1,
            Moved | None => 2,
        };
        for view in servers.take(changed) {
            let Reading::Present(seen) = view else { panic!() };
            match mail {
                None => seen.mx = Reading::Absent,
                Unreadable => {
                    let message = "time-out".to_owned();
                    seen.mx = Reading::Unreadable(Failure {
                        message,
                        words: Option::None,
                        hint: Option::None,
                    });
                }
                _ => {
                    let Reading::Present(set) = &mut seen.mx else { panic!() };
                    // Beside the old ones: some mail arrives at the destination by now.
                    let host = "mx.new.example".to_owned();
                    set.records.insert(mailferry::model::records::Mx { preference: 0, host });
                }
            }
        }
        if accepted {
            for guard in mailferry::planner::plan(&desired, &observed, &ledger).guards {
                acknowledge(&mut desired, &guard.code, &guard.object, &guard.digest);
            }
        }
        let plan = mailferry::planner::plan(&desired, &observed, &ledger);
        let never = !wanted
            || !uidplus
            || junk
            || (emptied && many)
            || matches!(mail, Moved | MovedAtOne | None);
        let waits = mail == Unreadable || (!accepted && (many || mail == Unwatched));
        let is_ready = ids(&plan).contains(&id);
        let is_waiting = plan.waiting.iter().any(|waiting| waiting.action.id.0 == id);
        let case = format!("{mail:?} {wanted} {uidplus} {junk} {emptied} {many} {accepted}");
        assert_eq!(is_ready, !never && !waits, "{case}");
        assert_eq!(is_waiting, !never && waits, "{case}");
        let told = plan.findings.iter().any(|one| one.code == "F223");
        assert!(!wanted || told, "{case}: what stays is told");
        ready += usize::from(is_ready);
        waiting += usize::from(is_waiting);
    }
    assert!(ready > 5 && waiting > 5, "{ready} {waiting}");
}

fn with_tenant(mut desired: Desired) -> Desired {
    use mailferry::desired::{Microsoft365, SecretRef, Wish};
    desired.microsoft365 = Some(Microsoft365 {
        tenant: "acme.onmicrosoft.com".to_owned(),
        client_id: "x".to_owned(),
        secret: SecretRef::Env("APP".to_owned()),
        ca: None,
    });
    for zone in desired.zones.values_mut() {
        zone.mx.as_mut().unwrap().0 = Wish::Microsoft365;
        zone.spf.as_mut().unwrap().0 = Wish::Microsoft365;
        zone.autodiscover.as_mut().unwrap().0 = Wish::Microsoft365;
    }
    desired
}

#[test]
fn domain_not_verified() {
    let saved = golden("domain_not_verified", &with_tenant(with_zone()));
    assert!(saved.plan.unknown.is_empty() && saved.plan.guards.len() == 1);
    let steps: Vec<&str> = saved.plan.for_person.iter().map(|step| step.id.0.as_str()).collect();
    assert_eq!(steps, ["mx/acme.example", "spf/acme.example", "autodiscover/acme.example"]);
    assert!(saved.plan.settled.values().all(|settled| settled.settled == 0));
}

#[test]
fn without_a_word_of_the_tenant_copies_stay_or_wait_for_something_that_the_plan_names() {
    use mailferry::observed::{DomainState, ServiceRecords};
    let domain: mailferry::model::address::Domain = "acme.example".parse().unwrap();
    let id = "remove_copies/ada@acme.example/INBOX";
    let failure = || Failure { message: "no answer".to_owned(), words: None, hint: None };
    let state = |verified, records| {
        Reading::Present(DomainState { verified, verification: Vec::new(), records })
    };
    let (zone, at_tenant) = ("zone acme.example", "acme.example at the tenant");
    let (record, mx) = (format!("records {at_tenant}"), format!("mx {at_tenant}"));
    let named = format!("domain {at_tenant}");
    let none = || state(true, Reading::Present(ServiceRecords::default()));
    for (told, readable, waits_for) in [
        (Reading::Absent, true, None),
        (state(false, Reading::Absent), true, None),
        (Reading::Unreadable(failure()), true, Some(named.as_str())),
        (state(true, Reading::Unreadable(failure())), true, Some(record.as_str())),
        (none(), true, Some(mx.as_str())),
        (Reading::Absent, false, Some(zone)),
        (Reading::Unreadable(failure()), false, Some(zone)),
        (none(), false, Some(zone)),
    ] {
        let desired = with_tenant(following());
        let mut observed: Observed = read("deletions", "observed.json");
        if !readable {
            observed.dns.insert(domain.clone(), Reading::Unreadable(failure()));
        }
        observed.directory.insert(domain.clone(), told.clone());
        let plan = mailferry::planner::plan(&desired, &observed, &read("deletions", "ledger.json"));
        assert!(!ids(&plan).contains(&id), "{told:?}");
        let waiting = plan.waiting.iter().find(|waiting| waiting.action.id.0 == id);
        let Some(object) = waits_for else {
            assert!(waiting.is_none(), "{waiting:?}");
            let mut stay = plan.findings.iter().filter(|finding| finding.code == "F223");
            assert!(stay.any(|one| one.message.contains("nobody knows yet")), "{told:?}");
            continue;
        };
        assert_eq!(waits(&plan, id), [WaitingOn::Readable(object.to_owned())], "{told:?}");
        assert!(plan.unknown.iter().any(|unknown| unknown.object == object), "{told:?}");
    }
}

#[test]
fn mail_at_either_host_of_exchange_has_moved_to_a_tenant() {
    use mailferry::desired::Wish;
    use mailferry::model::records::Mx;
    use mailferry::planner::mail_flow::{self, MailFlow};
    // The migration plan writes one of them out, and Microsoft gave the domain the other.
    let mx = |host: &str| Mx { preference: 0, host: host.to_owned() };
    let domain: mailferry::model::address::Domain = "acme.example".parse().unwrap();
    let hosts = ["acme-example.mail.protection.outlook.com", "acme-example.b-v1.mx.microsoft"];
    for (wanted, seen) in [(hosts[0], hosts[1]), (hosts[1], hosts[0])] {
        let mut desired = with_tenant(following());
        let zone = desired.zones.get_mut(&domain).unwrap();
        zone.mx = Some((Wish::Exactly([mx(wanted)].into()), zone.mx.take().unwrap().1));
        let mut observed: Observed = read("deletions", "observed.json");
        let Some(Reading::Present(state)) = observed.dns.get_mut(&domain) else { panic!() };
        for view in state.authoritative.values_mut() {
            let Reading::Present(view) = view else { panic!() };
            let Reading::Present(set) = &mut view.mx else { panic!() };
            set.records = [mx(seen)].into();
        }
        let flow = mail_flow::of(&domain, &desired, None, observed.dns.get(&domain));
        assert!(matches!(&flow, MailFlow::Moved(why) if why.contains(seen)), "{flow:?}");
        let again = mail_flow::again(&domain, &desired, observed.dns.get(&domain));
        assert_eq!(
            again, flow,
            "nor does the second look before the removal take it for the source"
        );
        desired.microsoft365 = None;
        let elsewhere = mail_flow::of(&domain, &desired, None, observed.dns.get(&domain));
        assert!(matches!(elsewhere, MailFlow::AtSource(_)), "{elsewhere:?}");
    }
}

#[test]
fn folders_that_providers_empty_are_known_by_name_too() {
    let ada: mailferry::model::address::Address = ADA.parse().unwrap();
    for (name, purged) in
        [("trash", true), ("Spam/2020", true), ("INBOX/Deleted Items", true), ("Trashy", false)]
    {
        let mut observed: Observed = read("deletions", "observed.json");
        let mut ledger: LedgerSummary = read("deletions", "ledger.json");
        for side in [&mut observed.source, &mut observed.destination] {
            let Some(Reading::Present(state)) = side.get_mut(&ada) else { panic!() };
            let folder = state.folders.get(&path("INBOX")).unwrap().clone();
            state.folders.insert(path(name), folder);
        }
        let key = |folder| FolderKey { mailbox: ada.clone(), folder };
        let census = ledger.folders[&key(path("INBOX"))].clone();
        ledger.folders.insert(key(path(name)), census);
        let mut desired = following();
        desired.folders.map.clear();
        let plan = mailferry::planner::plan(&desired, &observed, &ledger);
        let id = format!("remove_copies/{ADA}/{name}");
        assert_eq!(!ids(&plan).contains(&id.as_str()), purged, "{name}");
    }
}

#[test]
fn dns_differs_on_one_server() {
    let saved = golden("dns_differs_on_one_server", &with_zone());
    let steps: Vec<&str> = saved.plan.for_person.iter().map(|step| step.id.0.as_str()).collect();
    assert_eq!(steps, ["mx/acme.example", "spf/acme.example"]);
    assert_eq!(saved.plan.for_person[0].servers, ["ns2.acme.example"]);
}

#[test]
fn dns_unreadable() {
    let saved = golden("dns_unreadable", &with_zone());
    assert_eq!(saved.plan.unknown.len(), 2);
    assert!(saved.plan.settled.values().all(|settled| settled.settled == 0));
}

#[test]
fn hostile_names_stay_inside_their_line() {
    let saved = golden("hostile_names", &with_ada());
    let page = html::render(&saved);
    assert!(!page.contains("<script"), "markup of a folder name is escaped");
    let text = text::render(&saved, text::Options::default());
    assert!(!text.contains('\u{1b}') && !text.contains("\n+ x"));
    let markdown = markdown::render(&saved, None);
    assert!(markdown.contains("`````diff"), "the fence is longer than the name's backticks");
}

#[test]
fn a_mailbox_is_never_copied_into_itself() {
    let mut desired = with_ada();
    desired.destination.endpoint = desired.source.endpoint.clone();
    let plan = plan("first_plan", &desired);
    assert_eq!(plan.actions().count(), 0);
    assert!(plan.unknown[0].failure.message.contains("the same mailbox"));
}

#[test]
fn two_mailboxes_into_one_wait_for_an_acknowledgement_and_then_run_one_after_the_other() {
    let mut desired = with_ada();
    add_mailbox(&mut desired, "bob@acme.example", ADA, 36);
    let guarded = plan("first_plan", &desired);
    assert!(guarded.ready.is_empty());
    let digest = &guarded.guards.iter().find(|guard| guard.code == "G304").unwrap().digest;
    acknowledge(&mut desired, "G304", ADA, digest);
    let plan = plan("first_plan", &desired);
    let inbox = |id| plan.ready.iter().find(|action| action.id.0 == id).unwrap();
    let earlier = inbox("copy_folder/ada@acme.example/INBOX").id.clone();
    assert!(inbox("copy_folder/bob@acme.example/INBOX").needs.contains(&earlier));
}

#[test]
fn two_mailboxes_into_one_that_cannot_be_read_are_both_unsettled() {
    let mut desired = with_ada();
    add_mailbox(&mut desired, "bob@acme.example", ADA, 36);
    let mut observed: Observed = read("first_plan", "observed.json");
    let failure = Failure { message: "time-out".to_owned(), words: None, hint: None };
    observed.destination.insert(ADA.parse().unwrap(), Reading::Unreadable(failure));
    let plan = mailferry::planner::plan(&desired, &observed, &read("first_plan", "ledger.json"));
    assert_eq!((plan.settled["mailboxes"].settled, plan.settled["mailboxes"].all), (0, 2));
}

#[test]
fn a_folder_that_was_not_listed_is_unknown_and_not_settled() {
    let desired = with_ada();
    let observed: Observed = read("second_plan_empty", "observed.json");
    let mut ledger: LedgerSummary = read("second_plan_empty", "ledger.json");
    ledger.folders.retain(|key, _| key.folder != path("Sent"));
    let plan = mailferry::planner::plan(&desired, &observed, &ledger);
    assert!(!plan.changes());
    assert_eq!(plan.unknown[0].object, "source folder ada@acme.example/Sent");
    assert!(!plan.as_wanted.contains(&ActionId("copy_folder/ada@acme.example/Sent".to_owned())));
    let shown = text::render(&save(plan), text::Options::default());
    assert!(shown.contains("Nothing can be done"), "{shown}");
}

#[test]
fn what_was_not_looked_at_is_unknown_and_not_absent() {
    let plan = mailferry::planner::plan(
        &{
            let mut desired = with_ada();
            add_zone(&mut desired);
            desired
        },
        &Observed::default(),
        &LedgerSummary::default(),
    );
    assert!(!plan.changes());
    assert_eq!(plan.unknown.len(), 3, "both sides and the zone");
    assert_eq!(plan.looked_at.source, (0, 1));
}

#[test]
fn an_unreadable_namespace_at_the_destination_lets_nothing_be_created() {
    let mut desired = with_ada();
    desired.folders.exclude.clear();
    let mut observed: Observed = read("first_plan", "observed.json");
    let ada = observed.destination.get_mut(&ADA.parse().unwrap());
    let Some(Reading::Present(state)) = ada else { panic!("ada is there") };
    let failure = Failure { message: "time-out".to_owned(), words: None, hint: None };
    state.namespace = Reading::Unreadable(failure);
    let plan = mailferry::planner::plan(&desired, &observed, &read("first_plan", "ledger.json"));
    let creates = |kind: &Kind| matches!(kind, Kind::CreateFolder(_));
    assert!(plan.actions().all(|action| !creates(&action.kind)));
    assert_eq!(
        waits(&plan, "copy_folder/ada@acme.example/Projects/2"),
        [WaitingOn::Readable("destination namespace ada@acme.example".to_owned())]
    );
}

#[test]
fn markdown_stays_in_its_budget_and_keeps_what_a_reviewer_must_see() {
    let mut desired = with_zone();
    let seen: Observed = read("guard_unacknowledged", "observed.json");
    let dns: Observed = read("first_plan", "observed.json");
    let mut observed = Observed { dns: dns.dns, ..Observed::default() };
    let mut ledger = LedgerSummary { empty: true, ..LedgerSummary::default() };
    let census: LedgerSummary = read("guard_unacknowledged", "ledger.json");
    let old: mailferry::model::address::Address = ADA.parse().unwrap();
    for number in 0..1_500 {
        let name = format!("user{number}@acme.example");
        add_mailbox(&mut desired, &name, &name, 34);
        let address: mailferry::model::address::Address = name.parse().unwrap();
        observed.source.insert(address.clone(), seen.source[&old].clone());
        let mut there = seen.destination[&old].clone();
        // One mailbox is not empty; it alone is guarded.
        if let (Reading::Present(state), true) = (&mut there, number > 0) {
            let inbox = state.folders.get_mut(&path("INBOX")).unwrap();
            if let Reading::Present(folder) = inbox {
                folder.contents.as_mut().unwrap().messages = 0;
            }
        }
        observed.destination.insert(address.clone(), there);
        for (key, census) in &census.folders {
            let key = FolderKey { mailbox: address.clone(), ..key.clone() };
            ledger.folders.insert(key, census.clone());
        }
    }
    let saved = save(mailferry::planner::plan(&desired, &observed, &ledger));
    let markdown = markdown::render(&saved, Some("acme.plan.json"));
    assert!(markdown.len() <= markdown::BUDGET, "{}", markdown.len());
    assert!(markdown.len() > markdown::BUDGET - 1_000, "the budget is used");
    assert!(markdown.contains("more lines"));
    for kept in ["code: G301, object: user0@acme.example", "! mx acme.example", "**Plan: "] {
        assert!(markdown.contains(kept), "{kept}");
    }
    assert_eq!(markdown.matches("```").count() % 2, 0, "every fence is closed");
}

#[test]
fn colours_change_no_word_of_the_text() {
    let saved = save(plan("first_plan", &with_ada()));
    let plain = text::render(&saved, text::Options::default());
    let mut colored = text::render(&saved, text::Options { color: true, saved_to: None });
    assert_ne!(plain, colored);
    for code in ["1", "31", "32", "33", "36", "0"] {
        colored = colored.replace(&format!("\u{1b}[{code}m"), "");
    }
    assert_eq!(plain, colored);
}

#[test]
fn html_shows_what_the_text_shows() {
    let saved = save(plan("guard_unacknowledged", &with_ada()));
    let page = html::render(&saved);
    for shown in ["G301", "acknowledge: [", &saved.plan.summary_line(), &saved.digest.short()] {
        assert!(page.contains(shown), "{shown}");
    }
    assert!(!page.contains("<script") && !page.contains("http://") && !page.contains("https://"));
}

#[test]
fn a_saved_plan_that_was_edited_is_stale() {
    let saved = save(plan("first_plan", &with_ada()));
    let text = saved.to_json().unwrap();
    assert!(text.ends_with("}\n"));
    for (from, to) in [
        ("\"messages\": 120", "\"messages\": 12"),
        ("\"Projects/10\"", "\"Projects/11\""),
        ("\"name\": \"acme\"", "\"name\": \"acme\", \"extra\": 1"),
        ("\"format_version\": \"1.1\"", "\"format_version\": \"2.0\""),
        ("\"format_version\": \"1.1\"", "\"format\": \"1.1\""),
        ("\"ready\"", "\"redy\""),
        (&saved.digest.to_string(), &Digest::of(b"x").to_string()),
    ] {
        let edited = text.replacen(from, to, 1);
        assert_ne!(edited, text, "{from}");
        let error = SavedPlan::from_json(&edited).unwrap_err();
        assert_eq!(error.kind.exit_code(), 3, "{from}: {error}");
        assert!(!error.hints.is_empty(), "{from}");
    }
    assert_eq!(SavedPlan::from_json("not json").unwrap_err().kind.exit_code(), 3);
}

#[test]
fn the_digest_tells_neither_when_nor_where_a_plan_was_made() {
    let plan = plan("first_plan", &with_ada());
    let later = SavedPlan::new(
        plan.clone(),
        "plans/acme.yaml".to_owned(),
        "9.9.9".to_owned(),
        jiff::Timestamp::MAX,
    );
    assert_eq!(save(plan).digest, later.digest);
}

/// Gives a saved plan another version and the digest that goes with it.
fn of_version(mut value: serde_json::Value, version: &str) -> SavedPlan {
    value["format_version"] = version.into();
    let mut covered = value.clone();
    for field in ["digest", "made_at", "tool_version"] {
        covered.as_object_mut().unwrap().remove(field);
    }
    covered["migration_plan"].as_object_mut().unwrap().remove("path");
    value["digest"] = Digest::of(covered.to_string().as_bytes()).to_string().into();
    SavedPlan::from_json(&value.to_string()).unwrap()
}

#[test]
fn an_earlier_minor_version_and_a_field_of_a_later_one_are_accepted() {
    let saved = save(plan("first_plan", &with_ada()));
    let mut value: serde_json::Value = serde_json::from_str(&saved.to_json().unwrap()).unwrap();
    assert_eq!(of_version(value.clone(), "1.0").plan.ready, saved.plan.ready);
    value["plan"]["later"] = true.into();
    assert_eq!(of_version(value, "1.7").plan.ready, saved.plan.ready);
}

/// The reviewer sees it, not the person who watches the apply.
#[test]
fn a_name_with_the_separator_of_the_destination_has_no_place() {
    let mut desired = with_ada();
    let place = FolderPath::new(vec!["a/b".to_owned()]).unwrap();
    desired.folders.map.insert(path("Sent"), (place, None));
    let plan = plan("first_plan", &desired);
    let unknown = plan.unknown.iter().find(|unknown| unknown.object.ends_with("/Sent")).unwrap();
    assert!(unknown.failure.message.contains("`a/b` holds `/`"), "{unknown:?}");
    assert!(unknown.failure.hint.as_ref().unwrap().contains("folders.characters"), "{unknown:?}");
    assert!(
        plan.actions().all(|action| !action.id.0.contains("Sent")),
        "nothing is planned for it"
    );
}
