//! The catalogue: every relation, measure, tag and tag set of a study, closed and checked once.

use std::collections::BTreeSet;

use super::{Bands, Label, MAX_LABELS, Measure, TagError, nearest};
use crate::types::DatasetName;

/// A relation whose rows may carry something from their owner to the people they name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relation {
    /// The dataset.
    pub dataset: DatasetName,
    /// The field of type person that points at people; `None` for the rows of a relation.
    pub field: Option<String>,
    /// The cut D: the most people that one owner's list may reach. Without it no measure may carry contributions.
    pub max_reach: Option<u32>,
}

impl Relation {
    /// The relation's name: `follows`, or `payments.referrer` for a field.
    #[must_use]
    pub fn name(&self) -> String {
        match &self.field {
            None => self.dataset.to_string(),
            Some(field) => format!("{}.{field}", self.dataset),
        }
    }
}

/// Where the value of a tag comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TagSource {
    /// The band of a measure.
    Banded {
        /// Index of the measure in the catalogue.
        measure: usize,
        /// The bands.
        bands: Bands,
        /// The label of people whose measure is absent; it is the last one.
        absent: Option<Label>,
    },
    /// A declared field of a people dataset; anything not listed is `other`, the last label.
    Field {
        /// The people dataset.
        dataset: DatasetName,
        /// The field.
        field: String,
        /// The declared values.
        values: Vec<Label>,
    },
    /// The band of a number in a people dataset; a missing number, and one below all bands, is `other`, the last label.
    FieldBands {
        /// The people dataset.
        dataset: DatasetName,
        /// The field.
        field: String,
        /// The bands.
        bands: Bands,
    },
}

/// A tag: a name, a closed vocabulary and where its value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tag {
    name: String,
    labels: Vec<Label>,
    source: TagSource,
}

impl Tag {
    /// A tag named `name`; its vocabulary follows from its source.
    ///
    /// # Errors
    /// [`TagError`] for a name that queries could not use, repeated labels, too many labels.
    pub fn new(name: &str, source: TagSource) -> Result<Self, TagError> {
        check_name("tag", name)?;
        let mut labels: Vec<Label> = match &source {
            TagSource::Banded { bands, absent, .. } => bands.labels().iter().chain(absent).cloned().collect(),
            TagSource::Field { values, .. } => values.clone(),
            TagSource::FieldBands { bands, .. } => bands.labels().to_vec(),
        };
        if let TagSource::Field { .. } | TagSource::FieldBands { .. } = source {
            labels.push(Label::new("other")?);
        }
        if labels.len() > MAX_LABELS {
            return Err(TagError::LabelCount { count: labels.len() });
        }
        let mut seen = BTreeSet::new();
        if let Some(twice) = labels.iter().find(|label| !seen.insert(label.as_str())) {
            return Err(TagError::DuplicateLabel { label: twice.to_string() });
        }
        Ok(Self { name: name.to_owned(), labels, source })
    }

    /// The tag's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The closed vocabulary; the position of a label is its code.
    #[must_use]
    pub fn labels(&self) -> &[Label] {
        &self.labels
    }

    /// Where its value comes from.
    #[must_use]
    pub fn source(&self) -> &TagSource {
        &self.source
    }

    /// The code of a label, if the vocabulary has it.
    #[must_use]
    pub fn code(&self, label: &str) -> Option<usize> {
        self.labels.iter().position(|known| known.as_str() == label)
    }
}

/// A declared set of tags that queries may combine; each has a sealed cube of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TagSet {
    /// The name.
    pub name: String,
    /// Indices of its tags in the catalogue, in declared order.
    pub tags: Vec<usize>,
    /// The product of its vocabularies.
    pub cells: u64,
}

/// How many people one person can move, and through which relations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reach {
    /// R = 1 + the sum of `max_reach` over the relations that carry contributions.
    pub people: u32,
    /// Those relations with their `max_reach`, in catalogue order.
    pub through: Vec<(String, u32)>,
}

impl std::fmt::Display for Reach {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.through.is_empty() {
            return write!(f, "sensitivity 1: depends on the person's own records only");
        }
        write!(f, "one person affects at most {} people's tags (", self.people)?;
        for (relation, reach) in &self.through {
            write!(f, "`max_reach` {reach} of `{relation}`, ")?;
        }
        write!(f, "and themselves)")
    }
}

