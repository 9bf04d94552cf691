//! Noise together with what it costs and how wide it is.

use crate::dp::interval::{self, Confidence};
use crate::dp::{Delta, DiscreteGaussian, DiscreteLaplace, Sensitivity, epsilon_of, rho_of_pure};
use crate::types::amount::NANO;
use crate::types::{NanoEpsilon, NanoRho, Ratio};
use rand::Rng;
use rand_distr::Distribution;

/// Where a parameter below 1 is needed, it is a number of thousandths.
const FINEST: u64 = 1_000;

/// The largest sigma squared, and the largest scale, among which an error is searched.
const SEARCHED: (u64, u64) = (1 << 40, 1 << 57);

/// Noise that cannot be drawn exactly, or was asked for by an impossible figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NoiseError {
    /// An error of nothing.
    #[error("the error must be at least 1")]
    NoError,
    /// A cost of nothing.
    #[error("the cost must be above 0")]
    NoCost,
    /// Sigma is large and no integer.
    #[error("above 2^20 sigma must be an integer")]
    SigmaNotInteger,
    /// The parameter's numerator or denominator has too many digits.
    #[error("the noise parameter has too many digits for exact noise")]
    TooFine,
    /// The noise would be wider than exact 64-bit noise can be.
    #[error("the noise would be wider than 2^56")]
    TooWide,
}

/// A release that has no price in its pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CostError {
    /// Gaussian noise has no pure epsilon.
    #[error("a pure pool takes discrete Laplace noise only")]
    GaussianInPurePool,
    /// The cost does not fit 128 bits.
    #[error("the cost is too large for exact accounting")]
    TooLarge,
}

/// How a pool counts what is spent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Accounting {
    /// In nano-epsilon.
    Pure,
    /// In nano-rho; `delta` is used only where an epsilon is given or shown.
    Zcdp {
        /// The failure chance at which epsilons are given and shown.
        delta: Delta,
    },
}

impl Accounting {
    /// Units of the pool as an epsilon, rounded up.
    #[must_use]
    pub fn epsilon(self, units: u128) -> NanoEpsilon {
        match self {
            Self::Pure => NanoEpsilon::new(units),
            Self::Zcdp { .. } if units == 0 => NanoEpsilon::ZERO,
            Self::Zcdp { delta } => epsilon_of(NanoRho::new(units), delta),
        }
    }

    /// The delta at which epsilons are given and shown; a pure pool has none.
    #[must_use]
    pub const fn delta(self) -> Option<Delta> {
        match self {
            Self::Pure => None,
            Self::Zcdp { delta } => Some(delta),
        }
    }

    /// The name of the pool's units: `nano_epsilon` or `nano_rho`.
    #[must_use]
    pub const fn unit(self) -> &'static str {
        match self {
            Self::Pure => "nano_epsilon",
            Self::Zcdp { .. } => "nano_rho",
        }
    }
}

const GAUSSIAN: &str = "discrete-gaussian";
const LAPLACE: &str = "discrete-laplace";

/// The noise of a release.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mechanism {
    /// The default, in zCDP pools.
    DiscreteGaussian(DiscreteGaussian),
    /// In pure pools, and possible in zCDP pools.
    DiscreteLaplace(DiscreteLaplace),
}

impl serde::Serialize for Mechanism {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct as _;
        let mut all = serializer.serialize_struct("Mechanism", 2)?;
        all.serialize_field("name", self.name())?;
        all.serialize_field("parameter", &self.parameter())?;
        all.end()
    }
}

