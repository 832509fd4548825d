//! Why a message stays behind. The first word is stable; `apply` looks at it again when what
//! kept the message back may have changed.

use crate::catalogue;
use crate::imap::ImapError;
use crate::model::size::Size;
use std::collections::BTreeSet;

/// Prefix of messages above the destination's size limit.
const TOO_LARGE: &str = "too-large";

/// Prefix of messages that need a transform that is not allowed.
const NEEDS: &str = "needs-transform";

/// It is larger than the destination takes.
pub fn too_large(size: u64, limit: u64) -> String {
    format!("{TOO_LARGE}: {} is above the destination's limit of {}", Size(size), Size(limit))
}

/// It needs a transform that the migration plan does not allow.
pub fn needs(transform: &str) -> String {
    format!("{NEEDS} {transform}")
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

/// The source does not give it, also when it is asked for alone.
pub fn unreadable(words: &str) -> String {
    format!("unreadable: the source said {words}")
}

/// The source lists it and gives no body.
pub fn no_body() -> String {
    "no-body: the source lists the message and gives no content for it".to_owned()
}

/// Tells whether a change of the migration plan may have freed the message: it is looked at again.
/// Whether the size limit was raised, the caller knows.
pub fn may_be_lifted(reason: &str, transforms: &BTreeSet<String>) -> bool {
    let class = class(reason);
    class == TOO_LARGE
        || class.strip_prefix(NEEDS).is_some_and(|name| transforms.contains(name.trim_start()))
}

/// Returns the stable first words of a reason, for counting.
pub fn class(reason: &str) -> &str {
    reason.split_once(':').map_or(reason, |(class, _)| class)
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
        let reason = format!("{}: it holds NUL octets", needs("nul-octets"));
        let allowed = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        assert!(may_be_lifted(&reason, &allowed(&["line-ends", "nul-octets"])));
        assert!(!may_be_lifted(&reason, &allowed(&["line-ends"])));
        assert!(may_be_lifted(&too_large(2, 1), &allowed(&[])));
        let no = ImapError::Invalid { what: "NO".to_owned() };
        assert!(!may_be_lifted(&refused(&no), &allowed(&["line-ends"])));
    }
}
