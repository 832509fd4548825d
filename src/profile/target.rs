//! One destination mailbox: its profile, with what the migration plan and the server say.

use super::{Profile, by_name, told};
use crate::message::rules::Rules;
use crate::message::transform::Transform;
use crate::model::server::Told;
use crate::model::size::Size;
use std::collections::BTreeSet;

/// What holds for one destination mailbox.
#[derive(Clone, Debug)]
pub struct Target {
    /// The profile that counts.
    pub profile: &'static Profile,
    /// The profile that the server's own words speak for.
    pub told: &'static Profile,
    /// Octets of the largest message.
    pub message_size: Option<u64>,
    /// What its messages need.
    pub rules: Rules,
}

impl Target {
    /// Brings together what the migration plan wants (`profile`, `limit`, `allowed` transforms)
    /// and what the server told. The migration plan counts first, then the server, then the
    /// profile.
    pub fn new(
        profile: Option<&str>,
        limit: Option<Size>,
        allowed: Option<&BTreeSet<String>>,
        server: Option<&Told>,
        capabilities: &BTreeSet<String>,
    ) -> Self {
        let told = told(server.and_then(|server| server.identity.as_ref()), capabilities);
        let profile = profile.and_then(by_name).unwrap_or(told);
        let binary = profile.keeps_literal8 && capabilities.contains("BINARY");
        let needs: Vec<Transform> = profile
            .needs
            .iter()
            .map(|need| match need {
                Transform::NulOctets if binary => Transform::HeaderNulOctets,
                need => *need,
            })
            .collect();
        let mut rules = Rules::new(&needs, allowed);
        if profile.refuses_invalid_header {
            rules = rules.without_invalid_headers();
        }
        if binary {
            rules = rules.with_literal8();
        }
        let message_size = limit
            .map(|limit| limit.0)
            .or_else(|| append_limit(capabilities))
            .or_else(|| server.and_then(|server| server.append_limit))
            .or(profile.message_size);
        Self { profile, told, message_size, rules }
    }

    /// Tells whether the migration plan names another product than the server.
    pub fn disagrees(&self) -> bool {
        self.told.name != "generic" && self.told.name != self.profile.name
    }
}

impl Default for Target {
    fn default() -> Self {
        Self::new(None, None, None, None, &BTreeSet::new())
    }
}

/// Reads `APPENDLIMIT=N`, RFC 7889 section 3: the same limit for every mailbox.
fn append_limit(capabilities: &BTreeSet<String>) -> Option<u64> {
    capabilities.iter().find_map(|word| word.strip_prefix("APPENDLIMIT=")?.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::server::Identity;

    fn words(words: &[&str]) -> BTreeSet<String> {
        words.iter().map(|&word| word.to_owned()).collect()
    }

    fn server(name: &str) -> Told {
        let identity = Identity { name: name.to_owned(), version: None };
        Told { identity: Some(identity), append_limit: Some(7) }
    }

    #[test]
    fn the_plan_counts_before_the_server_and_the_server_before_the_profile() {
        let cyrus = server("Cyrus IMAPD");
        let limit = words(&["APPENDLIMIT=9"]);
        let size = |profile, limit, capabilities: &BTreeSet<String>, server| {
            Target::new(profile, limit, None, server, capabilities).message_size
        };
        assert_eq!(size(None, Some(Size(5)), &limit, Some(&cyrus)), Some(5));
        assert_eq!(size(None, None, &limit, Some(&cyrus)), Some(9));
        assert_eq!(size(None, None, &words(&[]), Some(&cyrus)), Some(7));
        assert_eq!(size(None, None, &words(&[]), None), None);
        assert_eq!(size(Some("exchange-online"), None, &words(&[]), None), Some(35 << 20));
        let target = Target::new(Some("dovecot"), None, None, Some(&cyrus), &words(&[]));
        assert!(target.disagrees() && target.profile.name == "dovecot");
        assert!(!Target::new(Some("dovecot"), None, None, None, &words(&[])).disagrees());
    }

    #[test]
    fn only_where_binary_is_offered_nul_stays_in_the_body() {
        let cyrus = server("Cyrus IMAPD");
        let needs = |words: &BTreeSet<String>| {
            Target::new(None, None, None, Some(&cyrus), words).rules.transforms()
        };
        assert!(needs(&words(&["BINARY"])).contains(&Transform::HeaderNulOctets));
        assert!(needs(&words(&[])).contains(&Transform::NulOctets));
    }
}
