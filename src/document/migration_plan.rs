//! The keys of the migration plan. The descriptions go into its JSON Schema.

use super::mx_set::MxSet;
use super::spanned::{Entries, Field, Items, Parsed};
use crate::model::address::{Address, Domain};
use crate::model::date_range::Day;
use crate::model::folder::FolderPath;
use crate::model::hours::Clockwise;
use crate::model::server::TlsMode;
use crate::model::size::Size;
use schemars::JsonSchema;
use serde::Deserialize;
use std::net::SocketAddr;

/// What is to be moved, from where, to where and how. Omitted is unmanaged; an empty list is
/// explicit.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(
    title = "mailferry migration plan",
    extend("required" = ["version", "name", "domains", "source", "destination", "mailboxes"])
)]
pub(super) struct MigrationPlan {
    /// The version of this format: 1.
    #[schemars(range(min = 1, max = 1))]
    pub(super) version: Field<u16>,
    /// A short name for the migration: letters, digits, `-`, `_` and `.`.
    pub(super) name: Field<String>,
    /// The domains whose mailboxes move. An address of another domain is an error.
    pub(super) domains: Field<Items<Parsed<Domain>>>,
    /// Further files, relative to this one. They hold domains, secrets, mailboxes, folders
    /// (map, merge, rules, exclude), zones and acknowledgements, which are added to those here.
    pub(super) include: Field<Items<String>>,
    /// The only place where secrets are named. A secret itself never stands in a migration plan.
    pub(super) secrets: Field<Entries<Secret>>,
    /// Where mail is read.
    pub(super) source: Field<Source>,
    /// Where mail is written.
    pub(super) destination: Field<Destination>,
    /// Which folder goes where.
    pub(super) folders: Field<Folders>,
    /// Which messages are copied, and in which order.
    pub(super) messages: Field<Messages>,
    /// How fast and when mail is copied.
    pub(super) limits: Field<CopyLimits>,
    /// The mailboxes to move.
    pub(super) mailboxes: Field<Items<Mailbox>>,
    /// What DNS shall say when the migration is over.
    pub(super) dns: Field<Dns>,
    /// How the result is checked.
    pub(super) checks: Field<Checks>,
    /// Guards that a person has read and accepted, as `plan` prints them.
    pub(super) acknowledge: Field<Items<Acknowledge>>,
}

/// Where a secret comes from; exactly one of the three.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Secret {
    /// An environment variable.
    pub(super) env: Field<String>,
    /// A file, relative to the migration plan; its first line is the secret.
    pub(super) file: Field<String>,
    /// A program and its arguments, run without a shell; the first line of its output is the
    /// secret. Runs only when allowed outside the migration plan.
    pub(super) command: Field<Items<String>>,
}

/// The side that mail is read from. Nothing is ever changed there.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["product"]))]
pub(super) struct Source {
    /// `rackspace-email` fills in secure.emailsrvr.com, port 993, TLS from the start.
    pub(super) product: Field<SourceProduct>,
    /// The IMAP server.
    pub(super) imap: Field<Imap>,
    /// One log-in for all mailboxes, where the server has such a thing.
    pub(super) login: Field<AdminLogin>,
    /// Passwords of the mailboxes in a file.
    pub(super) passwords: Field<Passwords>,
    /// How much at once.
    pub(super) limits: Field<Limits>,
}

/// The side that mail is written to.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["product"]))]
pub(super) struct Destination {
    /// `microsoft-365` fills in outlook.office365.com, port 993, TLS from the start.
    pub(super) product: Field<DestinationProduct>,
    /// With `microsoft-365`: the tenant, by its identifier or one of its domains.
    pub(super) tenant: Field<String>,
    /// With `microsoft-365`: the app that signs in to every mailbox.
    pub(super) app: Field<App>,
    /// What the server is, when it does not tell or tells something else: decides what it takes,
    /// what is changed for it and how folders are named there.
    pub(super) profile: Field<DestinationProfile>,
    /// The IMAP server.
    pub(super) imap: Field<Imap>,
    /// One log-in for all mailboxes, where the server has such a thing.
    pub(super) login: Field<AdminLogin>,
    /// Passwords of the mailboxes in a file.
    pub(super) passwords: Field<Passwords>,
    /// How much at once.
    pub(super) limits: Field<DestinationLimits>,
}

/// Products that mail can be read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum SourceProduct {
    /// Rackspace Email.
    RackspaceEmail,
    /// Any IMAP server.
    Imap,
}

