//! Signs in: the only thing that async-imap does here.

use crate::desired::LoginStyle;
use crate::imap::error::{ImapError, Words};
use crate::imap::response::{self, Response, Status};
use crate::imap::transport::LineStream;
use crate::imap::value::Piece;
use bytes::{Buf, Bytes, BytesMut};
use secrecy::{ExposeSecret, SecretString};
use std::collections::BTreeSet;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A mechanism, its names and the password.
#[derive(Debug)]
pub struct Credential {
    /// The mechanism and the names.
    pub style: LoginStyle,
    /// The password, or the token; never shown.
    pub password: SecretString,
}

/// What goes to async-imap.
enum Plan {
    Login { user: String },
    Plain { authorization: String, authentication: String },
    XOAuth2 { user: String },
}

fn plan(credential: &Credential, capabilities: &BTreeSet<String>) -> Result<Plan, ImapError> {
    let password = credential.password.expose_secret();
    let plain = capabilities.contains("AUTH=PLAIN");
    let names: Vec<&str> = match &credential.style {
        LoginStyle::Login { user } | LoginStyle::XOAuth2 { user } => vec![user],
        LoginStyle::PlainAs { authorization, authentication } => {
            vec![authorization, authentication]
        }
    };
    // XOAUTH2 parts its fields by the octet 1.
    let parts = ['\0', '\u{1}', '\r', '\n'];
    if names.iter().chain([&password]).any(|text| text.contains(parts)) {
        return Err(ImapError::Invalid {
            what: "the user name or the password has a control character; check the secret"
                .to_owned(),
        });
    }
    match &credential.style {
        LoginStyle::XOAuth2 { user } if capabilities.contains("AUTH=XOAUTH2") => {
            Ok(Plan::XOAuth2 { user: user.clone() })
        }
        LoginStyle::XOAuth2 { .. } => Err(ImapError::Unsupported {
            command: "AUTHENTICATE XOAUTH2",
            capability: "AUTH=XOAUTH2",
        }),
        LoginStyle::PlainAs { authorization, authentication } if plain => Ok(Plan::Plain {
            authorization: authorization.clone(),
            authentication: authentication.clone(),
        }),
        LoginStyle::PlainAs { .. } => {
            Err(ImapError::Unsupported { command: "AUTHENTICATE PLAIN", capability: "AUTH=PLAIN" })
        }
        LoginStyle::Login { user } => {
            let disabled = capabilities.contains("LOGINDISABLED");
            let raw = !user.is_ascii() || !password.is_ascii();
            if !disabled && !raw {
                return Ok(Plan::Login { user: user.clone() });
            }
            if plain {
                return Ok(Plan::Plain {
                    authorization: String::new(),
                    authentication: user.clone(),
                });
            }
            Err(ImapError::Unsupported {
                command: if raw { "a log-in beyond ASCII" } else { "a log-in (LOGINDISABLED)" },
                capability: "AUTH=PLAIN",
            })
        }
    }
}

/// Lets async-imap see nothing but `+` and the tagged answer, and never an octet after it.
///
/// Its parser fails on capabilities and on response codes that it does not know, and its handshake
/// waits forever when another line comes before `+`.
#[derive(Debug)]
struct Filter {
    lines: LineStream,
    /// What async-imap may read.
    pass: Bytes,
    bye: Option<Words>,
    answer: Option<(Status, Words)>,
    /// An error of the stream or of the protocol.
    broken: Option<&'static str>,
}

