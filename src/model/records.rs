//! DNS records as mailferry compares them.

use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt;

/// One MX record, RFC 5321 section 5.1.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Mx {
    /// Lower is tried first.
    pub preference: u16,
    /// The host in lower case, without the final dot; `.` for a null MX, RFC 7505.
    pub host: String,
}

/// All records of one name and type, the unit of change in DNS.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordSet<T: Ord> {
    /// Seconds; the largest when a server gave several.
    pub ttl: u32,
    /// The records, without order.
    pub records: BTreeSet<T>,
}

impl fmt::Display for Mx {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host == "." {
            return write!(f, "{} .", self.preference);
        }
        write!(f, "{} {}.", self.preference, self.host)
    }
}
