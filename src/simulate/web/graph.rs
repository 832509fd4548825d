//! The domains of Microsoft Graph v1.0. Names are those of its metadata; refusals have the form
//! that its documentation of error responses gives.

use super::reply::Reply;
use super::tenant::{DirectoryDomain, Tenant, permission};
use crate::simulate::habit::Habit;
use serde_json::{Value, json};

/// Answers a GET. `target` is path and query.
pub(super) fn get(tenant: &Tenant, target: &str, token: Option<&str>) -> Reply {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    match allowed(tenant, token) {
        Ok(()) => {}
        Err(reply) => return reply,
    }
    let Some(path) = path.strip_prefix("/v1.0/") else {
        return refusal(400, "BadRequest", "Invalid version.");
    };
    let parts: Vec<&str> = path.split('/').collect();
    let (["domains", name] | ["domains", name, _]) = parts.as_slice() else {
        return refusal(400, "BadRequest", "Resource not found for the segment.");
    };
    let Some(domain) = tenant.state().domains.get(&name.to_lowercase()).cloned() else {
        return refusal(
            404,
            "Request_ResourceNotFound",
            &format!(
                "Resource '{name}' does not exist or one of its queried reference-property objects are not present."
            ),
        );
    };
    match parts.as_slice() {
        ["domains", _] if query.is_empty() => Reply::json(200, &found(name, &domain)),
        ["domains", _, "verificationDnsRecords"] => {
            list(tenant, path, query, &verification(name, &domain))
        }
        ["domains", _, "serviceConfigurationRecords"] => {
            let habits = tenant.state().habits.clone();
            if !domain.verified && habits.contains(&Habit::UnverifiedWithoutRecords) {
                let text = "The domain is not verified.";
                return refusal(400, "Request_BadRequest", text);
            }
            list(tenant, path, query, &services(name, &domain))
        }
        _ => refusal(400, "BadRequest", "Resource not found for the segment."),
    }
}

fn allowed(tenant: &Tenant, token: Option<&str>) -> Result<(), Reply> {
    let now = tenant.now();
    let state = tenant.state();
    let Some(token) = token.and_then(|token| state.graph_tokens.get(token)) else {
        return Err(refusal(
            401,
            "InvalidAuthenticationToken",
            "Access token is empty or invalid.",
        ));
    };
    if token.end <= now && state.habits.contains(&Habit::ExpiringTokens) {
        let text = "Lifetime validation failed, the token is expired.";
        return Err(refusal(401, "InvalidAuthenticationToken", text));
    }
    if !token.permissions.contains(permission::DOMAINS) {
        let text = "Insufficient privileges to complete the operation.";
        return Err(refusal(403, "Authorization_RequestDenied", text));
    }
    Ok(())
}

fn refusal(status: u16, code: &str, message: &str) -> Reply {
    let inner = json!({ "request-id": "00000000-0000-0000-0000-000000000000" });
    Reply::json(
        status,
        &json!({ "error": { "code": code, "message": message, "innerError": inner } }),
    )
}

fn found(name: &str, domain: &DirectoryDomain) -> Value {
    json!({
        "@odata.context": "https://graph.microsoft.com/v1.0/$metadata#domains/$entity",
        "authenticationType": "Managed",
        "availabilityStatus": null,
        "id": name.to_lowercase(),
        "isAdminManaged": true,
        "isDefault": false,
        "isInitial": false,
        "isRoot": true,
        "isVerified": domain.verified,
        "supportedServices": if domain.verified { vec!["Email"] } else { vec![] },
        "state": null,
    })
}

fn verification(name: &str, domain: &DirectoryDomain) -> Vec<Value> {
    vec![
        json!({
            "@odata.type": "#microsoft.graph.domainDnsTxtRecord",
            "isOptional": false, "label": name, "recordType": "Txt", "supportedService": null,
            "ttl": 3600, "text": domain.verification,
        }),
        json!({
            "@odata.type": "#microsoft.graph.domainDnsMxRecord",
            "isOptional": false, "label": name, "recordType": "Mx", "supportedService": null,
            "ttl": 3600, "mailExchange": "ms12345678.msv1.invalid", "preference": 32767,
        }),
    ]
}

fn services(name: &str, domain: &DirectoryDomain) -> Vec<Value> {
    vec![
        json!({
            "@odata.type": "#microsoft.graph.domainDnsMxRecord",
            "isOptional": false, "label": name, "recordType": "Mx", "supportedService": "Email",
            "ttl": 3600, "mailExchange": domain.mail_exchange, "preference": domain.preference,
        }),
        json!({
            "@odata.type": "#microsoft.graph.domainDnsTxtRecord",
            "isOptional": false, "label": name, "recordType": "Txt", "supportedService": "Email",
            "ttl": 3600, "text": domain.spf,
        }),
        json!({
            "@odata.type": "#microsoft.graph.domainDnsCnameRecord",
            "isOptional": false, "label": format!("autodiscover.{name}"), "recordType": "CName",
            "supportedService": "Email", "ttl": 3600, "canonicalName": domain.autodiscover,
        }),
        json!({
            "@odata.type": "#microsoft.graph.domainDnsCnameRecord",
            "isOptional": false, "label": format!("enterpriseregistration.{name}"),
            "recordType": "CName", "supportedService": "Intune", "ttl": 3600,
            "canonicalName": "enterpriseregistration.windows.net",
        }),
    ]
}

/// Gives a list; with [`Habit::PagedLists`] two items a page.
fn list(tenant: &Tenant, path: &str, query: &str, items: &[Value]) -> Reply {
    let size = if tenant.state().habits.contains(&Habit::PagedLists) { 2 } else { items.len() };
    let from = match query.strip_prefix("$skiptoken=") {
        Some(number) => number.parse().unwrap_or(usize::MAX),
        None if query.is_empty() => 0,
        None => return refusal(400, "BadRequest", "The query specified in the URI is not valid."),
    };
    let Some(rest) = items.get(from..) else {
        return refusal(400, "BadRequest", "The skip token is not valid.");
    };
    let page: Vec<&Value> = rest.iter().take(size).collect();
    let mut answer = json!({ "value": page });
    if rest.len() > size {
        let link = format!("https://graph.microsoft.com/v1.0/{path}?$skiptoken={}", from + size);
        answer["@odata.nextLink"] = json!(link);
    }
    Reply::json(200, &answer)
}
