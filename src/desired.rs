//! What the migration plan means: defaults of the products filled in, nothing observed yet.

use crate::model::address::{Address, Domain};
use crate::model::date_range::MessageChoice;
use crate::model::digest::Digest;
use crate::model::folder::{FolderPath, SpecialUse};
use crate::model::hours::Pacing;
use crate::model::position::Position;
use crate::model::records::Mx;
use crate::model::sampling::Sampling;
use crate::model::server::{Endpoint, Told};
use crate::model::share::Share;
use crate::model::size::Size;
use crate::profile::target::Target;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

mod mapping;

/// Mailboxes that are copied, looked at or verified together; each takes one connection on a side
/// at a time at least. Memory is bounded by this times the window.
pub const MAILBOXES: u16 = 4;

/// The whole migration as the user wants it.
#[derive(Clone, Debug)]
pub struct Desired {
    /// `name` of the migration plan.
    pub name: String,
    /// The digest over the migration plan, its includes and its CSV files, password columns and
    /// secret files left out. It binds a saved plan to what was reviewed.
    pub document: Digest,
    /// Where mail is read.
    pub source: Side,
    /// Where mail is written.
    pub destination: Side,
    /// The tenant and the app that signs in, when the destination is Microsoft 365.
    pub microsoft365: Option<Microsoft365>,
    /// By the address in the migration plan.
    pub mailboxes: BTreeMap<Address, DesiredMailbox>,
    /// How folders are mapped, for all mailboxes.
    pub folders: FolderPolicy,
    /// How fast and when mail is copied.
    pub pacing: Pacing,
    /// DNS zones with what they shall hold.
    pub zones: BTreeMap<Domain, DesiredZone>,
    /// Recursive resolvers to ask, `address:port`; the system's when empty.
    pub resolvers: Vec<std::net::SocketAddr>,
    /// Acknowledged guards.
    pub acknowledged: Vec<Acknowledgement>,
    /// Which bodies `verify` reads again, when its command line does not say.
    pub sample: Sampling,
    /// How messages are compared that are there with other octets; when left out, as the
    /// destination's profile says.
    pub compare: Option<Compare>,
}

/// What two messages must have in common to be equal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compare {
    /// Their octets.
    Bytes,
    /// Their octets, or else what they say under the profile of [`crate::message::canonical`].
    Canonical,
}

impl Compare {
    /// Returns what counts for a destination: what the migration plan says, else what a server
    /// that rewrites messages, or does not, leaves to compare.
    pub fn of(wanted: Option<Self>, rewrites: bool) -> Self {
        wanted.unwrap_or(if rewrites { Self::Canonical } else { Self::Bytes })
    }
}

/// One side of the migration.
#[derive(Clone, Debug)]
pub struct Side {
    /// `rackspace-email`, `microsoft-365` or `imap`.
    pub product: String,
    /// The IMAP server.
    pub endpoint: Endpoint,
    /// Connections to the server at once, all mailboxes together.
    pub connections: u16,
    /// Connections for one mailbox at once.
    pub connections_per_mailbox: u16,
    /// The largest message that the destination takes; what its profile says when `None`.
    pub message_size: Option<Size>,
    /// The profile of the destination by its name; what the server tells when `None`.
    pub profile: Option<String>,
    /// Names of the changes that may be made to messages; what the destination's profile needs
    /// when `None`.
    pub transforms: Option<BTreeSet<String>>,
}

impl Side {
    /// Returns what holds for a destination that told this.
    pub fn target(&self, told: Option<&Told>, capabilities: &BTreeSet<String>) -> Target {
        let (profile, allowed) = (self.profile.as_deref(), self.transforms.as_ref());
        Target::new(profile, self.message_size, allowed, told, capabilities)
    }
}

/// A tenant of Microsoft 365 and the app that acts in it: names only, never a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Microsoft365 {
    /// The tenant's identifier or one of its domains, in lower case.
    pub tenant: String,
    /// The app's identifier, in lower case.
    pub client_id: String,
    /// Where the app's secret comes from.
    pub secret: SecretRef,
    /// PEM file with the private CA of what stands for Microsoft's own hosts in a rehearsal or a
    /// test; a migration plan cannot say it.
    pub ca: Option<std::path::PathBuf>,
}

/// One mailbox to move.
#[derive(Clone, Debug)]
pub struct DesiredMailbox {
    /// The address at the source.
    pub source: Address,
    /// The address at the destination.
    pub destination: Address,
    /// How to sign in at the source.
    pub source_login: Login,
    /// How to sign in at the destination.
    pub destination_login: Login,
    /// Folders of this mailbox that stay behind, besides those of the policy.
    pub exclude: Vec<Pattern>,
    /// Which messages are copied, and in which order.
    pub messages: MessageChoice,
    /// Where the mailbox stands in the migration plan.
    pub position: Position,
}

/// How to sign in: names only, never a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    /// The mechanism and the names.
    pub style: LoginStyle,
    /// Where the password comes from.
    pub secret: SecretRef,
}

