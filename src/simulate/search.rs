//! SEARCH, RFC 3501 section 6.4.4: flags, UIDs, dates, sizes and texts.

use crate::simulate::entity::{Entity, header_length};
use crate::simulate::folder::Message;
use crate::simulate::lexer::{Lexer, Octets};
use crate::simulate::sequence::SequenceSet;
use jiff::civil::Date;

#[derive(Clone, Debug)]
pub(crate) enum Key {
    All,
    Flag { flag: String, set: bool },
    Recent(bool),
    New,
    Numbers(SequenceSet),
    Uids(SequenceSet),
    Before(Date),
    On(Date),
    Since(Date),
    Larger(u64),
    Smaller(u64),
    Header { name: String, text: Octets },
    Body(Octets),
    Text(Octets),
    ModSeq(u64),
    Not(Box<Key>),
    Or(Box<Key>, Box<Key>),
    And(Vec<Key>),
}

/// Deeper nesting is refused.
const DEPTH: u32 = 30;

pub(crate) fn read(lexer: &mut Lexer, condstore: bool) -> Option<Vec<Key>> {
    let mut keys = Vec::new();
    if matches!(lexer.peek(), Some(b'C' | b'c')) {
        // No key begins with C: this is CHARSET.
        (lexer.keyword()? == "CHARSET").then_some(())?;
        lexer.space()?;
        let charset = String::from_utf8(lexer.astring()?).ok()?.to_ascii_uppercase();
        matches!(charset.as_str(), "UTF-8" | "US-ASCII").then_some(())?;
        lexer.space()?;
    }
    loop {
        keys.push(key(lexer, condstore, 0)?);
        if lexer.space().is_none() {
            return Some(keys);
        }
    }
}

fn key(lexer: &mut Lexer, condstore: bool, depth: u32) -> Option<Key> {
    if depth > DEPTH {
        return None;
    }
    if lexer.eat(b'(').is_some() {
        let mut keys = Vec::new();
        loop {
            keys.push(key(lexer, condstore, depth + 1)?);
            if lexer.eat(b')').is_some() {
                return Some(Key::And(keys));
            }
            lexer.space()?;
        }
    }
    if matches!(lexer.peek(), Some(b'0'..=b'9' | b'*')) {
        return lexer.set().map(Key::Numbers);
    }
    let word = lexer.keyword()?;
    let flag = |flag: &str, set| Some(Key::Flag { flag: format!("\\{flag}"), set });
    match word.as_str() {
        "ALL" => Some(Key::All),
        "ANSWERED" => flag("Answered", true),
        "DELETED" => flag("Deleted", true),
        "DRAFT" => flag("Draft", true),
        "FLAGGED" => flag("Flagged", true),
        "SEEN" => flag("Seen", true),
        "UNANSWERED" => flag("Answered", false),
        "UNDELETED" => flag("Deleted", false),
        "UNDRAFT" => flag("Draft", false),
        "UNFLAGGED" => flag("Flagged", false),
        "UNSEEN" => flag("Seen", false),
        "RECENT" => Some(Key::Recent(true)),
        "OLD" => Some(Key::Recent(false)),
        "NEW" => Some(Key::New),
        _ => with_argument(&word, lexer, condstore, depth),
    }
}

