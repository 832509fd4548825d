//! What a destination may answer to an APPEND, or fail to: nothing is lost, nothing is doubled
//! without being named, nothing is sent before the server wants it.

use super::observing::{Nobody, accounts, desired};
use super::script::{Answer, Script};
use crate::lab::{LabOptions, seeds};
use crate::migration::run::{Ended, until};
use crate::migration::{ADA, Migration};
use mailferry::clock::SystemClock;
use mailferry::dns::HickoryView;
use mailferry::executor::run::{QUIET, Run};
use mailferry::imap::Timeouts;
use mailferry::ledger::{SqliteLedger, current_owner};
use mailferry::observe::{Eyes, observe};
use mailferry::ports::clock::Clock;
use mailferry::ports::dns::DnsView;
use mailferry::ports::ledger::Ledger;
use rustix::process::Signal;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

/// A real source with messages in one folder, and a destination that does as told.
pub(super) struct Answers {
    pub(super) migration: Migration,
    pub(super) script: Script,
}

impl Answers {
    pub(super) fn new(
        messages: usize,
        uidplus: bool,
        decide: impl FnMut(usize) -> Answer + Send + 'static,
    ) -> Self {
        let mut migration =
            Migration::empty(LabOptions { users: vec![ADA.to_owned()], ..LabOptions::default() });
        let mails = (0..messages).map(seeds::plain).collect();
        migration.lab.source.seed(ADA, &[("INBOX", mails)]);
        let script = Script::start(uidplus, decide);
        migration.wanted.destination =
            format!("{{ host: localhost, port: {}, tls: none }}", script.port);
        migration.write();
        Self { migration, script }
    }

    pub(super) fn run(&self, command: &str) -> Ended {
        let mut args = vec![command, "plan.yaml", "--trust", "localhost"];
        match command {
            "apply" => args.push("--auto-approve"),
            "plan" => args.push("--detailed-exitcode"),
            _ => {}
        }
        self.migration.run(&args)
    }

    /// Returns how often each source message is at the destination.
    #[track_caller]
    pub(super) fn copies(&self) -> Vec<usize> {
        let there = self.script.messages("INBOX");
        let source = self.migration.lab.source.dump(ADA, "INBOX");
        let counts: Vec<usize> = source
            .iter()
            .map(|message| there.iter().filter(|copy| copy.bytes == message.bytes).count())
            .collect();
        assert_eq!(counts.iter().sum::<usize>(), there.len(), "something else is there");
        counts
    }

    #[track_caller]
    pub(super) fn each_once(&self) {
        let copies = self.copies();
        assert!(copies.iter().all(|&count| count == 1), "{copies:?}");
        self.run("verify").code(0);
        self.run("plan").code(0);
    }
}

pub(super) fn first(answer: Answer) -> impl FnMut(usize) -> Answer {
    move |number| if number == 0 { answer.clone() } else { Answer::Store }
}

#[test]
fn an_append_that_was_stored_without_an_answer_is_not_sent_again() {
    let answers = Answers::new(5, true, first(Answer::StoreAndDie));
    answers.run("apply").code(0);
    answers.each_once();
}

/// RFC 3501 section 6.3.10: STATUS is not for the folder that is selected.
#[test]
fn the_selected_folder_is_not_asked_for_its_status() {
    let answers = Answers::new(3, true, |_| Answer::Store);
    answers.run("apply").code(0);
    let log = answers.script.log();
    let selected = log.iter().rposition(|(_, line)| line.contains("SELECT \"INBOX\"")).unwrap();
    assert!(log[selected..].iter().any(|(_, line)| line.contains("APPEND")), "it is the copy's");
    let asked = log[selected..].iter().any(|(_, line)| line.contains("STATUS \"INBOX\""));
    assert!(!asked, "{:#?}", &log[selected..]);
    answers.each_once();
}

#[test]
fn an_append_that_is_stored_late_is_waited_for() {
    let late = Answer::DieAndStore(Duration::from_secs(2));
    let answers = Answers::new(5, true, first(late));
    answers.run("apply").code(0);
    answers.each_once();
}

#[test]
fn a_double_that_nobody_can_prevent_is_named() {
    // Later than the wait for the folder to stand still.
    let late = Answer::DieAndStore(Duration::from_secs(9));
    let answers = Answers::new(3, true, first(late));
    answers.run("apply").code(0);
    assert_eq!(answers.copies(), [1, 1, 1]);
    std::thread::sleep(Duration::from_secs(4));
    assert_eq!(answers.copies().iter().sum::<usize>(), 4);
    answers.run("verify").code(6).says(&["1 extra copy", "equal to a message that is there"]);
    // And nothing makes it worse.
    answers.run("apply").code(0);
    assert_eq!(answers.copies().iter().sum::<usize>(), 4);
}

