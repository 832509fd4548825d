//! Messages of another tool that look like ours and are not equal. Pure.

use crate::copy::matching::{Candidate, Found, Unsettled};
use crate::model::internal_date::InternalDate;
use crate::model::uid::Uid;
use std::collections::{BTreeMap, HashSet};

/// UIDs that a sentence names.
const EXAMPLES: usize = 3;

/// Returns the messages of the destination that have the date of a message of the source which
/// nothing was found for: another tool may have copied it and changed its octets on the way.
pub fn find<K: Clone + Ord>(
    unsettled: &[Unsettled<K>],
    candidates: &[Candidate],
    pairs: &BTreeMap<K, Found>,
) -> Vec<Uid> {
    let second = |date: &InternalDate| date.instant().as_second();
    let open = unsettled.iter().filter(|message| !pairs.contains_key(&message.key));
    let seconds: HashSet<i64> =
        open.filter_map(|message| message.date.as_ref()).map(second).collect();
    let taken: HashSet<Uid> = pairs.values().map(|found| found.uid).collect();
    candidates
        .iter()
        .filter(|candidate| !taken.contains(&candidate.uid))
        .filter(|candidate| {
            candidate.date.as_ref().is_some_and(|date| seconds.contains(&second(date)))
        })
        .map(|candidate| candidate.uid)
        .collect()
}

/// Says which they are and what becomes of them; `None` when there are none.
pub fn sentence(folder: &str, uids: &[Uid]) -> Option<String> {
    let (count, names) = (uids.len(), uids.iter().take(EXAMPLES));
    let names: Vec<String> = names.map(|uid| format!("UID {uid}")).collect();
    let messages = match count {
        0 => return None,
        1 => "1 message looks",
        _ => "messages look",
    };
    let count = if count == 1 { String::new() } else { format!("{count} ") };
    let more = if uids.len() > EXAMPLES { " and more" } else { "" };
    Some(format!(
        "{folder}: {count}{messages} like messages of the source by date and have other octets \
         ({}{more}); another tool may have copied and changed them. They are left alone, and the \
         messages of the source are copied beside them",
        names.join(", ")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_has_the_date_of_a_message_that_was_not_found_looks_like_it() {
        let date = |day: u8| InternalDate::parse(&format!("{day:02}-Jan-2020 00:00:00 +0000"));
        let ours = |key, day| Unsettled { key, size: 10, date: date(day) };
        let theirs = |uid, day| Candidate { uid: Uid(uid), size: 10, date: date(day) };
        let unsettled = [ours(1, 1), ours(2, 2), ours(3, 3)];
        let candidates = [theirs(50, 1), theirs(51, 2), theirs(52, 4), theirs(53, 2)];
        let pairs = BTreeMap::from([(1, Found { uid: Uid(50), same_date: true })]);
        let found = find(&unsettled, &candidates, &pairs);
        assert_eq!(found, [Uid(51), Uid(53)]);
        let said = sentence("INBOX", &found).expect("a sentence");
        assert!(said.starts_with("INBOX: 2 messages look like "), "{said}");
        assert!(said.contains("(UID 51, UID 53);"), "{said}");
        assert_eq!(sentence("INBOX", &[]), None);
    }
}
