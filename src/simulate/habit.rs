//! What servers do that a standard does not ask for: each habit has a name, and a source that says
//! how much is known about it.

use std::collections::BTreeSet;

/// How much is known about a habit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Evidence {
    /// The vendor's documentation says so.
    Documented,
    /// Somebody saw it and published it.
    Reported,
    /// Nothing public says so; it is a guess, made on the unfriendly side.
    Assumed,
}

/// One habit, what it does and where that is known from.
#[derive(Clone, Copy, Debug)]
pub struct HabitFact {
    /// The switch.
    pub habit: Habit,
    /// Its name, in lower case with hyphens.
    pub name: &'static str,
    /// How much is known.
    pub evidence: Evidence,
    /// Where it is known from.
    pub source: &'static str,
    /// What the server does, in one sentence.
    pub what: &'static str,
}

/// The habits that are switched on.
pub type Habits = BTreeSet<Habit>;

macro_rules! habits {
    ($($habit:ident $name:literal $evidence:ident $source:literal $what:literal)*) => {
        /// A peculiarity of a server that can be switched on or off.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Habit {
            $(#[doc = $what] $habit,)*
        }

        /// Every habit, in the order in which a session meets it.
        pub const HABITS: &[HabitFact] = &[
            $(HabitFact {
                habit: Habit::$habit,
                name: $name,
                evidence: Evidence::$evidence,
                source: $source,
                what: $what,
            },)*
        ];
    };
}