#[test]
fn an_answer_with_an_unknown_tag_counts_as_none() {
    let answers = Answers::new(5, true, first(Answer::OtherTag));
    answers.run("apply").code(0);
    answers.each_once();
}

#[test]
fn an_ok_that_comes_late_is_waited_for_and_nothing_is_sent_twice() {
    let answers = Answers::new(25, true, first(Answer::StoreLate(Duration::from_secs(7))));
    answers.run("apply").code(0).says(&["Copied 25 messages"]);
    answers.each_once();
}

#[test]
fn a_goodbye_between_two_appends_loses_and_doubles_nothing() {
    let answers = Answers::new(25, true, |number| match number {
        3 | 17 => Answer::StoreAndBye,
        _ => Answer::Store,
    });
    answers.run("apply").code(0);
    answers.each_once();
}

#[test]
fn a_connection_that_ends_in_a_literal_leaves_no_half_message() {
    for octets in [0, 1, 100] {
        let answers = Answers::new(5, true, |_| Answer::Store);
        answers.script.end_in_literal(octets);
        answers.run("apply").code(0);
        answers.each_once();
    }
}

#[test]
fn an_append_that_hangs_and_is_done_is_found_after_the_run_was_killed() {
    let answers = Answers::new(30, true, |number| match number {
        9 => Answer::StoreAndHang,
        _ => Answer::Store,
    });
    let args = ["apply", "plan.yaml", "--auto-approve", "--trust", "localhost"];
    let mut running = answers.migration.begin(&args);
    until("ten messages are there", || answers.script.messages("INBOX").len() == 10);
    std::thread::sleep(Duration::from_secs(1));
    assert!(!running.is_over(), "it waits for the answer: {}", running.end());
    running.signal(Signal::KILL);
    running.end();
    answers.run("apply").code(0).says(&["Found"]);
    answers.each_once();
}

/// In this process, because the command gives an APPEND two minutes before it gives it up.
#[tokio::test(flavor = "multi_thread")]
async fn an_append_that_hangs_for_ever_and_is_done_is_found_by_the_same_run() {
    let answers = Answers::new(30, true, |number| match number {
        9 => Answer::StoreAndHang,
        _ => Answer::Store,
    });
    let desired = Arc::new(desired(&answers.migration));
    let limits = Timeouts { append: Duration::from_secs(3), ..Timeouts::default() };
    let accounts = Arc::new(accounts(&desired, limits));
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let ledger = SqliteLedger::in_memory().unwrap();
    ledger.acquire(&current_owner(clock.as_ref(), "apply")).unwrap();
    let ledger: Arc<dyn Ledger> = Arc::new(ledger);
    let dns: Arc<dyn DnsView> = Arc::new(HickoryView::default());
    let eyes = Eyes {
        desired: Arc::clone(&desired),
        accounts: Arc::clone(&accounts),
        ledger: Arc::clone(&ledger),
        dns: Arc::clone(&dns),
        directory: None,
        listener: Arc::new(Nobody),
    };
    let (observed, summary) = observe(&eyes).await.unwrap();
    let plan = mailferry::planner::plan(&desired, &observed, &summary);
    let run = Run {
        desired,
        accounts,
        ledger,
        dns,
        listener: Arc::new(Nobody),
        clock,
        cancel: CancellationToken::new(),
        quiet: QUIET,
    };
    let start = Instant::now();
    let report = run.run(&plan.ready).await;
    assert_eq!(report.worst, None, "{report:?}");
    assert!(report.sum("found") > 0, "it was stored and is found: {report:?}");
    assert!(start.elapsed() >= Duration::from_secs(3), "the answer was waited for");
    assert_eq!(answers.copies(), [1; 30]);
}

#[test]
fn a_server_that_tells_no_uids_is_proven_by_digest() {
    let answers = Answers::new(7, false, |_| Answer::Store);
    answers.run("apply").code(0).says(&["Copied 7 messages"]);
    answers.each_once();
    let late = seeds::plain(50);
    answers.migration.lab.source.deliver(ADA, "INBOX", &[], &late.date, &late.bytes);
    answers.script.decide(first_after(7, Answer::StoreAndDie));
    answers.run("plan").code(2).says(&["1 message"]);
    answers.run("apply").code(0);
    answers.each_once();
}

fn first_after(offset: usize, answer: Answer) -> impl FnMut(usize) -> Answer {
    move |number| if number == offset { answer.clone() } else { Answer::Store }
}

