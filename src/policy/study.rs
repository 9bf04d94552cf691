//! The study: what is shared, why, with whom, on which documents, as which tags, at which price. Cannot be invalid.

use std::collections::{BTreeMap, BTreeSet};

use crate::consent::{Admits, ConsentTable};
use crate::deidentify::{Form, TokenKeyId, TokenPublicKey, Treatment};
use crate::tags::Catalogue;
use crate::types::{
    AmountFormat, AsOf, CsvDialect, DatasetName, Days, Denomination, HandlerId, MaxAge, NanoEpsilon,
    RecipientId, Sha256, StudyId, Timestamp, Zone,
};

use super::{IdColumn, LinksTable, Metric, StudyError, TokenTerms, compile, file};

/// What a use does with the data; picks the articles that apply (PIPL art. 4, 20, 21, 23, 25, 38, 24).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the words are those of the study file")]
pub enum Action {
    Collect,
    Provide,
    Joint,
    Entrust,
    Disclose,
    Export,
    Decide,
}

impl Action {
    /// Every action.
    pub const ALL: [Self; 7] = [
        Self::Collect,
        Self::Provide,
        Self::Joint,
        Self::Entrust,
        Self::Disclose,
        Self::Export,
        Self::Decide,
    ];

    /// The word of the study file.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Collect => "collect",
            Self::Provide => "provide",
            Self::Joint => "joint",
            Self::Entrust => "entrust",
            Self::Disclose => "disclose",
            Self::Export => "export",
            Self::Decide => "decide",
        }
    }
}

/// A company that decides purpose and method and hands data in (PIPL art. 73(1)).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Handler {
    /// The name inside the study.
    pub id: HandlerId,
    /// The legal id.
    pub legal_id: String,
    /// What kind of company, such as `platform` or `payment-institution`.
    pub kind: String,
    /// The name shown to people, if the study declares it.
    pub name: String,
    /// How people reach it, if the study declares it.
    pub contact: String,
    /// What is public of its key of blind tokens, if it makes any.
    pub token_key: Option<TokenPublicKey>,
}

/// As what a recipient gets the answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the words are those of the study file")]
pub enum Role {
    Handler,
    Joint,
    Entrusted,
    Affiliate,
    ForeignAuthority,
    StateOrgan,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 6] = [
        Self::Handler,
        Self::Joint,
        Self::Entrusted,
        Self::Affiliate,
        Self::ForeignAuthority,
        Self::StateOrgan,
    ];

    /// The word of the study file.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Handler => "handler",
            Self::Joint => "joint",
            Self::Entrusted => "entrusted",
            Self::Affiliate => "affiliate",
            Self::ForeignAuthority => "foreign-authority",
            Self::StateOrgan => "state-organ",
        }
    }
}

/// Who sends queries (PIPL Art. 23).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipient {
    /// The name inside the study.
    pub id: RecipientId,
    /// The legal id that a consent must name.
    pub legal_id: String,
    /// The name shown to people.
    pub name: String,
    /// How people reach it.
    pub contact: String,
    /// ISO 3166 country.
    pub country: String,
    /// As what it gets the answers, if the study declares it; decisions assume a handler of its own.
    pub role: Option<Role>,
    /// Legal ids of those whose consents it took over in a merger or split (PIPL art. 22).
    pub succeeds: BTreeSet<String>,
    /// Whether it may get nothing for now, after an incident, if the study declares it; decisions assume that it may.
    pub suspended: Option<bool>,
    /// Its share: the cap on all that it may spend, under whatever study.
    pub share: Option<NanoEpsilon>,
}

/// The notice that consents must have been given under (PIPL art. 17).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// Its id.
    pub id: String,
    /// Its current version.
    pub version: u32,
    /// The statements that it holds, if the study lists them.
    pub states: Option<BTreeSet<String>>,
    /// What each version changed.
    pub changes: BTreeMap<u32, BTreeSet<String>>,
    /// The digest of its text in the current version, if the study has it.
    pub sha256: Option<Sha256>,
    /// The screens on which people consent.
    pub screens: Vec<Screen>,
}

/// A screen on which people consent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Screen {
    /// Its name.
    pub name: String,
    /// The digest of its picture or text, if the study has it.
    pub sha256: Option<Sha256>,
}

/// A document that a rule asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// Its id.
    pub id: String,
    /// Start of the day it was approved on.
    pub approved: Timestamp,
    /// Start of the day it expires on.
    pub expires: Timestamp,
    /// Its digest, if the study has it.
    pub sha256: Option<Sha256>,
    /// What it covers.
    pub covers: Covers,
}

/// What a document covers; an empty list means everything.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[expect(missing_docs, reason = "the fields are the keys of the study file")]
pub struct Covers {
    pub purposes: BTreeSet<String>,
    pub categories: BTreeSet<String>,
    /// Ids or legal ids of recipients.
    pub recipients: BTreeSet<String>,
    /// Legal ids of approved sub-processors; here an empty list approves none.
    pub sub_processors: BTreeSet<String>,
}

