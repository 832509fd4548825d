//! LOGIN, AUTHENTICATE PLAIN (RFC 4616) and XOAUTH2.

use crate::simulate::command::Wrong;
use crate::simulate::habit::Habit;
use crate::simulate::product::Voice;
use crate::simulate::service::SignedIn;
use crate::simulate::session::{Outcome, Session};
use crate::simulate::voice;
use crate::simulate::wire::Line;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::io;
use tokio::io::{AsyncRead, AsyncWrite};

/// What a refused token is told, before base64.
const CHALLENGE: &str = r#"{"status":"401","schemes":"bearer","scope":"https://outlook.office365.com/IMAP.AccessAsApp"}"#;

impl<S: AsyncRead + AsyncWrite + Unpin> Session<S> {
    pub(super) fn login(&mut self, user: &[u8], password: &[u8]) -> Outcome {
        let (Ok(user), Ok(password)) = (std::str::from_utf8(user), std::str::from_utf8(password))
        else {
            return self.signed_in(SignedIn::No, "LOGIN");
        };
        let signed_in = self.service.check_password("", user, password);
        self.signed_in(signed_in, "LOGIN")
    }

    fn signed_in(&mut self, signed_in: SignedIn, verb: &str) -> Outcome {
        let product = &self.product;
        let SignedIn::To { user, mut connected, end } = signed_in else {
            return Outcome::No(voice::not_signed_in(product.voice, verb));
        };
        if connected {
            match self.service.slot(&user) {
                Some(slot) => self.slot = Some(slot),
                // Reported of Exchange for many connections; Dovecot says it at the log-in.
                None if product.voice == Voice::Exchange => connected = false,
                None => return Outcome::No(voice::too_many_connections(product.connections)),
            }
        } else if !product.has(Habit::AuthenticatedNotConnected) {
            return Outcome::No(voice::not_signed_in(product.voice, verb));
        }
        self.user = Some(user);
        self.connected = connected;
        self.token_end = end;
        match product.voice {
            Voice::Dovecot => Outcome::Ok(format!(
                "[CAPABILITY {}] Logged in",
                product.capabilities(true).join(" ")
            )),
            Voice::Exchange => Outcome::Ok(String::new()),
        }
    }

    pub(super) async fn authenticate(
        &mut self,
        mechanism: &str,
        initial: Option<Vec<u8>>,
    ) -> io::Result<Outcome> {
        let name = format!("AUTH={mechanism}");
        if !self.product.capabilities(false).contains(&name.as_str()) {
            return Ok(Outcome::No("Unsupported authentication mechanism.".to_owned()));
        }
        let response = match initial {
            // A single `=` is an empty response, RFC 4959 section 3.
            Some(response) if response == b"=" => Vec::new(),
            Some(response) => response,
            None => {
                self.wire.say("+ \r\n");
                self.wire.flush().await?;
                match self.wire.line().await? {
                    None => return Ok(Outcome::Gone),
                    Some(Line::Whole(line)) if line == b"*" => {
                        return Ok(Outcome::Bad("AUTHENTICATE cancelled.".to_owned()));
                    }
                    Some(Line::Whole(line)) => line,
                    Some(_) => return Ok(self.malformed()),
                }
            }
        };
        let Ok(decoded) = STANDARD.decode(response) else { return Ok(self.malformed()) };
        if mechanism == "PLAIN" {
            return Ok(self.plain(&decoded));
        }
        self.xoauth2(&decoded).await
    }

    fn malformed(&self) -> Outcome {
        Outcome::Bad(voice::wrong(self.product.voice, "AUTHENTICATE", Wrong::Arguments))
    }

    fn plain(&mut self, decoded: &[u8]) -> Outcome {
        let Ok(text) = std::str::from_utf8(decoded) else { return self.malformed() };
        let fields: Vec<&str> = text.split('\0').collect();
        let [authorization, user, password] = fields.as_slice() else { return self.malformed() };
        let signed_in = self.service.check_password(authorization, user, password);
        self.signed_in(signed_in, "AUTHENTICATE")
    }

    async fn xoauth2(&mut self, decoded: &[u8]) -> io::Result<Outcome> {
        let parsed = std::str::from_utf8(decoded).ok().and_then(|text| {
            let (user, rest) = text.strip_prefix("user=")?.split_once('\x01')?;
            let token = rest.strip_prefix("auth=Bearer ")?.strip_suffix("\x01\x01")?;
            Some((user.to_owned(), token.to_owned()))
        });
        let Some((user, token)) = parsed else { return Ok(self.malformed()) };
        let signed_in = self.service.check_token(&user, &token);
        if matches!(signed_in, SignedIn::No) && self.product.has(Habit::SecondChallenge) {
            self.wire.say(&format!("+ {}\r\n", STANDARD.encode(CHALLENGE)));
            self.wire.flush().await?;
            match self.wire.line().await? {
                None => return Ok(Outcome::Gone),
                Some(Line::Whole(line)) if line.is_empty() || line == b"*" => {}
                Some(_) => return Ok(self.malformed()),
            }
        }
        Ok(self.signed_in(signed_in, "AUTHENTICATE"))
    }
}
