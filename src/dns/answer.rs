//! What an answer means: there, certainly not there, or not known.

use super::ask::{Server, Silence};
use crate::model::reading::{Failure, Reading};
use crate::model::records::{Mx, RecordSet};
use crate::model::words::shown;
use hickory_resolver::proto::op::{Message, ResponseCode};
use hickory_resolver::proto::rr::rdata::TXT;
use hickory_resolver::proto::rr::{Name, RData, RecordType};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::net::IpAddr;

/// A refusal or a silence, as [`Failure`] wants it.
#[derive(Debug)]
pub(super) struct Trouble {
    pub(super) words: String,
    pub(super) hint: &'static str,
}

/// The answer to one question.
#[derive(Debug)]
pub(super) enum Answer {
    /// NOERROR; possibly without records.
    Records(Message),
    /// NXDOMAIN: the name has no records of any type.
    NoName,
    /// Nothing is known.
    Trouble(Trouble),
}

/// Reads the header of an answer. From an authoritative server only answers with AA count.
pub(super) fn judge(server: &Server, answer: Result<Message, Silence>) -> Answer {
    let message = match answer {
        Ok(message) => message,
        Err(silence) => {
            let hint = match silence {
                Silence::Nowhere(_) => "A rehearsal asks nobody but the servers that it started.",
                _ => "Check that the server runs and that UDP and TCP reach it.",
            };
            return trouble(shown(silence.to_string().as_bytes()), hint);
        }
    };
    let code = message.metadata.response_code;
    if !matches!(code, ResponseCode::NoError | ResponseCode::NXDomain) {
        let hint = match code {
            ResponseCode::Refused => "Allow queries from this machine, or ask another server.",
            _ => "Ask the operator of the server, or try again later.",
        };
        return trouble(mnemonic(code), hint);
    }
    if !server.recursive && !message.metadata.authoritative {
        return trouble(
            format!("{} without authority (AA is not set)", mnemonic(code)),
            "The server does not serve the zone: correct the NS records or `servers`.",
        );
    }
    if code == ResponseCode::NXDomain { Answer::NoName } else { Answer::Records(message) }
}

fn trouble(words: String, hint: &'static str) -> Answer {
    Answer::Trouble(Trouble { words, hint })
}

/// Turns the judged answer into the record set of one type.
pub(super) fn reading<T: Ord>(
    what: &str,
    answer: Answer,
    name: &Name,
    kind: RecordType,
    pick: impl Fn(&RData) -> Option<T>,
) -> Reading<RecordSet<T>> {
    let message = match answer {
        Answer::Records(message) => message,
        Answer::NoName => return Reading::Absent,
        Answer::Trouble(trouble) => return Reading::Unreadable(trouble.failure(what)),
    };
    let mut ttl = 0;
    let mut records = BTreeSet::new();
    let mut alias = None;
    for record in message.answers.iter().filter(|record| record.name == *name) {
        match &record.data {
            RData::CNAME(target) if kind != RecordType::CNAME => alias = Some(host(&target.0)),
            data if record.record_type() == kind => {
                let Some(value) = pick(data) else { continue };
                ttl = ttl.max(record.ttl);
                records.insert(value);
            }
            _ => {}
        }
    }
    if let Some(alias) = alias {
        // A name with CNAME has no other records, RFC 1034 section 3.6.2; what was sent along
        // belongs to the target.
        return Reading::Unreadable(Failure {
            message: format!("{what}: the name is an alias of {alias}"),
            words: None,
            hint: Some("Replace the CNAME by the records themselves.".to_owned()),
        });
    }
    if records.is_empty() { Reading::Absent } else { Reading::Present(RecordSet { ttl, records }) }
}

impl Trouble {
    /// Makes the failure of an object out of it.
    pub(super) fn failure(self, what: &str) -> Failure {
        Failure {
            message: format!("{what} could not be read"),
            words: Some(self.words),
            hint: Some(self.hint.to_owned()),
        }
    }
}

pub(super) fn mx(data: &RData) -> Option<Mx> {
    match data {
        RData::MX(mx) => Some(Mx { preference: mx.preference, host: host(&mx.exchange) }),
        _ => None,
    }
}

pub(super) fn ns(data: &RData) -> Option<String> {
    match data {
        RData::NS(ns) => Some(host(&ns.0)),
        _ => None,
    }
}

pub(super) fn cname(data: &RData) -> Option<String> {
    match data {
        RData::CNAME(cname) => Some(host(&cname.0)),
        _ => None,
    }
}

pub(super) fn txt(data: &RData) -> Option<String> {
    match data {
        RData::TXT(txt) => Some(text(txt)),
        _ => None,
    }
}

pub(super) fn ip(data: &RData) -> Option<IpAddr> {
    match data {
        RData::A(a) => Some(IpAddr::V4(a.0)),
        RData::AAAA(aaaa) => Some(IpAddr::V6(aaaa.0)),
        _ => None,
    }
}

/// Joins the strings of a record, RFC 7208 section 3.3, and escapes what is not printable ASCII
/// as zone files do, RFC 1035 section 5.1, so that two different records never look alike.
fn text(txt: &TXT) -> String {
    let mut text = String::new();
    for octet in txt.txt_data.iter().flat_map(|part| part.iter()) {
        match octet {
            b'\\' => text.push_str("\\\\"),
            b' '..=b'~' => text.push(char::from(*octet)),
            _ => {
                let _ = write!(text, "\\{octet:03}");
            }
        }
    }
    text
}

/// Writes a host in lower case without the final dot; the root stays `.`.
pub(super) fn host(name: &Name) -> String {
    let text = name.to_lowercase().to_ascii();
    match text.strip_suffix('.') {
        Some("") | None => text,
        Some(relative) => relative.to_owned(),
    }
}

/// The word that servers' own logs and `dig` use for a response code.
fn mnemonic(code: ResponseCode) -> String {
    match code {
        ResponseCode::NoError => "NOERROR".to_owned(),
        ResponseCode::FormErr => "FORMERR".to_owned(),
        ResponseCode::ServFail => "SERVFAIL".to_owned(),
        ResponseCode::NXDomain => "NXDOMAIN".to_owned(),
        ResponseCode::NotImp => "NOTIMP".to_owned(),
        ResponseCode::Refused => "REFUSED".to_owned(),
        ResponseCode::NotAuth => "NOTAUTH".to_owned(),
        other => format!("response code {} ({other})", u16::from(other)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_of_a_txt_record_are_joined_and_never_ambiguous() {
        let joined = text(&TXT::new(vec!["v=spf1 ".to_owned(), "-all".to_owned()]));
        assert_eq!(joined, "v=spf1 -all");
        assert_eq!(text(&TXT::from_bytes(vec![b"\xff\x00a\\"])), "\\255\\000a\\\\");
    }

    #[test]
    fn hosts_are_lower_case_without_final_dot_and_the_root_is_a_dot() {
        assert_eq!(host(&Name::from_ascii("MX1.Acme.Example.").unwrap()), "mx1.acme.example");
        assert_eq!(host(&Name::root()), ".");
    }
}
