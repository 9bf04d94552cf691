//! The discrete Gaussian distribution, exactly.

use crate::dp::bernoulli::{MAX_DENOMINATOR, exp_minus};
use crate::dp::laplace::MAX_SCALE as MAX_SIGMA;
use crate::dp::{DiscreteLaplace, NoiseError};
use crate::types::Ratio;
use rand::Rng;
use rand_distr::Distribution;

/// Up to this sigma any fitting sigma squared will do; above it sigma must be an integer.
const FREE_SIGMA: u128 = 1 << 20;

/// Integer noise with P(x) proportional to exp(-x^2 / (2 sigma^2)).
///
/// Exact: integers only. The one liberty is taken where the algorithm's last coin shows heads with a chance below
/// exp(-1024) and does not fit 128 bits: it is then tails.
///
/// # Privacy
/// Added to integers of sensitivity L2, the sums are (L2^2 / (2 sigma^2))-zCDP.
///
/// Canonne, Kamath, Steinke, arXiv 2004.00010, Algorithm 3; above sigma = 2^20 with t = sigma, so that all fits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct DiscreteGaussian {
    sigma_squared: Ratio,
    candidate: DiscreteLaplace,
    /// With sigma^2 = p/q and g = gcd(qt, p): a = qt/g, b = p/g.
    a: u128,
    b: u128,
    /// 2abt, so that (|Y| - sigma^2/t)^2 / (2 sigma^2) = (|Y|a - b)^2 / (2abt).
    denominator: u128,
}

impl DiscreteGaussian {
    /// The distribution with that variance parameter. Its variance is sigma squared but for very small values.
    ///
    /// # Errors
    /// [`NoiseError::TooWide`] above sigma = 2^56, [`NoiseError::SigmaNotInteger`] when sigma is above 2^20 and no
    /// integer (see [`DiscreteGaussian::rounded_up`]), [`NoiseError::TooFine`] when the parts of the ratio are too
    /// long; a denominator up to 1,000 always fits.
    pub fn new(sigma_squared: Ratio) -> Result<Self, NoiseError> {
        let (p, q) = (sigma_squared.numerator(), sigma_squared.denominator());
        let root = (p / q).isqrt();
        let t = if p / q < FREE_SIGMA * FREE_SIGMA {
            root + 1
        } else if root > MAX_SIGMA {
            return Err(NoiseError::TooWide);
        } else if q == 1 && root * root == p {
            root
        } else {
            return Err(NoiseError::SigmaNotInteger);
        };
        let wide = q.checked_mul(t).and_then(|qt| Ratio::new(qt, p)).ok_or(NoiseError::TooFine)?;
        let (a, b) = (wide.numerator(), wide.denominator());
        let denominator = a
            .checked_mul(b)
            .and_then(|ab| ab.checked_mul(2 * t))
            .filter(|product| *product <= MAX_DENOMINATOR)
            .ok_or(NoiseError::TooFine)?;
        let candidate = DiscreteLaplace::new(Ratio::new(t, 1).ok_or(NoiseError::TooFine)?)?;
        Ok(Self { sigma_squared, candidate, a, b, denominator })
    }

    /// The distribution with the smallest admissible parameter that is at least `sigma_squared`: itself up to 2^40,
    /// above that the square of sigma rounded up to an integer.
    ///
    /// # Errors
    /// As [`DiscreteGaussian::new`], but never [`NoiseError::SigmaNotInteger`].
    pub fn rounded_up(sigma_squared: Ratio) -> Result<Self, NoiseError> {
        let (p, q) = (sigma_squared.numerator(), sigma_squared.denominator());
        if p.div_ceil(q) <= FREE_SIGMA * FREE_SIGMA {
            return Self::new(sigma_squared);
        }
        let root = p.div_ceil(q).isqrt();
        let sigma = if root * root == p.div_ceil(q) { root } else { root + 1 };
        if sigma > MAX_SIGMA {
            return Err(NoiseError::TooWide);
        }
        Self::new(Ratio::new(sigma * sigma, 1).ok_or(NoiseError::TooFine)?)
    }

    /// The parameter sigma squared.
    #[must_use]
    pub const fn sigma_squared(&self) -> Ratio {
        self.sigma_squared
    }

    /// (|Y|a - b)^2, or `None` from 2^128 on: as the denominator is at most 2^118, gamma is then above 1024.
    fn squared_distance(&self, size: u64) -> Option<u128> {
        let distance = u128::from(size).checked_mul(self.a)?.abs_diff(self.b);
        distance.checked_mul(distance)
    }
}

impl Distribution<i64> for DiscreteGaussian {
    #[inline]
    fn sample<R: Rng + ?Sized>(&self, rng: &mut R) -> i64 {
        loop {
            let y = self.candidate.sample(rng);
            let kept = self
                .squared_distance(y.unsigned_abs())
                .is_some_and(|square| exp_minus(square, self.denominator, rng));
            if kept {
                return y;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    fn new(p: u128, q: u128) -> Result<DiscreteGaussian, NoiseError> {
        DiscreteGaussian::new(Ratio::new(p, q).unwrap())
    }

    #[test]
    fn what_fits_draws_and_what_does_not_is_refused() {
        let wide = 1_u128 << 56;
        let fine =
            [(1, 3), (1, 1_000_000), (1_000_000_000_000, 1), ((1 << 40) * 1000 - 1, 1000), (wide * wide, 1)];
        for (p, q) in fine {
            let noise = new(p, q).unwrap();
            let mut rng = StdRng::seed_from_u64(2);
            for _ in 0..100 {
                noise.sample(&mut rng);
            }
        }
        assert!(new(4_000_000_001, 1_000_000).is_ok());
        assert!(matches!(new((wide + 1) * (wide + 1), 1), Err(NoiseError::TooWide)));
        assert!(matches!(new(u128::MAX, 1), Err(NoiseError::TooWide)));
        assert!(matches!(new((1 << 40) + 1, 1), Err(NoiseError::SigmaNotInteger)));
        assert!(matches!(new((1 << 41) + 1, 2), Err(NoiseError::SigmaNotInteger)));
        assert!(matches!(new(1, u128::MAX), Err(NoiseError::TooFine)));
        assert!(matches!(new(u128::MAX, u128::MAX - 1), Err(NoiseError::TooFine)));
    }

    #[test]
    fn rounding_goes_up_to_a_whole_sigma() {
        let up =
            |p, q| DiscreteGaussian::rounded_up(Ratio::new(p, q).unwrap()).map(|noise| noise.sigma_squared());
        assert_eq!(up(2629, 1).unwrap().numerator(), 2629);
        assert_eq!(up((1 << 40) + 1, 1).unwrap().numerator(), ((1 << 20) + 1_u128).pow(2));
        assert_eq!(up((1 << 41) + 1, 2).unwrap().numerator(), ((1 << 20) + 1_u128).pow(2));
        assert_eq!(up(((1 << 30) + 1_u128).pow(2), 1).unwrap().numerator(), ((1 << 30) + 1_u128).pow(2));
        assert!(matches!(up(u128::MAX, 1), Err(NoiseError::TooWide)));
    }

    #[test]
    fn the_last_coin_is_the_one_of_the_paper() {
        // (|Y| - sigma^2/t)^2 / (2 sigma^2) for sigma^2 = 5/2, t = 2, Y = 3: (3 - 5/4)^2 / 5 = 49/80.
        let noise = new(5, 2).unwrap();
        let (top, bottom) = (noise.squared_distance(3).unwrap(), noise.denominator);
        assert_eq!(top * 80, bottom * 49);
    }
}
