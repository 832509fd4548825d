//! `mailferry rollback --copies`.

use crate::cli::Ended;
use crate::cli::args::{Global, ResultFormat, RollbackArgs};
use crate::cli::output::Output;
use crate::cli::signals::Signals;
use crate::cli::wiring::{self, Mode, World};
use crate::copy::again::{self, Again};
use crate::copy::lines::Lines;
use crate::copy::stop::Stop;
use crate::error::{Class, Error, ErrorKind, Result};
use crate::executor::owner::Held;
use crate::model::words::shell;
use crate::render;
use crate::render::style::count;
use crate::rollback::{self, Rollback};
use std::fmt::Write as _;
use std::sync::Arc;

pub(crate) async fn run(args: &RollbackArgs, global: &Global, output: &Output) -> Result<Ended> {
    let address = wiring::address(&args.mailbox)?;
    let world = World::open(&args.plan, global, output, Mode::Write)?;
    let mailbox = world.mailbox(&address, &args.plan)?.clone();
    let signals = Signals::listen();
    let held = world.hold("rollback", &signals.cancel)?;
    world.consents().await?;
    let desk = world.desk(&mailbox.source, Arc::new(wiring::Nobody), &signals.cancel);
    let mut lines = Lines::default();
    lines.open(&world.accounts, &mailbox).await?;
    let ended = |stop: Stop, removed: u64| ended(stop, removed, &held, &signals);
    let looked = again::until_done(&desk, async || {
        let looked = async {
            lines.open(&world.accounts, &mailbox).await?;
            let (source, destination) = lines.sides()?;
            rollback::look(&desk, &mailbox, source, destination).await
        }
        .await;
        if matches!(looked, Err(Stop::Again(_))) {
            lines.drop_both();
        }
        looked
    })
    .await;
    let found = looked.map_err(|stop| ended(stop, 0))?;
    let shown = render::rollback::text(&found);
    if args.format == ResultFormat::Text {
        Output::result(&shown)?;
    } else if !found.is_empty() && args.expect.is_none() {
        Output::say(&shown);
    }
    if found.is_empty() {
        if args.format == ResultFormat::Json {
            Output::told(args.format, "", &render::rollback::json(&found, Some(0)))?;
        }
        return Ok(Ended::Done);
    }
    approved(args, output, &found)?;
    let mut removed = 0;
    let mut again = Again::default();
    loop {
        let before = removed;
        let round = async {
            desk.go_on()?;
            lines.open(&world.accounts, &mailbox).await?;
            let (source, destination) = lines.sides()?;
            rollback::remove(&desk, &mailbox, source, destination, &found, &mut removed).await
        };
        let error = match round.await {
            Ok(()) => break,
            Err(Stop::Again(error)) => error,
            Err(stop) => return Err(ended(stop, removed)),
        };
        lines.drop_both();
        if removed > before {
            again.moved_on();
        }
        again.hold(&desk, error).await.map_err(|stop| ended(stop, removed))?;
    }
    let left = found.messages().saturating_sub(removed);
    let mut text = format!(
        "Removed {}; the next apply copies them again.\n",
        count(removed, "message", "messages")
    );
    if left > 0 {
        let _ = writeln!(
            text,
            "{} changed meanwhile and stayed.",
            count(left, "message was", "messages were")
        );
    }
    Output::told(args.format, &text, &render::rollback::json(&found, Some(removed)))?;
    Ok(Ended::Done)
}

/// Takes the approval of a person: at the prompt, or by the digest of what was shown.
fn approved(args: &RollbackArgs, output: &Output, found: &Rollback) -> Result<()> {
    let digest = found.digest();
    if let Some(expected) = &args.expect {
        if digest.is_named_by(expected) {
            return Ok(());
        }
        return Err(Error::new(
            ErrorKind::Stale,
            "E520",
            format!("the rollback has digest {} now, and {expected} was expected", digest.short()),
        )
        .hint("Look at what it would remove now, and name that digest."));
    }
    let question = format!(
        "Remove these {} from the destination?",
        count(found.messages(), "message", "messages")
    );
    if output.confirm(&question) {
        return Ok(());
    }
    if args.format == ResultFormat::Json {
        Output::told(args.format, "", &render::rollback::json(found, None))?;
    }
    Err(Error::new(
        ErrorKind::Declined,
        "E525",
        "nothing was removed: the rollback was not approved",
    )
    .hint(format!(
        "To remove exactly this: mailferry rollback {} {} --copies --expect {}",
        shell(&args.plan.to_string_lossy()),
        found.mailbox,
        digest.short()
    )))
}

/// Explains an early end; what was removed until then is recorded.
fn ended(stop: Stop, removed: u64, held: &Held, signals: &Signals) -> Error {
    if let Some(error) = held.lost() {
        return error;
    }
    match stop {
        Stop::Interrupted => {
            let kind = signals.came().unwrap_or(ErrorKind::Interrupted);
            Error::new(kind, "E526", format!("interrupted after {removed} messages were removed"))
                .hint("Run the same command again: it looks at what is left.")
        }
        Stop::Again(mut error) | Stop::Failed(mut error) => {
            if removed > 0 && error.class != Class::Ledger && error.kind != ErrorKind::Locked {
                error.kind = ErrorKind::Partial;
            }
            error
        }
    }
}
