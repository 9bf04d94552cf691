//! A query as a value: what SQL, the builder and JSON all become.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::part::parts_of;
use super::{Cost, PartKind, Probability, Shown};
use crate::tags::Catalogue;
use crate::types::NanoEpsilon;

/// One number or tag of the SELECT list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Item {
    /// How many people.
    Count,
    /// How many people have a value of a measure.
    Present(String),
    /// The sum of a measure over people.
    Sum(String),
    /// The mean of a measure over the people who have a value.
    Average(String),
    /// A quantile of a measure over the people who have a value; the measure needs a grid.
    Quantile {
        /// The measure.
        measure: String,
        /// Which one: 0.5 is the median.
        level: Probability,
    },
    /// How many people are in each cell of a measure's grid.
    Histogram(String),
    /// The label of a tag that is grouped by.
    Tag(String),
}

/// An item with the name its column is shown under.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Selected {
    /// What is selected.
    pub item: Item,
    /// The shown name, if another than its own.
    #[serde(rename = "as", default, skip_serializing_if = "Option::is_none")]
    pub alias: Option<String>,
}

impl Selected {
    /// The name of its column: the alias; without one `people`, the tag, or what is computed and the measure, such as
    /// `sum_spend`, `median_spend` and `p90_spend`. The columns of a histogram add `_to_` and the last value of the cell.
    #[must_use]
    pub fn name(&self) -> String {
        if let Some(alias) = &self.alias {
            return alias.clone();
        }
        let (what, name) = match &self.item {
            Item::Count => return "people".to_owned(),
            Item::Tag(tag) => return tag.to_ascii_lowercase(),
            Item::Present(measure) => ("count".to_owned(), measure),
            Item::Sum(measure) => ("sum".to_owned(), measure),
            Item::Average(measure) => ("avg".to_owned(), measure),
            Item::Histogram(measure) => ("histogram".to_owned(), measure),
            Item::Quantile { measure, level } if *level == Probability::HALF => {
                ("median".to_owned(), measure)
            }
            Item::Quantile { measure, level } => {
                let (percent, rest) = (level.thousandths() / 10, level.thousandths() % 10);
                (if rest == 0 { format!("p{percent}") } else { format!("p{percent}_{rest}") }, measure)
            }
        };
        format!("{what}_{}", name.to_ascii_lowercase())
    }
}

/// Which people are counted: a tree over tag labels.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum Filter {
    /// All of these.
    All(Vec<Filter>),
    /// Any of these.
    Any(Vec<Filter>),
    /// The person's label of `tag` is one of `labels`.
    In {
        /// The tag.
        tag: String,
        /// Labels of its vocabulary.
        labels: Vec<String>,
    },
    /// Not this.
    Not(Box<Filter>),
}

impl Filter {
    /// Both this and `other`.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self::All(vec![self, other])
    }

    /// This or `other`.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self::Any(vec![self, other])
    }
}

impl std::ops::Not for Filter {
    type Output = Self;
    fn not(self) -> Self {
        Self::Not(Box::new(self))
    }
}

/// The name of a tag on its way into a [`Filter`]; see [`tag`].
#[derive(Debug, Clone)]
pub struct TagName(String);

/// Starts a condition on a tag: `tag("region").is_in(["east", "south"])`.
#[must_use]
pub fn tag(name: impl Into<String>) -> TagName {
    TagName(name.into())
}

impl TagName {
    /// The label is `label`.
    #[must_use]
    pub fn is(self, label: impl Into<String>) -> Filter {
        self.is_in([label])
    }

    /// The label is one of `labels`.
    #[must_use]
    pub fn is_in(self, labels: impl IntoIterator<Item = impl Into<String>>) -> Filter {
        Filter::In { tag: self.0, labels: labels.into_iter().map(Into::into).collect() }
    }

    /// The label is another than `label`.
    #[must_use]
    pub fn is_not(self, label: impl Into<String>) -> Filter {
        !self.is(label)
    }
}

/// A query as a value, for [`Analyst::ask_query`](crate::Analyst::ask_query); as JSON it is what `serde` makes of it. Names are resolved, and
/// refused, when it is planned.
///
/// ```
/// use hushtag::Query;
/// use hushtag::answer::tag;
///
/// let query = Query::count().and_sum("spend").by("spend_tier").filter(tag("region").is_in(["east", "south"]));
/// assert_eq!(query.selected().len(), 3);
/// let read: Query = serde_json::from_str(&serde_json::to_string(&query)?)?;
/// assert_eq!(read, query);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Query {
    pub(super) select: Vec<Selected>,
    #[serde(rename = "where", default, skip_serializing_if = "Option::is_none")]
    pub(super) filter: Option<Filter>,
    #[serde(rename = "group_by", default, skip_serializing_if = "Vec::is_empty")]
    pub(super) group_by: Vec<String>,
    #[serde(rename = "price", default)]
    pub(super) cost: Cost,
    #[serde(default = "Probability::nominal")]
    pub(super) confidence: Probability,
    #[serde(default, skip_serializing_if = "Shown::is_plain")]
    pub(super) shown: Shown,
}

