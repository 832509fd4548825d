//! The plan: what the planner made and `plan --out` saves. Data, never closures.

use crate::model::address::{Address, Domain};
use crate::model::digest::Digest;
use crate::model::flags::Flags;
use crate::model::folder::{FolderPath, SpecialUse};
use crate::model::position::Position;
use crate::model::reading::Failure;
use crate::model::records::{Mx, RecordSet};
use crate::model::uid::UidValidity;
use crate::model::uid_set::UidSet;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// Everything that the planner has to say about one look at the world.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// `name` of the migration plan.
    pub name: String,
    /// Product at the source.
    pub source: String,
    /// Product at the destination.
    pub destination: String,
    /// The digest over the migration plan and what it includes.
    pub document: Digest,
    /// What was looked at, for the first lines of the output.
    pub looked_at: LookedAt,
    /// Actions that may run now, in the order in which they are shown and run.
    pub ready: Vec<Action>,
    /// Actions that may not run yet, and what they wait for.
    pub waiting: Vec<Waiting>,
    /// Steps that a person must do elsewhere.
    pub for_person: Vec<PersonStep>,
    /// Objects that are as wanted, by kind of object: (settled, all).
    pub settled: BTreeMap<String, Settled>,
    /// Risks that must be acknowledged, and those that are.
    pub guards: Vec<Guard>,
    /// What could not be read. It blocks what depends on it.
    pub unknown: Vec<Unknown>,
    /// Remarks that a reviewer should read; they block nothing.
    pub findings: Vec<Finding>,
    /// Mailboxes by the profile that their destination is taken for.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub profiles: BTreeMap<String, u64>,
    /// Actions that are not planned because the world was seen to equal their `after`. Not saved:
    /// it tells, in a plan made now, what is done from what merely cannot be planned.
    #[serde(skip)]
    pub as_wanted: BTreeSet<ActionId>,
}

/// How many objects of each side were read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LookedAt {
    /// Mailboxes at the source: (read, all).
    pub source: (u32, u32),
    /// Mailboxes at the destination: (read, all).
    pub destination: (u32, u32),
    /// Authoritative name servers: (read, all).
    pub name_servers: (u32, u32),
}

/// How many objects of one kind are as wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settled {
    /// As wanted.
    pub settled: u64,
    /// All that the migration plan names.
    pub all: u64,
}

/// The stable name of an action, made from its kind and target:
/// `copy_folder/ada@acme.example/Sent`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ActionId(pub String);

impl fmt::Display for ActionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// One change to one object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Action {
    /// Keeps its value from plan to plan.
    pub id: ActionId,
    /// What is done to what.
    pub kind: Kind,
    /// What the world must look like; structural fields only.
    pub before: State,
    /// What the world looks like afterwards; structural fields only.
    pub after: State,
    /// For people, never for decisions.
    pub reason: String,
    /// The line of the migration plan that asks for it.
    pub position: Option<Position>,
    /// Actions that must be done first.
    pub needs: BTreeSet<ActionId>,
    /// Can be undone from what is recorded.
    pub reversible: bool,
    /// Users notice it.
    pub visible: bool,
}

/// What an action does, with its parameters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Kind {
    /// Creates a folder at the destination.
    CreateFolder(CreateFolder),
    /// Copies what is missing of a source folder and brings flags up to date.
    CopyFolder(CopyFolder),
    /// Subscribes a folder at the destination.
    SetSubscription(SetSubscription),
    /// Removes copies whose messages vanished at the source.
    RemoveCopies(RemoveCopies),
}

/// Parameters of [`Kind::RemoveCopies`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemoveCopies {
    /// The mailbox by its address in the migration plan.
    pub mailbox: Address,
    /// The mailbox at the destination.
    pub destination_mailbox: Address,
    /// The folder at the source that the messages vanished from.
    pub source: FolderPath,
    /// The folder at the destination that the copies are in.
    pub destination: FolderPath,
    /// The messages by their UIDs at the source. A review approves these and no other.
    pub uids: UidSet,
    /// Copies that were made from the folder, to compare with.
    pub copied: u64,
}

/// Parameters of [`Kind::CreateFolder`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreateFolder {
    /// The mailbox by its address in the migration plan.
    pub mailbox: Address,
    /// The mailbox at the destination.
    pub destination_mailbox: Address,
    /// The folder to create.
    pub folder: FolderPath,
    /// The special use that it gets, RFC 6154, because the source folder has it and no folder of
    /// the destination does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub special_use: Option<SpecialUse>,
}

/// Parameters of [`Kind::CopyFolder`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CopyFolder {
    /// The mailbox by its address in the migration plan.
    pub mailbox: Address,
    /// The mailbox at the destination.
    pub destination_mailbox: Address,
    /// The folder at the source.
    pub source: FolderPath,
    /// The folder at the destination.
    pub destination: FolderPath,
    /// What there is to do, at the time of planning. Volatile: it never binds, but for the
    /// tolerance of 1.2 × and 500 MB.
    pub estimate: Estimate,
}

