//! A question as a value: what SQL, the builder and JSON all become.

use serde::{Deserialize, Serialize};

use super::{Confidence, Price, Shown};
use crate::types::NanoEpsilon;

/// One number or tag of the SELECT list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Item {
    /// How many people.
    Count,
    /// The sum of a measure over people.
    Sum(String),
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
    /// The name of its column: the alias; without one `people`, `sum_` and the measure, or the tag.
    #[must_use]
    pub fn name(&self) -> String {
        match (&self.alias, &self.item) {
            (Some(alias), _) => alias.clone(),
            (None, Item::Count) => "people".to_owned(),
            (None, Item::Sum(measure)) => format!("sum_{}", measure.to_ascii_lowercase()),
            (None, Item::Tag(tag)) => tag.to_ascii_lowercase(),
        }
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

/// A question. Names are resolved, and refused, when it is planned.
///
/// ```
/// use hushtag::query::{Ask, tag};
///
/// let ask = Ask::count().and_sum("spend").by("spend_tier").filter(tag("region").is_in(["east", "south"]));
/// assert_eq!(ask.selected().len(), 3);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ask {
    pub(super) select: Vec<Selected>,
    #[serde(rename = "where", default, skip_serializing_if = "Option::is_none")]
    pub(super) filter: Option<Filter>,
    #[serde(rename = "group_by", default, skip_serializing_if = "Vec::is_empty")]
    pub(super) group_by: Vec<String>,
    #[serde(default)]
    pub(super) price: Price,
    #[serde(default)]
    pub(super) confidence: Confidence,
    #[serde(default, skip_serializing_if = "Shown::is_plain")]
    pub(super) shown: Shown,
}

impl Ask {
    pub(super) fn of(item: Item) -> Self {
        let select = vec![Selected { item, alias: None }];
        Self {
            select,
            filter: None,
            group_by: vec![],
            price: Price::Default,
            confidence: Confidence::default(),
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

    /// Also how many people.
    #[must_use]
    pub fn and_count(mut self) -> Self {
        self.select.push(Selected { item: Item::Count, alias: None });
        self
    }

    /// Also the sum of a measure.
    #[must_use]
    pub fn and_sum(mut self, measure: impl Into<String>) -> Self {
        self.select.push(Selected { item: Item::Sum(measure.into()), alias: None });
        self
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
        self.price = match self.price {
            Price::Errors { sums, .. } => Price::Errors { count: Some(people), sums },
            Price::Default | Price::Epsilon(_) => Price::Errors { count: Some(people), sums: [].into() },
        };
        self
    }

    /// Sums of `measure` are within `error`, in its unit, of the exact ones in 95 of 100 cases.
    #[must_use]
    pub fn sum_error(mut self, measure: impl Into<String>, error: u64) -> Self {
        let (count, mut sums) = match self.price {
            Price::Errors { count, sums } => (count, sums),
            Price::Default | Price::Epsilon(_) => (None, [].into()),
        };
        sums.insert(measure.into(), error);
        self.price = Price::Errors { count, sums };
        self
    }

    /// The whole question for at most `epsilon`.
    #[must_use]
    pub fn epsilon(mut self, epsilon: NanoEpsilon) -> Self {
        self.price = Price::Epsilon(epsilon);
        self
    }

    /// The probability of the shown intervals; changes no noise and no cost.
    #[must_use]
    pub fn confidence(mut self, confidence: Confidence) -> Self {
        self.confidence = confidence;
        self
    }

    /// What is selected, in the order it is shown.
    #[must_use]
    pub fn selected(&self) -> &[Selected] {
        &self.select
    }

    /// What it is willing to pay.
    #[must_use]
    pub fn price(&self) -> &Price {
        &self.price
    }
}
