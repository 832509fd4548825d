//! What a destination takes, and what may be changed so that it does.

use super::scan::Traits;
use super::transform::Transform;
use std::collections::BTreeSet;

/// What one destination needs of every message, with what the migration plan allows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    /// What the destination needs, in the order in which it is applied, and whether the migration
    /// plan allows it.
    needs: Vec<(Transform, bool)>,
    invalid_header: bool,
    literal8: bool,
}

/// Why a message stays behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It needs a transform that the migration plan does not allow.
    NotAllowed(Transform),
    /// It has no octet, and no server stores that.
    Empty,
    /// Its header is none that the destination takes.
    InvalidHeader,
    /// The named transform cannot make it fit, and why.
    Impossible(&'static str, &'static str),
}

impl Rules {
    /// Makes the rules of a destination that needs these transforms; `allowed` are the names that
    /// the migration plan allows, all of them when it says nothing.
    pub fn new(needs: &[Transform], allowed: Option<&BTreeSet<String>>) -> Self {
        let is_allowed = |transform: &Transform| {
            allowed.is_none_or(|allowed| allowed.contains(transform.name()))
        };
        let mut needs: Vec<_> = needs.iter().map(|need| (*need, is_allowed(need))).collect();
        needs.sort();
        Self { needs, ..Self::default() }
    }

    /// The destination refuses a message with an invalid header.
    #[must_use]
    pub fn without_invalid_headers(mut self) -> Self {
        self.invalid_header = true;
        self
    }

    /// The destination keeps NUL in the body of a message that comes as a literal8, RFC 3516.
    #[must_use]
    pub fn with_literal8(mut self) -> Self {
        self.literal8 = true;
        self
    }

    /// Returns the transforms that may be applied, in order.
    pub fn transforms(&self) -> Vec<Transform> {
        self.needs.iter().filter(|(_, allowed)| *allowed).map(|(need, _)| *need).collect()
    }

    /// Returns the names of the transforms that may be applied.
    pub fn names(&self) -> BTreeSet<String> {
        self.transforms().into_iter().map(|transform| transform.name().to_owned()).collect()
    }

    /// Returns the transforms that a message needs, or why it cannot be sent.
    pub fn needed(&self, traits: &Traits) -> Result<Vec<Transform>, Refusal> {
        if traits.octets == 0 {
            return Err(Refusal::Empty);
        }
        if self.invalid_header && traits.invalid_header {
            return Err(Refusal::InvalidHeader);
        }
        let needed = self.needs.iter().filter(|(need, _)| need.is_needed(traits));
        needed
            .map(
                |(need, allowed)| {
                    if *allowed { Ok(*need) } else { Err(Refusal::NotAllowed(*need)) }
                },
            )
            .collect()
    }

    /// Tells whether octets that were looked at so far may not go out. A line that is being read
    /// counts as far as it came.
    pub fn forbids(&self, traits: &Traits) -> bool {
        // A CR at the end may be followed by its LF.
        let traits = Traits { ends_in_cr: false, ..*traits };
        (self.invalid_header && traits.invalid_header)
            || self.needs.iter().any(|(need, _)| need.is_needed(&traits))
    }

    /// Tells whether a whole message may not go out.
    pub fn forbids_whole(&self, traits: &Traits) -> bool {
        self.forbids(traits) || self.needs.iter().any(|(need, _)| need.is_needed(traits))
    }

    /// Tells whether a message that fits goes out as a literal8.
    pub const fn is_literal8(&self, traits: &Traits) -> bool {
        self.literal8 && traits.nul > 0
    }

    /// Tells whether a reason to stay behind, by its kind, does not hold any more.
    pub fn lifts(&self, refusal: &str) -> bool {
        match refusal {
            "invalid-header" => !self.invalid_header,
            name => !self.needs.iter().any(|(need, allowed)| !allowed && need.name() == name),
        }
    }

    /// Tells whether the destination needs a transform of this name.
    pub fn needs(&self, name: &str) -> bool {
        self.needs.iter().any(|(need, _)| need.name() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transform_that_is_not_allowed_is_named() {
        let traits = Traits { octets: 9, nul: 1, ..Traits::default() };
        let needs = [Transform::NulOctets, Transform::LineEnds];
        let none = Rules::new(&needs, Some(&BTreeSet::new()));
        assert_eq!(none.needed(&traits), Err(Refusal::NotAllowed(Transform::NulOctets)));
        assert_eq!(Rules::new(&needs, None).needed(&traits), Ok(vec![Transform::NulOctets]));
        assert_eq!(Rules::new(&[], Some(&BTreeSet::new())).needed(&traits), Ok(vec![]));
        assert!(none.forbids(&traits));
        let odd = Traits { octets: 9, bare_cr: 3, ..Traits::default() };
        assert_eq!(none.needed(&odd), Ok(vec![]));
        assert_eq!(none.needed(&Traits::default()), Err(Refusal::Empty));
    }

    #[test]
    fn an_invalid_header_stays_behind_where_it_is_refused() {
        let traits = Traits { octets: 9, invalid_header: true, ..Traits::default() };
        let rules = Rules::new(&[], None);
        assert_eq!(rules.needed(&traits), Ok(vec![]));
        assert_eq!(rules.without_invalid_headers().needed(&traits), Err(Refusal::InvalidHeader));
    }
}
