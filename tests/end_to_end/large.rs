//! Messages that are streamed, and messages that are too large.

use crate::ferry::{ADA, Ferry, MAP, Wanted};
use crate::lab::dovecot::Profile;
use crate::lab::seeds::{self, Mail};
use crate::lab::{Lab, LabOptions};
use crate::mailbox::{self, mapped};
use std::fs;

/// Returns a message of exactly `size` octets.
fn sized(name: &str, size: usize) -> Mail {
    let mut text = format!("From: ada@acme.example\r\nSubject: {name}\r\n\r\n");
    text.push_str(&"0123456789abcdef0123456789abcdef\r\n".repeat((size - text.len()) / 34));
    text.push_str(&"x".repeat(size - text.len()));
    Mail::new(name, "31-Dec-2024 23:59:59 +0000", text).flags(&["\\Seen", "$big"])
}

#[test]
fn large_messages_arrive_octet_by_octet_and_too_large_ones_are_named_everywhere() {
    let lab = Lab::start(LabOptions::default());
    let mib = 1 << 20;
    lab.source.seed(
        ADA,
        &[
            (
                "INBOX",
                vec![
                    seeds::plain(1),
                    sized("one MiB less one", mib - 1),
                    sized("one MiB", mib),
                    sized("one MiB and one", mib + 1),
                    sized("over the limit", 11_000_001),
                    sized("at the limit", 11_000_000),
                    Mail::new(
                        "bare CR in the third MB",
                        "31-Dec-2024 23:59:59 +0000",
                        seeds::big(2_500_000) + "one\rtwo\r\n",
                    ),
                    sized("at the limit too", 11_000_000),
                    seeds::plain(2),
                ],
            ),
            ("Big", vec![sized("only too large ones", 12_000_000)]),
        ],
    );
    // Behind Dovecot's back, because it mends what arrives by APPEND. It mends on the way out as
    // well: no NUL and no bare line feed leaves it, so these only show that its sizes are right.
    let mut odd = seeds::big(1_200_000).into_bytes();
    odd.extend_from_slice(b"a\0b\r\n");
    lab.source.plant(ADA, "", "1700000001.nul.lab", &odd);
    let bare = seeds::big(1_200_000).replace("\r\n", "\n");
    lab.source.plant(ADA, "", "1700000002.lf.lab", bare.as_bytes());
    let before = lab.source.dump_all(ADA);
    assert!(before["INBOX"].iter().all(|m| !m.bytes.contains(&0)), "Dovecot never sends NUL");

    let ferry = Ferry::new(
        &lab,
        &Wanted {
            mailboxes: &[ADA],
            folders: MAP,
            destination: "  limits: { message_size: 11MB }\n",
            ..Wanted::default()
        },
    );
    let planned = ferry.expect(0, &["plan", "plan.yaml", "--out", "saved.json"]);
    assert!(
        planned.stdout.contains("larger than the destination's limit of 11 MB"),
        "{}",
        planned.stdout
    );
    let ran = ferry.expect(0, &["apply", "saved.json"]);
    assert!(ran.stdout.contains("2 messages stay behind, as the plan said"), "{}", ran.stdout);
    let mut expected = before.clone();
    for messages in expected.values_mut() {
        messages.retain(|message| message.bytes.len() <= 11_000_000);
    }
    mailbox::same(&expected, &lab.destination.dump_all(ADA), |path| Some(mapped(path)));
    let verified = ferry.verify();
    assert!(verified.stdout.contains("2 excepted"), "{}", verified.stdout);
    assert!(verified.stdout.contains("1 message stays behind: too-large"), "{}", verified.stdout);
    ferry.settled();
    assert!(lab.source.dump_all(ADA) == before);

    // A higher limit frees them.
    ferry.write_plan(
        &lab,
        &Wanted {
            mailboxes: &[ADA],
            folders: MAP,
            destination: "  limits: { message_size: 12MB }\n",
            ..Wanted::default()
        },
    );
    let ran = ferry.plan_and_apply(0);
    assert!(ran.stdout.contains("Copied 2 messages"), "{}", ran.stdout);
    mailbox::same(&before, &lab.destination.dump_all(ADA), |path| Some(mapped(path)));
    ferry.settled();
}

