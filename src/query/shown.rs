//! HAVING, ORDER BY and LIMIT: how released rows are shown. Post-processing of noised numbers: outside the canonical
//! query, outside the price.

use serde::{Deserialize, Serialize};

use crate::types::Decimal;

/// How the released rows are shown.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shown {
    /// Which rows are shown; one without the number, such as a suppressed one, meets no condition.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub having: Option<Having>,
    /// By which columns, the first one first; suppressed rows come last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub order_by: Vec<Order>,
    /// How many rows at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
}

/// A condition on the released numbers of a row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum Having {
    /// All of these.
    All(Vec<Having>),
    /// Any of these.
    Any(Vec<Having>),
    /// A released number compared with a given one.
    Compare {
        /// The shown name of the number.
        column: String,
        /// How it is compared.
        is: Comparison,
        /// With what.
        number: i64,
    },
    /// Not this.
    Not(Box<Having>),
}

/// How two numbers are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the variants are the operators")]
pub enum Comparison {
    #[serde(rename = "=")]
    Equal,
    #[serde(rename = ">")]
    Greater,
    #[serde(rename = ">=")]
    GreaterOrEqual,
    #[serde(rename = "<")]
    Less,
    #[serde(rename = "<=")]
    LessOrEqual,
    #[serde(rename = "<>")]
    NotEqual,
}

/// A column by which rows are sorted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Order {
    /// The shown name of a number, or a tag, which sorts by its vocabulary.
    pub column: String,
    /// The largest first.
    #[serde(default)]
    pub descending: bool,
}

impl Shown {
    /// Whether rows are shown as they are released: all, in vocabulary order.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        *self == Self::default()
    }

    /// Every column that is named.
    pub(super) fn columns(&self) -> Vec<&str> {
        let mut all: Vec<&str> = self.order_by.iter().map(|order| order.column.as_str()).collect();
        if let Some(having) = &self.having {
            having.columns(&mut all);
        }
        all
    }
}

impl Having {
    fn columns<'a>(&'a self, all: &mut Vec<&'a str>) {
        match self {
            Self::All(list) | Self::Any(list) => list.iter().for_each(|having| having.columns(all)),
            Self::Not(inner) => inner.columns(all),
            Self::Compare { column, .. } => all.push(column),
        }
    }

    /// Whether a row meets the condition; `number` gives its released numbers by column.
    pub fn is_met(&self, number: &impl Fn(&str) -> Option<Decimal>) -> bool {
        match self {
            Self::All(list) => list.iter().all(|having| having.is_met(number)),
            Self::Any(list) => list.iter().any(|having| having.is_met(number)),
            Self::Not(inner) => !inner.is_met(number),
            Self::Compare { column, is, number: given } => number(column).is_some_and(|value| {
                let order = value.cmp(&Decimal::from(i128::from(*given)));
                match is {
                    Comparison::Equal => order.is_eq(),
                    Comparison::Greater => order.is_gt(),
                    Comparison::GreaterOrEqual => order.is_ge(),
                    Comparison::Less => order.is_lt(),
                    Comparison::LessOrEqual => order.is_le(),
                    Comparison::NotEqual => order.is_ne(),
                }
            }),
        }
    }
}
