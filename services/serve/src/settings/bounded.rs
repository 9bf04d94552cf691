//! A whole number between two bounds, checked where it is read.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, de};

/// A whole number from `LOW` to `HIGH`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounded<const LOW: u64, const HIGH: u64>(u64);

impl<const LOW: u64, const HIGH: u64> Bounded<LOW, HIGH> {
    /// The nearest number within the bounds.
    #[must_use]
    pub const fn of(number: u64) -> Self {
        Self(if number < LOW {
            LOW
        } else if number > HIGH {
            HIGH
        } else {
            number
        })
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The number as a size.
    #[must_use]
    pub fn size(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

impl<'de, const LOW: u64, const HIGH: u64> Deserialize<'de> for Bounded<LOW, HIGH> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = u64::deserialize(deserializer)?;
        if (LOW..=HIGH).contains(&number) {
            return Ok(Self(number));
        }
        Err(de::Error::custom(format!("a whole number from {LOW} to {HIGH} stands here")))
    }
}

impl<const LOW: u64, const HIGH: u64> JsonSchema for Bounded<LOW, HIGH> {
    fn schema_name() -> Cow<'static, str> {
        format!("From{LOW}To{HIGH}").into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "integer", "minimum": LOW, "maximum": HIGH })
    }
}
