//! A source whose line is cut after any octet, or that refuses any single command: never does it
//! look like a smaller mailbox.
//!
//! The test run takes a share of the octets, another one each time; `MAILFERRY_TEST_OCTETS=all`
//! takes every one.

use super::every_octet::share;
use super::relay::{Harm, Relay};
use super::script::{Answer, Script};
use crate::lab::dovecot::Profile;
use crate::lab::{LabOptions, seeds};
use crate::migration::{ADA, Migration};
use futures_util::StreamExt as _;
use mailferry::accounts::Accounts;
use mailferry::desired::Desired;
use mailferry::dns::HickoryView;
use mailferry::document;
use mailferry::executor::event::{Event, Listener};
use mailferry::imap::Timeouts;
use mailferry::ledger::SqliteLedger;
use mailferry::model::reading::Reading;
use mailferry::observe::{Eyes, observe};
use mailferry::observed::{MailboxState, Observed};
use mailferry::planner::census::LedgerSummary;
use mailferry::planner::plan::{Action, Plan};
use mailferry::secrets::BoundSecrets;
use std::collections::BTreeMap;
use std::sync::Arc;

#[derive(Debug)]
pub(super) struct Nobody;

impl Listener for Nobody {
    fn event(&self, _: &Event) {}
}

/// A small mailbox at a real Dovecot, and a destination that costs little to look at.
fn small() -> (Migration, Script) {
    let capability = "IMAP4rev1 LITERAL+ AUTH=PLAIN NAMESPACE UIDPLUS CONDSTORE LIST-EXTENDED \
                      SPECIAL-USE UNSELECT QUOTA";
    let mut migration = Migration::empty(LabOptions {
        source: Profile {
            folders: &[("Sent", "\\Sent")],
            capability: Some(capability.to_owned()),
            // Cut lines count for a while after their end.
            connections_per_user: 1_000,
            ..Profile::rackspace()
        },
        users: vec![ADA.to_owned()],
        ..LabOptions::default()
    });
    let mails = |numbers: std::ops::Range<usize>| numbers.map(seeds::plain).collect::<Vec<_>>();
    migration.lab.source.seed(ADA, &[("INBOX", mails(1..4)), ("Ä", mails(4..6))]);
    let script = Script::start(true, |_| Answer::Store);
    migration.wanted.destination =
        format!("{{ host: localhost, port: {}, tls: none }}", script.port);
    migration.wanted.source =
        format!("{{ host: localhost, port: {}, tls: none }}", migration.lab.source.plain_port);
    migration.write();
    (migration, script)
}

pub(super) fn desired(migration: &Migration) -> Desired {
    let loaded =
        document::load(&migration.path("plan.yaml"), &document::Options::default()).unwrap();
    loaded.desired.unwrap_or_else(|| panic!("{}", loaded.diagnostics.render(false)))
}

type World = (Observed, LedgerSummary, Plan);

/// Signs in as the command does, with limits on silence of the test's own.
pub(super) fn accounts(desired: &Desired, timeouts: Timeouts) -> Accounts {
    let secrets = BoundSecrets::new(Arc::new(Nobody))
        .trusting(vec!["localhost".parse().unwrap()])
        .with_environment(|name| {
            let word = if name == "OLD_PASSWORD" { "master-pw" } else { "destination-pw" };
            Some(word.into())
        });
    Accounts::new(desired, Arc::new(secrets), timeouts)
}

async fn look(desired: &Desired, port: u16) -> World {
    let mut desired = desired.clone();
    desired.source.endpoint.port = port;
    let eyes = Eyes {
        accounts: Arc::new(accounts(&desired, Timeouts::default())),
        desired: Arc::new(desired),
        ledger: Arc::new(SqliteLedger::in_memory().unwrap()),
        dns: Arc::new(HickoryView::default()),
        directory: None,
        listener: Arc::new(Nobody),
    };
    let (observed, summary) = observe(&eyes).await.unwrap();
    let plan = mailferry::planner::plan(&eyes.desired, &observed, &summary);
    (observed, summary, plan)
}

fn source(world: &World) -> &Reading<MailboxState> {
    &world.0.source[&ADA.parse().unwrap()]
}

fn actions(plan: &Plan) -> BTreeMap<&str, &Action> {
    plan.ready.iter().map(|action| (action.id.0.as_str(), action)).collect()
}

