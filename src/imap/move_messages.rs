//! UID MOVE, RFC 6851.

use crate::imap::connection::Connection;
use crate::imap::error::ImapError;
use crate::imap::quote;
use crate::imap::response::{self, Code};
use crate::imap::sequence_set::SequenceSet;
use crate::imap::value::Value;
use crate::model::folder::RawName;
use crate::model::uid::{Uid, UidValidity};
use std::collections::BTreeMap;

/// The most messages that one COPYUID is read for: a server names no more than were moved, and a
/// set like `1:4294967295` must not fill the memory.
const MOST: usize = 100_000;

impl Connection {
    /// Tells whether messages can be moved so that the server says where they are then.
    pub fn can_move(&self) -> bool {
        self.has("MOVE") && self.has("UIDPLUS")
    }

    /// Moves messages of the selected folder into another one and returns where each is now, as
    /// COPYUID tells (RFC 4315 section 3). A message without an entry may have moved or not.
    pub async fn uid_move(
        &self,
        set: &SequenceSet,
        to: &RawName,
    ) -> Result<BTreeMap<Uid, (UidValidity, Uid)>, ImapError> {
        for capability in ["MOVE", "UIDPLUS"] {
            if !self.has(capability) {
                return Err(ImapError::Unsupported { command: "UID MOVE", capability });
            }
        }
        let mut moved = BTreeMap::new();
        for line in set.lines() {
            let mut parts = crate::imap::connection::plain(format!("UID MOVE {line} "));
            quote::mailbox(&mut parts, to)?;
            let answer = self.link.ask("UID MOVE", parts, &["OK"]).await?;
            // RFC 6851 section 4.3 has it before the EXPUNGEs; some servers put it at the end.
            let texts = answer.data.iter().map(|line| &line.text).chain([&answer.text]);
            for code in texts.filter_map(|text| response::code(text)) {
                if code.name == "COPYUID" {
                    moved.extend(places(&code).ok_or_else(|| ImapError::Unreadable {
                        command: "UID MOVE",
                        what: "COPYUID is malformed".to_owned(),
                        words: None,
                    })?);
                }
            }
        }
        Ok(moved)
    }
}

fn places(code: &Code) -> Option<Vec<(Uid, (UidValidity, Uid))>> {
    let [validity, from, to] = code.values.as_slice() else { return None };
    let validity = UidValidity(Value::number(validity)?);
    let (from, to) = (uids(from.octets()?)?, uids(to.octets()?)?);
    (from.len() == to.len())
        .then(|| from.into_iter().zip(to).map(|(was, now)| (was, (validity, now))).collect())
}

/// Reads a set in the order in which it is written.
fn uids(set: &[u8]) -> Option<Vec<Uid>> {
    let mut uids = Vec::new();
    for item in std::str::from_utf8(set).ok()?.split(',') {
        let (first, last) = item.split_once(':').unwrap_or((item, item));
        let (first, last): (u32, u32) = (first.parse().ok()?, last.parse().ok()?);
        let length = usize::try_from(last.checked_sub(first)?).ok()?;
        if first == 0 || uids.len() + length >= MOST {
            return None;
        }
        uids.extend((first..=last).map(Uid));
    }
    Some(uids)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<Vec<(u32, u32, u32)>> {
        let code = response::code(text.as_bytes())?;
        let places = places(&code)?;
        Some(places.into_iter().map(|(was, (at, now))| (was.0, at.0, now.0)).collect())
    }

    #[test]
    fn the_sets_of_copyuid_are_read_in_their_order() {
        let places = read("[COPYUID 9 4,7:8 20:22] Moved");
        assert_eq!(places, Some(vec![(4, 9, 20), (7, 9, 21), (8, 9, 22)]));
        for broken in ["[COPYUID 9 4:5 20]", "[COPYUID 9 5:4 1:2]", "[COPYUID 9 1:4294967295 1]"] {
            assert_eq!(read(broken), None, "{broken}");
        }
    }
}