impl Filter {
    fn line(&mut self, line: BytesMut) {
        let line = line.freeze();
        let text = line.slice(..line.trim_ascii_end().len());
        match response::read(vec![Piece::Text(text)]) {
            Response::Untagged(data) if data.keyword == "BYE" => {
                self.bye = Some(Words::new(&data.text));
            }
            Response::Untagged(_) | Response::Blank => {}
            // Every challenge is answered alike, and a text that is not base64 would be an error.
            Response::Continue => self.pass = Bytes::from_static(b"+ \r\n"),
            Response::Tagged { tag, status, text } => {
                let word = match status {
                    Status::Ok => "OK",
                    Status::No => "NO",
                    Status::Bad => "BAD",
                    Status::Unknown => {
                        self.broken = Some("the answer to the log-in has no status");
                        return;
                    }
                };
                self.answer = Some((status, Words::new(&text)));
                self.pass = format!("{} {word} answered\r\n", tag.escape_debug()).into();
            }
        }
    }
}

impl AsyncRead for Filter {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        to: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            if self.broken.is_some() {
                return Poll::Ready(Ok(()));
            }
            if self.pass.has_remaining() {
                let size = self.pass.len().min(to.remaining());
                to.put_slice(&self.pass.split_to(size));
                return Poll::Ready(Ok(()));
            }
            // The answer has been passed on: what follows belongs to the session.
            if self.answer.is_some() {
                return Poll::Ready(Ok(()));
            }
            if let Some(line) = self.lines.take_line() {
                self.line(line);
                continue;
            }
            if self.lines.overflows() {
                self.broken = Some("a line of the answer to the log-in has no end");
                continue;
            }
            let mut room = [0_u8; 4_096];
            let mut buffer = ReadBuf::new(&mut room);
            ready!(Pin::new(&mut self.lines.stream).poll_read(cx, &mut buffer))?;
            if buffer.filled().is_empty() {
                return Poll::Ready(Ok(()));
            }
            self.lines.begun.extend_from_slice(buffer.filled());
        }
    }
}

impl AsyncWrite for Filter {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.lines.stream).poll_write(cx, octets)
    }
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.lines.stream).poll_flush(cx)
    }
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.lines.stream).poll_shutdown(cx)
    }
}

/// Answers the first challenge; a second one tells of an error and gets an empty line.
struct Once(Option<String>);

impl async_imap::Authenticator for Once {
    type Response = String;
    fn process(&mut self, _challenge: &[u8]) -> String {
        self.0.take().unwrap_or_default()
    }
}

/// Signs in and gives the stream back, with every octet that came after the answer.
pub(crate) async fn sign_in(
    lines: LineStream,
    credential: &Credential,
    capabilities: &BTreeSet<String>,
    limit: Duration,
) -> Result<LineStream, ImapError> {
    let plan = plan(credential, capabilities)?;
    let password = credential.password.clone();
    let filter = Filter { lines, pass: Bytes::new(), bye: None, answer: None, broken: None };
    // A task of its own, because its parser can panic on what a server sends.
    let mut task = tokio::spawn(run(filter, plan, password));
    let Ok(joined) = tokio::time::timeout(limit, &mut task).await else {
        task.abort();
        return Err(ImapError::Timeout { what: "the log-in", seconds: limit.as_secs() });
    };
    let (filter, agreed) = joined.map_err(|_| ImapError::Panicked)?;
    let broken = |what: &str| ImapError::Protocol { what: what.to_owned(), words: None };
    match (filter.answer, filter.broken) {
        (_, Some(what)) => Err(broken(what)),
        (Some((Status::Ok, _)), _) if agreed => Ok(filter.lines),
        (Some((Status::No, words)), _) => Err(ImapError::SignIn { words }),
        (Some((Status::Bad, words)), _) => Err(ImapError::Bad { command: "the log-in", words }),
        (Some(_), _) => Err(broken("the answer to the log-in has another tag")),
        (None, _) => match filter.bye {
            Some(words) => Err(ImapError::Bye { words }),
            None => Err(ImapError::Closed { command: "the log-in", bye: None, reason: None }),
        },
    }
}

