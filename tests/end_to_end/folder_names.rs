//! Names of folders that servers trip over, on Dovecot and on Cyrus.

use crate::ferry::{ADA, Ferry, MAP, Wanted};
use crate::lab::client::Folder;
use crate::lab::cyrus::CyrusProfile;
use crate::lab::dovecot::Profile;
use crate::lab::seeds::{self, Mail};
use crate::lab::{Lab, LabOptions};
use crate::mailbox::mapped;
use std::collections::BTreeMap;

/// Names that Dovecot with Maildir++ holds; it parts folders with `.`, so that none holds one.
const NAMES: [&str; 15] = [
    "R&D, Co",
    "a%b",
    "a*b",
    "back\\slash",
    "quote\"d",
    "br{ce",
    "{5}",
    "trailing ",
    " leading",
    "😀 emoji",
    "e\u{301} decomposed",
    "é composed",
    "Files",
    "Work",
    "work",
];

/// Thirty levels.
fn deep() -> String {
    (0..30).map(|level| format!("l{level}")).collect::<Vec<_>>().join("/")
}

fn seed(lab: &Lab, separator: char) {
    let deep = deep();
    let mut folders: Vec<(&str, Vec<Mail>)> =
        NAMES.iter().enumerate().map(|(n, name)| (*name, vec![seeds::plain(n)])).collect();
    folders.push(("Empty", Vec::new()));
    if separator == '/' {
        folders.push(("dots. and .more", vec![seeds::plain(50)]));
    }
    folders.push((&deep, vec![seeds::plain(51)]));
    lab.source.seed(ADA, &folders);
    lab.source.session(ADA).command("UNSUBSCRIBE Empty").unwrap();
}

/// Compares folder by folder: messages, and subscriptions of what can hold some.
fn same(
    lab: &Lab,
    folders: &[Folder],
    there: &BTreeMap<String, Vec<crate::lab::client::Stored>>,
    goes: impl Fn(&str) -> String,
) {
    let source = lab.source.folders(ADA);
    let messages = lab.source.dump_all(ADA);
    for folder in source.iter().filter(|folder| folder.selectable()) {
        let to = goes(&folder.path);
        let found = folders.iter().find(|there| there.path == to);
        let found = found.unwrap_or_else(|| panic!("{to} is not there: {folders:#?}"));
        assert!(found.selectable(), "{to}");
        assert!(!folder.subscribed || found.subscribed, "{to} is subscribed");
        let octets = |messages: &[crate::lab::client::Stored]| {
            messages.iter().map(|message| message.bytes.clone()).collect::<Vec<_>>()
        };
        assert_eq!(octets(&messages[&folder.path]), octets(&there[&to]), "{to}");
    }
    let empty = goes("Empty");
    assert!(folders.iter().any(|folder| folder.path == empty && !folder.subscribed));
}

#[test]
fn every_name_arrives_on_dovecot_and_cases_are_told_apart() {
    for (source, destination) in [
        (Profile::rackspace(), Profile::exchange()),
        (
            Profile { separator: '/', location: "mdbox:~/mdbox", ..Profile::rackspace() },
            Profile { name: "destination", ..Profile::rackspace() },
        ),
    ] {
        let separator = source.separator;
        let to_dots = destination.separator == '.';
        let lab = Lab::start(LabOptions { source, destination, ..LabOptions::default() });
        seed(&lab, separator);
        let folders = if to_dots { "characters: { \".\": \"-\" }" } else { MAP };
        let wanted = Wanted { mailboxes: &[ADA], folders, ..Wanted::default() };
        let ferry = Ferry::new(&lab, &wanted);
        let planned = ferry.expect(0, &["plan", "plan.yaml"]);
        assert!(!planned.stdout.contains("G302"), "{}", planned.stdout);
        ferry.plan_and_apply(0);
        let there = (lab.destination.folders(ADA), lab.destination.dump_all(ADA));
        same(
            &lab,
            &there.0,
            &there.1,
            |path| {
                if to_dots { path.replace('.', "-") } else { mapped(path) }
            },
        );
        ferry.settled();
    }
}

#[test]
fn names_that_cyrus_refuses_are_renamed_in_the_plan() {
    let source = Profile { separator: '/', location: "mdbox:~/mdbox", ..Profile::rackspace() };
    let lab = Lab::start(LabOptions { source, ..LabOptions::default() });
    let cyrus = lab.cyrus(&CyrusProfile::default(), &[ADA]);
    seed(&lab, '/');
    let wanted = Wanted {
        mailboxes: &[ADA],
        folders: MAP,
        destination_port: Some(cyrus.port),
        ..Wanted::default()
    };
    let ferry = Ferry::new(&lab, &wanted);
    let planned = ferry.expect(0, &["plan", "plan.yaml"]);
    for said in ["a%b becomes a_b", "back\\\\slash becomes back_slash", "quote\"d becomes quote_d"]
    {
        assert!(planned.stdout.contains(said), "{said}: {}", planned.stdout);
    }
    ferry.plan_and_apply(0);
    let there = (cyrus.folders(ADA), cyrus.dump_all(ADA));
    same(&lab, &there.0, &there.1, |path| mapped(path).replace(['%', '\\', '"', '{', '}'], "_"));
    ferry.settled();
}
