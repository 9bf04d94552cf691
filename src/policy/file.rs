//! The study file as it is written: serde shapes with the place of everything that may turn out wrong later.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::marker::PhantomData;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Deserialize;
use serde::de::{Deserializer, Error, MapAccess, Visitor, value::MapAccessDeserializer};
use toml::value::Datetime;

use super::consents::ConsentsSection;
use super::placed::Spanned;
use super::study::{Action, Role as RecipientRole};
use super::test_section::{BoundSection, TestSection};
use crate::deidentify::{Form, Span};
use crate::types::{
    CsvDialect, DatasetName, Days, HandlerId, Integers, MaxAge, NanoEpsilon, RecipientId, Separator, Sha256,
    StudyId, TextEncoding, Thousands, Zone,
};

/// A table of named things that remembers the place of each name.
pub(super) type Named<T> = BTreeMap<Spanned<String>, T>;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct StudyFile {
    pub(super) study: StudySection,
    pub(super) notice: NoticeSection,
    #[serde(default)]
    pub(super) documents: Named<DocumentSection>,
    pub(super) handlers: Spanned<Vec<HandlerSection>>,
    pub(super) recipients: Spanned<Vec<RecipientSection>>,
    #[serde(default)]
    pub(super) population: PopulationSection,
    #[serde(default)]
    pub(super) ids: Named<IdsSection>,
    #[serde(default)]
    pub(super) consents: ConsentsSection,
    pub(super) datasets: BTreeMap<Spanned<DatasetName>, DatasetSection>,
    #[serde(default)]
    pub(super) measures: Named<MeasureSection>,
    pub(super) tags: Spanned<Named<TagSection>>,
    #[serde(default)]
    pub(super) metrics: Named<MetricSection>,
    #[serde(default)]
    pub(super) budget: BudgetSection,
    #[serde(default)]
    pub(super) figures: Named<u64>,
    pub(super) release: ReleaseSection,
    #[serde(default)]
    pub(super) tag_sets: BTreeMap<Spanned<String>, Vec<Spanned<String>>>,
    pub(super) tokens: Option<Spanned<TokensSection>>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct StudySection {
    pub(super) id: StudyId,
    pub(super) regime: String,
    pub(super) purpose: String,
    pub(super) action: Action,
    pub(super) basis: String,
    pub(super) retention: Days,
    pub(super) timezone: Option<Zone>,
    #[serde(default)]
    pub(super) methods: Vec<String>,
    #[schemars(with = "Option<Day>")]
    #[serde(default)]
    pub(super) start: Option<Spanned<Datetime>>,
    pub(super) profile: Option<Spanned<String>>,
    pub(super) sub_processors: Option<BTreeSet<String>>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NoticeSection {
    pub(super) id: String,
    pub(super) version: u32,
    pub(super) states: Option<BTreeSet<Spanned<String>>>,
    #[serde(default)]
    pub(super) changes: Vec<Spanned<ChangeSection>>,
    pub(super) sha256: Option<Sha256>,
    #[serde(default)]
    pub(super) screens: Vec<ScreenSection>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ScreenSection {
    pub(super) name: Spanned<String>,
    pub(super) sha256: Option<Sha256>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ChangeSection {
    pub(super) version: u32,
    pub(super) changed: BTreeSet<Spanned<String>>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct DocumentSection {
    pub(super) id: String,
    #[schemars(with = "Day")]
    pub(super) approved: Spanned<Datetime>,
    #[schemars(with = "Day")]
    pub(super) expires: Spanned<Datetime>,
    pub(super) sha256: Option<Sha256>,
    #[serde(default)]
    pub(super) purposes: BTreeSet<Spanned<String>>,
    #[serde(default)]
    pub(super) categories: BTreeSet<Spanned<String>>,
    #[serde(default)]
    pub(super) recipients: BTreeSet<String>,
    #[serde(default)]
    pub(super) sub_processors: BTreeSet<String>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct HandlerSection {
    pub(super) id: Spanned<HandlerId>,
    pub(super) legal_id: String,
    pub(super) kind: String,
    #[serde(default)]
    pub(super) name: String,
    #[serde(default)]
    pub(super) contact: String,
    #[schemars(extend("pattern" = "^ristretto255:[0-9a-f]{64}\\+ed25519:[0-9a-f]{64}$"))]
    pub(super) token_key: Option<Spanned<String>>,
}

/// Blind tokens: tokens that need the secrets of both handlers.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct TokensSection {
    pub(super) max_ids: u64,
    pub(super) padding: u32,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RecipientSection {
    pub(super) id: Spanned<RecipientId>,
    pub(super) legal_id: String,
    #[serde(default)]
    pub(super) name: String,
    #[serde(default)]
    pub(super) contact: String,
    #[serde(default)]
    pub(super) country: String,
    pub(super) role: Option<RecipientRole>,
    #[serde(default)]
    pub(super) succeeds: BTreeSet<String>,
    pub(super) suspended: Option<bool>,
    pub(super) epsilon: Option<Spanned<NanoEpsilon>>,
}

#[derive(Deserialize, JsonSchema, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct PopulationSection {
    pub(super) age: Option<AgeStatement>,
    #[serde(default)]
    pub(super) admit: Vec<Admitted>,
}

#[derive(Deserialize, JsonSchema, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Admitted {
    Adults,
    Minors,
    Children,
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum AgeStatement {
    DeclaredAdults,
}

/// What all ids of a namespace have in common.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct IdsSection {
    pub(super) form: Form,
}

#[derive(Deserialize, JsonSchema, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub(super) enum DatasetKind {
    Links,
    People,
    Records,
    Relation,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend(
    "if" = { "properties": { "kind": { "const": "links" } } },
    "then" = { "required": ["columns"] },
    "else" = { "required": ["ids", "owner"] },
))]
pub(super) struct DatasetSection {
    pub(super) kind: DatasetKind,
    pub(super) handler: Spanned<HandlerId>,
    pub(super) ids: Option<Spanned<String>>,
    pub(super) owner: Option<Spanned<String>>,
    pub(super) target: Option<Spanned<String>>,
    pub(super) target_ids: Option<Spanned<String>>,
    pub(super) columns: Option<Spanned<Named<String>>>,
    #[serde(default)]
    pub(super) several: Vec<Spanned<String>>,
    pub(super) category: String,
    pub(super) max_reach: Option<Spanned<u32>>,
    pub(super) timezone: Option<Spanned<Zone>>,
    #[serde(default)]
    pub(super) fields: Named<WordOrTable<FieldSection>>,
    pub(super) encoding: Option<TextEncoding>,
    pub(super) separator: Option<Separator>,
    #[serde(default)]
    pub(super) skip_lines: u32,
    pub(super) max_rows_per_owner: Option<Spanned<u32>>,
}

impl DatasetSection {
    /// How the dataset's CSV files are written.
    pub(super) fn csv(&self) -> CsvDialect {
        let Self { encoding, separator, skip_lines, .. } = *self;
        CsvDialect { encoding, separator, skip_lines }
    }
}

#[derive(Deserialize, JsonSchema, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub(super) enum FieldType {
    Age,
    AgeBand,
    Amount,
    BirthYear,
    Drop,
    Flag,
    Integer,
    Person,
    Text,
    Time,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct FieldSection {
    #[serde(rename = "type")]
    pub(super) kind: FieldType,
    pub(super) max_reach: Option<u32>,
    pub(super) negative: Option<bool>,
    pub(super) scale: Option<Spanned<u8>>,
    pub(super) thousands: Option<Spanned<Thousands>>,
    pub(super) integers: Option<Spanned<Integers>>,
    pub(super) from_float: Option<Spanned<bool>>,
    pub(super) unit: Option<Spanned<String>>,
    pub(super) ids: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) optional: bool,
    pub(super) round: Option<Spanned<i64>>,
    pub(super) timezone: Option<Spanned<Zone>>,
    pub(super) truncate: Option<Spanned<Span>>,
    pub(super) prefix: Option<Spanned<u8>>,
    pub(super) values: Option<Spanned<Vec<String>>>,
    #[serde(default)]
    pub(super) bands: Named<String>,
    #[schemars(with = "Option<Day>")]
    #[serde(default)]
    pub(super) on: Option<Spanned<Datetime>>,
}

impl From<FieldType> for FieldSection {
    fn from(kind: FieldType) -> Self {
        Self {
            kind,
            max_reach: None,
            negative: None,
            scale: None,
            thousands: None,
            integers: None,
            from_float: None,
            unit: None,
            ids: None,
            optional: false,
            round: None,
            timezone: None,
            truncate: None,
            prefix: None,
            values: None,
            bands: Named::new(),
            on: None,
        }
    }
}

#[derive(Deserialize, JsonSchema, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Role {
    Audience,
    Mutual,
    Own,
    Strong,
    Weak,
}

