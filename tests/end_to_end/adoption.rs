//! A destination that another tool half filled.

use crate::ferry::{ADA, Ferry, MAP, Wanted};
use crate::lab::seeds::{self, Mail};
use crate::lab::{Lab, LabOptions};
use crate::mailbox::{self, mapped};

#[test]
fn what_another_tool_copied_is_adopted_after_an_acknowledgement_and_only_the_rest_is_sent() {
    let lab = Lab::start(LabOptions::default());
    let mails: Vec<Mail> = seeds::awkward().into_iter().chain((0..40).map(seeds::plain)).collect();
    lab.source.seed(ADA, &[("INBOX", mails.clone()), ("Sent", mails.clone())]);
    // Every second one, so that of each pair of twins one is there, and the one with other flags.
    let half: Vec<Mail> = mails
        .iter()
        .enumerate()
        .filter(|(index, mail)| index % 2 == 0 || mail.name.starts_with("twin, other"))
        .map(|(_, mail)| mail.clone())
        .collect();
    // That tool forgot the flags of the Sent folder.
    let bare = half.iter().map(|mail| Mail { flags: Vec::new(), ..mail.clone() }).collect();
    let without_deleted = |mail: &Mail| Mail {
        flags: mail.flags.iter().filter(|flag| *flag != "\\Deleted").cloned().collect(),
        ..mail.clone()
    };
    let kept: Vec<Mail> = half.iter().map(without_deleted).collect();
    lab.destination.seed(ADA, &[("INBOX", kept), ("Sent Items", bare)]);
    let wanted = Wanted { mailboxes: &[ADA], folders: MAP, ..Wanted::default() };
    let ferry = Ferry::new(&lab, &wanted);

    let planned = ferry.expect(0, &["plan", "plan.yaml", "--out", "saved.json"]);
    let held = lab.destination.dump_all(ADA);
    let blocked = ferry.expect(4, &["apply", "saved.json"]);
    assert!(blocked.stdout.contains("not run yet"), "{blocked:#?}");
    assert!(lab.destination.dump_all(ADA) == held, "a guard holds everything back");
    ferry.expect(4, &["apply", "plan.yaml", "--auto-approve"]);
    assert!(lab.destination.dump_all(ADA) == held, "a guard holds everything back");

    let line = planned
        .stdout
        .lines()
        .find(|line| line.trim_start().starts_with("acknowledge:") && line.contains("G301"))
        .unwrap_or_else(|| panic!("nothing to paste in\n{}", planned.stdout));
    ferry.write_plan(&lab, &Wanted { more: format!("{}\n", line.trim()), ..wanted });
    // The approval of the plan without the acknowledgement is void.
    ferry.expect(3, &["apply", "saved.json"]);
    let ran = ferry.plan_and_apply(0);
    let missing = 2 * (mails.len() - half.len());
    assert!(ran.stdout.contains(&format!("Copied {missing} messages")), "{}", ran.stdout);
    let found = 2 * half.len();
    assert!(ran.stdout.contains(&format!("Found {found} messages")), "{}", ran.stdout);
    mailbox::same(&lab.source.dump_all(ADA), &lab.destination.dump_all(ADA), |path| {
        Some(mapped(path))
    });
    // What was there before keeps its UIDs.
    for (path, before) in &held {
        let now: Vec<u32> = lab.destination.dump(ADA, path).iter().map(|m| m.uid).collect();
        assert!(before.iter().all(|message| now.contains(&message.uid)), "{path}");
    }
    let verified = ferry.verify();
    assert!(verified.stdout.contains(&format!("{found} already there")), "{}", verified.stdout);
    ferry.settled();
}
