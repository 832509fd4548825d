//! The checkpoint of a destination folder: durable before the first APPEND.

use crate::copy::folder::{FolderCopy, Open};
use crate::copy::stop::Stop;
use crate::model::uid::Uid;
use crate::ports::ledger::Checkpoint;

impl FolderCopy<'_> {
    /// Makes the checkpoint durable before the first APPEND or MOVE. The UIDNEXT that SELECT told is
    /// enough: what we store has it or a higher one, and what others stored since is told apart by
    /// digest and date like all that they store while we send.
    pub(super) async fn checkpoint(&self, open: &Open<'_>) -> Result<(), Stop> {
        self.open_checkpoint(open, open.to.uid_next).await
    }

    pub(super) async fn open_checkpoint(&self, open: &Open<'_>, uid_next: Uid) -> Result<(), Stop> {
        let checkpoint = Checkpoint {
            uid_validity: open.to.uid_validity,
            uid_next,
            at: self.desk.clock.now(),
            open: true,
        };
        let key = self.destination_key();
        Ok(self.desk.ledger(move |ledger| ledger.set_checkpoint(&key, &checkpoint)).await?)
    }

    pub(super) async fn close_checkpoint(&self) -> Result<(), Stop> {
        let key = self.destination_key();
        self.desk
            .ledger(move |ledger| {
                if let Some(checkpoint) = ledger.checkpoint(&key)? {
                    ledger.set_checkpoint(&key, &Checkpoint { open: false, ..checkpoint })?;
                }
                Ok(())
            })
            .await?;
        Ok(())
    }
}
