//! Sequence sets as a client sends them, RFC 3501 section 9.

/// Ranges; zero, which is no number of a message, stands for `*`, the largest number in use.
#[derive(Clone, Debug)]
pub(crate) struct SequenceSet(Vec<(u32, u32)>);

const STAR: u32 = 0;

fn end(text: &str) -> Option<u32> {
    if text == "*" {
        return Some(STAR);
    }
    // No sign, no leading zero, never zero.
    let well = text.starts_with(|c: char| ('1'..='9').contains(&c));
    if well { text.parse().ok() } else { None }
}

impl SequenceSet {
    pub(crate) fn read(text: &str) -> Option<Self> {
        let ranges = text.split(',').map(|range| match range.split_once(':') {
            Some((from, to)) => Some((end(from)?, end(to)?)),
            None => end(range).map(|one| (one, one)),
        });
        ranges.collect::<Option<Vec<_>>>().map(Self)
    }

    /// Returns the ranges in ascending order of their ends, with the value of `*` put in.
    pub(crate) fn ranges(&self, largest: u32) -> Vec<(u32, u32)> {
        let known = |end: u32| if end == STAR { largest } else { end };
        self.0
            .iter()
            .map(|&(from, to)| {
                let (from, to) = (known(from), known(to));
                (from.min(to), from.max(to))
            })
            .collect()
    }

    pub(crate) fn contains(&self, number: u32, largest: u32) -> bool {
        self.ranges(largest).iter().any(|&(from, to)| (from..=to).contains(&number))
    }

    /// Returns the largest number that is named; zero when `*` alone is.
    pub(crate) fn top(&self) -> u32 {
        self.0.iter().map(|&(from, to)| from.max(to)).max().unwrap_or(STAR)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_is_read_strictly_and_the_star_is_the_largest() {
        let set = SequenceSet::read("1,7:5,10:*").unwrap();
        let inside: Vec<u32> = (1..=12).filter(|&number| set.contains(number, 11)).collect();
        assert_eq!(inside, [1, 5, 6, 7, 10, 11]);
        // `*` is in the set even where the other end is larger.
        assert!(SequenceSet::read("20:*").unwrap().contains(11, 11));
        for text in ["", "0", "01", "1,,2", "1:", ":1", "1:2:3", "+1", "4294967296", "1,0:3"] {
            assert!(SequenceSet::read(text).is_none(), "{text}");
        }
    }
}
