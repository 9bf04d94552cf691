//! From the stored body of an answer to what its reader sees: post-processing of noisy numbers, free.

use super::ReleaseError;
use super::body::Body;
use super::released::{
    AnswerLayout, BudgetView, Cell, ColumnSpec, NoisySelection, Part, PartUse, Released, Row,
};
use crate::dp::{Noisy, PrivacyClaim, Spread, quantile, ratio_interval};
use crate::types::{Decimal, EpochId, RecipientId, StudyId};

/// What the books say about an answer.
#[derive(Debug, Clone)]
pub struct Evidence {
    /// The budget at this time.
    pub budget: BudgetView,
    /// Whether the answer was given before.
    pub stored: bool,
    /// Its entry in the log.
    pub index: u64,
    /// A signed checkpoint that covers the entry.
    pub checkpoint: String,
    /// Whether an anchor outside the folder holds a head that covers the entry.
    pub anchored: bool,
}

pub(super) fn render(
    body: &Body,
    claim: &PrivacyClaim,
    layout: &AnswerLayout,
    evidence: Evidence,
) -> Result<Released, ReleaseError> {
    let numbers = Numbers::new(body, claim, layout);
    let parts = body.parts.iter().zip(&numbers.half_widths).enumerate().map(|(place, (part, half_width))| {
        let (mechanism, sensitivity) = part.noise()?;
        Ok(Part { columns: columns_of(place, layout), mechanism, sensitivity, half_width: *half_width })
    });
    let rows = layout.groups.iter().enumerate().map(|(group, labels)| {
        let count = layout.counted.and_then(|part| numbers.noisy(part, group, 0));
        let few = |count: i128| layout.min_people > 0 && count < i128::from(layout.min_people);
        let suppressed = count.is_some_and(few);
        let columns = layout.columns.iter().filter(|_| !suppressed);
        let cells = columns.filter_map(|(name, holds)| numbers.cell(name, holds, group));
        Row {
            group: layout.tags.iter().cloned().zip(labels.iter().cloned()).collect(),
            cells: cells.collect(),
            suppressed,
        }
    });
    Ok(Released {
        question: body.question.clone(),
        study: StudyId::new(&body.study).map_err(|_| ReleaseError::Damaged)?,
        recipient: RecipientId::new(&body.recipient).map_err(|_| ReleaseError::Damaged)?,
        epoch: EpochId::new(&body.epoch).map_err(|_| ReleaseError::Damaged)?,
        policy: body.policy.clone(),
        columns: layout.columns.iter().map(|(name, _)| name.clone()).collect(),
        order: layout.order.clone(),
        denominations: layout.denominations.clone(),
        rows: rows.collect(),
        selected_on: numbers.near(layout).then_some(NoisySelection::MinPeople).into_iter().collect(),
        confidence: layout.confidence,
        reach: body.reach,
        parts: parts.collect::<Result<_, ReleaseError>>()?,
        units: body.units.parse().map_err(|_| ReleaseError::Damaged)?,
        budget: evidence.budget,
        stored: evidence.stored,
        index: evidence.index,
        checkpoint: evidence.checkpoint,
        anchored: evidence.anchored,
    })
}

/// The columns that are computed from a part, in their order.
fn columns_of(place: usize, layout: &AnswerLayout) -> Vec<(String, PartUse)> {
    let used = layout.columns.iter().filter_map(|(name, holds)| {
        let used = match holds {
            ColumnSpec::Number { part, .. } if *part == place => PartUse::Number,
            ColumnSpec::Average { sum, .. } if *sum == place => PartUse::Sum,
            ColumnSpec::Average { count, .. } if *count == place => PartUse::Count,
            ColumnSpec::Quantile { part, .. } if *part == place => PartUse::Histogram,
            _ => return None,
        };
        Some((name.clone(), used))
    });
    used.collect()
}

/// The noisy numbers of an answer, and the noise that is in them.
struct Numbers {
    /// All numbers of each part, group by group.
    values: Vec<Vec<i128>>,
    /// How many numbers each part has in a group.
    widths: Vec<usize>,
    spreads: Vec<Spread>,
    half_widths: Vec<u64>,
}

impl Numbers {
    fn new(body: &Body, claim: &PrivacyClaim, layout: &AnswerLayout) -> Self {
        let groups = layout.groups.len().max(1);
        Self {
            values: body.parts.iter().map(super::body::BodyPart::numbers).collect(),
            widths: claim.parts.iter().map(|part| part.cells / groups).collect(),
            spreads: claim.parts.iter().map(|part| Spread::of(&part.mechanism, layout.confidence)).collect(),
            half_widths: claim
                .parts
                .iter()
                .map(|part| part.mechanism.half_width(layout.confidence))
                .collect(),
        }
    }

