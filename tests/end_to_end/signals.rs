//! Ctrl-C and SIGTERM.

use crate::ferry::{ADA, Ferry, MAP, Ran, Running, Wanted};
use crate::lab::seeds;
use crate::lab::{Lab, LabOptions};
use crate::mailbox::{self, mapped};
use rustix::process::Signal;
use std::thread::sleep;
use std::time::{Duration, Instant};

const COUNT: usize = 1_500;

fn lab() -> (Lab, Ferry) {
    let lab = Lab::start(LabOptions::default());
    lab.source.seed(ADA, &[("INBOX", (0..COUNT).map(seeds::plain).collect())]);
    let ferry = Ferry::new(&lab, &Wanted { mailboxes: &[ADA], folders: MAP, ..Wanted::default() });
    ferry.plan();
    (lab, ferry)
}

fn arrived(lab: &Lab) -> u64 {
    u64::from(lab.destination.session(ADA).status("INBOX").expect("a status").2)
}

/// Starts an apply and waits until some messages arrived.
fn under_way(lab: &Lab, ferry: &Ferry) -> Running {
    let apply = ferry.start(&["apply", "saved.json"]);
    let start = Instant::now();
    let before = arrived(lab);
    while arrived(lab) < before + 20 {
        assert!(start.elapsed() < Duration::from_secs(60), "nothing arrives: {}", apply.said());
        sleep(Duration::from_millis(2));
    }
    apply
}

/// What was answered is recorded, and the next apply sends the rest at once.
fn goes_on(lab: &Lab, ferry: &Ferry, ended: &Ran) {
    assert!(ended.stdout.contains("Run the same command again"), "{ended:#?}");
    let (there, copied) = (arrived(lab), ferry.copied(ADA));
    assert!(there < COUNT as u64, "the signal came too late");
    assert_eq!(copied, there, "everything that was stored is recorded");
    let summary = format!("Copied {there} message");
    assert!(ended.stdout.contains(&summary), "{summary}: {}", ended.stdout);
    let ran = ferry.expect(0, &["apply", "saved.json"]);
    assert!(!ran.stdout.contains("Found"), "nothing was unclear: {}", ran.stdout);
    same(lab, ferry);
}

fn same(lab: &Lab, ferry: &Ferry) {
    mailbox::same(&lab.source.dump_all(ADA), &lab.destination.dump_all(ADA), |path| {
        Some(mapped(path))
    });
    ferry.settled();
}

#[test]
fn one_interrupt_ends_after_what_is_in_flight() {
    let (lab, ferry) = lab();
    let apply = under_way(&lab, &ferry);
    apply.signal(Signal::INT);
    let ended = apply.wait();
    assert_eq!(ended.code, 130, "{ended:#?}");
    goes_on(&lab, &ferry, &ended);
}

#[test]
fn a_request_to_terminate_ends_after_what_is_in_flight() {
    let (lab, ferry) = lab();
    let apply = under_way(&lab, &ferry);
    apply.signal(Signal::TERM);
    let ended = apply.wait();
    assert_eq!(ended.code, 143, "{ended:#?}");
    goes_on(&lab, &ferry, &ended);
}

#[test]
fn a_second_interrupt_ends_at_once_and_the_ledger_is_right() {
    let (lab, ferry) = lab();
    let mut apply = under_way(&lab, &ferry);
    lab.destination.freeze();
    apply.signal(Signal::INT);
    sleep(Duration::from_millis(700));
    assert!(apply.runs(), "it waits for the answers of a server that is silent");
    apply.signal(Signal::INT);
    let start = Instant::now();
    let ended = apply.wait();
    assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
    assert_eq!(ended.code, 130, "{ended:#?}");
    lab.destination.thaw();
    ferry.expect(0, &["apply", "saved.json"]);
    same(&lab, &ferry);
}
