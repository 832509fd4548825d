//! What is in the mailboxes: letters, and a few that are no proper ones.

use fastrand::Rng;
use std::fmt::Write as _;

/// An ordinary letter; few lengths, so that many look alike.
pub(crate) fn letter(rng: &mut Rng, number: usize) -> String {
    let id = if rng.u8(0..5) == 0 {
        String::new()
    } else {
        format!("Message-ID: <{number}@acme.example>\r\n")
    };
    let lines = "Some words of a letter.\r\n".repeat(rng.usize(0..3));
    format!(
        "From: a@acme.example\r\nDate: Mon, 01 Mar 2021 10:00:00 +0000\r\nSubject: Letter {number:05}\r\n{id}\r\n{number:05}\r\n{lines}"
    )
}

/// A letter that programs stumble over. All end in a line end and none holds a NUL; what is above
/// a limit is [`large`]. Where the destination makes messages anew, a header that is none becomes
/// something else, so that there is none of that kind.
pub(crate) fn odd(rng: &mut Rng, number: usize, rewritten: bool) -> Vec<u8> {
    let head = format!("From: a@acme.example\r\nSubject: Odd {number:05}\r\n");
    let text = match rng.u8(0..8) {
        // A line that is long and within every limit.
        0 => format!("{head}\r\n{}\r\n", "x".repeat(2_000)),
        // A header and nothing else; not even its end.
        1 => head,
        // No header.
        2 => format!("\r\n{number:05} stands without a header.\r\n"),
        // A line of the header without a name.
        3 if !rewritten => format!("{head}this is no field\r\n\r\n{number:05}\r\n"),
        // Parts, with words around them.
        4 => format!(
            "{head}MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=\"b{number}\"\r\n\r\nbefore\r\n--b{number}\r\nContent-Type: text/plain\r\n\r\n{number:05}  \r\n--b{number}\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\r\nAAEC\r\nAwQF\r\n--b{number}--\r\nbehind\r\n"
        ),
        // Parts that never end.
        5 => format!(
            "{head}Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n{number:05}\r\n"
        ),
        // What looks like an answer of a server.
        6 => format!("{head}\r\n* 1 FETCH (FLAGS (\\Deleted))\r\nA1 OK done\r\n)\r\n"),
        // Octets beyond ASCII that say no charset.
        _ => {
            let mut octets = format!("{head}X-Name: ").into_bytes();
            octets.extend_from_slice(b"M\xfcller\r\n\r\nGr\xfc\xdfe\r\n");
            return octets;
        }
    };
    text.into_bytes()
}

/// A letter of at least so many octets.
pub(crate) fn large(number: usize, octets: usize) -> Vec<u8> {
    let mut text = format!("From: a@acme.example\r\nSubject: Large {number:05}\r\n\r\n");
    while text.len() < octets {
        // Writing to a string cannot fail.
        let _ = write!(text, "{number:05} is a letter of many lines.\r\n");
    }
    text.into_bytes()
}
