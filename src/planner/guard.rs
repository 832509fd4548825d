//! Guards: coded risks, and the acknowledgements that cover them.

use super::codes;
use super::drafts::Drafts;
use super::plan::{Guard, WaitingOn};
use crate::desired::Acknowledgement;
use crate::model::digest::{Digest, Hasher};
use crate::model::position::Position;

/// Makes a guard; it is acknowledged when code, object and digest are all equal.
pub(super) fn make(
    code: &str,
    object: String,
    message: String,
    covers: Vec<String>,
    position: Option<&Position>,
    acknowledged: &[Acknowledgement],
) -> Guard {
    let digest = digest(code, &object, &covers).short();
    let acknowledged = acknowledged
        .iter()
        .any(|given| given.code == code && given.object == object && given.digest == digest);
    Guard {
        code: code.to_owned(),
        object,
        digest,
        message,
        covers,
        acknowledged,
        must_change: false,
        position: position.cloned(),
    }
}

/// Digests the parts with their lengths, so that moving text from one to the next shows.
fn digest(code: &str, object: &str, covers: &[String]) -> Digest {
    let mut hasher = Hasher::new();
    for part in [code, object].into_iter().chain(covers.iter().map(String::as_str)) {
        hasher.update(format!("{}:", part.len()).as_bytes());
        hasher.update(part.as_bytes());
    }
    hasher.finish()
}

/// Returns what an action waits for because of a guard; nothing once it is acknowledged.
pub(super) fn wait(guard: &Guard) -> Option<WaitingOn> {
    (!guard.acknowledged).then(|| WaitingOn::Acknowledgement {
        code: guard.code.clone(),
        object: guard.object.clone(),
    })
}

/// Finds the acknowledgements that cover no guard of this plan.
pub(super) fn obsolete(acknowledged: &[Acknowledgement], drafts: &mut Drafts) {
    // What stays behind is known only after the copy: `verify` looks at these.
    for given in acknowledged.iter().filter(|given| given.code != codes::STAY_BEHIND) {
        let same = |guard: &&Guard| guard.code == given.code && guard.object == given.object;
        let mut candidates = drafts.guards.iter().filter(same).peekable();
        let changed = candidates.peek().is_some();
        if candidates.any(|guard| guard.digest == given.digest) {
            continue;
        }
        let message = if changed {
            format!(
                "the acknowledgement of {} with digest {} does not cover what the guard is about \
                 now; read the guard again and replace it",
                given.code, given.digest
            )
        } else {
            format!(
                "the acknowledgement of {} with digest {} covers nothing any more; remove it",
                given.code, given.digest
            )
        };
        drafts.finding(codes::OBSOLETE, given.object.clone(), message, Some(&given.position));
    }
}
