//! A destination that does not keep the date of every message.

use super::answers::Answers;
use super::script::{Answer, Message};
use crate::lab::seeds;
use crate::migration::ADA;

/// Others deliver the octets of a message that is there, at another time.
fn twin(answers: &Answers, index: usize) {
    let there = answers.script.messages("INBOX");
    let uid = there.last().unwrap().uid + 1;
    let date = "02-Jan-2025 09:00:00 +0000".to_owned();
    answers.script.hold("INBOX", Message { uid, date, ..there[index].clone() });
}

/// Dates before 1971 or in the future are kept by few servers: one that is lost says nothing of the
/// others, by which what others deliver is told from a late copy of ours.
#[test]
fn only_a_usual_date_that_is_lost_makes_extra_copies_of_what_others_deliver() {
    let answers = Answers::new(2, true, |_| Answer::Store);
    let deliver = |number, date: &str| {
        let mail = seeds::plain(number);
        answers.migration.lab.source.deliver(ADA, "INBOX", &[], date, &mail.bytes);
    };
    deliver(8, "01-Jan-1970 00:00:00 +0000");
    deliver(9, "01-Jan-2100 00:00:00 +0000");
    answers.script.redate(|date| date.contains("-1970 ") || date.contains("-2100 "));
    answers.run("apply").code(0).says(&["Copied 4 messages"]);
    twin(&answers, 0);
    answers
        .run("verify")
        .code(6)
        .says(&["2 messages have another date"])
        .does_not_say(&["extra cop"]);
    deliver(10, "01-Feb-2024 10:00:00 +0000");
    answers.script.redate(|date| date.contains("-2024 "));
    answers.run("apply").code(0).says(&["Copied 1 message"]);
    answers.run("verify").code(6).says(&["3 messages have another date", "1 extra copy"]);
}
