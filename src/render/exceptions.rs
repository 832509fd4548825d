//! Messages that a person should know, as CSV and as JSON.

use crate::model::address::Address;
use crate::model::folder::FolderPath;
use crate::model::uid::Uid;
use crate::verify::evidence::Evidence;
use crate::verify::exception::Exception;
use serde::Serialize;
use std::collections::BTreeMap;

/// Subject and Message-ID.
pub type Headers = (String, String);

/// What was read of messages: by mailbox, folder and UID.
pub type Known = BTreeMap<(Address, FolderPath, Uid), Headers>;

#[derive(Serialize)]
struct Row<'a> {
    mailbox: &'a Address,
    #[serde(flatten)]
    exception: &'a Exception,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message_id: Option<&'a str>,
}

fn rows<'a>(evidence: &'a Evidence, known: &'a Known) -> Vec<Row<'a>> {
    let of = |mailbox: &'a Address, exception: &'a Exception| {
        let key = (mailbox.clone(), exception.folder.clone(), exception.uid);
        let headers = known.get(&key);
        Row {
            mailbox,
            exception,
            subject: headers.map(|(subject, _)| subject.as_str()),
            message_id: headers.map(|(_, id)| id.as_str()),
        }
    };
    evidence
        .mailboxes
        .iter()
        .flat_map(|mailbox| mailbox.exceptions.iter().map(move |one| of(&mailbox.mailbox, one)))
        .collect()
}

/// Renders a JSON list.
pub fn json(evidence: &Evidence, known: &Known) -> Result<String, std::io::Error> {
    let mut text = serde_json::to_string_pretty(&rows(evidence, known))?;
    text.push('\n');
    Ok(text)
}

/// Renders CSV, RFC 4180, with a header.
pub fn csv(evidence: &Evidence, known: &Known) -> Result<String, std::io::Error> {
    let mut writer =
        csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(vec![]);
    writer.write_record([
        "mailbox",
        "folder",
        "uid_validity",
        "uid",
        "size",
        "date",
        "fate",
        "class",
        "reason",
        "next",
        "code",
        "accepted",
        "subject",
        "message_id",
    ])?;
    for row in rows(evidence, known) {
        let one = row.exception;
        let fate = serde_json::to_value(one.fate)?;
        writer.write_record(
            [
                row.mailbox.as_str(),
                &one.folder.to_string(),
                &one.uid_validity.to_string(),
                &one.uid.to_string(),
                &one.size.to_string(),
                one.date.as_deref().unwrap_or_default(),
                fate.as_str().unwrap_or_default(),
                &one.class,
                &one.reason,
                &one.next,
                one.code.as_deref().unwrap_or_default(),
                if one.accepted { "yes" } else { "no" },
                row.subject.unwrap_or_default(),
                row.message_id.unwrap_or_default(),
            ]
            .map(harmless),
        )?;
    }
    let octets = writer.into_inner().map_err(csv::IntoInnerError::into_error)?;
    String::from_utf8(octets).map_err(std::io::Error::other)
}

/// Keeps a spreadsheet from taking a subject or a folder's name for a formula.
pub(super) fn harmless(cell: &str) -> String {
    let shown = super::style::clean(cell);
    if shown.starts_with(['=', '+', '-', '@', '\t']) { format!("'{shown}") } else { shown }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_never_a_formula_or_a_second_line() {
        assert_eq!(harmless("=cmd()"), "'=cmd()");
        assert_eq!(harmless("a\r\nb"), "a\\u{d}\\u{a}b");
        assert_eq!(harmless("plain"), "plain");
    }
}
