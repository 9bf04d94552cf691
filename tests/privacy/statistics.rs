//! The samplers follow their exact distributions: chi-square at alpha = 1e-6 with fixed seeds, and the same test has
//! the power to reject a scale off by 10 % and a sampler that gives 0 twice as often.
#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "bins and tables are far smaller than any integer type"
)]

use hushtag::dp::{DiscreteGaussian, DiscreteLaplace};
use hushtag::types::Ratio;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use rand_distr::Distribution;

const DRAWS: usize = 100_000;
const ALPHA: f64 = 1e-6;

/// P(X >= x) for the chi-square distribution with `freedom` degrees (Abramowitz, Stegun 26.4.4 and 26.4.5).
fn chi_square_tail(x: f64, freedom: usize) -> f64 {
    let half = x / 2.0;
    let (mut sum, mut term, start) = if freedom.is_multiple_of(2) {
        (0.0, (-half).exp(), 0.0)
    } else {
        (libm::erfc(half.sqrt()), (-half).exp() * (half / std::f64::consts::PI).sqrt() * 2.0, 0.5)
    };
    for step in 0..freedom / 2 {
        sum += term;
        term *= half / (start + step as f64 + 1.0);
    }
    sum
}

/// A law on the integers: its probabilities of ranges, by formula or by plain sums, not by the code under test.
trait Law {
    /// P(X <= x)
    fn below(&self, x: i64) -> f64;
    fn spread(&self) -> f64;
}

struct Laplace(f64);

impl Law for Laplace {
    fn below(&self, x: i64) -> f64 {
        let tail = |steps: f64| (-steps / self.0).exp() / (1.0 + (-1.0 / self.0).exp());
        if x < 0 { tail(-x as f64) } else { 1.0 - tail(x as f64 + 1.0) }
    }
    fn spread(&self) -> f64 {
        self.0 * 2_f64.sqrt()
    }
}

/// sigma squared, and P(X <= x) for x from -cut to cut when sigma is small.
struct Gaussian(f64, Vec<f64>);

impl Gaussian {
    fn new(sigma_squared: f64) -> Self {
        let cut = if sigma_squared <= 2e6 { (10.0 * sigma_squared.sqrt()) as i64 + 2 } else { -1 };
        let weight = |x: i64| (-(x as f64).powi(2) / (2.0 * sigma_squared)).exp();
        let total: f64 = (-cut..=cut).map(weight).sum();
        let sums = (-cut..=cut).scan(0.0, |sum, x| {
            *sum += weight(x) / total;
            Some(*sum)
        });
        Self(sigma_squared, sums.collect())
    }
}

impl Law for Gaussian {
    fn below(&self, x: i64) -> f64 {
        if self.1.is_empty() {
            // The midpoint rule is off by about 1 / (24 sigma^2), far below what the draws can see here.
            return 0.5 * libm::erfc(-(x as f64 + 0.5) / (2.0 * self.0).sqrt());
        }
        let cut = self.1.len() as i64 / 2;
        if x < -cut { 0.0 } else { self.1[(x.min(cut) + cut) as usize] }
    }
    fn spread(&self) -> f64 {
        self.0.sqrt()
    }
}

/// The chance of counts at least this far from the law: bins are single integers for narrow laws, and equally wide
/// ranges (0 in the middle of one) for wide ones; bins that expect fewer than 10 draws are merged outwards.
fn p_value(law: &dyn Law, draws: impl Iterator<Item = i64>) -> f64 {
    let half = ((law.spread() / 10.0) as i64).max(0);
    let width = 2 * half + 1;
    let reach = (6.0 * law.spread() / width as f64) as i64 + 1;
    let mut ends: Vec<i64> = Vec::new();
    let (mut from, mut expected) = (0.0, Vec::new());
    for bin in -reach..=reach {
        let end = bin * width + half;
        let mass = (law.below(end) - from) * DRAWS as f64;
        if mass >= 10.0 && (1.0 - law.below(end)) * DRAWS as f64 >= 10.0 {
            ends.push(end);
            expected.push(mass);
            from = law.below(end);
        }
    }
    expected.push((1.0 - from) * DRAWS as f64);
    let mut counts = vec![0_u32; expected.len()];
    for draw in draws.take(DRAWS) {
        counts[ends.partition_point(|end| *end < draw)] += 1;
    }
    let distance: f64 =
        counts.iter().zip(&expected).map(|(&count, mass)| (f64::from(count) - mass).powi(2) / mass).sum();
    assert!(expected.len() >= 3, "no power with {} bins", expected.len());
    chi_square_tail(distance, expected.len() - 1)
}