impl Covers {
    /// Whether the study declares for which purposes, data and recipients the document is.
    pub(super) fn is_declared(&self) -> bool {
        [&self.purposes, &self.categories, &self.recipients].iter().all(|list| !list.is_empty())
    }
}

/// The type of a declared field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldKind {
    /// The age in whole years, as of the epoch or, where that is later, of a declared day.
    Age {
        /// The start of that day.
        on: Option<Timestamp>,
    },
    /// A band of ages, such as `<14`, `20-29` or `18+`, that crosses no threshold of the regime.
    AgeBand,
    /// Money, read into whole minor units (fen); below zero only where the field permits it.
    Amount {
        /// Whether amounts below zero are good rows.
        negative: bool,
        /// How files spell them.
        format: AmountFormat,
    },
    /// The year of birth, or a date of which it is read.
    BirthYear,
    /// Yes or no.
    Flag,
    /// A whole number.
    Integer,
    /// A pointer to another person, cut to `max_reach` where it carries contributions.
    Person {
        /// The cut D.
        max_reach: u32,
    },
    /// Words.
    Text,
    /// An instant.
    Time,
}

impl FieldKind {
    /// Whether it holds a person's age.
    #[must_use]
    pub const fn is_age(self) -> bool {
        matches!(self, Self::Age { .. } | Self::AgeBand | Self::BirthYear)
    }
}

/// A declared field of a dataset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// The column's name in the files.
    pub column: String,
    /// Its type.
    pub kind: FieldKind,
    /// The namespace of the people it names, if it is of type person and names people of another than its dataset's.
    pub ids: Option<String>,
    /// How the ids of these people are spelled.
    pub form: Form,
    /// Whether a row without it is a good row.
    pub optional: bool,
    /// The time zone on whose clocks its times without a UTC offset are; such times are not read without one.
    pub zone: Option<Zone>,
    /// The bands of ages of its labels, where these are no bands themselves.
    pub bands: BTreeMap<String, String>,
    /// What its amounts are shown in; without one, in minor units.
    pub unit: Option<Denomination>,
    /// How far its values are coarsened wherever they are read.
    pub treatment: Treatment,
}

/// What the rows of a dataset are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shape {
    /// One row a person.
    People,
    /// Payments and the like: owner and fields.
    Records,
    /// A list: in each row the owner lists the target.
    Relation {
        /// The column of the person who is listed.
        target: IdColumn,
        /// Position of the relation in the catalogue.
        relation: usize,
    },
}

/// A table that a handler hands in, and the columns of it that are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dataset {
    /// The name inside the study.
    pub name: DatasetName,
    /// What its rows are.
    pub shape: Shape,
    /// Who hands it in.
    pub handler: HandlerId,
    /// The namespace of its owners' ids; people of two namespaces meet where links tables join them.
    pub ids: String,
    /// The column of the person who owns the row.
    pub owner: String,
    /// How its owners' ids are spelled.
    pub form: Form,
    /// The data category, by which the regime decides sensitivity.
    pub category: String,
    /// Declared fields.
    pub fields: Vec<Field>,
    /// Columns that a file may have and that are never read: direct identifiers, mostly.
    pub dropped: Vec<String>,
    /// How its CSV files are written.
    pub csv: CsvDialect,
    /// The most rows of one owner in all its files; over it the dataset is refused.
    pub max_rows_per_owner: u32,
}

impl Dataset {
    /// The most rows of one owner where a study names no number.
    pub const MAX_ROWS_PER_OWNER: u32 = 1_000_000;

    /// The declared field in this column.
    #[must_use]
    pub fn field(&self, column: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.column == column)
    }

    /// The field that holds ages.
    #[must_use]
    pub fn age_field(&self) -> Option<&Field> {
        self.fields.iter().find(|field| field.kind.is_age())
    }
}

/// At which price and width answers leave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReleaseTerms {
    /// Cells whose noisy count is below it are shown as suppressed; 0 for never.
    pub min_people: u64,
    /// Half-width of a count at 95 %, in people, when a query names no price.
    pub default_error: u64,
    /// Half-width of the sum of a measure at 95 %, in its unit.
    pub default_error_of: BTreeMap<String, u64>,
    /// Half-width at 95 %, in people, of the counts of people in, and out by reason, that every seal pays for; `None` for never.
    pub consent_error: Option<u64>,
    /// How long after its seal an epoch answers. It is also how long a withdrawal can take to reach the answers, so it counts
    /// time alone: a number of withdrawals would show that someone withdrew (PIPL Art. 15).
    pub max_age: Option<MaxAge>,
}

