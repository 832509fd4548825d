//! Saved plans that are not what was reviewed.

use crate::migration::{ADA, BOB, CAROL, Migration};
use mailferry::planner::plan::{Action, ActionId, Kind};
use mailferry::planner::saved::SavedPlan;
use std::fs;

fn saved(migration: &Migration) -> SavedPlan {
    migration.run(&["plan", "plan.yaml", "--out", "saved.json"]).code(0);
    SavedPlan::from_json(&fs::read_to_string(migration.path("saved.json")).unwrap()).unwrap()
}

/// Writes a saved plan with a digest that fits, as somebody does who knows how.
fn forge(migration: &Migration, mut saved: SavedPlan) {
    saved.digest = saved.plan.digest();
    saved.migration_plan.digest = saved.plan.document;
    fs::write(migration.path("forged.json"), saved.to_json().unwrap()).unwrap();
}

fn refused(migration: &Migration, args: &[&str], says: &[&str]) {
    migration.run(args).code(3).says(says).says_what_is_next();
    for user in [ADA, BOB, CAROL] {
        migration.untouched(user);
    }
}

#[test]
fn an_edited_saved_plan_does_not_run() {
    let migration = Migration::start();
    saved(&migration);
    let text = fs::read_to_string(migration.path("saved.json")).unwrap();
    let edited = text.replacen("Sent Items", "Drafts", 1);
    assert_ne!(text, edited);
    fs::write(migration.path("edited.json"), edited).unwrap();
    refused(
        &migration,
        &["apply", "edited.json"],
        &["edited.json", "was edited", "mailferry plan"],
    );
    fs::write(migration.path("cut.json"), &text[..text.len() / 2]).unwrap();
    refused(&migration, &["apply", "cut.json"], &["cut.json", "not a saved plan"]);
}

#[test]
fn a_forged_action_never_runs() {
    let migration = Migration::start();
    let before = migration.at_source();
    let mut forged = saved(&migration);
    let template = forged
        .plan
        .ready
        .iter()
        .find(|action| matches!(action.kind, Kind::CreateFolder(_)))
        .unwrap()
        .clone();
    let Kind::CreateFolder(create) = &template.kind else { unreachable!() };
    let mut create = create.clone();
    create.folder = "Brought in".parse().unwrap();
    let id = ActionId(format!("create_folder/{}/Brought in", create.destination_mailbox));
    forged.plan.ready.push(Action { id, kind: Kind::CreateFolder(create), ..template });
    forge(&migration, forged);
    migration.run(&["apply", "forged.json"]).code(5).says(&["stale: ", "Brought in"]);
    for user in [ADA, BOB, CAROL] {
        migration.arrived(user);
    }
    assert_eq!(before, migration.at_source());
}

#[test]
fn a_forged_target_does_not_turn_mail_elsewhere() {
    let migration = Migration::start();
    let mut forged = saved(&migration);
    for action in &mut forged.plan.ready {
        if let Kind::CopyFolder(copy) = &mut action.kind {
            copy.destination_mailbox = CAROL.parse().unwrap();
            copy.destination = "Drafts".parse().unwrap();
        }
    }
    forge(&migration, forged);
    migration.run(&["apply", "forged.json"]).says(&["stale: "]);
    for user in [ADA, BOB, CAROL] {
        let there = migration.lab.destination.dump_all(user);
        assert!(there.values().all(Vec::is_empty), "{user}: {there:?}");
    }
}

#[test]
fn a_saved_plan_that_leaves_actions_out_runs_the_rest() {
    let migration = Migration::start();
    let mut forged = saved(&migration);
    forged.plan.ready.retain(|action| action.id.0.contains(BOB));
    forge(&migration, forged);
    migration.run(&["apply", "forged.json"]).code(0).says(&["new since the plan was reviewed"]);
    migration.arrived(BOB);
    migration.untouched(ADA);
    migration.untouched(CAROL);
}

#[test]
fn another_migration_plan_than_the_reviewed_one_does_not_run() {
    let mut migration = Migration::start();
    saved(&migration);
    migration.wanted.folders = "map: { Sent: Drafts }".to_owned();
    migration.write();
    refused(&migration, &["apply", "saved.json"], &["plan.yaml", "changed since"]);
}

#[test]
fn another_major_version_does_not_run() {
    let migration = Migration::start();
    saved(&migration);
    let text = fs::read_to_string(migration.path("saved.json")).unwrap();
    let other = text.replacen("\"format_version\": \"1.1\"", "\"format_version\": \"2.0\"", 1);
    assert_ne!(text, other);
    fs::write(migration.path("other.json"), other).unwrap();
    refused(&migration, &["apply", "other.json"], &["other.json", "`2.0`", "1.x"]);
}

#[test]
fn another_digest_or_an_old_plan_does_not_run() {
    let migration = Migration::start();
    let mut old = saved(&migration);
    let args = ["apply", "saved.json", "--expect", "0123456789ab"];
    refused(&migration, &args, &["0123456789ab", "was expected"]);
    refused(&migration, &["apply", "saved.json", "--max-age", "0s"], &["too old", "--max-age"]);
    old.made_at = "2999-01-01T00:00:00Z".parse().unwrap();
    forge(&migration, old);
    refused(&migration, &["apply", "forged.json"], &["in the future"]);
}
