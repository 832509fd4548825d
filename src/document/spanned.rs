//! Values with their place, and lists and mappings that survive a wrong part.
//!
//! They are read from a [`Node`](super::node::Node) only: its reader reports what is wrong before
//! the types here let it go, so nothing is lost silently.

use super::node::Place;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, DeserializeOwned, Deserializer, Error as _, SeqAccess, Visitor};
use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

/// The names by which the reader knows these types.
pub(super) const FIELD: &str = "$mailferry::field";
pub(super) const ENTRIES: &str = "$mailferry::entries";
pub(super) const WORD_OR_LIST: &str = "$mailferry::word-or-list";

/// A value and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Spanned<T> {
    pub(super) value: T,
    pub(super) place: Place,
}

/// The value of a key that may be left out.
#[derive(Clone, Debug, Default)]
pub(super) enum Field<T> {
    /// The key is not there.
    #[default]
    Absent,
    /// It is there and a finding says what is wrong.
    Wrong,
    Given(Spanned<T>),
}

impl<T> Field<T> {
    pub(super) fn given(&self) -> Option<&Spanned<T>> {
        match self {
            Self::Given(value) => Some(value),
            Self::Absent | Self::Wrong => None,
        }
    }

    pub(super) fn value(&self) -> Option<&T> {
        self.given().map(|given| &given.value)
    }

    pub(super) fn place(&self) -> Option<Place> {
        self.given().map(|given| given.place)
    }

    pub(super) fn is_absent(&self) -> bool {
        matches!(self, Self::Absent)
    }
}

/// A list.
#[derive(Clone, Debug)]
pub(super) struct Items<T>(pub(super) Vec<Spanned<T>>);

impl<T> Default for Items<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

/// A mapping with free keys, in the order of the file.
#[derive(Clone, Debug)]
pub(super) struct Entries<T>(pub(super) Vec<(Spanned<String>, Field<T>)>);

impl<T> Default for Entries<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

/// A value that has a text form of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Parsed<T>(pub(super) T);

/// What the schema says about a text form.
pub(super) trait Written: FromStr {
    const NAME: &'static str;
    const DESCRIPTION: &'static str;
    const EXAMPLE: &'static str;

    /// Reads the text form; the error is a sentence that repeats it.
    fn read(text: &str) -> Result<Self, String>;
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for Field<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_struct(FIELD, &[], FieldVisitor(PhantomData))
    }
}

struct FieldVisitor<T>(PhantomData<T>);

impl<'de, T: DeserializeOwned> Visitor<'de> for FieldVisitor<T> {
    type Value = Field<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value of the migration plan")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Field<T>, A::Error> {
        let place = place(&mut seq)?;
        // The reader has reported the error that is dropped here.
        match seq.next_element::<T>() {
            Ok(Some(value)) => Ok(Field::Given(Spanned { value, place })),
            Ok(None) | Err(_) => Ok(Field::Wrong),
        }
    }
}

fn place<'de, A: SeqAccess<'de>>(seq: &mut A) -> Result<Place, A::Error> {
    let mut number = || seq.next_element::<u32>()?.ok_or_else(|| A::Error::custom("no place"));
    Ok(Place { file: number()?, start: number()?, end: number()? })
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for Items<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(ItemsVisitor(PhantomData))
    }
}

struct ItemsVisitor<T>(PhantomData<T>);

impl<'de, T: DeserializeOwned> Visitor<'de> for ItemsVisitor<T> {
    type Value = Items<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Items<T>, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element::<Field<T>>()? {
            if let Field::Given(item) = item {
                items.push(item);
            }
        }
        Ok(Items(items))
    }
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for Entries<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_struct(ENTRIES, &[], EntriesVisitor(PhantomData))
    }
}

struct EntriesVisitor<T>(PhantomData<T>);

impl<'de, T: DeserializeOwned> Visitor<'de> for EntriesVisitor<T> {
    type Value = Entries<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a mapping")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Entries<T>, A::Error> {
        let mut entries = Vec::new();
        while let Some(Field::Given(key)) = seq.next_element::<Field<String>>()? {
            let value = seq.next_element::<Field<T>>()?.unwrap_or_default();
            entries.push((key, value));
        }
        Ok(Entries(entries))
    }
}

impl<'de, T: Written> Deserialize<'de> for Parsed<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        T::read(&text).map(Self).map_err(D::Error::custom)
    }
}

impl<T: JsonSchema> JsonSchema for Field<T> {
    fn inline_schema() -> bool {
        T::inline_schema()
    }
    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }
    fn schema_id() -> Cow<'static, str> {
        T::schema_id()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
}

impl<T: JsonSchema> JsonSchema for Items<T> {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        format!("List_of_{}", T::schema_name()).into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "array", "items": generator.subschema_for::<T>() })
    }
}

impl<T: JsonSchema> JsonSchema for Entries<T> {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> Cow<'static, str> {
        format!("Map_of_{}", T::schema_name()).into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "object", "additionalProperties": generator.subschema_for::<T>() })
    }
}

impl<T: Written> JsonSchema for Parsed<T> {
    fn schema_name() -> Cow<'static, str> {
        T::NAME.into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": T::DESCRIPTION,
            "examples": [T::EXAMPLE],
        })
    }
}

macro_rules! written {
    ($type:ty, $name:literal, $description:literal, $example:literal) => {
        impl Written for $type {
            const NAME: &'static str = $name;
            const DESCRIPTION: &'static str = $description;
            const EXAMPLE: &'static str = $example;

            fn read(text: &str) -> Result<Self, String> {
                text.parse().map_err(|reason: <Self as FromStr>::Err| {
                    let reason = reason.to_string();
                    // Errors of the standard library do not repeat the text.
                    let said = reason.contains('`');
                    let reason = if said { reason } else { format!("`{text}`: {reason}") };
                    let advised = reason.contains("write ");
                    let advice = concat!("; write for example `", $example, "`");
                    if advised { reason } else { reason + advice }
                })
            }
        }
    };
}

written!(
    crate::model::address::Address,
    "Address",
    "The address of a mailbox; case makes no difference.",
    "ada@acme.example"
);
written!(crate::model::address::Domain, "Domain", "A domain name.", "acme.example");
written!(
    crate::model::folder::FolderPath,
    "FolderPath",
    "A folder path with `/` between its parts, whatever the servers' separators are. A `/` or `\\` inside a part is written `\\/` and `\\\\`.",
    "Projects/2024"
);
written!(
    crate::model::size::Size,
    "Size",
    "A size: a whole number and its unit, B, KB, MB, GB, TB (powers of 1,000) or KiB, MiB, GiB, TiB (powers of 1,024).",
    "35MB"
);
written!(
    std::net::SocketAddr,
    "SocketAddress",
    "An IP address and a port; an IPv6 address in brackets.",
    "192.0.2.53:53"
);
written!(crate::model::date_range::Day, "Day", "A day, year first.", "2020-01-31");
written!(
    crate::model::hours::Clockwise,
    "Clockwise",
    "Two times of a day with 24 hours; the second may lie on the next day.",
    "20:00-06:00"
);
