//! The codes of guards and findings that the planner gives, each with one sentence.

/// The destination holds mail already and the ledger knows of no copy.
pub const NOT_EMPTY: &str = "G301";
/// Folders collide at the destination.
pub const COLLISION: &str = "G302";
/// The destination folder is not the one that was copied into.
pub const OTHER_FOLDER: &str = "G303";
/// Several mailboxes go to one.
pub const SHARED_DESTINATION: &str = "G304";
/// Messages stay behind for reasons that no plan showed; `verify` asks for this one.
pub const STAY_BEHIND: &str = "G311";
/// A folder shows messages of other folders.
pub const SHOWN_TWICE: &str = "G305";
/// More copies are to be removed than the share that goes without a question.
pub const MANY_DELETIONS: &str = "G321";
/// Copies are to be removed, and nobody looks whether mail still arrives at the source.
pub const MAIL_UNWATCHED: &str = "G322";
/// The MX is to point to a tenant that would refuse the domain's mail.
pub const NOT_VERIFIED: &str = "G401";
/// Folders stay behind because the migration plan excludes them.
pub const EXCLUDED: &str = "F201";
/// Flags or keywords that the destination cannot store.
pub const LOST_FLAGS: &str = "F202";
/// What is to be copied does not fit into the quota.
pub const OVER_QUOTA: &str = "F203";
/// Messages that were settled as excepted.
pub const EXCEPTED: &str = "F204";
/// The quota or the namespace could not be read.
pub const NOT_TOLD: &str = "F205";
/// Messages that the ledger knows and the source does not list any more.
pub const VANISHED: &str = "F206";
/// A folder gets another name, because the destination cannot hold its own.
pub const RENAMED: &str = "F207";
/// The migration plan names another product than the destination does.
pub const ANOTHER_PRODUCT: &str = "F208";
/// Messages of other dates than the migration plan wants.
pub const OTHER_DATES: &str = "F211";
/// How fast and when mail is copied.
pub const PACED: &str = "F212";
/// Messages that look as if they had moved at the source.
pub const MOVED: &str = "F221";
/// A source folder has another UIDVALIDITY than when it was listed.
pub const NEW_UIDS: &str = "F222";
/// Copies of messages that vanished at the source stay.
pub const COPIES_STAY: &str = "F223";
/// Copies of messages that vanished at the source are removed.
pub const COPIES_GO: &str = "F224";
/// Another folder of the destination has the special use of a source folder.
pub const OTHER_HOME: &str = "F231";
/// Special uses that do not come along.
pub const LOST_SPECIAL_USE: &str = "F232";
/// Names that cannot be subscribed to at the destination.
pub const NOT_SUBSCRIBED: &str = "F233";
/// Names that the destination may refuse.
pub const MAY_BE_REFUSED: &str = "F234";
/// Names that the source lists like folders and that are none.
pub const NONEXISTENT: &str = "F235";
/// An acknowledgement covers nothing.
pub const OBSOLETE: &str = "F301";
/// A recursive resolver gave no answer.
pub const RESOLVER_SILENT: &str = "F401";
/// A recursive resolver still gives other records.
pub const RESOLVER_BEHIND: &str = "F402";
/// An SPF record may cost more look-ups than count.
pub const COSTLY_SPF: &str = "F403";

/// Every code of this page with the sentence that explains it.
pub const CODES: [(&str, &str); 32] = [
    (NOT_EMPTY, "The destination mailbox holds messages and the ledger knows of no copy into it."),
    (
        COLLISION,
        "Several source folders go to one destination folder, or to names that differ only in case or in how accents are written.",
    ),
    (
        OTHER_FOLDER,
        "The destination folder is gone or has another UIDVALIDITY than when it was copied into.",
    ),
    (SHARED_DESTINATION, "Several mailboxes of the migration plan go to one destination mailbox."),
    (
        STAY_BEHIND,
        "Messages of a mailbox stay behind for reasons that no plan showed before the copy; verify names them.",
    ),
    (
        SHOWN_TWICE,
        "A source folder with the special use \\All or \\Flagged shows messages of other folders: copied, they would be there twice.",
    ),
    (
        MANY_DELETIONS,
        "More copies of a folder are to be removed at once, because their messages vanished at the source, than `folders.deletions_share` lets go without a question.",
    ),
    (
        MAIL_UNWATCHED,
        "Copies of messages that vanished at the source are to be removed, and the migration plan has no MX of the domain that would tell whether mail still arrives at the source.",
    ),
    (
        NOT_VERIFIED,
        "The MX of a domain is to point to a tenant that does not have the domain, or where nobody verified it.",
    ),
    (EXCLUDED, "The migration plan leaves folders behind."),
    (LOST_FLAGS, "The destination cannot store flags or keywords that are in use at the source."),
    (OVER_QUOTA, "What is to be copied is more than the destination mailbox has room for."),
    (EXCEPTED, "Messages stay behind, each with its reason in the ledger."),
    (NOT_TOLD, "The server gave no answer about a quota or a namespace."),
    (VANISHED, "Messages that were listed once are not at the source any more."),
    (RENAMED, "A folder gets another name, because the destination cannot hold its own."),
    (ANOTHER_PRODUCT, "The migration plan names another product than the destination does."),
    (OTHER_DATES, "Messages stay behind because the migration plan wants other dates."),
    (PACED, "The migration plan limits how fast or when mail is copied."),
    (MOVED, "Messages that were copied look as if they had moved at the source since."),
    (NEW_UIDS, "A source folder has another UIDVALIDITY than when it was listed last."),
    (
        COPIES_STAY,
        "Copies of messages that vanished at the source stay at the destination, with the reason.",
    ),
    (
        COPIES_GO,
        "Copies of messages that vanished at the source are removed at the destination; that cannot be undone.",
    ),
    (
        OTHER_HOME,
        "A folder keeps its name, and another folder of the destination has its special use.",
    ),
    (LOST_SPECIAL_USE, "The special use of folders does not come along."),
    (
        NOT_SUBSCRIBED,
        "Names without a folder of their own are subscribed at the source, and the destination takes no subscription for them.",
    ),
    (MAY_BE_REFUSED, "The destination may refuse names of folders, and does not tell before."),
    (
        NONEXISTENT,
        "The source lists a name like a folder, and says that there is no such folder; what lies below it is copied.",
    ),
    (OBSOLETE, "An acknowledgement in the migration plan covers nothing that this plan has."),
    (RESOLVER_SILENT, "A recursive resolver gave no answer."),
    (
        RESOLVER_BEHIND,
        "A recursive resolver still answers with other records than the zone's own servers.",
    ),
    (
        COSTLY_SPF,
        "An SPF record with what the tenant asks for has ten terms or more that ask DNS: with those of the records that it includes it may be void.",
    ),
];