/// Products that mail can be written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum DestinationProduct {
    /// Exchange Online in a tenant of Microsoft 365.
    #[serde(rename = "microsoft-365")]
    Microsoft365,
    /// Any IMAP server.
    Imap,
}

/// An app registration of Microsoft Entra that may read and write every mailbox that moves.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["client_id", "secret"]))]
pub(super) struct App {
    /// The application (client) identifier of the app registration.
    pub(super) client_id: Field<String>,
    /// A name under `secrets`: the app's client secret.
    pub(super) secret: Field<String>,
}

/// Servers whose habits are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum DestinationProfile {
    /// Dovecot.
    Dovecot,
    /// Cyrus IMAP.
    Cyrus,
    /// Exchange Online, from published facts.
    ExchangeOnline,
    /// Another server.
    Generic,
}

/// An IMAP server.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Imap {
    /// A host name or an IP address. Its certificate must be for it.
    pub(super) host: Field<String>,
    /// 993 with `tls: implicit`, else 143, when left out.
    #[schemars(range(min = 1))]
    pub(super) port: Field<u16>,
    /// `implicit` when left out. `none` is for loopback addresses only.
    pub(super) tls: Field<TlsMode>,
    /// A PEM file with the private CA that signed the server's certificate, relative to the
    /// migration plan. The system's trust store counts when left out.
    pub(super) ca: Field<String>,
}

/// An administrator who may sign in to every mailbox.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["admin", "secret", "style"]))]
pub(super) struct AdminLogin {
    /// The administrator's name.
    pub(super) admin: Field<String>,
    /// A name under `secrets`.
    pub(super) secret: Field<String>,
    /// How the server wants it.
    pub(super) style: Field<AdminStyle>,
}

/// How an administrator signs in to a mailbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum AdminStyle {
    /// LOGIN with `mailbox*admin`, as Dovecot's master users do.
    MasterUser,
    /// SASL PLAIN with the mailbox as authorization identity, RFC 4616.
    SaslPlain,
}

/// A CSV file with passwords.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["csv"]))]
pub(super) struct Passwords {
    /// A file with the header `EmailAddress,UserName,Password`, relative to the migration plan,
    /// that git does not track and nobody else can read (mode 0600).
    pub(super) csv: Field<String>,
}

/// How much at once.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Limits {
    /// Connections to the server, all mailboxes together; 10 when left out.
    #[schemars(range(min = 1))]
    pub(super) connections: Field<u16>,
    /// Connections for one mailbox; 2 when left out.
    #[schemars(range(min = 1))]
    pub(super) connections_per_mailbox: Field<u16>,
}

/// How much at once, and what the destination takes.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct DestinationLimits {
    /// Connections to the server, all mailboxes together; 10 when left out.
    #[schemars(range(min = 1))]
    pub(super) connections: Field<u16>,
    /// Connections for one mailbox; 2 when left out.
    #[schemars(range(min = 1))]
    pub(super) connections_per_mailbox: Field<u16>,
    /// The largest message that the destination takes; larger ones stay behind and are named.
    pub(super) message_size: Field<Parsed<Size>>,
}

/// Which folder goes where. The first that applies: `exclude`, the folder's own entry in `map`,
/// `by_use`, the nearest folder above in `map`, `rules`, else the same path.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Folders {
    /// Path at the source: path at the destination. Folders below move along.
    pub(super) map: Field<Entries<Parsed<FolderPath>>>,
    /// By the special use that the source tells (RFC 6154), for folders that have no entry of
    /// their own in `map`. An entry of `map` never applies to a folder of another name just
    /// because it has the same use. Folders below do not move along.
    pub(super) by_use: Field<ByUse>,
    /// Destinations that may take more than one source folder.
    pub(super) merge: Field<Items<Parsed<FolderPath>>>,
    /// Regular expressions, tried in order; the first that matches changes the path.
    pub(super) rules: Field<Items<Rule>>,
    /// Folders that stay behind: `*` stands for anything within one part of the path, `**` for
    /// any number of parts. `Old/**` is what lies below `Old`, and not `Old` itself.
    pub(super) exclude: Field<Items<String>>,
    /// What happens at the destination to messages that vanish at the source: `ignore` (when left
    /// out) or `propagate`.
    pub(super) deletions: Field<Deletions>,
    /// With `propagate`: the largest share of the copied messages of a folder that goes at once
    /// without an acknowledgement, and always five; 10% when left out.
    #[schemars(with = "String", regex(pattern = "^[0-9]+ ?%$"))]
    pub(super) deletions_share: Field<String>,
    /// What happens to the copies of messages that moved at the source after they were copied:
    /// `follow` (when left out) moves them, too, where they are as they were left; `leave` does not.
    /// They are never copied a second time.
    pub(super) moves: Field<Moves>,
    /// Changes that may be made to a message that the destination could not take as it is; what
    /// the destination's profile needs when left out. One that it does not need is never made.
    /// With `[]` no message is changed: those that would need it stay behind.
    pub(super) transforms: Field<Items<Transform>>,
    /// Characters that the destination cannot store in a folder's name, with what replaces them.
    pub(super) characters: Field<Entries<String>>,
}

