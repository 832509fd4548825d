//! CSV files with mailboxes or passwords: `EmailAddress,UserName,Password`.

use super::files::{Files, PathError, read_text};
use super::finding::{Finding, Findings};
use super::node::Place;
use super::spanned::Spanned;
use crate::model::address::Address;
use crate::model::digest::Hasher;
use crate::model::words::shown;
use std::path::PathBuf;

/// The largest CSV file in octets: 50,000 rows of Exchange's own format stay below 10 MB.
const LARGEST: usize = 16 << 20;

/// A file that was read, its passwords left out.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) path: PathBuf,
    pub(super) rows: Vec<Row>,
}

/// One mailbox.
#[derive(Debug)]
pub(super) struct Row {
    /// The line, the header being 1.
    pub(super) number: usize,
    pub(super) address: Address,
    pub(super) user: Option<String>,
    pub(super) has_password: bool,
    pub(super) place: Place,
}

#[derive(Clone, Copy)]
struct Columns {
    address: usize,
    user: Option<usize>,
    password: Option<usize>,
    all: usize,
}

/// Reads a file that the migration plan names at `given`. Everything but passwords goes into the
/// digest.
pub(super) fn read(
    given: &Spanned<String>,
    files: &mut Files,
    findings: &Findings,
    digest: &mut Hasher,
) -> Option<Table> {
    let name = shown(given.value.as_bytes());
    let problem = |reason: &str, hint: &str| {
        let message = format!("the CSV file `{name}` {reason}");
        findings.add(Finding::error("P018", given.place, message).hint(hint));
    };
    let path = match files.resolve(&given.value, true) {
        Ok(path) => path,
        Err(error) => {
            findings.add(path_finding(given, &error));
            return None;
        }
    };
    let text = match read_text(&path, LARGEST) {
        Ok(text) => text,
        Err(error) => {
            problem(&error.reason(), "save it as UTF-8 text below the migration plan's folder");
            return None;
        }
    };
    let (records, columns) = match records(&text) {
        Ok(table) => table,
        Err((reason, hint)) => {
            problem(&reason, hint);
            return None;
        }
    };
    let file = files.add(&given.value, without_passwords(&records, columns));
    put(digest, &records, columns);
    let rows = rows(&records, columns, file, files, findings);
    let table = Table { path, rows };
    if table.rows.iter().any(|row| row.has_password) {
        for (reason, hint) in super::exposed::exposed(&table.path) {
            let message = format!("the CSV file `{name}` {reason}");
            findings.add(Finding::error("P019", given.place, message).hint(hint));
        }
    }
    Some(table)
}

const HEADER: &str = "the header is EmailAddress,UserName,Password; the last two are optional";

/// Splits a text into records, the header first; an error is the end of a sentence and a hint.
fn records(text: &str) -> Result<(Vec<csv::StringRecord>, Columns), (String, &'static str)> {
    let header = text.lines().next().unwrap_or_default();
    let delimiter = if header.contains(';') && !header.contains(',') { b';' } else { b',' };
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(delimiter)
        .from_reader(text.as_bytes());
    // The words of the error are left out: they could repeat a part of the file.
    let records: Vec<csv::StringRecord> = reader
        .records()
        .collect::<Result<_, _>>()
        .map_err(|_| ("cannot be read as CSV".to_owned(), "check its quotes"))?;
    // A password is found again by its row, so that rows and lines must be the same.
    if let Some(line) = stray_line(text, &records) {
        let reason = format!("has a row that is not on a line of its own at line {line}");
        return Err((reason, "remove empty lines and line breaks within a field"));
    }
    let first = records.first().ok_or_else(|| ("is empty".to_owned(), HEADER))?;
    let columns = columns(first).map_err(|reason| (reason, HEADER))?;
    Ok((records, columns))
}

/// Says why a path that the migration plan names cannot be used.
pub(super) fn path_finding(given: &Spanned<String>, error: &PathError) -> Finding {
    let name = shown(given.value.as_bytes());
    match error {
        PathError::Outside => Finding::error(
            "P021",
            given.place,
            format!("`{name}` leads out of the folder of the migration plan"),
        )
        .hint(
            "keep it below that folder, or start mailferry with `--allow-outside`; the plan itself cannot allow it",
        ),
        PathError::Unreadable(reason) => {
            Finding::error("P021", given.place, format!("`{name}` cannot be used: {reason}"))
                .hint("paths are relative to the folder of the migration plan")
        }
    }
}

