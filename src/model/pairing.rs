//! Pairs equal things of two sides one to one, in sorted order. Pure.

use std::cmp::Ordering;

/// How alike two messages with equal octets must be to be paired.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Round {
    /// The second of INTERNALDATE and the flags are equal.
    DateAndFlags,
    /// The second of INTERNALDATE is equal.
    Date,
    /// Nothing but the octets needs to be equal.
    Octets,
}

impl Round {
    /// From the most alike to the least.
    pub const ALL: [Self; 3] = [Self::DateAndFlags, Self::Date, Self::Octets];
}

/// Pairs the first with the first, the second with the second … of equal signs, with two of them in
/// memory. Both sides must be sorted by their signs; the first error of any of the three ends it.
pub fn merge<S: Ord, A, B, E>(
    ours: impl Iterator<Item = Result<(S, A), E>>,
    theirs: impl Iterator<Item = Result<(S, B), E>>,
    mut pair: impl FnMut(A, B) -> Result<(), E>,
) -> Result<(), E> {
    let (mut ours, mut theirs) = (ours, theirs);
    let (mut here, mut there) = (ours.next().transpose()?, theirs.next().transpose()?);
    while let (Some(a), Some(b)) = (&here, &there) {
        match a.0.cmp(&b.0) {
            Ordering::Less => here = ours.next().transpose()?,
            Ordering::Greater => there = theirs.next().transpose()?,
            Ordering::Equal => {
                if let (Some((_, a)), Some((_, b))) = (here.take(), there.take()) {
                    pair(a, b)?;
                }
                (here, there) = (ours.next().transpose()?, theirs.next().transpose()?);
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::convert::Infallible;

    #[test]
    fn equal_ones_are_paired_one_to_one_and_the_rest_is_passed_over() {
        let mut pairs = Vec::new();
        let ours = [(1, 10), (2, 11), (2, 12), (2, 13), (4, 14)];
        let theirs = [(0, 20), (2, 21), (2, 22), (3, 23), (4, 24), (4, 25)];
        let ours = ours.into_iter().map(Ok::<_, Infallible>);
        let theirs = theirs.into_iter().map(Ok);
        let Ok(()) = merge(ours, theirs, |a, b| {
            pairs.push((a, b));
            Ok(())
        });
        assert_eq!(pairs, [(11, 21), (12, 22), (14, 24)]);
    }
}
