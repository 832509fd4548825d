//! `mailferry rehearse`.

use crate::cli::args::{Global, RehearseArgs, ResultFormat};
use crate::cli::document;
use crate::cli::output::Output;
use crate::cli::whole::{self, Readers};
use crate::cli::{Ended, signals::Signals};
use crate::error::{Error, ErrorKind, Result};
use crate::observation::Observation;
use crate::rehearse::fault::{not_run, unwritten};
use crate::rehearse::performance::{Act, Performance, Ran};
use crate::rehearse::{self, Audience, Choice};
use crate::render;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

pub(crate) async fn run(args: &RehearseArgs, global: &Global, output: &Output) -> Result<Ended> {
    let Some(plan) = args.plan.as_ref().filter(|_| !args.habits) else {
        return habits(args.format);
    };
    if global.rehearsal.is_some() || global.state.is_some() {
        return Err(Error::new(
            ErrorKind::Usage,
            "E325",
            "rehearse has services and a ledger of its own: --rehearsal and --state mean nothing here",
        )
        .hint("Leave them out."));
    }
    let desired = document::load_for_rehearsal(plan, global, output)?;
    let observation = args.from_observation.as_deref().map(observation).transpose()?;
    let folder = folder(args.out.as_deref(), &desired.name)?;
    let program = std::env::current_exe().map_err(|error| not_run("mailferry", &error))?;
    let choice = Choice {
        seed: args.seed,
        messages: args.messages as usize,
        mailboxes: args.mailboxes as usize,
        calm: args.calm,
        observation,
        program,
        flags: if global.allow_outside { vec!["--allow-outside".to_owned()] } else { Vec::new() },
    };
    let begun = now();
    let hall = Hall::new(output, args.format);
    hall.say(&render::rehearsal::prologue(&plan.display().to_string(), &folder));
    let signals = Signals::listen();
    // While the services are kept, Ctrl-C is how they end.
    let over = AtomicBool::new(false);
    let mut ended = Ended::Done;
    let mut told = Ok(());
    let afterwards = async |mut performance: Performance, directions: PathBuf| {
        performance.seconds = begun.elapsed().as_secs();
        if !performance.holds() {
            ended = Ended::As(ErrorKind::CheckFailed);
        }
        hall.bar.finish_and_clear();
        told = report(args, &performance, &folder, output);
        over.store(true, Ordering::SeqCst);
        if args.keep && told.is_ok() {
            Output::say(&render::rehearsal::kept(
                &plan.display().to_string(),
                &directions.display().to_string(),
            ));
            signals.cancel.cancelled().await;
        }
    };
    let rehearsing = rehearse::rehearse(desired, plan, &folder, &choice, &hall, afterwards);
    let interrupted = async {
        signals.cancel.cancelled().await;
        if over.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
    };
    tokio::select! {
        rehearsed = rehearsing => rehearsed?,
        () = interrupted => {
            hall.bar.finish_and_clear();
            let kind = signals.came().unwrap_or(ErrorKind::Interrupted);
            return Err(Error::new(kind, "E130", "interrupted in the middle of the rehearsal")
                .hint(format!("What it did so far is in {}.", folder.display())));
        }
    }
    told?;
    Ok(ended)
}

/// Reads what `plan --observation` wrote.
fn observation(path: &Path) -> Result<Observation> {
    let wrong = |why: String| {
        Error::new(
            ErrorKind::Failed,
            "E327",
            format!("{} is no observation: {why}", path.display()),
        )
        .hint("Make one with `mailferry plan PLAN.yaml --observation FILE`, which only reads.")
    };
    let text = std::fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
    let observation = Observation::parse(&text).map_err(wrong)?;
    if observation.mailboxes.is_empty() {
        return Err(wrong("there is no mailbox in it".to_owned()));
    }
    Ok(observation)
}

fn habits(format: ResultFormat) -> Result<Ended> {
    let habits = rehearse::habits();
    let json = serde_json::json!({ "format_version": "1.0", "habits": habits });
    Output::told(format, &render::rehearsal::habits(&habits), &json)?;
    Ok(Ended::Done)
}

