//! Subscribes a folder at the destination.

use crate::catalogue::Object;
use crate::copy::lines::Lines;
use crate::copy::stop::Stop;
use crate::error::{Error, ErrorKind};
use crate::executor::event::Outcome;
use crate::executor::mailbox::MailboxRun;
use crate::model::folder::FolderPath;
use std::collections::BTreeMap;

impl MailboxRun {
    /// Subscribes; SUBSCRIBE does no harm to a folder that is subscribed already.
    pub(super) async fn subscribe(
        &self,
        folder: &FolderPath,
        lines: &mut Lines,
    ) -> Result<Outcome, Stop> {
        let object = Object::folder("destination", &self.mailbox.destination, folder);
        let line = lines.destination(&self.accounts, &self.mailbox).await?;
        let Some(entry) = line.folders.get_mut(folder) else {
            return Err(Stop::Failed(
                Error::new(ErrorKind::Stale, "E132", format!("{object}: it is not there any more"))
                    .hint("Plan again: the world changed since the plan was made."),
            ));
        };
        if entry.subscribed {
            return Ok(Outcome::AlreadyDone);
        }
        if let Err(error) = line.connection.subscribe(&entry.name).await {
            let stop = Stop::from_imap(&error, &object);
            if !error.is_answer() {
                lines.drop_both();
            }
            return Err(stop);
        }
        entry.subscribed = true;
        Ok(Outcome::Done { tally: BTreeMap::from([("subscriptions", 1)]) })
    }
}