#[test]
fn a_full_mailbox_is_left_until_there_is_room() {
    let full = "NO [OVERQUOTA] Quota exceeded (mailbox for user is full)";
    let answers =
        Answers::new(60, true, move |n| if n < 4 { Answer::Store } else { Answer::Say(full) });
    answers
        .run("apply")
        .code(5)
        .says(&[ADA, "the mailbox is full", full.strip_prefix("NO ").unwrap(), "Raise the quota"])
        .says_what_is_next();
    assert_eq!(answers.copies().iter().sum::<usize>(), 4);
    let asked = answers.script.log().iter().filter(|(_, said)| said == "refused").count();
    assert!(asked <= 16, "{asked} messages went to a mailbox that was full");
    answers.script.decide(|_| Answer::Store);
    answers.run("apply").code(0);
    answers.each_once();
}

#[test]
fn a_message_that_is_refused_alone_stays_behind_and_is_named() {
    for words in ["NO [TOOBIG] Message exceeds the limit", "BAD Command Argument Error. 11"] {
        let answers = Answers::new(5, true, |_| Answer::Store);
        answers.script.refuse(seeds::plain(2).bytes.len(), words);
        let said = words.split_once(' ').unwrap().1;
        answers.run("apply").code(5).says(&["1 message stays behind"]);
        assert_eq!(answers.copies(), [1, 1, 0, 1, 1], "{words}");
        answers.run("verify").code(6).says(&["source UID 3", said]);
        // Still so, and nothing else twice.
        answers.run("apply");
        assert_eq!(answers.copies(), [1, 1, 0, 1, 1], "{words}");
    }
}

#[test]
fn a_message_that_is_refused_before_its_octets_stays_behind_and_is_named() {
    let answers = Answers::new(5, true, |_| Answer::Store);
    answers.script.without_literal_plus();
    answers.script.refuse(seeds::plain(2).bytes.len(), "NO [TOOBIG] Message exceeds the limit");
    answers.run("apply").code(5).says(&["1 message stays behind"]);
    assert_eq!(answers.copies(), [1, 1, 0, 1, 1]);
    answers.run("verify").code(6).says(&["source UID 3", "[TOOBIG]"]);
}

#[test]
fn a_server_that_is_busy_is_asked_again() {
    let busy = Answer::Say("NO [UNAVAILABLE] try later");
    let answers = Answers::new(5, true, first(busy));
    answers.run("apply").code(0);
    answers.each_once();
}

/// Checks that no new command went out earlier than the server said; `window` APPENDs were on
/// their way already.
pub(super) fn quiet_for(script: &Script, wait: Duration, window: usize) {
    let log = script.log();
    let refused: Vec<Instant> =
        log.iter().filter(|(_, said)| said == "refused").map(|(at, _)| *at).collect();
    let first = refused[0];
    let early: Vec<&String> = log
        .iter()
        .filter(|(at, said)| *at > first && *at < first + wait && said != "refused")
        .map(|(_, said)| said)
        .collect();
    assert!(early.len() <= window, "{} commands came too early: {early:#?}", early.len());
}

const THROTTLED: &str = "NO Request is throttled. Suggested Backoff Time: 1500 milliseconds";

#[test]
fn nothing_goes_out_before_the_server_wants_it() {
    let answers = Answers::new(1, true, first(Answer::Say(THROTTLED)));
    answers.run("apply").code(0);
    quiet_for(&answers.script, Duration::from_millis(1_500), 0);
    answers.each_once();
}

#[test]
fn a_throttled_stream_stops_with_what_is_in_flight() {
    let answers = Answers::new(60, true, |number| match number {
        0 => {
            // The rest of the window comes meanwhile.
            std::thread::sleep(Duration::from_millis(500));
            Answer::Say(THROTTLED)
        }
        _ => Answer::Store,
    });
    answers.run("apply").code(0);
    quiet_for(&answers.script, Duration::from_millis(1_500), 15);
    answers.each_once();
}

#[test]
fn a_refused_message_is_not_tried_alone_while_the_server_is_throttling() {
    let answers = Answers::new(3, true, |number| match number {
        0 => {
            std::thread::sleep(Duration::from_millis(300));
            Answer::Say("BAD Command Argument Error. 11")
        }
        1 => Answer::Say(THROTTLED),
        _ => Answer::Store,
    });
    answers.run("apply").code(0);
    answers.each_once();
    let throttled =
        answers.script.log().iter().filter(|(_, said)| said == "refused").nth(1).unwrap().0;
    let early = answers
        .script
        .log()
        .iter()
        .filter(|(at, _)| *at > throttled && *at < throttled + Duration::from_millis(1_500))
        .count();
    assert!(early <= 1, "{early} commands came too early");
}

