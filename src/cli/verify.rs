//! `mailferry verify`.

use crate::cli::args::{EvidenceFormat, Global, VerifyArgs};
use crate::cli::output::Output;
use crate::cli::signals::Signals;
use crate::cli::whole::{self, Readers};
use crate::cli::wiring::{self, Mode, World};
use crate::cli::{Ended, exceptions};
use crate::copy::desk::{Desk, Policy};
use crate::copy::progress::MailboxProgress;
use crate::error::{Error, ErrorKind, Result};
use crate::executor::event::Listener;
use crate::model::address::Address;
use crate::model::digest::Digest;
use crate::model::sampling::Sampling;
use crate::render;
use crate::verify::evidence::Evidence;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

pub(crate) async fn run(args: &VerifyArgs, global: &Global, output: &Output) -> Result<Ended> {
    let only = args.only.as_deref().map(wiring::address).transpose()?;
    exceptions::check(args.exceptions.as_deref())?;
    let world = World::open(&args.plan, global, output, Mode::Write)?;
    if let Some(only) = &only {
        world.mailbox(only, &args.plan)?;
    }
    let signals = Signals::listen();
    let held = world.hold("verify", &signals.cancel)?;
    world.consents().await?;
    let telling = world.doing(output, false);
    world.accounts.throttle().tell(Arc::clone(&telling.listener));
    let tallies = world.ledger.tallies()?;
    let desk_of = |mailbox: &Address| {
        let copied = tallies
            .iter()
            .filter(|(key, _)| key.mailbox == *mailbox)
            .map(|(_, tally)| tally.copied)
            .sum();
        desk(&world, &telling.listener, &signals, mailbox, copied)
    };
    let sampling =
        if args.full { Sampling::Full } else { args.sample.unwrap_or(world.desired.sample) };
    let began = world.clock.now();
    let evidence = crate::verify::verify(
        &world.desired,
        &world.accounts,
        &desk_of,
        only.as_ref(),
        sampling,
        began,
    )
    .await;
    telling.finish();
    if let Some(error) = held.lost() {
        return Err(error);
    }
    if let Some(kind) = signals.came() {
        return Err(Error::new(kind, "E130", "interrupted before everything was verified")
            .hint("Nothing was changed at either side; run `mailferry verify` again."));
    }
    let evidence = evidence?;
    let (path, digest) = keep(&world, &evidence)?;
    let report = render::evidence::html(&evidence);
    if let Some(report_path) = &args.report {
        whole::write(report_path, Readers::AsUsual, &report)?;
    }
    if let Some(list) = &args.exceptions {
        let subjects = args.with_subjects.then_some(&desk_of);
        exceptions::keep(&world, &evidence, list, subjects).await?;
    }
    let text = match args.format {
        EvidenceFormat::Text => {
            let plan = args.plan.to_string_lossy();
            render::evidence::text(&evidence, &plan, &path.to_string_lossy(), &digest.short())
        }
        EvidenceFormat::Junit => render::junit::xml(&evidence),
        EvidenceFormat::Json => json(&evidence)?,
        EvidenceFormat::Html => report,
    };
    Output::result(&text)?;
    Ok(if evidence.totals.broken > 0 {
        Ended::As(ErrorKind::CheckFailed)
    } else if evidence.totals.unknown > 0 {
        Ended::As(ErrorKind::Unobservable)
    } else {
        Ended::Done
    })
}

/// What one mailbox needs at hand.
pub(crate) fn desk(
    world: &World,
    listener: &Arc<dyn Listener>,
    signals: &Signals,
    mailbox: &Address,
    messages: u64,
) -> Desk {
    Desk {
        ledger: Arc::clone(&world.ledger),
        listener: Arc::clone(listener),
        clock: Arc::clone(&world.clock),
        cancel: signals.cancel.clone(),
        policy: Policy { follow_moves: false, quiet: Duration::ZERO },
        pace: None,
        progress: Arc::new(MailboxProgress::new(
            mailbox.clone(),
            Arc::clone(listener),
            messages,
            0,
        )),
    }
}

fn json(evidence: &Evidence) -> Result<String> {
    let text = serde_json::to_string_pretty(evidence).map_err(|error| {
        Error::new(ErrorKind::Failed, "E003", "the evidence could not be written as JSON")
            .source(error)
    })?;
    Ok(format!("{text}\n"))
}

/// Writes the evidence beside the ledger, for the owner's eyes only.
fn keep(world: &World, evidence: &Evidence) -> Result<(PathBuf, Digest)> {
    let folder = world.folder.join("evidence");
    let failed = |path: &Path, error: std::io::Error| {
        Error::new(
            ErrorKind::Failed,
            "E309",
            format!("{} could not be written: {error}", path.display()),
        )
        .hint("Make room or give the folder back its write permission, then verify again.")
        .source(error)
    };
    std::fs::create_dir_all(&folder).map_err(|error| failed(&folder, error))?;
    let text = json(evidence)?;
    // Two verifications within one second are two files.
    let stamp = world.clock.now().strftime("%Y-%m-%dT%H%M%S%.3fZ").to_string();
    let path = folder.join(format!("{stamp}.json"));
    whole::write(&path, Readers::Owner, &text)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o700))
            .map_err(|error| failed(&folder, error))?;
    }
    Ok((path, Digest::of(text.as_bytes())))
}
