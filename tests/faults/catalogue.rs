//! Every row of the catalogue that can be the answer to an APPEND: each ends as its class says, and
//! nothing is lost or doubled.

use super::script::{Answer, Script};
use crate::lab::{LabOptions, seeds};
use crate::migration::run::Ended;
use crate::migration::{ADA, Migration, Wanted};
use mailferry::catalogue::{Asked, Row, Said, Status, rows};
use mailferry::error::Class;
use std::sync::Mutex;

/// Rows at once: most of the time is waiting.
const AT_ONCE: usize = 6;
const MESSAGES: usize = 4;

/// A text that a server can answer an APPEND with.
#[derive(Clone, Copy)]
struct Case {
    number: usize,
    row: &'static Row,
    status: Status,
    words: &'static str,
}

fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for row in rows() {
        if !row.pattern.asked.is_empty() && !row.pattern.asked.contains(&Asked::Append) {
            continue;
        }
        for example in row.examples {
            // Texts without a status are no answers of IMAP servers.
            let Some(status) = Said::read(example.words).status else { continue };
            cases.push(Case { number: cases.len(), row, status, words: soon(example.words) });
        }
    }
    cases
}

/// The same words with a wait that a test can wait for.
fn soon(words: &'static str) -> &'static str {
    match words.split_once("Backoff Time: ") {
        Some((begin, _)) => {
            Box::leak(format!("{begin}Backoff Time: 700 milliseconds").into_boxed_str())
        }
        None => words,
    }
}

/// One migration plan and destination of its own for each case.
struct One<'a> {
    migration: &'a Migration,
    plan: String,
    script: Script,
    case: Case,
}

impl<'a> One<'a> {
    fn new(migration: &'a Migration, case: Case) -> Self {
        let script = Script::start(true, |_| Answer::Store);
        let mut wanted = Wanted::between(migration.lab.source.port, script.port, &[ADA]);
        wanted.name = format!("case-{}", case.number);
        wanted.destination = format!("{{ host: localhost, port: {}, tls: none }}", script.port);
        let plan = format!("case-{}.yaml", case.number);
        migration.write_as(&plan, &wanted);
        Self { migration, plan, script, case }
    }

    fn apply(&self) -> Ended {
        let args = ["apply", self.plan.as_str(), "--auto-approve", "--trust", "localhost"];
        let mut command = self.migration.command(&args);
        let config = format!("config-{}", self.case.number);
        command.env("XDG_CONFIG_HOME", self.migration.path(&config));
        Ended::of(command, &args)
    }

    fn copies(&self) -> Vec<usize> {
        let there = self.script.messages("INBOX");
        (0..MESSAGES)
            .map(|number| {
                let bytes = seeds::plain(number).bytes;
                there.iter().filter(|copy| copy.bytes == bytes).count()
            })
            .collect()
    }

    fn answer(&self) -> Answer {
        match self.case.status {
            Status::Bye => Answer::Bye(self.case.words),
            Status::No | Status::Bad => Answer::Say(self.case.words),
        }
    }

    fn ends_as_its_class_says(&self) {
        let Case { row, words, .. } = self.case;
        let what = format!("{}: {words}", row.code);
        let text = words.split_once(' ').unwrap().1;
        let answer = self.answer();
        match row.class {
            Class::Message => {
                let third = seeds::plain(2).bytes;
                self.script.reject(move |bytes| bytes == third, answer);
                let ended = self.apply().code(5).says(&["1 message stays behind"]);
                assert_eq!(self.copies(), [1, 1, 0, 1], "{what}\n{ended}");
                let tries = self.script.log().iter().filter(|(_, said)| said == "refused").count();
                assert_eq!(tries, 2, "{what}: once among others, once alone\n{ended}");
            }
            Class::Throttle | Class::Transient => {
                self.script.decide(
                    move |number| {
                        if number == 1 { answer.clone() } else { Answer::Store }
                    },
                );
                let ended = self.apply();
                assert_eq!(ended.code, Some(0), "{what}\n{ended}");
                assert_eq!(self.copies(), [1; MESSAGES], "{what}\n{ended}");
            }
            Class::Folder | Class::Mailbox | Class::Credential | Class::Bug => {
                self.script.decide(
                    move |number| {
                        if number > 0 { answer.clone() } else { Answer::Store }
                    },
                );
                let ended = self.apply();
                if self.case.status == Status::Bye {
                    // The line is lost as well, and what was on its way is looked for.
                    assert!(matches!(ended.code, Some(1 | 5)), "{what}\n{ended}");
                } else {
                    let said = [row.code, text];
                    let ended = ended.clone().code(5).says(&said).says_what_is_next();
                    assert!(ended.all().contains("mailferry explain"), "{ended}");
                }
                assert_eq!(self.copies(), [1, 0, 0, 0], "{what}\n{ended}");
                self.script.decide(|_| Answer::Store);
                let ended = self.apply();
                assert_eq!(ended.code, Some(0), "{what}\n{ended}");
                assert_eq!(self.copies(), [1; MESSAGES], "{what}\n{ended}");
            }
            Class::Line | Class::Ledger | Class::Other => {
                panic!("{what}: no server answers an APPEND with this")
            }
        }
    }
}

#[test]
fn every_answer_to_an_append_ends_as_its_class_says() {
    let migration =
        Migration::empty(LabOptions { users: vec![ADA.to_owned()], ..LabOptions::default() });
    migration.lab.source.seed(ADA, &[("INBOX", (0..MESSAGES).map(seeds::plain).collect())]);
    let cases = cases();
    assert!(cases.len() > 50, "only {} cases", cases.len());
    let left = Mutex::new(cases);
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let Some(case) = left.lock().unwrap().pop() else { return };
                    One::new(&migration, case).ends_as_its_class_says();
                }
            });
        }
    });
}
