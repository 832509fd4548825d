//! `kill -9` in whatever an apply does, while others write into the same folders.
//!
//! `tests/kills --kills 300` kills more often.

use crate::far::KEPT;
use crate::ferry::{ADA, Ferry, MAP, Wanted};
use crate::lab::client::Stored;
use crate::lab::seeds;
use crate::lab::{Lab, LabOptions};
use crate::lane::{Lane, Tally, goes};
use crate::mailbox::{self, mapped};
use crate::random::{Random, number};
use crate::truth::{Twin, Verdict};
use rustix::process::Signal;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Mailboxes at once, each with a plan and a ledger of its own: most of the time is the wait for a
/// folder to stand still.
const LANES: u64 = 4;

/// The lane into which others deliver with the very date of the source.
const SAME_DATE: u64 = 3;

pub(crate) fn user(lane: u64) -> String {
    format!("lane-{lane}@acme.example")
}

pub(crate) fn twin(lane: u64) -> Twin {
    if lane == SAME_DATE { Twin::SameDate } else { Twin::OtherDate }
}

/// What lanes that were killed side by side came to.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) tally: Tally,
    messages: usize,
    delivered: usize,
    stood_in: usize,
}

/// Kills lanes side by side, each a share, and judges each.
pub(crate) fn kill<'a>(
    kills: u64,
    lanes: u64,
    random: &mut Random,
    lane: impl Fn(u64, Random) -> Lane<'a> + Sync,
) -> Outcome {
    let start = Instant::now();
    let mut outcome = Outcome::default();
    std::thread::scope(|scope| {
        let running: Vec<_> = (0..lanes)
            .map(|number| {
                let (lane, random) = (&lane, random.split());
                let share = kills / lanes + u64::from(number < kills % lanes);
                scope.spawn(move || {
                    let first = usize::try_from(number * 3).expect("few lanes");
                    let mut lane = lane(number, random).beginning_with(first);
                    lane.kill(share);
                    let verdict = ends_well(&mut lane);
                    (lane.tally, verdict, lane.truth.messages.len(), lane.truth.delivered())
                })
            })
            .collect();
        for lane in running {
            let (met, verdict, ours, theirs) = lane.join().expect("a lane ended badly");
            outcome.tally.add(&met);
            outcome.messages += ours;
            outcome.delivered += theirs;
            outcome.stood_in += verdict.stood_in;
        }
    });
    let tally = &outcome.tally;
    eprintln!(
        "{} kills met work ({} runs ended before) over {} messages and {} of others in {:.1} min; \
         {} messages were there unanswered, of which users moved {}; lost 0, doubled 0, \
         {} of others stand for ours; kills by phase: {:?}",
        tally.kills,
        tally.missed,
        outcome.messages,
        outcome.delivered,
        start.elapsed().as_secs_f32() / 60.0,
        tally.orphans,
        tally.moved,
        outcome.stood_in,
        tally.met,
    );
    assert_eq!(tally.kills, kills);
    let met = |phase| tally.met.get(phase).copied().unwrap_or(0);
    assert!(met("sending") > 0 && met("recovery") > 0, "{:?}", tally.met);
    outcome
}

#[test]
fn killed_in_whatever_it_does_nothing_is_lost_and_nothing_doubled() {
    let kills = number("MAILFERRY_TEST_KILLS", 20);
    let mut random = Random::new("kills");
    let lab =
        Lab::start(LabOptions { users: (0..LANES).map(user).collect(), ..LabOptions::default() });
    kill(kills, LANES, &mut random, |number, random| {
        Lane::new(&lab, &user(number), twin(number), random)
    });
}

/// Applies until nothing is left and compares both sides.
fn ends_well(lane: &mut Lane<'_>) -> Verdict {
    let (lab, user, ferry) = (lane.lab, lane.user.as_str(), &lane.ferry);
    let before = mailbox::files(&lab.source, user);
    ferry.apply_until_done(&[]);
    let there = lane.truth.far.contents();
    let verdict = lane.truth.judge(&there, goes);
    // Only what others delivered with our very date may stand for ours.
    let stood_in = if lane.twin == Twin::SameDate { verdict.stood_in } else { 0 };
    let good = Verdict { stood_in, ..Verdict::default() };
    assert!(verdict == good, "{user}: {verdict:#?}");
    proven(lane);
    let left = ferry.run(&["plan", "plan.yaml", "--detailed-exitcode"]);
    assert_eq!(left.code, 0, "something is left to do:\n{}{}", left.stdout, left.stderr);
    assert!(mailbox::files(&lab.source, user) == before, "{user}: the source changed");
    lane.truth.source_is_unchanged(&lab.source.dump_all(user));
    verdict
}

/// Verifies. A message of others with octets and date of ours may be a late copy of ours as well:
/// it is named, and nothing else may be wrong.
fn proven(lane: &Lane<'_>) {
    if lane.twin != Twin::SameDate {
        lane.ferry.verify();
        return;
    }
    let ran = lane.ferry.run(&["verify", "plan.yaml", "--format", "json"]);
    assert!([0, 6].contains(&ran.code), "{ran:#?}");
    let evidence: serde_json::Value = serde_json::from_str(&ran.stdout).expect("JSON");
    let broken = broken(&evidence);
    assert!(broken.iter().all(|check| check == "no extra copies"), "{broken:?}");
}

