//! Reads Microsoft Graph v1.0: one object, or all pages of a list.

use super::hosts::{GRAPH, endpoint};
use super::refusal;
use crate::desired::Microsoft365;
use crate::error::Result;
use crate::http::{Answer, Patient, Request};
use crate::model::server::Endpoint;
use crate::ports::tokens::{Token, Tokens};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::sync::Arc;

/// No list that is read here has more pages; a service that gives one link after the other would
/// be read for ever.
const PAGES: usize = 50;

/// A client of Microsoft Graph.
#[derive(Debug)]
pub(super) struct Graph {
    endpoint: Endpoint,
    tokens: Arc<dyn Tokens>,
    http: Patient,
}

/// A page of a list.
#[derive(Deserialize)]
struct Page<T> {
    value: Vec<T>,
    #[serde(rename = "@odata.nextLink")]
    next: Option<String>,
}

impl Graph {
    pub(super) fn new(app: &Microsoft365, tokens: Arc<dyn Tokens>, http: Patient) -> Self {
        Self { endpoint: endpoint(GRAPH, app), tokens, http }
    }

    /// Reads an object; `None` when Graph itself says that there is none.
    pub(super) async fn object<T: DeserializeOwned>(&self, path: &str) -> Result<Option<T>> {
        match self.get(path).await? {
            Some(answer) => parsed(&answer).map(Some),
            None => Ok(None),
        }
    }

    /// Reads a list to its end; `None` when Graph itself says that there is none.
    pub(super) async fn list<T: DeserializeOwned>(&self, path: &str) -> Result<Option<Vec<T>>> {
        let mut all = Vec::new();
        let mut path = path.to_owned();
        for _ in 0..PAGES {
            let Some(answer) = self.get(&path).await? else { return Ok(None) };
            let page: Page<T> = parsed(&answer)?;
            all.extend(page.value);
            let Some(link) = page.next else { return Ok(Some(all)) };
            // The token is for this host, and whatever else a link names is none of its business.
            let Some(rest) = link.strip_prefix("https://").and_then(|l| l.strip_prefix(GRAPH))
            else {
                return Err(refusal::unreadable(
                    GRAPH,
                    "the next page of a list is at another host",
                ));
            };
            if !rest.starts_with('/') {
                return Err(refusal::unreadable(GRAPH, "the next page of a list has no path"));
            }
            rest.clone_into(&mut path);
        }
        Err(refusal::unreadable(GRAPH, "a list does not end"))
    }

    async fn get(&self, path: &str) -> Result<Option<Answer>> {
        let mut refused: Option<Token> = None;
        loop {
            let token = match &refused {
                Some(refused) => self.tokens.instead_of(refused).await?,
                None => self.tokens.token().await?,
            };
            let request = Request::get(&self.endpoint, path).bearer(&token.value);
            let answer = self.http.send(&request).await;
            let answer = answer.map_err(|error| refusal::no_answer(GRAPH, error))?;
            match answer.status {
                200 => return Ok(Some(answer)),
                404 if refusal::says_not_found(&answer) => return Ok(None),
                // It may have been taken back since it was issued.
                401 if token.kept && refused.is_none() => refused = Some(token),
                _ => return Err(refusal::no_directory(GRAPH, &answer)),
            }
        }
    }
}

fn parsed<T: DeserializeOwned>(answer: &Answer) -> Result<T> {
    serde_json::from_slice(&answer.body).map_err(|error| {
        // What serde says names keys and places, and a piece of a value at most.
        let why = crate::model::words::shown(error.to_string().as_bytes());
        refusal::unreadable(GRAPH, &why)
    })
}
