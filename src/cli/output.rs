//! Where words go: results to stdout, everything else to stderr.

use crate::cli::args::{Global, ResultFormat};
use crate::error::{Error, ErrorKind, Result};
use std::fmt::Write as _;
use std::io::{IsTerminal, Write as _};

/// The two streams of the process and what they can do.
#[derive(Debug)]
pub(crate) struct Output {
    /// stdout may be coloured.
    pub(crate) color: bool,
    /// stderr may be coloured.
    pub(crate) color_errors: bool,
    /// stderr is a terminal: bars are possible.
    pub(crate) terminal: bool,
    /// Somebody can be asked.
    pub(crate) can_ask: bool,
    verbose: bool,
}

impl Output {
    pub(crate) fn new(global: &Global) -> Self {
        let plain = global.no_color || std::env::var_os("NO_COLOR").is_some_and(|v| !v.is_empty());
        let terminal = std::io::stderr().is_terminal();
        Self {
            color: !plain && std::io::stdout().is_terminal(),
            color_errors: !plain && terminal,
            terminal,
            can_ask: !global.no_input && std::io::stdin().is_terminal() && terminal,
            verbose: global.verbose,
        }
    }

    /// Writes a result to stdout. A reader that went away (`| head`) is no error.
    pub(crate) fn result(text: &str) -> Result<()> {
        let mut stdout = std::io::stdout().lock();
        match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
            Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
                Err(Error::new(ErrorKind::Failed, "E002", "the output could not be written")
                    .source(error))
            }
            _ => Ok(()),
        }
    }

    /// Writes a result as text, or as JSON.
    pub(crate) fn told(format: ResultFormat, text: &str, value: &serde_json::Value) -> Result<()> {
        match format {
            ResultFormat::Text => Self::result(text),
            ResultFormat::Json => Self::result(&format!("{value:#}\n")),
        }
    }

    /// Writes a remark to stderr.
    pub(crate) fn say(text: &str) {
        // Nobody can be told that stderr is gone.
        let _ = writeln!(std::io::stderr().lock(), "{text}");
    }

    /// Asks a question that only `yes` answers; anything else declines.
    pub(crate) fn confirm(&self, question: &str) -> bool {
        if !self.can_ask {
            return false;
        }
        let mut stderr = std::io::stderr().lock();
        let _ = write!(stderr, "{question} Only `yes` is taken as yes: ");
        let _ = stderr.flush();
        let mut answer = String::new();
        std::io::stdin().read_line(&mut answer).is_ok() && answer.trim() == "yes"
    }

    /// Shows an error: what, in whose words, and what to do next.
    pub(crate) fn error(&self, error: &Error) {
        let (bold, end) = if self.color_errors { ("\u{1b}[1;31m", "\u{1b}[0m") } else { ("", "") };
        let mut text = format!("{bold}error[{}]{end}: {error}", error.code);
        if let Some(words) = &error.words {
            let _ = write!(text, "\n  the server said: {words}");
        }
        for (index, hint) in error.hints.iter().enumerate() {
            text.push_str(if index == 0 { "\n  Next: " } else { "\n        " });
            text.push_str(hint);
        }
        if self.verbose {
            let mut cause = std::error::Error::source(error);
            while let Some(source) = cause {
                let _ = write!(text, "\n  because: {source}");
                cause = source.source();
            }
        }
        Self::say(&text);
    }
}