#[derive(Deserialize, JsonSchema, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct MeasureSection {
    pub(super) from: Option<Spanned<String>>,
    pub(super) over: Option<Spanned<String>>,
    pub(super) role: Option<Role>,
    pub(super) count: Option<bool>,
    pub(super) size: Option<bool>,
    pub(super) sum: Option<Spanned<String>>,
    pub(super) mean: Option<Spanned<String>>,
    pub(super) min: Option<Spanned<String>>,
    pub(super) max: Option<Spanned<String>>,
    pub(super) days_since_first: Option<Spanned<String>>,
    pub(super) days_since_last: Option<Spanned<String>>,
    pub(super) distinct: Option<Spanned<String>>,
    pub(super) cap: Option<Spanned<u32>>,
    pub(super) share: Option<Spanned<Named<TestSection>>>,
    pub(super) unit: Option<Spanned<u32>>,
    pub(super) retained: Option<bool>,
    pub(super) referred: Option<Spanned<String>>,
    pub(super) time: Option<Spanned<String>>,
    pub(super) window: Option<Spanned<Days>>,
    pub(super) ending: Option<Spanned<Days>>,
    #[serde(default, rename = "where")]
    pub(super) conditions: Named<TestSection>,
    pub(super) clamp: Option<Spanned<(i64, i64)>>,
    pub(super) grid: Option<Spanned<Vec<i64>>>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct TagSection {
    pub(super) measure: Option<Spanned<WordOrTable<MeasureSection>>>,
    #[serde(default)]
    pub(super) bands: Option<Spanned<BTreeMap<String, BoundSection>>>,
    pub(super) absent: Option<Spanned<String>>,
    pub(super) infers: Option<String>,
    pub(super) field: Option<Spanned<String>>,
    pub(super) values: Option<Spanned<Vec<String>>>,
}

