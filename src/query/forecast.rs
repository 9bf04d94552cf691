//! What a question will cost and how wide its answers will be; free, and exact.

use serde::{Serialize, Serializer};

use super::{ColumnKind, Plan, Probability};
use crate::dp::{self, Accounting, Mechanism, Noisy, Spread, epsilon_of, rank_half_width, ratio_interval};
use crate::types::{Decimal, Denomination, NanoEpsilon, NanoRho};

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
    pub cost: u128,
    /// `discrete-gaussian` or `discrete-laplace`.
    pub mechanism: &'static str,
    /// Sigma squared or the scale, exactly.
    pub parameter: String,
    /// The L2 sensitivity squared of Gaussian noise, the L1 sensitivity of Laplace noise.
    pub sensitivity: String,
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
    /// Half of the interval at most, rounded up; `None` where the interval would tell nothing.
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

/// What of a question may be known before it is paid; the later charge is the same claim and so the same cost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Forecast {
    /// The canonical question with its price.
    pub question: String,
    /// The charge, in `unit`.
    pub cost: u128,
    /// `nano_rho` or, in a pure pool, `nano_epsilon`.
    pub unit: &'static str,
    /// The epsilon of this question alone, rounded up; in a zCDP pool such epsilons do not simply add up.
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

/// The sizes of cells at which widths are told.
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
            let (mechanism, parameter, sensitivity) = match part.mechanism {
                Mechanism::DiscreteGaussian(noise) => {
                    ("discrete-gaussian", noise.sigma_squared(), part.sensitivity.l2_squared)
                }
                Mechanism::DiscreteLaplace(noise) => ("discrete-laplace", noise.scale(), part.sensitivity.l1),
            };
            PartForecast {
                name: planned.name.clone(),
                hidden: planned.hidden,
                half_width: part.mechanism.half_width(shown),
                // The plan exists, so every part has a cost.
                cost: part.mechanism.cost_units(part.sensitivity, plan.accounting).unwrap_or(u128::MAX),
                mechanism,
                parameter: parameter.to_string(),
                sensitivity: sensitivity.to_string(),
                denomination: planned.denomination.clone(),
            }
        };
        let (unit, epsilon) = match plan.accounting {
            Accounting::Pure => ("nano_epsilon", NanoEpsilon::new(plan.cost())),
            Accounting::Zcdp { delta } => ("nano_rho", epsilon_of(NanoRho::new(plan.cost()), delta)),
        };
        Self {
            question: plan.question().to_owned(),
            cost: plan.cost(),
            unit,
            epsilon,
            confidence: plan.confidence(),
            parts: plan.parts().iter().zip(&plan.claim().parts).map(part).collect(),
            computed: plan.columns().iter().filter_map(|column| computed(plan, column, shown)).collect(),
            cells: plan.cells(),
            reach: plan.reach().people,
            reach_because: plan.reach().to_string(),
        }
    }
}
