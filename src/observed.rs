//! What was seen in the world: source, destination and DNS.
//!
//! No secrets and no mail content. Everything that could fail is a [`Reading`].

use crate::model::address::{Address, Domain};
use crate::model::flags::{Flags, PermanentFlags};
use crate::model::folder::{FolderPath, SpecialUse};
use crate::model::reading::Reading;
use crate::model::records::{Mx, RecordSet};
use crate::model::server::Told;
use crate::model::shape::Shape;
use crate::model::uid::{Uid, UidValidity};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// One look at everything that the migration plan names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Observed {
    /// By the address that the migration plan gives the mailbox.
    pub source: BTreeMap<Address, Reading<MailboxState>>,
    /// By the address at the destination.
    pub destination: BTreeMap<Address, Reading<MailboxState>>,
    /// By zone.
    pub dns: BTreeMap<Domain, Reading<ZoneState>>,
    /// What the tenant's directory says of zones, where the destination is one.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub directory: BTreeMap<Domain, Reading<DomainState>>,
}

/// A domain in the directory of a tenant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DomainState {
    /// Somebody proved to the tenant that the domain is theirs: mail for it is taken.
    pub verified: bool,
    /// The TXT records of which one proves it; empty when it is proven already.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub verification: Vec<String>,
    /// What DNS shall say for the tenant's mail service; absent when the tenant names nothing.
    pub records: Reading<ServiceRecords>,
}

/// What DNS shall say for a mail service.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceRecords {
    /// The MX set; empty when none was named.
    pub mx: BTreeSet<Mx>,
    /// The SPF record of a domain that sends through it alone.
    pub spf: Option<String>,
    /// The target of the CNAME `autodiscover`, lower case without final dot.
    pub autodiscover: Option<String>,
}

/// A mailbox as one signed-in connection sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MailboxState {
    /// The words of CAPABILITY after the sign-in, in upper case.
    pub capabilities: BTreeSet<String>,
    /// What the server told of itself; only destinations are asked.
    #[serde(default, skip_serializing_if = "crate::observed::is_nothing")]
    pub told: Told,
    /// Personal namespace prefix and hierarchy separator, RFC 2342.
    pub namespace: Reading<Namespace>,
    /// Every folder that LIST names, by decoded path.
    pub folders: BTreeMap<FolderPath, Reading<FolderState>>,
    /// Folders with a special use, RFC 6154, by what LIST said; complete also where more of a
    /// folder could not be read.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub special_uses: BTreeMap<FolderPath, SpecialUse>,
    /// The quota root of the INBOX, RFC 9208; absent when the server has none.
    pub quota: Reading<Quota>,
}

fn is_nothing(told: &Told) -> bool {
    *told == Told::default()
}

/// The personal namespace, RFC 2342.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Namespace {
    /// What every name starts with, decoded; often empty, `INBOX.` on some servers.
    pub prefix: String,
    /// `None` when the server has no hierarchy.
    pub separator: Option<char>,
}

/// Storage of a quota root.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Quota {
    /// Octets in use; servers tell units of 1,024.
    pub used: u64,
    /// Octets allowed; `None` when storage is not limited.
    pub limit: Option<u64>,
}

/// A folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FolderState {
    /// The name on the wire, ASCII with `\xNN`; for people and as the key to find it again.
    pub name: String,
    /// In the subscription list.
    pub subscribed: bool,
    /// `None` for a folder that cannot be selected (`\Noselect`, `\NonExistent`).
    pub contents: Option<FolderContents>,
    /// `\NonExistent`: nothing but a part of the names below, RFC 5258 section 3.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub non_existent: bool,
    /// LIST names it like a folder, and the server says that there is none of this name.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub denied: bool,
    /// `\Noinferiors`: there can be no folders below, RFC 3501 section 7.2.2.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub no_inferiors: bool,
}

/// What a folder that can be selected holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FolderContents {
    /// UIDVALIDITY.
    pub uid_validity: UidValidity,
    /// UIDNEXT.
    pub uid_next: Uid,
    /// Number of messages.
    pub messages: u32,
    /// Sum of RFC822.SIZE in octets; an estimate of what a copy moves.
    pub bytes: Option<u64>,
    /// HIGHESTMODSEQ, RFC 7162, where the server keeps one.
    pub highest_modseq: Option<u64>,
    /// Flags and keywords that the folder knows.
    pub flags: Flags,
    /// What it lets a client store. Known at the destination only, where a folder may be selected
    /// for writing.
    pub permanent_flags: Option<PermanentFlags>,
    /// What its messages look like. Known only of folders of the source that were listed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shape: Option<Shape>,
}

/// A DNS zone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ZoneState {
    /// Each authoritative server by its name or address, asked directly and without recursion.
    pub authoritative: BTreeMap<String, Reading<ZoneView>>,
    /// What recursive resolvers answer, by their address.
    pub resolvers: BTreeMap<String, Reading<ZoneView>>,
}

/// The records of interest as one server gives them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ZoneView {
    /// MX at the zone's name.
    pub mx: Reading<RecordSet<Mx>>,
    /// NS at the zone's name; hosts in lower case without the final dot.
    pub ns: Reading<RecordSet<String>>,
    /// TXT at the zone's name, the strings of each record joined.
    pub txt: Reading<RecordSet<String>>,
    /// CNAME by the full name that was asked for (`autodiscover.acme.example`).
    pub cname: BTreeMap<String, Reading<RecordSet<String>>>,
}
