//! Tokens for an app that acts by itself: the client credentials flow of OAuth 2.0.

use super::hosts::{LOGIN, Resource, endpoint};
use super::refusal;
use crate::desired::Microsoft365;
use crate::error::{Class, Error, Result};
use crate::http::{Answer, Patient, Request};
use crate::model::server::Endpoint;
use crate::ports::secrets::Secrets;
use crate::ports::tokens::{Token, Tokens};
use async_trait::async_trait;
use secrecy::SecretString;
use serde::Deserialize;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::Instant;

/// A token is renewed so long before its end: a sign-in, and what the server does with it at once,
/// takes less.
const MARGIN: Duration = Duration::from_secs(300);

/// The tokens of one app for one resource.
#[derive(Debug)]
pub struct AppTokens {
    app: Microsoft365,
    resource: Resource,
    endpoint: Endpoint,
    secrets: Arc<dyn Secrets>,
    http: Patient,
    /// Held while a token is asked for, so that many who want one ask once.
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    issued: u64,
    kept: Option<Kept>,
    /// The app was refused: it is not asked for again, so that nothing locks it.
    refused: Option<Refused>,
}

#[derive(Debug)]
struct Kept {
    token: Token,
    /// When it is too old for a new sign-in; time that goes on whatever clocks are set to.
    until: Instant,
}

/// An error that is told again to everybody.
#[derive(Debug)]
struct Refused {
    code: &'static str,
    message: String,
    words: Option<String>,
    hints: Vec<String>,
    kind: crate::error::ErrorKind,
}

impl Refused {
    fn of(error: &Error) -> Self {
        Self {
            code: error.code,
            message: error.message.clone(),
            words: error.words.clone(),
            hints: error.hints.clone(),
            kind: error.kind,
        }
    }

    fn error(&self) -> Error {
        let error = Error::new(self.kind, self.code, self.message.clone()).class(Class::Credential);
        let error = self.hints.iter().fold(error, |error, hint| error.hint(hint.clone()));
        match &self.words {
            Some(words) => error.words(words.clone()),
            None => error,
        }
    }
}

/// The body of a success, RFC 6749 section 5.1.
#[derive(Deserialize)]
struct Issued {
    access_token: String,
    token_type: String,
    expires_in: Seconds,
}

/// Older versions of the endpoint write the number as a text.
#[derive(Deserialize)]
#[serde(untagged)]
enum Seconds {
    Number(u64),
    Text(String),
}

impl AppTokens {
    /// Makes the tokens of an app.
    pub fn new(
        app: &Microsoft365,
        resource: Resource,
        secrets: Arc<dyn Secrets>,
        http: Patient,
    ) -> Self {
        Self {
            app: app.clone(),
            resource,
            endpoint: endpoint(LOGIN, app),
            secrets,
            http,
            state: Mutex::default(),
        }
    }

    /// Returns a token that is none of those up to this number.
    async fn above(&self, number: u64) -> Result<Token> {
        let mut state = self.state.lock().await;
        if let Some(refused) = &state.refused {
            return Err(refused.error());
        }
        let kept = state.kept.as_ref().filter(|kept| kept.token.number > number);
        if let Some(kept) = kept.filter(|kept| Instant::now() < kept.until) {
            return Ok(Token { kept: true, ..kept.token.clone() });
        }
        match self.ask().await {
            Ok((value, until)) => {
                state.issued += 1;
                let token = Token { value, number: state.issued, kept: false };
                state.kept = Some(Kept { token: token.clone(), until });
                Ok(token)
            }
            Err(error) => {
                if error.class == Class::Credential {
                    state.refused = Some(Refused::of(&error));
                }
                Err(error)
            }
        }
    }

    async fn ask(&self) -> Result<(SecretString, Instant)> {
        let secret = self.secrets.reveal(&self.app.secret, &self.endpoint).await?;
        let form = vec![
            ("client_id", self.app.client_id.as_str().into()),
            ("scope", self.resource.scope().into()),
            ("client_secret", secret),
            ("grant_type", "client_credentials".into()),
        ];
        let path = format!("/{}/oauth2/v2.0/token", self.app.tenant);
        let request = Request::post(&self.endpoint, path, form);
        let host = &self.endpoint.host;
        let answer =
            self.http.send(&request).await.map_err(|error| refusal::no_answer(host, error))?;
        if answer.status != 200 {
            return Err(refusal::no_token(&self.app, host, &answer));
        }
        read(&answer).map_err(|why| refusal::unreadable(host, why))
    }
}

/// Reads a success; its life counts from before it was asked for, and not from before the waits that
/// the server wanted.
fn read(answer: &Answer) -> Result<(SecretString, Instant), &'static str> {
    let issued: Issued = serde_json::from_slice(&answer.body)
        // What serde says could repeat a piece of the token.
        .map_err(|_| "it is no JSON with access_token, token_type and expires_in")?;
    if !issued.token_type.eq_ignore_ascii_case("bearer") {
        return Err("its token is none of the type Bearer");
    }
    let seconds = match issued.expires_in {
        Seconds::Number(seconds) => seconds,
        Seconds::Text(text) => text.parse().map_err(|_| "the life of its token is no number")?,
    };
    let life = Duration::from_secs(seconds);
    // A short life has a margin of its own, so that each token is used at all.
    let until = answer.asked.checked_add(life.saturating_sub(MARGIN.min(life / 5)));
    Ok((SecretString::from(issued.access_token), until.ok_or("the life of its token has no end")?))
}

#[async_trait]
impl Tokens for AppTokens {
    async fn consent(&self) -> Result<()> {
        self.secrets.reveal(&self.app.secret, &self.endpoint).await.map(drop)
    }

    async fn token(&self) -> Result<Token> {
        self.above(0).await
    }

    async fn instead_of(&self, refused: &Token) -> Result<Token> {
        self.above(refused.number).await
    }
}