    /// The numbers of one part in one group.
    fn group(&self, part: usize, group: usize) -> Option<&[i128]> {
        let width = *self.widths.get(part)?;
        let start = group.checked_mul(width)?;
        self.values.get(part)?.get(start..start.checked_add(width)?)
    }

    fn noisy(&self, part: usize, group: usize, offset: usize) -> Option<i128> {
        self.group(part, group)?.get(offset).copied()
    }

    /// Whether the noise of a row may have decided that the row is suppressed or shown: its interval reaches below `min_people`.
    fn near(&self, layout: &AnswerLayout) -> bool {
        let Some(part) = layout.counted.filter(|_| layout.min_people > 0) else { return false };
        let half = self.half_widths.get(part).copied().map_or(0, i128::from);
        let reaches = |count: i128| count - half < i128::from(layout.min_people);
        (0..layout.groups.len()).filter_map(|group| self.noisy(part, group, 0)).any(reaches)
    }

    fn cell(&self, name: &str, holds: &ColumnSpec, group: usize) -> Option<Cell> {
        let mut relative_error = None;
        let (estimate, unbiased, noisy, low, high) = match holds {
            ColumnSpec::Number { part, offset, feasible } => {
                let noisy = self.noisy(*part, group, *offset)?;
                let half = i128::from(*self.half_widths.get(*part)?);
                // No count is below zero, and no sum of what is not negative; limiting it is post-processing and costs nothing.
                let shown = |value: i128| Decimal::from(feasible.limit(value));
                relative_error = relative(half.into(), shown(noisy));
                (
                    Some(shown(noisy)),
                    Some(noisy.into()),
                    Some(noisy),
                    shown(noisy - half),
                    shown(noisy + half),
                )
            }
            ColumnSpec::Average { sum, count, range } => {
                let number = |part: usize| {
                    Some(Noisy { value: self.noisy(part, group, 0)?, spread: *self.spreads.get(part)? })
                };
                let (sum, count) = (number(*sum)?, number(*count)?);
                let (least, most) = (Decimal::from(i128::from(range.0)), Decimal::from(i128::from(range.1)));
                match ratio_interval(sum, count) {
                    Some((low, high)) => {
                        let mean = Decimal::of_fraction(sum.value, count.value)?;
                        let held = |value: Decimal| value.clamp(least, most);
                        let (low, high) = (Decimal::floor(low), Decimal::ceil(high));
                        relative_error = relative(half(low, high), mean);
                        (Some(held(mean)), Some(mean), None, held(low), held(high))
                    }
                    None => (None, None, None, least, most),
                }
            }
            ColumnSpec::Quantile { part, level, ranges } => {
                let (histogram, spread) = (self.group(*part, group)?, *self.spreads.get(*part)?);
                let whole = |value: i64| Decimal::from(i128::from(value));
                match quantile(histogram, spread, *level) {
                    Some(found) => {
                        let (low, high) = (ranges.get(found.low)?.0, ranges.get(found.high)?.1);
                        let estimate = between(*ranges.get(found.cell)?, found.within);
                        relative_error = relative(half(whole(low), whole(high)), estimate);
                        (Some(estimate), None, None, whole(low), whole(high))
                    }
                    None => (None, None, None, whole(ranges.first()?.0), whole(ranges.last()?.1)),
                }
            }
        };
        Some(Cell { name: name.to_owned(), estimate, unbiased, relative_error, noisy, low, high })
    }
}

/// Half the distance of two ends, rounded up.
const fn half(low: Decimal, high: Decimal) -> Decimal {
    Decimal::of_thousandths(high.thousandths().saturating_sub(low.thousandths()).saturating_add(1) / 2)
}

/// How large `half_width` is in percent of the size of `value`, rounded up to a tenth; `None` for zero.
fn relative(half_width: Decimal, value: Decimal) -> Option<Decimal> {
    let (half, size) = (half_width.thousandths().unsigned_abs(), value.thousandths().unsigned_abs());
    let tenths = half.checked_mul(1000)?.checked_add(size.checked_sub(1)?)?.checked_div(size)?;
    Some(Decimal::of_thousandths(i128::try_from(tenths).ok()?.checked_mul(100)?))
}

/// The whole number that is `share` of the way from the first to the second.
#[expect(clippy::cast_precision_loss, reason = "an estimate, shown beside its interval")]
fn between((low, high): (i64, i64), share: f64) -> Decimal {
    let way = Decimal::floor((i128::from(high) - i128::from(low)) as f64 * share);
    Decimal::from((i128::from(low) + way.thousandths() / 1000).min(i128::from(high)))
}

#[cfg(test)]
#[path = "render_tests.rs"]
mod tests;