/// Writes the report and says how it ended.
fn report(
    args: &RehearseArgs,
    performance: &Performance,
    folder: &Path,
    output: &Output,
) -> Result<()> {
    let page = folder.join("report.html");
    whole::write(&page, Readers::AsUsual, &render::rehearsal_page::html(performance))?;
    let json = serde_json::to_value(performance).map_err(|error| {
        Error::new(ErrorKind::Failed, "E003", "the report could not be written as JSON")
            .source(error)
    })?;
    whole::write(&folder.join("report.json"), Readers::AsUsual, &format!("{json:#}\n"))?;
    let text = render::rehearsal::epilogue(performance, &page.display().to_string(), output.color);
    Output::told(args.format, &text, &json)
}

/// Returns an empty folder: the ledger of an earlier rehearsal must not be met.
fn folder(given: Option<&Path>, name: &str) -> Result<PathBuf> {
    let failed = |path: &Path, error: std::io::Error| unwritten(path, &error);
    if let Some(given) = given {
        let fresh = !given.exists();
        std::fs::create_dir_all(given).map_err(|error| failed(given, error))?;
        let mut entries = std::fs::read_dir(given).map_err(|error| failed(given, error))?;
        if entries.next().is_some() {
            return Err(Error::new(
                ErrorKind::Usage,
                "E326",
                format!("{} is not empty", given.display()),
            )
            .hint("Name a new directory: a rehearsal begins with an empty ledger."));
        }
        if fresh {
            private(given).map_err(|error| failed(given, error))?;
        }
        return std::path::absolute(given).map_err(|error| failed(given, error));
    }
    let plain: String = name.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').collect();
    let below = std::env::temp_dir();
    for number in 1..10_000 {
        let path = below.join(format!("mailferry-rehearsal-{plain}-{number}"));
        match std::fs::create_dir(&path) {
            Ok(()) => {
                private(&path).map_err(|error| failed(&path, error))?;
                return Ok(path);
            }
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(failed(&path, error)),
        }
    }
    Err(failed(&below, std::io::Error::other("there are too many rehearsals; remove some")))
}

/// The names of people and folders are in what is written there.
fn private(folder: &Path) -> std::io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o700))?;
    }
    Ok(())
}

/// Shows the rehearsal to whoever sits at the terminal.
struct Hall {
    bar: ProgressBar,
    text: bool,
    color: bool,
    /// When a command began, and when a line told of it last.
    begun: Mutex<(Instant, Instant)>,
    terminal: bool,
}

impl Hall {
    fn new(output: &Output, format: ResultFormat) -> Self {
        let text = format == ResultFormat::Text;
        let target = if output.terminal && text {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        };
        let bar = ProgressBar::with_draw_target(None, target);
        if let Ok(style) = ProgressStyle::with_template("  {spinner} {msg}") {
            bar.set_style(style);
        }
        let begun = Mutex::new((now(), now()));
        Self { bar, text, color: output.color, begun, terminal: output.terminal }
    }

    /// Tells of the course: on stdout as a result, or nobody where JSON is wanted there.
    fn say(&self, text: &str) {
        if self.text {
            // A reader that went away hears no more; the rehearsal goes on to its report.
            self.bar.suspend(|| drop(Output::result(text)));
        }
    }
}

/// Seconds between lines of progress where there is no terminal.
const QUIET: u64 = 10;

impl Audience for Hall {
    fn act(&self, act: &Act) {
        self.say(&render::rehearsal::act(act, self.color));
    }

    fn event(&self, sentence: &str) {
        self.say(&render::rehearsal::event(sentence));
    }

    fn begins(&self, command: &str) {
        *self.begun.lock().unwrap_or_else(PoisonError::into_inner) = (now(), now());
        self.bar.set_message(command.to_owned());
    }

    fn progress(&self, stored: usize, all: usize) {
        let mut begun = self.begun.lock().unwrap_or_else(PoisonError::into_inner);
        let seconds = begun.0.elapsed().as_secs();
        let text = render::rehearsal::progress(stored, all, seconds);
        if self.terminal {
            self.bar.set_message(text);
            self.bar.tick();
        } else if self.text && begun.1.elapsed().as_secs() >= QUIET {
            begun.1 = now();
            Output::say(&format!("  {text}"));
        }
    }

    fn ended(&self, ran: &Ran) {
        self.bar.set_message("");
        self.say(&render::rehearsal::ran(ran, self.color));
    }
}

#[allow(clippy::disallowed_methods, reason = "how long something took, for people")]
fn now() -> Instant {
    Instant::now()
}
