//! A destination that lists a message and does not give it, as Exchange does with broken items.

use super::answers::{Answers, first};
use super::script::{Answer, Message, Withheld};

#[test]
fn a_message_that_the_destination_lists_and_does_not_give_is_not_called_missing_or_verified() {
    let answers = Answers::new(3, true, |_| Answer::Store);
    answers.run("apply").code(0);
    let nothing = Answer::Say("OK FETCH completed.");
    answers.script.meddle(move |text| {
        (text.starts_with("UID FETCH") && text.contains("BODY.PEEK[]")).then(|| nothing.clone())
    });
    answers
        .run("verify")
        .code(6)
        .says(&["source UID 2: no-content: the destination lists it as UID 2", "3 unread"])
        .does_not_say(&["missing", "all there ·"]);
    answers.script.meddle(|_| None);
    answers.each_once();
}

/// Leaves the first of three messages stored and unanswered, and not to be read again.
fn cut_off(how: Withheld) -> Answers {
    let answers = Answers::new(3, true, first(Answer::StoreAndDie));
    answers.script.withhold(Some((1, how)));
    it_alone_is_unclear(&answers, 5);
    answers
}

#[track_caller]
fn it_alone_is_unclear(answers: &Answers, code: i32) {
    answers
        .run("apply")
        .code(code)
        .says(&["UID 1 of the destination folder has its size or date", "error[E244]"])
        .does_not_say(&["looks like messages of the source"]);
    assert_eq!(answers.copies(), [1, 1, 1]);
}

#[test]
fn an_unanswered_message_that_is_listed_and_not_given_is_not_sent_again_and_found_when_it_is() {
    let answers = cut_off(Withheld::Silently);
    // Nothing else is to do now.
    it_alone_is_unclear(&answers, 1);
    answers.script.withhold(None);
    answers.run("apply").code(0).says(&["Found 1 message"]);
    answers.each_once();
}

#[test]
fn an_unanswered_message_that_is_listed_and_not_given_is_sent_again_when_it_is_gone() {
    let answers = cut_off(Withheld::Nil);
    answers.script.remove("INBOX", 1);
    answers.run("apply").code(0).says(&["Copied 1 message"]);
    answers.each_once();
}

/// Puts a copy of the first message behind the others, as another one that is not given.
fn copy_of_the_first(how: Withheld) -> Answers {
    let answers = Answers::new(3, true, |_| Answer::Store);
    answers.run("apply").code(0);
    let first = answers.script.messages("INBOX")[0].clone();
    answers.script.hold("INBOX", Message { uid: 9, ..first });
    answers.script.withhold(Some((9, how)));
    answers
}

#[test]
fn what_may_be_an_extra_copy_and_is_not_given_leaves_that_unknown() {
    for how in [Withheld::Silently, Withheld::Nil] {
        let answers = copy_of_the_first(how);
        let doubt = "destination UID 9: the server lists it and does not give it";
        answers.run("verify").code(8).says(&["not known: no extra copies", doubt]);
        answers.script.withhold(None);
        answers.run("verify").code(6).says(&["1 extra copy"]);
    }
}

#[test]
fn a_message_that_may_be_one_that_is_not_given_is_unread_and_not_missing() {
    let answers = copy_of_the_first(Withheld::Silently);
    answers.script.remove("INBOX", 1);
    answers
        .run("verify")
        .code(6)
        .says(&["UID 9 of INBOX, which may be it, is listed and not given", "1 unread"])
        .does_not_say(&["missing", "MISSING"]);
    answers.script.withhold(None);
    answers.each_once();
}
