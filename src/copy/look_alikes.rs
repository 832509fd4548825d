//! Messages of another tool that look like ours and are not equal. Pure.

use crate::model::uid::Uid;

/// UIDs that a sentence names.
pub const EXAMPLES: usize = 3;

/// Says how many messages of the destination have the date of a message of the source which nothing
/// was found for, and what becomes of them; `None` when there are none. `first` are the first
/// [`EXAMPLES`] of them.
pub fn sentence(folder: &str, count: u64, first: &[Uid]) -> Option<String> {
    let names: Vec<String> = first.iter().map(|uid| format!("UID {uid}")).collect();
    let messages = match count {
        0 => return None,
        1 => "1 message looks",
        _ => "messages look",
    };
    let more = if count > first.len() as u64 { " and more" } else { "" };
    let count = if count == 1 { String::new() } else { format!("{count} ") };
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
    fn what_looks_like_ours_is_counted_and_the_first_are_named() {
        let said = sentence("INBOX", 2, &[Uid(51), Uid(53)]).expect("a sentence");
        assert!(said.starts_with("INBOX: 2 messages look like "), "{said}");
        assert!(said.contains("(UID 51, UID 53);"), "{said}");
        let said = sentence("INBOX", 3, &[Uid(51), Uid(53)]).expect("a sentence");
        assert!(said.contains("(UID 51, UID 53 and more);"), "{said}");
        let said = sentence("INBOX", 1, &[Uid(51)]).expect("a sentence");
        assert!(said.starts_with("INBOX: 1 message looks like "), "{said}");
        assert_eq!(sentence("INBOX", 0, &[]), None);
    }
}
