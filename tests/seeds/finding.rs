//! What a seed finds, by the check that found it.

use std::fmt;

/// What is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Check {
    /// A message of the source is nowhere at the destination.
    Lost,
    /// More copies of ours are there than anything explains.
    Doubled,
    /// Extra copies are there, and `verify` names fewer, or more than there are.
    Unnamed,
    /// An extra copy stays after the removal without a reason.
    Extra,
    /// A message is not in the folder that it belongs into, or that folder is not there.
    Place,
    Date,
    Flags,
    /// What the destination serves says something else than what it was given.
    Content,
    /// A copy is there that the limit of the destination forbids.
    Limit,
    /// A copy was removed that nobody wanted removed.
    Removal,
    /// Mail of others at the destination is gone or was changed.
    Others,
    /// A check of `verify` fails without a cause in the stores.
    Verify,
    /// The equations of `verify` are not those of the stores.
    Account,
    /// `verify` does not see what is damaged or gone.
    Damage,
    /// What `apply` ends as is not what it did.
    Honest,
    /// The destination was told to change what was not approved.
    Plan,
    /// The source changed, or was told to.
    Source,
    /// Copies were removed after mail was told to arrive elsewhere.
    MailFlow,
    /// Peace does not bring it to its end.
    LeftToDo,
    /// A life in peace ends in an error.
    Error,
    Panic,
    /// It does not end.
    Endless,
}

/// One thing that is wrong.
#[derive(Clone, Debug)]
pub(crate) struct Finding {
    pub(crate) check: Check,
    text: String,
}

impl Check {
    pub(crate) fn finds(self, text: impl Into<String>) -> Finding {
        Finding { check: self, text: text.into() }
    }
}

/// How a seed failed.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    pub(crate) findings: Vec<Finding>,
    /// What helps to understand them.
    pub(crate) more: String,
}

impl From<Finding> for Failure {
    fn from(finding: Finding) -> Self {
        Self { findings: vec![finding], more: String::new() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.check, self.text)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for finding in &self.findings {
            writeln!(f, "{finding}")?;
        }
        f.write_str(&self.more)
    }
}

/// All is well without findings.
pub(crate) fn none_of(findings: Vec<Finding>) -> Result<(), Failure> {
    if findings.is_empty() { Ok(()) } else { Err(Failure { findings, more: String::new() }) }
}
