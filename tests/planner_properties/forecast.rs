//! Forecasts add up, whatever was observed.

use crate::planning::{add_mailbox, desired, path};
use mailferry::desired::Desired;
use mailferry::model::flags::Flags;
use mailferry::model::hours::Hours;
use mailferry::model::reading::{Failure, Reading};
use mailferry::model::shape::{Shape, SizeClass};
use mailferry::observation::{Contents, FORMAT_VERSION, Folder, Mailbox, Observation, Seen};
use mailferry::rehearse::forecast::{Bound, Exception, Forecast, Rates, Reason, forecast};
use mailferry::render;
use proptest::prelude::*;

const GB: u64 = 1 << 30;
const LIMIT: u64 = 35 * 1024 * 1024;

/// Folders: some are left out, some are renamed, some have no place.
const FOLDERS: [&str; 8] =
    ["INBOX", "Sent", "Old", "Files", "Calendar", "Work", "Clients/A", "with\\/slash"];

fn failure() -> Failure {
    Failure { message: "time-out".to_owned(), words: None, hint: None }
}

fn begin() -> jiff::Timestamp {
    "2026-11-23T12:00:00Z".parse().unwrap()
}

/// A plan to Exchange, whose profile has limits and rules for names.
fn plan() -> Desired {
    let mut desired = desired();
    desired.destination.profile = Some("exchange-online".to_owned());
    desired.destination.message_size = None;
    desired
}

pub(crate) fn seen(sizes: &[u64], limit: Option<u64>) -> Seen {
    let mut shape = Shape::under(limit);
    for size in sizes {
        shape.add(*size, None, &Flags::default());
    }
    let messages = u32::try_from(sizes.len()).unwrap();
    Seen { subscribed: true, messages: Some(messages), shape: Some(shape) }
}

/// Many messages of one size.
fn many(messages: u64, size: u64) -> Seen {
    let octets = messages * size;
    let sizes = vec![SizeClass { at_least: 1 << size.ilog2(), messages, octets }];
    let shape = Shape { messages, octets, largest: size, sizes, ..Shape::default() };
    let messages = Some(u32::try_from(messages).unwrap());
    Seen { subscribed: false, messages, shape: Some(shape) }
}

pub(crate) fn folder(name: &str, state: Reading<Seen>) -> Folder {
    Folder { path: path(name), special_use: None, state }
}

pub(crate) fn observation(mailboxes: Vec<Reading<Vec<Folder>>>) -> Observation {
    let mailboxes = mailboxes.into_iter().enumerate().map(|(number, folders)| Mailbox {
        address: format!("u{number}@acme.example").parse().unwrap(),
        contents: match folders {
            Reading::Present(folders) => {
                Reading::Present(Contents { quota: Reading::Absent, folders })
            }
            Reading::Absent => Reading::Absent,
            Reading::Unreadable(failure) => Reading::Unreadable(failure),
        },
    });
    Observation {
        format_version: FORMAT_VERSION,
        mailferry: "0".to_owned(),
        made_at: begin(),
        anonymous: false,
        product: "imap".to_owned(),
        mailboxes: mailboxes.collect(),
    }
}

fn one_folder(name: &str, seen: Seen) -> Observation {
    observation(vec![Reading::Present(vec![folder(name, Reading::Present(seen))])])
}

fn told(observation: &Observation, desired: &Desired) -> Forecast {
    forecast(observation, desired, &Rates::default(), begin())
}

fn exception(forecast: &Forecast, reason: Reason) -> Option<&Exception> {
    forecast.exceptions.iter().find(|exception| exception.reason == reason)
}

#[derive(Clone, Debug)]
pub(crate) enum State {
    Listed(Vec<u64>, Option<u64>),
    Short(Vec<u64>, u32),
    NotListed(u32),
    Name,
    Unreadable,
}

