//! `verify --exceptions`: messages that a person should know, as a list to work through.

use crate::cli::whole::{self, Readers};
use crate::cli::wiring::World;
use crate::copy::again;
use crate::copy::desk::Desk;
use crate::copy::stop::Stop;
use crate::desired::DesiredMailbox;
use crate::error::{Error, ErrorKind, Result};
use crate::imap::{FetchRow, RowQuery, SequenceSet};
use crate::model::address::Address;
use crate::model::folder::FolderPath;
use crate::model::uid::Uid;
use crate::render::exceptions::{self, Headers};
use crate::verify::evidence::{Evidence, MailboxEvidence};
use std::collections::BTreeMap;
use std::path::Path;

/// Writes the list; the ending of the file says how.
pub(crate) async fn keep(
    world: &World,
    evidence: &Evidence,
    path: &Path,
    // How a mailbox is read again for its subjects; `None` when nobody asked for them.
    subjects: Option<&impl Fn(&Address) -> Desk>,
) -> Result<()> {
    let headers = match subjects {
        Some(desk_of) => read(world, evidence, desk_of).await?,
        None => exceptions::Known::new(),
    };
    let text = match ending(path)? {
        Ending::Csv => exceptions::csv(evidence, &headers),
        Ending::Json => exceptions::json(evidence, &headers),
    };
    let text = text.map_err(|error| {
        Error::new(ErrorKind::Failed, "E086", "the list of exceptions could not be written down")
            .source(error)
    })?;
    whole::write(path, Readers::Owner, &text)
}

enum Ending {
    Csv,
    Json,
}

fn ending(path: &Path) -> Result<Ending> {
    let ending = path.extension().map(|ending| ending.to_string_lossy().to_ascii_lowercase());
    match ending.as_deref() {
        Some("csv") => Ok(Ending::Csv),
        Some("json") => Ok(Ending::Json),
        _ => Err(Error::new(
            ErrorKind::Usage,
            "E081",
            format!("--exceptions {}: the name must end in .csv or .json", path.display()),
        )
        .hint("Give the file one of these endings: it says in which format it is written.")),
    }
}

/// Refuses a name before the work begins.
pub(crate) fn check(path: Option<&Path>) -> Result<()> {
    path.map_or(Ok(()), |path| ending(path).map(|_| ()))
}

/// Reads subjects and Message-IDs from the source; they are kept nowhere but in the list. Waits and
/// tries again as the verification does.
async fn read(
    world: &World,
    evidence: &Evidence,
    desk_of: &impl Fn(&Address) -> Desk,
) -> Result<exceptions::Known> {
    let mut known = exceptions::Known::new();
    for mailbox in evidence.mailboxes.iter().filter(|mailbox| !mailbox.exceptions.is_empty()) {
        let Some(wanted) = world.desired.mailboxes.get(&mailbox.mailbox) else { continue };
        let desk = desk_of(&mailbox.mailbox);
        let look = async || look(world, wanted, mailbox).await;
        known.extend(again::until_done(&desk, look).await.map_err(Stop::into_error)?);
    }
    Ok(known)
}

async fn look(
    world: &World,
    wanted: &DesiredMailbox,
    mailbox: &MailboxEvidence,
) -> Result<exceptions::Known, Stop> {
    let mut known = exceptions::Known::new();
    let source = crate::copy::lines::source(&world.accounts, wanted).await?;
    for (folder, uids) in by_folder(mailbox) {
        let object = crate::catalogue::Object::folder("source", &mailbox.mailbox, folder);
        let failed = |error| Stop::from_imap(&error, &object);
        // A folder that went away since has nothing to show.
        let Some(name) = source.name(folder)? else { continue };
        source.connection.examine(name).await.map_err(failed)?;
        let query = RowQuery {
            header_fields: vec!["Subject".to_owned(), "Message-ID".to_owned()],
            ..RowQuery::default()
        };
        let set = SequenceSet::from_uids(uids);
        let mut rows = source.connection.fetch_rows(&set, query).await.map_err(failed)?;
        while let Some(row) = rows.next().await.map_err(failed)? {
            let of = (mailbox.mailbox.clone(), folder.clone(), row.uid);
            known.insert(of, headers(&row));
        }
    }
    Ok(known)
}

fn headers(row: &FetchRow) -> Headers {
    crate::message::header_text::subject_and_id(row.headers.as_deref().unwrap_or_default())
}

fn by_folder(mailbox: &MailboxEvidence) -> BTreeMap<&FolderPath, Vec<Uid>> {
    let mut folders: BTreeMap<&FolderPath, Vec<Uid>> = BTreeMap::new();
    for one in &mailbox.exceptions {
        folders.entry(&one.folder).or_default().push(one.uid);
    }
    folders
}