/// A study, parsed and checked as a whole.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Study {
    /// Its id.
    pub id: StudyId,
    /// `blake3:` and the hash of the file's bytes; one changed byte is another study.
    pub hash: String,
    /// The name of its regime.
    pub regime: String,
    /// What the data is used for.
    pub purpose: String,
    /// What is done with it.
    pub action: Action,
    /// The legal basis.
    pub basis: String,
    /// Methods that a consent has to list, if any are declared.
    pub methods: BTreeSet<String>,
    /// How long a consent without an end lasts.
    pub retention: Days,
    /// The time zone of its days, such as that of `--as-of`, if it is not UTC.
    pub timezone: Option<Zone>,
    /// Start of the day on which the use starts, if the study declares it.
    pub start: Option<Timestamp>,
    /// The profile of sensitivity, if it is not the regime's own.
    pub profile: Option<String>,
    /// Legal ids of those to whom an entrusted party entrusts further, if the study declares them; decisions assume none.
    pub sub_processors: Option<BTreeSet<String>>,
    /// The notice.
    pub notice: Notice,
    /// Documents by the kind that rules ask for.
    pub documents: BTreeMap<String, Document>,
    /// The handlers.
    pub handlers: Vec<Handler>,
    /// The recipients.
    pub recipients: Vec<Recipient>,
    /// Whether the handlers declare that all people are adults.
    pub declared_adults: bool,
    /// Who besides adults may be in.
    pub admits: Admits,
    /// Numbers that the handlers declare, such as how many people they hold data of.
    pub figures: BTreeMap<String, u64>,
    /// The data category that a tag infers, by tag.
    pub infers: BTreeMap<String, String>,
    /// How the ids of a namespace are spelled, where the study declares it.
    pub forms: BTreeMap<String, Form>,
    /// The datasets that are about people.
    pub datasets: Vec<Dataset>,
    /// The tables that say which ids are one person's.
    pub links: Vec<LinksTable>,
    /// How consent tables are written.
    pub consents: ConsentTable,
    /// Measures, tags and tag sets.
    pub catalogue: Catalogue,
    /// Named formulas over released numbers, as written.
    pub metrics: Vec<Metric>,
    /// The study's cap inside the pool, if it has one.
    pub cap: Option<NanoEpsilon>,
    /// Prices and widths.
    pub release: ReleaseTerms,
    /// How many ids blind tokens are made of, if the handlers make any.
    pub tokens: Option<TokenTerms>,
}

impl Study {
    /// Parses the text of a study file; `name` is how errors call the file.
    ///
    /// # Errors
    /// [`StudyError`] with line, column and what was meant, for the first thing that is wrong.
    ///
    /// # Privacy
    /// None: a study is a public text.
    pub fn parse(name: &str, text: &str) -> Result<Self, StudyError> {
        /// A study is written by people; anything larger is an attack on the parser.
        const LARGEST: usize = 1 << 20;
        if text.len() > LARGEST {
            let fault = super::StudyFault::Contradiction("a study file has at most 1 MiB".into());
            return Err(StudyError::at(name, text, None, fault));
        }
        let written: file::StudyFile =
            toml::from_str(text).map_err(|error| StudyError::syntax(name, text, &error))?;
        compile::compile(written, text).map_err(|(span, fault)| StudyError::at(name, text, Some(span), fault))
    }

    /// The recipient with this id.
    #[must_use]
    pub fn recipient(&self, id: &RecipientId) -> Option<&Recipient> {
        self.recipients.iter().find(|recipient| recipient.id == *id)
    }

    /// The one field, if there is any, that holds ages, and its dataset.
    #[must_use]
    pub fn age_field(&self) -> Option<(&Dataset, &Field)> {
        self.datasets.iter().find_map(|dataset| dataset.age_field().map(|field| (dataset, field)))
    }

    /// The dataset with this name; links tables are none.
    #[must_use]
    pub fn dataset(&self, name: &DatasetName) -> Option<&Dataset> {
        self.datasets.iter().find(|dataset| dataset.name == *name)
    }

    /// The names of all tables that are handed in, links tables included.
    pub fn tables(&self) -> impl Iterator<Item = &DatasetName> {
        let links = self.links.iter().map(|links| &links.name);
        self.datasets.iter().map(|dataset| &dataset.name).chain(links)
    }

    /// The data categories of all tables.
    pub fn categories(&self) -> impl Iterator<Item = &str> {
        let links = self.links.iter().map(|links| links.category.as_str());
        self.datasets.iter().map(|dataset| dataset.category.as_str()).chain(links)
    }

    /// How the ids of a namespace are spelled.
    #[must_use]
    pub fn form(&self, namespace: &str) -> Form {
        self.forms.get(namespace).copied().unwrap_or_default()
    }

    /// The instant that an as-of means: days are those of the study's time zone.
    #[must_use]
    pub fn instant(&self, as_of: AsOf) -> Timestamp {
        self.timezone.as_ref().map_or_else(|| as_of.at(&Zone::utc()), |zone| as_of.at(zone))
    }

    /// The name of the two keys of blind tokens, if its handlers make any.
    #[must_use]
    pub fn token_key_id(&self) -> Option<TokenKeyId> {
        let mut keys = self.handlers.iter().filter_map(|handler| handler.token_key.as_ref());
        Some(TokenKeyId::of_both(keys.next()?, keys.next()?))
    }

    /// The namespaces of all ids.
    #[must_use]
    pub fn namespaces(&self) -> BTreeSet<&str> {
        let linked = self.links.iter().flat_map(|links| &links.columns).map(|column| column.ids.as_str());
        self.datasets.iter().map(|dataset| dataset.ids.as_str()).chain(linked).collect()
    }
}
