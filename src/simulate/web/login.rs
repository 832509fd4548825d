//! The token endpoint: the client credentials flow.
//!
//! Refusals are those of Microsoft's list of error codes; their form is that of RFC 6749
//! section 5.2 with what Microsoft adds. The sentence about more than one resource is a guess.

use super::reply::Reply;
use super::tenant::{App, Resource, Tenant, permission};
use crate::model::words;
use crate::simulate::habit::Habit;
use serde_json::json;
use std::collections::BTreeMap;

/// Answers a request to the token endpoint.
pub(super) fn token(tenant: &Tenant, path: &str, kind: Option<&str>, body: &[u8]) -> Reply {
    let refuse = |status, error, code, text: &str| refusal(tenant, status, error, code, text);
    let mut parts = path.trim_start_matches('/').splitn(2, '/');
    let (name, rest) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    if rest != "oauth2/v2.0/token" {
        return Reply::page(404);
    }
    if !tenant.is_named(name) {
        let text = format!(
            "Tenant '{name}' not found. Check to make sure you have the correct tenant ID."
        );
        return refuse(400, "invalid_request", 90_002, &text);
    }
    let form = kind.is_some_and(|kind| {
        kind.split(';').next().unwrap_or_default().trim() == "application/x-www-form-urlencoded"
    });
    let Some(fields) = form.then(|| fields(body)).flatten() else {
        let text = "The request body must contain the following parameter: 'grant_type'.";
        return refuse(400, "invalid_request", 900_144, text);
    };
    let known = ["client_id", "scope", "client_secret", "grant_type"];
    for needed in known {
        if !fields.contains_key(needed) {
            let text =
                format!("The request body must contain the following parameter: '{needed}'.");
            return refuse(400, "invalid_request", 900_144, &text);
        }
    }
    // The real one lets them pass; a simulated one has a client say what it means.
    if let Some(unknown) = fields.keys().find(|key| !known.contains(&key.as_str())) {
        let text = format!("The parameter '{unknown}' is not known to the simulation.");
        return refuse(400, "invalid_request", 90_014, &text);
    }
    let field = |name: &str| fields.get(name).map(String::as_str).unwrap_or_default();
    if field("grant_type") != "client_credentials" {
        let text = "The app requested an unsupported grant type.";
        return refuse(400, "unsupported_grant_type", 70_003, text);
    }
    let client = field("client_id").to_lowercase();
    let Some(app) = tenant.state().apps.get(&client).cloned() else {
        let text =
            format!("Application with identifier '{client}' was not found in the directory.");
        return refuse(400, "unauthorized_client", 700_016, &text);
    };
    if app.secret != field("client_secret") {
        let text = format!(
            "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID, for a secret added to app '{client}'."
        );
        return refuse(401, "invalid_client", 7_000_215, &text);
    }
    if app.expired {
        let text = "The provided client secret keys are expired.";
        return refuse(401, "invalid_client", 7_000_222, text);
    }
    let scopes: Vec<&str> = field("scope").split_ascii_whitespace().collect();
    let resources: Option<Vec<Resource>> =
        scopes.iter().map(|scope| Resource::of_scope(scope)).collect();
    let Some(resource) = resources.as_ref().and_then(|all| all.first()).copied() else {
        let text = format!(
            "The provided request must include a 'scope' input parameter that is valid. The scope {} is not valid.",
            words::shown(field("scope").as_bytes())
        );
        return refuse(400, "invalid_scope", 70_011, &text);
    };
    if scopes.len() > 1 && tenant.state().habits.contains(&Habit::OneResourcePerScope) {
        let text = "The provided value for the input parameter 'scope' is not valid: it names more than one resource.";
        return refuse(400, "invalid_scope", 70_011, text);
    }
    if !has_a_permission(&app, resource)
        && !tenant.state().habits.contains(&Habit::TokenWithoutRoles)
    {
        let text = format!(
            "The user or administrator has not consented to use the application with ID '{client}'."
        );
        return refuse(400, "invalid_grant", 65_001, &text);
    }
    let (token, life) = tenant.issue(&app, resource);
    let seconds = life.as_secs();
    Reply::json(
        200,
        &json!({
            "token_type": "Bearer",
            "expires_in": seconds,
            "ext_expires_in": seconds,
            "access_token": token,
        }),
    )
}

fn has_a_permission(app: &App, resource: Resource) -> bool {
    let needed = match resource {
        Resource::Exchange => permission::IMAP,
        Resource::Graph => permission::DOMAINS,
    };
    app.permissions.contains(needed)
}

fn refusal(tenant: &Tenant, status: u16, error: &str, code: u32, text: &str) -> Reply {
    let time = tenant.now().strftime("%Y-%m-%d %H:%M:%SZ").to_string();
    let trace = "00000000-0000-0000-0000-000000000000";
    Reply::json(
        status,
        &json!({
            "error": error,
            "error_description": format!(
                "AADSTS{code}: {text}\r\nTrace ID: {trace}\r\nCorrelation ID: {trace}\r\nTimestamp: {time}"
            ),
            "error_codes": [code],
            "timestamp": time,
            "trace_id": trace,
            "correlation_id": trace,
        }),
    )
}

/// Reads a form; `None` when it is none, or has a field twice.
fn fields(body: &[u8]) -> Option<BTreeMap<String, String>> {
    let mut fields = BTreeMap::new();
    for pair in std::str::from_utf8(body).ok()?.split('&') {
        let (key, value) = pair.split_once('=')?;
        if fields.insert(decoded(key)?, decoded(value)?).is_some() {
            return None;
        }
    }
    Some(fields)
}

fn decoded(text: &str) -> Option<String> {
    let mut octets = Vec::new();
    let mut rest = text.bytes();
    while let Some(octet) = rest.next() {
        match octet {
            b'+' => octets.push(b' '),
            b'%' => {
                let digits = [rest.next()?, rest.next()?];
                let digits = std::str::from_utf8(&digits).ok()?;
                octets.push(u8::from_str_radix(digits, 16).ok()?);
            }
            octet => octets.push(octet),
        }
    }
    String::from_utf8(octets).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_read_and_what_is_none_is_not() {
        let read = fields(b"a=x+y%26&b=%C3%A4").unwrap();
        assert_eq!(read["a"], "x y&");
        assert_eq!(read["b"], "\u{e4}");
        for wrong in [&b"a"[..], b"a=1&a=2", b"a=%4", b"a=%FF", b"a=%zz"] {
            assert!(fields(wrong).is_none());
        }
    }
}
