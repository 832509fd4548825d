//! Whole migrations with tokens.

use crate::world::{ADA, APP, APP_SECRET, BOB, Process, World};
use mailferry::executor::event::Outcome;
use mailferry::executor::report::RunReport;
use mailferry::simulate::web::{App, Door, WebFault, WebMischief};
use mailferry::verify::evidence::Verdict;
use std::time::Duration;

fn login(nth: u64, what: WebMischief) -> WebFault {
    WebFault { door: Door::Login, nth, what }
}

fn with_mail(count: usize) -> World {
    let world = World::new("");
    for user in [ADA, BOB] {
        world.deliver(user, "INBOX", count);
        world.deliver(user, "Sent", 3);
        world.deliver(user, "Spam", 2);
    }
    world
}

#[track_caller]
fn all_arrived(world: &World, users: &[&str]) {
    for user in users {
        world.arrived(user, "INBOX", "INBOX");
        world.arrived(user, "Sent", "Sent Items");
        world.arrived(user, "Spam", "Junk Email");
    }
}

#[track_caller]
fn all_done(report: &RunReport) {
    for (id, outcome) in &report.outcomes {
        let well = matches!(outcome, Outcome::Done { .. } | Outcome::AlreadyDone);
        assert!(well, "{id}: {outcome:?}");
    }
    assert!(!report.outcomes.is_empty());
}

