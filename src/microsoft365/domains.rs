//! The domains of a tenant, as Microsoft Graph tells of them.

use super::graph::Graph;
use super::hosts::GRAPH;
use super::refusal;
use crate::desired::Microsoft365;
use crate::error::{Error, ErrorKind, Result};
use crate::http::Patient;
use crate::model::address::Domain;
use crate::model::reading::{Failure, Reading};
use crate::model::records::Mx;
use crate::observed::{DomainState, ServiceRecords};
use crate::ports::directory::Directory;
use crate::ports::tokens::Tokens;
use async_trait::async_trait;
use serde::Deserialize;
use std::fmt::Write as _;
use std::sync::Arc;

/// The directory of one tenant.
#[derive(Debug)]
pub struct GraphDirectory(Graph);

/// The resource `domain`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FoundDomain {
    id: String,
    is_verified: bool,
}

/// The resource `domainDnsRecord` with what its derived types add.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct DnsRecord {
    record_type: String,
    label: Option<String>,
    supported_service: Option<String>,
    mail_exchange: Option<String>,
    preference: Option<i64>,
    text: Option<String>,
    canonical_name: Option<String>,
}

impl DnsRecord {
    /// Records that prove whose a domain is are for no service.
    fn is_for_mail(&self) -> bool {
        self.supported_service.as_deref().is_some_and(|it| it.eq_ignore_ascii_case("Email"))
    }

    fn is(&self, kind: &str) -> bool {
        self.record_type.eq_ignore_ascii_case(kind)
    }
}

impl GraphDirectory {
    /// Makes the directory of the tenant that an app acts in.
    pub fn new(app: &Microsoft365, tokens: Arc<dyn Tokens>, http: Patient) -> Self {
        Self(Graph::new(app, tokens, http))
    }

    async fn read(&self, domain: &Domain) -> Result<Option<DomainState>> {
        let path = format!("/v1.0/domains/{}", escaped(domain));
        let Some(found) = self.0.object::<FoundDomain>(&path).await? else { return Ok(None) };
        if !found.id.eq_ignore_ascii_case(domain.as_str()) {
            let why = format!("it tells of another domain than {domain}");
            return Err(refusal::unreadable(GRAPH, &why));
        }
        if !found.is_verified {
            let verification = self.verification(&path).await?;
            return Ok(Some(DomainState {
                verified: false,
                verification,
                records: Reading::Absent,
            }));
        }
        let list = self.0.list::<DnsRecord>(&format!("{path}/serviceConfigurationRecords")).await;
        let records = match list {
            Ok(Some(list)) => match service_records(domain, &list) {
                Ok(records) => Reading::Present(records),
                Err(why) => Reading::Unreadable(Failure::from(&refusal::unreadable(GRAPH, &why))),
            },
            // The domain was there a moment ago.
            Ok(None) => {
                let why = format!("it has {domain} and not its records");
                Reading::Unreadable(Failure::from(&refusal::unreadable(GRAPH, &why)))
            }
            Err(error) => Reading::Unreadable(unread(error)?),
        };
        Ok(Some(DomainState { verified: true, verification: Vec::new(), records }))
    }

    /// Returns the TXT records of which one proves whose domain it is.
    async fn verification(&self, path: &str) -> Result<Vec<String>> {
        let list = self.0.list::<DnsRecord>(&format!("{path}/verificationDnsRecords")).await?;
        // The domain was there a moment ago.
        let list =
            list.ok_or_else(|| refusal::unreadable(GRAPH, "it has a domain and not its records"))?;
        let texts = list.into_iter().filter(|record| record.is("Txt"));
        Ok(texts.filter_map(|record| record.text).collect())
    }
}

#[async_trait]
impl Directory for GraphDirectory {
    async fn domain(&self, domain: &Domain) -> Result<Reading<DomainState>> {
        match self.read(domain).await {
            Ok(Some(state)) => Ok(Reading::Present(state)),
            Ok(None) => Ok(Reading::Absent),
            Err(error) => unread(error).map(Reading::Unreadable),
        }
    }
}

/// Makes an error a failure to read; one that ends the run stays what it is.
fn unread(error: Error) -> Result<Failure> {
    match error.kind {
        ErrorKind::Interrupted | ErrorKind::Locked | ErrorKind::Declined => Err(error),
        _ => Ok(Failure::from(&error)),
    }
}