fn with_argument(word: &str, lexer: &mut Lexer, condstore: bool, depth: u32) -> Option<Key> {
    lexer.space()?;
    let header = |name: &str, text| Key::Header { name: name.to_owned(), text };
    Some(match word {
        "KEYWORD" => Key::Flag { flag: flag_word(lexer)?, set: true },
        "UNKEYWORD" => Key::Flag { flag: flag_word(lexer)?, set: false },
        "UID" => Key::Uids(lexer.set()?),
        "BEFORE" => Key::Before(date(lexer)?),
        "ON" => Key::On(date(lexer)?),
        "SINCE" => Key::Since(date(lexer)?),
        "LARGER" => Key::Larger(lexer.number()?),
        "SMALLER" => Key::Smaller(lexer.number()?),
        "SUBJECT" | "FROM" | "TO" | "CC" | "BCC" => header(word, lexer.astring()?),
        "HEADER" => {
            let name = String::from_utf8(lexer.astring()?).ok()?;
            lexer.space()?;
            header(&name, lexer.astring()?)
        }
        "BODY" => Key::Body(lexer.astring()?),
        "TEXT" => Key::Text(lexer.astring()?),
        "MODSEQ" if condstore => Key::ModSeq(lexer.number()?),
        "NOT" => Key::Not(Box::new(key(lexer, condstore, depth + 1)?)),
        "OR" => {
            let first = key(lexer, condstore, depth + 1)?;
            lexer.space()?;
            Key::Or(Box::new(first), Box::new(key(lexer, condstore, depth + 1)?))
        }
        _ => return None,
    })
}

fn flag_word(lexer: &mut Lexer) -> Option<String> {
    let octets = lexer.take_while(crate::simulate::lexer::is_atom)?;
    String::from_utf8(octets.to_vec()).ok()
}

/// `dd-Mmm-yyyy`, with or without quotes.
fn date(lexer: &mut Lexer) -> Option<Date> {
    let text = String::from_utf8(lexer.astring()?).ok()?;
    let text = if text.len() == 10 { format!("0{text}") } else { text };
    jiff::fmt::strtime::parse("%d-%b-%Y", text).ok()?.to_date().ok()
}

/// A message as a session sees it.
pub(crate) struct Candidate<'a> {
    pub(crate) message: &'a Message,
    pub(crate) number: u32,
    pub(crate) recent: bool,
    /// The values of `*`.
    pub(crate) last_number: u32,
    pub(crate) last_uid: u32,
}

fn holds(octets: &[u8], text: &[u8]) -> bool {
    text.is_empty() || octets.windows(text.len()).any(|window| window.eq_ignore_ascii_case(text))
}

impl Key {
    pub(crate) fn fits(&self, candidate: &Candidate<'_>) -> bool {
        let message = candidate.message;
        let day = || {
            // The day as it is written, without regard to the zone, RFC 3501 section 6.4.4.
            let text = message.date.as_str().get(..11).unwrap_or_default().trim_start();
            let text = if text.len() == 10 { format!("0{text}") } else { text.to_owned() };
            jiff::fmt::strtime::parse("%d-%b-%Y", text).ok().and_then(|it| it.to_date().ok())
        };
        match self {
            Self::All => true,
            Self::Flag { flag, set } => message.flags.contains(flag) == *set,
            Self::Recent(set) => candidate.recent == *set,
            Self::New => candidate.recent && !message.flags.contains("\\Seen"),
            Self::Numbers(set) => set.contains(candidate.number, candidate.last_number),
            Self::Uids(set) => set.contains(message.uid, candidate.last_uid),
            Self::Before(date) => day().is_some_and(|day| day < *date),
            Self::On(date) => day() == Some(*date),
            Self::Since(date) => day().is_some_and(|day| day >= *date),
            Self::Larger(size) => message.served.len() as u64 > *size,
            Self::Smaller(size) => (message.served.len() as u64) < *size,
            Self::Header { name, text } => {
                let end = header_length(&message.served);
                let header = Entity::read(message.served.get(..end).unwrap_or_default());
                header.value(name).is_some_and(|value| holds(&value, text))
            }
            Self::Body(text) => {
                let start = header_length(&message.served);
                holds(message.served.get(start..).unwrap_or_default(), text)
            }
            Self::Text(text) => holds(&message.served, text),
            Self::ModSeq(least) => message.modseq >= *least,
            Self::Not(key) => !key.fits(candidate),
            Self::Or(one, other) => one.fits(candidate) || other.fits(candidate),
            Self::And(keys) => keys.iter().all(|key| key.fits(candidate)),
        }
    }
}
