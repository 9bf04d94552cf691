//! Exact two-sided half-widths of the noise: shown, and used to choose sigma, never charged.
//!
//! The half-width is the smallest k with P(|X| <= k) >= confidence, decided on the tail P(|X| > k). Floats decide it
//! correctly where the tails at k - 1 and k are further than about 1e-14 from 1 - confidence: at 95 % and sigma = 2^20
//! the step between them is 1e-7. Far wider noise has the precision of a float.

/// The chance with which an interval covers the exact value, between 0 and 1 exclusively.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, serde::Serialize)]
#[serde(transparent)]
pub struct Confidence(f64);

/// A confidence that is not between 0 and 1.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{given}` is not a confidence: use a number between 0 and 1, such as 0.95")]
pub struct InvalidConfidence {
    given: String,
}

impl Confidence {
    /// 95 %, the level at which `error = n` is meant.
    pub const DEFAULT: Self = Self(0.95);

    /// In percent, with one digit after the point where it is not 0.
    #[must_use]
    pub fn percent(self) -> f64 {
        (self.0 * 1000.0).round() / 10.0
    }

    /// The confidence of that value.
    ///
    /// # Errors
    /// [`InvalidConfidence`] outside the open interval from 0 to 1.
    pub fn new(value: f64) -> Result<Self, InvalidConfidence> {
        if value > 0.0 && value < 1.0 {
            Ok(Self(value))
        } else {
            Err(InvalidConfidence { given: value.to_string() })
        }
    }

    /// The value.
    #[must_use]
    pub const fn get(self) -> f64 {
        self.0
    }

    /// The confidence at which `count` intervals hold all together with this one (Bonferroni).
    #[must_use]
    pub fn for_each_of(self, count: usize) -> Self {
        #[expect(clippy::cast_precision_loss, reason = "a handful")]
        let count = count.max(1) as f64;
        Self((1.0 - self.tail() / count).min(1.0 - f64::EPSILON))
    }

    fn tail(self) -> f64 {
        1.0 - self.0
    }
}

/// Up to this variance the tail is summed term by term; above it the Euler-Maclaurin remainder is below 1e-14.
const SUMMED: f64 = 400.0;

/// Half-widths above this are given to the precision of a float.
const EXACT: f64 = (1_u64 << 50) as f64;

/// P(|X| > k) of the discrete Gaussian.
fn gaussian_tail(sigma_squared: f64, k: u64) -> f64 {
    if sigma_squared < SUMMED {
        summed_tail(sigma_squared, k)
    } else {
        smooth_tail(sigma_squared, as_float(k) + 0.5)
    }
}

/// The sum of exp(-x^2 / (2 sigma^2)) over x >= `start`.
fn sum_from(sigma_squared: f64, start: f64) -> f64 {
    let (mut term, mut sum) = (libm::exp(-start * start / (2.0 * sigma_squared)), 0.0);
    let mut ratio = libm::exp(-(2.0 * start + 1.0) / (2.0 * sigma_squared));
    let bend = libm::exp(-1.0 / sigma_squared);
    while term > 1e-18 * sum {
        sum += term;
        term *= ratio;
        ratio *= bend;
    }
    sum
}

fn summed_tail(sigma_squared: f64, k: u64) -> f64 {
    2.0 * sum_from(sigma_squared, as_float(k) + 1.0) / (1.0 + 2.0 * sum_from(sigma_squared, 1.0))
}

/// Euler-Maclaurin at midpoints, for `end` = k + 1/2: the integral beyond it, corrected by the first, third and fifth
/// derivative there (DLMF 2.10.1 and 24.4.27); the total mass is sigma sqrt(2 pi) but for exp(-2 pi^2 sigma^2).
fn smooth_tail(sigma_squared: f64, end: f64) -> f64 {
    let sigma = sigma_squared.sqrt();
    let z = end / sigma;
    let density = libm::exp(-0.5 * z * z) / (2.0 * std::f64::consts::PI).sqrt();
    let (square, step) = (z * z, 1.0 / sigma_squared);
    let first = z;
    let third = z * (square - 3.0);
    let fifth = z * (square * (square - 10.0) + 15.0);
    let corrections =
        step * (first / 12.0 - step * (third * 7.0 / 2_880.0 - step * fifth * 31.0 / 483_840.0));
    libm::erfc(z * std::f64::consts::FRAC_1_SQRT_2) - density * corrections
}

/// P(|X| > k) of the discrete Laplace distribution: a geometric series.
fn laplace_tail(scale: f64, k: u64) -> f64 {
    2.0 * libm::exp(-(as_float(k) + 1.0) / scale) / (1.0 + libm::exp(-1.0 / scale))
}

/// Whether the half-width of the discrete Gaussian is at most `k`.
pub(crate) fn gaussian_covers(sigma_squared: f64, k: u64, confidence: Confidence) -> bool {
    gaussian_tail(sigma_squared, k) <= confidence.tail()
}

/// Whether the half-width of the discrete Laplace distribution is at most `k`.
pub(crate) fn laplace_covers(scale: f64, k: u64, confidence: Confidence) -> bool {
    laplace_tail(scale, k) <= confidence.tail()
}

/// For large sigma: the largest real sigma whose half-width is `k`, rounded up.
pub(crate) fn gaussian_sigma(k: u64, confidence: Confidence) -> u64 {
    ceil((as_float(k) + 0.5) / two_sided_quantile(confidence))
}

