//! The regime file as it is written: serde shapes with the place of every word that may turn out unknown.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::Deserialize;

use crate::consent::{Check, ConsentKind};
use crate::policy::placed::Spanned;
use crate::policy::study::Action;
use crate::types::Days;

/// A table by word; the words are the regime's vocabulary.
pub(in crate::policy) type Table<T> = BTreeMap<String, T>;

/// Words written in a file, each with its place.
pub(in crate::policy) type Written = Vec<Spanned<String>>;

/// A text in the languages of its readers; one without Chinese is read in English.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::policy) struct Text {
    pub(in crate::policy) en: String,
    #[serde(default)]
    pub(in crate::policy) zh: String,
}

/// How a statement about the law was found; the weaker, the later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Mark {
    /// Read in the law's own text.
    Text,
    /// Read in a quotation of it.
    Quotation,
    /// Seen in a secondary source only.
    Secondary,
    /// From memory, not verified.
    Memory,
    /// Our engineering reading, not law.
    Reading,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::policy) struct RegimeFile {
    pub(in crate::policy) regime: Head,
    pub(in crate::policy) articles: Table<Article>,
    pub(in crate::policy) bases: Table<Basis>,
    pub(in crate::policy) purposes: Table<Purpose>,
    pub(in crate::policy) categories: BTreeMap<String, Category>,
    pub(in crate::policy) handler_kinds: Table<Titled>,
    pub(in crate::policy) actions: BTreeMap<Action, ActionSection>,
    pub(in crate::policy) triggers: Table<Trigger>,
    pub(in crate::policy) qualities: Table<Quality>,
    pub(in crate::policy) notices: Table<NoticeBlock>,
    pub(in crate::policy) statements: Table<Titled>,
    pub(in crate::policy) documents: Table<DocumentKind>,
    #[serde(default)]
    pub(in crate::policy) figures: Table<Figure>,
    pub(in crate::policy) rules: Table<Rule>,
    #[serde(default)]
    pub(in crate::policy) demands: Vec<DemandSection>,
    #[serde(default)]
    pub(in crate::policy) extra_triggers: Vec<ExtraTriggers>,
    pub(in crate::policy) matrix: BTreeMap<Spanned<String>, BTreeMap<Action, Cell>>,
    #[serde(default)]
    pub(in crate::policy) duties: Table<Duty>,
    #[serde(default)]
    pub(in crate::policy) obligations: Vec<Obligation>,
    pub(in crate::policy) person: Table<PersonReason>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::policy) struct Head {
    pub(in crate::policy) id: String,
    pub(in crate::policy) version: u32,
    pub(in crate::policy) name: Text,
    /// The country whose recipients are not abroad.
    pub(in crate::policy) home: String,
    /// The rule that fails for a word that the regime does not know.
    pub(in crate::policy) unknown: Spanned<String>,
    /// The first is the default.
    pub(in crate::policy) profiles: Vec<String>,
    pub(in crate::policy) refusal_cool_down: Option<Days>,
    pub(in crate::policy) child_below: u8,
    pub(in crate::policy) adult_from: u8,
    /// Whether all data of a child is sensitive, whatever its category.
    #[serde(default)]
    pub(in crate::policy) children_sensitive: bool,
    pub(in crate::policy) material_changes: BTreeSet<String>,
    /// What else a version of the notice may change: consents under the version before go on. Any other word is unknown.
    #[serde(default)]
    pub(in crate::policy) slight_changes: BTreeSet<String>,
    /// The order of evaluation.
    pub(in crate::policy) stages: Vec<String>,
    pub(in crate::policy) stages_text: Table<Text>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::policy) struct Article {
    pub(in crate::policy) mark: Mark,
    pub(in crate::policy) says: Text,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::policy) struct Basis {
    pub(in crate::policy) article: Spanned<String>,
    /// Whether it is the people's consent on which the use rests.
    #[serde(default)]
    pub(in crate::policy) consent: bool,
    /// The rule by which a person who refused is out, for a basis that a refusal ends.
    pub(in crate::policy) refusal: Option<Spanned<String>>,
    pub(in crate::policy) title: Text,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::policy) struct Purpose {
    pub(in crate::policy) class: String,
    pub(in crate::policy) iri: String,
    pub(in crate::policy) title: Text,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::policy) struct Category {
    /// The category whose cells of the matrix count where this one has none of its own.
    pub(in crate::policy) under: Option<Spanned<String>>,
    /// The profiles under which it is sensitive.
    pub(in crate::policy) sensitive: Written,
    pub(in crate::policy) mark: Mark,
    pub(in crate::policy) iri: String,
    pub(in crate::policy) title: Text,
    /// Parts of words that suggest that a tag infers it.
    #[serde(default)]
    pub(in crate::policy) words: Vec<String>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::policy) struct Titled {
    pub(in crate::policy) title: Text,
}

