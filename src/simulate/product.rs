//! Products as sets of habits and numbers.

use crate::simulate::habit::{Habit, Habits};
use std::time::Duration;

/// In whose words a server speaks where no habit says otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Voice {
    /// Dovecot 2.3, as measured.
    Dovecot,
    /// Exchange Online, as reported; what nobody published is in its manner and assumed.
    Exchange,
}

/// When a user is throttled, and for how long.
#[derive(Clone, Copy, Debug)]
pub struct Throttle {
    /// How many APPENDs a user may make in `per`.
    pub appends: u32,
    /// The length of the window.
    pub per: Duration,
    /// For how long commands are refused then.
    pub backoff: Duration,
}

/// A folder that a new mailbox has.
#[derive(Clone, Debug)]
pub struct DefaultFolder {
    /// Its name on the wire, modified UTF-7.
    pub name: String,
    /// Its attribute of RFC 6154.
    pub special_use: Option<&'static str>,
    /// Whether it is no folder of mail ([`Habit::NonMailFolders`]).
    pub other_items: bool,
    /// Whether the product deletes old messages in it ([`Habit::PurgeAfterDays`]).
    pub purged: bool,
}

/// What a simulated server is.
#[derive(Clone, Debug)]
pub struct Product {
    /// What is switched on.
    pub habits: Habits,
    /// Whose words it uses.
    pub voice: Voice,
    /// The hierarchy separator.
    pub separator: char,
    /// Capabilities before the log-in.
    pub before: Vec<&'static str>,
    /// Capabilities after the log-in.
    pub after: Vec<&'static str>,
    /// The folders of a new mailbox besides the INBOX.
    pub folders: Vec<DefaultFolder>,
    /// How the INBOX is listed.
    pub inbox: &'static str,
    /// The largest message in octets, for [`Habit::AppendSizeLimit`].
    pub append_limit: u64,
    /// The longest line in octets without its end, for [`Habit::LineLimit`].
    pub line_limit: usize,
    /// What one APPEND takes, for [`Habit::SerialAppend`].
    pub append_time: Duration,
    /// Every how many APPENDs of a mailbox one hangs, for [`Habit::AppendHangs`].
    pub hang_every: Option<u64>,
    /// For [`Habit::ConnectionsPerUser`].
    pub connections: usize,
    /// For [`Habit::ClosedConnectionsLinger`].
    pub linger: Duration,
    /// For [`Habit::ErrorsEndSession`].
    pub errors: u32,
    /// For [`Habit::IdleTimeout`].
    pub idle: Duration,
    /// For the throttling habits; `None` throttles nobody on its own.
    pub throttle: Option<Throttle>,
    /// The most octets of a mailbox; `None` is without limit.
    pub quota: Option<u64>,
    /// For [`Habit::PurgeAfterDays`].
    pub purge_days: i64,
}

/// Exchange's names of folders in a language, in the order of the table in `exchange_online_in`.
const ENGLISH: [&str; 6] =
    ["Sent Items", "Deleted Items", "Drafts", "Junk Email", "Archive", "Outbox"];
const GERMAN: [&str; 6] = [
    "Gesendete Elemente",
    "Gel&APY-schte Elemente",
    "Entw&APw-rfe",
    "Junk-E-Mail",
    "Archiv",
    "Postausgang",
];
const FRENCH: [&str; 6] = [
    "&AMk-l&AOk-ments envoy&AOk-s",
    "&AMk-l&AOk-ments supprim&AOk-s",
    "Brouillons",
    "Courrier ind&AOk-sirable",
    "Archive",
    "Bo&AO4-te d'envoi",
];

/// A language whose names of default folders are known here; [`Product::folders`] takes any other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// English.
    English,
    /// German.
    German,
    /// French.
    French,
}

fn folder(name: &str, special_use: Option<&'static str>) -> DefaultFolder {
    DefaultFolder { name: name.to_owned(), special_use, other_items: false, purged: false }
}

