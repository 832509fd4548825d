//! Folder paths as people write them, and mailbox names as servers do.

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;

/// The path of a folder in decoded components, whatever the server's separator is.
///
/// Its text form joins the components with `/`; a `/` or `\` inside a component is written `\/`
/// and `\\`. The first component is `INBOX` in every spelling of it, RFC 3501 section 5.1. All
/// other components are compared octet by octet: no Unicode normalisation, because servers keep
/// decomposed and composed names apart.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FolderPath(Vec<String>);

/// The name of a mailbox exactly as the server sends it and wants it back.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RawName(pub Vec<u8>);

/// The special use of a folder, RFC 6154.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs, reason = "the names are those of RFC 6154")]
pub enum SpecialUse {
    All,
    Archive,
    Drafts,
    Flagged,
    Junk,
    Sent,
    Trash,
}

impl SpecialUse {
    /// Reads an attribute of LIST, `\\Sent` for example.
    pub fn from_attribute(attribute: &str) -> Option<Self> {
        let name = attribute.strip_prefix('\\')?;
        [
            ("All", Self::All),
            ("Archive", Self::Archive),
            ("Drafts", Self::Drafts),
            ("Flagged", Self::Flagged),
            ("Junk", Self::Junk),
            ("Sent", Self::Sent),
            ("Trash", Self::Trash),
        ]
        .into_iter()
        .find_map(|(known, special_use)| name.eq_ignore_ascii_case(known).then_some(special_use))
    }

    /// Returns the attribute, `\\Sent` for example.
    pub const fn attribute(self) -> &'static str {
        match self {
            Self::All => "\\All",
            Self::Archive => "\\Archive",
            Self::Drafts => "\\Drafts",
            Self::Flagged => "\\Flagged",
            Self::Junk => "\\Junk",
            Self::Sent => "\\Sent",
            Self::Trash => "\\Trash",
        }
    }

    /// Tells whether such a folder mostly shows messages of other folders, RFC 6154 section 2.
    pub const fn is_view(self) -> bool {
        matches!(self, Self::All | Self::Flagged)
    }
}

impl fmt::Display for SpecialUse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.attribute())
    }
}

impl FolderPath {
    /// Makes a path; at least one component, none empty.
    pub fn new(components: Vec<String>) -> Result<Self, String> {
        if components.is_empty() || components.iter().any(String::is_empty) {
            return Err("a folder path has at least one component, and none is empty".to_owned());
        }
        let mut components = components;
        if let Some(first) = components.first_mut()
            && first.eq_ignore_ascii_case("INBOX")
        {
            "INBOX".clone_into(first);
        }
        Ok(Self(components))
    }

    /// Returns the path of the INBOX.
    pub fn inbox() -> Self {
        Self(vec!["INBOX".to_owned()])
    }

    /// Returns the decoded components, at least one.
    pub fn components(&self) -> &[String] {
        &self.0
    }

    /// Returns the path of the folder above, when there is one.
    pub fn parent(&self) -> Option<Self> {
        let (_, above) = self.0.split_last()?;
        (!above.is_empty()).then(|| Self(above.to_vec()))
    }

    /// Tells whether this is `other` or lies below it.
    pub fn is_within(&self, other: &Self) -> bool {
        self.0.starts_with(&other.0)
    }
}

impl fmt::Display for FolderPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let escaped: Vec<String> = self
            .0
            .iter()
            .map(|component| component.replace('\\', "\\\\").replace('/', "\\/"))
            .collect();
        f.pad(&escaped.join("/"))
    }
}

impl FromStr for FolderPath {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut components = vec![String::new()];
        let mut chars = text.chars();
        while let Some(c) = chars.next() {
            match c {
                '/' => components.push(String::new()),
                '\\' => match chars.next() {
                    Some(next @ ('/' | '\\')) => push(&mut components, next),
                    _ => return Err(format!("`{text}`: write `\\\\` for one backslash")),
                },
                other => push(&mut components, other),
            }
        }
        Self::new(components).map_err(|reason| format!("`{text}` is not a folder path: {reason}"))
    }
}

fn push(components: &mut [String], c: char) {
    if let Some(last) = components.last_mut() {
        last.push(c);
    }
}

impl Serialize for FolderPath {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for FolderPath {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl fmt::Display for RawName {
    /// Shows the octets as ASCII with `\xNN` for the rest.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.escape_ascii().fmt(f)
    }
}

impl fmt::Debug for RawName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_survives_its_text_form() {
        for components in [vec!["INBOX"], vec!["a/b", "c\\d"], vec!["日本語", " trailing "]] {
            let path =
                FolderPath::new(components.iter().map(ToString::to_string).collect()).unwrap();
            assert_eq!(path.to_string().parse(), Ok(path));
        }
    }

    #[test]
    fn inbox_is_one_folder_in_every_spelling_and_only_at_the_top() {
        assert_eq!("Inbox/x".parse::<FolderPath>().unwrap().to_string(), "INBOX/x");
        assert_eq!("x/Inbox".parse::<FolderPath>().unwrap().to_string(), "x/Inbox");
        assert!("a//b".parse::<FolderPath>().is_err());
        assert!("".parse::<FolderPath>().is_err());
    }
}
