//! Why a message stays behind. The first word is stable; `apply` looks at it again when what
//! kept the message back may have changed.

use crate::catalogue;
use crate::imap::ImapError;
use crate::message::rules::{Refusal, Rules};
use crate::model::size::Size;

/// Prefix of messages above the destination's size limit.
const TOO_LARGE: &str = "too-large";

/// Prefix of messages that need a transform that is not allowed.
const NEEDS: &str = "needs-transform";

/// It is larger than the destination takes.
pub fn too_large(size: u64, limit: u64) -> String {
    format!("{TOO_LARGE}: {} is above the destination's limit of {}", Size(size), Size(limit))
}

/// Prefix of messages that a transform cannot make fit.
const CANNOT: &str = "cannot-change";

/// Prefix of messages with a header that the destination refuses.
const INVALID_HEADER: &str = "invalid-header";

/// It cannot be sent as it is, and nothing that is allowed changes that.
pub fn unfit(refusal: Refusal) -> String {
    match refusal {
        Refusal::NotAllowed(transform) => format!(
            "{NEEDS} {}: it holds {}, which the destination cannot take",
            transform.name(),
            transform.mends()
        ),
        Refusal::Empty => "empty: it has no octet, and no server stores that".to_owned(),
        Refusal::InvalidHeader => format!(
            "{INVALID_HEADER}: a line of its header has no field name, and the destination \
             refuses that"
        ),
        Refusal::Impossible(transform, why) => format!("{CANNOT} {transform}: {why}"),
    }
}

/// The destination refused it twice, the second time alone on a fresh connection.
pub fn refused(error: &ImapError) -> String {
    let words = error.words().unwrap_or_else(|| error.to_string());
    match catalogue::row_of(error) {
        Some(row) => {
            format!("refused: the destination said {words} (mailferry explain {})", row.code)
        }
        None => format!("refused: the destination said {words}"),
    }
}

/// The destination ended the connection each time it was given the message alone, and did not
/// store it.
pub fn hung_up(words: &str) -> String {
    format!("refused: the destination ended the connection at it: {words}")
}

/// The source does not give it, also when it is asked for alone.
pub fn unreadable(words: &str) -> String {
    format!("unreadable: the source said {words}")
}

/// The source lists it and gives no body.
pub fn no_body() -> String {
    "no-body: the source lists the message and gives no content for it".to_owned()
}

/// Tells whether a change of the migration plan or of the destination may have freed the message:
/// it is looked at again. Whether the size limit was raised, the caller knows.
pub fn may_be_lifted(reason: &str, rules: &Rules) -> bool {
    let class = class(reason);
    let (kind, name) = class.split_once(' ').unwrap_or((class, ""));
    match kind {
        TOO_LARGE => true,
        INVALID_HEADER => rules.lifts(INVALID_HEADER),
        NEEDS => rules.lifts(name),
        CANNOT => !rules.needs(name),
        _ => false,
    }
}

/// Returns the stable first words of a reason, for counting.
pub fn class(reason: &str) -> &str {
    reason.split_once(':').map_or(reason, |(class, _)| class)
}

/// Tells whether some reason has these first words.
pub fn is_class(class: &str) -> bool {
    const PLAIN: [&str; 6] =
        [TOO_LARGE, INVALID_HEADER, "empty", "refused", "unreadable", "no-body"];
    let (kind, name) = class.split_once(' ').unwrap_or((class, ""));
    PLAIN.contains(&class) || ([NEEDS, CANNOT].contains(&kind) && !name.is_empty())
}

/// Tells whether the plan showed this exception before the copy, so that its reviewers accepted
/// it; a refusal comes as a surprise.
pub fn was_reviewed(reason: &str) -> bool {
    reason.starts_with(TOO_LARGE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_looked_at_again_only_when_its_transform_is_allowed_now() {
        use crate::message::transform::Transform;
        let reason = unfit(Refusal::NotAllowed(Transform::NulOctets));
        let rules = |names: &[&str]| {
            let allowed = names.iter().map(|&name| name.to_owned()).collect();
            Rules::new(&[Transform::NulOctets, Transform::LineEnds], Some(&allowed))
        };
        assert!(may_be_lifted(&reason, &rules(&["line-ends", "nul-octets"])));
        assert!(!may_be_lifted(&reason, &rules(&["line-ends"])));
        assert!(may_be_lifted(&too_large(2, 1), &rules(&[])));
        let no = ImapError::Invalid { what: "NO".to_owned() };
        assert!(!may_be_lifted(&refused(&no), &rules(&["line-ends"])));
        let header = unfit(Refusal::InvalidHeader);
        assert!(may_be_lifted(&header, &rules(&[])));
        assert!(!may_be_lifted(&header, &rules(&[]).without_invalid_headers()));
        let impossible = unfit(Refusal::Impossible("nul-octets", "x"));
        assert!(!may_be_lifted(&impossible, &rules(&["nul-octets"])));
        assert!(may_be_lifted(&impossible, &Rules::new(&[], None)));
    }
}
