//! Runs commands as a person would: processes of their own, which a kill ends for good.

use crate::error::Result;
use crate::rehearse::Choice;
use crate::rehearse::fault::{not_run, unwritten};
use crate::rehearse::performance::{Ended, Ran};
use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};
use tokio::process::Command;

/// Where commands come from and where what they print goes.
#[derive(Clone, Debug)]
pub(crate) struct Stagehand {
    /// This program.
    program: PathBuf,
    /// What every command gets besides its own words.
    flags: Vec<String>,
    /// The directions.
    directions: PathBuf,
    /// The folder of the rehearsal.
    pub(crate) folder: PathBuf,
    number: usize,
    /// Commands that were run.
    seen: BTreeSet<String>,
}

/// How long a command may do nothing that is seen at the destination. It may be looking at every
/// message of a large rehearsal meanwhile.
const LIMIT: Duration = Duration::from_secs(600);

/// What the rehearsal sees while a command runs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Look {
    /// Messages at the destination.
    pub(crate) stored: usize,
    /// It is time to kill the command.
    pub(crate) kill: bool,
}

/// How often progress is looked at.
const LOOK: Duration = Duration::from_millis(25);

impl Stagehand {
    pub(crate) fn new(choice: &Choice, directions: PathBuf, folder: PathBuf) -> Self {
        let (program, flags) = (choice.program.clone(), choice.flags.clone());
        Self { program, flags, directions, folder, number: 0, seen: BTreeSet::new() }
    }

    /// Runs a command to its end, or kills it as soon as `look` says so; `look` is asked all the
    /// time and may show how far things are.
    pub(crate) async fn run(
        &mut self,
        words: &[String],
        wanted: &[i32],
        mut look: impl FnMut() -> Look,
    ) -> Result<Ran> {
        let shown = self.shown(words);
        let failed = |error: std::io::Error| not_run(&shown, &error);
        self.number += 1;
        let name = words.first().map_or("command", String::as_str);
        let file = format!("{:02}-{name}.txt", self.number);
        let path = self.folder.join(&file);
        let (results, remarks) =
            streams(&path, &shown).map_err(|error| unwritten(&path, &error))?;
        let begun = now();
        let mut child = Command::new(&self.program)
            .args(words)
            .args(&self.flags)
            .arg("--no-input")
            .arg("--rehearsal")
            .arg(&self.directions)
            .env("NO_COLOR", "1")
            .env_remove("MAILFERRY_TRUST")
            .stdin(Stdio::null())
            .stdout(results)
            .stderr(remarks)
            .kill_on_drop(true)
            .spawn()
            .map_err(failed)?;
        let mut early = None;
        let (mut seen, mut since) = (0, begun);
        let status = loop {
            tokio::select! {
                status = child.wait() => break status.map_err(failed)?,
                () = tokio::time::sleep(LOOK) => {}
            }
            let Look { stored, kill } = look();
            if stored != seen {
                (seen, since) = (stored, now());
            }
            if kill || since.elapsed() > LIMIT {
                early = Some(if kill { Ended::Killed } else { Ended::Hung });
                child.kill().await.map_err(failed)?;
                break child.wait().await.map_err(failed)?;
            }
        };
        let ended = match (status.code(), early) {
            (Some(code), _) => Ended::Code(code),
            (None, Some(early)) => early,
            (None, None) => Ended::Signal(status.signal().unwrap_or_default()),
        };
        let tenths = u64::try_from(begun.elapsed().as_millis() / 100).unwrap_or(u64::MAX);
        let text = std::fs::read(&path).map_err(|error| unwritten(&path, &error))?;
        let text = String::from_utf8_lossy(&text);
        let output = text.split_once('\n').map_or("", |(_, output)| output).to_owned();
        let again = !self.seen.insert(name.to_owned());
        Ok(Ran { shown, ended, wanted: wanted.to_vec(), tenths, output, file, again })
    }

    /// The command as it is shown: files in the folder by their names.
    fn shown(&self, words: &[String]) -> String {
        let short = |word: &String| {
            let path = Path::new(word);
            match path.strip_prefix(&self.folder) {
                Ok(inside) => inside.display().to_string(),
                Err(_) => word.clone(),
            }
        };
        let words: Vec<String> =
            words.iter().map(short).map(|word| crate::model::words::shell(&word)).collect();
        format!("mailferry {}", words.join(" "))
    }
}

/// The file that takes what a command prints, from its first line on: what it said is there however
/// it ends.
fn streams(path: &Path, shown: &str) -> std::io::Result<(File, File)> {
    let mut file = OpenOptions::new().create_new(true).append(true).open(path)?;
    writeln!(file, "$ {shown}")?;
    Ok((file.try_clone()?, file))
}

#[allow(clippy::disallowed_methods, reason = "how long something took, for people")]
fn now() -> Instant {
    Instant::now()
}
