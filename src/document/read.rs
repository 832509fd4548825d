//! Reads the types of the migration plan from its tree and reports every wrong part.

use super::closest::closest;
use super::finding::{Finding, Findings};
use super::node::{Key, Kind, Node, Place};
use super::spanned::{ENTRIES, FIELD, WORD_OR_LIST};
use crate::model::words::shown;
use serde::de::value::U32Deserializer;
use serde::de::{
    self, DeserializeOwned, DeserializeSeed, EnumAccess, IntoDeserializer, MapAccess, SeqAccess,
    VariantAccess, Visitor,
};
use serde::forward_to_deserialize_any;
use std::fmt;

/// Reads a value; `None` when it is no such thing at all, and a finding says so.
pub(super) fn read<T: DeserializeOwned>(node: &Node, findings: &Findings) -> Option<T> {
    match T::deserialize(Reader { node, findings }) {
        Ok(value) => Some(value),
        Err(problem) => {
            problem.tell(node, findings);
            None
        }
    }
}

/// What ends the reading of one value.
#[derive(Debug)]
enum Problem {
    /// A finding has it already.
    Told,
    Message {
        code: &'static str,
        message: String,
        hint: Option<String>,
    },
}

impl Problem {
    fn new(code: &'static str, message: String) -> Self {
        Self::Message { code, message, hint: None }
    }

    fn expected(what: &str, node: &Node) -> Self {
        match node.kind {
            Kind::Refused => Self::Told,
            Kind::Null => Self::Message {
                code: "P007",
                message: format!("nothing is given here; {what} is expected"),
                hint: Some("leave the key out, or give it a value".to_owned()),
            },
            _ => Self::new("P004", format!("{what} is expected here, not {}", node.noun())),
        }
    }

    fn tell(self, node: &Node, findings: &Findings) {
        if let Self::Message { code, message, hint } = self {
            let mut finding = Finding::error(code, node.place, message);
            finding.hints.extend(hint);
            findings.add(finding);
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Told => f.write_str("told already"),
            Self::Message { message, .. } => f.write_str(message),
        }
    }
}

impl std::error::Error for Problem {}

impl de::Error for Problem {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new("P004", message.to_string())
    }
}

#[derive(Clone, Copy)]
struct Reader<'a> {
    node: &'a Node,
    findings: &'a Findings,
}

impl<'a> Reader<'a> {
    fn scalar(self, what: &str) -> Result<&'a str, Problem> {
        match &self.node.kind {
            Kind::Scalar { text, quoted: false } if is_old_boolean(text) => Err(Problem::Message {
                code: "P031",
                message: format!("`{text}` without quotes is a truth value to some YAML readers"),
                hint: Some(format!("write `\"{text}\"` when the text is meant")),
            }),
            Kind::Scalar { text, .. } => Ok(text),
            _ => Err(Problem::expected(what, self.node)),
        }
    }
}

/// The words that YAML 1.1 reads as booleans.
fn is_old_boolean(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    ["y", "n", "yes", "no", "on", "off", "true", "false"].contains(&text.as_str())
}

impl<'de> de::Deserializer<'de> for Reader<'_> {
    type Error = Problem;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Problem> {
        Err(Problem::new("P004", "this value cannot be read".to_owned()))
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        visitor.visit_str(self.scalar("a text")?)
    }

    fn deserialize_u16<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        let text = self.scalar("a whole number")?;
        let number = text.parse().map_err(|_| {
            Problem::new("P004", format!("`{text}` is not a whole number from 0 to 65535"))
        })?;
        visitor.visit_u16(number)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        match &self.node.kind {
            Kind::List(items) => {
                visitor.visit_seq(Elements { items: items.iter(), findings: self.findings })
            }
            _ => Err(Problem::expected("a list", self.node)),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Problem> {
        if name == FIELD {
            return visitor.visit_seq(FieldParts::new(self));
        }
        if name == WORD_OR_LIST {
            let scalar = matches!(self.node.kind, Kind::Scalar { .. });
            return if scalar {
                self.deserialize_string(visitor)
            } else {
                self.deserialize_seq(visitor)
            };
        }
        let Kind::Map(entries) = &self.node.kind else {
            return Err(Problem::expected("a mapping", self.node));
        };
        if name == ENTRIES {
            let entries = entries.iter();
            return visitor.visit_seq(Pairs { entries, value: None, findings: self.findings });
        }
        visitor.visit_map(Keys {
            entries: entries.iter(),
            value: None,
            fields,
            findings: self.findings,
        })
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Problem> {
        let text = self.scalar("one word")?;
        if !variants.contains(&text) {
            let allowed: Vec<String> = variants.iter().map(|word| format!("`{word}`")).collect();
            let hint = closest(text, variants.iter().copied())
                .map(|word| format!("did you mean `{word}`?"));
            let message = format!("`{text}` is not known here; {} is", allowed.join(" or "));
            return Err(Problem::Message { code: "P004", message, hint });
        }
        visitor.visit_enum(Word(text))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u32 u64 u128 f32 f64 char str bytes byte_buf option unit
        unit_struct newtype_struct tuple tuple_struct map identifier ignored_any
    }
}

struct Elements<'a> {
    items: std::slice::Iter<'a, Node>,
    findings: &'a Findings,
}

