//! The migration plan as a tree that remembers where everything stands.

/// A range of octets in one of the files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    /// Index into [`super::files::Files`].
    pub(super) file: u32,
    /// First octet.
    pub(super) start: u32,
    /// After the last octet.
    pub(super) end: u32,
}

/// A value. The place of a list or mapping is that of the key that names it, because a block
/// has no extent that is worth underlining.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) place: Place,
    /// All of a scalar, where `place` has its first line only.
    pub(super) extent: Place,
    pub(super) kind: Kind,
}

/// A key of a mapping.
#[derive(Clone, Debug)]
pub(super) struct Key {
    pub(super) text: String,
    pub(super) place: Place,
}

#[derive(Clone, Debug)]
pub(super) enum Kind {
    /// Nothing after the colon, `~` or `null`.
    Null,
    Scalar {
        /// With escapes resolved.
        text: String,
        /// In quotes or as a block.
        quoted: bool,
    },
    List(Vec<Node>),
    Map(Vec<(Key, Node)>),
    /// A finding says already what is wrong with it; readers stay silent.
    Refused,
}

impl Node {
    /// Returns the value of a key.
    pub(super) fn get(&self, key: &str) -> Option<&Self> {
        match &self.kind {
            Kind::Map(entries) => entries.iter().find(|(k, _)| k.text == key).map(|(_, v)| v),
            _ => None,
        }
    }

    /// Returns the text of a scalar.
    pub(super) fn text(&self) -> Option<&str> {
        match &self.kind {
            Kind::Scalar { text, .. } => Some(text),
            _ => None,
        }
    }

    /// Says what it is, for messages.
    pub(super) fn noun(&self) -> &'static str {
        match self.kind {
            Kind::Null => "nothing",
            Kind::Scalar { .. } => "a single value",
            Kind::List(_) => "a list",
            Kind::Map(_) => "a mapping",
            Kind::Refused => "something refused",
        }
    }
}
