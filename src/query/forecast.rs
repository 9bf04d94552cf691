//! What a query will cost and how wide its answers will be; free, and exact.

use serde::{Serialize, Serializer};

use super::{ColumnKind, Plan, Probability};
use crate::dp::{self, Accounting, Mechanism, Noisy, Sensitivity, Spread, rank_half_width, ratio_interval};
use crate::types::{Decimal, Denomination, NanoEpsilon, exact};

/// What of one part may be known before it is paid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PartForecast {
    /// The item that shows exactly this, such as `COUNT(*)` or `SUM(spend)`.
    pub name: String,
    /// Whether it was not asked for and is paid only to apply the study's `min_people`.
    pub hidden: bool,
    /// Every cell is within this of the exact number, with the forecast's confidence.
    pub half_width: u64,
    /// The charge of the part, in units of the pool.
    #[serde(serialize_with = "exact::amount")]
    pub cost: u128,
    /// The noise, with its exact parameter.
    pub mechanism: Mechanism,
    /// How far one person moves all of its numbers together: Gaussian noise is calibrated to the L2 norm, Laplace noise to the L1 norm.
    pub sensitivity: Sensitivity,
    /// What the half-width is shown in, if it is one of amounts of a declared unit; it is counted in minor units.
    #[serde(skip)]
    pub denomination: Option<Denomination>,
}

/// What the width of a computed number is counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum WidthUnit {
    /// The unit of the measure.
    Value,
    /// Percent of the people of the cell: the share up to the shown quantile is within this of the level.
    PercentOfPeople,
}

/// The width of a computed number in a cell of a given size.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Width {
    /// The people of the cell who have a value.
    pub people: u64,
    /// Half of the interval at most, rounded up; `None` where the interval would be the whole range.
    #[serde(serialize_with = "as_text")]
    pub half_width: Option<Decimal>,
}

/// An average or a quantile: its width depends on how many people are in the cell, which is unknown before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ColumnForecast {
    /// The shown name.
    pub name: String,
    /// What the widths are counted in.
    pub unit: WidthUnit,
    /// The widths at growing sizes.
    pub widths: Vec<Width>,
    /// What widths of values are shown in, if they are amounts of a declared unit; they are counted in minor units.
    #[serde(skip)]
    pub denomination: Option<Denomination>,
}

/// What of a query may be known before it is paid; the later charge is the same claim and so the same cost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Forecast {
    /// The canonical query with its price.
    pub question: String,
    /// The charge, in units of the pool.
    #[serde(serialize_with = "exact::amount")]
    pub cost: u128,
    /// How the pool counts.
    pub accounting: Accounting,
    /// The epsilon of this query alone, rounded up; in a zCDP pool such epsilons do not simply add up.
    #[serde(serialize_with = "as_number")]
    pub epsilon: NanoEpsilon,
    /// The probability of the half-widths.
    pub confidence: Probability,
    /// What is released in every cell.
    pub parts: Vec<PartForecast>,
    /// How wide averages and quantiles will be.
    pub computed: Vec<ColumnForecast>,
    /// How many cells are released.
    pub cells: usize,
    /// How many people one person can move.
    pub reach: u32,
    /// Why: through which relations.
    pub reach_because: String,
}

#[expect(clippy::cast_precision_loss, reason = "shown, never charged")]
fn as_number<S: Serializer>(epsilon: &NanoEpsilon, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(epsilon.get() as f64 / 1e9)
}

#[expect(clippy::ref_option, reason = "the signature that serde calls")]
fn as_text<S: Serializer>(width: &Option<Decimal>, serializer: S) -> Result<S::Ok, S::Error> {
    match width {
        Some(width) => serializer.collect_str(width),
        None => serializer.serialize_none(),
    }
}

/// The sizes of cells at which widths are shown.
const SIZES: [u64; 4] = [100, 1_000, 10_000, 100_000];

/// The widths of a computed column, if it is one.
fn computed(plan: &Plan, column: &super::Column, confidence: dp::Confidence) -> Option<ColumnForecast> {
    let spread =
        |part: usize| plan.claim().parts.get(part).map(|part| Spread::of(&part.mechanism, confidence));
    let at = |half_width: &dyn Fn(u64) -> Option<Decimal>| {
        SIZES.map(|people| Width { people, half_width: half_width(people) }).to_vec()
    };
    let (unit, widths) = match &column.kind {
        ColumnKind::Number { .. } | ColumnKind::Tag(_) => return None,
        ColumnKind::Average { sum, count, range } => {
            let (sum, count) = (spread(*sum)?, spread(*count)?);
            // The interval is widest where the mean is furthest from zero.
            let mean = if range.1.unsigned_abs() >= range.0.unsigned_abs() { range.1 } else { range.0 };
            let half_width = |people: u64| {
                let value = i128::from(mean) * i128::from(people);
                let (top, bottom) =
                    (Noisy { value, spread: sum }, Noisy { value: i128::from(people), spread: count });
                let (low, high) = ratio_interval(top, bottom)?;
                Some(Decimal::ceil((high - low) / 2.0))
            };
            (WidthUnit::Value, at(&half_width))
        }
        ColumnKind::Quantile { part, level, ranges } => {
            let spread = spread(*part)?;
            let half_width = |people| {
                let share = rank_half_width(ranges.len(), people, spread, level.thousandths());
                (share < 1000.0).then(|| Decimal::ceil(share / 10.0))
            };
            (WidthUnit::PercentOfPeople, at(&half_width))
        }
    };
    let denomination = column.denomination.clone().filter(|_| unit == WidthUnit::Value);
    Some(ColumnForecast { name: column.name.clone(), unit, widths, denomination })
}

impl Forecast {
    /// The same forecast, with amounts shown in the minor units in which they are counted.
    #[must_use]
    pub fn in_minor_units(mut self) -> Self {
        self.parts.iter_mut().for_each(|part| part.denomination = None);
        self.computed.iter_mut().for_each(|column| column.denomination = None);
        self
    }

    pub(super) fn of(plan: &Plan) -> Self {
        let shown = dp::Confidence::from(plan.confidence());
        let part = |(planned, part): (&super::PlannedPart, &dp::Part)| {
            PartForecast {
                name: planned.name.clone(),
                hidden: planned.hidden,
                half_width: part.mechanism.half_width(shown),
                // The plan exists, so every part has a cost.
                cost: part.mechanism.cost_units(part.sensitivity, plan.accounting).unwrap_or(u128::MAX),
                mechanism: part.mechanism,
                sensitivity: part.sensitivity,
                denomination: planned.denomination.clone(),
            }
        };
        Self {
            question: plan.question().to_owned(),
            cost: plan.cost(),
            accounting: plan.accounting,
            epsilon: plan.accounting.epsilon(plan.cost()),
            confidence: plan.confidence(),
            parts: plan.parts().iter().zip(&plan.claim().parts).map(part).collect(),
            computed: plan.columns().iter().filter_map(|column| computed(plan, column, shown)).collect(),
            cells: plan.cells(),
            reach: plan.reach().people,
            reach_because: plan.reach().to_string(),
        }
    }
}
