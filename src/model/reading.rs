//! What a look at the world gave: something, certainly nothing, or no answer.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Why something could not be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Failure {
    /// One sentence that names the object.
    pub message: String,
    /// The server's own words, cut and escaped; absent when no server spoke.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub words: Option<String>,
    /// The next step, when one is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

/// A reading of the world. What could not be read is never "not there".
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Reading<T> {
    /// It is there, and this is it.
    Present(T),
    /// A complete, successful answer says that it is not there.
    Absent,
    /// Nothing is known.
    Unreadable(Failure),
}

impl<T> Reading<T> {
    /// Returns what is there; `None` says nothing about why not.
    pub fn present(&self) -> Option<&T> {
        match self {
            Self::Present(value) => Some(value),
            Self::Absent | Self::Unreadable(_) => None,
        }
    }

    /// Returns why nothing is known.
    pub fn failure(&self) -> Option<&Failure> {
        match self {
            Self::Unreadable(failure) => Some(failure),
            Self::Present(_) | Self::Absent => None,
        }
    }
}

impl From<&crate::error::Error> for Failure {
    fn from(error: &crate::error::Error) -> Self {
        Self {
            message: error.message.clone(),
            words: error.words.clone(),
            hint: (!error.hints.is_empty()).then(|| error.hints.join(" ")),
        }
    }
}