/// The parts of a catalogue before they are checked together.
#[derive(Debug, Clone, Default)]
pub struct CatalogueDraft {
    /// All relations.
    pub relations: Vec<Relation>,
    /// All measures, named and unnamed.
    pub measures: Vec<Measure>,
    /// All tags.
    pub tags: Vec<Tag>,
    /// Declared sets by name; when empty, one set `default` of all tags.
    pub sets: Vec<(String, Vec<String>)>,
    /// The most cells a set may have.
    pub max_cells: u64,
}

/// Every relation, measure, tag and tag set of a study. Cannot be invalid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Catalogue {
    relations: Vec<Relation>,
    measures: Vec<Measure>,
    tags: Vec<Tag>,
    sets: Vec<TagSet>,
    max_cells: u64,
}

/// The most numbers that one cube may hold: about 150 MB before encryption.
const MOST_NUMBERS: u64 = 1 << 24;

impl CatalogueDraft {
    /// Checks the parts together.
    ///
    /// # Errors
    /// [`TagError`] for the first contradiction.
    pub fn check(self) -> Result<Catalogue, TagError> {
        self.check_measures()?;
        self.check_tags()?;
        let sets = self.resolve_sets()?;
        let max_cells = self.max_cells;
        let catalogue = Catalogue {
            relations: self.relations,
            measures: self.measures,
            tags: self.tags,
            sets,
            max_cells,
        };
        catalogue.check_size()?;
        Ok(catalogue)
    }

    fn check_measures(&self) -> Result<(), TagError> {
        if let Some(given) = self.relations.iter().filter_map(|r| r.max_reach).find(|r| !is_reach(*r)) {
            return Err(TagError::InvalidReach { given });
        }
        let mut names = BTreeSet::new();
        for measure in &self.measures {
            if let Some(name) = &measure.name {
                check_name("measure", name)?;
                if !names.insert(name) {
                    return Err(TagError::Duplicate { name: name.clone() });
                }
            }
            if let Some(relation) = measure.source.contributing_relation() {
                let max_reach = self.relations.get(relation).and_then(|r| r.max_reach).unwrap_or(0);
                if !is_reach(max_reach) {
                    return Err(TagError::InvalidReach { given: max_reach });
                }
            }
            if let Some(of) = measure.source.inner() {
                let inner = self.measures.get(of);
                let own = |inner: &&Measure| inner.source.is_own();
                if inner.filter(own).is_none() {
                    let name = inner.and_then(|m| m.name.clone()).unwrap_or_default();
                    return Err(TagError::Nested { name });
                }
            }
        }
        Ok(())
    }

    fn check_tags(&self) -> Result<(), TagError> {
        let mut names = BTreeSet::new();
        for tag in &self.tags {
            if !names.insert(&tag.name) || self.measures.iter().any(|m| m.name.as_ref() == Some(&tag.name)) {
                return Err(TagError::Duplicate { name: tag.name.clone() });
            }
            if let TagSource::Banded { measure, bands, absent } = &tag.source {
                let unknown =
                    || TagError::Unknown { kind: "measure", name: measure.to_string(), nearest: None };
                let measure = self.measures.get(*measure).ok_or_else(unknown)?;
                if measure.source.can_be_absent() && absent.is_none() {
                    return Err(TagError::MissingAbsent);
                }
                let (bound, low) = (bands.lowest(), measure.lowest());
                if bound.is_above(low) {
                    let label = bands.labels().first().map(ToString::to_string).unwrap_or_default();
                    return Err(TagError::LowestBand { label, bound, low });
                }
            }
        }
        Ok(())
    }

    fn resolve_sets(&self) -> Result<Vec<TagSet>, TagError> {
        let all = || vec![("default".to_owned(), self.tags.iter().map(|tag| tag.name.clone()).collect())];
        let declared = if self.sets.is_empty() { all() } else { self.sets.clone() };
        declared.iter().map(|(name, members)| self.resolve_set(name, members)).collect()
    }

