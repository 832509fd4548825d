//! Creates a folder at the destination.

use crate::catalogue::{self, Object};
use crate::copy::lines::{Line, Lines, selectable};
use crate::copy::stop::Stop;
use crate::error::{Class, Error, ErrorKind};
use crate::executor::event::{Event, Outcome};
use crate::executor::mailbox::MailboxRun;
use crate::executor::refused_name;
use crate::imap::{Connection, ImapError, ListEntry, mailbox_name};
use crate::model::folder::{FolderPath, RawName};
use crate::planner::plan::CreateFolder;
use std::collections::{BTreeMap, BTreeSet};

impl MailboxRun {
    /// Creates a folder. CREATE itself is the check that it is not there: a server refuses a name
    /// that exists, and then LIST tells which of the two it was. Tried again after a lost line, the
    /// LIST of the next one shows whether the unanswered CREATE was carried out.
    pub(super) async fn create(
        &self,
        params: &CreateFolder,
        lines: &mut Lines,
    ) -> Result<Outcome, Stop> {
        let folder = &params.folder;
        let object = Object::folder("destination", &self.mailbox.destination, folder);
        let line = lines.destination(&self.accounts, &self.mailbox).await?;
        // A name that only has folders below it is listed too, and CREATE makes it a folder.
        if line.entry(folder)?.is_some_and(selectable) {
            return Ok(Outcome::AlreadyDone);
        }
        for above in std::iter::successors(folder.parent(), FolderPath::parent) {
            line.entry(&above)?;
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
        let outcome = match self.made(params, &name, &object, line).await {
            Ok(()) => Outcome::Done { tally: BTreeMap::from([("folders", 1)]) },
            Err(error) if !is_refused(&error) => return Err(Stop::from_imap(&error, &object)),
            Err(error) => {
                let entries = line
                    .connection
                    .list()
                    .await
                    .map_err(|error| Stop::from_imap(&error, &object))?;
                if entries.iter().any(|entry| entry.name == name && selectable(entry)) {
                    Outcome::AlreadyDone
                } else if self.made_below(folder, &name, &entries, line, &object).await? {
                    Outcome::Done { tally: BTreeMap::from([("folders", 1)]) }
                } else {
                    let explained = catalogue::imap(&error, &object);
                    let mut refused = Error::new(
                        ErrorKind::Failed,
                        "E202",
                        format!("{object}: it could not be created"),
                    );
                    refused.words = explained.words;
                    refused.class = explained.class;
                    refused.hints = refused_name::advice(folder, &line.namespace, &entries);
                    // An answer that nobody knows says less than what was tried.
                    let code = if explained.code == "E151" { "E202" } else { explained.code };
                    refused.hints.push(format!("`mailferry explain {code}` says more."));
                    return Err(Stop::Failed(refused));
                }
            }
        };
        let separator = line.namespace.separator;
        line.folders.insert(
            folder.clone(),
            ListEntry {
                name,
                separator,
                odd_separator: None,
                attributes: BTreeSet::new(),
                subscribed: false,
            },
        );
        Ok(outcome)
    }

    /// Creates with the special use that was planned; without it where the server refuses that: a
    /// mail program can choose the folder later, and its mail need not wait for that.
    async fn made(
        &self,
        params: &CreateFolder,
        name: &RawName,
        object: &Object,
        line: &Line<Connection>,
    ) -> Result<(), ImapError> {
        let Some(special_use) = params.special_use else {
            return line.connection.create(name).await;
        };
        let error = match line.connection.create_with_use(name, special_use).await {
            Err(error) if is_refused(&error) => error,
            Err(ImapError::Unsupported { .. }) => return line.connection.create(name).await,
            other => return other,
        };
        line.connection.create(name).await?;
        let said = catalogue::imap(&error, object).words.unwrap_or_default();
        let message =
            format!("{object}: it was created without the special use {special_use}: {said}");
        self.desk.tell(&Event::Notice { message });
        Ok(())
    }

    /// Creates a folder once more when what is above it could be declared.
    async fn made_below(
        &self,
        folder: &FolderPath,
        name: &RawName,
        entries: &[ListEntry],
        line: &Line<Connection>,
        object: &Object,
    ) -> Result<bool, Stop> {
        if !self.made_above(folder, entries, line, object).await? {
            return Ok(false);
        }
        match line.connection.create(name).await {
            Ok(()) => Ok(true),
            Err(error) if is_refused(&error) => Ok(false),
            Err(error) => Err(Stop::from_imap(&error, object)),
        }
    }

    /// Declares the names above a folder, RFC 3501 section 6.3.3, where nobody knows that the server
    /// makes them by itself; tells whether there were any to declare and it took all of them.
    async fn made_above(
        &self,
        folder: &FolderPath,
        entries: &[ListEntry],
        line: &Line<Connection>,
        object: &Object,
    ) -> Result<bool, Stop> {
        let Some(separator) = line.namespace.separator else { return Ok(false) };
        if line.target(&self.accounts).profile.makes_superiors {
            return Ok(false);
        }
        let mut above: Vec<FolderPath> =
            std::iter::successors(folder.parent(), FolderPath::parent).collect();
        above.reverse();
        let mut declared = false;
        for path in above {
            let name = mailbox_name::encode(&path, Some(separator), &line.namespace.prefix);
            let Ok(mut name) = name else { return Ok(false) };
            if entries.iter().any(|entry| entry.name == name) {
                continue;
            }
            name.0.extend(separator.to_string().into_bytes());
            match line.connection.create(&name).await {
                Ok(()) => declared = true,
                Err(error) if is_refused(&error) => return Ok(false),
                Err(error) => return Err(Stop::from_imap(&error, object)),
            }
        }
        Ok(declared)
    }
}

/// Tells whether the server spoke about this folder: about the mailbox, or about now, another name
/// would not help.
fn is_refused(error: &ImapError) -> bool {
    error.is_answer() && matches!(catalogue::class(error), Class::Folder | Class::Bug)
}
