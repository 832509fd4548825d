//! Lists of addresses, RFC 5322 section 3.4, as far as people write them.

use super::words;

/// A name and an address; a part of the list that holds no address is a name alone.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Mailbox {
    pub(super) name: String,
    pub(super) address: String,
}

/// Reads a list. Nothing of it is left out: a comment becomes a part of the name, the name of a
/// group a mailbox without an address.
pub(super) fn list(value: &str) -> Vec<Mailbox> {
    let mut mailboxes = Vec::new();
    let mut one = Reading::default();
    for c in value.chars() {
        if let Some(separator) = one.take(c) {
            let ended = std::mem::take(&mut one);
            mailboxes.extend(ended.mailbox(separator));
        }
    }
    mailboxes.extend(one.mailbox(','));
    mailboxes
}

#[derive(Default)]
struct Reading {
    /// Outside angle brackets, quotes taken off.
    phrase: String,
    comment: String,
    angle: Option<String>,
    in_angle: bool,
    quoted: bool,
    escaped: bool,
    comments: u32,
    bracket: bool,
}

impl Reading {
    /// Takes a character; a separator that ends this mailbox is given back.
    fn take(&mut self, c: char) -> Option<char> {
        let escaped = std::mem::take(&mut self.escaped);
        if !escaped && c == '\\' && (self.quoted || self.comments > 0) {
            self.escaped = true;
            return None;
        }
        if escaped {
            self.put(c);
            return None;
        }
        if self.quoted {
            if c == '"' {
                self.quoted = false;
            } else {
                self.put(c);
            }
            return None;
        }
        match c {
            '(' => {
                self.comments += 1;
                if self.comments > 1 {
                    self.put(c);
                }
            }
            ')' if self.comments > 0 => {
                if self.comments > 1 {
                    self.put(c);
                }
                self.comments -= 1;
            }
            _ if self.comments > 0 => self.put(c),
            '"' => self.quoted = true,
            '[' => {
                self.bracket = true;
                self.put(c);
            }
            ']' => {
                self.bracket = false;
                self.put(c);
            }
            '<' if self.angle.is_none() => {
                self.angle = Some(String::new());
                self.in_angle = true;
            }
            '>' => self.in_angle = false,
            ',' | ';' | ':' if !self.in_angle && !self.bracket => return Some(c),
            _ => self.put(c),
        }
        None
    }

    fn put(&mut self, c: char) {
        match &mut self.angle {
            _ if self.comments > 0 => self.comment.push(c),
            Some(address) if self.in_angle => address.push(c),
            _ => self.phrase.push(c),
        }
    }

    fn mailbox(self, separator: char) -> Option<Mailbox> {
        let phrase = words::text(&self.phrase);
        let comment = words::text(&self.comment);
        let (mut name, address) = match self.angle {
            Some(address) => (phrase, address),
            None if separator != ':' && phrase.contains('@') => (String::new(), phrase),
            None => (phrase, String::new()),
        };
        if !comment.is_empty() {
            name = if name.is_empty() { comment } else { format!("{name} ({comment})") };
        }
        if separator == ':' {
            name.push(':');
        }
        let address: String = address.chars().filter(|c| !c.is_ascii_whitespace()).collect();
        let address = match address.rsplit_once('@') {
            // Only the domain is the same in every case, RFC 5321 section 2.4.
            Some((local, domain)) => format!("{local}@{}", domain.to_ascii_lowercase()),
            None => address,
        };
        let nothing = name.is_empty() && address.is_empty();
        (!nothing).then_some(Mailbox { name, address })
    }
}