/// What happens to the copies of messages that moved at the source.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Moves {
    /// They are moved, too.
    Follow,
    /// They stay where they are.
    Leave,
}

/// Where the folder of a special use goes.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct ByUse {
    /// `\All`.
    pub(super) all: Field<Parsed<FolderPath>>,
    /// `\Archive`.
    pub(super) archive: Field<Parsed<FolderPath>>,
    /// `\Drafts`.
    pub(super) drafts: Field<Parsed<FolderPath>>,
    /// `\Flagged`.
    pub(super) flagged: Field<Parsed<FolderPath>>,
    /// `\Junk`.
    pub(super) junk: Field<Parsed<FolderPath>>,
    /// `\Sent`.
    pub(super) sent: Field<Parsed<FolderPath>>,
    /// `\Trash`.
    pub(super) trash: Field<Parsed<FolderPath>>,
}

/// A rule for paths.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["match", "to"]))]
pub(super) struct Rule {
    /// A regular expression over the path as it is written here. What it matches is replaced, so
    /// `^` and `$` are needed to replace all of it.
    pub(super) r#match: Field<String>,
    /// The replacement; `$1` or `${1}` stands for a group.
    pub(super) to: Field<String>,
}

/// What happens to messages that vanish at the source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Deletions {
    /// Nothing.
    Ignore,
    /// Their copies are removed: those that mailferry sent and nobody changed since.
    Propagate,
}

/// A change to a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Transform {
    /// An LF without a CR before it becomes CRLF.
    LineEnds,
    /// A NUL octet becomes 0x80, as Dovecot stores it.
    NulOctets,
    /// Raw 8-bit fields of the message's own header become encoded-words.
    #[serde(rename = "8bit-headers")]
    EightBitHeaders,
    /// Parts with lines that are too long are encoded in base64; header lines are folded.
    LongLines,
}

/// Which messages are copied, and in which order. A day is a day of UTC, and the date of
/// a message its INTERNALDATE.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Messages {
    /// In which order they are sent; `oldest-first` when left out.
    pub(super) order: Field<SendOrder>,
    /// The first day: messages of earlier days stay behind.
    pub(super) since: Field<Parsed<Day>>,
    /// The day after the last one: its messages and those of later days stay behind.
    pub(super) until: Field<Parsed<Day>>,
}

/// In which order messages are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum SendOrder {
    /// Those that came to their folder first.
    OldestFirst,
    /// Those that came to their folder last.
    NewestFirst,
}

/// How fast and when mail is copied.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct CopyLimits {
    /// Octets of messages that are sent in a second, all mailboxes together, and so about as many
    /// that are read from the source; at least 10KB.
    pub(super) bandwidth: Field<Parsed<Size>>,
    /// When mail is copied; at any time when left out.
    pub(super) hours: Field<CopyHours>,
}

/// When mail is copied.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["only", "zone"]))]
pub(super) struct CopyHours {
    /// From when to when, such as `20:00-06:00`.
    pub(super) only: Field<Parsed<Clockwise>>,
    /// The days on which the hours begin; every day when left out.
    pub(super) days: Field<Items<DayName>>,
    /// The IANA time zone of the clock, such as `Europe/Berlin`.
    pub(super) zone: Field<String>,
}

/// A day of the week.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum DayName {
    /// Monday.
    Mon,
    /// Tuesday.
    Tue,
    /// Wednesday.
    Wed,
    /// Thursday.
    Thu,
    /// Friday.
    Fri,
    /// Saturday.
    Sat,
    /// Sunday.
    Sun,
}

