//! Messages of which a server does not give the content: one that it refuses, or at which it hangs
//! up, keeps no other one from being compared.

use crate::catalogue;
use crate::copy::bodies::Read;
use crate::error::Class;
use crate::imap::ImapError;
use crate::model::uid::Uid;
use std::collections::BTreeMap;

/// How often a line must fall at a message that was asked for alone: once may be chance.
const FALLS: u32 = 2;

/// What one side does not give of a folder.
#[derive(Debug, Default)]
pub(super) struct Refusals {
    refused: BTreeMap<Uid, String>,
    /// Lines that fell at messages that were asked for alone.
    falls: BTreeMap<Uid, u32>,
    /// A line fell while bodies of this page came: the first that is owed is asked for alone.
    fell: bool,
    /// What was read of the page that is under way, so that a lost line costs no second reading.
    pub(super) read: BTreeMap<Uid, Read>,
}

impl Refusals {
    /// Returns why the content of a message is not given; `None` when it may be.
    pub(super) fn of(&self, uid: Uid) -> Option<&str> {
        self.refused.get(&uid).map(String::as_str)
    }

    /// Grows with everything that need not be asked for again.
    pub(super) fn known(&self) -> usize {
        self.refused.len() + self.read.len()
    }

    /// Tells, once, whether the next message is asked for alone.
    pub(super) fn fell(&mut self) -> bool {
        std::mem::take(&mut self.fell)
    }

    /// A page is done.
    pub(super) fn next_page(&mut self) {
        self.fell = false;
        self.falls.clear();
        self.read.clear();
    }

    /// Takes a failure of a FETCH, with what it asked for and did not get. It is given back when it
    /// is not about these messages, or when the connection is of no more use.
    pub(super) fn take(
        &mut self,
        error: ImapError,
        asked: &[Uid],
        owed: &[Uid],
    ) -> Result<(), ImapError> {
        let class = catalogue::class(&error);
        let only = match asked {
            [only] => Some(*only),
            _ => None,
        };
        if error.loses_connection() {
            if class != Class::Throttle && !owed.is_empty() {
                self.fell = true;
                if let Some(uid) = only {
                    let falls = self.falls.entry(uid).or_default();
                    *falls += 1;
                    if *falls >= FALLS {
                        self.refused.insert(uid, words(&error));
                    }
                }
            }
            return Err(error);
        }
        // Dovecot says SERVERBUG of a message that it cannot read.
        let bug = error.is_answer() && error.response_code().as_deref() == Some("SERVERBUG");
        let about_it = bug || matches!(class, Class::Message | Class::Folder | Class::Bug);
        if owed.is_empty() || (error.is_answer() && !about_it) {
            return Err(error);
        }
        if let Some(uid) = only {
            self.refused.insert(uid, words(&error));
        }
        Ok(())
    }
}

fn words(error: &ImapError) -> String {
    error.words().unwrap_or_else(|| error.to_string())
}
