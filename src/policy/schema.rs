//! JSON Schemas (draft 2020-12) of the files that people write.

use schemars::generate::SchemaSettings;
use serde_json::{Value, json};

use super::file::StudyFile;
use super::regime::RegimeFile;
use super::scenario::ScenarioFile;
use crate::consent::{COLUMNS, REQUIRED};

/// A kind of file that people write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the kinds are those of the files")]
pub enum SchemaOf {
    Study,
    Regime,
    Scenarios,
    ConsentEvent,
}

impl SchemaOf {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::Study, Self::Regime, Self::Scenarios, Self::ConsentEvent];

    /// The word by which the command calls it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Study => "study",
            Self::Regime => "regime",
            Self::Scenarios => "scenarios",
            Self::ConsentEvent => "consent-event",
        }
    }

    /// The schema.
    #[must_use]
    pub fn schema(self) -> Value {
        let generator = || SchemaSettings::draft2020_12().into_generator();
        let (mut schema, title) = match self {
            Self::Study => (generator().into_root_schema_for::<StudyFile>().into(), "A study of hushtag"),
            Self::Regime => (generator().into_root_schema_for::<RegimeFile>().into(), "A regime of hushtag"),
            Self::Scenarios => {
                (generator().into_root_schema_for::<ScenarioFile>().into(), "Scenarios of hushtag")
            }
            Self::ConsentEvent => (event(), "One consent event: a row of a table, or a line of JSON"),
        };
        if let Value::Object(map) = &mut schema {
            map.insert("title".into(), title.into());
        }
        schema
    }
}

/// The columns of the consent table with the words and forms that can be read; other columns are passed over.
fn event() -> Value {
    let of = |column: &str| match column {
        "event" => {
            json!({ "enum": ["given", "refused", "withdrawn", "revoked", "objected", "restricted", "hold", "deceased", "lifted"] })
        }
        "kind" => json!({ "enum": ["ordinary", "separate", "written"] }),
        "giver" => json!({ "enum": ["self", "guardian"] }),
        "at" | "shown_at" | "valid_to" => json!({ "type": "string", "format": "date-time" }),
        "own_step" | "pre_ticked" | "service_gate" | "service_necessary" => json!({ "type": "boolean" }),
        "bundle_size" | "notice_version" => json!({ "type": "integer", "minimum": 0 }),
        "person" => json!({ "type": ["string", "integer"] }),
        "categories" | "methods" => json!({ "type": "string", "description": "words between |" }),
        _ => json!({ "type": "string" }),
    };
    let properties: serde_json::Map<String, Value> =
        COLUMNS.iter().map(|column| ((*column).to_owned(), of(column))).collect();
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": properties,
        "required": REQUIRED,
    })
}