fn state() -> impl Strategy<Value = State> {
    let sizes = || proptest::collection::vec(0_u64..1 << 28, 0..6);
    let limit = prop_oneof![Just(None), Just(Some(LIMIT)), Just(Some(10_000_000))];
    prop_oneof![
        6 => (sizes(), limit).prop_map(|(sizes, limit)| State::Listed(sizes, limit)),
        1 => (sizes(), 1..9_u32).prop_map(|(sizes, more)| State::Short(sizes, more)),
        1 => (0..9_u32).prop_map(State::NotListed),
        1 => Just(State::Name),
        1 => Just(State::Unreadable),
    ]
}

fn reading(state: &State) -> Reading<Seen> {
    Reading::Present(match state {
        State::Listed(sizes, limit) => seen(sizes, *limit),
        State::Short(sizes, more) => {
            let mut seen = seen(sizes, Some(LIMIT));
            seen.messages = seen.messages.map(|messages| messages + more);
            seen.shape.as_mut().unwrap().incomplete = Some(failure());
            seen
        }
        State::NotListed(messages) => {
            Seen { subscribed: false, messages: Some(*messages), shape: None }
        }
        State::Name => Seen { subscribed: false, messages: None, shape: None },
        State::Unreadable => return Reading::Unreadable(failure()),
    })
}

pub(crate) fn sources() -> impl Strategy<Value = Vec<Option<Vec<State>>>> {
    let folders = proptest::collection::vec(state(), FOLDERS.len());
    proptest::collection::vec(proptest::option::weighted(0.9, folders), 0..5)
}

pub(crate) fn observed(sources: &[Option<Vec<State>>]) -> Observation {
    let mailboxes = sources.iter().map(|folders| match folders {
        None => Reading::Unreadable(failure()),
        Some(states) => Reading::Present(
            FOLDERS.iter().zip(states).map(|(name, state)| folder(name, reading(state))).collect(),
        ),
    });
    observation(mailboxes.collect())
}

proptest! {
    #[test]
    fn every_message_is_copied_or_stays_behind_for_a_reason(sources in sources()) {
        let observation = observed(&sources);
        let forecast = told(&observation, &plan());
        let left: u64 = forecast.exceptions.iter().map(|one| one.amount.messages).sum();
        prop_assert_eq!(forecast.seen.messages, forecast.to_copy.messages + left);
        // What is surely too large, and what is at most, by the sizes themselves.
        let mut above = 0;
        for states in sources.iter().flatten() {
            for (name, state) in FOLDERS.iter().zip(states) {
                let (State::Listed(sizes, _) | State::Short(sizes, _)) = state else { continue };
                if !["Old", "Calendar"].contains(name) {
                    above += sizes.iter().filter(|size| **size > LIMIT).count() as u64;
                }
            }
        }
        let told = exception(&forecast, Reason::OverSize);
        let (least, most) = told.map_or((0, 0), |one| {
            (one.amount.messages, one.at_most.unwrap_or(one.amount.messages))
        });
        prop_assert!(least <= above && above <= most, "{} {} {}", least, above, most);
        let unreadable = sources.iter().filter(|folders| folders.is_none()).count() as u64;
        let told = exception(&forecast, Reason::UnreadableMailbox);
        prop_assert_eq!(told.map_or(0, |one| one.places.len() as u64 + one.more), unreadable);
        prop_assert!(render::forecast::text(&forecast).contains("Time: "));
        let json = serde_json::to_string(&forecast).unwrap();
        prop_assert_eq!(serde_json::from_str::<Forecast>(&json).unwrap(), forecast);
    }

    #[test]
    fn nothing_that_slows_makes_it_faster(
        loads in proptest::collection::vec((0_u64..200_000, 1_u64..2_000_000), 1..9),
        more in 0_usize..9,
        connections in 1_u16..6,
        bandwidth in 1_000_u64..100_000_000,
    ) {
        let of = |loads: &[(u64, u64)]| {
            let one = |(messages, size): &(u64, u64)| {
                Reading::Present(vec![folder("INBOX", Reading::Present(many(*messages, *size)))])
            };
            observation(loads.iter().map(one).collect())
        };
        let base = told(&of(&loads), &plan());
        prop_assert!(base.throttled.seconds >= base.free.seconds);
        prop_assert_eq!(base.free.seconds, base.free.copying);
        prop_assert_eq!(base.added(), base.throttled.seconds - base.free.seconds);
        // The longest mailbox, and all of them on four lines, bound it from below.
        let longest = base.free.longest.as_ref().map_or(0, |(_, seconds)| *seconds);
        prop_assert!(base.free.seconds >= longest);

        let mut heavier = loads.clone();
        let at = more % heavier.len();
        heavier[at].0 += 1_000;
        prop_assert!(told(&of(&heavier), &plan()).free.seconds >= base.free.seconds);

        let mut slower = plan();
        slower.destination.connections = connections.min(4);
        let few = told(&of(&loads), &slower).free.seconds;
        prop_assert!(few >= base.free.seconds, "{} {}", few, base.free.seconds);
        slower.pacing.bandwidth = Some(bandwidth);
        let narrow = told(&of(&loads), &slower);
        prop_assert!(narrow.free.seconds >= few);
        prop_assert!(narrow.free.seconds >= narrow.to_copy.octets / bandwidth);
    }
}