fn columns(header: &csv::StringRecord) -> Result<Columns, String> {
    // Without it this is no header, and its words could be secrets.
    if !header.iter().any(|title| title.eq_ignore_ascii_case("EmailAddress")) {
        return Err("has no column `EmailAddress`".to_owned());
    }
    let (mut address, mut user, mut password) = (None, None, None);
    for (index, title) in header.iter().enumerate() {
        let column = match title.to_lowercase().as_str() {
            "emailaddress" => &mut address,
            "username" => &mut user,
            "password" => &mut password,
            // What it holds is unknown, perhaps a secret.
            _ => return Err(format!("has the unknown column `{}`", shown(title.as_bytes()))),
        };
        if column.replace(index).is_some() {
            return Err(format!("has the column `{}` twice", shown(title.as_bytes())));
        }
    }
    let address = address.ok_or("has no column `EmailAddress`")?;
    Ok(Columns { address, user, password, all: header.len() })
}

/// Returns the first line that is empty or starts within a field; empty lines at the end are no
/// harm.
fn stray_line(text: &str, records: &[csv::StringRecord]) -> Option<usize> {
    let lines: Vec<&str> = text.trim_end_matches(['\r', '\n']).split('\n').collect();
    let empty = lines.iter().position(|line| line.trim_end_matches('\r').is_empty());
    let inside = |record: &csv::StringRecord| record.iter().any(|f| f.contains(['\n', '\r']));
    let broken = records.iter().position(inside);
    let first = empty.into_iter().chain(broken).min();
    first.or_else(|| (lines.len() != records.len()).then_some(0)).map(|index| index + 1)
}

/// The text that excerpts are taken from: a line for each record.
fn without_passwords(records: &[csv::StringRecord], columns: Columns) -> String {
    let mut text = String::new();
    for (index, record) in records.iter().enumerate() {
        let hidden = |at: usize, field: &str| {
            // A field too many could be a part of a password with a comma in it.
            let secret = columns.password == Some(at) || at >= columns.all;
            if index > 0 && secret && !field.is_empty() {
                "********".to_owned()
            } else {
                shown(field.as_bytes())
            }
        };
        let fields: Vec<String> =
            record.iter().enumerate().map(|(at, field)| hidden(at, field)).collect();
        text.push_str(&fields.join(","));
        text.push('\n');
    }
    text
}

fn put(digest: &mut Hasher, records: &[csv::StringRecord], columns: Columns) {
    digest.update(b"csv\0");
    for record in records {
        for field in [Some(columns.address), columns.user].into_iter().flatten() {
            let text = record.get(field).unwrap_or_default();
            digest.update(text.len().to_string().as_bytes());
            digest.update(b":");
            digest.update(text.as_bytes());
        }
        digest.update(b"\n");
    }
}

fn rows(
    records: &[csv::StringRecord],
    columns: Columns,
    file: u32,
    files: &Files,
    findings: &Findings,
) -> Vec<Row> {
    let mut rows = Vec::new();
    for (record, number) in records.iter().zip(1..).skip(1) {
        let place = files.row(file, number);
        let problem = |reason: String, hint: &str| {
            let message = format!("row {number}: {reason}");
            findings.add(Finding::error("P018", place, message).hint(hint));
        };
        if record.len() != columns.all {
            problem(
                format!("it has {} of {} fields", record.len(), columns.all),
                "put a field that holds a comma in double quotes",
            );
            continue;
        }
        let address = match record.get(columns.address).unwrap_or_default().parse() {
            Ok(address) => address,
            Err(reason) => {
                let reason: String = reason;
                problem(reason, "an address looks like ada@acme.example, without blanks around it");
                continue;
            }
        };
        let filled = |column: Option<usize>| {
            column.and_then(|at| record.get(at)).filter(|text| !text.is_empty())
        };
        rows.push(Row {
            number,
            address,
            user: filled(columns.user).map(ToOwned::to_owned),
            has_password: filled(columns.password).is_some(),
            place,
        });
    }
    rows
}
