//! Reads a secret from where its reference points.

use super::fault::Fault;
use crate::model::words;
use secrecy::SecretString;
use secrecy::zeroize::Zeroizing;
use std::ffi::OsString;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt};

/// The longest secret. App passwords and tokens have some thousand octets at most.
pub(super) const LIMIT: usize = 64 << 10;

/// What is kept of what a program says on standard error; `shown` cuts it further.
const WORDS: usize = 4 << 10;

/// Reads an environment variable.
pub(super) fn variable(name: &str, value: Option<OsString>) -> Result<SecretString, Fault> {
    let value = value.ok_or_else(|| Fault::Unset(name.to_owned()))?;
    let what = || format!("the environment variable {name}");
    let text = value.into_string().map_err(|_| Fault::NotText(what()))?;
    if text.is_empty() {
        return Err(Fault::EmptyVariable(name.to_owned()));
    }
    Ok(SecretString::from(text))
}

/// Reads the first line of a file that only its owner can read.
pub(super) fn file(path: &Path) -> Result<SecretString, Fault> {
    let mut octets = Zeroizing::new(Vec::new());
    let limit = u64::try_from(LIMIT + 1).unwrap_or(u64::MAX);
    open_private(path)?
        .take(limit)
        .read_to_end(&mut octets)
        .map_err(|error| unreadable(path, &error))?;
    first_line(&octets, &path.display().to_string())
}

/// Reads the column `Password` of one row; the header is row 1.
pub(super) fn csv_cell(path: &Path, row: usize) -> Result<SecretString, Fault> {
    let mut octets = Zeroizing::new(Vec::new());
    open_private(path)?.read_to_end(&mut octets).map_err(|error| unreadable(path, &error))?;
    let octets = without_mark(&octets);
    let header = octets.split(|&octet| octet == b'\n').next().unwrap_or_default();
    let count = |mark| header.split(|&octet| octet == mark).count();
    let delimiter = if count(b';') > count(b',') { b';' } else { b',' };
    let mut reader =
        csv::ReaderBuilder::new().delimiter(delimiter).flexible(true).from_reader(octets);
    // The error of the csv crate can repeat a field, so only its place is told.
    let broken = |error: &csv::Error| Fault::File {
        path: path.to_owned(),
        words: error.position().map_or_else(
            || "it is not CSV in UTF-8".to_owned(),
            |place| format!("it is not CSV in UTF-8 at line {}", place.line()),
        ),
    };
    let column = reader
        .headers()
        .map_err(|error| broken(&error))?
        .iter()
        .position(|name| name.trim().eq_ignore_ascii_case("Password"))
        .ok_or_else(|| Fault::NoColumn { path: path.to_owned() })?;
    let no_row = || Fault::NoRow { path: path.to_owned(), row };
    let index = row.checked_sub(2).ok_or_else(no_row)?;
    for (place, record) in reader.records().enumerate() {
        // A broken row of another mailbox is no reason to refuse this one.
        if place == index {
            let record = record.map_err(|error| broken(&error))?;
            let cell = record.get(column).unwrap_or_default();
            if cell.is_empty() {
                return Err(Fault::Empty(format!("{} row {row}", path.display())));
            }
            return Ok(SecretString::from(cell));
        }
    }
    Err(no_row())
}

/// Runs a program without a shell and takes the first line of its output.
pub(super) async fn output(words: &[String], patience: Duration) -> Result<SecretString, Fault> {
    let Some((program, arguments)) = words.split_first() else {
        return Err(Fault::NotRun { program: String::new(), words: "no program".to_owned() });
    };
    // Arguments are not shown: they could hold a secret, although they should not.
    let shown = words::shown(program.as_bytes());
    let not_run =
        |error: std::io::Error| Fault::NotRun { program: shown.clone(), words: error.to_string() };
    let mut child = tokio::process::Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(not_run)?;
    let (out, err) = (child.stdout.take(), child.stderr.take());
    let all = async { tokio::join!(some(out, LIMIT + 1), some(err, WORDS), child.wait()) };
    let Ok((out, err, status)) = tokio::time::timeout(patience, all).await else {
        return Err(Fault::Slow { program: shown, seconds: patience.as_secs() });
    };
    let (out, err, status) =
        (out.map_err(not_run)?, err.map_err(not_run)?, status.map_err(not_run)?);
    let failed =
        |how: String| Fault::Command { program: shown.clone(), how, words: words::shown(&err) };
    if !status.success() {
        return Err(failed(format!("it ended with {status}")));
    }
    first_line(&out, "its output").map_err(|fault| failed(fault.to_string()))
}

/// Keeps the first octets and reads on to the end, so that the program is never stopped by a full
/// pipe.
async fn some<R: AsyncRead + Unpin>(
    from: Option<R>,
    limit: usize,
) -> std::io::Result<Zeroizing<Vec<u8>>> {
    let mut kept = Zeroizing::new(Vec::new());
    let Some(mut from) = from else { return Ok(kept) };
    let limit = u64::try_from(limit).unwrap_or(u64::MAX);
    (&mut from).take(limit).read_to_end(&mut kept).await?;
    tokio::io::copy(&mut from, &mut tokio::io::sink()).await?;
    Ok(kept)
}

fn first_line(octets: &[u8], place: &str) -> Result<SecretString, Fault> {
    let line = without_mark(octets).split(|&octet| octet == b'\n').next().unwrap_or_default();
    if line.len() >= LIMIT {
        return Err(Fault::TooLong(place.to_owned()));
    }
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let text = std::str::from_utf8(line).map_err(|_| Fault::NotText(place.to_owned()))?;
    if text.is_empty() {
        return Err(Fault::Empty(place.to_owned()));
    }
    Ok(SecretString::from(text))
}

/// Leaves out the byte order mark that some editors put first.
fn without_mark(octets: &[u8]) -> &[u8] {
    octets.strip_prefix(b"\xef\xbb\xbf").unwrap_or(octets)
}

fn open_private(path: &Path) -> Result<File, Fault> {
    let file = File::open(path).map_err(|error| unreadable(path, &error))?;
    // Asked of the open file, so that it is the one that is read.
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let metadata = file.metadata().map_err(|error| unreadable(path, &error))?;
        if metadata.is_file() && metadata.permissions().mode() & 0o077 != 0 {
            return Err(Fault::Open { path: path.to_owned() });
        }
    }
    Ok(file)
}

fn unreadable(path: &Path, error: &std::io::Error) -> Fault {
    Fault::File { path: path.to_owned(), words: error.to_string() }
}
