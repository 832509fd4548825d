//! A client that sends exactly what it is told and understands nothing.

use jiff::Timestamp;
use mailferry::simulate::{Access, Product, Service, TokioClock};
use std::sync::Arc;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};

pub(crate) const ADA: &str = "ada@acme.example";
pub(crate) const PASSWORD: &str = "pw-ada";
pub(crate) const TOKEN: &str = "token-of-the-application";

pub(crate) fn start() -> Timestamp {
    "2025-03-01T12:00:00Z".parse().unwrap()
}

/// A service with Ada in it and a token for her that lasts an hour.
pub(crate) fn service(product: Product) -> Service {
    let service = Service::new(product, Arc::new(TokioClock::starting_at(start())));
    service.add_user(ADA, PASSWORD);
    let hour = jiff::SignedDuration::from_hours(1);
    service.issue_token(TOKEN, Access::Mailbox(ADA.to_owned()), start() + hour);
    service
}

pub(crate) struct Raw {
    stream: DuplexStream,
    read: Vec<u8>,
    tags: u32,
}

impl Raw {
    /// Connects and returns the greeting.
    pub(crate) async fn greeted(service: &Service) -> (Self, String) {
        let mut raw = Self { stream: service.connect(), read: Vec::new(), tags: 0 };
        let greeting = raw.line().await.expect("a greeting");
        (raw, greeting)
    }

    /// Connects and signs in with the password.
    pub(crate) async fn signed_in(service: &Service) -> Self {
        let (mut raw, _) = Self::greeted(service).await;
        raw.ok(&format!("LOGIN {ADA} {PASSWORD}")).await;
        raw
    }

    /// Connects, signs in and selects the INBOX.
    pub(crate) async fn in_inbox(service: &Service) -> Self {
        let mut raw = Self::signed_in(service).await;
        raw.ok("SELECT INBOX").await;
        raw
    }

    pub(crate) async fn send(&mut self, octets: &[u8]) {
        // A server that has closed the connection is seen by what can still be read.
        let _ = self.stream.write_all(octets).await;
    }

    /// Returns the next line without its end; `None` at the end of the stream.
    pub(crate) async fn line(&mut self) -> Option<String> {
        loop {
            if let Some(end) = self.read.windows(2).position(|window| window == b"\r\n") {
                let line: Vec<u8> = self.read.drain(..end + 2).collect();
                return Some(String::from_utf8_lossy(&line[..end]).into_owned());
            }
            let mut room = [0_u8; 8_192];
            match self.stream.read(&mut room).await {
                Ok(0) | Err(_) => return None,
                Ok(size) => self.read.extend_from_slice(&room[..size]),
            }
        }
    }

    /// Returns the lines up to the one that begins with this, or up to the end of the stream.
    pub(crate) async fn until(&mut self, start: &str) -> Vec<String> {
        let mut lines = Vec::new();
        while let Some(line) = self.line().await {
            let last = line.starts_with(start);
            lines.push(line);
            if last {
                break;
            }
        }
        lines
    }

    /// Sends a command and returns the lines up to its answer.
    pub(crate) async fn command(&mut self, command: &str) -> Vec<String> {
        self.octets(command.as_bytes()).await
    }

    pub(crate) async fn octets(&mut self, command: &[u8]) -> Vec<String> {
        self.tags += 1;
        let tag = format!("t{}", self.tags);
        let line = [tag.as_bytes(), b" ", command, b"\r\n"].concat();
        self.send(&line).await;
        let mut lines = self.until(&format!("{tag} ")).await;
        if let Some(last) = lines.last_mut() {
            *last = last.strip_prefix(&format!("{tag} ")).unwrap_or(last).to_owned();
        }
        lines
    }

    /// Sends a command that must succeed.
    #[track_caller]
    pub(crate) fn ok<'a>(&'a mut self, command: &'a str) -> impl Future<Output = Vec<String>> + 'a {
        let place = std::panic::Location::caller();
        async move {
            let lines = self.command(command).await;
            let well = lines.last().is_some_and(|line| line.starts_with("OK"));
            assert!(well, "{place}: {command}: {lines:#?}");
            lines
        }
    }

    /// Appends a message without waiting, and returns the answer.
    pub(crate) async fn append(&mut self, options: &str, message: &str) -> String {
        let command = format!("APPEND {options} {{{}+}}\r\n{message}", message.len());
        self.command(&command).await.pop().unwrap_or_default()
    }

    /// Tells whether the server has closed the connection.
    pub(crate) async fn is_closed(&mut self) -> bool {
        self.line().await.is_none()
    }
}

/// A short message.
pub(crate) fn mail(number: usize) -> String {
    format!(
        "From: a@b.example\r\nSubject: message {number}\r\nMessage-ID: <{number}@b.example>\r\n\r\nText {number}.\r\n"
    )
}
