//! What was seen at the source, in numbers, as a file: names of folders and how many messages of
//! which sizes they hold. No subjects, no content, no secrets.

mod anonymous;

use crate::model::address::Address;
use crate::model::folder::{FolderPath, SpecialUse};
use crate::model::reading::Reading;
use crate::model::shape::Shape;
use crate::observed::{MailboxState, Observed, Quota};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The version of the format that is written and read.
pub const FORMAT_VERSION: u32 = 1;

/// What `plan --observation` writes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Observation {
    /// 1.
    #[schemars(range(min = 1, max = 1))]
    pub format_version: u32,
    /// The version of mailferry that looked.
    pub mailferry: String,
    /// When it had looked.
    #[schemars(with = "String")]
    pub made_at: Timestamp,
    /// Local parts, domains, keywords and names of folders are numbered stand-ins.
    pub anonymous: bool,
    /// `rackspace-email` or `imap`, as in the migration plan.
    pub product: String,
    /// Every mailbox of the migration plan, in order of their addresses.
    pub mailboxes: Vec<Mailbox>,
}

/// A mailbox of the source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Mailbox {
    /// Its address in the migration plan.
    #[schemars(with = "String")]
    pub address: Address,
    /// What could be read of it.
    pub contents: Reading<Contents>,
}

/// What a mailbox holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Contents {
    /// Storage in use and allowed; absent when the server has no quota.
    pub quota: Reading<Quota>,
    /// Every folder that LIST named, in order of their paths.
    pub folders: Vec<Folder>,
}

/// A folder of the source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Folder {
    /// Its path, `/` between the components, `\/` for one inside of a component.
    #[schemars(with = "String")]
    pub path: FolderPath,
    /// What it is for, where the server says so, RFC 6154.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub special_use: Option<SpecialUse>,
    /// What could be read of it.
    pub state: Reading<Seen>,
}

/// A folder that could be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Seen {
    /// In the subscription list.
    pub subscribed: bool,
    /// How many messages it holds; absent for a name that holds folders only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub messages: Option<u32>,
    /// What they look like; absent where the migration plan leaves the folder out, so that it was
    /// not listed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shape: Option<Shape>,
}

impl Observation {
    /// Takes out of a look at the world what belongs into the file.
    pub fn new(observed: &Observed, product: &str, version: &str, made_at: Timestamp) -> Self {
        let mailboxes = observed.source.iter().map(|(address, state)| Mailbox {
            address: address.clone(),
            contents: map(state, contents),
        });
        Self {
            format_version: FORMAT_VERSION,
            mailferry: version.to_owned(),
            made_at,
            anonymous: false,
            product: product.to_owned(),
            mailboxes: mailboxes.collect(),
        }
    }

    /// Puts numbered stand-ins in the place of whatever may name people, their domains or their
    /// affairs. The same name has the same stand-in everywhere in the file.
    #[must_use]
    pub fn anonymous(self) -> Self {
        anonymous::anonymous(self)
    }

    /// Reads a file; fails in words.
    pub fn parse(text: &str) -> Result<Self, String> {
        /// What every version of the format has.
        #[derive(Deserialize)]
        struct Version {
            format_version: u32,
        }
        let version: Version = serde_json::from_str(text)
            .map_err(|error| format!("it is no observation of mailferry: {error}"))?;
        if version.format_version != FORMAT_VERSION {
            return Err(format!(
                "its format has version {}, and this mailferry reads {FORMAT_VERSION}",
                version.format_version
            ));
        }
        serde_json::from_str(text).map_err(|error| error.to_string())
    }

    /// Writes the file, with a final line feed.
    ///
    /// # Errors
    /// Never for what [`Observation::new`] made.
    pub fn to_json(&self) -> serde_json::Result<String> {
        serde_json::to_string_pretty(self).map(|text| text + "\n")
    }
}

/// Returns the JSON schema of the file.
pub fn schema() -> serde_json::Value {
    let generator = schemars::generate::SchemaSettings::draft07().into_generator();
    generator.into_root_schema_for::<Observation>().to_value()
}

fn map<T, U>(reading: &Reading<T>, present: impl FnOnce(&T) -> U) -> Reading<U> {
    match reading {
        Reading::Present(value) => Reading::Present(present(value)),
        Reading::Absent => Reading::Absent,
        Reading::Unreadable(failure) => Reading::Unreadable(failure.clone()),
    }
}

fn contents(state: &MailboxState) -> Contents {
    let folders = state.folders.iter().map(|(path, folder)| Folder {
        path: path.clone(),
        special_use: state.special_uses.get(path).copied(),
        state: map(folder, |folder| Seen {
            subscribed: folder.subscribed,
            messages: folder.contents.as_ref().map(|contents| contents.messages),
            shape: folder.contents.as_ref().and_then(|contents| contents.shape.clone()),
        }),
    });
    Contents { quota: state.quota.clone(), folders: folders.collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_observation_of_this_format_is_read() {
        let text = r#"{"format_version": 2, "mailboxes": {}}"#;
        assert!(Observation::parse(text).unwrap_err().contains("version 2"));
        assert!(Observation::parse("[]").unwrap_err().contains("no observation"));
        let unknown = r#"{"format_version": 1, "mailferry": "0", "anonymous": false,
            "made_at": "2026-01-01T00:00:00Z", "product": "imap", "mailboxes": [], "more": 1}"#;
        assert!(Observation::parse(unknown).unwrap_err().contains("more"));
    }
}