async fn run(mut filter: Filter, plan: Plan, password: SecretString) -> (Filter, bool) {
    let client = async_imap::Client::new(&mut filter);
    // Errors of async-imap may hold whole buffers; the filter knows all that is needed.
    let agreed = match plan {
        Plan::Login { user } => client.login(&user, password.expose_secret()).await.is_ok(),
        Plan::Plain { authorization, authentication } => {
            let response =
                format!("{authorization}\0{authentication}\0{}", password.expose_secret());
            client.authenticate("PLAIN", Once(Some(response))).await.is_ok()
        }
        Plan::XOAuth2 { user } => {
            let response = xoauth2(&user, &password);
            client.authenticate("XOAUTH2", Once(Some(response))).await.is_ok()
        }
    };
    (filter, agreed)
}

/// What XOAUTH2 sends, before base64. Source: Microsoft, authenticate an IMAP, POP or SMTP
/// connection using OAuth.
fn xoauth2(user: &str, token: &SecretString) -> String {
    format!("user={user}\u{1}auth=Bearer {}\u{1}\u{1}", token.expose_secret())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(user: &str, password: &str, capabilities: &[&str]) -> &'static str {
        let credential = Credential {
            style: LoginStyle::Login { user: user.to_owned() },
            password: password.into(),
        };
        match plan(&credential, &capabilities.iter().map(ToString::to_string).collect()) {
            Ok(Plan::Login { .. }) => "login",
            Ok(Plan::Plain { .. }) => "plain",
            Ok(Plan::XOAuth2 { .. }) => "xoauth2",
            Err(_) => "error",
        }
    }

    #[test]
    fn what_login_cannot_carry_goes_as_plain_or_not_at_all() {
        assert_eq!(chosen("ada", "x", &[]), "login");
        assert_eq!(chosen("ada", "pässword", &["AUTH=PLAIN"]), "plain");
        assert_eq!(chosen("ada", "pässword", &[]), "error");
        assert_eq!(chosen("ada", "x", &["LOGINDISABLED"]), "error");
        assert_eq!(chosen("ada", "x", &["LOGINDISABLED", "AUTH=PLAIN"]), "plain");
        assert_eq!(chosen("ada", "x\r\nA1 DELETE INBOX", &["AUTH=PLAIN"]), "error");
    }

    #[test]
    fn xoauth2_says_what_microsoft_prints_as_its_example() {
        use base64::Engine as _;
        let token = "EwBAAl3BAAUFFpUAo7J3Ve0bjLBWZWCclRC3EoAA".into();
        let said = xoauth2("test@contoso.onmicrosoft.com", &token);
        let printed = "dXNlcj10ZXN0QGNvbnRvc28ub25taWNyb3NvZnQuY29tAWF1dGg9QmVhcmVyIEV3QkFBbDNCQUFVRkZwVUFvN0ozVmUwYmpMQldaV0NjbFJDM0VvQUEBAQ==";
        assert_eq!(base64::engine::general_purpose::STANDARD.encode(said), printed);
    }

    #[test]
    fn a_token_goes_by_xoauth2_or_not_at_all() {
        let planned = |token: &str, capabilities: &[&str]| {
            let credential = Credential {
                style: LoginStyle::XOAuth2 { user: "ada@acme.example".to_owned() },
                password: token.into(),
            };
            plan(&credential, &capabilities.iter().map(ToString::to_string).collect())
        };
        let offered = ["AUTH=PLAIN", "AUTH=XOAUTH2", "LOGINDISABLED"];
        assert!(
            matches!(planned("t", &offered), Ok(Plan::XOAuth2 { user }) if user == "ada@acme.example")
        );
        assert!(matches!(planned("t", &["AUTH=PLAIN"]), Err(ImapError::Unsupported { .. })));
        assert!(matches!(planned("t\u{1}", &offered), Err(ImapError::Invalid { .. })));
    }

    #[test]
    fn a_credential_never_shows_its_password() {
        let credential = Credential {
            style: LoginStyle::Login { user: "ada".to_owned() },
            password: "hunter2".into(),
        };
        assert!(!format!("{credential:?}").contains("hunter2"));
    }
}
