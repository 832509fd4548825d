//! LIST, LSUB, STATUS and what changes folders.

use crate::simulate::command::ListOptions;
use crate::simulate::habit::Habit;
use crate::simulate::mailbox::{Mailbox, Refusal};
use crate::simulate::session::{Outcome, Session};
use crate::simulate::voice;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use tokio::io::{AsyncRead, AsyncWrite};

/// RFC 3501 section 6.3.8: `*` is anything, `%` anything but the separator. The INBOX matches in
/// any case.
fn matches(pattern: &[u8], name: &[u8], separator: u8) -> bool {
    // For each start of the rest of the pattern, where the name may stand.
    let mut places: BTreeSet<usize> = BTreeSet::from([0]);
    for &octet in pattern {
        let mut next = BTreeSet::new();
        for place in places {
            let rest = name.get(place..).unwrap_or_default();
            match octet {
                b'*' => next.extend(place..=name.len()),
                b'%' => {
                    let most = rest.iter().position(|&it| it == separator).unwrap_or(rest.len());
                    next.extend(place..=place + most);
                }
                _ if rest.first() == Some(&octet) => {
                    next.insert(place + 1);
                }
                _ => {}
            }
        }
        places = next;
    }
    places.contains(&name.len())
}

fn fits(pattern: &[u8], name: &str, separator: u8) -> bool {
    if name == "INBOX" {
        return matches(&pattern.to_ascii_uppercase(), b"INBOX", separator);
    }
    matches(pattern, name.as_bytes(), separator)
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('\\', "\\\\").replace('"', "\\\""))
}

impl<S: AsyncRead + AsyncWrite + Unpin> Session<S> {
    fn shown(&self, name: &str) -> String {
        quoted(if name == "INBOX" { self.product.inbox } else { name })
    }

    fn separator(&self) -> u8 {
        u8::try_from(self.product.separator).unwrap_or(b'/')
    }

    pub(super) fn list(
        &mut self,
        reference: &[u8],
        patterns: &[Vec<u8>],
        options: &ListOptions,
    ) -> Outcome {
        let separator = self.separator();
        if let ([pattern], false) = (patterns, options.extended)
            && pattern.is_empty()
        {
            let text = format!("* LIST (\\Noselect) \"{}\" \"\"\r\n", self.product.separator);
            self.wire.say(&text);
            return Outcome::Ok(String::new());
        }
        let patterns: Vec<Vec<u8>> =
            patterns.iter().map(|pattern| [reference, pattern].concat()).collect();
        let special =
            self.product.offers("SPECIAL-USE") || self.product.has(Habit::UnannouncedSpecialUse);
        let Some(user) = &self.user else { return Outcome::Gone };
        let rows = self.service.account(user, |account| {
            let mailbox = &account.mailbox;
            let names: BTreeSet<&String> = if options.only_subscribed {
                mailbox.subscribed.iter().collect()
            } else {
                mailbox.folders.keys().collect()
            };
            let wanted = names
                .into_iter()
                .filter(|name| patterns.iter().any(|pattern| fits(pattern, name, separator)));
            wanted.filter_map(|name| row(mailbox, name, options, special)).collect::<Vec<_>>()
        });
        for (attributes, name) in rows.unwrap_or_default() {
            let line = format!(
                "* LIST ({attributes}) \"{}\" {}\r\n",
                self.product.separator,
                self.shown(&name)
            );
            self.wire.say(&line);
        }
        Outcome::Ok(String::new())
    }

    pub(super) fn lsub(&mut self, reference: &[u8], pattern: &[u8]) -> Outcome {
        let separator = self.separator();
        let pattern = [reference, pattern].concat();
        let Some(user) = &self.user else { return Outcome::Gone };
        let names = self.service.account(user, |account| account.mailbox.subscribed.clone());
        for name in names.unwrap_or_default() {
            if fits(&pattern, &name, separator) {
                let line =
                    format!("* LSUB () \"{}\" {}\r\n", self.product.separator, self.shown(&name));
                self.wire.say(&line);
            }
        }
        Outcome::Ok(String::new())
    }