/// What a copy is expected to move.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Estimate {
    /// Messages to copy.
    pub messages: u64,
    /// Their octets.
    pub bytes: u64,
    /// Messages whose flags changed at the source since they were copied.
    pub flags: u64,
    /// Messages that cannot be copied, by reason.
    pub excepted: BTreeMap<String, u64>,
    /// Messages from an interrupted run whose fate must be found out first.
    pub unclear: u64,
    /// Keywords in use at the source that the destination cannot store.
    pub lost_flags: Flags,
}

/// Parameters of [`Kind::SetSubscription`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetSubscription {
    /// The mailbox by its address in the migration plan.
    pub mailbox: Address,
    /// The mailbox at the destination.
    pub destination_mailbox: Address,
    /// The folder at the destination.
    pub folder: FolderPath,
    /// At the source it is a name with folders below it and no folder itself; a destination may
    /// take no subscription for such a name.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub name_only: bool,
}

/// A structural state of an object. Two plans agree on an action when id and `after` are equal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It is not there.
    Absent,
    /// A folder that can be selected.
    Folder,
    /// Subscribed or not.
    Subscribed(bool),
    /// Two folders bound to each other.
    Bound {
        /// UIDVALIDITY of the source folder.
        source: UidValidity,
        /// UIDVALIDITY of the destination folder; `None` while it is still to be created or could
        /// not be read.
        destination: Option<UidValidity>,
    },
    /// The source folder's messages are in this destination folder.
    CopiedTo {
        /// UIDVALIDITY of the source folder.
        source: UidValidity,
        /// The destination folder.
        folder: FolderPath,
        /// The named transforms that may be applied.
        transforms: BTreeSet<String>,
    },
    /// Messages vanished from a source folder while mail still arrives there.
    Vanished {
        /// UIDVALIDITY of the source folder.
        source: UidValidity,
        /// UIDVALIDITY of the destination folder.
        destination: UidValidity,
        /// The MX records of the domain; empty when nobody looks at them.
        mail: BTreeSet<Mx>,
    },
    /// The copies of those messages are not in this destination folder.
    CopiesRemoved {
        /// UIDVALIDITY of the source folder.
        source: UidValidity,
        /// The destination folder.
        folder: FolderPath,
    },
}

/// An action that may not run yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waiting {
    /// The action.
    pub action: Action,
    /// Everything that it waits for; never empty.
    pub on: Vec<WaitingOn>,
}

/// What an action waits for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WaitingOn {
    /// A guard that is not acknowledged.
    Acknowledgement {
        /// The guard's code.
        code: String,
        /// The guard's object.
        object: String,
    },
    /// Something that could not be read; names an entry of [`Plan::unknown`].
    Readable(String),
    /// Another action that itself waits.
    Action(ActionId),
    /// A person who told the mailbox to rest: `mailferry resume`.
    Resume {
        /// Since when it rests.
        since: jiff::Timestamp,
        /// Why, in the person's words; often empty.
        note: String,
    },
}

/// A step for a person: mailferry says exactly what, and checks afterwards.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PersonStep {
    /// `mx/acme.example`.
    pub id: ActionId,
    /// The zone.
    pub zone: Domain,
    /// What is there and what is wanted.
    pub records: Records,
    /// Which servers differ, when not all of them do.
    pub servers: Vec<String>,
    /// What to enter at the provider, in a sentence.
    pub instruction: String,
    /// What has to come first; it is not to be done before.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub on: Vec<WaitingOn>,
    /// The line of the migration plan that asks for it.
    pub position: Option<Position>,
}

/// A record set now and as wanted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "type")]
pub enum Records {
    /// MX at the zone's name.
    Mx {
        /// What is there; `None` when there is none.
        now: Option<RecordSet<Mx>>,
        /// What is wanted.
        wanted: BTreeSet<Mx>,
    },
    /// The SPF record at the zone's name.
    Spf {
        /// The SPF records that are there: none, one, or (wrongly) several.
        now: BTreeSet<String>,
        /// What is wanted.
        wanted: String,
    },
    /// A CNAME.
    Cname {
        /// The full name.
        name: String,
        /// Its target now.
        now: Option<RecordSet<String>>,
        /// Its wanted target.
        wanted: String,
    },
    /// What the tenant will name once it has the domain, verified; nobody knows it before.
    Untold,
}

/// A coded risk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Guard {
    /// For example `G301`.
    pub code: String,
    /// What it is about, for example a mailbox.
    pub object: String,
    /// The first twelve digits of the digest over code, object and `covers`.
    pub digest: String,
    /// One sentence: the risk.
    pub message: String,
    /// What exactly an acknowledgement covers, one item a line.
    pub covers: Vec<String>,
    /// An acknowledgement in the migration plan covers exactly this.
    pub acknowledged: bool,
    /// No acknowledgement covers it: the migration plan has to say something else.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub must_change: bool,
    /// The line of the migration plan that it is about.
    pub position: Option<Position>,
}

/// Something that could not be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unknown {
    /// What: `source mailbox ada@acme.example`, `name server ns1.acme.example`.
    pub object: String,
    /// Why, in the server's own words.
    pub failure: Failure,
    /// The line of the migration plan that names it.
    pub position: Option<Position>,
}

/// A remark for the reviewer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// For example `F201`.
    pub code: String,
    /// What it is about.
    pub object: String,
    /// One sentence.
    pub message: String,
    /// The line of the migration plan that it is about.
    pub position: Option<Position>,
}
