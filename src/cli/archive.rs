//! `mailferry archive`.

use crate::archive::{self, FolderProof, FolderRun, Format, MANIFEST, Order, files};
use crate::cli::Ended;
use crate::cli::args::{ArchiveArgs, ArchiveFormat, Global};
use crate::cli::output::Output;
use crate::cli::signals::Signals;
use crate::cli::wiring::{self, Mode, World};
use crate::copy::desk::Desk;
use crate::copy::lines::{self, Line, selectable};
use crate::copy::nonexistent::is_nonexistent;
use crate::copy::stop::Stop;
use crate::error::{Error, ErrorKind, Result};
use crate::imap::SourceConnection;
use crate::model::date_range::{DateRange, Day};
use crate::model::folder::FolderPath;
use crate::model::size::Size;
use crate::ports::ledger::FolderKey;
use crate::render::style::{clean, count};
use serde_json::json;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

pub(crate) async fn run(args: &ArchiveArgs, global: &Global, output: &Output) -> Result<Ended> {
    let address = wiring::address(&args.mailbox)?;
    let range = range(args)?;
    let world = World::open(&args.plan, global, output, Mode::Write)?;
    let mailbox = world.mailbox(&address, &args.plan)?.clone();
    let signals = Signals::listen();
    let held = world.hold("archive", &signals.cancel)?;
    world.consents().await?;
    let format = match args.format {
        ArchiveFormat::Mbox => Format::Mbox,
        ArchiveFormat::Maildir => Format::Maildir,
    };
    files::make_dir(&args.to)?;
    let to = args.to.canonicalize().map_err(|error| files::failed(&args.to, error))?;
    let mut order = Order { mailbox, range, to, recorded: None, format };
    order.recorded = recorded(&world, &order, args.verify)?;
    let source = lines::source(&world.accounts, &order.mailbox).await?;
    let mut folders = folders(args, &source)?;
    if args.folder.is_empty() {
        let mut nonexistent = BTreeSet::new();
        for folder in &folders {
            let key = FolderKey { mailbox: address.clone(), folder: folder.clone() };
            if is_nonexistent(&world.ledger, &source, &key).await? {
                nonexistent.insert(folder.clone());
            }
        }
        folders.retain(|folder| !nonexistent.contains(folder));
    }
    let telling = world.doing(output, false);
    let desk = world.desk(&address, Arc::clone(&telling.listener), &signals.cancel);
    let work = Work { desk: &desk, order: &order, source: &source, verify_only: args.verify };
    let proven = work.all(&folders).await;
    desk.progress.finish();
    telling.finish();
    if let Some(error) = held.lost() {
        return Err(error);
    }
    let (proofs, written) = proven.map_err(|stop| match stop {
        Stop::Interrupted => {
            let kind = signals.came().unwrap_or(ErrorKind::Interrupted);
            Error::new(kind, "E508", "interrupted before everything was archived and proven")
                .hint("Run the same command again: it goes on where it stopped.")
        }
        Stop::Again(error) | Stop::Failed(error) => error,
    })?;
    let manifest = archive::write_manifest(&desk, &order, &proofs).await?;
    let broken: u64 = proofs.iter().map(|proof| proof.broken).sum();
    Output::told(
        args.output,
        &text(&proofs, &written, &manifest),
        &json!({
            "format_version": "1.0", "mailbox": address, "format": order.format.word(),
            "since": order.range.since, "until": order.range.until,
            "manifest": manifest, "written": written.written, "broken": broken,
            "folders": proofs,
        }),
    )?;
    Ok(if broken > 0 { Ended::As(ErrorKind::CheckFailed) } else { Ended::Done })
}

const DAYS: &str =
    "Write days as 2020-12-31; --since is the first day and --until the day after the last one.";

fn range(args: &ArchiveArgs) -> Result<DateRange> {
    let day = |text: &Option<String>| -> Result<Option<Day>> {
        let wrong = |reason: String| Error::new(ErrorKind::Usage, "E509", reason).hint(DAYS);
        text.as_ref().map(|text| text.parse().map_err(wrong)).transpose()
    };
    let range = DateRange { since: day(&args.since)?, until: day(&args.until)? };
    if range.is_empty() {
        return Err(Error::new(
            ErrorKind::Usage,
            "E509",
            format!("no day is in the range {range}"),
        )
        .hint(DAYS));
    }
    Ok(range)
}

