//! Subscribes a folder at the destination.

use crate::catalogue::Object;
use crate::copy::folder::gone;
use crate::copy::lines::{Lines, selectable};
use crate::copy::stop::Stop;
use crate::executor::event::Outcome;
use crate::executor::mailbox::MailboxRun;
use crate::imap::mailbox_name;
use crate::planner::plan::SetSubscription;
use std::collections::BTreeMap;

impl MailboxRun {
    /// Subscribes; SUBSCRIBE does no harm to a folder that is subscribed already.
    pub(super) async fn subscribe(
        &self,
        params: &SetSubscription,
        lines: &mut Lines,
    ) -> Result<Outcome, Stop> {
        let folder = &params.folder;
        let object = Object::folder("destination", &self.mailbox.destination, folder);
        let line = lines.destination(&self.accounts, &self.mailbox).await?;
        let entry = line.entry(folder)?;
        if entry.is_some_and(|entry| entry.subscribed) {
            return Ok(Outcome::AlreadyDone);
        }
        let name = match entry {
            Some(entry) => entry.name.clone(),
            // The server made the name with what lies below it, after the folders were listed.
            None if params.name_only => {
                let space = &line.namespace;
                mailbox_name::encode(folder, space.separator, &space.prefix)
                    .map_err(|_| gone(&object))?
            }
            None => return Err(gone(&object)),
        };
        let may_be_refused = params.name_only && !entry.is_some_and(selectable);
        if let Err(error) = line.connection.subscribe(&name).await {
            if may_be_refused && error.is_answer() {
                let reason = format!(
                    "the destination takes no subscription for {folder}, which is only a part of other names there"
                );
                return Ok(Outcome::Skipped { reason });
            }
            return Err(Stop::from_imap(&error, &object));
        }
        if let Some(entry) = line.folders.get_mut(folder) {
            entry.subscribed = true;
        }
        Ok(Outcome::Done { tally: BTreeMap::from([("subscriptions", 1)]) })
    }
}
