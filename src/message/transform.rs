//! Named changes to a message, each recorded wherever it is applied.

use super::scan::Traits;
use bytes::{BufMut, Bytes, BytesMut};
use std::collections::BTreeSet;

/// A change that makes a message fit for a destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Transform {
    /// `line-ends`: every LF without a CR before it, and a CR at the very end, become CRLF. IMAP
    /// servers complete the one and drop the other when they store, and then the stored octets
    /// differ from the sent ones: after a crash nobody would recognise them.
    LineEnds,
    /// `nul-octets`: NUL becomes 0x80, as Dovecot stores it; RFC 3501 forbids NUL in a literal.
    NulOctets,
}

impl Transform {
    /// All transforms, in the order in which they are applied.
    pub const ALL: [Self; 2] = [Self::NulOctets, Self::LineEnds];

    /// Returns the name in the migration plan and in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::LineEnds => "line-ends",
            Self::NulOctets => "nul-octets",
        }
    }

    /// Returns what it mends, for a sentence.
    pub const fn mends(self) -> &'static str {
        match self {
            Self::LineEnds => "line ends of half a CRLF",
            Self::NulOctets => "NUL octets",
        }
    }

    /// Tells whether a message needs it.
    pub const fn is_needed(self, traits: &Traits) -> bool {
        match self {
            Self::LineEnds => traits.bare_lf > 0 || traits.ends_in_cr,
            Self::NulOctets => traits.nul > 0,
        }
    }
}

/// Returns the transforms that a message needs, or the one that it needs and that the migration
/// plan does not allow.
pub fn needed(traits: &Traits, allowed: &BTreeSet<String>) -> Result<Vec<Transform>, Transform> {
    let mut needed = Vec::new();
    for transform in Transform::ALL.into_iter().filter(|transform| transform.is_needed(traits)) {
        if !allowed.contains(transform.name()) {
            return Err(transform);
        }
        needed.push(transform);
    }
    Ok(needed)
}

/// Applies transforms to a message that arrives in pieces.
#[derive(Clone, Debug)]
pub struct Transformer {
    transforms: Vec<Transform>,
    after_cr: bool,
}

impl Transformer {
    /// Starts at the first octet of a message.
    pub fn new(transforms: &[Transform]) -> Self {
        Self { transforms: transforms.to_vec(), after_cr: false }
    }

    /// Changes the next piece.
    pub fn feed(&mut self, octets: &Bytes) -> Bytes {
        if self.transforms.is_empty() {
            return octets.clone();
        }
        let line_ends = self.transforms.contains(&Transform::LineEnds);
        let nul_octets = self.transforms.contains(&Transform::NulOctets);
        let mut out = BytesMut::with_capacity(octets.len() + octets.len() / 16);
        for &octet in octets {
            if line_ends && octet == b'\n' && !self.after_cr {
                out.put_u8(b'\r');
            }
            out.put_u8(if nul_octets && octet == 0 { 0x80 } else { octet });
            self.after_cr = octet == b'\r';
        }
        out.freeze()
    }

    /// Returns what comes after the last piece.
    pub fn finish(&mut self) -> Bytes {
        let half = self.after_cr && self.transforms.contains(&Transform::LineEnds);
        self.after_cr = false;
        if half { Bytes::from_static(b"\n") } else { Bytes::new() }
    }

    /// Changes a whole message.
    pub fn whole(transforms: &[Transform], octets: &Bytes) -> Bytes {
        let mut transformer = Self::new(transforms);
        let changed = transformer.feed(octets);
        let end = transformer.finish();
        if end.is_empty() {
            return changed;
        }
        let mut all = BytesMut::from(&changed[..]);
        all.extend_from_slice(&end);
        all.freeze()
    }
}

/// Finds transforms by their recorded names; a name of another version gives `None`.
pub fn by_names(names: &[String]) -> Option<Vec<Transform>> {
    names
        .iter()
        .map(|name| Transform::ALL.into_iter().find(|transform| transform.name() == name))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::scan::Scanner;
    use super::*;
    use proptest::prelude::*;

    fn all_allowed() -> BTreeSet<String> {
        Transform::ALL.iter().map(|transform| transform.name().to_owned()).collect()
    }

    #[test]
    fn a_transform_that_is_not_allowed_is_named() {
        let traits = Traits { nul: 1, ..Traits::default() };
        assert_eq!(needed(&traits, &BTreeSet::new()), Err(Transform::NulOctets));
        assert_eq!(needed(&traits, &all_allowed()), Ok(vec![Transform::NulOctets]));
        assert_eq!(
            needed(&Traits { bare_cr: 3, ..Traits::default() }, &BTreeSet::new()),
            Ok(vec![])
        );
    }

    proptest! {
        #[test]
        fn the_result_needs_nothing_more_and_pieces_do_not_matter(
            octets in proptest::collection::vec(prop_oneof![Just(b'\r'), Just(b'\n'), Just(0u8), any::<u8>()], 0..200),
            cut in 0usize..200,
        ) {
            let mut scanner = Scanner::new();
            scanner.feed(&octets);
            let transforms = needed(&scanner.found(), &all_allowed()).unwrap();
            let whole = Transformer::whole(&transforms, &Bytes::from(octets.clone()));
            let cut = cut.min(octets.len());
            let mut transformer = Transformer::new(&transforms);
            let mut pieces = transformer.feed(&Bytes::copy_from_slice(&octets[..cut])).to_vec();
            pieces.extend(transformer.feed(&Bytes::copy_from_slice(&octets[cut..])));
            pieces.extend(transformer.finish());
            prop_assert_eq!(&whole[..], &pieces[..]);
            let mut again = Scanner::new();
            again.feed(&whole);
            prop_assert!(again.found().nul == 0 && again.found().bare_lf == 0 && !again.found().ends_in_cr);
            if transforms.is_empty() { prop_assert_eq!(&whole[..], &octets[..]); }
        }
    }
}
