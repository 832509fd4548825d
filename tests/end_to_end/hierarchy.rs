//! What lies above folders, what destinations refuse, and special uses, on Dovecot and on Cyrus.

use crate::ferry::{ADA, Ferry, MAP, Wanted};
use crate::lab::client::Folder;
use crate::lab::cyrus::CyrusProfile;
use crate::lab::dovecot::Profile;
use crate::lab::seeds;
use crate::lab::{Lab, LabOptions};
use serde_json::Value;

/// A source that holds nearly every name and tells names without a folder.
fn source() -> Profile {
    Profile { separator: '/', location: "mdbox:~/mdbox", ..Profile::rackspace() }
}

fn lab(destination: Profile) -> Lab {
    Lab::start(LabOptions {
        source: source(),
        destination,
        users: vec![ADA.to_owned()],
        ..LabOptions::default()
    })
}

fn at(separator: char, location: &'static str) -> Profile {
    Profile { separator, location, ..Profile::exchange() }
}

fn find<'a>(folders: &'a [Folder], path: &str) -> &'a Folder {
    folders.iter().find(|folder| folder.path == path).unwrap_or_else(|| {
        panic!("{path} is not there: {folders:#?}");
    })
}

fn creates(plan: &Value) -> Vec<String> {
    let ready = plan["plan"]["ready"].as_array().expect("actions");
    let ids = ready.iter().map(|action| action["id"].as_str().expect("an id"));
    ids.filter_map(|id| Some(id.strip_prefix("create_folder/")?.to_owned())).collect()
}

#[test]
fn names_without_a_folder_are_made_by_what_is_below_them() {
    // Whether a subscription of such a name is taken.
    for (destination, taken) in [
        (at('.', "maildir:~/Maildir"), false),
        (at('/', "mdbox:~/mdbox"), true),
        (at('/', "maildir:~/Maildir:LAYOUT=fs"), true),
    ] {
        let lab = lab(destination);
        let (ferry, _) = names_only(&lab, None);
        let folders = lab.destination.folders(ADA);
        for name in ["Only", "Deep", "Deep/er"] {
            assert!(!find(&folders, name).selectable(), "{name}");
        }
        assert_eq!(find(&folders, "Only").subscribed, taken);
        let again = ferry.expect(0, &["plan", "plan.yaml"]);
        assert_eq!(again.stdout.contains("F233"), !taken, "{}", again.stdout);
    }
    let lab = lab(Profile::exchange());
    let there = CyrusProfile {
        folders: &[
            ("Sent Items", "sent"),
            ("Deleted Items", "trash"),
            ("Junk Email", "junk"),
            ("Drafts", "drafts"),
        ],
        ..CyrusProfile::default()
    };
    let cyrus = lab.cyrus(&there, &[ADA]);
    names_only(&lab, Some(cyrus.port));
    // Cyrus itself makes a folder of every name above a new one.
    assert!(find(&cyrus.folders(ADA), "Only").subscribed);
}

#[test]
fn a_deleted_folder_that_the_source_still_lists_keeps_nothing_below_it_back() {
    let lab = Lab::start(LabOptions { users: vec![ADA.to_owned()], ..LabOptions::default() });
    lab.source.seed(ADA, &[("p", vec![]), ("p/q", vec![seeds::plain(1)])]);
    lab.source.session(ADA).delete("p").unwrap();
    assert!(find(&lab.source.folders(ADA), "p").selectable(), "Dovecot does not say it");
    let refused = lab.source.session(ADA).command("EXAMINE p").unwrap_err().to_string();
    assert!(refused.contains("Mailbox doesn't exist"), "{refused}");
    let wanted = Wanted { mailboxes: &[ADA], folders: MAP, ..Wanted::default() };
    let ferry = Ferry::new(&lab, &wanted);
    let planned = ferry.expect(0, &["plan", "plan.yaml"]).stdout;
    assert!(planned.contains("F235") && planned.contains("p is listed at the source"), "{planned}");
    ferry.plan_and_apply(0);
    assert_eq!(lab.destination.dump_all(ADA)["p/q"].len(), 1);
    ferry.settled();
    ferry.expect(
        0,
        &["archive", "plan.yaml", "--mailbox", ADA, "--format", "mbox", "--to", "archive"],
    );
}