/// The half-width of the discrete Gaussian.
pub(crate) fn gaussian_half_width(sigma_squared: f64, confidence: Confidence) -> u64 {
    let guess = two_sided_quantile(confidence) * sigma_squared.sqrt() - 0.5;
    smallest(guess, |k| gaussian_covers(sigma_squared, k, confidence))
}

/// The half-width of the discrete Laplace distribution.
pub(crate) fn laplace_half_width(scale: f64, confidence: Confidence) -> u64 {
    let mass = confidence.tail() * (1.0 + libm::exp(-1.0 / scale)) / 2.0;
    let guess = -scale * libm::log(mass) - 1.0;
    smallest(guess, |k| laplace_covers(scale, k, confidence))
}

/// The smallest k that `covers`, near `guess`.
fn smallest(guess: f64, covers: impl Fn(u64) -> bool) -> u64 {
    let mut k = ceil(guess);
    if guess > EXACT {
        return k;
    }
    while !covers(k) {
        k += 1;
    }
    while k > 0 && covers(k - 1) {
        k -= 1;
    }
    k
}

/// z with P(|Z| <= z) = confidence for a standard normal Z: Newton on the complementary error function from the
/// approximation 26.2.23 of Abramowitz, Stegun.
pub(crate) fn two_sided_quantile(confidence: Confidence) -> f64 {
    let tail = confidence.tail();
    let t = (-2.0 * libm::log(tail / 2.0)).sqrt();
    let top = 2.515_517 + t * (0.802_853 + t * 0.010_328);
    let bottom = 1.0 + t * (1.432_788 + t * (0.189_269 + t * 0.001_308));
    let mut z = t - top / bottom;
    for _ in 0..3 {
        let excess = libm::erfc(z * std::f64::consts::FRAC_1_SQRT_2) - tail;
        let density = libm::exp(-0.5 * z * z) * (2.0 / std::f64::consts::PI).sqrt();
        // Halley: the second derivative of the tail is -z times its first.
        let newton = excess / density;
        z += newton / (1.0 - 0.5 * z * newton);
    }
    z.max(0.0)
}

pub(crate) const fn as_float(k: u64) -> f64 {
    k as f64
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "`as` takes negative values to 0 and stops at the largest integer"
)]
fn ceil(x: f64) -> u64 {
    x.ceil() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every term, no recurrence, no correction.
    fn plain_tail(sigma_squared: f64, k: u64) -> f64 {
        let term = |x: u64| (-as_float(x).powi(2) / (2.0 * sigma_squared)).exp();
        let end = ceil(40.0 * sigma_squared.sqrt()) + 2;
        let sum = |from| (from..=end.max(from)).rev().map(term).sum::<f64>();
        2.0 * sum(k + 1) / (1.0 + 2.0 * sum(1))
    }

    #[test]
    fn tails_are_those_of_the_plain_sum() {
        for sigma_squared in [1e-6, 1.0 / 3.0, 1.0, 2.5, 399.0, 400.0, 401.0, 2_500.0, 70_225.0, 1e8] {
            let sigma: f64 = f64::sqrt(sigma_squared);
            for z in [0.0, 0.1, 1.0, 1.96, 3.0, 6.0] {
                let k = ceil(z * sigma);
                let (fast, plain) = (gaussian_tail(sigma_squared, k), plain_tail(sigma_squared, k));
                assert!(
                    (fast - plain).abs() <= 2e-14 + 1e-9 * plain.min(1e-5),
                    "{sigma_squared} {k}: {fast} {plain}"
                );
            }
        }
    }

    #[test]
    fn quantiles_of_the_normal_distribution() {
        for (confidence, z) in
            [(0.95, 1.959_963_984_540_054), (0.5, 0.674_489_750_196_081_7), (0.999_999, 4.891_638_475_698_59)]
        {
            assert!((two_sided_quantile(Confidence(confidence)) - z).abs() < 1e-9, "{confidence}");
        }
    }

    #[test]
    fn a_half_width_is_the_smallest_that_covers() {
        for confidence in [1e-12, 0.01, 0.5, 0.95, 0.999_999_999, 1.0 - 1e-15].map(Confidence) {
            for parameter in [1e-6, 0.001, 1.0 / 3.0, 1.0, 30.0, 399.0, 401.0, 1e6, 1e12, 1e18, 5e33] {
                let k = gaussian_half_width(parameter, confidence);
                assert!(
                    k > 1 << 50 || gaussian_covers(parameter, k, confidence),
                    "{parameter} {confidence:?}"
                );
                assert!(
                    k == 0 || k > 1 << 44 || !gaussian_covers(parameter, k - 1, confidence),
                    "{parameter} {confidence:?}"
                );
                let parameter = f64::min(parameter, 7e16);
                let k = laplace_half_width(parameter, confidence);
                assert!(
                    k > 1 << 50 || laplace_covers(parameter, k, confidence),
                    "{parameter} {confidence:?}"
                );
                assert!(
                    k == 0 || k > 1 << 44 || !laplace_covers(parameter, k - 1, confidence),
                    "{parameter} {confidence:?}"
                );
            }
        }
        for value in [0.0, 1.0, -1.0, f64::NAN, f64::INFINITY] {
            assert!(Confidence::new(value).is_err());
        }
    }
}