/// A named formula over released numbers.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct MetricSection {
    pub(super) value: Option<Spanned<String>>,
    pub(super) ratio: Option<[Spanned<String>; 2]>,
    pub(super) difference: Option<[Spanned<String>; 2]>,
    pub(super) growth: Option<[Spanned<String>; 2]>,
    pub(super) product: Option<[Spanned<String>; 2]>,
    pub(super) weighted: Option<Named<f64>>,
    #[serde(default)]
    pub(super) by: Vec<String>,
    pub(super) error: Option<u64>,
    #[serde(default)]
    pub(super) error_of: Named<u64>,
    #[serde(default)]
    pub(super) unit: String,
    #[serde(default)]
    pub(super) means: String,
}

#[derive(Deserialize, JsonSchema, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct BudgetSection {
    pub(super) epsilon: Option<NanoEpsilon>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ReleaseSection {
    pub(super) min_people: u64,
    pub(super) default_error: Spanned<u64>,
    #[serde(default)]
    pub(super) default_error_of: BTreeMap<Spanned<String>, u64>,
    /// Half-width, in people, of the counts of people in, and out by reason, that every seal pays for and releases to the recipient;
    /// without it they are never counted.
    pub(super) consent_error: Option<Spanned<u64>>,
    #[serde(default = "default_max_cells")]
    pub(super) max_cells: u64,
    /// How many hours or minutes after its seal an epoch answers; without it until its retention is over.
    pub(super) max_age: Option<MaxAge>,
}

const fn default_max_cells() -> u64 {
    65_536
}

/// A day as TOML writes it, for the schema alone.
#[derive(JsonSchema)]
#[schemars(inline)]
struct Day(
    #[expect(dead_code, reason = "takes the place of TOML's own type")]
    #[schemars(extend("format" = "date"))]
    String,
);

/// Either a word or a table: `amount = "amount"` and `referrer = { type = "person", max_reach = 4 }`.
pub(super) enum WordOrTable<T> {
    Word(String),
    Table(T),
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for WordOrTable<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Either<T> {
            type Value = WordOrTable<T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name or a table")
            }
            fn visit_str<E: Error>(self, word: &str) -> Result<Self::Value, E> {
                Ok(WordOrTable::Word(word.to_owned()))
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(WordOrTable::Table)
            }
        }
        deserializer.deserialize_any(Either(PhantomData))
    }
}

impl<T: JsonSchema> JsonSchema for WordOrTable<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("WordOr{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        schemars::json_schema!({ "anyOf": [{ "type": "string" }, generator.subschema_for::<T>()] })
    }
}