    pub(super) fn status(&mut self, name: &str, items: &[String]) -> Outcome {
        let Some(user) = &self.user else { return Outcome::Gone };
        let told = self.service.account(user, |account| {
            let known = account.mailbox.known_as(name);
            let folder = account.mailbox.folder(name)?;
            if !folder.selectable {
                return Err(Refusal::NotSelectable);
            }
            let mut values = String::new();
            for item in items {
                let unseen =
                    || folder.messages.iter().filter(|it| !it.flags.contains("\\Seen")).count();
                let value = match item.as_str() {
                    "MESSAGES" => folder.messages.len() as u64,
                    "RECENT" => {
                        let from = folder.recent_from;
                        folder.messages.iter().filter(|it| it.uid >= from).count() as u64
                    }
                    "UIDNEXT" => u64::from(folder.uid_next),
                    "UIDVALIDITY" => u64::from(folder.uid_validity),
                    "UNSEEN" => unseen() as u64,
                    "SIZE" => folder.octets(),
                    // The parser lets nothing else through.
                    _ => folder.highest_modseq,
                };
                // Writing to a string cannot fail.
                let _ = write!(values, " {item} {value}");
            }
            Ok((known, values.trim_start().to_owned()))
        });
        match told {
            None => Outcome::Gone,
            Some(Err(why)) => Outcome::No(voice::refused(self.product.voice, why, false)),
            Some(Ok((known, values))) => {
                let blank = if self.product.has(Habit::StatusTrailingBlank) { " " } else { "" };
                let line = format!("* STATUS {} ({values}){blank}\r\n", self.shown(&known));
                self.wire.say(&line);
                Outcome::Ok(String::new())
            }
        }
    }

    /// Does something to the folders.
    pub(super) fn change(
        &mut self,
        act: impl FnOnce(&mut Mailbox) -> Result<(), Refusal>,
    ) -> Outcome {
        let Some(user) = &self.user else { return Outcome::Gone };
        let done = self.service.account(user, |account| act(&mut account.mailbox));
        self.service.notify();
        match done {
            None => Outcome::Gone,
            Some(Ok(())) => Outcome::Ok(String::new()),
            Some(Err(why)) => Outcome::No(voice::refused(self.product.voice, why, false)),
        }
    }

    pub(super) fn subscribe(&mut self, name: &str, wanted: bool) -> Outcome {
        self.change(|mailbox| {
            let known = mailbox.known_as(name);
            if !wanted {
                mailbox.subscribed.remove(&known);
                return Ok(());
            }
            mailbox.folder(name)?;
            mailbox.subscribed.insert(known);
            Ok(())
        })
    }
}

/// Returns the attributes and the name of one line.
fn row(
    mailbox: &Mailbox,
    name: &str,
    options: &ListOptions,
    special: bool,
) -> Option<(String, String)> {
    let mut attributes = Vec::new();
    match mailbox.folders.get(name) {
        None => attributes.push("\\NonExistent"),
        Some(folder) => {
            if options.only_special && folder.special_use.is_none() {
                return None;
            }
            if !folder.selectable {
                attributes.push("\\Noselect");
            }
            let children = mailbox.has_children(name);
            attributes.push(if children { "\\HasChildren" } else { "\\HasNoChildren" });
            attributes.extend(folder.special_use.filter(|_| special));
        }
    }
    if (options.show_subscribed || options.only_subscribed) && mailbox.subscribed.contains(name) {
        attributes.push("\\Subscribed");
    }
    Some((attributes.join(" "), name.to_owned()))
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_star_crosses_the_separator_and_a_percent_sign_does_not() {
        for (pattern, name, fits) in [
            ("*", "a/b", true),
            ("%", "a/b", false),
            ("%/b", "a/b", true),
            ("a*b", "a/x/b", true),
            ("a%b", "a/x/b", false),
            ("a", "ab", false),
            ("", "a", false),
            ("inbox", "INBOX", true),
            ("A", "a", false),
        ] {
            assert_eq!(super::fits(pattern.as_bytes(), name, b'/'), fits, "{pattern} {name}");
        }
    }
}
