//! A private query on its way to the library: numbers of people, by tags, under a condition; as text in the language of the sandbox.

use std::collections::BTreeSet;
use std::fmt::Write;

use super::condition::Condition;
use super::people::People;

/// A number that the library releases.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Number {
    /// How many people.
    Count,
    /// How many people have a value of a measure.
    Present(String),
    /// The sum of a measure.
    Sum(String),
    /// The mean of a measure.
    Average(String),
    /// A quantile of a measure, in thousandths.
    Quantile(String, u16),
}

impl Number {
    /// The measure it is about.
    #[must_use]
    pub fn measure(&self) -> Option<&str> {
        match self {
            Self::Count => None,
            Self::Present(measure)
            | Self::Sum(measure)
            | Self::Average(measure)
            | Self::Quantile(measure, _) => Some(measure),
        }
    }

    /// Whether it counts people or payments, and so has no unit.
    #[must_use]
    pub const fn is_count(&self) -> bool {
        matches!(self, Self::Count | Self::Present(_))
    }

    fn text(&self) -> String {
        match self {
            Self::Count => "COUNT(*)".to_owned(),
            Self::Present(measure) => format!("COUNT({measure})"),
            Self::Sum(measure) => format!("SUM({measure})"),
            Self::Average(measure) => format!("AVG({measure})"),
            Self::Quantile(measure, level) => format!("QUANTILE({measure}, 0.{level:03})"),
        }
    }
}

/// An end of an interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The lower one.
    Low,
    /// The upper one.
    High,
}

impl End {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Low, Self::High];

    /// The column of `tags` that stands for this end of a number: `people_low`, `sum_spend_high`.
    #[must_use]
    pub fn column(self, number: &Number) -> String {
        let what = match number {
            Number::Count => "people".to_owned(),
            Number::Present(measure) => format!("count_{measure}"),
            Number::Sum(measure) => format!("sum_{measure}"),
            Number::Average(measure) => format!("avg_{measure}"),
            Number::Quantile(measure, level) => format!("q{level}_{measure}"),
        };
        let end = match self {
            Self::Low => "low",
            Self::High => "high",
        };
        format!("{what}_{end}")
    }
}

/// A private query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrivateQuery {
    /// The tags it groups by.
    pub group: BTreeSet<String>,
    /// The numbers of every group.
    pub numbers: BTreeSet<Number>,
    /// Who is counted.
    pub condition: Condition,
}

impl PrivateQuery {
    /// The name of a number's column in the answer.
    #[must_use]
    pub fn alias(&self, number: &Number) -> Option<String> {
        self.numbers.iter().position(|other| other == number).map(|place| format!("n{place}"))
    }

    /// The settings of a price that this query has a use for: a statement may have several private queries, and columns that nothing
    /// shows are dropped. What is no setting stays, for the library to refuse.
    fn own_price(&self, price: &str, people: &People) -> String {
        let sums = |measure: &str| {
            self.numbers
                .iter()
                .any(|number| matches!(number, Number::Sum(of) | Number::Average(of) if of == measure))
        };
        let is_used = |setting: &&str| {
            let key = setting.split('=').next().unwrap_or_default().trim().to_ascii_lowercase();
            let measure = key.strip_prefix("error").and_then(|rest| rest.trim().strip_prefix('('));
            match measure.and_then(|rest| rest.strip_suffix(')')).map(str::trim) {
                Some(measure) => people.measure(measure).is_none() || sums(measure),
                None => {
                    let is_sum = |number: &Number| matches!(number, Number::Sum(_));
                    key != "error" || people.sums_are_counted || !self.numbers.iter().all(is_sum)
                }
            }
        };
        price.split(',').filter(is_used).map(str::trim).collect::<Vec<_>>().join(", ")
    }

    /// Its text in the language of the sandbox; `price` is what stands in `WITH ( )`, or empty. The library brings it into its canonical
    /// form, in which spellings do not differ.
    #[must_use]
    pub fn text(&self, price: &str, people: &People) -> String {
        let tags = self.group.iter().cloned();
        let numbers = self.numbers.iter().enumerate();
        let numbers = numbers.map(|(place, number)| format!("{} AS n{place}", number.text()));
        let mut text = format!("SELECT {} FROM tags", tags.chain(numbers).collect::<Vec<_>>().join(", "));
        if let Some(condition) = self.condition.text() {
            let _ = write!(text, " WHERE {condition}");
        }
        if !self.group.is_empty() {
            let _ = write!(text, " GROUP BY {}", self.group.iter().cloned().collect::<Vec<_>>().join(", "));
        }
        let price = self.own_price(price, people);
        if !price.is_empty() {
            let _ = write!(text, " WITH ({price})");
        }
        text
    }
}