fn ratio(p: u128, q: u128) -> Ratio {
    Ratio::new(p, q).unwrap()
}

fn draws<D: Distribution<i64>>(noise: D, seed: u64) -> impl Iterator<Item = i64> {
    noise.sample_iter(StdRng::seed_from_u64(seed))
}

/// The noise, but 0 with twice its chance.
fn zero_doubled<D: Distribution<i64>>(noise: D, law: &dyn Law, seed: u64) -> impl Iterator<Item = i64> {
    let zero = law.below(0) - law.below(-1);
    let mut coins = StdRng::seed_from_u64(seed + 1_000);
    draws(noise, seed).map(move |draw| if coins.random_bool(zero / (1.0 - zero)) { 0 } else { draw })
}

#[test]
fn the_chi_square_tail_is_right() {
    for (x, freedom, tail) in
        [(3.841_459, 1, 0.05), (5.991_465, 2, 0.05), (30.664_85, 3, 1e-6), (124.3421, 100, 0.05)]
    {
        assert!(
            (chi_square_tail(x, freedom) / tail - 1.0).abs() < 1e-4,
            "{x} {freedom} {}",
            chi_square_tail(x, freedom)
        );
    }
}

#[test]
fn discrete_laplace_is_exact_and_the_test_has_power() {
    let small = [(1, 3), (1, 1), (5, 3), (10, 1), (1_000_003, 1_000)];
    let large = [(1_000, 1), (1_000_000_000, 1), (1_000_000_007, 3), (1 << 56, 1)];
    for (seed, (t, s)) in small.into_iter().chain(large).enumerate() {
        let noise = DiscreteLaplace::new(ratio(t, s)).unwrap();
        let law = Laplace(t as f64 / s as f64);
        let seed = seed as u64;
        let fair = p_value(&law, draws(noise, seed));
        assert!(fair > ALPHA, "scale {t}/{s}: {fair}");
        for off in [(9, 10), (11, 10)] {
            let other = DiscreteLaplace::new(ratio(t * off.0, s * off.1));
            // The widest scale has no wider one.
            if let Ok(other) = other {
                assert!(p_value(&law, draws(other, seed)) < ALPHA, "scale {t}/{s} times {off:?} passed");
            }
        }
    }
    for (t, s) in [(1, 1), (5, 3), (10, 1)] {
        let (noise, law) = (DiscreteLaplace::new(ratio(t, s)).unwrap(), Laplace(t as f64 / s as f64));
        assert!(p_value(&law, zero_doubled(noise, &law, 77)) < ALPHA, "scale {t}/{s} with 0 doubled passed");
    }
}

#[test]
fn discrete_gaussian_is_exact_and_the_test_has_power() {
    let wide = |sigma: u128| (sigma * sigma, 1);
    let small = [(1, 3), (1, 1), (5, 2), (7, 1), (100, 1), (2629, 1), (1_000_001, 1_000)];
    let large = [wide(1_000), wide(1_000_000), wide((1 << 20) + 1), wide(1 << 40), wide(1 << 56)];
    for (seed, (p, q)) in small.into_iter().chain(large).enumerate() {
        let noise = DiscreteGaussian::new(ratio(p, q)).unwrap();
        let law = Gaussian::new(p as f64 / q as f64);
        let seed = seed as u64;
        let fair = p_value(&law, draws(noise, seed));
        assert!(fair > ALPHA, "sigma^2 {p}/{q}: {fair}");
        // sigma off by 10 %
        for off in [(81, 100), (121, 100)] {
            if let Ok(other) = DiscreteGaussian::rounded_up(ratio(p * off.0, q * off.1)) {
                assert!(p_value(&law, draws(other, seed)) < ALPHA, "sigma^2 {p}/{q} times {off:?} passed");
            }
        }
    }
    for (p, q) in [(1, 1), (5, 2), (100, 1)] {
        let (noise, law) = (DiscreteGaussian::new(ratio(p, q)).unwrap(), Gaussian::new(p as f64 / q as f64));
        assert!(
            p_value(&law, zero_doubled(noise, &law, 78)) < ALPHA,
            "sigma^2 {p}/{q} with 0 doubled passed"
        );
    }
}

#[test]
fn tiny_noise_is_nearly_always_nothing() {
    // exp(-1 / (2 * 1e-6)) is below 1e-217147.
    let noise = DiscreteGaussian::new(ratio(1, 1_000_000)).unwrap();
    assert!(draws(noise, 5).take(100_000).all(|draw| draw == 0));
}