impl Product {
    /// Exchange Online with English folders and every habit that a source gives it or that is
    /// assumed of it; throttling and hanging have no figures, so they wait for some.
    pub fn exchange_online() -> Self {
        Self::exchange_online_in(Language::English)
    }

    /// Exchange Online with folders in a language.
    pub fn exchange_online_in(language: Language) -> Self {
        use Habit as H;
        let names = match language {
            Language::English => ENGLISH,
            Language::German => GERMAN,
            Language::French => FRENCH,
        };
        let uses = [Some("\\Sent"), Some("\\Trash"), Some("\\Drafts"), Some("\\Junk"), None, None];
        let other = ["Calendar", "Contacts", "Tasks", "Notes", "Journal", "Conversation History"];
        let folders = names
            .into_iter()
            .zip(uses)
            .map(|(name, special_use)| folder(name, special_use))
            .chain(
                other.iter().map(|name| DefaultFolder { other_items: true, ..folder(name, None) }),
            )
            .collect();
        Self {
            habits: Habits::from([
                H::BasicAuthRefused,
                H::ExpiringTokens,
                H::ExpiredTokenEndsSession,
                H::SecondChallenge,
                H::AuthenticatedNotConnected,
                H::ConnectionsPerUser,
                H::ClosedConnectionsLinger,
                H::ErrorsEndSession,
                H::IdleTimeout,
                H::ThrottleByNo,
                H::ThrottleByBadAndBye,
                H::CaseInsensitiveNames,
                H::ReservedFiles,
                H::NonMailFolders,
                H::UnannouncedSpecialUse,
                H::StatusTrailingBlank,
                H::FixedPermanentFlags,
                H::KeywordStoreRefused,
                H::KeywordAppendRefused,
                H::FlaggedOnAppendForgotten,
                H::MdnSentCategory,
                H::AppendSizeLimit,
                H::LineLimit,
                H::LiteralRestAsCommands,
                H::SerialAppend,
                H::AppendHangs,
                H::UnavailableOverQuota,
                H::UidAfterBody,
                H::SizeDiffersFromBody,
                H::OkWithoutData,
                H::RetrievalStub,
                H::RewriteDate,
                H::RewriteMessageId,
                H::RewriteBoundary,
                H::RewriteTransferEncoding,
                H::RewriteTrailingBlanks,
                H::RewriteFolding,
                H::RewriteLineEnds,
                H::AddHeaders,
            ]),
            voice: Voice::Exchange,
            separator: '/',
            // MailKit issues 1282, 1437 and 2016. AUTH=PLAIN is left out, and LOGINDISABLED added,
            // while passwords are refused.
            before: vec![
                "IMAP4",
                "IMAP4rev1",
                "AUTH=PLAIN",
                "AUTH=XOAUTH2",
                "SASL-IR",
                "UIDPLUS",
                "ID",
                "UNSELECT",
                "CHILDREN",
                "IDLE",
                "NAMESPACE",
                "LITERAL+",
            ],
            after: vec![
                "IMAP4",
                "IMAP4rev1",
                "AUTH=PLAIN",
                "AUTH=XOAUTH2",
                "SASL-IR",
                "UIDPLUS",
                "MOVE",
                "ID",
                "UNSELECT",
                "CLIENTACCESSRULES",
                "CLIENTNETWORKPRESENCELOCATION",
                "BACKENDAUTHENTICATE",
                "CHILDREN",
                "IDLE",
                "NAMESPACE",
                "LITERAL+",
            ],
            folders,
            inbox: "INBOX",
            // Microsoft writes 35 MB; that this is 35 MiB is assumed.
            append_limit: 35 * 1024 * 1024,
            // What imapsync's preset for Office 365 wraps at.
            line_limit: 10_239,
            append_time: Duration::from_millis(100),
            hang_every: None,
            connections: 16,
            linger: Duration::from_secs(10),
            errors: 10,
            idle: Duration::from_secs(30 * 60),
            throttle: None,
            quota: None,
            purge_days: 30,
        }
    }