#[test]
fn a_deleted_folder_of_which_messages_are_known_is_unknown() {
    let lab = Lab::start(LabOptions { users: vec![ADA.to_owned()], ..LabOptions::default() });
    lab.source.seed(ADA, &[("p", vec![seeds::plain(2)]), ("p/q", vec![seeds::plain(1)])]);
    let wanted = Wanted { mailboxes: &[ADA], folders: MAP, ..Wanted::default() };
    let ferry = Ferry::new(&lab, &wanted);
    ferry.plan_and_apply(0);
    lab.source.session(ADA).delete("p").unwrap();
    let planned = ferry.expect(8, &["plan", "plan.yaml"]).stdout;
    assert!(!planned.contains("F235"), "{planned}");
    ferry.expect(8, &["verify", "plan.yaml"]);
}

fn names_only(lab: &Lab, destination_port: Option<u16>) -> (Ferry, Value) {
    lab.source.seed(
        ADA,
        &[("Only/Child", vec![seeds::plain(1)]), ("Deep/er/Down", vec![seeds::plain(2)])],
    );
    lab.source.session(ADA).subscribe("Only").unwrap();
    assert!(!find(&lab.source.folders(ADA), "Only").selectable());
    let wanted = Wanted { mailboxes: &[ADA], folders: MAP, destination_port, ..Wanted::default() };
    let ferry = Ferry::new(lab, &wanted);
    let plan = ferry.planned();
    assert_eq!(creates(&plan), [format!("{ADA}/Deep/er/Down"), format!("{ADA}/Only/Child")]);
    ferry.plan_and_apply(0);
    ferry.settled();
    (ferry, plan)
}

#[test]
fn special_uses_come_along_where_the_server_can_set_them() {
    let lab = Lab::start(LabOptions {
        source: Profile {
            folders: &[
                ("Gesendet", "\\Sent"),
                ("Entwürfe", "\\Drafts"),
                ("Old mail", "\\Archive"),
                ("Bin/Trash", "\\Trash"),
                ("All Mail", "\\All"),
            ],
            ..source()
        },
        users: vec![ADA.to_owned()],
        ..LabOptions::default()
    });
    let there = CyrusProfile { folders: &[("Sent Items", "sent")], ..CyrusProfile::default() };
    let cyrus = lab.cyrus(&there, &[ADA]);
    lab.source.seed(
        ADA,
        &[
            ("Gesendet", vec![seeds::plain(1)]),
            ("All Mail", vec![seeds::plain(1)]),
            ("Bin/Trash", vec![seeds::plain(2)]),
        ],
    );
    let wanted = |folders| Wanted {
        mailboxes: &[ADA],
        folders,
        destination_port: Some(cyrus.port),
        ..Wanted::default()
    };
    let ferry = Ferry::new(&lab, &wanted("deletions: ignore"));
    let plan = ferry.expect(0, &["plan", "plan.yaml"]).stdout;
    for said in ["G305", "at the destination Sent Items is \\Sent", "Old mail (\\Archive)"] {
        assert!(plan.contains(said), "{said}: {plan}");
    }
    ferry.plan_and_apply(4);
    let folders = cyrus.folders(ADA);
    assert!(!folders.iter().any(|folder| folder.path == "All Mail"), "it waits for a person");
    assert_eq!(cyrus.dump_all(ADA)["Gesendet"].len(), 1);
    let mut session = cyrus.session(ADA);
    let uses = session.command("LIST (SPECIAL-USE) \"\" \"*\"").unwrap();
    let uses = String::from_utf8_lossy(&uses.concat()).into_owned();
    for (special_use, name) in [("\\Drafts", "Entw&APw-rfe"), ("\\Archive", "\"Old mail\"")] {
        let is_it = |line: &str| line.contains(special_use) && line.contains(name);
        assert!(uses.split("* LIST").any(is_it), "{special_use}: {uses}");
    }
    // Cyrus has special uses at the first level only, and its mail goes there all the same.
    assert!(!uses.contains("\\Trash"), "{uses}");
    assert_eq!(cyrus.dump_all(ADA)["Bin/Trash"].len(), 1);
    ferry.write_plan(&lab, &wanted("exclude: [ All Mail ]"));
    let plan = ferry.expect(0, &["plan", "plan.yaml", "--detailed-exitcode"]).stdout;
    assert!(plan.contains("Bin/Trash (\\Trash)"), "F232: {plan}");
    ferry.settled();
}