/// Takes the records of the mail service; the error says what makes no sense.
fn service_records(domain: &Domain, list: &[DnsRecord]) -> Result<ServiceRecords, String> {
    let mut found = ServiceRecords::default();
    let autodiscover = format!("autodiscover.{domain}");
    let host = |text: &str| text.parse::<Domain>().map(|name| name.as_str().to_owned());
    for record in list.iter().filter(|record| record.is_for_mail()) {
        let label = record.label.as_deref().unwrap_or_default().trim_end_matches('.');
        if record.is("Mx") && label.eq_ignore_ascii_case(domain.as_str()) {
            let name = record.mail_exchange.as_deref().ok_or("an MX record names no host")?;
            let preference = record.preference.and_then(|number| u16::try_from(number).ok());
            let preference = preference.ok_or("an MX record has no preference")?;
            found.mx.insert(Mx { preference, host: host(name)? });
        } else if record.is("Txt") && label.eq_ignore_ascii_case(domain.as_str()) {
            let text = record.text.as_deref().ok_or("a TXT record has no text")?.trim();
            let spf = text.split(' ').next().is_some_and(|it| it.eq_ignore_ascii_case("v=spf1"));
            if spf && found.spf.replace(text.to_owned()).is_some_and(|other| other != text) {
                return Err("it names two SPF records".to_owned());
            }
        } else if record.is("CName") && label.eq_ignore_ascii_case(&autodiscover) {
            let name = record.canonical_name.as_deref().ok_or("a CNAME record names no host")?;
            let target = host(name)?;
            if found.autodiscover.replace(target.clone()).is_some_and(|other| other != target) {
                return Err("it names two targets of autodiscover".to_owned());
            }
        }
    }
    Ok(found)
}

/// Writes a domain as a part of a path, RFC 3986 section 2.1.
fn escaped(domain: &Domain) -> String {
    domain.as_str().bytes().fold(String::new(), |mut path, octet| {
        if octet.is_ascii_alphanumeric() || b"-._".contains(&octet) {
            path.push(char::from(octet));
        } else {
            let _ = write!(path, "%{octet:02X}");
        }
        path
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records(json: &str) -> Result<ServiceRecords, String> {
        let list: Vec<DnsRecord> = serde_json::from_str(json).unwrap();
        service_records(&"contoso.com".parse().unwrap(), &list)
    }

    #[test]
    fn records_of_mail_are_taken_and_those_of_other_services_are_not() {
        // The shape of Microsoft's sample for serviceConfigurationRecords.
        let found = records(
            r#"[
 {"@odata.type":"microsoft.graph.domainDnsMxRecord","isOptional":false,"label":"contoso.com",
  "recordType":"Mx","supportedService":"Email","ttl":3600,
  "mailExchange":"contoso-com.mail.protection.outlook.com","preference":0},
 {"@odata.type":"microsoft.graph.domainDnsTxtRecord","isOptional":false,"label":"contoso.com",
  "recordType":"Txt","supportedService":"Email","ttl":3600,
  "text":"v=spf1 include:spf.protection.outlook.com -all"},
 {"label":"autodiscover.contoso.com","recordType":"CName","supportedService":"Email",
  "canonicalName":"autodiscover.outlook.com"},
 {"label":"sip.contoso.com","recordType":"CName","supportedService":"OfficeCommunicationsOnline",
  "canonicalName":"sipdir.online.lync.com"},
 {"label":"_sip._tls","recordType":"Srv","supportedService":"OfficeCommunicationsOnline"}]"#,
        )
        .unwrap();
        let mx: Vec<String> = found.mx.iter().map(ToString::to_string).collect();
        assert_eq!(mx, ["0 contoso-com.mail.protection.outlook.com."]);
        assert_eq!(found.spf.as_deref(), Some("v=spf1 include:spf.protection.outlook.com -all"));
        assert_eq!(found.autodiscover.as_deref(), Some("autodiscover.outlook.com"));
        assert_eq!(records("[]"), Ok(ServiceRecords::default()));
    }

    #[test]
    fn a_record_that_makes_no_sense_is_no_missing_one() {
        for wrong in [
            r#""recordType":"Mx","preference":0"#,
            r#""recordType":"Mx","mailExchange":"a.example","preference":70000"#,
            r#""recordType":"Mx","mailExchange":"a b","preference":0"#,
            r#""recordType":"Txt""#,
        ] {
            let json = format!(r#"[{{"label":"contoso.com","supportedService":"Email",{wrong}}}]"#);
            assert!(records(&json).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_domain_is_escaped_in_a_path() {
        assert_eq!(escaped(&"müller.example".parse().unwrap()), "m%C3%BCller.example");
    }
}