impl Query {
    /// One item.
    #[must_use]
    pub fn of(item: Item) -> Self {
        let select = vec![Selected { item, alias: None }];
        Self {
            select,
            filter: None,
            group_by: vec![],
            cost: Cost::Default,
            confidence: Probability::nominal(),
            shown: Shown::default(),
        }
    }

    /// How many people.
    #[must_use]
    pub fn count() -> Self {
        Self::of(Item::Count)
    }

    /// The sum of a measure.
    #[must_use]
    pub fn sum(measure: impl Into<String>) -> Self {
        Self::of(Item::Sum(measure.into()))
    }

    /// The mean of a measure.
    #[must_use]
    pub fn average(measure: impl Into<String>) -> Self {
        Self::of(Item::Average(measure.into()))
    }

    /// A quantile of a measure.
    #[must_use]
    pub fn quantile(measure: impl Into<String>, level: Probability) -> Self {
        Self::of(Item::Quantile { measure: measure.into(), level })
    }

    /// Also `item`.
    #[must_use]
    pub fn and(mut self, item: Item) -> Self {
        self.select.push(Selected { item, alias: None });
        self
    }

    /// Also how many people.
    #[must_use]
    pub fn and_count(self) -> Self {
        self.and(Item::Count)
    }

    /// Also the sum of a measure.
    #[must_use]
    pub fn and_sum(self, measure: impl Into<String>) -> Self {
        self.and(Item::Sum(measure.into()))
    }

    /// Also the mean of a measure.
    #[must_use]
    pub fn and_average(self, measure: impl Into<String>) -> Self {
        self.and(Item::Average(measure.into()))
    }

    /// Also a quantile of a measure.
    #[must_use]
    pub fn and_quantile(self, measure: impl Into<String>, level: Probability) -> Self {
        self.and(Item::Quantile { measure: measure.into(), level })
    }

    /// Shows the item selected last under another name.
    #[must_use]
    pub fn named(mut self, alias: impl Into<String>) -> Self {
        if let Some(last) = self.select.last_mut() {
            last.alias = Some(alias.into());
        }
        self
    }

    /// One answer for every label of `tag`, shown in a column before the numbers.
    #[must_use]
    pub fn by(mut self, tag: impl Into<String>) -> Self {
        let tag = tag.into();
        let tags = self.select.iter().take_while(|selected| matches!(selected.item, Item::Tag(_))).count();
        self.select.insert(tags, Selected { item: Item::Tag(tag.clone()), alias: None });
        self.group_by.push(tag);
        self
    }

    /// Only people who pass `filter`, and all filters given before.
    #[must_use]
    pub fn filter(mut self, filter: Filter) -> Self {
        self.filter = Some(match self.filter {
            Some(before) => before.and(filter),
            None => filter,
        });
        self
    }

    /// Counts are within `people` of the exact ones in 95 of 100 cases.
    #[must_use]
    pub fn count_error(mut self, people: u64) -> Self {
        self.cost = match self.cost {
            Cost::Errors { sums, .. } => Cost::Errors { count: Some(people), sums },
            Cost::Default | Cost::Epsilon(_) => Cost::Errors { count: Some(people), sums: [].into() },
        };
        self
    }

    /// Sums of `measure` are within `error`, in its unit, of the exact ones in 95 of 100 cases.
    #[must_use]
    pub fn sum_error(mut self, measure: impl Into<String>, error: u64) -> Self {
        let (count, mut sums) = match self.cost {
            Cost::Errors { count, sums } => (count, sums),
            Cost::Default | Cost::Epsilon(_) => (None, [].into()),
        };
        sums.insert(measure.into(), error);
        self.cost = Cost::Errors { count, sums };
        self
    }

    /// The whole query for at most `epsilon`.
    #[must_use]
    pub fn epsilon(mut self, epsilon: NanoEpsilon) -> Self {
        self.cost = Cost::Epsilon(epsilon);
        self
    }

    /// The probability of the shown intervals; changes no noise and no cost.
    #[must_use]
    pub fn confidence(mut self, confidence: Probability) -> Self {
        self.confidence = confidence;
        self
    }

    /// Also what can be computed from the numbers that are selected: averages, and quartiles and the ninth decile of histograms. The
    /// canonical query and its cost stay the same.
    #[must_use]
    pub fn with_computed(self, catalogue: &Catalogue) -> Self {
        let parts = |item: &Item| parts_of(item, catalogue).unwrap_or_default();
        let paid: BTreeSet<PartKind> =
            self.select.iter().flat_map(|selected| parts(&selected.item)).collect();
        let computed = |item: &Item| match item {
            Item::Sum(measure) => vec![Item::Average(measure.clone())],
            Item::Histogram(measure) => {
                let of = |level| Item::Quantile { measure: measure.clone(), level };
                Probability::SHOWN.map(of).into()
            }
            _ => Vec::new(),
        };
        let items: Vec<Item> = self.select.iter().flat_map(|selected| computed(&selected.item)).collect();
        items.into_iter().filter(|item| parts(item).is_subset(&paid)).fold(self, Self::and)
    }

    /// What is selected, in the order it is shown.
    #[must_use]
    pub fn selected(&self) -> &[Selected] {
        &self.select
    }

    /// What it is willing to pay.
    #[must_use]
    pub fn cost(&self) -> &Cost {
        &self.cost
    }
}
