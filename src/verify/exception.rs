//! Messages that a person should know by name, and what a person accepted of them.

use crate::desired::Acknowledgement;
use crate::model::address::Address;
use crate::model::digest::{Digest, Hasher};
use crate::model::folder::FolderPath;
use crate::model::uid::{Uid, UidValidity};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// The code by which messages that stay behind, or are there with another date or fewer flags, are
/// accepted.
pub const CODE: &str = crate::planner::codes::STAY_BEHIND;

/// What became of a message that is not where it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// It stays behind for a stated reason.
    Excepted,
    /// Nobody could find out whether it is there.
    Unclear,
    /// It was copied and is nowhere.
    Missing,
    /// It is there with other content.
    Changed,
    /// It could not be compared.
    Unread,
    /// It is there with another date.
    Redated,
    /// It is there without flags that the destination stored.
    Unflagged,
    /// It was there before us, with another date or other flags than at the source.
    Before,
}

impl Fate {
    /// Tells whether a person can accept it: its content is known to be there, or known to stay
    /// behind. What is missing, changed or unclear cannot be accepted: nobody knows what it would
    /// mean.
    pub(super) const fn can_be_accepted(self) -> bool {
        matches!(self, Self::Excepted | Self::Redated | Self::Unflagged)
    }
}

/// One such message. Subject and Message-ID are not here: they are read when somebody asks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exception {
    /// At the source.
    pub folder: FolderPath,
    /// UIDVALIDITY of the source folder.
    pub uid_validity: UidValidity,
    /// At the source.
    pub uid: Uid,
    /// RFC822.SIZE in octets.
    pub size: u64,
    /// INTERNALDATE at the source, as the server wrote it.
    pub date: Option<String>,
    /// What became of it.
    pub fate: Fate,
    /// The stable first words of the reason.
    pub class: String,
    /// The reason, with the server's words.
    pub reason: String,
    /// What to do.
    pub next: Cow<'static, str>,
    /// The code by which it is explained and can be accepted; `None` for what nobody can accept.
    pub code: Option<Cow<'static, str>>,
    /// It was in the plan that was reviewed before the copy, or was accepted since.
    pub accepted: bool,
}

/// What a person can accept: exactly these messages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acceptance {
    /// [`CODE`].
    pub code: String,
    /// The mailbox.
    pub object: String,
    /// Twelve digits over the messages.
    pub digest: String,
    /// How many.
    pub messages: u64,
    /// The migration plan acknowledges it.
    pub acknowledged: bool,
}

impl Acceptance {
    /// Covers the messages that can be accepted and were in no reviewed plan; `None` when there are
    /// none.
    pub(super) fn over(
        mailbox: &Address,
        exceptions: &[Exception],
        acknowledged: &[Acknowledgement],
    ) -> Option<Self> {
        let covered: Vec<&Exception> =
            exceptions.iter().filter(|e| e.fate.can_be_accepted() && !e.accepted).collect();
        if covered.is_empty() {
            return None;
        }
        let digest = digest(mailbox, &covered).short();
        let is_this = |given: &&Acknowledgement| {
            given.code == CODE && given.object == mailbox.as_str() && given.digest == digest
        };
        Some(Self {
            code: CODE.to_owned(),
            object: mailbox.as_str().to_owned(),
            messages: covered.len() as u64,
            acknowledged: acknowledged.iter().find(is_this).is_some(),
            digest,
        })
    }
}

/// Digests the parts with their lengths. UIDVALIDITY and UID name the content for ever, RFC 3501
/// section 2.3.1.1; another reason is another thing to accept.
fn digest(mailbox: &Address, covered: &[&Exception]) -> Digest {
    let mut hasher = Hasher::new();
    let mut put = |part: &str| hasher.update(format!("{}:{part}", part.len()).as_bytes());
    put(CODE);
    put(mailbox.as_str());
    for one in covered {
        put(&one.folder.to_string());
        put(&format!("{} {} {}", one.uid_validity.0, one.uid.0, one.size));
        put(&one.reason);
    }
    hasher.finish()
}

/// What a person can do about a message that stays behind, by the class of its reason.
pub(super) fn next(class: &str) -> &'static str {
    match class {
        "too-large" => {
            "Raise the destination's limit and `destination.limits.message_size`, then apply again; or keep the message elsewhere."
        }
        "refused" => {
            "Read the server's words; mend what they name and apply again, or accept it with the entry that verify prints."
        }
        "unreadable" | "no-body" => {
            "Open the message at the source with a mail program; when it cannot be read there either, accept it with the entry that verify prints."
        }
        "empty" => {
            "Nothing is in it to keep: accept it with the entry that verify prints, or delete it at the source."
        }
        other if other == "invalid-header" || other.starts_with("cannot-change") => {
            "Save the message at the source with a mail program (or `mailferry archive`) and keep the file; then accept it with the entry that verify prints."
        }
        other if other.starts_with("needs-transform") => {
            "Allow the transform in `folders.transforms` and apply again."
        }
        _ => "Apply again; when it stays, accept it with the entry that verify prints.",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::position::Position;

    fn exception(uid: u32, accepted: bool) -> Exception {
        Exception {
            folder: "INBOX".parse().unwrap(),
            uid_validity: UidValidity(7),
            uid: Uid(uid),
            size: 10,
            date: None,
            fate: Fate::Excepted,
            class: "refused".to_owned(),
            reason: "refused: the destination said NO".to_owned(),
            next: next("refused").into(),
            code: Some(CODE.into()),
            accepted,
        }
    }

    /// Every reason for which the copy leaves a message has advice of its own.
    #[test]
    fn every_reason_has_its_next_step() {
        use crate::copy::reasons::{class, no_body, too_large, unfit, unreadable};
        use crate::message::rules::Refusal;
        use crate::message::transform::Transform;
        let nothing = next("something new");
        let not_allowed = unfit(Refusal::NotAllowed(Transform::NulOctets));
        let reasons = [
            too_large(2, 1),
            not_allowed,
            unfit(Refusal::Empty),
            unfit(Refusal::InvalidHeader),
            unreadable("NO"),
            no_body(),
            "refused: the destination said NO".to_owned(),
            "cannot-change long-lines: why".to_owned(),
        ];
        for reason in reasons {
            assert_ne!(next(class(&reason)), nothing, "{reason}");
        }
    }

    #[test]
    fn an_acceptance_covers_exactly_these_messages() {
        let mailbox: Address = "ada@acme.example".parse().unwrap();
        let three = [exception(1, false), exception(2, false), exception(3, true)];
        let offered = Acceptance::over(&mailbox, &three, &[]).unwrap();
        assert_eq!((offered.messages, offered.acknowledged), (2, false));
        let given = Acknowledgement {
            code: CODE.to_owned(),
            object: mailbox.to_string(),
            digest: offered.digest,
            position: Position { file: "plan.yaml".into(), line: 1, column: 1 },
        };
        let given = std::slice::from_ref(&given);
        let over =
            |some: &[Exception]| Acceptance::over(&mailbox, some, given).unwrap().acknowledged;
        assert!(over(&three));
        assert!(!over(&three[..1]), "one of two is another list");
        let mut other = three.clone();
        other[0].reason.push('!');
        assert!(!over(&other), "another reason is another thing to accept");
        other[1].fate = Fate::Missing;
        other[0] = three[0].clone();
        assert!(!over(&other), "what is missing is never accepted");
        assert_eq!(Acceptance::over(&mailbox, &three[2..], given), None);
    }
}
