//! What is known of the products that mail goes to. Tables, and pure functions over them.
//!
//! A fact that was measured says with which version; one that others published says so too. A
//! profile whose facts are taken from others alone has version 0.

mod cyrus;
mod dovecot;
mod exchange_online;
mod generic;
pub mod names;
pub mod target;

use crate::message::transform::Transform;
use crate::model::flags::{Flags, PermanentFlags};
use crate::model::server::Identity;
use names::Names;
use std::collections::BTreeSet;

/// What one product takes, drops and rewrites.
#[derive(Debug)]
pub struct Profile {
    /// `dovecot`, `cyrus`, `exchange-online` or `generic`: the word in the migration plan.
    pub name: &'static str,
    /// With its version, as plans and evidence show it. Version 0 is assumed from published facts
    /// and was measured by nobody here.
    pub label: &'static str,
    /// Octets of the largest message that it takes when neither the migration plan nor the server
    /// says more.
    pub message_size: Option<u64>,
    /// Transforms without which a message would be refused or stored changed.
    pub needs: &'static [Transform],
    /// It refuses a message whose header has a line without a field name.
    pub refuses_invalid_header: bool,
    /// It keeps NUL in a body that comes as a literal8, RFC 3516, where it offers BINARY.
    pub keeps_literal8: bool,
    /// It stores keywords that it does not list.
    pub keywords: bool,
    /// Flags that PERMANENTFLAGS lists and that had better not be sent.
    pub drops: &'static [&'static str],
    /// Flags that it forgets when they come with APPEND, so that they follow by STORE.
    pub store_again: &'static [&'static str],
    /// What it holds against names of folders.
    pub names: Names,
    /// Folders of its own that hold no mail, by the first part of their path.
    pub no_mail: &'static [&'static str],
    /// CREATE makes what is missing above the new folder as well; where it is not known, names above
    /// are declared when the server refuses.
    pub makes_superiors: bool,
    /// It stores something else than the octets that were sent: proof needs a digest of the
    /// content instead of the octets.
    pub rewrites: bool,
    /// APPENDs in flight at the start of a connection.
    pub window: u16,
    /// It closes a connection at this error.
    pub errors: Option<u16>,
}

/// All profiles.
pub const ALL: [&Profile; 4] =
    [&dovecot::PROFILE, &cyrus::PROFILE, &exchange_online::PROFILE, &generic::PROFILE];

/// Returns the profile of a name in the migration plan.
pub fn by_name(name: &str) -> Option<&'static Profile> {
    ALL.into_iter().find(|profile| profile.name == name)
}

/// Returns the profile that a server's own words speak for: its answer to ID, RFC 2971, or else
/// capabilities that no other product has.
pub fn told(identity: Option<&Identity>, capabilities: &BTreeSet<String>) -> &'static Profile {
    let name = identity.map(|identity| identity.name.to_ascii_lowercase()).unwrap_or_default();
    // Cyrus says `Cyrus IMAPD`; Exchange Online `Microsoft.Exchange.Imap4.Imap4Server`.
    if name.contains("dovecot") {
        return &dovecot::PROFILE;
    }
    if name.contains("cyrus") {
        return &cyrus::PROFILE;
    }
    // In the CAPABILITY of outlook.office365.com that RainLoop's issue 686 and MailKit's issue
    // 1282 show, and of no other server.
    let words = ["BACKENDAUTHENTICATE", "CLIENTACCESSRULES"];
    if name.contains("microsoft.exchange") || words.iter().any(|word| capabilities.contains(*word))
    {
        return &exchange_online::PROFILE;
    }
    &generic::PROFILE
}

impl Profile {
    /// Returns what may be stored of what a folder says it stores.
    pub fn permanent(&self, told: &PermanentFlags) -> PermanentFlags {
        PermanentFlags {
            flags: told.flags.minus(&Flags::from_words(self.drops)),
            any_keyword: told.any_keyword && self.keywords,
        }
    }

    /// Splits flags into those that go with APPEND and those that follow by STORE.
    pub fn at_append(&self, flags: &Flags) -> (Flags, Flags) {
        let first = flags.minus(&Flags::from_words(self.store_again));
        let later = flags.minus(&first);
        (first, later)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(name: &str) -> Identity {
        Identity { name: name.to_owned(), version: None }
    }

    #[test]
    fn a_server_is_known_by_its_own_words() {
        use super::told as by_words;
        let told = |name, words: &[&str]| {
            let words = words.iter().map(|&word| word.to_owned()).collect();
            by_words(Some(&identity(name)), &words).name
        };
        assert_eq!(told("Dovecot", &[]), "dovecot");
        assert_eq!(told("Cyrus IMAPD", &[]), "cyrus");
        assert_eq!(told("Microsoft.Exchange.Imap4.Imap4Server", &[]), "exchange-online");
        assert_eq!(told("", &["IMAP4REV1", "BACKENDAUTHENTICATE"]), "exchange-online");
        assert_eq!(told("Another", &["IMAP4REV1"]), "generic");
        assert_eq!(by_words(None, &BTreeSet::new()).name, "generic");
    }

    #[test]
    fn names_and_labels_are_told_apart() {
        let names: BTreeSet<_> = ALL.iter().map(|profile| profile.name).collect();
        let labels: BTreeSet<_> = ALL.iter().map(|profile| profile.label).collect();
        assert_eq!((names.len(), labels.len()), (ALL.len(), ALL.len()));
        assert!(ALL.iter().all(|profile| by_name(profile.name).is_some()));
    }

    #[test]
    fn flags_that_are_forgotten_follow() {
        let exchange = by_name("exchange-online").unwrap();
        let permanent = PermanentFlags {
            flags: Flags::from_words(["\\Seen", "\\Flagged", "$MDNSent"]),
            any_keyword: false,
        };
        assert_eq!(exchange.permanent(&permanent).flags.to_string(), "\\Flagged \\Seen");
        let (first, later) = exchange.at_append(&Flags::from_words(["\\Seen", "\\Flagged"]));
        assert_eq!(
            (first.to_string().as_str(), later.to_string().as_str()),
            ("\\Seen", "\\Flagged")
        );
    }
}