#[test]
fn mailboxes_are_told_from_their_quotas_and_from_monsters() {
    let sizes = [39, 40, 44, 45, 50, 51, 89, 90, 101];
    let mailbox = |size: &u64| {
        let seen = many(*size, GB / 2);
        Reading::Present(vec![
            folder("INBOX", Reading::Present(seen.clone())),
            folder("Work", Reading::Present(seen)),
            // What stays behind takes no room.
            folder("Old", Reading::Present(many(100, GB))),
        ])
    };
    let mut desired = plan();
    desired.destination.message_size = Some(mailferry::model::size::Size(10 * GB));
    let forecast = told(&observation(sizes.iter().map(mailbox).collect()), &desired);
    let told: Vec<_> = forecast
        .large
        .iter()
        .map(|large| {
            let gb = |octets: Option<u64>| octets.map(|octets| octets / GB);
            (large.amount.octets / GB, gb(large.over), gb(large.near), large.monster)
        })
        .collect();
    assert_eq!(
        told,
        [
            (101, Some(100), None, true),
            (90, Some(50), Some(100), true),
            (89, Some(50), None, true),
            (51, Some(50), None, true),
            (50, None, Some(50), true),
            (45, None, Some(50), true),
            (44, None, None, true),
            (40, None, None, true),
        ]
    );
    let text = render::forecast::text(&forecast);
    assert!(
        text.contains("51.0 GiB of messages: more than a mailbox of 50 GiB (Exchange's 50 GB)")
    );
}

#[test]
fn folders_are_renamed_left_out_and_without_a_place_as_the_plan_does_it() {
    let seen = || Reading::Present(seen(&[100, 200], Some(LIMIT)));
    let folders = FOLDERS.iter().map(|name| folder(name, seen())).collect();
    let forecast = told(&observation(vec![Reading::Present(folders)]), &plan());
    let renamed: Vec<_> =
        forecast.renamed.iter().map(|one| (one.from.as_str(), one.to.as_str())).collect();
    assert_eq!(renamed, [("Files", "Files_"), ("with\\/slash", "with_slash")]);
    let place = |reason| exception(&forecast, reason).unwrap().places[0].folder.clone().unwrap();
    assert_eq!(place(Reason::Excluded), path("Old"));
    assert_eq!(place(Reason::NoPlace), path("Calendar"));
    assert_eq!(forecast.to_copy.messages, 12);
    let text = render::forecast::text(&forecast);
    for line in [
        "stays behind: 2 messages in folders that the migration plan leaves out",
        "Files becomes Files_ in 1 mailbox",
        "150 ms for a message (assumed; ",
        "(published; Rackspace's pages",
    ] {
        assert!(text.contains(line), "{line} in {text}");
    }
}

