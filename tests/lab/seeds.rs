//! Mail that migrations trip over, the same octets every time.

use std::fmt::Write as _;

/// A message to store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mail {
    /// What is odd about it; unique in a set.
    pub name: String,
    /// Flags and keywords.
    pub flags: Vec<String>,
    /// INTERNALDATE.
    pub date: String,
    /// The message, with CRLF.
    pub bytes: Vec<u8>,
}

impl Mail {
    /// Makes a message without flags.
    pub fn new(name: &str, date: &str, bytes: impl Into<Vec<u8>>) -> Self {
        Self {
            name: name.to_owned(),
            flags: Vec::new(),
            date: date.to_owned(),
            bytes: bytes.into(),
        }
    }

    /// Sets flags and keywords.
    #[must_use]
    pub fn flags(mut self, flags: &[&str]) -> Self {
        self.flags = flags.iter().map(ToString::to_string).collect();
        self
    }
}

/// Returns an ordinary message; `number` makes it unlike every other one.
pub fn plain(number: usize) -> Mail {
    let day = number % 28 + 1;
    let year = 1990 + number % 35;
    let text = format!(
        "From: Ada <ada@acme.example>\r\nTo: bob@acme.example\r\nSubject: Note {number}\r\nMessage-ID: <note-{number}@acme.example>\r\nDate: Mon, 1 Jan {year} 10:00:00 +0000\r\n\r\nNote {number}.\r\n{}",
        "A line of ordinary text, long enough to be one.\r\n".repeat(number % 40)
    );
    Mail::new(
        &format!("plain {number}"),
        &format!("{day:02}-Mar-{year} 10:00:{:02} +0000", number % 60),
        text,
    )
}

/// Returns one message of every odd kind that APPEND stores unchanged in Dovecot.
pub fn awkward() -> Vec<Mail> {
    let head = |subject: &str, id: &str| {
        format!(
            "From: ada@acme.example\r\nSubject: {subject}\r\nMessage-ID: <{id}@acme.example>\r\n\r\n"
        )
    };
    let twin = format!("{}The same to the last octet.\r\n", head("Twin", "twin"));
    vec![
        Mail::new(
            "no Message-ID",
            "01-Jan-1990 00:00:01 +0000",
            "From: ada@acme.example\r\nSubject: No id\r\n\r\nbody\r\n",
        ),
        Mail::new(
            "Message-ID used twice, first",
            "29-Feb-1992 12:00:00 +0000",
            head("One", "same") + "first\r\n",
        ),
        Mail::new(
            "Message-ID used twice, second",
            "29-Feb-1992 12:00:00 +0000",
            head("Two", "same") + "second\r\n",
        )
        .flags(&["\\Seen"]),
        Mail::new("twin, first", "31-Dec-1999 23:59:59 +0000", twin.clone()),
        Mail::new("twin, second", "31-Dec-1999 23:59:59 +0000", twin.clone()),
        Mail::new("twin, other flags", "01-Jan-2000 00:00:00 +0000", twin).flags(&["\\Flagged"]),
        Mail::new(
            "header in Latin-1",
            "15-Jun-2001 08:30:00 +0200",
            [b"From: ada@acme.example\r\nSubject: Gr\xfc\xdfe\r\n\r\n".as_slice(), b"\xe4\r\n"]
                .concat(),
        ),
        Mail::new(
            "header in UTF-8",
            "15-Jun-2001 08:30:00 -1130",
            "From: Käthe <ada@acme.example>\r\nSubject: 日本語\r\n\r\nΔ\r\n",
        ),
        Mail::new(
            "line of 100,000 characters",
            "02-Apr-2005 03:04:05 +0545",
            head("Long line", "long") + &"x".repeat(100_000) + "\r\n",
        ),
        Mail::new(
            "header only",
            "03-May-2006 00:00:00 +0000",
            "From: ada@acme.example\r\nSubject: Header only\r\n\r\n",
        ),
        Mail::new(
            "header without its empty line",
            "03-May-2006 00:00:00 +0000",
            "From: ada@acme.example\r\nSubject: Cut\r\n",
        ),
        Mail::new("no header", "04-Jun-2007 01:02:03 +0000", "\r\nOnly a body.\r\n"),
        Mail::new("nearly nothing", "04-Jun-2007 01:02:03 +0000", "\r\n"),
        Mail::new("bare CR", "05-Jul-2008 04:05:06 -0800", head("Bare CR", "cr") + "one\rtwo\r\n"),
        Mail::new(
            "no line end at the end",
            "06-Aug-2009 07:08:09 +0000",
            head("Open end", "open") + "the end",
        ),
        Mail::new(
            "From_ and dot lines",
            "07-Sep-2010 10:11:12 +0000",
            head("Lines", "lines") + "From here\r\n.\r\n..\r\n",
        ),
        Mail::new("multipart with attachment", "08-Oct-2011 13:14:15 +0000", multipart()).flags(&[
            "\\Seen",
            "\\Answered",
            "$Forwarded",
        ]),
        Mail::new(
            "header folded a hundred times",
            "09-Nov-2012 16:17:18 +0000",
            format!(
                "From: ada@acme.example\r\nReferences: {}\r\nSubject: Folded\r\n\r\nx\r\n",
                (0..100).map(|n| format!("<r{n}@acme.example>")).collect::<Vec<_>>().join("\r\n ")
            ),
        ),
        Mail::new(
            "every flag and keywords",
            "10-Dec-2013 19:20:21 +0000",
            head("Flags", "flags") + "flags\r\n",
        )
        .flags(&[
            "\\Seen",
            "\\Answered",
            "\\Flagged",
            "\\Draft",
            "$Forwarded",
            "$label1",
            "NonJunk",
            "projekt_x",
        ]),
        Mail::new(
            "marked as deleted",
            "11-Jan-2014 22:23:24 +0000",
            head("Deleted", "deleted") + "still here\r\n",
        )
        .flags(&["\\Deleted", "\\Seen"]),
        Mail::new(
            "date of one digit",
            " 1-Feb-2015 00:00:00 +0000",
            head("Day", "day") + "day\r\n",
        ),
        Mail::new(
            "broken MIME",
            "12-Mar-2016 01:01:01 +0000",
            "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=\"never\"\r\n\r\n--other\r\n\r\nx\r\n",
        ),
        Mail::new(
            "an IMAP answer as text",
            "13-Apr-2017 02:02:02 +0000",
            head("Answer", "answer") + ")\r\na1 OK FETCH completed\r\n* BYE\r\n{5}\r\n+ go\r\n",
        ),
        Mail::new("three megabytes", "31-Dec-2024 23:59:59 +0000", big(3_000_000)),
    ]
}

