//! A destination that does not keep the date of every message.

use super::answers::Answers;
use super::script::{Answer, Message, Script};
use crate::lab::seeds;

/// Others deliver the octets of a message that is there, at another time.
fn twin(script: &Script, index: usize) {
    let there = script.messages("INBOX");
    let uid = there.last().unwrap().uid + 1;
    let date = "02-Jan-2025 09:00:00 +0000".to_owned();
    script.hold("INBOX", Message { uid, date, ..there[index].clone() });
}

/// Dates before 1971 or in the future are kept by few servers: one that is lost says nothing of the
/// others, by which what others deliver is told from a late copy of ours.
#[test]
fn only_a_usual_date_that_is_lost_makes_extra_copies_of_what_others_deliver() {
    let mut answers = Answers::new(0, true, |_| Answer::Store);
    // Dovecot would store a date in the future as now.
    let source = Script::start(true, |_| Answer::Store);
    let (migration, port) = (&mut answers.migration, source.port);
    migration.wanted.source = format!("{{ host: localhost, port: {port}, tls: none }}");
    migration.write();
    let deliver = |uid, date: &str| {
        let (flags, date) = (Vec::new(), date.to_owned());
        source.hold("INBOX", Message { uid, flags, date, bytes: seeds::plain(uid as usize).bytes });
    };
    deliver(1, "15-Jan-2024 10:00:00 +0000");
    deliver(2, "01-Jan-1970 00:00:00 +0000");
    deliver(3, "01-Jan-2100 00:00:00 +0000");
    answers.script.redate(|date| date.contains("-1970 ") || date.contains("-2100 "));
    answers.run("apply").code(0).says(&["Copied 3 messages"]);
    twin(&answers.script, 0);
    answers
        .run("verify")
        .code(6)
        .says(&["2 messages have another date"])
        .does_not_say(&["extra cop"]);
    deliver(4, "01-Feb-2024 10:00:00 +0000");
    answers.script.redate(|date| date.contains("-Feb-2024 "));
    answers.run("apply").code(0).says(&["Copied 1 message"]);
    answers.run("verify").code(6).says(&["3 messages have another date", "1 extra copy"]);
}
