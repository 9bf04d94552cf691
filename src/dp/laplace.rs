//! The discrete Laplace distribution, exactly.

use crate::dp::NoiseError;
use crate::dp::bernoulli::{exp_minus_one, exp_minus_part, uniform_below};
use crate::types::Ratio;
use rand::Rng;
use rand_distr::Distribution;

/// The largest scale: a draw outside i64 then has a chance below 2^-183.
pub(crate) const MAX_SCALE: u128 = 1 << 56;

/// The largest part of the ratio.
const MAX_PART: u128 = 1 << 63;

/// Integer noise with P(x) proportional to exp(-|x| / scale).
///
/// Exact: integers only, and every draw follows this distribution on the numbers that fit i64.
///
/// # Privacy
/// Added to an integer of sensitivity L1, the sum is (L1 / scale)-differentially private.
///
/// Canonne, Kamath, Steinke, arXiv 2004.00010, Algorithm 2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct DiscreteLaplace {
    scale: Ratio,
    /// t and s of Algorithm 2: the scale is t / s.
    t: u64,
    s: u64,
}

impl DiscreteLaplace {
    /// The distribution with that scale.
    ///
    /// # Errors
    /// [`NoiseError::TooWide`] above 2^56, [`NoiseError::TooFine`] when a part of the ratio is above 2^63.
    pub fn new(scale: Ratio) -> Result<Self, NoiseError> {
        let (t, s) = (scale.numerator(), scale.denominator());
        if t / s > MAX_SCALE || (t / s == MAX_SCALE && t % s != 0) {
            return Err(NoiseError::TooWide);
        }
        if t > MAX_PART || s > MAX_PART {
            return Err(NoiseError::TooFine);
        }
        let fits = |part| u64::try_from(part).map_err(|_| NoiseError::TooFine);
        Ok(Self { scale, t: fits(t)?, s: fits(s)? })
    }

    /// The scale.
    #[must_use]
    pub const fn scale(&self) -> Ratio {
        self.scale
    }
}

impl Distribution<i64> for DiscreteLaplace {
    #[inline]
    fn sample<R: Rng + ?Sized>(&self, rng: &mut R) -> i64 {
        loop {
            let part = uniform_below(self.t, rng);
            if !exp_minus_part(part.into(), self.t.into(), rng) {
                continue;
            }
            let mut whole = 0_u64;
            while exp_minus_one(rng) {
                whole += 1;
            }
            let geometric = u128::from(part) + u128::from(self.t) * u128::from(whole);
            let size = if self.s == 1 { geometric } else { geometric / u128::from(self.s) };
            let negative = rng.next_u32() & 1 == 1;
            if negative && size == 0 {
                continue;
            }
            if let Ok(size) = i64::try_from(size) {
                return if negative { -size } else { size };
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    #[test]
    fn what_does_not_fit_is_refused() {
        let new = |t, s| DiscreteLaplace::new(Ratio::new(t, s).unwrap());
        for (t, s) in [(1, 1), (1, 1 << 63), (1 << 56, 1), ((1 << 63) - 1, 1 << 7), (1_000_000_000, 1)] {
            let noise = new(t, s).unwrap();
            let mut rng = StdRng::seed_from_u64(1);
            for _ in 0..100 {
                noise.sample(&mut rng);
            }
        }
        assert!(matches!(new((1 << 56) + 1, 1), Err(NoiseError::TooWide)));
        assert!(matches!(new((1 << 57) + 1, 2), Err(NoiseError::TooWide)));
        assert!(matches!(new(u128::MAX, u128::MAX - 1), Err(NoiseError::TooFine)));
        assert!(matches!(new(1, (1 << 63) + 1), Err(NoiseError::TooFine)));
    }
}
