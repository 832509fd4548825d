//! One FETCH response, RFC 3501 section 7.4.2.

use crate::imap::error::{ImapError, Words};
use crate::imap::fetch::{FetchRow, RowQuery};
use crate::imap::response::Untagged;
use crate::imap::value::{self, Piece, Value};
use crate::model::flags::Flags;
use crate::model::internal_date::InternalDate;
use crate::model::uid::Uid;

/// No message has more octets: what says so is no size, and sums of sizes fit into 63 bits.
const LARGEST: u64 = 1 << 40;

/// RFC 7162 section 7: a mod-sequence has 63 bits.
pub(crate) const HIGHEST_MODSEQ: u64 = i64::MAX as u64;

/// A FETCH response as pairs of names and values.
#[derive(Debug)]
pub(crate) struct Record<'a> {
    pub uid: Option<Uid>,
    /// There is a UID item, and it is no UID.
    pub uid_malformed: bool,
    /// Every name has its value and every list its end.
    pub complete: bool,
    /// The sequence number.
    pub number: Option<u64>,
    items: &'a [Value],
}

/// Tells whether a literal that follows this text is the whole body of a message.
pub(crate) fn announces_body(pieces: &[Piece]) -> bool {
    let (Some(Piece::Text(first)), Some(Piece::Text(last))) = (pieces.first(), pieces.last())
    else {
        return false;
    };
    let mut words = first.split(|&octet| octet == b' ').filter(|word| !word.is_empty());
    let fetch = words.next() == Some(b"*")
        && words.next().is_some_and(|word| word.iter().all(u8::is_ascii_digit))
        && words
            .next()
            .is_some_and(|word| word.get(..5).unwrap_or(word).eq_ignore_ascii_case(b"FETCH"));
    let name = last.trim_ascii_end();
    let at = name.len().saturating_sub(6);
    fetch && name.get(at..).is_some_and(|end| end.eq_ignore_ascii_case(b"BODY[]"))
}

/// Returns the UID when it stands before the literal.
pub(crate) fn uid_so_far(pieces: &[Piece]) -> Option<Uid> {
    let read = value::read(pieces);
    let items = read.values.iter().find_map(Value::list)?;
    find(items, "UID").and_then(Value::number).map(Uid)
}

fn find<'a>(items: &'a [Value], name: &str) -> Option<&'a Value> {
    items.chunks(2).find_map(|pair| match pair {
        [Value::Atom(key), value] if key.eq_ignore_ascii_case(name.as_bytes()) => Some(value),
        _ => None,
    })
}

/// Reads the pairs of an untagged FETCH.
pub(crate) fn read(data: &Untagged) -> Record<'_> {
    let (items, one_list) = match data.values.as_slice() {
        [Value::List(items)] => (items.as_slice(), true),
        [Value::List(items), ..] => (items.as_slice(), false),
        _ => (&[][..], false),
    };
    let named = items.chunks(2).all(|pair| matches!(pair, [Value::Atom(_), _]));
    let uid = find(items, "UID");
    let number = uid.and_then(Value::number::<u32>).filter(|&uid| uid > 0).map(Uid);
    Record {
        uid: number,
        uid_malformed: uid.is_some() && number.is_none(),
        complete: data.complete && one_list && named,
        number: data.number,
        items,
    }
}

impl Record<'_> {
    /// Returns the value of an item.
    pub(crate) fn item(&self, name: &str) -> Option<&Value> {
        find(self.items, name)
    }

    fn header_fields(&self) -> Option<&Value> {
        self.items.chunks(2).find_map(|pair| match pair {
            [Value::Atom(key), value]
                if key.get(..18).is_some_and(|k| k.eq_ignore_ascii_case(b"BODY[HEADER.FIELDS")) =>
            {
                Some(value)
            }
            _ => None,
        })
    }

    /// Makes the error of a listing that this record makes incomplete. It names the message by
    /// its number and repeats nothing else, as the record may hold header fields.
    pub(crate) fn unreadable(&self, command: &'static str, what: &str) -> ImapError {
        let number = self.number.map_or_else(String::new, |number| format!("{number} FETCH"));
        let uid = self.uid.map_or_else(String::new, |uid| format!(" (UID {uid})"));
        let words = format!("{number}{uid}");
        ImapError::Unreadable {
            command,
            what: what.to_owned(),
            words: (!words.is_empty()).then(|| Words::new(words.as_bytes())),
        }
    }

    /// Tells whether this is a row of a listing but for its UID. What a server sends unasked holds
    /// flags and mod-sequences alone.
    pub(crate) fn is_row(&self, query: &RowQuery) -> bool {
        let more = query.size || query.internal_date || !query.header_fields.is_empty();
        more && !matches!(self.row(Uid(0), query), Ok(None))
    }

    /// Makes the row; `None` when something that was asked for is not here, so that this is
    /// another record or a part of one.
    pub(crate) fn row(&self, uid: Uid, query: &RowQuery) -> Result<Option<FetchRow>, String> {
        let mut row = FetchRow {
            uid,
            flags: None,
            internal_date: None,
            internal_date_raw: None,
            size: None,
            modseq: None,
            headers: None,
        };
        if query.flags {
            let Some(value) = self.item("FLAGS") else { return Ok(None) };
            row.flags = Some(flags(value).ok_or_else(|| wrong(uid, "FLAGS"))?);
        }
        if query.internal_date {
            let Some(value) = self.item("INTERNALDATE") else { return Ok(None) };
            let octets = value.octets().ok_or_else(|| wrong(uid, "INTERNALDATE"))?;
            let text = String::from_utf8_lossy(octets).into_owned();
            row.internal_date = value.string().and_then(|_| InternalDate::parse(&text));
            row.internal_date_raw = Some(text);
        }
        if query.size {
            let Some(value) = self.item("RFC822.SIZE") else { return Ok(None) };
            let size = value.number().filter(|&size: &u64| size <= LARGEST);
            row.size = Some(size.ok_or_else(|| wrong(uid, "RFC822.SIZE"))?);
        }
        if query.modseq {
            let Some(value) = self.item("MODSEQ") else { return Ok(None) };
            let number = match value.list() {
                Some([number]) => number.number(),
                _ => None,
            };
            let number = number.filter(|&number| number <= HIGHEST_MODSEQ);
            row.modseq = Some(number.ok_or_else(|| wrong(uid, "MODSEQ"))?);
        }
        if !query.header_fields.is_empty() {
            let Some(value) = self.header_fields() else { return Ok(None) };
            row.headers = match value {
                Value::Quoted(octets) | Value::Literal(octets) => Some(octets.to_vec()),
                nil if nil.is_nil() => None,
                _ => return Err(wrong(uid, "the header")),
            };
        }
        Ok(Some(row))
    }
}

fn wrong(uid: Uid, what: &str) -> String {
    format!("{what} of UID {uid} cannot be read")
}

/// Reads a list of flags; `None` when it is no list of words.
pub(crate) fn flags(value: &Value) -> Option<Flags> {
    let words: Option<Vec<String>> = value
        .list()?
        .iter()
        .map(|flag| flag.octets().map(|octets| String::from_utf8_lossy(octets).into_owned()))
        .collect();
    words.map(Flags::from_words)
}