    fn resolve_set(&self, name: &str, members: &[String]) -> Result<TagSet, TagError> {
        check_name("tag set", name)?;
        let mut tags = Vec::new();
        for member in members {
            let position =
                self.tags.iter().position(|tag| tag.name == *member).ok_or_else(|| TagError::Unknown {
                    kind: "tag",
                    name: member.clone(),
                    nearest: nearest(member, self.tags.iter().map(Tag::name)),
                })?;
            if tags.contains(&position) {
                return Err(TagError::Duplicate { name: member.clone() });
            }
            tags.push(position);
        }
        let chosen = || tags.iter().filter_map(|index| self.tags.get(*index));
        let product = chosen().try_fold(1u128, |cells, tag| cells.checked_mul(tag.labels.len() as u128));
        let cells = product.unwrap_or(u128::MAX);
        match u64::try_from(cells) {
            Ok(cells) if cells <= self.max_cells => Ok(TagSet { name: name.to_owned(), tags, cells }),
            _ => {
                let largest = chosen().max_by_key(|tag| tag.labels.len());
                let coarsen = largest.map(|tag| tag.name.clone()).unwrap_or_default();
                let what = format!("tag set `{name}`");
                let is_default = self.sets.is_empty();
                Err(TagError::TooManyCells { what, cells, limit: self.max_cells, coarsen, is_default })
            }
        }
    }
}

impl Catalogue {
    fn check_size(&self) -> Result<(), TagError> {
        let columns = self.columns();
        let width = columns.counts.saturating_add(columns.measures.len());
        let numbers = |set: &TagSet| u128::from(set.cells).saturating_mul(width as u128);
        match self.sets.iter().find(|set| numbers(set) > u128::from(MOST_NUMBERS)) {
            None => Ok(()),
            Some(set) => Err(TagError::TooManyNumbers {
                set: set.name.clone(),
                numbers: numbers(set),
                limit: MOST_NUMBERS,
            }),
        }
    }

    /// The most cells that a tag set, and each released part of a query, may have.
    #[must_use]
    pub fn max_cells(&self) -> u64 {
        self.max_cells
    }

    /// All relations.
    #[must_use]
    pub fn relations(&self) -> &[Relation] {
        &self.relations
    }

    /// All measures, named and unnamed; tags and other measures refer to them by position.
    #[must_use]
    pub fn measures(&self) -> &[Measure] {
        &self.measures
    }

    /// All tags in declared order.
    #[must_use]
    pub fn tags(&self) -> &[Tag] {
        &self.tags
    }

    /// All tag sets in declared order.
    #[must_use]
    pub fn sets(&self) -> &[TagSet] {
        &self.sets
    }

    /// Position and tag of a name.
    #[must_use]
    pub fn tag(&self, name: &str) -> Option<(usize, &Tag)> {
        self.tags.iter().enumerate().find(|(_, tag)| tag.name == name)
    }

    /// Position and measure of a name.
    #[must_use]
    pub fn measure(&self, name: &str) -> Option<(usize, &Measure)> {
        self.measures.iter().enumerate().find(|(_, measure)| measure.name.as_deref() == Some(name))
    }

    /// The measures that a query may sum: named, with a declared clamp. The cube carries a sum for each, in this order.
    pub fn summable(&self) -> impl Iterator<Item = (usize, &Measure)> {
        self.measures.iter().enumerate().filter(|(_, m)| m.name.is_some() && m.clamp.is_some())
    }

    /// The first tag set that holds all of `tags`.
    #[must_use]
    pub fn set_holding(&self, tags: &BTreeSet<usize>) -> Option<(usize, &TagSet)> {
        self.sets.iter().enumerate().find(|(_, set)| tags.iter().all(|tag| set.tags.contains(tag)))
    }

    /// The reach of a query that uses these tags and measures anywhere (SELECT, WHERE or GROUP BY).
    ///
    /// # Privacy
    /// Adding or removing one person changes the tags or measures of at most [`Reach::people`] people: themselves, and for
    /// every relation that carries contributions the `max_reach` people to which their list is truncated.
    #[must_use]
    pub fn reach<'a>(
        &self,
        tags: impl IntoIterator<Item = &'a usize>,
        measures: impl IntoIterator<Item = &'a usize>,
    ) -> Reach {
        let of_tag = |index: &usize| match self.tags.get(*index).map(Tag::source) {
            Some(TagSource::Banded { measure, .. }) => Some(*measure),
            Some(TagSource::Field { .. } | TagSource::FieldBands { .. }) | None => None,
        };
        let used = tags.into_iter().filter_map(of_tag).chain(measures.into_iter().copied());
        let contributing: BTreeSet<usize> =
            used.filter_map(|measure| self.measures.get(measure)?.source.contributing_relation()).collect();
        let through: Vec<(String, u32)> = contributing
            .into_iter()
            .filter_map(|index| self.relations.get(index))
            .map(|relation| (relation.name(), relation.max_reach.unwrap_or(u32::MAX)))
            .collect();
        let people = through.iter().fold(1u32, |people, (_, reach)| people.saturating_add(*reach));
        Reach { people, through }
    }
}

