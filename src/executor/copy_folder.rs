//! Copies a folder, between the two folders that were reviewed.

use crate::copy::folder::FolderCopy;
use crate::copy::lines::Lines;
use crate::copy::roll::Roll;
use crate::copy::stop::Stop;
use crate::copy::tally::Tally;
use crate::copy::unread::Unread;
use crate::error::{Error, ErrorKind};
use crate::executor::event::Outcome;
use crate::executor::mailbox::MailboxRun;
use crate::planner::plan::{CopyFolder, State};
use std::collections::BTreeMap;

impl MailboxRun {
    /// Copies; whether there is anything to do, ledger and inventory decide.
    pub(super) async fn copy(
        &mut self,
        params: &CopyFolder,
        before: &State,
        lines: &mut Lines,
        roll: &mut Roll,
    ) -> Result<Outcome, Stop> {
        let State::Bound { source, destination } = before else {
            return Err(Stop::Failed(Error::new(
                ErrorKind::Stale,
                "E133",
                format!("{}: the saved plan does not say which folders it means", params.source),
            )));
        };
        let mut tally = Tally::default();
        let ended = FolderCopy {
            desk: &self.desk,
            accounts: &self.accounts,
            mailbox: &self.mailbox,
            source: &params.source,
            destination: &params.destination,
            source_validity: *source,
            destination_validity: *destination,
            unread: Unread::default(),
        }
        .run(lines, roll, &mut tally)
        .await;
        let numbers = numbers(&tally);
        if ended.is_err() {
            for (name, number) in &numbers {
                *self.ended.unfinished.entry(name).or_default() += number;
            }
        }
        ended.map(|()| Outcome::Done { tally: numbers })
    }
}

fn numbers(tally: &Tally) -> BTreeMap<&'static str, u64> {
    BTreeMap::from([
        ("copied", tally.copied),
        ("bytes", tally.bytes),
        ("found", tally.found),
        ("moved", tally.moved),
        ("flags", tally.flags),
        ("excepted", tally.excepted),
        ("refused", tally.refused),
    ])
}
