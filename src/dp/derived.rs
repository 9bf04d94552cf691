//! Intervals of numbers that are computed from released ones: sums, ratios and quantiles.
//!
//! Every interval inverts a test. The candidate that is the truth is rejected only when a weighted sum of independent
//! noises leaves its own interval, so the set of candidates that are not rejected covers the truth as often as that
//! interval covers the sum. [`combined_half_width`] bounds such sums; `tests/privacy/coverage.rs` measures how often it holds.

use crate::dp::interval::Confidence;
use crate::dp::{Mechanism, interval};

/// How far the noise of one mechanism spreads at one confidence: its own half-width, with half a step of the lattice, and
/// that of a normal distribution of its variance.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spread {
    own: f64,
    normal: f64,
}

impl Spread {
    /// The spread of `mechanism`'s noise.
    #[must_use]
    pub fn of(mechanism: &Mechanism, confidence: Confidence) -> Self {
        Self {
            own: interval::as_float(mechanism.half_width(confidence)) + 0.5,
            normal: interval::two_sided_quantile(confidence) * mechanism.deviation(),
        }
    }
}

/// A released number with the spread of the noise that is in it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Noisy {
    /// The number as released.
    pub value: i128,
    /// The spread of its noise.
    pub spread: Spread,
}

/// Widens every result by more than the rounding of floats took from it.
const MARGIN: f64 = 1e-9;

#[expect(clippy::cast_precision_loss, reason = "shown with its margin, never charged")]
pub(crate) const fn float(value: i128) -> f64 {
    value as f64
}

/// A half-width of the sum of independent noises, each times a weight; a term is the sum of the squared weights of all
/// draws of one mechanism. Both half-widths of a [`Spread`] are added in squares, and the larger one is taken.
///
/// For Gaussian noise the first is always enough; the sum of Laplace noises is between a single one, where the first is
/// exact, and a normal one, where the second is.
#[must_use]
pub fn combined_half_width(terms: impl IntoIterator<Item = (f64, Spread)>) -> f64 {
    let (mut own, mut normal) = (0.0, 0.0);
    for (squared_weights, spread) in terms {
        own += squared_weights * spread.own * spread.own;
        normal += squared_weights * spread.normal * spread.normal;
    }
    f64::max(own, normal).sqrt() * (1.0 + MARGIN)
}

/// The interval of `numerator / denominator` for a denominator that is not below zero; `None` when the denominator
/// cannot be distinguished from zero, so that any ratio is possible.
///
/// Fieller, *Some problems in interval estimation*, 1954: a ratio r is rejected when `numerator - r denominator` is
/// further from zero than its half-width.
#[must_use]
pub fn ratio_interval(numerator: Noisy, denominator: Noisy) -> Option<(f64, f64)> {
    let (top, bottom) = (float(numerator.value), float(denominator.value));
    let first = fieller(top, bottom, numerator.spread.own, denominator.spread.own)?;
    let second = fieller(top, bottom, numerator.spread.normal, denominator.spread.normal)?;
    let (low, high) = (first.0.min(second.0), first.1.max(second.1));
    Some((low - low.abs() * MARGIN, high + high.abs() * MARGIN))
}

/// All r with (top - r bottom)^2 <= a^2 + r^2 b^2, an interval when bottom > b.
fn fieller(top: f64, bottom: f64, a: f64, b: f64) -> Option<(f64, f64)> {
    // Scaled by the denominator, so that no square overflows.
    let (ratio, a, b) = (top / bottom, a / bottom, b / bottom);
    if bottom <= 0.0 || b >= 1.0 {
        return None;
    }
    let lead = 1.0 - b * b;
    let root = (a * a * lead + ratio * ratio * b * b).sqrt();
    Some(((ratio - root) / lead, (ratio + root) / lead))
}

/// Where a quantile of a noisy histogram lies.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Quantile {
    /// The cell of the estimate.
    pub cell: usize,
    /// How far into that cell, from 0 to 1, if people were spread evenly in it.
    pub within: f64,
    /// The first cell of the interval.
    pub low: usize,
    /// Its last cell.
    pub high: usize,
}

/// The quantile at `level` thousandths of the people counted by `histogram`: the first cell up to which there are at least
/// that share of them. `None` where the number of people cannot be distinguished from 0.
///
/// For a cell i let D(i) = (1000 - level) (people up to i) - level (people above i), which never falls and is below zero
/// exactly before the quantile. The estimate is where the nearest such sequence (isotonic regression of the noisy D)
/// reaches zero. The interval leaves out a cell when D there, or in the cell before, is further on the wrong side of zero
/// than its half-width.
#[must_use]
pub fn quantile(histogram: &[i128], spread: Spread, level: u16) -> Option<Quantile> {
    let last = histogram.len().checked_sub(1)?;
    let (below, above) = (f64::from(level), f64::from(1000 - level.min(1000)));
    let total: i128 = histogram.iter().sum();
    let mut up_to = 0_i128;
    let noisy: Vec<f64> = histogram
        .iter()
        .map(|people| {
            up_to += people;
            // Integers: (1000 - level) up_to - level (total - up_to).
            float(1000 * up_to - i128::from(level) * total)
        })
        .collect();
    // With one noise the half-width grows with the root of the squared weights.
    let one = combined_half_width([(1.0, spread)]);
    let half_width = |cell: usize| {
        let (before, after) = (cell_count(cell + 1), cell_count(last - cell));
        one * (above * above * before + below * below * after).sqrt()
    };
    if noisy.last().is_none_or(|all| *all <= half_width(last)) {
        return None;
    }
    let reached = |cell: usize, at: f64| at >= -half_width(cell);
    let not_before = |cell: usize, at: f64| at <= half_width(cell);
    let first =
        noisy.iter().enumerate().find(|(cell, at)| reached(*cell, **at)).map_or(last, |(cell, _)| cell);
    let end = noisy.iter().take(last).enumerate().rev().find(|(cell, at)| not_before(*cell, **at));
    let end = end.map_or(0, |(cell, _)| cell + 1);
    let fitted = isotonic(&noisy);
    let cell = fitted.iter().position(|at| *at >= 0.0).unwrap_or(last);
    let at = fitted.get(cell).copied().unwrap_or(0.0);
    let before = cell.checked_sub(1).and_then(|cell| fitted.get(cell)).copied();
    let before = before.unwrap_or(-below * float(total)).min(0.0);
    let within = if at > before { (-before / (at - before)).clamp(0.0, 1.0) } else { 0.5 };
    Some(Quantile { cell, within, low: first.min(end).min(cell), high: first.max(end).max(cell) })
}