#[test]
fn a_message_that_is_throttled_when_it_is_tried_alone_does_not_stay_behind() {
    let answers = Answers::new(1, true, |number| match number {
        0 => Answer::Say("BAD Command Argument Error. 11"),
        1 => Answer::Say(THROTTLED),
        _ => Answer::Store,
    });
    answers.run("apply").code(0);
    answers.each_once();
}

#[test]
fn a_throttle_without_a_time_is_patience_and_no_refusal() {
    for answer in
        [Answer::SayAndClose("BAD Request is throttled"), Answer::Say("BAD Request is throttled")]
    {
        let answers = Answers::new(5, true, move |number| {
            if number < 7 && number % 2 == 0 { answer.clone() } else { Answer::Store }
        });
        answers.run("apply").code(0);
        answers.each_once();
    }
}

#[test]
fn what_stays_behind_is_accepted_by_name_and_only_that() {
    let answers = Answers::new(5, true, |_| Answer::Store);
    answers.script.refuse(seeds::plain(2).bytes.len(), "NO [CANNOT] Message is malformed");
    answers.run("apply").code(5);
    let said = answers.run("verify").code(6).says(&["Next: to accept that 1 of"]).stdout;
    let entry = said.lines().find_map(|line| line.split_once("acknowledge: ")).unwrap().1;
    let plan = answers.migration.path("plan.yaml");
    let text = std::fs::read_to_string(&plan).unwrap();
    std::fs::write(&plan, format!("{text}acknowledge: {entry}\n")).unwrap();
    answers
        .run("verify")
        .code(0)
        .says(&["all there but 1 that may stay behind", "Verified 1 of 1"]);
    answers.run("plan").does_not_say(&["covers nothing any more"]);
    // A second one is another matter.
    let late = seeds::plain(51);
    answers.migration.lab.source.deliver(ADA, "INBOX", &[], &late.date, &late.bytes);
    answers.script.refuse(late.bytes.len(), "NO [CANNOT] Message is malformed");
    answers.run("apply");
    answers.run("verify").code(6).says(&["Next: to accept that 2 of"]);
}

/// Whatever is behind it in the folder is copied.
#[test]
fn a_message_at_which_the_destination_hangs_up_stays_behind_alone() {
    for answer in [Answer::Bye("BYE Message too large"), Answer::Die] {
        let answers = Answers::new(6, true, |_| Answer::Store);
        let bad = seeds::plain(2).bytes;
        answers.script.reject(move |octets| octets == bad, answer.clone());
        answers.run("apply").code(5).says(&["1 message stays behind"]);
        assert_eq!(answers.copies(), [1, 1, 0, 1, 1, 1], "{answer:?}");
        answers.run("verify").code(6).says(&["ended the connection at it"]);
    }
}

#[test]
fn an_answer_from_another_folder_of_the_same_name_stops_the_folder_and_is_looked_for() {
    let answers = Answers::new(3, true, |number| match number {
        1 => Answer::StoreUnder(999),
        _ => Answer::Store,
    });
    let ended = answers.run("apply").says(&["UIDVALIDITY was 7 and is 999 now"]);
    assert!(ended.code != Some(0), "{ended}");
    // Here it was a lie: the message is found in the folder, and nothing is sent twice.
    answers.run("apply").code(0);
    answers.each_once();
}

/// As Exchange is said to do: another field, another case, refolded, blanks at the end.
fn rewritten(octets: &[u8]) -> Vec<u8> {
    let text = String::from_utf8(octets.to_vec()).unwrap();
    let text = text.replacen("Subject: ", "SUBJECT:\r\n ", 1);
    format!("X-MS-Exchange-Organization-SCL: -1\r\n{text}\r\n\r\n").into_bytes()
}

fn rewritten_and_cut(octets: &[u8]) -> Vec<u8> {
    let mut octets = rewritten(octets);
    let at = octets.windows(5).rposition(|word| word == b"Note ").unwrap();
    octets[at] = b'n';
    octets
}

#[test]
fn a_destination_that_rewrites_is_compared_by_what_messages_say_when_the_plan_says_so() {
    for (rewrite, canonical) in [(rewritten as fn(&[u8]) -> Vec<u8>, 0), (rewritten_and_cut, 6)] {
        let mut answers = Answers::new(3, true, |_| Answer::Store);
        answers.script.rewrite(rewrite);
        answers.run("apply").code(0);
        answers
            .run("verify")
            .code(6)
            .says(&["3 messages are not what was sent", "compare: canonical"]);
        "checks: { compare: canonical }\n".clone_into(&mut answers.migration.wanted.more);
        answers.migration.write();
        let ran = answers.run("verify").code(canonical);
        if canonical == 0 {
            ran.says(&[
                "3 bodies rewritten by the destination and equal under the assumed profile v0",
            ]);
        } else {
            ran.says(&["3 messages are not what was sent"]);
        }
    }
}