#[test]
fn a_refused_name_waits_alone_and_says_what_to_do() {
    let lab = lab(at('/', "maildir:~/Maildir"));
    // Below the 255 octets of one name, above them as one directory of Maildir++.
    let long = format!("{}/{}", "n".repeat(200), "m".repeat(100));
    lab.source.seed(
        ADA,
        &[
            ("v1.2", vec![seeds::plain(1)]),
            ("v1.2/below", vec![seeds::plain(2)]),
            ("plain", vec![seeds::plain(3)]),
            (&long, vec![seeds::plain(4)]),
        ],
    );
    let wanted = |folders| Wanted { mailboxes: &[ADA], folders, ..Wanted::default() };
    let ferry = Ferry::new(&lab, &wanted(MAP));
    let planned = ferry.expect(0, &["plan", "plan.yaml"]).stdout;
    assert!(planned.contains("F234") && planned.contains("v1.2 and 1 more"), "{planned}");
    let ran = ferry.plan_and_apply(5);
    for said in [
        "Character not allowed in mailbox name: '.'",
        "folders.characters: { \".\": \"_\" }",
        "301 octets",
        "not run: copy_folder/ada@acme.example/v1.2/below",
    ] {
        assert!(ran.stdout.contains(said), "{said}: {}", ran.stdout);
    }
    assert_eq!(lab.destination.dump_all(ADA)["plain"].len(), 1, "nothing else waits");
    let mapped = format!(
        "map: {{ Sent: Sent Items, Trash: Deleted Items, Spam: Junk Email, \"{long}\": short }}, characters: {{ \".\": \"_\" }}"
    );
    ferry.write_plan(&lab, &wanted(&mapped));
    ferry.plan_and_apply(0);
    let there = lab.destination.dump_all(ADA);
    assert_eq!([&there["v1_2"], &there["v1_2/below"], &there["short"]].map(Vec::len), [1, 1, 1]);
    assert!(!there.keys().any(|path| path.starts_with('n')), "no half of the long name: {there:?}");
    ferry.settled();
}

#[test]
fn what_cannot_lie_below_a_folder_of_mbox_is_explained() {
    let lab = lab(at('/', "mbox:~/mbox:INBOX=~/inbox"));
    lab.source.seed(ADA, &[("A", vec![]), ("A/B", vec![]), ("C/D", vec![])]);
    let wanted = |folders| Wanted { mailboxes: &[ADA], folders, ..Wanted::default() };
    let ferry = Ferry::new(&lab, &wanted(MAP));
    let ran = ferry.plan_and_apply(5);
    assert!(ran.stdout.contains("A can have no folders below it"), "{}", ran.stdout);
    let planned = ferry.expect(8, &["plan", "plan.yaml"]).stdout;
    assert!(planned.contains("A can have no folders below it (\\Noinferiors)"), "{planned}");
    let beside = "map: { Sent: Sent Items, Trash: Deleted Items, Spam: Junk Email, A/B: A B }";
    ferry.write_plan(&lab, &wanted(beside));
    ferry.plan_and_apply(0);
    let folders = lab.destination.folders(ADA);
    assert!(find(&folders, "A B").selectable() && find(&folders, "C/D").selectable());
    assert!(!find(&folders, "C").selectable());
    ferry.settled();
}

#[test]
fn five_hundred_folders_and_twenty_levels_arrive() {
    let lab = lab(Profile::exchange());
    let deep = (0..20).map(|level| format!("level {level}")).collect::<Vec<_>>().join("/");
    let names: Vec<String> = (0..500).map(|n| format!("Projects/{}/{n}", n / 50)).collect();
    let mut folders: Vec<_> = names.iter().map(|name| (name.as_str(), Vec::new())).collect();
    folders.push((deep.as_str(), vec![seeds::plain(1)]));
    lab.source.seed(ADA, &folders);
    let wanted = Wanted { mailboxes: &[ADA], folders: MAP, ..Wanted::default() };
    let ferry = Ferry::new(&lab, &wanted);
    ferry.plan_and_apply(0);
    let there = lab.destination.folders(ADA);
    for name in names.iter().chain([&deep]) {
        assert!(find(&there, name).subscribed, "{name}");
    }
    assert_eq!(there.iter().filter(|folder| folder.selectable()).count(), 5 + 501);
    ferry.settled();
}