/// A mailbox, or a file with mailboxes.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Mailbox {
    /// The address at the source.
    pub(super) address: Field<Parsed<Address>>,
    /// The address at the destination, when it is another one.
    pub(super) destination: Field<Parsed<Address>>,
    /// Short for `source_secret`.
    pub(super) secret: Field<String>,
    /// The mailbox's own password at the source: a name under `secrets`.
    pub(super) source_secret: Field<String>,
    /// The mailbox's own password at the destination: a name under `secrets`.
    pub(super) destination_secret: Field<String>,
    /// Short for `source_user`.
    pub(super) user: Field<String>,
    /// The log-in name at the source, when it is not the address.
    pub(super) source_user: Field<String>,
    /// The log-in name at the destination, when it is not the address there.
    pub(super) destination_user: Field<String>,
    /// What is particular to this mailbox's folders.
    pub(super) folders: Field<MailboxFolders>,
    /// Which of its messages are copied, and in which order: each key replaces the one for all.
    pub(super) messages: Field<Messages>,
    /// Instead of `address`: a CSV file with a mailbox a row and the header
    /// `EmailAddress,UserName,Password`, the last two optional.
    pub(super) csv: Field<String>,
}

/// What is particular to a mailbox's folders.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct MailboxFolders {
    /// More folders that stay behind.
    pub(super) exclude: Field<Items<String>>,
}

/// What DNS shall say.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Dns {
    /// Who changes the zones.
    pub(super) provider: Field<Provider>,
    /// Recursive resolvers to ask; the system's when left out.
    pub(super) resolvers: Field<Items<Parsed<SocketAddr>>>,
    /// Zones by name.
    pub(super) zones: Field<Entries<Zone>>,
}

/// Who changes the zones.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["kind"]))]
pub(super) struct Provider {
    /// The kind of provider.
    pub(super) kind: Field<ProviderKind>,
}

/// Who changes the zones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum ProviderKind {
    /// A person; mailferry says what to enter and checks it.
    Manual,
}

/// What a zone shall hold; a key that is left out is unmanaged.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Zone {
    /// The whole MX set; or `microsoft-365`: the one that the tenant gives for the domain.
    pub(super) mx: Field<MxSet>,
    /// The one SPF record in full; or `microsoft-365`: the one that is there, with what the tenant
    /// asks for merged in.
    pub(super) spf: Field<String>,
    /// The target of the CNAME `autodiscover`; or `microsoft-365`: the one that the tenant gives.
    pub(super) autodiscover: Field<Parsed<Domain>>,
    /// The zone's authoritative servers; found by NS when left out.
    pub(super) servers: Field<Items<Parsed<SocketAddr>>>,
}

/// One MX record.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["host", "preference"]))]
pub(super) struct Mx {
    /// The host; `.` says that the domain takes no mail (RFC 7505).
    pub(super) host: Field<String>,
    /// Lower is tried first.
    pub(super) preference: Field<u16>,
}

/// How the result is checked.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Checks {
    /// Which messages `verify` reads again on both sides: `full` (all, when left out), `auto` (all
    /// of a mailbox of up to 20,000 messages and 10 GiB, else 3,000 of it), `5%` of each mailbox,
    /// or a number of messages of each mailbox.
    #[schemars(
        regex(pattern = "^(full|auto|[0-9]+ ?%|[0-9]+)$"),
        extend("type" = ["string", "number"])
    )]
    pub(super) sample: Field<String>,
    /// What must be equal; as the profile of the destination says when left out.
    pub(super) compare: Field<Compare>,
}

/// What must be equal between what was sent and what is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Compare {
    /// Every octet.
    Bytes,
    /// Every octet, or else what the message says, for a destination that rewrites messages; the
    /// rules are the assumed profile `exchange-v0`.
    Canonical,
}

/// A guard that a person has accepted; it covers exactly this.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(extend("required" = ["code", "object", "digest"]))]
pub(super) struct Acknowledge {
    /// For example `G301`.
    #[schemars(regex(pattern = "^G[0-9]{3}$"))]
    pub(super) code: Field<String>,
    /// What the guard is about.
    pub(super) object: Field<String>,
    /// Twelve hexadecimal digits over what the guard covers.
    // Twelve digits without a letter are a number to an editor's YAML reader.
    #[schemars(
        regex(pattern = "^[0-9a-fA-F]{12}$"),
        extend("type" = ["string", "number"])
    )]
    pub(super) digest: Field<String>,
}
