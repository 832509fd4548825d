//! A destination that makes nothing above a new folder by itself.

use super::answers::Answers;
use super::script::Answer;
use crate::lab::seeds;
use crate::migration::ADA;
use std::collections::BTreeSet;

#[test]
fn names_above_a_folder_are_declared_where_the_server_does_not_make_them() {
    let answers = Answers::new(0, true, |_| Answer::Store);
    answers.migration.lab.source.seed(ADA, &[("A/B/C", vec![seeds::plain(1)])]);
    let mut made = BTreeSet::new();
    answers.script.meddle(move |text| {
        let name = text.trim().strip_prefix("CREATE ")?.trim_matches('"').trim_end_matches('/');
        if name.rsplit_once('/').is_some_and(|(above, _)| !made.contains(above)) {
            return Some(Answer::Say("NO there is nothing above it"));
        }
        made.insert(name.to_owned());
        None
    });
    answers.run("apply").code(0);
    assert_eq!(answers.script.messages("A/B/C").len(), 1);
    let log = answers.script.log();
    let created = log.iter().filter_map(|(_, text)| text.trim().split_once(" CREATE "));
    let created: Vec<&str> = created.map(|(_, name)| name.trim_matches('"')).collect();
    let last = created.iter().rev().take(3).rev().copied().collect::<Vec<_>>();
    assert_eq!(last, ["A/", "A/B/", "A/B/C"], "{created:?}");
    answers.run("plan").code(0);
}
