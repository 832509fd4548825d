use super::*;
use crate::executor::event::{Event, Listener, Outcome};
use crate::planner::plan::ActionId;
use crate::ports::clock::Clock;
use indicatif::{InMemoryTerm, ProgressDrawTarget};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::{Arc, Mutex};

#[derive(Debug)]
struct Hand(Mutex<Timestamp>);

impl Hand {
    fn new() -> Arc<Self> {
        Arc::new(Self(Mutex::new("2026-12-01T20:00:00Z".parse().unwrap())))
    }

    fn advance(&self, millis: i64) {
        *self.0.lock().unwrap() += SignedDuration::from_millis(millis);
    }
}

impl Clock for Hand {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }
}

#[derive(Clone, Default)]
struct Sink(Arc<Mutex<Vec<u8>>>);

impl Sink {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Sink {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(octets);
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn progress(mailbox: &str, messages: u64, bytes: u64) -> Event {
    Event::Progress {
        mailbox: mailbox.parse().unwrap(),
        folder: "Sent".parse().unwrap(),
        messages,
        messages_total: 17_330,
        bytes,
        bytes_total: 1_900_000_000,
    }
}

fn holding(object: &str, seconds: u64) -> Event {
    Event::Holding {
        side: "destination",
        object: object.to_owned(),
        seconds,
        words: "Request is \u{1b}throttled".to_owned(),
    }
}

fn begins(phase: &'static str, total: Option<u64>) -> Event {
    Event::PhaseStarted { phase, total }
}

fn ended(folder: &str, outcome: Outcome) -> Event {
    Event::ActionEnded { id: ActionId(format!("copy_folder/ada@acme.example/{folder}")), outcome }
}

fn done(tally: &[(&'static str, u64)]) -> Outcome {
    Outcome::Done { tally: tally.iter().copied().collect::<BTreeMap<_, _>>() }
}

const ADA: &str = "ada@acme.example";
const BOB: &str = "bob@acme.example";

#[test]
fn lines_tell_the_total_once_a_minute_and_each_folder_that_has_something_to_say() {
    let (clock, out) = (Hand::new(), Sink::default());
    let lines = Lines::new(Box::new(out.clone()), clock.clone());
    lines.event(&begins("observe", Some(2)));
    let look = |object: &str, readable| Event::Looked { object: object.to_owned(), readable };
    lines.event(&look("source mailbox ada@acme.example", true));
    lines.event(&look("source mailbox e\u{202e}ve@acme.example", false));
    lines.event(&Event::Compared { unchanged: 46, all: 47 });
    lines.event(&begins("apply", None));
    lines.event(&progress(ADA, 0, 0));
    for second in 1..=60 {
        clock.advance(1_000);
        lines.event(&progress(ADA, second * 10, second * 1_000_000));
    }
    lines.event(&progress(BOB, 0, 0));
    lines.event(&holding("outlook.office365.com", 89));
    clock.advance(30_000);
    lines.tick();
    lines.event(&ended("Sent", done(&[("adopted", 0), ("bytes", 60_000_000), ("copied", 1_600)])));
    lines.event(&ended("Empty", done(&[("copied", 0)])));
    lines.event(&ended("Old", Outcome::AlreadyDone));
    lines.event(&ended("New", done(&[("folders", 1)])));
    lines.event(&ended("New", done(&[("subscriptions", 2)])));
    lines.event(&ended("Gone", Outcome::Stale { difference: "it is not there".to_owned() }));
    lines.event(&ended("Wait", Outcome::Skipped { reason: "not approved".to_owned() }));
    lines.event(&ended(
        "Next",
        Outcome::Blocked { by: ActionId("create_folder/ada@acme.example/Next".to_owned()) },
    ));
    lines.event(&ended("Stop", Outcome::Interrupted));
    lines.event(&ended(
        "Full",
        Outcome::Failed {
            message: "the mailbox is full".to_owned(),
            words: Some("NO [OVERQUOTA] \r\nfull".to_owned()),
            hints: vec!["make room".to_owned()],
            code: "E201",
        },
    ));
    lines.event(&Event::Notice { message: "a word".to_owned() });
    clock.advance(30_000);
    lines.tick();
    lines.tick();
    clock.advance(60_000);
    lines.tick();
    lines.event(&progress(ADA, 17_330, 1_900_000_000));
    lines.finish();
    lines.finish();
    assert_eq!(
        out.text(),
        "\
2026-12-01T20:00:00Z observe begins
2026-12-01T20:00:00Z source mailbox e\\u{202e}ve@acme.example cannot be read
2026-12-01T20:00:00Z as reviewed: 46 of 47 objects
2026-12-01T20:00:00Z apply begins
2026-12-01T20:01:00Z total 600 / 17,330 messages · 60.0 MB / 1.9 GB · 10 msg/s · left 27 min 53 s
2026-12-01T20:01:00Z waiting 1 min 29 s: destination outlook.office365.com said \"Request is \\u{1b}throttled\"
2026-12-01T20:01:30Z ada@acme.example/Sent: 1,600 copied, 60.0 MB
2026-12-01T20:01:30Z ada@acme.example/Gone: stale, not done: it is not there
2026-12-01T20:01:30Z ada@acme.example/Wait: skipped: not approved
2026-12-01T20:01:30Z ada@acme.example/Next: not done, because create ada@acme.example/Next did not end well
2026-12-01T20:01:30Z ada@acme.example/Full: failed [E201]: the mailbox is full
2026-12-01T20:01:30Z   said: NO [OVERQUOTA] \\u{d}\\u{a}full
2026-12-01T20:01:30Z   next: make room
2026-12-01T20:01:30Z note: a word
2026-12-01T20:02:00Z total 600 / 34,660 messages · 60.0 MB / 3.8 GB · 1 folder created · 2 folders subscribed · waiting 29 s: destination outlook.office365.com said \"Request is \\u{1b}throttled\"
2026-12-01T20:03:00Z total 600 / 34,660 messages · 60.0 MB / 3.8 GB · 1 folder created · 2 folders subscribed
2026-12-01T20:03:00Z total 17,330 / 34,660 messages · 1.9 GB / 3.8 GB · 1 folder created · 2 folders subscribed · 139 msg/s · left 2 min 4 s
"
    );
}

#[test]
fn a_wait_before_anything_is_copied_is_told_at_once_and_once() {
    let outside = || Event::Holding {
        side: "server",
        object: "it is outside `limits.hours` until 22:00".to_owned(),
        seconds: 7_260,
        words: String::new(),
    };
    let (clock, out) = (Hand::new(), Sink::default());
    let lines = Lines::new(Box::new(out.clone()), clock.clone());
    let term = InMemoryTerm::new(24, 180);
    let bars = Bars::on(ProgressDrawTarget::term_like(Box::new(term.clone())), clock.clone());
    for listener in [&lines as &dyn Listener, &bars] {
        listener.event(&begins("apply", None));
        // Two mailboxes.
        listener.event(&outside());
        listener.event(&outside());
    }
    clock.advance(60_000);
    lines.event(&holding("localhost", 1));
    lines.event(&progress(ADA, 1, 1));
    // Short, and the next total says it.
    lines.event(&holding("localhost", 2));
    assert_eq!(
        out.text(),
        "\
2026-12-01T20:00:00Z apply begins
2026-12-01T20:00:00Z waiting 2 h 1 min: it is outside `limits.hours` until 22:00
2026-12-01T20:01:00Z waiting 1 s: destination localhost said \"Request is \\u{1b}throttled\"
2026-12-01T20:01:00Z total 1 / 17,330 messages · 1 B / 1.9 GB · waiting 1 s: destination localhost said \"Request is \\u{1b}throttled\" · waiting 2 h 0 min: it is outside `limits.hours` until 22:00
"
    );
    bars.tick();
    assert!(term.contents().contains("waiting 2 h 0 min: it is outside"), "{}", term.contents());
}

#[test]
fn quiet_lines_tell_only_what_is_waited_for_and_taken_note_of() {
    let (clock, out) = (Hand::new(), Sink::default());
    let lines = Lines::quiet(Box::new(out.clone()), clock);
    lines.event(&begins("observe", Some(2)));
    lines.event(&Event::Looked { object: "x".to_owned(), readable: false });
    lines.event(&Event::Throttled {
        side: "source",
        mailbox: ADA.to_owned(),
        server: "imap.example:993".to_owned(),
        milliseconds: 33_000,
        connections_before: None,
        connections_now: None,
        words: "NO [LIMIT] Maximum number of connections".to_owned(),
    });
    lines.event(&Event::Notice { message: "the size of UID 5 cannot be read".to_owned() });
    lines.finish();
    assert_eq!(
        out.text(),
        "2026-12-01T20:00:00Z ada@acme.example: waiting 33 s: the source imap.example:993 said \
         \"NO [LIMIT] Maximum number of connections\"\n\
         2026-12-01T20:00:00Z note: the size of UID 5 cannot be read\n"
    );
}

#[test]
fn ndjson_is_one_object_a_line_with_its_time() {
    let (clock, out) = (Hand::new(), Sink::default());
    let json = Ndjson::new(Box::new(out.clone()), clock.clone());
    json.event(&begins("apply", None));
    clock.advance(1_250);
    json.event(&progress(ADA, 1, 2));
    json.event(&holding("x", 5));
    json.event(&ended("Sent", done(&[("copied", 3)])));
    json.event(&ended("Old", Outcome::AlreadyDone));
    json.event(&Event::Notice { message: "a\nb".to_owned() });
    assert_eq!(
        out.text(),
        r#"{"at":"2026-12-01T20:00:00.000Z","event":"phase_started","phase":"apply","total":null}
{"at":"2026-12-01T20:00:01.250Z","event":"progress","mailbox":"ada@acme.example","folder":"Sent","messages":1,"messages_total":17330,"bytes":2,"bytes_total":1900000000}
{"at":"2026-12-01T20:00:01.250Z","event":"holding","side":"destination","object":"x","seconds":5,"words":"Request is \u001bthrottled"}
{"at":"2026-12-01T20:00:01.250Z","event":"action_ended","id":"copy_folder/ada@acme.example/Sent","outcome":{"outcome":"done","tally":{"copied":3}}}
{"at":"2026-12-01T20:00:01.250Z","event":"action_ended","id":"copy_folder/ada@acme.example/Old","outcome":{"outcome":"already_done"}}
{"at":"2026-12-01T20:00:01.250Z","event":"notice","message":"a\nb"}
"#
    );
    assert!(json.take_failure().is_none());
}

#[test]
fn a_reader_that_is_gone_is_told_once_and_stops_nothing() {
    struct Gone;
    impl Write for Gone {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let json = Ndjson::new(Box::new(Gone), Hand::new());
    json.event(&begins("apply", None));
    json.event(&begins("apply", None));
    assert_eq!(json.take_failure().unwrap().kind(), io::ErrorKind::BrokenPipe);
    let lines = Lines::new(Box::new(Gone), Hand::new());
    lines.event(&begins("apply", None));
}

#[test]
fn bars_show_each_mailbox_and_the_total() {
    let (clock, term) = (Hand::new(), InMemoryTerm::new(24, 180));
    let target = ProgressDrawTarget::term_like(Box::new(term.clone()));
    let bars = Bars::on(target, clock.clone());
    bars.event(&begins("apply", None));
    bars.event(&progress(BOB, 0, 0));
    bars.event(&progress(ADA, 0, 0));
    clock.advance(10_000);
    bars.event(&progress(ADA, 2_120, 1_100_000_000));
    bars.event(&progress(BOB, 2_904, 200_000_000));
    bars.event(&holding(BOB, 90));
    clock.advance(1_000);
    bars.event(&Event::Notice { message: "a word".to_owned() });
    bars.event(&ended("Gone", Outcome::Stale { difference: "not there".to_owned() }));
    bars.tick();
    assert_eq!(
        term.contents(),
        "\
a word
ada@acme.example/Gone: stale, not done: not there
ada@acme.example  ██░░░░░░░░░░░░░░░░░░░░░░     2,120 / 17,330     1.1 GB   192 msg/s   left 1 min 18 s
bob@acme.example  ████░░░░░░░░░░░░░░░░░░░░     2,904 / 17,330   200.0 MB   waiting 1 min 29 s: destination said \"Request is \\u{1b}throttled\"
total 5,024 / 34,660 messages · 1.3 GB / 3.8 GB · 456 msg/s · left 1 min 4 s · waiting 1 min 29 s: destination bob@acme.example said \"Request is \\u{1b}throttled\""
    );
    bars.finish();
    assert_eq!(term.contents(), "a word\nada@acme.example/Gone: stale, not done: not there");
}

#[test]
fn finished_mailboxes_make_room_for_others() {
    let (clock, term) = (Hand::new(), InMemoryTerm::new(60, 100));
    let target = ProgressDrawTarget::term_like_with_hz(Box::new(term.clone()), 255);
    let bars = Bars::on(target, clock);
    let name = |n: u32| format!("user{n:02}@acme.example");
    bars.event(&begins("apply", None));
    for n in 0..20 {
        bars.event(&progress(&name(n), 1, 1));
    }
    bars.event(&progress(&name(3), 17_330, 1));
    bars.event(&progress(&name(19), 2, 1));
    // Draws are limited to some a second of the real clock.
    std::thread::sleep(std::time::Duration::from_millis(300));
    bars.tick();
    let screen = term.contents();
    assert_eq!(screen.lines().count(), 17, "{screen}");
    for (n, there) in [(2, true), (3, false), (15, true), (16, false), (19, true)] {
        assert_eq!(screen.contains(&name(n)), there, "{n}\n{screen}");
    }
    assert!(screen.contains("total 17,350 / 346,600 messages"), "{screen}");
}
