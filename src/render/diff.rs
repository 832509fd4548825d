//! Line diffs of things with several lines.

use similar::{ChangeTag, TextDiff};

/// Compares lines and gives each with its mark: `-` goes, `+` comes, a blank stays.
pub fn lines(now: &[String], wanted: &[String]) -> Vec<(char, String)> {
    let now: Vec<&str> = now.iter().map(String::as_str).collect();
    let wanted: Vec<&str> = wanted.iter().map(String::as_str).collect();
    TextDiff::from_slices(&now, &wanted)
        .iter_all_changes()
        .map(|change| {
            let mark = match change.tag() {
                ChangeTag::Delete => '-',
                ChangeTag::Insert => '+',
                ChangeTag::Equal => ' ',
            };
            (mark, change.value().to_owned())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stays_has_no_mark() {
        let lines = lines(
            &["10 a.".to_owned(), "20 b.".to_owned()],
            &["0 c.".to_owned(), "20 b.".to_owned()],
        );
        let shown: Vec<String> = lines.iter().map(|(mark, text)| format!("{mark}{text}")).collect();
        assert_eq!(shown, ["-10 a.", "+0 c.", " 20 b."]);
    }
}