/// Returns the names of the checks that do not hold, wherever they stand in the evidence.
fn broken(evidence: &serde_json::Value) -> Vec<String> {
    match evidence {
        serde_json::Value::Array(list) => list.iter().flat_map(broken).collect(),
        serde_json::Value::Object(fields) => {
            let name = fields.get("name").and_then(|name| name.as_str());
            let own = name.filter(|_| fields.get("verdict").is_some_and(|word| word != "holds"));
            own.map(str::to_owned).into_iter().chain(fields.values().flat_map(broken)).collect()
        }
        _ => Vec::new(),
    }
}

#[test]
fn flags_that_change_before_an_unanswered_message_is_found_follow() {
    let user = user(0);
    let lab = Lab::start(LabOptions { users: vec![user.clone()], ..LabOptions::default() });
    let mut random = Random::new("flags");
    let mut lane = Lane::new(&lab, &user, Twin::OtherDate, random.split());
    let unknown = (0..10).any(|_| {
        lane.truth.grow("INBOX", 150, &mut random);
        lane.kill_while_sending();
        let books = lane.after_a_kill();
        for path in ["INBOX", "Archive"] {
            lane.truth.strip_flags(path);
            lane.truth.change_flags(path, 100, &mut random);
        }
        !lane.unknown(&books).is_empty()
    });
    assert!(unknown, "no kill left a message unanswered");
    lane.ferry.apply_until_done(&[]);
    let verdict = lane.truth.judge(&lab.destination.dump_all(&user), goes);
    assert!(verdict == Verdict::default(), "{verdict:#?}");
    lane.ferry.verify();
}

#[test]
fn what_a_user_moves_before_it_is_known_is_not_sent_again() {
    let user = user(0);
    let lab = Lab::start(LabOptions { users: vec![user.clone()], ..LabOptions::default() });
    let mut lane = Lane::new(&lab, &user, Twin::OtherDate, Random::new("moves"));
    let mut random = Random::new("mail");
    let mut moved = 0;
    for _ in 0..3 {
        lane.truth.grow("INBOX", 150, &mut random);
        lane.kill_while_sending();
        let books = lane.after_a_kill();
        let there = lab.destination.dump_all(&user);
        let mut unknown = lane.unknown(&books);
        // A twin is sent again rather than taken for the other one: an extra copy can be removed.
        unknown.retain(|(path, uid)| {
            let moved = there[path.as_str()].iter().find(|message| message.uid == *uid);
            let moved = moved.expect("what was listed");
            let twins = lane.truth.messages.values();
            let alike =
                |twin: &&Stored| twin.bytes.len() == moved.bytes.len() && twin.date == moved.date;
            twins.filter(alike).count() == 1
        });
        for (path, uid) in &unknown {
            lane.truth.far.keep(path, *uid);
        }
        moved += unknown.len();
        // They follow there, too.
        lane.truth.strip_flags("INBOX");
        lane.truth.change_flags("INBOX", 100, &mut random);
        lane.ferry.apply_until_done(&[]);
    }
    assert!(moved > 0, "no kill left a message unanswered");
    let there = lab.destination.dump_all(&user);
    assert_eq!(there[KEPT].len(), moved);
    let all: usize = there.values().map(Vec::len).sum();
    assert_eq!(all, lane.truth.messages.len(), "each message is there once, wherever it is");
    let octets = |messages: Vec<&Stored>| {
        let mut octets: Vec<_> =
            messages.iter().map(|message| (message.bytes.clone(), message.flags.clone())).collect();
        octets.sort();
        octets
    };
    let ours = octets(lane.truth.messages.values().collect());
    assert!(octets(there.values().flatten().collect()) == ours, "other octets or flags are there");
    lane.ferry.verify();
}

/// Counts what is at the destination.
fn arrived(lab: &Lab, folders: &[&str]) -> u64 {
    let mut session = lab.destination.session(ADA);
    folders
        .iter()
        .map(|path| session.status(path).map_or(0, |(_, _, count)| u64::from(count)))
        .sum()
}

#[test]
fn killed_between_two_folders_the_awkward_messages_arrive_once() {
    let mut random = Random::new("awkward kills");
    let lab = Lab::start(LabOptions::default());
    lab.source.seed(ADA, &[("INBOX", seeds::awkward()), ("Twins", seeds::awkward())]);
    let ferry = Ferry::new(&lab, &Wanted { mailboxes: &[ADA], folders: MAP, ..Wanted::default() });
    for _ in 0..2 {
        let apply = ferry.start(&["apply", "plan.yaml", "--auto-approve"]);
        let start = Instant::now();
        let before = arrived(&lab, &["INBOX", "Twins"]);
        while arrived(&lab, &["INBOX", "Twins"]) <= before + random.below(20)
            && start.elapsed() < Duration::from_secs(10)
        {
            sleep(Duration::from_millis(1));
        }
        apply.signal(Signal::KILL);
        assert_eq!(apply.wait().code, -1, "it was killed");
    }
    ferry.apply_until_done(&[]);
    mailbox::same(&lab.source.dump_all(ADA), &lab.destination.dump_all(ADA), |path| {
        Some(mapped(path))
    });
    ferry.settled();
}