    /// Rackspace Email: Dovecot's manner, which is assumed, with Rackspace's folders and limits.
    pub fn rackspace() -> Self {
        use Habit as H;
        let purged =
            |name, special_use| DefaultFolder { purged: true, ..folder(name, special_use) };
        Self {
            habits: Habits::from([
                H::ConnectionsPerUser,
                H::AppendSizeLimit,
                H::MasterLogin,
                H::PurgeAfterDays,
                H::IdleTimeout,
            ]),
            separator: '.',
            folders: vec![
                folder("Sent", Some("\\Sent")),
                folder("Drafts", Some("\\Drafts")),
                purged("Trash", Some("\\Trash")),
                purged("Spam", Some("\\Junk")),
            ],
            append_limit: 50 * 1024 * 1024,
            // Dovecot's default of mail_max_userip_connections.
            connections: 10,
            // Rackspace's largest mailbox.
            quota: Some(25 * 1024 * 1024 * 1024),
            ..Self::plain()
        }
    }

    /// A server without habits, with those of Dovecot's capabilities that a migration uses.
    pub fn plain() -> Self {
        Self {
            habits: Habits::new(),
            voice: Voice::Dovecot,
            separator: '/',
            before: vec![
                "IMAP4rev1",
                "SASL-IR",
                "ID",
                "ENABLE",
                "IDLE",
                "LITERAL+",
                "AUTH=PLAIN",
                "AUTH=XOAUTH2",
            ],
            after: vec![
                "IMAP4rev1",
                "SASL-IR",
                "ID",
                "ENABLE",
                "IDLE",
                "MULTIAPPEND",
                "UNSELECT",
                "CHILDREN",
                "NAMESPACE",
                "UIDPLUS",
                "LIST-EXTENDED",
                "CONDSTORE",
                "MOVE",
                "STATUS=SIZE",
                "LITERAL+",
                "SPECIAL-USE",
            ],
            folders: vec![
                folder("Sent", Some("\\Sent")),
                folder("Drafts", Some("\\Drafts")),
                folder("Trash", Some("\\Trash")),
                folder("Junk", Some("\\Junk")),
            ],
            inbox: "INBOX",
            // Dovecot has no limit by default; this bounds the memory of a session.
            append_limit: 256 * 1024 * 1024,
            line_limit: usize::MAX,
            append_time: Duration::ZERO,
            hang_every: None,
            connections: usize::MAX,
            linger: Duration::ZERO,
            errors: u32::MAX,
            idle: Duration::from_secs(30 * 60),
            throttle: None,
            quota: None,
            purge_days: 30,
        }
    }

    /// Switches a habit on.
    #[must_use]
    pub fn with(mut self, habit: Habit) -> Self {
        self.habits.insert(habit);
        self
    }

    /// Switches a habit off.
    #[must_use]
    pub fn without(mut self, habit: Habit) -> Self {
        self.habits.remove(&habit);
        self
    }

    /// Tells whether a habit is switched on.
    pub fn has(&self, habit: Habit) -> bool {
        self.habits.contains(&habit)
    }

    /// Returns what is announced before or after the log-in.
    pub(crate) fn capabilities(&self, signed_in: bool) -> Vec<&'static str> {
        let list = if signed_in { &self.after } else { &self.before };
        let refused = self.has(Habit::BasicAuthRefused);
        let mut list: Vec<_> =
            list.iter().copied().filter(|word| !(refused && *word == "AUTH=PLAIN")).collect();
        if refused && !signed_in {
            list.push("LOGINDISABLED");
        }
        list
    }

    /// Tells whether a capability is announced after the log-in.
    pub(crate) fn offers(&self, capability: &str) -> bool {
        self.after.contains(&capability)
    }
}