async fn is_proven(process: &Process, world: &World) {
    let evidence = process.verify(world).await;
    assert_eq!(evidence.mailboxes.len(), 2);
    for mailbox in &evidence.mailboxes {
        assert_eq!(mailbox.verdict(), Verdict::Holds, "{mailbox:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn mailboxes_are_planned_copied_and_proven_without_a_password_of_theirs() {
    let world = with_mail(5);
    let process = world.start();
    let (plan, report) = process.apply(&world).await;
    assert!(plan.unknown.is_empty(), "{:?}", plan.unknown);
    all_done(&report);
    all_arrived(&world, &[ADA, BOB]);
    is_proven(&process, &world).await;
    assert_eq!(world.asked_for_imap(), 1, "one token for all");
    // The app's secret goes to the token endpoint; at the mail server it is asked for consent.
    let told = world.vault.told.lock().unwrap().clone();
    assert!(told.iter().filter(|(name, _)| name == "APP_SECRET").all(|(_, host)| {
        host == "login.microsoftonline.com" || host == "outlook.office365.com"
    }));
    let events = format!("{:?} {plan:?} {report:?}", world.told.0.lock().unwrap());
    assert!(!events.contains("eyJ0eXAi") && !events.contains(APP_SECRET));
}

#[tokio::test(start_paused = true)]
async fn tokens_that_end_during_the_apply_lose_and_double_nothing() {
    let world = with_mail(500);
    // An APPEND takes 100 ms: tokens end on the way, in the middle of sessions.
    world.tenant.set_life(Duration::from_secs(20));
    let process = world.start();
    let (_, report) = process.apply(&world).await;
    all_done(&report);
    all_arrived(&world, &[ADA, BOB]);
    assert!(world.asked_for_imap() >= 4, "{}", world.asked_for_imap());
    world.tenant.set_life(Duration::from_secs(3_599));
    is_proven(&process, &world).await;
}

#[tokio::test(start_paused = true)]
async fn a_token_that_was_taken_back_is_renewed_once_for_all() {
    let world = with_mail(3);
    let process = world.start();
    assert!(process.plan(&world).await.unknown.is_empty());
    world.tenant.revoke_tokens();
    let (_, report) = process.apply(&world).await;
    all_done(&report);
    all_arrived(&world, &[ADA, BOB]);
    assert_eq!(world.asked_for_imap(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_token_endpoint_that_is_down_for_a_while_is_waited_for() {
    let world = with_mail(400);
    world.tenant.set_life(Duration::from_secs(20));
    for (nth, what) in [
        (2, WebMischief::CloseBefore),
        (3, WebMischief::Patience(503, Some("60".to_owned()))),
        (4, WebMischief::Page(502)),
        (5, WebMischief::Patience(429, None)),
        (7, WebMischief::CloseAfter),
    ] {
        world.tenant.add_fault(login(nth, what));
    }
    let process = world.start();
    let (_, report) = process.apply(&world).await;
    all_done(&report);
    all_arrived(&world, &[ADA, BOB]);
    assert!(world.tenant.waiting().is_empty(), "{:?}", world.tenant.waiting());
}

#[tokio::test(start_paused = true)]
async fn one_that_stays_down_fails_the_apply_and_the_next_one_goes_on() {
    let world = with_mail(400);
    world.tenant.set_life(Duration::from_secs(20));
    let process = world.start();
    process.plan(&world).await;
    for nth in 1..=200 {
        world.tenant.add_fault(login(nth, WebMischief::CloseBefore));
    }
    let (_, report) = process.apply(&world).await;
    let failed: Vec<_> =
        report.outcomes.values().filter(|it| matches!(it, Outcome::Failed { .. })).collect();
    assert!(!failed.is_empty(), "{report:?}");
    let stored = world.exchange.oracle().stored_by_sessions(ADA).unwrap();
    assert!(stored > 50, "it began well: {stored}");
    assert!(
        failed.iter().all(|outcome| matches!(outcome, Outcome::Failed { code: "E199", .. })),
        "{failed:?}"
    );
    while !world.tenant.waiting().is_empty() {
        // The endpoint is back when nothing strikes any more.
        let _ = world.start().tokens.token().await;
    }
    world.tenant.set_life(Duration::from_secs(3_599));
    let process = world.start();
    let (_, report) = process.apply(&world).await;
    all_done(&report);
    all_arrived(&world, &[ADA, BOB]);
    is_proven(&process, &world).await;
}

#[tokio::test(start_paused = true)]
async fn a_mailbox_without_access_fails_alone() {
    let world = with_mail(3);
    let mailboxes = [ADA.to_owned()].into();
    world.tenant.set_app(APP, App { mailboxes, ..App::new(APP_SECRET) });
    let process = world.start();
    let (plan, report) = process.apply(&world).await;
    let unknown: Vec<_> = plan.unknown.iter().map(|unknown| unknown.object.as_str()).collect();
    assert_eq!(unknown, [format!("destination mailbox {BOB}")]);
    let failure = &plan.unknown[0].failure;
    assert!(failure.message.contains("cannot open the mailbox"), "{failure:?}");
    assert!(failure.hint.as_deref().unwrap().contains("FullAccess"), "{failure:?}");
    all_done(&report);
    all_arrived(&world, &[ADA]);
    assert_eq!(world.asked_for_imap(), 1, "no token opens what is shut");
}

#[tokio::test(start_paused = true)]
async fn a_mailbox_that_is_shut_for_a_moment_is_opened() {
    let world = with_mail(1);
    world.exchange.set_connectable(BOB, false);
    let process = world.start();
    let exchange = world.exchange.clone();
    let (plan, ()) = tokio::join!(process.plan(&world), async move {
        tokio::time::sleep(Duration::from_secs(2)).await;
        exchange.set_connectable(BOB, true);
    });
    assert!(plan.unknown.is_empty(), "{:?}", plan.unknown);
}

#[tokio::test(start_paused = true)]
async fn an_app_without_permission_is_told_what_it_lacks() {
    let world = with_mail(1);
    let app = App { permissions: [].into(), ..App::new(APP_SECRET) };
    world.tenant.set_app(APP, app);
    let process = world.start();
    let plan = process.plan(&world).await;
    assert_eq!(plan.unknown.len(), 2, "{:?}", plan.unknown);
    for unknown in &plan.unknown {
        let failure = &unknown.failure;
        assert!(failure.message.ends_with("refused the token of the app"), "{failure:?}");
        assert_eq!(failure.words.as_deref(), Some("AUTHENTICATE failed."));
        let hint = failure.hint.as_deref().unwrap();
        for needed in ["IMAP.AccessAsApp", "New-ServicePrincipal", "Add-MailboxPermission"] {
            assert!(hint.contains(needed), "{hint}");
        }
    }
    let asked = world.asked_for_imap();
    assert!((2..=3).contains(&asked), "one, and one renewal for each mailbox at most: {asked}");
    process.plan(&world).await;
    assert_eq!(world.asked_for_imap(), asked, "a log-in that was refused is not tried again");
}

#[tokio::test(start_paused = true)]
async fn a_wrong_secret_makes_every_mailbox_unknown_with_one_request() {
    let world = with_mail(1);
    "another".clone_into(&mut world.vault.app.lock().unwrap());
    let process = world.start();
    let (plan, report) = process.apply(&world).await;
    assert_eq!(plan.unknown.len(), 2);
    assert!(
        plan.unknown.iter().all(|it| it.failure.message.contains("secret of the app is wrong"))
    );
    assert!(report.outcomes.is_empty(), "{report:?}");
    assert_eq!(world.asked_for_imap(), 1);
}