/// The half-width of the share of people up to the worst cell of a histogram with `people` in it, in thousandths.
#[must_use]
pub fn rank_half_width(cells: usize, people: u64, spread: Spread, level: u16) -> f64 {
    let (below, above) = (f64::from(level), f64::from(1000 - level.min(1000)));
    // The squared weights are linear in the cell, so the worst one is an end.
    let ends = [cell_count(1), cell_count(cells)];
    let worst = ends
        .map(|before| above * above * before + below * below * (cell_count(cells) - before))
        .into_iter()
        .fold(0.0, f64::max);
    combined_half_width([(worst, spread)]) / interval::as_float(people.max(1))
}

#[expect(clippy::cast_precision_loss, reason = "a grid has at most a few hundred cells")]
const fn cell_count(cells: usize) -> f64 {
    cells as f64
}

/// The sequence that never falls and is nearest to `values` in squares: neighbours that fall are pooled to their mean.
fn isotonic(values: &[f64]) -> Vec<f64> {
    let mut pools: Vec<(f64, usize)> = Vec::with_capacity(values.len());
    for value in values {
        let mut pool = (*value, 1);
        while let Some((mean, size)) = pools.pop_if(|before| before.0 > pool.0) {
            let total = mean * cell_count(size) + pool.0 * cell_count(pool.1);
            pool = (total / cell_count(size + pool.1), size + pool.1);
        }
        pools.push(pool);
    }
    pools.into_iter().flat_map(|(mean, size)| std::iter::repeat_n(mean, size)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::Ratio;

    fn gaussian(sigma_squared: u128) -> Mechanism {
        Mechanism::gaussian(Ratio::new(sigma_squared, 1).unwrap()).unwrap()
    }

    fn spread(sigma_squared: u128) -> Spread {
        Spread::of(&gaussian(sigma_squared), Confidence::DEFAULT)
    }

    fn noisy(value: i128, sigma_squared: u128) -> Noisy {
        Noisy { value, spread: spread(sigma_squared) }
    }

    #[test]
    fn a_ratio_is_inside_its_interval_and_a_denominator_near_zero_gives_the_whole_range() {
        let (low, high) = ratio_interval(noisy(5_000, 10_000), noisy(1_000, 100)).unwrap();
        assert!(low < 5.0 && 5.0 < high && high - low < 0.5, "{low} {high}");
        // A denominator without noise to speak of: the interval of the numerator, divided.
        let (low, high) = ratio_interval(noisy(0, 10_000), noisy(1_000_000, 1)).unwrap();
        let half = (gaussian(10_000).half_width(Confidence::DEFAULT) as f64 + 0.5) / 1e6;
        assert!((high - half).abs() < 1e-8 && (low + half).abs() < 1e-8, "{low} {high} {half}");
        for denominator in [-500, 0, 19] {
            assert_eq!(ratio_interval(noisy(5, 100), noisy(denominator, 100)), None);
        }
        let huge = ratio_interval(noisy(1 << 110, 1), noisy(1 << 47, 1)).unwrap();
        assert!(huge.0.is_finite() && huge.1.is_finite());
    }

    #[test]
    fn a_quantile_is_the_first_cell_that_reaches_its_share() {
        let median = |histogram: &[i128]| quantile(histogram, spread(1), 500).unwrap();
        let middle = median(&[1_000, 1_000, 2_000_000, 1_000]);
        assert_eq!((middle.cell, middle.low, middle.high), (2, 2, 2));
        assert!((middle.within - 0.5).abs() < 1e-3);
        // Exactly half lie in the first cell: the quantile is there, and the noise leaves the next one open.
        let edge = median(&[1_000, 1_000]);
        assert_eq!((edge.cell, edge.low, edge.high), (0, 0, 1));
        let all = quantile(&[0, 0, 500_000], spread(1), 1).unwrap();
        assert_eq!((all.cell, all.low, all.high), (2, 2, 2));
        for empty in [&[-3, 2, 4][..], &[-1, -1], &[]] {
            assert_eq!(quantile(empty, spread(1), 500), None);
        }
    }

    #[test]
    fn falling_neighbours_are_pooled() {
        assert_eq!(isotonic(&[1.0, 3.0, 2.0, 2.0, 5.0]), [1.0, 7.0 / 3.0, 7.0 / 3.0, 7.0 / 3.0, 5.0]);
        assert_eq!(isotonic(&[3.0, 2.0, 1.0]), [2.0, 2.0, 2.0]);
        assert_eq!(isotonic(&[]), Vec::<f64>::new());
    }

    #[test]
    fn the_share_of_people_gets_sharper_with_their_number() {
        let width = |people| rank_half_width(10, people, spread(100), 500);
        assert!((width(1_000) / width(100_000) - 100.0).abs() < 1e-6);
    }
}