/// Returns the path under which the ledger knows an archive that was moved. A manifest of somebody
/// else is not overwritten.
fn recorded(world: &World, order: &Order, verify: bool) -> Result<Option<String>> {
    let manifest = order.to.join(MANIFEST);
    let there = manifest.try_exists().map_err(|error| files::failed(&manifest, error))?;
    if !there || world.ledger.knows_archive(&order.name())? {
        return Ok(None);
    }
    match archive::recorded_as(&manifest)? {
        Some(name) if world.ledger.knows_archive(&name)? && verify => Ok(Some(name)),
        Some(name) if world.ledger.knows_archive(&name)? => Err(Error::new(
            ErrorKind::Failed,
            "E511",
            format!(
                "{} is an archive that was moved: it is recorded as {name}",
                order.to.display()
            ),
        )
        .hint(format!(
            "Move it back to {name} to archive more into it; --verify proves it where it is."
        ))),
        _ => Err(files::in_the_way(&manifest)),
    }
}

/// Returns the folders to archive: those that were named, or all that can hold messages.
fn folders(args: &ArchiveArgs, source: &Line<SourceConnection>) -> Result<Vec<FolderPath>> {
    let holds = |path: &FolderPath| source.folders.get(path).is_some_and(selectable);
    if args.folder.is_empty() {
        let known = source.folders.keys().filter(|path| holds(path));
        // Each of the others ends in why it cannot be archived.
        return Ok(known.chain(source.unread.keys()).cloned().collect());
    }
    let wrong = |reason: String| Error::new(ErrorKind::Usage, "E510", reason);
    let mut folders = Vec::new();
    for text in &args.folder {
        let path: FolderPath = text.parse().map_err(wrong)?;
        if !holds(&path) && !source.unread.contains_key(&path) {
            return Err(wrong(format!("{} has no folder `{path}` at the source", args.mailbox))
                .hint("Write its path with `/` between the parts, as `mailferry plan` shows it."));
        }
        if !folders.contains(&path) {
            folders.push(path);
        }
    }
    Ok(folders)
}

struct Work<'a> {
    desk: &'a Desk,
    order: &'a Order,
    source: &'a Line<SourceConnection>,
    /// Write nothing into the files, and read the source again.
    verify_only: bool,
}

impl Work<'_> {
    async fn all(&self, folders: &[FolderPath]) -> Result<(Vec<FolderProof>, FolderRun), Stop> {
        let mut proofs = Vec::new();
        let mut sum = FolderRun::default();
        for folder in folders {
            self.desk.go_on()?;
            let run = if self.verify_only {
                FolderRun::default()
            } else {
                archive::archive(self.desk, self.order, self.source, folder).await?
            };
            sum.written += run.written;
            sum.bytes += run.bytes;
            let again = self.verify_only;
            proofs.push(
                archive::prove(self.desk, self.order, self.source, folder, &run, again).await?,
            );
        }
        Ok((proofs, sum))
    }
}

fn text(proofs: &[FolderProof], written: &FolderRun, manifest: &Path) -> String {
    let mut text = String::new();
    for proof in proofs {
        let _ = write!(
            text,
            "{:<40} {} listed, {} in the archive",
            clean(&proof.folder),
            proof.listed,
            proof.in_archive
        );
        for (number, what) in [
            (proof.excluded, "of other dates"),
            (proof.gone_at_source, "gone at the source since"),
            (proof.newer, "came meanwhile: archive again"),
            (proof.unread, "not given by the source"),
            (proof.broken, "broken"),
        ] {
            if number > 0 {
                let _ = write!(text, ", {number} {what}");
            }
        }
        text.push('\n');
        for example in &proof.examples {
            let _ = writeln!(text, "  ! {}", clean(example));
        }
    }
    let _ = writeln!(
        text,
        "Wrote {}, {}. Manifest: {}",
        count(written.written, "message", "messages"),
        Size(written.bytes),
        clean(&manifest.to_string_lossy())
    );
    if proofs.iter().all(|proof| proof.broken == 0) {
        text.push_str("Read back: every message of the listing is there with equal octets.\n");
    } else {
        text.push_str("Not everything is in the archive as it is at the source; see above.\n");
    }
    text
}
