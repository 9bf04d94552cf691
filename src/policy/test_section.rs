//! Conditions and bounds as they are written: a word, a list of words, a range; a whole number or a fraction.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// One word that a cell is compared with.
#[derive(Deserialize, JsonSchema, Clone)]
#[serde(untagged)]
pub(super) enum WordSection {
    Flag(bool),
    Number(i64),
    Text(String),
}

/// A range, or whether there is a value at all.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RangeSection {
    pub(super) from: Option<i64>,
    pub(super) below: Option<i64>,
    pub(super) present: Option<bool>,
}

/// `3`, `["a", "b"]`, `{ from = 1, below = 5 }` or `{ present = true }`.
pub(super) enum TestSection {
    OneOf(Vec<WordSection>),
    Range(RangeSection),
}

impl<'de> Deserialize<'de> for TestSection {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Written;
        impl<'de> Visitor<'de> for Written {
            type Value = TestSection;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a word, a list of words, or a table with `from`, `below` or `present`")
            }
            fn visit_bool<E: Error>(self, flag: bool) -> Result<Self::Value, E> {
                Ok(TestSection::OneOf(vec![WordSection::Flag(flag)]))
            }
            fn visit_i64<E: Error>(self, number: i64) -> Result<Self::Value, E> {
                Ok(TestSection::OneOf(vec![WordSection::Number(number)]))
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
                Ok(TestSection::OneOf(vec![WordSection::Text(text.to_owned())]))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut words: A) -> Result<Self::Value, A::Error> {
                let mut all = Vec::new();
                while let Some(word) = words.next_element()? {
                    all.push(word);
                }
                Ok(TestSection::OneOf(all))
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                RangeSection::deserialize(MapAccessDeserializer::new(map)).map(TestSection::Range)
            }
        }
        deserializer.deserialize_any(Written)
    }
}

impl JsonSchema for TestSection {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "TestSection".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let (word, range) =
            (generator.subschema_for::<WordSection>(), generator.subschema_for::<RangeSection>());
        schemars::json_schema!({ "anyOf": [word, { "type": "array", "items": word, "minItems": 1 }, range] })
    }
}

/// The lower bound of a band: `7` or `"1/3"`.
#[derive(Deserialize, JsonSchema, Clone)]
#[serde(untagged)]
pub(super) enum BoundSection {
    Whole(i64),
    Fraction(String),
}
