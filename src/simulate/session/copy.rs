//! COPY, and MOVE of RFC 6851.

use crate::simulate::command::Wrong;
use crate::simulate::folder::NewMessage;
use crate::simulate::mailbox::Refusal;
use crate::simulate::sequence::SequenceSet;
use crate::simulate::session::{Outcome, Session};
use crate::simulate::voice;
use std::fmt::Write as _;
use tokio::io::{AsyncRead, AsyncWrite};

/// Writes UIDs as a set, in their order.
pub(super) fn uid_set(uids: &[u32]) -> String {
    let mut text = String::new();
    let mut place = 0;
    while let Some(&first) = uids.get(place) {
        let mut last = first;
        while uids.get(place + 1).is_some_and(|&next| Some(next) == last.checked_add(1)) {
            place += 1;
            last += 1;
        }
        if !text.is_empty() {
            text.push(',');
        }
        // Writing to a string cannot fail.
        let _ =
            if first == last { write!(text, "{first}") } else { write!(text, "{first}:{last}") };
        place += 1;
    }
    text
}

impl<S: AsyncRead + AsyncWrite + Unpin> Session<S> {
    pub(super) fn copy(&mut self, uid: bool, set: &SequenceSet, name: &str, gone: bool) -> Outcome {
        let (voice, now) = (self.product.voice, self.service.now());
        let (Some(selected), Some(user)) = (&self.selected, &self.user) else {
            return Outcome::Gone;
        };
        if gone && selected.read_only {
            return Outcome::No("[READ-ONLY] Mailbox is read-only.".to_owned());
        }
        let Some(chosen) = selected.chosen(set, uid) else {
            return Outcome::Bad(voice::wrong(voice, "COPY", Wrong::Arguments));
        };
        let id = selected.id;
        let done = self.service.account(user, |account| {
            let mailbox = &mut account.mailbox;
            let folder = mailbox.by_id(id).ok_or(Refusal::Missing)?;
            let mut uids = Vec::new();
            let mut copies = Vec::new();
            for (_, seen) in &chosen {
                let Some(message) = folder.message(seen.uid) else { return Ok(None) };
                uids.push(seen.uid);
                copies.push(NewMessage { saved: now, ..NewMessage::from(message.clone()) });
            }
            let (validity, new) = mailbox.store(name, copies)?;
            if gone && let Some(folder) = mailbox.by_id_mut(id) {
                folder.remove(|message| uids.binary_search(&message.uid).is_ok());
            }
            Ok(Some((validity, uids, new)))
        });
        self.service.notify();
        match done {
            None => Outcome::Gone,
            Some(Err(why)) => Outcome::No(voice::refused(voice, why, true)),
            Some(Ok(None)) => Outcome::No(
                "[EXPUNGEISSUED] Some of the requested messages no longer exist.".to_owned(),
            ),
            Some(Ok(Some((_, uids, _)))) if uids.is_empty() => Outcome::Ok(String::new()),
            Some(Ok(Some((validity, uids, new)))) => {
                let code = format!("[COPYUID {validity} {} {}]", uid_set(&uids), uid_set(&new));
                if gone {
                    // RFC 6851 section 4.3: COPYUID comes before the EXPUNGEs.
                    self.wire.say(&format!("* OK {code} Moved.\r\n"));
                    return Outcome::Ok(String::new());
                }
                Outcome::Ok(format!("{code} {}", voice::completed(voice, "COPY")))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::uid_set;

    #[test]
    fn uids_are_written_as_ranges() {
        assert_eq!(uid_set(&[1, 2, 3, 5, 9, 10]), "1:3,5,9:10");
        assert_eq!(uid_set(&[]), "");
        assert_eq!(uid_set(&[4_294_967_295]), "4294967295");
    }
}