#[test]
fn hours_and_bandwidth_and_rates_count() {
    let observation = one_folder("INBOX", many(36_000, 1_000));
    let base = told(&observation, &plan());
    // 36,000 messages of 150 ms; 36 MB are nothing. Throttled to 3,600 an hour: ten hours.
    assert_eq!((base.free.seconds, base.throttled.seconds), (5_400, 36_000));
    assert_eq!(base.free.bound, Bound::Mailbox, "more connections would not help one mailbox");
    let mut nightly = plan();
    nightly.pacing.hours = Some(Hours {
        only: "20:00-08:00".parse().unwrap(),
        days: Vec::new(),
        zone: jiff::tz::TimeZone::UTC,
    });
    let told_at_night = told(&observation, &nightly);
    assert_eq!((told_at_night.free.copying, told_at_night.free.seconds), (5_400, 10_800));
    nightly.pacing.hours = None;
    nightly.pacing.bandwidth = Some(1_000);
    let narrow = told(&observation, &nightly);
    assert_eq!((narrow.free.seconds, narrow.free.bound), (36_000, Bound::Bandwidth));
    let mut rates = Rates::default();
    rates.message.value = 20;
    let fast = forecast(&observation, &plan(), &rates, begin());
    assert_eq!(fast.free.seconds, 720);
    // Four mailboxes go together, a fifth comes after them.
    let five = |count| {
        let one = || vec![folder("INBOX", Reading::Present(many(36_000, 1_000)))];
        crate::forecast::observation((0..count).map(|_| Reading::Present(one())).collect())
    };
    assert_eq!(told(&five(4), &plan()).free.seconds, 5_400);
    assert_eq!(told(&five(5), &plan()).free.seconds, 10_800);
    assert_eq!(told(&five(5), &plan()).free.bound, Bound::Connections);
    assert_eq!(told(&five(0), &plan()).free.bound, Bound::Nothing);
}

#[test]
fn what_names_would_decide_is_told_of_an_anonymous_observation() {
    let mut observation = one_folder("Folder 1", many(10, 1_000));
    let mut desired = plan();
    desired.folders.exclude.clear();
    let blind = |observation: &Observation, desired: &Desired| {
        let told = told(observation, desired);
        let text = render::forecast::text(&told);
        assert_eq!(text.contains("the observation is anonymous"), told.blind, "{text}");
        told.blind
    };
    observation.anonymous = true;
    assert!(!blind(&observation, &desired), "nothing depends on names");
    desired.folders.exclude = vec![crate::planning::exclude("Old/**", 1)];
    assert!(blind(&observation, &desired));
    observation.anonymous = false;
    assert!(!blind(&observation, &desired));
}

#[test]
fn days_of_the_plan_are_told_as_a_perhaps_and_folders_not_listed_as_without_size() {
    let mut desired = plan();
    add_mailbox(&mut desired, "u0@acme.example", "u0@acme.example", 30);
    let address = "u0@acme.example".parse().unwrap();
    let wanted = desired.mailboxes.get_mut(&address).unwrap();
    wanted.messages.range.since = Some("2020-01-01".parse().unwrap());
    let mut state = seen(&[10, 10, 10], None);
    let shape = state.shape.as_mut().unwrap();
    shape.undated = 1;
    shape.oldest = Some("2019-06-01T00:00:00Z".parse().unwrap());
    shape.newest = Some("2021-06-01T00:00:00Z".parse().unwrap());
    let folders = vec![
        folder("INBOX", Reading::Present(state)),
        folder(
            "Work",
            Reading::Present(Seen { subscribed: false, messages: Some(7), shape: None }),
        ),
    ];
    let forecast = told(&observation(vec![Reading::Present(folders)]), &desired);
    let perhaps = exception(&forecast, Reason::OtherDates).unwrap();
    assert_eq!((perhaps.amount.messages, perhaps.at_most), (0, Some(2)));
    assert_eq!((forecast.to_copy.messages, forecast.without_size), (10, 7));
}
