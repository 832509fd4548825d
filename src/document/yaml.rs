//! YAML text to tree; the only file that names the YAML crate.

use super::node::{Key, Kind, Node, Place};
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_yaml::budget::BudgetBreach as Breach;
use serde_yaml::{Spanned, options};
use std::fmt;

/// The largest file that is read, in octets. 20,000 mailboxes with all their keys are 2.5 MB.
pub(super) const LARGEST: usize = 4 << 20;

/// Why a text is no YAML that mailferry takes.
#[derive(Debug)]
pub(super) struct Refused {
    /// In one line.
    pub(super) message: String,
    /// Octets.
    pub(super) start: usize,
    /// Octets, after the last.
    pub(super) end: usize,
}

/// Parses one document without anchors, aliases, merge keys or unknown tags.
///
/// Duplicate keys, a second document and nesting beyond 32 levels are refused by the parser.
pub(super) fn parse(text: &str, file: u32) -> Result<Node, Refused> {
    let options = options! {
        strict_booleans: true,
        merge_keys: serde_yaml::MergeKeyPolicy::Error,
        reject_unsupported_tags: true,
        leading_zero_numbers_as_strings: true,
        with_snippet: false,
        // Counts follow from the size of the text, which the caller has checked.
        budget: serde_yaml::budget! {
            max_documents: 1,
            max_depth: 32,
            max_anchors: 0,
            max_aliases: 0,
            max_merge_keys: 0,
            max_events: 4 * LARGEST,
            max_nodes: 2 * LARGEST,
            max_total_scalar_bytes: 2 * LARGEST,
            max_reader_input_bytes: Some(LARGEST),
        },
    };
    match serde_yaml::from_str_with_options::<Spanned<Raw>>(text, options) {
        Ok(raw) => Ok(node(raw, text, file, None)),
        Err(error) => Err(refused(&error, text)),
    }
}

fn refused(error: &serde_yaml::Error, text: &str) -> Refused {
    let bare = error.without_snippet();
    let message = match bare {
        serde_yaml::Error::Budget { breach, .. } => limit(breach),
        _ => first_line(bare),
    };
    let location = bare.location();
    let span = location.map(|location| location.span());
    let offset = span.and_then(|s| s.byte_offset()).and_then(|s| usize::try_from(s).ok());
    let length = span.and_then(|s| s.byte_len()).and_then(|s| usize::try_from(s).ok());
    // The scanner's own errors have line and column only.
    let start = offset.or_else(|| location.map(|l| octet(text, l.line(), l.column())));
    let start = start.unwrap_or(0).min(text.len());
    let line = text.get(start..).and_then(|rest| rest.lines().next()).map_or(0, str::len);
    let end = start + length.unwrap_or(1).clamp(1, line.max(1));
    Refused { message, start, end: end.min(text.len()) }
}

fn octet(text: &str, line: u64, column: u64) -> usize {
    let number = |n: u64| usize::try_from(n.saturating_sub(1)).unwrap_or(usize::MAX);
    let start: usize = text.split_inclusive('\n').take(number(line)).map(str::len).sum();
    let rest = text.get(start..).unwrap_or_default();
    start + rest.chars().take(number(column)).map(char::len_utf8).sum::<usize>()
}

fn limit(breach: &Breach) -> String {
    match breach {
        Breach::Anchors { .. } => "an anchor (`&`) is not taken here".to_owned(),
        Breach::Aliases { .. } => "an alias (`*`) is not taken here".to_owned(),
        Breach::Documents { .. } => "a second document starts here; a file holds one".to_owned(),
        Breach::Depth { .. } => "this is nested more than 32 levels deep".to_owned(),
        Breach::MergeKeys { .. } => "a merge key (`<<`) is not taken here".to_owned(),
        other => format!("this is more than is ever read: {other:?}"),
    }
}

fn first_line(error: &serde_yaml::Error) -> String {
    let formatter = &serde_yaml::UserMessageFormatter;
    let text = error.render_with_options(serde_yaml::RenderOptions::new(formatter));
    let line = text.lines().next().unwrap_or_default();
    // The renderer repeats the place in words; the excerpt shows it.
    let line = line.split(" at line ").next().unwrap_or(line);
    line.trim_start_matches("error: ").trim_end_matches([' ', ':', ',']).to_owned()
}

/// What the deserializer gives for one value.
enum Raw {
    Null,
    /// Neither text nor null: its text is the slice that it was read from.
    Other,
    Text(String),
    List(Vec<Spanned<Self>>),
    Map(Vec<(Spanned<String>, Spanned<Self>)>),
}

