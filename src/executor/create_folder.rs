//! Creates a folder at the destination.

use crate::catalogue::{self, Object};
use crate::copy::lines::{Lines, selectable};
use crate::copy::stop::Stop;
use crate::error::{Class, Error, ErrorKind};
use crate::executor::event::Outcome;
use crate::executor::mailbox::MailboxRun;
use crate::imap::{ListEntry, mailbox_name};
use crate::model::folder::FolderPath;
use std::collections::{BTreeMap, BTreeSet};

impl MailboxRun {
    /// Creates a folder. CREATE itself is the check that it is not there: a server refuses a name
    /// that exists, and then LIST tells which of the two it was.
    pub(super) async fn create(
        &self,
        folder: &FolderPath,
        lines: &mut Lines,
    ) -> Result<Outcome, Stop> {
        let object = Object::folder("destination", &self.mailbox.destination, folder);
        let line = lines.destination(&self.accounts, &self.mailbox).await?;
        // A name that only has folders below it is listed too, and CREATE makes it a folder.
        if line.folders.get(folder).is_some_and(selectable) {
            return Ok(Outcome::AlreadyDone);
        }
        let name = mailbox_name::encode(folder, line.namespace.separator, &line.namespace.prefix)
            .map_err(|reason| {
            Stop::Failed(
                Error::new(
                    ErrorKind::Failed,
                    "E202",
                    format!("{object}: its name cannot be written there: {reason}"),
                )
                .hint("Map the folder to another name in `folders.map` or `folders.characters`."),
            )
        })?;
        let outcome = match line.connection.create(&name).await {
            Ok(()) => Outcome::Done { tally: BTreeMap::from([("folders", 1)]) },
            // About the mailbox, or about now: another name would not help.
            Err(error)
                if error.is_answer()
                    && !matches!(catalogue::class(&error), Class::Folder | Class::Bug) =>
            {
                return Err(Stop::from_imap(&error, &object));
            }
            Err(error) if error.is_answer() => {
                let entries = line
                    .connection
                    .list()
                    .await
                    .map_err(|error| Stop::from_imap(&error, &object))?;
                if !entries.iter().any(|entry| entry.name == name && selectable(entry)) {
                    let explained = catalogue::imap(&error, &object);
                    let mut refused = Error::new(
                        ErrorKind::Failed,
                        "E202",
                        format!("{object}: it could not be created"),
                    )
                    .hint("Map the folder to another name in `folders.map`, or exclude it; then plan again.");
                    refused.words = explained.words;
                    refused.class = explained.class;
                    // An answer that nobody knows says less than what was tried.
                    let code = if explained.code == "E151" { "E202" } else { explained.code };
                    refused.hints.push(format!("`mailferry explain {code}` says more."));
                    return Err(Stop::Failed(refused));
                }
                Outcome::AlreadyDone
            }
            Err(error) => return Err(Stop::from_imap(&error, &object)),
        };
        let separator = line.namespace.separator;
        line.folders.insert(
            folder.clone(),
            ListEntry { name, separator, attributes: BTreeSet::new(), subscribed: false },
        );
        Ok(outcome)
    }
}
