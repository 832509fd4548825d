//! Mail addresses and domains.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;

/// A domain name in lower case without a final dot; A-labels (`xn--…`) are kept as written.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Domain(String);

/// The address of a mailbox, `local@domain`, RFC 5321 section 4.1.2.
///
/// Both parts are kept in lower case: neither Rackspace nor Exchange tells `Ada@` from `ada@`, and
/// two mailboxes that differ in case only are one. Quoted local parts are refused.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address {
    text: String,
    at: usize,
}

impl Domain {
    /// Returns the name without a final dot.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Address {
    /// Returns `local@domain`.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns what stands before the `@`.
    pub fn local(&self) -> &str {
        self.text.get(..self.at).unwrap_or_default()
    }

    /// Returns the domain.
    pub fn domain(&self) -> Domain {
        Domain(self.text.get(self.at + 1..).unwrap_or_default().to_owned())
    }
}

impl FromStr for Domain {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let name = text.strip_suffix('.').unwrap_or(text).to_lowercase();
        if name.is_empty() || name.len() > 253 {
            return Err(format!("`{text}` is not a domain: 1 to 253 characters are allowed"));
        }
        for label in name.split('.') {
            let fits = !label.is_empty()
                && label.len() <= 63
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.chars().all(|c| c.is_alphanumeric() || c == '-' || c == '_');
            if !fits {
                return Err(format!("`{text}` is not a domain: `{label}` is not a valid label"));
            }
        }
        Ok(Self(name))
    }
}

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let Some((local, domain)) = text.rsplit_once('@') else {
            return Err(format!("`{text}` is not an address: it has no `@`"));
        };
        let allowed = |c: char| c.is_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.".contains(c);
        if local.is_empty() || local.len() > 64 || !local.chars().all(allowed) {
            return Err(format!(
                "`{text}` is not an address: `{local}` cannot stand before the `@`"
            ));
        }
        let domain: Domain = domain.parse()?;
        let local = local.to_lowercase();
        Ok(Self { at: local.len(), text: format!("{local}@{domain}") })
    }
}

macro_rules! text_form {
    ($type:ty) => {
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }
        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

text_form!(Domain);
text_form!(Address);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_kept_in_lower_case() {
        let address: Address = "Ada@ACME.example".parse().unwrap();
        assert_eq!(address.as_str(), "ada@acme.example");
        assert_eq!(address.local(), "ada");
        assert_eq!(address.domain().as_str(), "acme.example");
    }

    #[test]
    fn what_is_no_address_is_refused_with_its_reason() {
        for (text, reason) in [
            ("ada", "no `@`"),
            ("@acme.example", "before the `@`"),
            ("a b@acme.example", "before the `@`"),
            ("ada@", "1 to 253"),
            ("ada@acme..example", "valid label"),
        ] {
            let error = text.parse::<Address>().unwrap_err();
            assert!(error.contains(reason), "{text}: {error}");
        }
    }
}
