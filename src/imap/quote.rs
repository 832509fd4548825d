//! What a client sends: every string quoted or as a literal, every flag an atom.

use crate::imap::error::ImapError;
use crate::model::flags::{Flags, is_sendable};
use crate::model::folder::RawName;
use bytes::Bytes;
use tokio::sync::mpsc::Receiver;

/// A part of a command.
#[derive(Debug)]
pub(crate) enum Part {
    /// Sent as it is.
    Text(Vec<u8>),
    /// Sent as a literal.
    Literal(Bytes),
    /// Sent as a literal whose octets arrive bit by bit.
    Stream { size: u64, body: Receiver<Bytes> },
}

/// Copies a command that may have to be sent once more; `None` when a part of it is streamed, which
/// can be done only once.
pub(crate) fn again(parts: &[Part]) -> Option<Vec<Part>> {
    parts
        .iter()
        .map(|part| match part {
            Part::Text(text) => Some(Part::Text(text.clone())),
            Part::Literal(octets) => Some(Part::Literal(octets.clone())),
            Part::Stream { .. } => None,
        })
        .collect()
}

/// Adds text to the last part where possible.
pub(crate) fn text(parts: &mut Vec<Part>, add: &str) {
    if let Some(Part::Text(last)) = parts.last_mut() {
        last.extend_from_slice(add.as_bytes());
    } else {
        parts.push(Part::Text(add.as_bytes().to_vec()));
    }
}

/// Adds the name of a mailbox: quoted, or as a literal when it has octets beyond ASCII.
pub(crate) fn mailbox(parts: &mut Vec<Part>, name: &RawName) -> Result<(), ImapError> {
    let octets = &name.0;
    if octets.is_empty() || octets.iter().any(|octet| matches!(octet, 0 | b'\r' | b'\n')) {
        return Err(ImapError::Invalid {
            what: format!(
                "the folder name `{name}` cannot be sent: it is empty or has a NUL or a line end; rename it at the source or map it in the plan"
            ),
        });
    }
    if let Ok(name) = std::str::from_utf8(octets)
        && name.is_ascii()
    {
        text(parts, &format!("\"{}\"", name.replace('\\', "\\\\").replace('"', "\\\"")));
    } else {
        parts.push(Part::Literal(Bytes::copy_from_slice(octets)));
    }
    Ok(())
}

/// Returns `(\Seen keyword)`; refuses what is no flag of RFC 3501 section 9.
pub(crate) fn flags(flags: &Flags) -> Result<String, ImapError> {
    let mut words = Vec::new();
    for flag in flags.iter() {
        if !is_sendable(flag) {
            return Err(ImapError::Invalid {
                what: format!("the flag `{}` cannot be sent", flag.escape_debug()),
            });
        }
        words.push(flag);
    }
    Ok(format!("({})", words.join(" ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(name: &[u8]) -> Result<String, ImapError> {
        let mut parts = Vec::new();
        mailbox(&mut parts, &RawName(name.to_vec()))?;
        Ok(format!("{parts:?}"))
    }

    #[test]
    fn no_name_can_end_its_own_string() {
        let Part::Text(text) = &{
            let mut parts = Vec::new();
            mailbox(&mut parts, &RawName(br#"a"b\c"#.to_vec())).unwrap();
            parts
        }[0] else {
            panic!("not text")
        };
        assert_eq!(text, br#""a\"b\\c""#);
        assert!(sent("ä".as_bytes()).unwrap().starts_with("[Literal"));
        for name in [&b"a\r\nb"[..], b"a\0", b"\n", b""] {
            assert!(matches!(sent(name), Err(ImapError::Invalid { .. })));
        }
    }

    #[test]
    fn a_flag_is_an_atom_or_refused() {
        assert_eq!(flags(&Flags::from_words(["\\Seen", "$x"])).unwrap(), "($x \\Seen)");
        for flag in ["a b", "a)", "", "\\", "é", "a\r\nb", "a\"", "[x]", "\\*"] {
            assert!(flags(&Flags::from_words([flag])).is_err(), "{flag:?}");
        }
    }
}