impl Mechanism {
    /// `discrete-gaussian` or `discrete-laplace`.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::DiscreteGaussian(_) => GAUSSIAN,
            Self::DiscreteLaplace(_) => LAPLACE,
        }
    }

    /// Sigma squared of Gaussian noise, the scale of Laplace noise.
    #[must_use]
    pub const fn parameter(&self) -> Ratio {
        match self {
            Self::DiscreteGaussian(noise) => noise.sigma_squared(),
            Self::DiscreteLaplace(noise) => noise.scale(),
        }
    }

    /// The noise of this name and parameter; `None` for another name, and for a parameter that has no noise.
    #[must_use]
    pub fn named(name: &str, parameter: Ratio) -> Option<Self> {
        match name {
            GAUSSIAN => Self::gaussian(parameter).ok(),
            LAPLACE => Self::laplace(parameter).ok(),
            _ => None,
        }
    }

    /// Discrete Gaussian noise.
    ///
    /// # Errors
    /// As [`DiscreteGaussian::new`].
    pub fn gaussian(sigma_squared: Ratio) -> Result<Self, NoiseError> {
        DiscreteGaussian::new(sigma_squared).map(Self::DiscreteGaussian)
    }

    /// Discrete Laplace noise.
    ///
    /// # Errors
    /// As [`DiscreteLaplace::new`].
    pub fn laplace(scale: Ratio) -> Result<Self, NoiseError> {
        DiscreteLaplace::new(scale).map(Self::DiscreteLaplace)
    }

    /// The pool's kind of noise with the largest integer parameter (thousandths, where 1 is too much) whose 95 %
    /// half-width is at most `error`. Above sigma = 2^20, sigma is rounded up, so the width may be 1 or 2 above `error`.
    ///
    /// # Errors
    /// [`NoiseError::NoError`] for 0, [`NoiseError::TooWide`] beyond what can be drawn.
    pub fn for_error(error: u64, accounting: Accounting) -> Result<Self, NoiseError> {
        if error == 0 {
            return Err(NoiseError::NoError);
        }
        let pure = accounting == Accounting::Pure;
        let covers = |parameter: f64| match pure {
            true => interval::laplace_covers(parameter, error, Confidence::DEFAULT),
            false => interval::gaussian_covers(parameter, error, Confidence::DEFAULT),
        };
        let limit = if pure { SEARCHED.1 } else { SEARCHED.0 };
        let parameter = if !covers(1.0) {
            let thousandths = largest(FINEST, |p| covers(interval::as_float(p) / interval::as_float(FINEST)));
            ratio(thousandths, FINEST)?
        } else if !covers(interval::as_float(limit)) {
            ratio(largest(limit, |p| covers(interval::as_float(p))), 1)?
        } else if pure {
            return Err(NoiseError::TooWide);
        } else {
            let sigma = u128::from(interval::gaussian_sigma(error, Confidence::DEFAULT));
            Ratio::new(sigma * sigma, 1).ok_or(NoiseError::TooWide)?
        };
        Self::of(accounting, parameter)
    }

    /// The pool's kind of noise with the smallest integer parameter (thousandths, where 1 is more than needed) whose
    /// charge is at most `units` of the pool.
    ///
    /// # Errors
    /// [`NoiseError::NoCost`] for 0, [`NoiseError::TooWide`] beyond what can be drawn.
    pub fn for_cost(
        units: u128,
        sensitivity: Sensitivity,
        accounting: Accounting,
    ) -> Result<Self, NoiseError> {
        if units == 0 {
            return Err(NoiseError::NoCost);
        }
        // No pool has 2^120 units; the cap keeps the divisor within the range of the division.
        let units = units.min(1 << 120);
        let (size, divisor) = match accounting {
            Accounting::Pure => (sensitivity.l1, units),
            Accounting::Zcdp { .. } => (sensitivity.l2_squared, 2 * units),
        };
        let needed =
            |parts: u64| multiply_divide_up(size, NANO * u128::from(parts), divisor).map(|part| part.max(1));
        let (needed, parts) = match needed(FINEST) {
            Some(thousandths) if thousandths < FINEST.into() => (thousandths, FINEST),
            _ => (needed(1).ok_or(NoiseError::TooWide)?, 1),
        };
        let parameter = Ratio::new(needed, parts.into()).ok_or(NoiseError::TooFine)?;
        Self::of(accounting, parameter)
    }

    /// The pool's kind of noise with that parameter, a large sigma rounded up.
    fn of(accounting: Accounting, parameter: Ratio) -> Result<Self, NoiseError> {
        match accounting {
            Accounting::Pure => Self::laplace(parameter),
            Accounting::Zcdp { .. } => DiscreteGaussian::rounded_up(parameter).map(Self::DiscreteGaussian),
        }
    }

    /// The charge for numbers of these sensitivity: nano-rho in a zCDP pool, nano-epsilon in a pure one, rounded up.
    ///
    /// # Errors
    /// [`CostError`]
    ///
    /// # Privacy
    /// rho = L2^2 / (2 sigma^2), epsilon = L1 / scale; a pure epsilon is (epsilon^2 / 2)-zCDP.
    pub fn cost_units(&self, sensitivity: Sensitivity, accounting: Accounting) -> Result<u128, CostError> {
        let cost = match (self, accounting) {
            (Self::DiscreteGaussian(_), Accounting::Pure) => return Err(CostError::GaussianInPurePool),
            (Self::DiscreteGaussian(noise), Accounting::Zcdp { .. }) => {
                let (p, q) = (noise.sigma_squared().numerator(), noise.sigma_squared().denominator());
                NANO.checked_mul(q)
                    .and_then(|factor| multiply_divide_up(sensitivity.l2_squared, factor, p.checked_mul(2)?))
            }
            (Self::DiscreteLaplace(noise), Accounting::Pure) => nano_epsilon(noise, sensitivity),
            (Self::DiscreteLaplace(noise), Accounting::Zcdp { .. }) => nano_epsilon(noise, sensitivity)
                .and_then(|nano| Some(rho_of_pure(NanoEpsilon::new(nano))?.get())),
        };
        cost.ok_or(CostError::TooLarge)
    }

    /// One draw of the noise.
    ///
    /// # Privacy
    /// Private only with a generator that no one can predict or restore.
    pub fn draw<R: Rng + ?Sized>(&self, rng: &mut R) -> i64 {
        match self {
            Self::DiscreteGaussian(noise) => noise.sample(rng),
            Self::DiscreteLaplace(noise) => noise.sample(rng),
        }
    }

    /// `count` independent draws.
    ///
    /// # Privacy
    /// As [`Mechanism::draw`].
    pub fn draws<R: Rng + ?Sized>(&self, count: usize, rng: &mut R) -> Vec<i64> {
        match self {
            Self::DiscreteGaussian(noise) => (0..count).map(|_| noise.sample(rng)).collect(),
            Self::DiscreteLaplace(noise) => (0..count).map(|_| noise.sample(rng)).collect(),
        }
    }

    /// The standard deviation, not below the true one; shown, never charged.
    #[must_use]
    pub fn deviation(&self) -> f64 {
        match self {
            Self::DiscreteGaussian(noise) => as_float(noise.sigma_squared()).sqrt(),
            Self::DiscreteLaplace(noise) => as_float(noise.scale()) * std::f64::consts::SQRT_2,
        }
    }

    /// The smallest k with P(|noise| <= k) >= confidence.
    #[must_use]
    pub fn half_width(&self, confidence: Confidence) -> u64 {
        match self {
            Self::DiscreteGaussian(noise) => {
                interval::gaussian_half_width(as_float(noise.sigma_squared()), confidence)
            }
            Self::DiscreteLaplace(noise) => interval::laplace_half_width(as_float(noise.scale()), confidence),
        }
    }
}