/// Whose legal id a consent has to name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(in crate::policy) enum Names {
    Recipient,
    Handlers,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::policy) struct ActionSection {
    pub(in crate::policy) article: Spanned<String>,
    pub(in crate::policy) names: Names,
    pub(in crate::policy) title: Text,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(in crate::policy) enum Scope {
    All,
    Sensitive,
}

/// A kind of consent that a use may demand.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::policy) struct Trigger {
    pub(in crate::policy) article: Spanned<String>,
    pub(in crate::policy) rule: Spanned<String>,
    pub(in crate::policy) quality: Spanned<String>,
    /// The categories that the consent must list.
    pub(in crate::policy) of: Scope,
    /// Whether it falls away where the use does not rest on consent.
    pub(in crate::policy) displaceable: bool,
    pub(in crate::policy) mark: Mark,
    pub(in crate::policy) title: Text,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::policy) struct Quality {
    pub(in crate::policy) kinds: BTreeSet<ConsentKind>,
    pub(in crate::policy) checks: BTreeSet<Check>,
    pub(in crate::policy) article: Spanned<String>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::policy) struct NoticeBlock {
    pub(in crate::policy) rule: Spanned<String>,
    pub(in crate::policy) article: Spanned<String>,
    pub(in crate::policy) states: Written,
    pub(in crate::policy) title: Text,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::policy) struct DocumentKind {
    pub(in crate::policy) rule: Spanned<String>,
    pub(in crate::policy) article: Spanned<String>,
    /// An older approval has expired.
    pub(in crate::policy) max_age: Option<Days>,
    /// Whether it is about the company as a whole: neither its scope nor the start of the use are asked for.
    #[serde(default)]
    pub(in crate::policy) general: bool,
    pub(in crate::policy) title: Text,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::policy) struct Figure {
    pub(in crate::policy) bands: BTreeMap<String, u64>,
    pub(in crate::policy) article: Spanned<String>,
    pub(in crate::policy) title: Text,
}

/// A rule's article and texts; `{}` is what failed, `{is}` for its state, `{category}` for the data category.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::policy) struct Rule {
    pub(in crate::policy) article: Spanned<String>,
    pub(in crate::policy) stage: Spanned<String>,
    pub(in crate::policy) mark: Mark,
    pub(in crate::policy) asks: Text,
    pub(in crate::policy) because: Text,
    pub(in crate::policy) fix: Text,
    /// Where a rule without a check is met, or why it is not modelled.
    pub(in crate::policy) met_by: Option<Text>,
}

/// Facts by name, each with the words that hold.
pub(in crate::policy) type Facts = BTreeMap<Spanned<String>, Written>;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::policy) struct DemandSection {
    pub(in crate::policy) rule: Spanned<String>,
    #[serde(default)]
    pub(in crate::policy) when: Facts,
    pub(in crate::policy) needs: Facts,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::policy) struct ExtraTriggers {
    #[serde(default)]
    pub(in crate::policy) when: Facts,
    pub(in crate::policy) triggers: Written,
    #[serde(default)]
    pub(in crate::policy) notices: Written,
    #[serde(default)]
    pub(in crate::policy) documents: Written,
}

/// What one action demands of one data category.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::policy) struct Cell {
    #[serde(default)]
    pub(in crate::policy) triggers: Written,
    #[serde(default)]
    pub(in crate::policy) notices: Written,
    #[serde(default)]
    pub(in crate::policy) documents: Written,
    #[serde(default)]
    pub(in crate::policy) duties: Written,
    /// The rule by which it is refused.
    pub(in crate::policy) deny: Option<Spanned<String>>,
    /// The facts under which it is not.
    #[serde(default)]
    pub(in crate::policy) unless: Facts,
    pub(in crate::policy) mark: Option<Mark>,
}

/// A type of fields that can be coarsened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(in crate::policy) enum Coarse {
    Amount,
    Text,
    Time,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::policy) struct Duty {
    pub(in crate::policy) article: Spanned<String>,
    /// The types of fields that datasets of the category must declare coarsened.
    #[serde(default)]
    pub(in crate::policy) coarse: Vec<Coarse>,
    pub(in crate::policy) says: Text,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::policy) struct Obligation {
    #[serde(default)]
    pub(in crate::policy) when: Facts,
    pub(in crate::policy) duties: Written,
}

/// The rule by which a person is out for a reason; without `rule`, the trigger's own.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::policy) struct PersonReason {
    pub(in crate::policy) rule: Option<Spanned<String>>,
    pub(in crate::policy) because: Text,
    pub(in crate::policy) fix: Text,
}
