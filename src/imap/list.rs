//! LIST and LSUB, RFC 3501 section 6.3.8, RFC 5258.

use crate::imap::connection::{Connection, plain};
use crate::imap::error::{ImapError, Words};
use crate::imap::response::Untagged;
use crate::model::folder::{RawName, SpecialUse};
use std::collections::{BTreeMap, BTreeSet};

/// A folder as LIST names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListEntry {
    /// The name on the wire.
    pub name: RawName,
    /// `None` when the server says that the name has no hierarchy.
    pub separator: Option<char>,
    /// What the server said in place of a separator, where it is not one ASCII character: how the
    /// name is parted is not known then.
    pub odd_separator: Option<Vec<u8>>,
    /// As written, for example `\HasChildren`, `\Sent`.
    pub attributes: BTreeSet<String>,
    /// In the subscription list.
    pub subscribed: bool,
}

impl ListEntry {
    /// Tells whether the folder has an attribute, whatever the case.
    pub fn has(&self, attribute: &str) -> bool {
        self.attributes.iter().any(|a| a.eq_ignore_ascii_case(attribute))
    }

    /// Returns the special use of the folder, RFC 6154.
    pub fn special_use(&self) -> Option<SpecialUse> {
        self.attributes.iter().find_map(|attribute| SpecialUse::from_attribute(attribute))
    }
}

impl Connection {
    /// Lists every folder, in the order of the names.
    ///
    /// A line that cannot be read is an error, as the listing would be incomplete.
    pub async fn list(&self) -> Result<Vec<ListEntry>, ImapError> {
        let extended = self.has("LIST-EXTENDED");
        let command = match (extended, self.has("SPECIAL-USE")) {
            (true, true) => r#"LIST "" "*" RETURN (SUBSCRIBED CHILDREN SPECIAL-USE)"#,
            (true, false) => r#"LIST "" "*" RETURN (SUBSCRIBED CHILDREN)"#,
            (false, _) => r#"LIST "" "*""#,
        };
        let answer = self.link.ask("LIST", plain(command), &["LIST"]).await?;
        let mut entries: BTreeMap<RawName, ListEntry> = BTreeMap::new();
        for line in &answer.data {
            let entry = entry("LIST", line)?;
            match entries.get_mut(&entry.name) {
                Some(known) => {
                    known.attributes.extend(entry.attributes);
                    known.subscribed |= entry.subscribed;
                }
                None => {
                    entries.insert(entry.name.clone(), entry);
                }
            }
        }
        if !extended {
            let answer = self.link.ask("LSUB", plain(r#"LSUB "" "*""#), &["LSUB"]).await?;
            for line in &answer.data {
                let name = entry("LSUB", line)?.name;
                // Servers spell the INBOX differently in the two lists.
                let inbox = name.0.eq_ignore_ascii_case(b"INBOX");
                for known in entries.values_mut() {
                    let same = known.name == name
                        || (inbox && known.name.0.eq_ignore_ascii_case(b"INBOX"));
                    known.subscribed |= same;
                }
            }
        }
        Ok(entries.into_values().collect())
    }
}

fn entry(command: &'static str, line: &Untagged) -> Result<ListEntry, ImapError> {
    let unreadable = |what: &str| {
        let name = line.values.get(2).and_then(|value| value.octets()).unwrap_or_default();
        ImapError::Unreadable {
            command,
            what: what.to_owned(),
            words: (!name.is_empty()).then(|| Words::new(name)),
        }
    };
    if !line.complete {
        return Err(unreadable("a line is malformed"));
    }
    // What follows the name is extended data, RFC 5258 section 3.5.
    let [attributes, separator, name, ..] = line.values.as_slice() else {
        return Err(unreadable("a line has no attributes, separator and name"));
    };
    let attributes = attributes
        .list()
        .and_then(|words| {
            words
                .iter()
                .map(|word| word.octets().map(|o| String::from_utf8_lossy(o).into_owned()))
                .collect::<Option<BTreeSet<String>>>()
        })
        .ok_or_else(|| unreadable("the attributes of a folder are no list"))?;
    let (separator, odd_separator) = match separator.string() {
        Some([octet]) if octet.is_ascii() => (Some(char::from(*octet)), None),
        Some(odd) => (None, Some(odd.to_vec())),
        None if separator.is_nil() => (None, None),
        None => return Err(unreadable("the separator of a folder is no string")),
    };
    let name = match name.octets() {
        Some(octets) if !octets.is_empty() => RawName(octets.to_vec()),
        _ => return Err(unreadable("a folder has no name")),
    };
    let subscribed = attributes.iter().any(|a| a.eq_ignore_ascii_case("\\Subscribed"));
    Ok(ListEntry { name, separator, odd_separator, attributes, subscribed })
}
