//! UID STORE and UID EXPUNGE.

use crate::imap::connection::{Connection, plain};
use crate::imap::error::ImapError;
use crate::imap::quote;
use crate::imap::sequence_set::SequenceSet;
use crate::model::flags::Flags;

impl Connection {
    /// Adds flags to messages of the selected folder, or takes them away.
    pub async fn uid_store(
        &self,
        set: &SequenceSet,
        add: bool,
        flags: &Flags,
    ) -> Result<(), ImapError> {
        if flags.is_empty() {
            return Ok(());
        }
        let sign = if add { '+' } else { '-' };
        let flags = quote::flags(flags)?;
        for line in set.lines() {
            let text = format!("UID STORE {line} {sign}FLAGS.SILENT {flags}");
            self.link.ask("UID STORE", plain(text), &[]).await?;
        }
        Ok(())
    }

    /// Removes exactly these messages, as far as they are marked `\Deleted`, RFC 4315. There is no
    /// way to remove anything without UIDPLUS, as EXPUNGE removes what others marked, too.
    pub async fn uid_expunge(&self, set: &SequenceSet) -> Result<(), ImapError> {
        if !self.has("UIDPLUS") {
            return Err(ImapError::Unsupported { command: "UID EXPUNGE", capability: "UIDPLUS" });
        }
        for line in set.lines() {
            self.link.ask("UID EXPUNGE", plain(format!("UID EXPUNGE {line}")), &[]).await?;
        }
        Ok(())
    }
}
