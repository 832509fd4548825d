//! Servers that go away and come back, and servers that let nobody in.

use crate::ferry::{ADA, Ferry, MAP, Wanted};
use crate::lab::dovecot::Profile;
use crate::lab::seeds;
use crate::lab::{Lab, LabOptions};
use crate::mailbox::{self, mapped};
use std::thread::sleep;
use std::time::{Duration, Instant};

const APPLY: [&str; 3] = ["apply", "plan.yaml", "--auto-approve"];
const COUNT: usize = 2_000;

fn same(lab: &Lab, ferry: &Ferry) {
    mailbox::same(&lab.source.dump_all(ADA), &lab.destination.dump_all(ADA), |path| {
        Some(mapped(path))
    });
    ferry.settled();
}

/// Runs `trouble` when some messages arrived, and then applies until everything is there.
fn in_the_middle(trouble: impl Fn(&mut Lab)) {
    let mut lab = Lab::start(LabOptions::default());
    let half = COUNT / 2;
    lab.source.seed(
        ADA,
        &[
            ("Archive", (0..half).map(seeds::plain).collect()),
            ("Later/Folder", (half..COUNT).map(seeds::plain).collect()),
        ],
    );
    let ferry = Ferry::new(&lab, &Wanted { mailboxes: &[ADA], folders: MAP, ..Wanted::default() });
    let apply = ferry.start(&APPLY);
    let start = Instant::now();
    let mut session = lab.destination.session(ADA);
    while session.status("Archive").map_or(0, |(_, _, count)| count) < 100 {
        assert!(start.elapsed() < Duration::from_secs(60), "nothing arrives: {}", apply.said());
        sleep(Duration::from_millis(2));
    }
    drop(session);
    trouble(&mut lab);
    let ran = apply.wait();
    let there: usize = lab.destination.dump_all(ADA).values().map(Vec::len).sum();
    eprintln!("exit {} with {there} of {COUNT} there:\n{}{}", ran.code, ran.stdout, ran.stderr);
    assert!([0, 5].contains(&ran.code), "{ran:#?}");
    if ran.code == 0 {
        assert_eq!(there, COUNT, "0 says that everything is there");
    } else {
        assert!(ran.stdout.contains("run the same command again"), "{ran:#?}");
        ferry.apply_until_done(&[]);
    }
    same(&lab, &ferry);
}

#[test]
fn the_destination_is_restarted_after_a_while_in_the_middle_of_a_copy() {
    in_the_middle(|lab| {
        lab.destination.stop();
        sleep(Duration::from_secs(4));
        lab.destination.restart();
    });
}

#[test]
fn the_source_restarts_in_the_middle_of_a_copy() {
    in_the_middle(|lab| {
        lab.source.stop();
        sleep(Duration::from_secs(1));
        lab.source.restart();
    });
}

#[test]
fn one_connection_for_a_user_is_enough_and_a_busy_one_is_waited_for() {
    let lab = Lab::start(LabOptions {
        source: Profile { connections_per_user: 1, ..Profile::rackspace() },
        destination: Profile { connections_per_user: 1, ..Profile::exchange() },
        ..LabOptions::default()
    });
    lab.source.seed(
        ADA,
        &[
            ("INBOX", (0..50).map(seeds::plain).collect()),
            ("New", (50..60).map(seeds::plain).collect()),
        ],
    );
    settle(&lab);
    let ferry = Ferry::new(&lab, &Wanted { mailboxes: &[ADA], folders: MAP, ..Wanted::default() });
    ferry.plan();
    // A phone of the user holds the only connection for some seconds.
    let (source, destination) = (lab.source.session(ADA), lab.destination.session(ADA));
    let refused = lab.destination.try_session(ADA, Lab::DESTINATION_PASSWORD);
    let refused = refused.err().expect("the limit is real").to_string();
    assert!(refused.contains("Maximum number of connections"), "{refused}");
    let apply = ferry.start(&["apply", "saved.json"]);
    sleep(Duration::from_secs(3));
    drop((source, destination));
    let ran = apply.wait();
    assert_eq!(ran.code, 0, "{ran:#?}");
    settle(&lab);
    ferry.settled();
    settle(&lab);
    let source = lab.source.dump_all(ADA);
    mailbox::same(&source, &lab.destination.dump_all(ADA), |path| Some(mapped(path)));
}

/// Dovecot forgets a connection a moment after it ended.
fn settle(lab: &Lab) {
    for (server, password) in
        [(&lab.source, Lab::SOURCE_PASSWORD), (&lab.destination, Lab::DESTINATION_PASSWORD)]
    {
        let start = Instant::now();
        while server.try_session(ADA, password).is_err() {
            assert!(
                start.elapsed() < Duration::from_secs(10),
                "{} stays busy",
                server.profile.name
            );
            sleep(Duration::from_millis(50));
        }
    }
    sleep(Duration::from_millis(300));
}
