//! Conversions between zCDP, pure and approximate differential privacy, rounded to the safe side.
//!
//! Canonne, Kamath, Steinke, arXiv 2004.00010, Proposition 12: a rho-zCDP mechanism is (epsilon, delta)-differentially
//! private for every alpha > 1 with delta = exp((alpha - 1)(alpha rho - epsilon)) / (alpha - 1) (1 - 1/alpha)^alpha.
//! Floats from `libm`, so that every machine converts alike; any alpha is valid, so only rounding needs a margin.

use crate::types::amount::NANO;
use crate::types::{NanoEpsilon, NanoRho};
use std::fmt;
use std::str::FromStr;

/// Above the rounding error of [`epsilon_at`] relative to its largest term, far below the 1e-6 allowed.
const MARGIN: f64 = 1e-12;

/// The failure chance of approximate differential privacy, between 0 and 1 exclusively.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, serde::Serialize)]
#[serde(transparent)]
pub struct Delta(f64);

impl Eq for Delta {}

/// A delta that is not between 0 and 1.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{given}` is not a delta: use a number between 0 and 1, such as 1e-12")]
pub struct InvalidDelta {
    given: String,
}

impl Delta {
    /// 1e-12.
    pub const DEFAULT: Self = Self(1e-12);

    /// The delta of that value.
    ///
    /// # Errors
    /// [`InvalidDelta`] outside the open interval from 0 to 1.
    pub fn new(value: f64) -> Result<Self, InvalidDelta> {
        if value > 0.0 && value < 1.0 {
            Ok(Self(value))
        } else {
            Err(InvalidDelta { given: value.to_string() })
        }
    }

    /// The value.
    #[must_use]
    pub const fn get(self) -> f64 {
        self.0
    }
}

impl FromStr for Delta {
    type Err = InvalidDelta;
    fn from_str(text: &str) -> Result<Self, InvalidDelta> {
        let value = text.parse().ok().and_then(|value| Self::new(value).ok());
        value.ok_or_else(|| InvalidDelta { given: text.chars().take(80).collect() })
    }
}

impl fmt::Display for Delta {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:e}", self.0)
    }
}

/// The smallest epsilon that the tight conversion gives for `rho` at `delta`, rounded up.
#[must_use]
pub fn epsilon_of(rho: NanoRho, delta: Delta) -> NanoEpsilon {
    if rho == NanoRho::ZERO {
        return NanoEpsilon::ZERO;
    }
    let (epsilon, size, _) = epsilon_at(to_units(rho.get()), delta);
    NanoEpsilon::new(ceil_to_nano(epsilon + MARGIN * size))
}

/// The largest rho that [`epsilon_of`] converts to at most `epsilon`.
#[must_use]
pub fn rho_of(epsilon: NanoEpsilon, delta: Delta) -> NanoRho {
    let fits = |rho: u128| epsilon_of(NanoRho::new(rho), delta) <= epsilon;
    let guess = ceil_to_nano(guess_rho(to_units(epsilon.get()), delta));
    // INVARIANT: `low` fits; `high` does not, or is the end of the range. Zero always fits.
    let (mut low, mut high, mut step) = (guess, guess, 1_u128);
    while !fits(low) {
        high = low;
        low = low.saturating_sub(step);
        step = step.saturating_mul(2);
    }
    step = 1;
    while low == high && high < u128::MAX {
        high = high.saturating_add(step);
        step = step.saturating_mul(2);
        if fits(high) {
            low = high;
        }
    }
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        if fits(middle) { low = middle } else { high = middle }
    }
    NanoRho::new(low)
}

/// The rho of a pure epsilon, rounded up: epsilon^2 / 2 (Bun, Steinke 2016, Proposition 1.4); `None` when it does not
/// fit.
#[must_use]
pub fn rho_of_pure(epsilon: NanoEpsilon) -> Option<NanoRho> {
    Some(NanoRho::new(epsilon.get().checked_mul(epsilon.get())?.div_ceil(2 * NANO)))
}

