//! One run of the program.

use rustix::process::{Pid, Signal, kill_process};
use std::io::Read;
use std::process::{Child, Command, Output, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// What a run came to.
#[derive(Clone, Debug)]
pub struct Ended {
    /// The exit code; `None` after a signal that was not handled.
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
    args: Vec<String>,
}

impl Ended {
    pub fn of(mut command: Command, args: &[&str]) -> Self {
        Self::from(command.output().expect("the program can be run"), args)
    }

    fn from(output: Output, args: &[&str]) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).expect("stdout is UTF-8"),
            stderr: String::from_utf8(output.stderr).expect("stderr is UTF-8"),
            args: args.iter().map(ToString::to_string).collect(),
        }
    }

    /// Both streams.
    pub fn all(&self) -> String {
        format!("{}{}", self.stdout, self.stderr)
    }

    /// Asserts the exit code.
    #[track_caller]
    pub fn code(self, wanted: i32) -> Self {
        assert!(self.code == Some(wanted), "exit code {wanted} was expected\n{self}");
        assert!(!self.stderr.contains("panicked at"), "{self}");
        self
    }

    /// Asserts that every text is said somewhere.
    #[track_caller]
    pub fn says(self, texts: &[&str]) -> Self {
        let all = self.all();
        for text in texts {
            assert!(all.contains(text), "`{text}` is not said\n{self}");
        }
        self
    }

    /// Asserts that a next step is named.
    #[track_caller]
    pub fn says_what_is_next(self) -> Self {
        let all = self.all();
        assert!(all.contains("Next: ") || all.contains("next: "), "no next step\n{self}");
        self
    }

    /// Asserts that no text is said anywhere.
    #[track_caller]
    pub fn does_not_say(self, texts: &[&str]) -> Self {
        let all = self.all();
        for text in texts {
            assert!(!all.contains(text), "`{text}` is said\n{self}");
        }
        self
    }
}

impl std::fmt::Display for Ended {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "mailferry {} → {:?}\n--- stdout\n{}\n--- stderr\n{}",
            self.args.join(" "),
            self.code,
            self.stdout,
            self.stderr
        )
    }
}

/// A run that has not ended.
pub struct Running {
    child: Child,
    output: Vec<JoinHandle<String>>,
    args: Vec<String>,
}

impl Running {
    pub fn of(mut command: Command, args: &[&str]) -> Self {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program can be run");
        let output = vec![
            reader(child.stdout.take().expect("stdout")),
            reader(child.stderr.take().expect("stderr")),
        ];
        Self { child, output, args: args.iter().map(ToString::to_string).collect() }
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("the program runs");
    }

    /// Tells whether it has ended.
    pub fn is_over(&mut self) -> bool {
        self.child.try_wait().expect("the child can be waited for").is_some()
    }

    /// Waits for the end; a run that takes a minute and a half is killed and fails the test.
    pub fn end(mut self) -> Ended {
        let start = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("the child can be waited for") {
                break status;
            }
            if start.elapsed() > Duration::from_secs(90) {
                let _ = self.child.kill();
                let _ = self.child.wait();
                let said: Vec<String> =
                    self.output.drain(..).map(|reader| reader.join().unwrap()).collect();
                panic!("mailferry {} does not end:\n{}", self.args.join(" "), said.join("\n"));
            }
            std::thread::sleep(Duration::from_millis(10));
        };
        let mut said = self.output.drain(..).map(|reader| reader.join().unwrap());
        let (stdout, stderr) = (said.next().unwrap(), said.next().unwrap());
        Ended { code: status.code(), stdout, stderr, args: std::mem::take(&mut self.args) }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn reader(mut from: impl Read + Send + 'static) -> JoinHandle<String> {
    std::thread::spawn(move || {
        let mut text = Vec::new();
        let _ = from.read_to_end(&mut text);
        String::from_utf8_lossy(&text).into_owned()
    })
}

/// Waits until something holds.
#[track_caller]
pub fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < Duration::from_secs(60), "{what}: not within a minute");
        std::thread::sleep(Duration::from_millis(10));
    }
}