impl<'de> SeqAccess<'de> for Elements<'_> {
    type Error = Problem;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Problem> {
        let findings = self.findings;
        self.items.next().map(|node| seed.deserialize(Reader { node, findings })).transpose()
    }
}

/// File, start, end and value, one after the other.
struct FieldParts<'a> {
    reader: Reader<'a>,
    numbers: std::array::IntoIter<u32, 3>,
    done: bool,
}

impl<'a> FieldParts<'a> {
    fn new(reader: Reader<'a>) -> Self {
        let Place { file, start, end } = reader.node.place;
        Self { reader, numbers: [file, start, end].into_iter(), done: false }
    }
}

impl<'de> SeqAccess<'de> for FieldParts<'_> {
    type Error = Problem;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Problem> {
        if let Some(number) = self.numbers.next() {
            let number: U32Deserializer<Problem> = number.into_deserializer();
            return seed.deserialize(number).map(Some);
        }
        if std::mem::replace(&mut self.done, true) {
            return Ok(None);
        }
        seed.deserialize(self.reader).map(Some).map_err(|problem| {
            problem.tell(self.reader.node, self.reader.findings);
            Problem::Told
        })
    }
}

/// Keys and values of a mapping with free keys, in turn.
struct Pairs<'a> {
    entries: std::slice::Iter<'a, (Key, Node)>,
    value: Option<&'a Node>,
    findings: &'a Findings,
}

impl<'de> SeqAccess<'de> for Pairs<'_> {
    type Error = Problem;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Problem> {
        let findings = self.findings;
        if let Some(node) = self.value.take() {
            return seed.deserialize(Reader { node, findings }).map(Some);
        }
        let Some((key, value)) = self.entries.next() else { return Ok(None) };
        self.value = Some(value);
        let kind = Kind::Scalar { text: key.text.clone(), quoted: true };
        let node = &Node { place: key.place, extent: key.place, kind };
        seed.deserialize(Reader { node, findings }).map(Some)
    }
}

/// The known keys of a mapping; unknown ones are reported.
struct Keys<'a> {
    entries: std::slice::Iter<'a, (Key, Node)>,
    value: Option<&'a Node>,
    fields: &'static [&'static str],
    findings: &'a Findings,
}

impl<'de> MapAccess<'de> for Keys<'_> {
    type Error = Problem;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Problem> {
        for (key, value) in self.entries.by_ref() {
            if let Some(field) = self.fields.iter().find(|field| **field == key.text) {
                self.value = Some(value);
                return seed.deserialize((*field).into_deserializer()).map(Some);
            }
            self.findings.add(unknown_key(key, self.fields));
        }
        Ok(None)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Problem> {
        let findings = self.findings;
        match self.value.take() {
            Some(node) => seed.deserialize(Reader { node, findings }),
            None => Err(Problem::new("P004", "a key has no value".to_owned())),
        }
    }
}

fn unknown_key(key: &Key, fields: &[&str]) -> Finding {
    let name = shown(key.text.as_bytes());
    let guess = closest(&key.text, fields.iter().copied());
    let message = match guess {
        Some(guess) => format!("unknown key `{name}`; did you mean `{guess}`?"),
        None => format!("unknown key `{name}`"),
    };
    let finding = Finding::error("P003", key.place, message);
    if guess.is_some() {
        return finding;
    }
    finding.hint(format!("known here: {}", fields.join(", ")))
}

struct Word<'a>(&'a str);

impl<'de> EnumAccess<'de> for Word<'_> {
    type Error = Problem;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), Problem> {
        let word: de::value::StrDeserializer<'_, Problem> = self.0.into_deserializer();
        Ok((seed.deserialize(word)?, self))
    }
}

impl<'de> VariantAccess<'de> for Word<'_> {
    type Error = Problem;

    fn unit_variant(self) -> Result<(), Problem> {
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, _: T) -> Result<T::Value, Problem> {
        Err(Problem::new("P004", format!("`{}` takes no value", self.0)))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, _: V) -> Result<V::Value, Problem> {
        Err(Problem::new("P004", format!("`{}` takes no value", self.0)))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Problem> {
        Err(Problem::new("P004", format!("`{}` takes no value", self.0)))
    }
}
