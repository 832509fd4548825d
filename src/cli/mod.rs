//! The command line: one file for each command, and the exit code.

mod apply;
mod archive;
pub mod args;
mod changes;
mod document;
mod duplicates;
mod exceptions;
mod explain;
mod generate;
mod output;
mod plan;
mod rehearse;
mod rest;
mod retry;
mod rollback;
mod rows;
mod show;
mod signals;
mod status;
mod validate;
mod verify;
mod whole;
mod wiring;

use crate::cli::args::{Arguments, Command};
use crate::cli::output::Output;
use crate::error::{Error, ErrorKind, Result};
use clap::Parser;
use std::process::ExitCode;

/// Threads for calls that block. The ledger takes one call at a time, so that more of them only
/// wait, and each keeps freed memory for itself: of four mailboxes of 50,000 messages, killed and
/// resumed, the memory was 38.1 MiB at most, and 61.1 without a limit (release build, glibc). One
/// more than the two that may wait for a person and for a command.
const BLOCKING: usize = 3;

/// What a command that did not fail has to say to its caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// Exit 0.
    Done,
    /// Exit 2: something differs, with `--detailed-exitcode` only.
    Changes,
    /// The output says why already; the exit code is that of the kind.
    As(ErrorKind),
}

/// Runs `mailferry` with the arguments of the process.
pub fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // clap's own exit code for usage is 2, which means "changes" here.
            let code = if error.use_stderr() { ErrorKind::Usage.exit_code() } else { 0 };
            // A reader that went away (`| head`) is no error.
            let failed = error.print().is_err_and(|e| e.kind() != std::io::ErrorKind::BrokenPipe);
            return ExitCode::from(if failed { 1 } else { code });
        }
    };
    let output = Output::new(&arguments.global);
    let ended = tokio::runtime::Builder::new_multi_thread()
        .max_blocking_threads(BLOCKING)
        .enable_all()
        .build()
        .map_err(|error| {
            Error::new(ErrorKind::Failed, "E001", "the runtime could not start").source(error)
        })
        .and_then(|runtime| {
            let ended = runtime.block_on(run(&arguments, &output));
            // A listing or a DNS question that still waits must not hold the process.
            runtime.shutdown_background();
            ended
        });
    match ended {
        Ok(Ended::Done) => ExitCode::SUCCESS,
        Ok(Ended::Changes) => ExitCode::from(2),
        Ok(Ended::As(kind)) => ExitCode::from(kind.exit_code()),
        Err(error) => {
            output.error(&error);
            ExitCode::from(error.kind.exit_code())
        }
    }
}

async fn run(arguments: &Arguments, output: &Output) -> Result<Ended> {
    let global = &arguments.global;
    // A wrong command line comes before everything that is wrong in files.
    wiring::trusted(global)?;
    let ended = command(arguments, output).await;
    if let Some(directions) = &global.rehearsal {
        Output::say(&crate::render::rehearsal::reminder(&directions.to_string_lossy()));
    }
    ended
}

async fn command(arguments: &Arguments, output: &Output) -> Result<Ended> {
    let global = &arguments.global;
    match &arguments.command {
        Command::Validate(args) => validate::run(args, global, output),
        Command::Plan(args) => plan::run(args, global, output).await,
        Command::Show(args) => show::run(args, output),
        Command::Apply(args) => apply::run(args, global, output).await,
        Command::Verify(args) => verify::run(args, global, output).await,
        Command::Status(args) => status::run(args, global, output),
        Command::Rehearse(args) => rehearse::run(args, global, output).await,
        Command::Explain(args) => explain::run(args),
        Command::Pause(args) => rest::pause(args, global, output),
        Command::Resume(args) => rest::resume(args, global, output),
        Command::Retry(args) => retry::run(args, global, output).await,
        Command::Rollback(args) => rollback::run(args, global, output).await,
        Command::Archive(args) => archive::run(args, global, output).await,
        Command::Schema(args) => generate::schema(args),
        Command::Completions(args) => generate::completions(args),
        Command::Man(args) => generate::man(args),
    }
}
