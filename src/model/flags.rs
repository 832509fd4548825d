//! Flags and keywords of a message, RFC 3501 section 2.3.2.

use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt;

/// A set of flags and keywords without `\Recent`, which belongs to a session and not to a message.
///
/// System flags are compared without regard to case and kept in the RFC's spelling; keywords are
/// compared without regard to case too (Exchange answers `$MdnSent` for `$MDNSent`), and kept in
/// the spelling that was seen first.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Flags(Vec<String>);

/// What a folder lets a client store, from PERMANENTFLAGS.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PermanentFlags {
    /// The flags that are listed.
    pub flags: Flags,
    /// `\*`: new keywords may be made.
    pub any_keyword: bool,
}

const SYSTEM: [&str; 6] = ["\\Answered", "\\Deleted", "\\Draft", "\\Flagged", "\\Seen", "\\Recent"];

fn key(flag: &str) -> String {
    flag.to_lowercase()
}

/// Tells whether a client may send the flag: `\` and an atom, or an atom, RFC 3501 section 9.
///
/// Servers list keywords that no client may send; sent anyhow, they would end the command.
pub fn is_sendable(flag: &str) -> bool {
    let atom = flag.strip_prefix('\\').unwrap_or(flag);
    !atom.is_empty()
        && atom.bytes().all(|octet| octet.is_ascii_graphic() && !b"(){%*\"\\]".contains(&octet))
}

impl Flags {
    /// Makes a set from the words of a server; `\Recent` and doubles are left out.
    pub fn from_words<I, S>(words: I) -> Self
    where
        I: IntoIterator<Item = S>,
        S: AsRef<str>,
    {
        let mut flags = Self::default();
        for word in words {
            flags.insert(word.as_ref());
        }
        flags
    }

    /// Adds one flag; `\Recent` is ignored.
    pub fn insert(&mut self, flag: &str) {
        let spelling = SYSTEM
            .iter()
            .find(|system| system.eq_ignore_ascii_case(flag))
            .map_or(flag, |system| *system);
        if spelling == "\\Recent" || self.contains(spelling) {
            return;
        }
        self.0.push(spelling.to_owned());
        self.0.sort_by_key(|flag| key(flag));
    }

    /// Tells whether the flag is in the set.
    pub fn contains(&self, flag: &str) -> bool {
        let wanted = key(flag);
        self.0.iter().any(|flag| key(flag) == wanted)
    }

    /// Returns the flags in a stable order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// Tells whether no flag is set.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns what is in `self` and not in `other`.
    #[must_use]
    pub fn minus(&self, other: &Self) -> Self {
        Self(self.0.iter().filter(|flag| !other.contains(flag)).cloned().collect())
    }

    /// Returns what is in either.
    #[must_use]
    pub fn plus(&self, other: &Self) -> Self {
        let mut sum = self.clone();
        for flag in &other.0 {
            sum.insert(flag);
        }
        sum
    }

    /// Splits into what a folder can store and what would be lost: what it does not take, and
    /// what no client may send. `\Deleted` is never stored and never counted as lost.
    pub fn storable(&self, permanent: &PermanentFlags) -> (Self, Self) {
        let mut stored = Self::default();
        let mut lost = Self::default();
        for flag in self.iter().filter(|flag| *flag != "\\Deleted") {
            let keyword = !flag.starts_with('\\');
            let taken = permanent.flags.contains(flag) || (keyword && permanent.any_keyword);
            if taken && is_sendable(flag) {
                stored.insert(flag);
            } else {
                lost.insert(flag);
            }
        }
        (stored, lost)
    }
}

impl PartialEq for Flags {
    fn eq(&self, other: &Self) -> bool {
        let keys = |flags: &Self| flags.0.iter().map(|flag| key(flag)).collect::<BTreeSet<_>>();
        keys(self) == keys(other)
    }
}

impl Eq for Flags {}

impl fmt::Display for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_does_not_tell_flags_apart_and_recent_is_nobodys() {
        let ours = Flags::from_words(["\\SEEN", "$MDNSent", "\\Recent"]);
        let theirs = Flags::from_words(["$MdnSent", "\\Seen"]);
        assert_eq!(ours, theirs);
        assert_eq!(ours.to_string(), "$MDNSent \\Seen");
    }

    #[test]
    fn what_a_folder_cannot_store_is_named_and_deleted_is_never_stored() {
        let permanent = PermanentFlags {
            flags: Flags::from_words(["\\Seen", "\\Deleted"]),
            any_keyword: false,
        };
        let (stored, lost) =
            Flags::from_words(["\\Seen", "\\Deleted", "projekt"]).storable(&permanent);
        assert_eq!(stored.to_string(), "\\Seen");
        assert_eq!(lost.to_string(), "projekt");
    }

    #[test]
    fn a_keyword_that_no_client_may_send_is_lost_and_keeps_no_message_back() {
        let permanent = PermanentFlags { flags: Flags::from_words(["a]b"]), any_keyword: true };
        let (stored, lost) = Flags::from_words(["a]b", "\u{e9}", "ok"]).storable(&permanent);
        assert_eq!(stored.to_string(), "ok");
        assert_eq!(lost.to_string(), "a]b \u{e9}");
    }
}