/// Whether `max_reach` is a truncation that keeps at least one person.
pub(crate) fn is_reach(max_reach: u32) -> bool {
    (1..=1_000_000).contains(&max_reach)
}

/// Words that the query language reserves.
const KEYWORDS: [&str; 37] = [
    "all",
    "and",
    "as",
    "asc",
    "avg",
    "between",
    "by",
    "case",
    "count",
    "desc",
    "distinct",
    "else",
    "end",
    "exists",
    "false",
    "from",
    "group",
    "having",
    "histogram",
    "in",
    "is",
    "join",
    "like",
    "limit",
    "median",
    "not",
    "null",
    "on",
    "or",
    "order",
    "quantile",
    "select",
    "sum",
    "true",
    "union",
    "where",
    "with",
];

/// Whether a measure, tag or metric may have this name; `kind` names in an error what was to be named.
///
/// # Errors
/// [`TagError::InvalidName`].
pub fn check_name(kind: &'static str, name: &str) -> Result<(), TagError> {
    let starts = name.bytes().next().is_some_and(|b| b.is_ascii_lowercase());
    let plain = name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    // `tags` is the one table of the language.
    if starts && plain && name.len() <= 63 && name != "tags" && !KEYWORDS.contains(&name) {
        Ok(())
    } else {
        Err(TagError::InvalidName { kind, name: name.chars().take(64).collect() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tags::{Aggregate, Clamp, Inbound, Rows, Source};

    fn dataset(name: &str) -> DatasetName {
        DatasetName::new(name).unwrap()
    }

    fn draft() -> CatalogueDraft {
        let rows = Rows { dataset: dataset("payments"), window: None, conditions: vec![] };
        let spend = Source::Own { rows, what: Aggregate::Sum { field: "amount".into() } };
        let named = |name: &str, source| Measure {
            name: Some(name.into()),
            source,
            clamp: Some(Clamp::new(0, 100).unwrap()),
            grid: None,
            floor: Some(0),
            unit: None,
        };
        let bands = Bands::new([("low".into(), 0), ("high".into(), 10)]).unwrap();
        let banded = |name, measure, absent: Option<&str>| {
            let absent = absent.map(|label| Label::new(label).unwrap());
            Tag::new(name, TagSource::Banded { measure, bands: bands.clone(), absent }).unwrap()
        };
        CatalogueDraft {
            relations: vec![Relation { dataset: dataset("follows"), field: None, max_reach: Some(8) }],
            measures: vec![
                named("spend", spend),
                named("of_fans", Source::Audience { relation: 0, what: Inbound::Mean { of: 0 } }),
            ],
            tags: vec![banded("tier", 0, None), banded("audience", 1, Some("none"))],
            sets: vec![],
            max_cells: 6,
        }
    }

    #[test]
    fn reach_counts_each_relation_once() {
        let catalogue = draft().check().unwrap();
        assert_eq!(catalogue.reach(&[0], &[0]).people, 1);
        assert_eq!(catalogue.reach(&[0, 1], &[]).people, 9);
        assert_eq!(catalogue.reach(&[1], &[1]).people, 9);
        assert_eq!(catalogue.reach(&[], &[1]).people, 9);
    }

    #[test]
    fn contradictions_are_refused() {
        let mut nested = draft();
        nested.measures.push(Measure {
            name: Some("twice".into()),
            source: Source::Audience { relation: 0, what: Inbound::Mean { of: 1 } },
            clamp: None,
            grid: None,
            floor: Some(0),
            unit: None,
        });
        assert!(matches!(nested.check(), Err(TagError::Nested { name }) if name == "of_fans"));
        let uncut = CatalogueDraft {
            relations: vec![Relation { dataset: dataset("follows"), field: None, max_reach: None }],
            ..draft()
        };
        assert!(matches!(uncut.check(), Err(TagError::InvalidReach { given: 0 })));
        let wide = CatalogueDraft { max_cells: 5, ..draft() };
        assert!(
            matches!(wide.check(), Err(TagError::TooManyCells { cells: 6, coarsen, .. }) if coarsen == "audience")
        );
        assert!(
            Tag::new("sum", TagSource::Field { dataset: dataset("m"), field: "f".into(), values: vec![] })
                .is_err()
        );
    }
}