fn multipart() -> String {
    let part = "UGxlYXNlIGZpbmQgYXR0YWNoZWQgdGhlIG51bWJlcnMgb2YgdGhlIHF1YXJ0ZXIu\r\n".repeat(300);
    format!(
        "From: ada@acme.example\r\nTo: bob@acme.example\r\nSubject: Numbers\r\nMessage-ID: <numbers@acme.example>\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=\"b1\"\r\n\r\n--b1\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nSee below.\r\n--b1\r\nContent-Type: application/pdf; name=\"numbers.pdf\"\r\nContent-Disposition: attachment; filename=\"numbers.pdf\"\r\nContent-Transfer-Encoding: base64\r\n\r\n{part}--b1--\r\n"
    )
}

/// Returns a message of at least `size` octets.
pub fn big(size: usize) -> String {
    let mut text = String::from(
        "From: ada@acme.example\r\nSubject: Big\r\nMessage-ID: <big@acme.example>\r\n\r\n",
    );
    for line in 0.. {
        if text.len() >= size {
            break;
        }
        let _ = write!(text, "{line:08} {}\r\n", "0123456789abcdef".repeat(4));
    }
    text
}

/// Folders as people have them, for a server with Rackspace's names: `(path, messages)`.
pub fn folders() -> Vec<(&'static str, Vec<Mail>)> {
    vec![
        ("INBOX", awkward()),
        ("Sent", (0..5).map(plain).map(|mail| mail.flags(&["\\Seen"])).collect()),
        ("Drafts", (5..7).map(plain).map(|mail| mail.flags(&["\\Draft"])).collect()),
        ("Trash", (7..9).map(plain).collect()),
        ("Spam", (9..12).map(plain).collect()),
        ("Projects/2019/Anna & Bob", (12..15).map(plain).collect()),
        ("Projects/2020", (15..18).map(plain).collect()),
        ("Entwürfe", (18..20).map(plain).collect()),
        ("Входящие/Архив", (20..22).map(plain).collect()),
        ("日本語", (22..24).map(plain).collect()),
        ("R&D", (24..26).map(plain).collect()),
        ("A folder with spaces", (26..28).map(plain).collect()),
        ("Quote \" and % star", (28..29).map(plain).collect()),
        ("Empty", Vec::new()),
        ("Sent/2018", (29..31).map(plain).collect()),
    ]
}
