//! EXAMINE and SELECT, RFC 3501 section 6.3.1, and the commands that make folders.

use crate::imap::connection::{Connection, plain};
use crate::imap::error::ImapError;
use crate::imap::fetch_item::{self, HIGHEST_MODSEQ};
use crate::imap::quote;
use crate::imap::response::{self, Untagged};
use crate::imap::value::Value;
use crate::model::flags::{Flags, PermanentFlags};
use crate::model::folder::{RawName, SpecialUse};
use crate::model::uid::{Uid, UidValidity};

/// What the server told when the folder was selected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selected {
    /// UIDVALIDITY.
    pub uid_validity: UidValidity,
    /// UIDNEXT.
    pub uid_next: Uid,
    /// Number of messages.
    pub exists: u32,
    /// `None` when the folder keeps no mod-sequences.
    pub highest_modseq: Option<u64>,
    /// Flags that the folder knows.
    pub flags: Flags,
    /// What may be stored; what the folder knows when the server does not say, RFC 3501
    /// section 7.1.
    pub permanent_flags: PermanentFlags,
    /// The server refuses changes.
    pub read_only: bool,
}

const KEYWORDS: &[&str] = &["FLAGS", "EXISTS", "OK"];

#[derive(Default)]
struct Seen {
    uid_validity: Option<u32>,
    uid_next: Option<u32>,
    exists: Option<u32>,
    highest_modseq: Option<u64>,
    flags: Flags,
    permanent: Option<PermanentFlags>,
}

impl Connection {
    /// Opens a folder for reading only.
    pub async fn examine(&self, name: &RawName) -> Result<Selected, ImapError> {
        self.open_folder("EXAMINE", name).await
    }

    /// Opens a folder for writing; only ever at a destination.
    pub async fn select(&self, name: &RawName) -> Result<Selected, ImapError> {
        self.open_folder("SELECT", name).await
    }

    async fn open_folder(
        &self,
        command: &'static str,
        name: &RawName,
    ) -> Result<Selected, ImapError> {
        let mut parts = plain(format!("{command} "));
        quote::mailbox(&mut parts, name)?;
        if self.has("CONDSTORE") || self.has("QRESYNC") {
            quote::text(&mut parts, " (CONDSTORE)");
        }
        let answer = self.link.ask(command, parts, KEYWORDS).await?;
        let unreadable = |what: String| ImapError::Unreadable { command, what, words: None };
        let mut seen = Seen::default();
        for line in &answer.data {
            seen.take(line)
                .ok_or_else(|| unreadable(format!("a {} line is malformed", line.keyword)))?;
        }
        let missing = |item: &str| unreadable(format!("{item} of `{name}` is missing"));
        let uid_validity = seen.uid_validity.ok_or_else(|| missing("UIDVALIDITY"))?;
        let exists = seen.exists.ok_or_else(|| missing("EXISTS"))?;
        let uid_next = match seen.uid_next {
            Some(next) => Uid(next),
            None => self.status(name).await?.uid_next,
        };
        let code = response::code(&answer.text).map(|code| code.name);
        Ok(Selected {
            uid_validity: UidValidity(uid_validity),
            uid_next,
            exists,
            highest_modseq: seen.highest_modseq,
            permanent_flags: seen.permanent.unwrap_or_else(|| PermanentFlags {
                flags: seen.flags.clone(),
                any_keyword: false,
            }),
            flags: seen.flags,
            read_only: code.as_deref() == Some("READ-ONLY")
                || (command == "EXAMINE" && code.as_deref() != Some("READ-WRITE")),
        })
    }

    /// Closes the selected folder without expunging anything: UNSELECT, RFC 3691. Where the server
    /// has none, only a folder that was opened by EXAMINE can be closed.
    pub async fn unselect(&self) -> Result<(), ImapError> {
        if !self.has("UNSELECT") {
            return Err(ImapError::Unsupported { command: "UNSELECT", capability: "UNSELECT" });
        }
        self.link.ask("UNSELECT", plain("UNSELECT"), &[]).await.map(drop)
    }

    /// Closes a folder that was opened by EXAMINE, where CLOSE expunges nothing, RFC 3501
    /// section 6.4.2.
    pub(crate) async fn close_examined(&self) -> Result<(), ImapError> {
        if self.has("UNSELECT") {
            return self.unselect().await;
        }
        self.link.ask("CLOSE", plain("CLOSE"), &[]).await.map(drop)
    }

    /// Makes a folder, and what is missing above it, RFC 3501 section 6.3.3.
    pub async fn create(&self, name: &RawName) -> Result<(), ImapError> {
        self.on_folder("CREATE", name).await
    }

    /// Makes a folder with a special use, RFC 6154 section 3.
    pub async fn create_with_use(
        &self,
        name: &RawName,
        special_use: SpecialUse,
    ) -> Result<(), ImapError> {
        if !self.has("CREATE-SPECIAL-USE") {
            let capability = "CREATE-SPECIAL-USE";
            return Err(ImapError::Unsupported { command: "CREATE", capability });
        }
        let mut parts = plain("CREATE ");
        quote::mailbox(&mut parts, name)?;
        quote::text(&mut parts, &format!(" (USE ({special_use}))"));
        self.link.ask("CREATE", parts, &[]).await.map(drop)
    }

    /// Subscribes to a folder.
    pub async fn subscribe(&self, name: &RawName) -> Result<(), ImapError> {
        self.on_folder("SUBSCRIBE", name).await
    }

    async fn on_folder(&self, command: &'static str, name: &RawName) -> Result<(), ImapError> {
        let mut parts = plain(format!("{command} "));
        quote::mailbox(&mut parts, name)?;
        self.link.ask(command, parts, &[]).await.map(drop)
    }
}

impl Seen {
    /// Takes one line; `None` when it cannot be read.
    fn take(&mut self, line: &Untagged) -> Option<()> {
        match line.keyword.as_str() {
            "EXISTS" => self.exists = Some(u32::try_from(line.number?).ok()?),
            "FLAGS" => self.flags = fetch_item::flags(line.values.first()?)?,
            _ => {
                let Some(code) = response::code(&line.text) else { return Some(()) };
                let first = code.values.first();
                match code.name.as_str() {
                    // What came before is about the folder that was open until now.
                    "CLOSED" => *self = Self::default(),
                    "UIDVALIDITY" => {
                        self.uid_validity = Some(first?.number().filter(|&number| number > 0)?);
                    }
                    // RFC 3501 section 9: both are nz-numbers.
                    "UIDNEXT" => {
                        self.uid_next = Some(first?.number().filter(|&number| number > 0)?);
                    }
                    "HIGHESTMODSEQ" => {
                        let highest = first?.number().filter(|&n| n <= HIGHEST_MODSEQ)?;
                        self.highest_modseq = Some(highest);
                    }
                    "NOMODSEQ" => self.highest_modseq = None,
                    "PERMANENTFLAGS" => self.permanent = Some(permanent(first?)?),
                    _ => {}
                }
            }
        }
        Some(())
    }
}

fn permanent(value: &Value) -> Option<PermanentFlags> {
    let any_keyword = value.list()?.iter().any(|flag| flag.octets() == Some(b"\\*"));
    let known = fetch_item::flags(value)?;
    Some(PermanentFlags { flags: known.minus(&Flags::from_words(["\\*"])), any_keyword })
}
