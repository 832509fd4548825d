//! What FETCH asks for. ENVELOPE, BODYSTRUCTURE and the numbers of parts are not simulated: nothing
//! that moves mail asks for them, and they are refused.

use crate::simulate::entity::{Entity, header_length};
use crate::simulate::lexer::Lexer;

/// A part of a message's octets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Section {
    Whole,
    Header,
    Text,
    /// The named fields, or all others.
    Fields {
        names: Vec<String>,
        others: bool,
    },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum FetchItem {
    Flags,
    Uid,
    InternalDate,
    Size,
    ModSeq,
    Body {
        section: Section,
        /// Leaves `\Seen` alone.
        peek: bool,
        /// First octet and greatest number of octets.
        part: Option<(u64, u64)>,
        /// How the item is called in the answer.
        label: String,
    },
}

pub(crate) fn read(lexer: &mut Lexer, condstore: bool) -> Option<Vec<FetchItem>> {
    if lexer.eat(b'(').is_some() {
        let mut items = Vec::new();
        loop {
            items.push(item(lexer, condstore)?);
            if lexer.eat(b')').is_some() {
                return Some(items);
            }
            lexer.space()?;
        }
    }
    let start = item_name(lexer)?;
    if start == "FAST" {
        return Some(vec![FetchItem::Flags, FetchItem::InternalDate, FetchItem::Size]);
    }
    Some(vec![named(&start, lexer, condstore)?])
}

fn item(lexer: &mut Lexer, condstore: bool) -> Option<FetchItem> {
    let name = item_name(lexer)?;
    named(&name, lexer, condstore)
}

fn item_name(lexer: &mut Lexer) -> Option<String> {
    let name = lexer.take_while(|octet| octet.is_ascii_alphanumeric() || octet == b'.')?;
    Some(String::from_utf8_lossy(name).to_ascii_uppercase())
}

fn named(name: &str, lexer: &mut Lexer, condstore: bool) -> Option<FetchItem> {
    let whole =
        |section, peek| FetchItem::Body { section, peek, part: None, label: name.to_owned() };
    Some(match name {
        "FLAGS" => FetchItem::Flags,
        "UID" => FetchItem::Uid,
        "INTERNALDATE" => FetchItem::InternalDate,
        "RFC822.SIZE" => FetchItem::Size,
        "MODSEQ" if condstore => FetchItem::ModSeq,
        "RFC822" => whole(Section::Whole, false),
        "RFC822.HEADER" => whole(Section::Header, true),
        "RFC822.TEXT" => whole(Section::Text, false),
        "BODY" | "BODY.PEEK" => {
            lexer.eat(b'[')?;
            let (section, words) = section(lexer)?;
            lexer.eat(b']')?;
            let mut label = format!("BODY[{words}]");
            let mut part = None;
            if lexer.eat(b'<').is_some() {
                let first = lexer.number()?;
                lexer.eat(b'.')?;
                let most = lexer.number().filter(|most| *most > 0)?;
                lexer.eat(b'>')?;
                label = format!("{label}<{first}>");
                part = Some((first, most));
            }
            FetchItem::Body { section, peek: name == "BODY.PEEK", part, label }
        }
        _ => return None,
    })
}

fn section(lexer: &mut Lexer) -> Option<(Section, String)> {
    if lexer.peek() == Some(b']') {
        return Some((Section::Whole, String::new()));
    }
    let word = item_name(lexer)?;
    Some(match word.as_str() {
        "HEADER" => (Section::Header, word),
        "TEXT" => (Section::Text, word),
        "HEADER.FIELDS" | "HEADER.FIELDS.NOT" => {
            lexer.space()?;
            lexer.eat(b'(')?;
            let mut names = Vec::new();
            loop {
                names.push(String::from_utf8(lexer.astring()?).ok()?);
                if lexer.eat(b')').is_some() {
                    break;
                }
                lexer.space()?;
            }
            let words = format!("{word} ({})", names.join(" "));
            (Section::Fields { names, others: word == "HEADER.FIELDS.NOT" }, words)
        }
        _ => return None,
    })
}

impl Section {
    /// Cuts the section out of a message.
    pub(crate) fn of(&self, octets: &bytes::Bytes) -> bytes::Bytes {
        match self {
            Self::Whole => octets.clone(),
            Self::Header => octets.slice(..header_length(octets)),
            Self::Text => octets.slice(header_length(octets)..),
            Self::Fields { names, others } => {
                let header = Entity::read(octets.get(..header_length(octets)).unwrap_or_default());
                let mut chosen = Vec::new();
                for field in header.fields {
                    let name = field.split(|&octet| octet == b':').next().unwrap_or_default();
                    let named = field.contains(&b':')
                        && names.iter().any(|wanted| {
                            name.trim_ascii_end().eq_ignore_ascii_case(wanted.as_bytes())
                        });
                    if named != *others {
                        chosen.extend_from_slice(&field);
                    }
                }
                // The empty line is always there, RFC 3501 section 6.4.5.
                chosen.extend_from_slice(b"\r\n");
                chosen.into()
            }
        }
    }
}