fn range<T>(raw: &Spanned<T>) -> (usize, usize) {
    let span = raw.referenced.span();
    let number = |n: Option<u64>| n.and_then(|n| usize::try_from(n).ok()).unwrap_or(0);
    let start = number(span.byte_offset());
    (start, start + number(span.byte_len()))
}

fn place(file: u32, (start, end): (usize, usize), text: &str) -> Place {
    // A plain scalar's span can take in the blanks behind it.
    let slice = text.get(start..end).unwrap_or_default();
    let first_line = slice.lines().next().unwrap_or_default().trim_end();
    let end = start + first_line.len();
    // Files are far below 4 GiB.
    let short = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    Place { file, start: short(start), end: short(end) }
}

fn node(raw: Spanned<Raw>, text: &str, file: u32, key: Option<Place>) -> Node {
    let at = range(&raw);
    let own = place(file, at, text);
    let scalar = |value: String| {
        let quoted = text.get(at.0..).is_some_and(|rest| rest.starts_with(['"', '\'', '|', '>']));
        Kind::Scalar { text: value, quoted }
    };
    let kind = match raw.value {
        Raw::Null => Kind::Null,
        Raw::Other => scalar(text.get(at.0..at.1).unwrap_or_default().trim().to_owned()),
        Raw::Text(value) => scalar(value),
        Raw::List(items) => {
            Kind::List(items.into_iter().map(|item| node(item, text, file, None)).collect())
        }
        Raw::Map(entries) => Kind::Map(
            entries
                .into_iter()
                .map(|(key, value)| {
                    let place = place(file, range(&key), text);
                    (Key { text: key.value, place }, node(value, text, file, Some(place)))
                })
                .collect(),
        ),
    };
    let place = match &kind {
        Kind::Scalar { .. } => own,
        Kind::Map(entries) => {
            key.or_else(|| entries.first().map(|(first, _)| first.place)).unwrap_or(own)
        }
        _ => key.unwrap_or(own),
    };
    let short = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let extent = Place { file, start: short(at.0), end: short(at.1).max(own.end) };
    Node { place, extent, kind }
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RawVisitor)
    }
}

struct RawVisitor;

impl<'de> Visitor<'de> for RawVisitor {
    type Value = Raw;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }

    fn visit_none<E>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Raw, E> {
        Ok(Raw::Other)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Raw, E> {
        Ok(Raw::Other)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Raw, E> {
        Ok(Raw::Other)
    }

    fn visit_i128<E>(self, _: i128) -> Result<Raw, E> {
        Ok(Raw::Other)
    }

    fn visit_u128<E>(self, _: u128) -> Result<Raw, E> {
        Ok(Raw::Other)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Raw, E> {
        Ok(Raw::Other)
    }

    fn visit_str<E>(self, text: &str) -> Result<Raw, E> {
        Ok(Raw::Text(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<Raw, E> {
        Ok(Raw::Text(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Raw, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Raw::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Raw, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Raw::Map(entries))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_stay_as_written_and_places_count_octets() {
        let text = "é: [0123, 12:30, 1e3, 0x1F, 007, no, 2026-10-01, \"a\\tb\", 1_000]\n";
        let tree = parse(text, 3).unwrap();
        let Some(Kind::List(items)) = tree.get("é").map(|node| &node.kind) else {
            panic!("{tree:?}")
        };
        let texts: Vec<&str> = items.iter().filter_map(Node::text).collect();
        let written = ["0123", "12:30", "1e3", "0x1F", "007", "no", "2026-10-01", "a\tb", "1_000"];
        assert_eq!(texts, written);
        for (item, plain) in items.iter().zip(written).filter(|(_, t)| !t.contains('\t')) {
            let at = item.place.start as usize..item.place.end as usize;
            assert_eq!(text.get(at), Some(plain));
            assert_eq!(item.place.file, 3);
        }
    }

    #[test]
    fn a_folded_or_block_text_has_its_whole_extent() {
        for value in ["|\n  s1\n  s2\n", "\"s1\n  s2\"\n", "s1\n  s2\n", ">-\n  s1\n\n  s2\n"] {
            let text = format!("a: {value}b: 1\n");
            let tree = parse(&text, 0).unwrap();
            let extent = tree.get("a").unwrap().extent;
            let slice = text.get(extent.start as usize..extent.end as usize).unwrap();
            assert!(slice.contains("s1") && slice.contains("s2"), "{text:?}: {slice:?}");
            assert!(!slice.contains("b:"), "{text:?}: {slice:?}");
        }
    }

    #[test]
    fn a_refusal_has_its_place() {
        let refused = parse("a: 1\nä: 'x' 'y'\n", 0).unwrap_err();
        assert!(refused.start > 5, "{refused:?}");
        let refused = parse("a: 1\na: 2\n", 0).unwrap_err();
        assert_eq!((refused.start, refused.end), (5, 6));
    }
}
