//! Tells what was at the destination before us from copies of ours that their user moved there.

use crate::catalogue::Object;
use crate::copy::recovery::Search;
use crate::copy::stop::Stop;
use crate::copy::there::those_there;
use crate::error::Class;
use crate::model::folder::FolderPath;
use crate::model::uid::UidValidity;
use crate::ports::search::{SearchId, SourceUid, Twin};

/// Copies that are asked for at once.
const PAGE: usize = 500;

impl Search<'_> {
    /// Takes apart pairs whose partner may be a moved copy of ours: one of equal octets and date is
    /// not where it should be. A message that was given it would be lost, while one that is sent
    /// beside what another tool copied can be found and removed.
    pub(super) async fn leave_out_moved(&self, id: SearchId) -> Result<(), Stop> {
        let mailbox = self.folder.mailbox.clone();
        let folders = self.desk.ledger(move |ledger| ledger.note_twins(id, &mailbox)).await?;
        let (own, others): (Vec<_>, Vec<_>) =
            folders.iter().partition(|folder| **folder == self.folder.folder);
        // As long as this folder is the selected one.
        for folder in own {
            self.twins_of(id, folder, Some(self.validity)).await?;
        }
        let away = !others.is_empty();
        for folder in others {
            let at = self.opened(folder).await?;
            self.twins_of(id, folder, at).await?;
        }
        if let (true, Some(name)) = (away, self.destination.name(&self.folder.folder)?) {
            let failed = |error| Stop::from_imap(&error, &self.object());
            self.destination.connection.select(name).await.map_err(failed)?;
        }
        Ok(())
    }

    /// Opens another folder; `None` when that is not possible, so that nobody knows what is there.
    async fn opened(&self, folder: &FolderPath) -> Result<Option<UidValidity>, Stop> {
        let Ok(Some(name)) = self.destination.name(folder) else { return Ok(None) };
        let object = self.other(folder);
        match self.destination.connection.examine(name).await {
            Ok(selected) => Ok(Some(selected.uid_validity)),
            Err(error) => match Stop::from_imap(&error, &object) {
                Stop::Failed(error) if error.class != Class::Ledger => Ok(None),
                stop => Err(stop),
            },
        }
    }

    async fn twins_of(
        &self,
        id: SearchId,
        folder: &FolderPath,
        at: Option<UidValidity>,
    ) -> Result<(), Stop> {
        let mut behind = 0;
        loop {
            self.desk.go_on()?;
            let asked = folder.clone();
            let twins =
                self.desk.ledger(move |ledger| ledger.twins(id, &asked, behind, PAGE)).await?;
            let Some(last) = twins.last() else { return Ok(()) };
            behind = last.number;
            let here = |twin: &Twin| {
                twin.place.filter(|(validity, _)| Some(*validity) == at).map(|(_, uid)| uid)
            };
            let failed = |error| Stop::from_imap(&error, &self.other(folder));
            let uids = twins.iter().filter_map(here);
            let there = those_there(&self.destination.connection, uids).await.map_err(failed)?;
            let is_there = |twin: &Twin| here(twin).is_some_and(|uid| there.contains_key(&uid));
            let moved: Vec<SourceUid> =
                twins.iter().filter(|twin| !is_there(twin)).map(|twin| twin.key).collect();
            self.desk.ledger(move |ledger| ledger.part(id, &moved)).await?;
        }
    }

    fn other(&self, folder: &FolderPath) -> Object {
        Object::folder("destination", &self.folder.mailbox, folder)
    }
}