#[test]
fn what_the_server_refuses_stays_behind_in_its_words_and_the_rest_arrives() {
    let lab = Lab::start(LabOptions {
        destination: Profile { message_size: Some("2M".to_owned()), ..Profile::exchange() },
        ..LabOptions::default()
    });
    let mails = vec![
        seeds::plain(1),
        sized("refused while it streams", 9_000_000),
        seeds::plain(2),
        sized("streamed", 1_500_000),
        sized("refused as well", 3_000_000),
        seeds::plain(3),
    ];
    lab.source.seed(ADA, &[("INBOX", mails)]);
    let ferry = Ferry::new(&lab, &Wanted { mailboxes: &[ADA], folders: MAP, ..Wanted::default() });
    let ran = ferry.plan_and_apply(5);
    assert!(ran.stdout.contains("2 messages stay behind that the plan did not name"), "{ran:#?}");
    let mut expected = lab.source.dump_all(ADA);
    expected.get_mut("INBOX").unwrap().retain(|message| message.bytes.len() < 2_000_000);
    mailbox::same(&expected, &lab.destination.dump_all(ADA), |path| Some(mapped(path)));
    let verified = ferry.expect(6, &["verify", "plan.yaml"]);
    assert!(verified.stdout.contains("larger than the maximum size"), "{}", verified.stdout);
    assert!(verified.stdout.contains("2 excepted"), "{}", verified.stdout);
}

/// What four mailboxes at once may take besides the pages of the program, whatever they hold, in KiB.
/// 12 MiB were seen.
const MEMORY: u64 = 20 << 10;

#[test]
fn four_mailboxes_of_60_mb_messages_at_once_take_little_memory_seen_from_outside() {
    let users: Vec<String> = (0..4).map(|n| format!("large-{n}@acme.example")).collect();
    let lab = Lab::start(LabOptions { users: users.clone(), ..LabOptions::default() });
    let large = seeds::big(60_000_000).into_bytes();
    let buffered = seeds::big(1_000_000);
    for user in &users {
        let mails = (0..12).map(|n| {
            Mail::new(
                "buffered",
                "31-Dec-2024 23:59:59 +0000",
                format!("X-Number: {n}\r\n{buffered}"),
            )
        });
        lab.source.seed(user, &[("INBOX", mails.collect())]);
        // Each between the others, so that both ways of sending run at once.
        lab.source.plant(user, "", "1700000001.large.lab", &large);
    }
    let mailboxes: Vec<&str> = users.iter().map(String::as_str).collect();
    let ferry =
        Ferry::new(&lab, &Wanted { mailboxes: &mailboxes, folders: MAP, ..Wanted::default() });
    let mut apply = ferry.start(&["apply", "plan.yaml", "--auto-approve"]);
    let most = apply.most_memory(|| false);
    let ran = apply.wait();
    assert_eq!(ran.code, 0, "{ran:#?}");
    eprintln!("four mailboxes, 4 × (60 MB + 12 × 1 MB): at most {most} KiB of {MEMORY} KiB");
    assert!(most > 1_000, "nothing was measured");
    assert!(most < MEMORY, "{most} KiB");
    for user in &users {
        assert_eq!(lab.destination.session(user).status("INBOX").unwrap().2, 13, "{user}");
    }
}

/// How many octets more a verification may take for each message more, up to some thousands: UIDs
/// are kept, and the ledger's own cache fills, which ends at 2 MB. Rows or bodies would be more.
const FOR_EACH: u64 = 350;

#[test]
fn a_verification_of_many_messages_takes_hardly_more_memory_than_one_of_few() {
    let (few, many) = ("few@acme.example", "many@acme.example");
    let users = vec![few.to_owned(), many.to_owned()];
    let lab = Lab::start(LabOptions { users, ..LabOptions::default() });
    let sizes = [(few, 3_000), (many, 11_000)];
    let octets = sized("one of many", 3_000).bytes;
    for (user, count) in sizes {
        lab.source.seed(user, &[("INBOX", vec![seeds::plain(1)])]);
        let first = lab.source.plant(user, "", "1700000001.lab", &octets);
        for number in 2..count {
            let name = format!("{}.lab", 1_700_000_000 + number);
            fs::hard_link(&first, first.with_file_name(name)).unwrap();
        }
    }
    let ferry =
        Ferry::new(&lab, &Wanted { mailboxes: &[few, many], folders: MAP, ..Wanted::default() });
    let ran = ferry.expect(0, &["apply", "plan.yaml", "--auto-approve"]);
    assert!(ran.stdout.contains("Copied 14,000 messages"), "{}", ran.stdout);
    for how in ["full", "100"] {
        let taken = sizes.map(|(user, count)| {
            let args = ["verify", "plan.yaml", "--only", user, "--sample", how];
            let mut verify = ferry.start(&args);
            let most = verify.most_memory(|| false);
            let ran = verify.wait();
            assert_eq!(ran.code, 0, "{ran:#?}");
            eprintln!("{count} messages, --sample {how}: at most {most} KiB");
            most
        });
        let more = taken[1].saturating_sub(taken[0]) << 10;
        assert!(taken[0] > 1_000, "nothing was measured");
        assert!(taken[1] < MEMORY, "{} KiB", taken[1]);
        assert!(more < FOR_EACH * 8_000, "--sample {how}: {more} octets more");
    }
}