/// Epsilon at the best alpha, the sum of the absolute values of its terms, and that alpha.
///
/// With b = alpha - 1: epsilon = (1 + b) rho + ln(b / (1 + b)) + (ln(1/delta) - ln(1 + b)) / b, whose derivative has the
/// sign of rho b^2 + ln(1 + b) - ln(1/delta), which rises with b.
fn epsilon_at(rho: f64, delta: Delta) -> (f64, f64, f64) {
    let surprise = -libm::log(delta.0);
    let (mut low, mut high) = (0.0, (surprise / rho).sqrt().min(libm::expm1(surprise)));
    // The minimum is flat: an error of 1e-7 in b moves epsilon by about 1e-14 of itself.
    while high - low > 1e-7 * high {
        let middle = 0.5 * (low + high);
        if rho * middle * middle + libm::log1p(middle) < surprise { low = middle } else { high = middle }
    }
    let b = high;
    let (linear, shrink, tail) = ((1.0 + b) * rho, -libm::log1p(1.0 / b), (surprise - libm::log1p(b)) / b);
    (linear + shrink + tail, linear - shrink + surprise / b, 1.0 + b)
}

/// Near the rho whose epsilon is `epsilon`: Newton from below, as epsilon is concave in rho with slope alpha.
fn guess_rho(epsilon: f64, delta: Delta) -> f64 {
    let surprise = -libm::log(delta.0);
    // epsilon <= rho + 2 sqrt(rho ln(1/delta)) solved for rho, without cancellation
    let root = epsilon / ((surprise + epsilon).sqrt() + surprise.sqrt());
    let mut rho = root * root;
    for _ in 0..6 {
        if rho > 0.0 {
            let (value, _, slope) = epsilon_at(rho, delta);
            rho += (epsilon - value) / slope;
        }
    }
    rho
}

fn to_units(nano: u128) -> f64 {
    nano as f64 / NANO as f64
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "`as` rounds towards zero after `ceil`, takes negative values to 0 and stops at the largest integer"
)]
fn ceil_to_nano(units: f64) -> u128 {
    (units * 1e9).ceil() as u128
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn deltas_are_between_zero_and_one_and_print_as_written() {
        for text in ["1e-12", "1e-5", "2.5e-7", "5e-1", "1e-300"] {
            assert_eq!(text.parse::<Delta>().unwrap().to_string(), text);
        }
        assert_eq!("0.000001".parse::<Delta>().unwrap().to_string(), "1e-6");
        for text in ["0", "1", "-1e-5", "nan", "inf", "", "x", "1e-400", "1e400"] {
            assert!(text.parse::<Delta>().is_err(), "{text}");
        }
    }

    #[test]
    fn pure_epsilon_is_rounded_up() {
        let rho = |nano| rho_of_pure(NanoEpsilon::new(nano)).map(NanoRho::get);
        assert_eq!(rho(1), Some(1));
        assert_eq!(rho(1_000_000_000), Some(500_000_000));
        assert_eq!(rho(1_000_000_001), Some(500_000_002));
        assert_eq!(rho(u128::MAX), None);
    }

    #[test]
    fn extremes_end() {
        for delta in [Delta(1e-300), Delta::DEFAULT, Delta(0.5), Delta(1.0 - 1e-15)] {
            for nano in [0, 1, 1_000, u128::from(u64::MAX), u128::MAX / 2, u128::MAX] {
                let epsilon = epsilon_of(NanoRho::new(nano), delta);
                assert!(epsilon_of(rho_of(epsilon, delta), delta) <= epsilon);
                let rho = rho_of(NanoEpsilon::new(nano), delta);
                assert!(epsilon_of(rho, delta).get() <= nano);
            }
        }
    }

    proptest! {
        #[test]
        fn rho_is_the_largest_that_converts_to_at_most_epsilon(nano in 0..200_000_000_000_u128, digits in 1..15_i32) {
            let delta = Delta(10_f64.powi(-digits));
            let rho = rho_of(NanoEpsilon::new(nano), delta).get();
            prop_assert!(epsilon_of(NanoRho::new(rho), delta).get() <= nano);
            prop_assert!(epsilon_of(NanoRho::new(rho + 1), delta).get() > nano);
        }

        #[test]
        fn no_alpha_does_better(nano in 1..20_000_000_000_u128, digits in 1..15_i32, b in 1e-3..1e5_f64) {
            let delta = Delta(10_f64.powi(-digits));
            let rho = to_units(nano);
            let other = (1.0 + b) * rho + libm::log(b / (1.0 + b)) - (libm::log(delta.0) + libm::log1p(b)) / b;
            prop_assert!(to_units(epsilon_of(NanoRho::new(nano), delta).get()) <= other.max(0.0) * (1.0 + 1e-9) + 1e-9);
        }
    }
}