fn nano_epsilon(noise: &DiscreteLaplace, sensitivity: Sensitivity) -> Option<u128> {
    let (t, s) = (noise.scale().numerator(), noise.scale().denominator());
    multiply_divide_up(sensitivity.l1, NANO.checked_mul(s)?, t)
}

fn ratio(numerator: u64, denominator: u64) -> Result<Ratio, NoiseError> {
    Ratio::new(numerator.into(), denominator.into()).ok_or(NoiseError::TooFine)
}

/// Close enough for widths, which are shown and never charged.
fn as_float(ratio: Ratio) -> f64 {
    ratio.numerator() as f64 / ratio.denominator() as f64
}

/// The largest integer from 1 to `limit` - 1 for which `fits` holds, given that it holds for 1 and not for `limit`.
fn largest(limit: u64, fits: impl Fn(u64) -> bool) -> u64 {
    let (mut low, mut high) = (1, limit);
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        if fits(middle) { low = middle } else { high = middle }
    }
    low
}

/// `value * factor / divisor` rounded up, or `None` when that does not fit; the product may be longer than 128 bits.
fn multiply_divide_up(value: u128, factor: u128, divisor: u128) -> Option<u128> {
    if divisor == 0 || divisor > 1 << 126 {
        return None;
    }
    let (whole, part) = (value / divisor, value % divisor);
    // INVARIANT: part * (the leading digits of factor) = quotient * divisor + rest, rest < divisor.
    let (mut quotient, mut rest) = (0_u128, 0_u128);
    for place in (0..u128::BITS - factor.leading_zeros()).rev() {
        rest = 2 * rest + if (factor >> place) & 1 == 1 { part } else { 0 };
        quotient = quotient.checked_mul(2)?.checked_add(rest / divisor)?;
        rest %= divisor;
    }
    whole.checked_mul(factor)?.checked_add(quotient)?.checked_add(u128::from(rest > 0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dp::{Contribution, Shape, epsilon_of, rho_of};
    use crate::types::NanoRho;
    use proptest::prelude::*;

    const ZCDP: Accounting = Accounting::Zcdp { delta: Delta::DEFAULT };
    const COUNT: Sensitivity = Sensitivity { l1: 1, l2_squared: 1 };

    fn gaussian(p: u128, q: u128) -> Mechanism {
        Mechanism::gaussian(Ratio::new(p, q).unwrap()).unwrap()
    }

    fn laplace(t: u128, s: u128) -> Mechanism {
        Mechanism::laplace(Ratio::new(t, s).unwrap()).unwrap()
    }

    fn parameter(mechanism: Mechanism) -> Ratio {
        match mechanism {
            Mechanism::DiscreteGaussian(noise) => noise.sigma_squared(),
            Mechanism::DiscreteLaplace(noise) => noise.scale(),
        }
    }

    #[test]
    fn costs_are_rounded_up() {
        assert_eq!(gaussian(2629, 1).cost_units(COUNT, ZCDP), Ok(190_187));
        assert_eq!(gaussian(1, 3).cost_units(COUNT, ZCDP), Ok(1_500_000_000));
        assert_eq!(gaussian(1, 1).cost_units(COUNT, Accounting::Pure), Err(CostError::GaussianInPurePool));
        assert_eq!(laplace(3, 1).cost_units(COUNT, Accounting::Pure), Ok(333_333_334));
        assert_eq!(laplace(3, 1).cost_units(COUNT, ZCDP), Ok(55_555_556));
        let wide = Sensitivity { l1: u128::MAX, l2_squared: u128::MAX };
        assert_eq!(gaussian(1 << 112, 1).cost_units(wide, ZCDP), Ok((1 << 15) * 1_000_000_000));
        assert_eq!(gaussian(1, 1).cost_units(wide, ZCDP), Err(CostError::TooLarge));
        assert_eq!(laplace(1, 1).cost_units(wide, Accounting::Pure), Err(CostError::TooLarge));
    }

    #[test]
    fn an_error_takes_the_widest_noise_within_it() {
        let chosen = |error, accounting| Mechanism::for_error(error, accounting).map(parameter);
        assert_eq!(chosen(100, ZCDP).unwrap(), Ratio::new(2629, 1).unwrap());
        for error in [1, 2, 3, 7, 20, 40, 100, 1_000, 123_456, 2_000_000] {
            for accounting in [ZCDP, Accounting::Pure] {
                let found = Mechanism::for_error(error, accounting).unwrap();
                let (p, q) = (parameter(found).numerator(), parameter(found).denominator());
                let next = if p < q { Ratio::new(p * 1_000 / q + 1, 1_000) } else { Ratio::new(p + 1, 1) };
                assert!(found.half_width(Confidence::DEFAULT) <= error, "{error} {accounting:?}");
                let next = Mechanism::of(accounting, next.unwrap()).unwrap();
                assert!(next.half_width(Confidence::DEFAULT) > error, "{error} {accounting:?}");
            }
        }
        assert!(
            chosen(1, ZCDP).unwrap().denominator() > 1
                && chosen(2, Accounting::Pure).unwrap().denominator() > 1
        );
        for error in [2_100_000, 1_000_000_007, 1 << 50] {
            let Mechanism::DiscreteGaussian(noise) = Mechanism::for_error(error, ZCDP).unwrap() else {
                panic!()
            };
            let root = noise.sigma_squared().numerator().isqrt();
            assert_eq!(root * root, noise.sigma_squared().numerator());
            let width = Mechanism::DiscreteGaussian(noise).half_width(Confidence::DEFAULT);
            assert!(width >= error && width <= error + 2, "{error} {width}");
        }
        for accounting in [ZCDP, Accounting::Pure] {
            assert_eq!(chosen(0, accounting), Err(NoiseError::NoError));
            assert_eq!(chosen(u64::MAX, accounting), Err(NoiseError::TooWide));
        }
    }

    #[test]
    fn a_cost_takes_the_narrowest_noise_within_it() {
        let spend = Sensitivity::of(Contribution { low: 0, high: 1_000_000 }, 33, Shape::Exclusive).unwrap();
        for accounting in [ZCDP, Accounting::Pure] {
            for sensitivity in [COUNT, spend, Sensitivity { l1: 3, l2_squared: 7 }] {
                for units in [1_000, 999_983, 500_000_000, 12_345_678_901, 1 << 60] {
                    let found = Mechanism::for_cost(units, sensitivity, accounting).unwrap();
                    assert!(found.cost_units(sensitivity, accounting).unwrap() <= units);
                    let (p, q) = (parameter(found).numerator(), parameter(found).denominator());
                    let less =
                        if p <= q { Ratio::new(p * 1_000 / q - 1, 1_000) } else { Ratio::new(p - 1, 1) };
                    // Above 2^40 sigma is an integer, so a smaller square need not cost more than `units`.
                    if let Some(less) = less.filter(|_| p <= 1 << 40) {
                        let less = Mechanism::of(accounting, less).unwrap();
                        assert!(
                            less.cost_units(sensitivity, accounting).unwrap() > units,
                            "{units} {sensitivity:?}"
                        );
                    }
                }
            }
            assert_eq!(Mechanism::for_cost(0, COUNT, accounting), Err(NoiseError::NoCost));
            let widest = Sensitivity { l1: u128::MAX, l2_squared: u128::MAX };
            assert_eq!(Mechanism::for_cost(1, widest, accounting), Err(NoiseError::TooWide));
            assert!(Mechanism::for_cost(u128::MAX, COUNT, accounting).is_ok());
        }
        let delta = Delta::DEFAULT;
        let rho = rho_of(NanoEpsilon::new(1_000_000_000), delta).get();
        let charged = Mechanism::for_cost(rho, COUNT, ZCDP).unwrap().cost_units(COUNT, ZCDP).unwrap();
        assert!(epsilon_of(NanoRho::new(charged), delta).get() <= 1_000_000_000);
    }

    proptest! {
        #[test]
        fn long_products_are_divided_exactly(value in 0..1_u128 << 64, factor in 0..1_u128 << 63, divisor in 1..u128::MAX >> 2, cut in 0..120_u32) {
            let divisor = (divisor >> cut).max(1);
            prop_assert_eq!(multiply_divide_up(value, factor, divisor), Some((value * factor).div_ceil(divisor)));
            // (value d) factor / d = value factor, through products of up to 253 bits
            let d = divisor >> 64;
            if d > 0 {
                prop_assert_eq!(multiply_divide_up(value * d, factor, d), Some(value * factor));
            }
        }
    }
}