/// The ways to sign in that mailferry knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LoginStyle {
    /// `LOGIN user password`. Dovecot's `user*master` is written out in `user`.
    Login {
        /// The name that is sent.
        user: String,
    },
    /// SASL PLAIN with an authorization identity, RFC 4616.
    PlainAs {
        /// The mailbox to act as.
        authorization: String,
        /// The administrator who signs in.
        authentication: String,
    },
    /// XOAUTH2 with a token of the app that [`Desired::microsoft365`] names; the secret of the
    /// log-in is the app's.
    XOAuth2 {
        /// The mailbox whose mail is wanted.
        user: String,
    },
}

/// A reference to a secret; the value is read only when a connection needs it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SecretRef {
    /// An environment variable.
    Env(String),
    /// A file; its first line is the secret.
    File(std::path::PathBuf),
    /// A program and its arguments, run without a shell; the first line of its output is the
    /// secret. Allowed only from outside the migration plan.
    Command(Vec<String>),
    /// The password column of a CSV file.
    Csv {
        /// The file.
        file: std::path::PathBuf,
        /// The row, the header being row 1.
        row: usize,
    },
}

/// Which folders go where.
#[derive(Clone, Debug, Default)]
pub struct FolderPolicy {
    /// Exact path at the source → path at the destination; folders below move along. The longest
    /// match wins.
    pub map: BTreeMap<FolderPath, (FolderPath, Option<Position>)>,
    /// By special use, for folders that no entry of `map` names.
    pub by_use: BTreeMap<SpecialUse, FolderPath>,
    /// Tried in order on the text form of the path, after `map`.
    pub rules: Vec<FolderRule>,
    /// Where folders of the source's product belong at that of the destination when the migration
    /// plan says nothing of them; those below move along.
    pub usual: BTreeMap<FolderPath, FolderPath>,
    /// Folders that stay behind.
    pub exclude: Vec<Pattern>,
    /// Destinations that may take several source folders.
    pub merge: BTreeSet<FolderPath>,
    /// Characters that the destination cannot store in a name, with their replacement.
    pub characters: BTreeMap<char, String>,
    /// What happens to the copies of messages that moved at the source.
    pub moves: Moves,
    /// What happens to the copies of messages that vanished at the source.
    pub deletions: Deletions,
}

/// What happens to the copy of a message that vanished at the source after it was copied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Deletions {
    /// It stays.
    #[default]
    Ignore,
    /// It is removed, when it is there as we left it; more than this share of a folder at once only
    /// after an acknowledgement.
    Propagate(Share),
}

/// What happens to the copy of a message that moved at the source after it was copied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Moves {
    /// It is moved at the destination as well, when it is there as we left it.
    #[default]
    Follow,
    /// It stays where it is, and is accounted for as being in another folder.
    Leave,
}

/// A regular expression over the text form of a path.
#[derive(Clone, Debug)]
pub struct FolderRule {
    /// Matches the whole or a part, as written.
    pub pattern: regex::Regex,
    /// With `$1` for groups.
    pub to: String,
    /// In the migration plan.
    pub position: Position,
}

/// A glob over the text form of a path: `*` within a component, `**` across.
#[derive(Clone, Debug)]
pub struct Pattern {
    /// As written.
    pub text: String,
    /// Compiled.
    pub glob: globset::GlobMatcher,
    /// In the migration plan.
    pub position: Position,
}

/// What the policy says about one folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mapped {
    /// It goes there.
    To {
        /// The path at the destination.
        path: FolderPath,
        /// Which rule said so, when it was not the folder's own name.
        position: Option<Position>,
    },
    /// It stays behind.
    Excluded {
        /// The pattern that said so.
        position: Position,
    },
    /// A rule gives something that is no folder path.
    Invalid {
        /// Why.
        reason: String,
        /// The rule.
        position: Option<Position>,
    },
}

/// What a zone shall hold; `None` is unmanaged.
#[derive(Clone, Debug, Default)]
pub struct DesiredZone {
    /// The MX set.
    pub mx: Option<(Wish<BTreeSet<Mx>>, Position)>,
    /// The one SPF record, RFC 7208, in full; or the tenant's, merged into the one that is there.
    pub spf: Option<(Wish<String>, Position)>,
    /// CNAME target of `autodiscover`, lower case without final dot.
    pub autodiscover: Option<(Wish<String>, Position)>,
    /// Authoritative servers to ask, `address:port`; found by NS when empty.
    pub servers: Vec<std::net::SocketAddr>,
    /// Where the zone stands in the migration plan.
    pub position: Option<Position>,
}

/// What a record set shall hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wish<T> {
    /// Exactly this.
    Exactly(T),
    /// What the tenant's directory says.
    Microsoft365,
}

impl DesiredZone {
    /// Tells whether something here is what the tenant's directory says.
    pub fn asks_the_directory(&self) -> bool {
        matches!(self.mx, Some((Wish::Microsoft365, _)))
            || matches!(self.spf, Some((Wish::Microsoft365, _)))
            || matches!(self.autodiscover, Some((Wish::Microsoft365, _)))
    }
}

/// An acknowledgement in the migration plan: it covers exactly this guard with this content.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acknowledgement {
    /// For example `G301`.
    pub code: String,
    /// The object that the guard names.
    pub object: String,
    /// The first twelve digits of the digest over what the guard covers.
    pub digest: String,
    /// In the migration plan.
    pub position: Position,
}
