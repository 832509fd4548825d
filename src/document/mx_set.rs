//! The MX set of a zone: a list, or the word that has the tenant asked for it.

use super::migration_plan::Mx;
use super::spanned::{Field, Items, WORD_OR_LIST};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer, Error as _, SeqAccess, Visitor};
use std::borrow::Cow;
use std::fmt;

/// The word for what the tenant's directory says.
pub(super) const MICROSOFT_365: &str = "microsoft-365";

/// What a zone's MX set shall be.
#[derive(Clone, Debug)]
pub(super) enum MxSet {
    /// These records.
    Records(Items<Mx>),
    /// Those that the tenant gives.
    Microsoft365,
}

impl<'de> Deserialize<'de> for MxSet {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_struct(WORD_OR_LIST, &[], MxVisitor)
    }
}

struct MxVisitor;

impl<'de> Visitor<'de> for MxVisitor {
    type Value = MxSet;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of MX records")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<MxSet, E> {
        if text == MICROSOFT_365 {
            return Ok(MxSet::Microsoft365);
        }
        Err(E::custom(format!("`{text}` is no MX set; write a list, or `{MICROSOFT_365}`")))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<MxSet, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element::<Field<Mx>>()? {
            match item {
                Field::Given(item) => items.push(item),
                Field::Wrong => {}
                Field::Absent => return Err(A::Error::custom("an MX record is expected")),
            }
        }
        Ok(MxSet::Records(Items(items)))
    }
}

impl JsonSchema for MxSet {
    fn schema_name() -> Cow<'static, str> {
        "MxSet".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let records = generator.subschema_for::<Items<Mx>>();
        json_schema!({ "anyOf": [records, { "type": "string", "const": MICROSOFT_365 }] })
    }
}
