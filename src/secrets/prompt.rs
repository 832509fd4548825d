//! Asks a person.

use std::io::{self, BufRead, IsTerminal, Write};

/// Somebody who can be asked whether a secret may be sent.
pub trait Prompt: Send + Sync + std::fmt::Debug {
    /// Returns true only for a clear yes; blocks until there is an answer.
    fn ask(&self, question: &str) -> io::Result<bool>;
}

/// Asks on standard error and reads the answer from standard input.
#[derive(Clone, Copy, Debug)]
pub struct TerminalPrompt(());

impl TerminalPrompt {
    /// Returns the prompt when both ends are a terminal, `None` when nobody could answer.
    pub fn at_terminal() -> Option<Self> {
        (io::stdin().is_terminal() && io::stderr().is_terminal()).then_some(Self(()))
    }
}

impl Prompt for TerminalPrompt {
    fn ask(&self, question: &str) -> io::Result<bool> {
        ask(question, &mut io::stderr().lock(), &mut io::stdin().lock())
    }
}

fn ask(question: &str, out: &mut impl Write, answers: &mut impl BufRead) -> io::Result<bool> {
    write!(out, "{question} [y/N] ")?;
    out.flush()?;
    let mut answer = String::new();
    answers.read_line(&mut answer)?;
    Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_clear_yes_is_one() {
        for (answer, expected) in
            [("y\n", true), (" Yes\r\n", true), ("\n", false), ("", false), ("yep\n", false)]
        {
            let mut out = Vec::new();
            assert_eq!(ask("Send?", &mut out, &mut answer.as_bytes()).unwrap(), expected);
            assert_eq!(out, b"Send? [y/N] ");
        }
    }
}
