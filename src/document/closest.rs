//! The word that was probably meant.

/// Returns the candidate with the smallest edit distance, when that is small enough to be a slip.
pub(super) fn closest<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    // A third of the letters: `folder` finds `folders`, `x` finds nothing.
    let limit = (word.chars().count() / 3).clamp(1, 3);
    candidates
        .into_iter()
        .map(|candidate| (distance(word, candidate), candidate))
        .filter(|&(distance, candidate)| distance <= limit && distance < candidate.len())
        .min()
        .map(|(_, candidate)| candidate)
}

/// Insertions, deletions and replacements of a character, case aside.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.to_lowercase().chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.to_lowercase().chars().enumerate() {
        let mut next = vec![i + 1];
        for ((y, above), above_left) in b.iter().zip(row.iter().skip(1)).zip(&row) {
            let left = next.last().copied().unwrap_or_default();
            next.push((above + 1).min(left + 1).min(above_left + usize::from(x != *y)));
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_finds_its_word_and_another_word_finds_nothing() {
        let words = ["folders", "mailboxes", "mx"];
        assert_eq!(closest("folder", words), Some("folders"));
        assert_eq!(closest("mialboxes", words), Some("mailboxes"));
        assert_eq!(closest("Mailboxes", words), Some("mailboxes"));
        assert_eq!(closest("spf", words), None);
        assert_eq!(distance("kitten", "sitting"), 3);
    }
}