/// Returns whether everything was seen; panics when something looks smaller than it is.
fn whole_or_unknown(world: &World, reference: &World, what: &str) -> bool {
    let wanted = source(reference).present().expect("the reference was read");
    let whole = match source(world) {
        Reading::Absent => panic!("{what}: the mailbox looks absent"),
        Reading::Unreadable(_) => false,
        Reading::Present(state) => {
            let names: Vec<_> = state.folders.keys().collect();
            assert_eq!(names, wanted.folders.keys().collect::<Vec<_>>(), "{what}");
            let mut whole = true;
            for (path, folder) in &state.folders {
                match folder {
                    Reading::Unreadable(_) => whole = false,
                    read => assert_eq!(read, &wanted.folders[path], "{what}: {path}"),
                }
            }
            whole
        }
    };
    let planned = actions(&reference.2);
    for (id, action) in actions(&world.2) {
        assert_eq!(Some(&action), planned.get(id), "{what}: an action of less, or another one");
    }
    for (key, census) in &world.1.folders {
        assert_eq!(census, &reference.1.folders[key], "{what}: {key:?}");
    }
    if whole {
        assert_eq!(planned, actions(&world.2), "{what}");
        assert_eq!(world.1, reference.1, "{what}");
    } else {
        assert!(!world.2.unknown.is_empty(), "{what}: nothing is said of what was not read");
    }
    whole
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_line_cut_after_any_octet_never_looks_like_a_smaller_mailbox() {
    let (migration, _script) = small();
    let desired = desired(&migration);
    let plain = migration.lab.source.plain_port;
    let open = Relay::start(plain, |_| Harm::None);
    let reference = look(&desired, open.port).await;
    let conversation = open.heard();
    assert_eq!(conversation.len(), 1, "one connection looks at one mailbox");
    let octets = conversation[0].answers.len();
    assert!(whole_or_unknown(&reference, &reference, "whole"));
    assert!(octets > 1_500, "{octets} octets only");

    // Dovecot tells times in its answers, so that one conversation is a little longer than another.
    let end = octets + 64;
    // Odd, so that places at which the lines after the first are cut as well are among them.
    let (step, first) = share(15);
    let places: Vec<usize> = (first..=end).step_by(step).collect();
    let count = places.len();
    let cuts = futures_util::stream::iter(places).map(|at| {
        let (desired, reference) = (&desired, &reference);
        async move {
            // A folder at which it fell is asked for again over a line that mostly lasts.
            let relay = Relay::start(plain, move |connection| match connection {
                1.. if at % 8 > 0 => Harm::None,
                _ => Harm::CutAnswers(at),
            });
            let world = look(desired, relay.port).await;
            let whole = whole_or_unknown(&world, reference, &format!("cut after {at}"));
            let agreed: Vec<usize> =
                relay.heard().iter().map(|heard| agreed(&heard.answers)).collect();
            (at, whole, agreed)
        }
    });
    let all = agreed(&conversation[0].answers);
    let seen: Vec<_> = cuts.buffer_unordered(16).collect().await;
    assert_eq!(seen.len(), count);
    for (at, whole, agreed) in seen {
        // The quota comes last and is a remark only; before it nothing may be whole, over however
        // many lines it is asked for.
        let (first, sum) = (agreed[0], agreed.iter().sum::<usize>());
        assert!(!whole || sum + 1 >= all, "cut after {at}: whole after {agreed:?} of {all}");
        assert!(whole || first < all, "cut after {at}: not whole, and nothing was cut");
    }
}

/// Counts the commands that were answered OK to the end of the line.
fn agreed(answers: &[u8]) -> usize {
    let text = String::from_utf8_lossy(answers);
    let whole = text.split_inclusive("\r\n").filter(|line| line.ends_with("\r\n"));
    whole.filter(|line| !line.starts_with('*') && line.split(' ').nth(1) == Some("OK")).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_command_never_looks_like_a_smaller_mailbox() {
    let (migration, _script) = small();
    let desired = desired(&migration);
    let plain = migration.lab.source.plain_port;
    let reference = look(&desired, plain).await;
    let mut refused = 0;
    loop {
        let relay = Relay::start(plain, move |_| Harm::Refuse(refused));
        let world = look(&desired, relay.port).await;
        let what = format!("tagged OK {refused} refused");
        let heard = relay.heard().remove(0);
        let whole = whole_or_unknown(&world, &reference, &what);
        if !heard.harmed {
            assert!(whole, "{what}: nothing was refused");
            break;
        }
        let last = String::from_utf8_lossy(&heard.commands).lines().last().unwrap().to_owned();
        assert!(!whole || last.contains("GETQUOTAROOT"), "{what}: {last}");
        if !whole {
            let words = format!("{:?}", world.2.unknown);
            assert!(words.contains("[UNAVAILABLE] try later"), "{what}: {words}");
        }
        refused += 1;
    }
    assert!(refused >= 9, "only {refused} commands");
}

#[test]
fn the_program_says_so_with_its_exit_code() {
    let (mut migration, script) = small();
    let plain = migration.lab.source.plain_port;
    let open = Relay::start(plain, |_| Harm::None);
    let through = |migration: &mut Migration, port: u16| {
        migration.wanted.source = format!("{{ host: localhost, port: {port}, tls: none }}");
        migration.write();
        let args = ["apply", "plan.yaml", "--auto-approve", "--trust", "localhost"];
        migration.run(&args)
    };
    let args = ["plan", "plan.yaml", "--trust", "localhost"];
    migration.wanted.source = format!("{{ host: localhost, port: {}, tls: none }}", open.port);
    migration.write();
    migration.run(&args).code(0).says(&["5 messages", "0 unknown"]);
    // Behind them, a folder is asked for again over another line.
    let answers = String::from_utf8_lossy(&open.heard()[0].answers).into_owned();
    let octets = answers.find("* FLAGS").expect("a folder was opened");
    for part in 1..8 {
        let at = octets * part / 9;
        let relay = Relay::start(plain, move |_| Harm::CutAnswers(at));
        through(&mut migration, relay.port)
            .code(8)
            .says(&["unknown: source mailbox ada@acme.example", "Next: "]);
    }
    assert!(script.messages("INBOX").is_empty());
    through(&mut migration, plain).code(0).says(&["Copied 5 messages"]);
}