habits! {
    BasicAuthRefused "basic-auth-refused" Documented
        "Microsoft: Deprecation of Basic authentication in Exchange Online"
        "Passwords are refused and LOGINDISABLED is announced: only XOAUTH2 signs in."
    ExpiringTokens "expiring-tokens" Documented
        "Microsoft identity platform: access tokens carry an end; imapsync issues 250, 396, 422"
        "A token that is past its end signs nobody in."
    ExpiredTokenEndsSession "expired-token-ends-session" Assumed
        "imapsync issues 250 and 396 tell of runs that end with the token; the text is in decompiled Exchange code"
        "A session whose token has expired is closed at its next command."
    SecondChallenge "xoauth2-second-challenge" Assumed
        "measured at Dovecot 2.3 and described for XOAUTH2 by Google; not seen for Exchange"
        "A refused token is told in a challenge, which the client must answer with an empty line."
    AuthenticatedNotConnected "authenticated-but-not-connected" Reported
        "email-oauth2-proxy issues 74 and 275, php-imap issue 464"
        "A log-in to a mailbox that cannot be opened succeeds, and then every command is refused and the connection closed."
    ConnectionsPerUser "connections-per-user" Reported
        "Exchange: j-lawyer-org issue 2235 says 16, node-imap issue 523 says 20; Rackspace: none published"
        "Connections are counted for each user, and one too many is refused."
    ClosedConnectionsLinger "closed-connections-linger" Reported
        "node-imap issue 523"
        "A closed connection is counted for a while."
    ErrorsEndSession "errors-end-session" Reported
        "imapsync FAQ.Exchange and FAQ.Office365"
        "The tenth refused command ends the connection."
    IdleTimeout "idle-timeout" Assumed
        "RFC 3501 section 5.4 allows it after 30 minutes; the text is in decompiled Exchange code"
        "A session in which nothing happens for the idle limit is closed."
    ThrottleByNo "throttle-by-no" Reported
        "imapsync issue 198"
        "Above a rate every command is refused by NO with a back-off in milliseconds."
    ThrottleByBadAndBye "throttle-by-bad-and-bye" Reported
        "email-oauth2-proxy issue 191"
        "Above a rate every command is refused by BAD with a back-off, and the connection is closed."
    CaseInsensitiveNames "case-insensitive-names" Reported
        "imapsync FAQ.Exchange"
        "Folder names that differ in case only are one folder."
    ReservedFiles "reserved-files" Reported
        "imapsync FAQ.Office365"
        "A folder named Files cannot be made."
    NonMailFolders "non-mail-folders" Reported
        "QuickMail issue 613, MailKit issue 1282"
        "Calendar, Contacts and the like are listed as if they held mail."
    UnannouncedSpecialUse "unannounced-special-use" Reported
        "MailKit issue 1282"
        "LIST shows special uses although the capability is not announced."
    StatusTrailingBlank "status-trailing-blank" Reported
        "larch HISTORY: Exchange ends STATUS lines with a blank"
        "A STATUS line ends with a blank."
    FixedPermanentFlags "fixed-permanent-flags" Reported
        "rainloop issue 686, node-imap issue 602, mailcore2 issue 780"
        "Only the system flags and `$MDNSent` are permanent; no keyword can be made."
    KeywordStoreRefused "keyword-store-refused" Reported
        "mu issue 1384, node-imap issue 602"
        "STORE of another keyword is a BAD argument."
    KeywordAppendRefused "keyword-append-refused" Reported
        "imapsync issue 498; which server that was is not said"
        "APPEND with another keyword is refused, and the message with it."
    DeletedAppendRefused "deleted-append-refused" Reported
        "imapsync issue 420; which server that was is not said, so no product has it switched on"
        "APPEND with \\Deleted is refused."
    FlaggedOnAppendForgotten "flagged-on-append-forgotten" Reported
        "imapsync FAQ.Exchange; tested away by others in 2018"
        "\\Flagged given in APPEND is seen over IMAP and not by other protocols until a STORE."
    MdnSentCategory "mdnsent-category" Reported
        "imapsync FAQ.Office365"
        "`$MDNSent` becomes a category that the user sees."
    AppendSizeLimit "append-size-limit" Documented
        "Microsoft: migrating IMAP mailboxes (35 MB); Rackspace: common email bounces (50 MB)"
        "A message above the limit is refused."
    LineLimit "line-limit" Reported
        "imapsync FAQ.Exchange and its preset for Office 365"
        "A message with a longer line is a BAD argument."
    LiteralRestAsCommands "literal-rest-as-commands" Reported
        "thunderbird-android issue 1809, imapclient issue 348; the cause is not proven"
        "After a line that is too long the rest of the message is read as commands."
    SerialAppend "serial-append" Assumed
        "no figure of Microsoft is public; 100 ms a message is a guess"
        "Messages are stored one after another in a mailbox, and each takes its time."
    AppendHangs "append-hangs" Reported
        "imapclient issue 417, aioimaplib issue 67, offlineimap3 issue 121; that the message is there is assumed"
        "Now and then an APPEND is never answered, and has happened."
    UnavailableOverQuota "unavailable-over-quota" Reported
        "imapsync FAQ.Exchange"
        "A full mailbox answers Server Unavailable. 15 and closes the connection."
    UidAfterBody "uid-after-body" Reported
        "HaskellNet issue 15, mailio issue 135"
        "UID and FLAGS come after the body of a message."
    SizeDiffersFromBody "size-differs-from-body" Reported
        "vandelay issue 12: 6,298 and 19,189 octets"
        "RFC822.SIZE is not the length of the body."
    OkWithoutData "ok-without-data" Reported
        "offlineimap issue 62, MailKit issue 908"
        "The body of a broken item is answered by OK and nothing else."
    RetrievalStub "retrieval-stub" Reported
        "MailKit issue 1615, freescout issue 3203"
        "A calendar item is served as a text that says its retrieval failed."
    RewriteDate "rewrite-date" Reported
        "imapsync TODO: Exchange changes the Date header, and not Received"
        "The Date field is written anew, for the same second, in UTC."
    RewriteMessageId "rewrite-message-id" Reported
        "imapsync pull request 542; when it happens is assumed: for a second message with the same one"
        "A Message-ID that is there already is replaced, and kept in X-MS-Exchange-Parent-Message-Id."
    RewriteBoundary "rewrite-boundary" Assumed
        "vandelay issue 12 reports that MIME is made anew; the form is a guess"
        "Boundaries of multiparts are made anew; preamble and epilogue go."
    RewriteTransferEncoding "rewrite-transfer-encoding" Assumed
        "vandelay issue 12 reports that MIME is made anew; the form is a guess"
        "Text with octets beyond ASCII becomes quoted-printable, and base64 is wrapped at 76 again."
    RewriteTrailingBlanks "rewrite-trailing-blanks" Assumed
        "a guess; canonical comparison has to bear it"
        "Blanks at the end of lines of text go."
    RewriteFolding "rewrite-folding" Assumed
        "a guess; canonical comparison has to bear it"
        "Folded header fields are unfolded and folded anew."
    RewriteLineEnds "rewrite-line-ends" Assumed
        "measured at Dovecot 2.3 for bare line feeds; a guess for Exchange"
        "A bare line feed is stored as CRLF."
    AddHeaders "add-headers" Assumed
        "fields named X-MS-Exchange-Organization are widely seen in delivered mail; for APPEND a guess"
        "Header fields of the server's own are added at the end of the header."
    MasterLogin "master-login" Assumed
        "Rackspace documents no such log-in; user*master is Dovecot's form"
        "A master user signs in to a mailbox as user*master, or by PLAIN with an authorization identity."
    PurgeAfterDays "purge-after-days" Documented
        "Rackspace: Open-Xchange FAQ, 30 days for Spam and Trash, not changeable"
        "Messages in Spam and Trash are deleted when they have been there for the limit of days."
    OneResourcePerScope "one-resource-per-scope" Documented
        "Microsoft identity platform: client credentials flow"
        "A token is for one resource: scopes of two in one request are refused."
    TokenWithoutRoles "token-without-roles" Documented
        "Microsoft identity platform: client credentials flow"
        "An app without any permission gets a token, and the resource refuses it."
    BusyInWords "busy-in-words" Assumed
        "Microsoft Graph throttling guidance shows the body for 429; that 503 and the token endpoint send it too is a guess"
        "An answer that asks for patience has Graph's error in its body."
    UnverifiedWithoutRecords "unverified-without-records" Assumed
        "Microsoft documents serviceConfigurationRecords for verified domains and says nothing of others"
        "The records of a domain that is not verified are refused."
    PagedLists "paged-lists" Assumed
        "Microsoft Graph documents @odata.nextLink for lists; none was seen for records of a domain"
        "Lists of the directory come in pages of two."
    LaggingSecondaries "lagging-secondaries" Documented
        "RFC 1034 section 4.3.5 and RFC 1996: secondaries take a change over when they are told or look"
        "Some name servers of a zone show it as it was a while ago."
    ResolverKeepsTtl "resolver-keeps-ttl" Documented
        "RFC 1035 section 3.2.1 and RFC 2181 section 8"
        "A resolver answers with what it was told until the TTL has run out, and counts it down."
    NegativeCaching "negative-caching" Documented
        "RFC 2308 section 5"
        "A resolver keeps that a name or its records are not there for as long as the SOA says."
    ResolverTtlFloor "resolver-ttl-floor" Documented
        "BIND 9 reference manual: min-cache-ttl, at most 90 seconds; Unbound: cache-min-ttl"
        "A resolver keeps records for 90 seconds at least, whatever their TTL says."
    ServeStale "serve-stale" Documented
        "RFC 8767; BIND 9 reference manual: stale-answer-enable, stale-answer-ttl"
        "A resolver that reaches no name server answers with records past their time."
}

impl Habit {
    /// Returns what is known about the habit.
    pub fn fact(self) -> Option<&'static HabitFact> {
        HABITS.iter().find(|fact| fact.habit == self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_habit_has_one_name_and_a_source() {
        let names: BTreeSet<&str> = HABITS.iter().map(|fact| fact.name).collect();
        assert_eq!(names.len(), HABITS.len());
        for fact in HABITS {
            assert!(fact.source.len() > 10 && fact.what.ends_with('.'), "{fact:?}");
            assert_eq!(fact.habit.fact().map(|fact| fact.name), Some(fact.name));
        }
    }
}
