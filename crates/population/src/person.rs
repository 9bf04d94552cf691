//! Who a made-up person is: their id, their community, and what they tend to do.

use rand::rngs::StdRng;
use rand::{Rng, RngExt, SeedableRng};
use rand_distr::{Distribution, StandardNormal};

use super::Population;

/// People of neighbouring indices who know each other.
const COMMUNITY: u32 = 100;

/// Seconds in a day.
pub(super) const DAY: i64 = 86_400;

/// Seconds in a mean Gregorian year.
const YEAR: i64 = 31_556_952;

/// Phone numbers that start with 1 and have ten more digits.
const PHONES: u64 = 10_000_000_000;

/// What a generator or hash is for; each use has numbers of its own.
#[derive(Clone, Copy)]
pub(super) enum Stream {
    Community = 1,
    Consents,
    Follows,
    Friends,
    Payments,
    Person,
    Phones,
    Quiet,
    Habits,
    Orders,
    Shares,
}

/// The finaliser of SplitMix64 (Steele, Lea, Flood, OOPSLA 2014): a bijection that scatters neighbouring inputs.
const fn scatter(value: u64) -> u64 {
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

/// The integer part of `value`, at least 0 and at most `cap`.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clamped to 0..=cap; NaN becomes 0"
)]
pub(super) fn whole(value: f64, cap: u32) -> u32 {
    value.clamp(0.0, f64::from(cap)) as u32
}

/// A count from a log-normal distribution with the given mean.
pub(super) fn log_normal_count<R: Rng>(rng: &mut R, mean: f64, spread: f64, cap: u32) -> u32 {
    let normal: f64 = StandardNormal.sample(rng);
    whole((mean.ln() - spread * spread / 2.0 + spread * normal).exp() + 0.5, cap)
}

/// One of `shares` with its percentage, else `rest`.
pub(super) fn percent<T: Copy, R: Rng>(rng: &mut R, shares: &[(u32, T)], rest: T) -> T {
    let mut left = rng.random_range(0..100);
    for (share, item) in shares {
        if left < *share {
            return *item;
        }
        left -= share;
    }
    rest
}

/// Where a person lives, and how much more (or less) is spent there, as a logarithm.
type Region = (&'static str, f64);

fn region<R: Rng>(rng: &mut R) -> Region {
    let regions = [(40, ("east", 0.2)), (25, ("south", 0.1)), (20, ("north", 0.0)), (10, ("west", -0.3))];
    percent(rng, &regions, ("other", -0.2))
}

/// What a person tends to do.
pub(super) struct Person {
    pub(super) region: &'static str,
    pub(super) birth_year: i32,
    /// Logarithm of what they spend against the median.
    pub(super) affluence: f64,
    /// Payments in all.
    pub(super) payments: u32,
    /// No payment in the last 30 days.
    pub(super) lapsed: bool,
}

impl Population {
    /// A number for one use and two indices.
    pub(super) fn hash(&self, stream: Stream, a: u32, b: u32) -> u64 {
        let pair = u64::from(a) << 32 | u64::from(b);
        scatter(
            scatter(self.config.seed.wrapping_add(0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(stream as u64)))
                ^ scatter(pair),
        )
    }

    /// The generator of one person for one part of one use.
    pub(super) fn generator(&self, stream: Stream, index: u32, part: u32) -> StdRng {
        StdRng::seed_from_u64(self.hash(stream, index, part))
    }

    /// The phone number at `index`: a step coprime to 10 visits all numbers before it repeats one.
    pub(super) fn phone(&self, index: u32) -> u64 {
        const STEP: u64 = 1_618_033_989;
        PHONES + (u64::from(index) * STEP + self.hash(Stream::Phones, 0, 0) % PHONES) % PHONES
    }

    /// The calendar year of `as_of`, near enough.
    pub(super) fn year(&self) -> i32 {
        i32::try_from(1970 + self.config.as_of / YEAR).unwrap_or(i32::MAX)
    }

    /// The indices of the people in the community of `index`.
    pub(super) fn community(&self, index: u32) -> std::ops::Range<u32> {
        let first = index - index % COMMUNITY;
        first..first.saturating_add(COMMUNITY).min(self.config.people)
    }

    pub(super) fn person(&self, index: u32) -> Person {
        let config = &self.config;
        let mut shared = self.generator(Stream::Community, index / COMMUNITY, 0);
        let common: f64 = StandardNormal.sample(&mut shared);
        let home = region(&mut shared);

        let mut rng = self.generator(Stream::Person, index, 0);
        let (region, level) = if rng.random_ratio(4, 5) { home } else { region(&mut rng) };
        let own: f64 = StandardNormal.sample(&mut rng);
        let birth_year = self.year() - 19 - rng.random_range(0..=32) - rng.random_range(0..=28);

        // Well-off communities lapse less; the factor is 1 on average.
        let lapse = f64::from(config.lapsed_percent) / 100.0 * (1.0 - 0.4 * common.clamp(-2.0, 2.0));
        let lapsed = rng.random::<f64>() < lapse;
        // A fifth of the lapsed never paid; the rest pay less than those who still do.
        let usual = f64::from(config.payments_per_person) / 0.87;
        let payments = match (lapsed, config.payments_per_person) {
            (_, 0) => 0,
            (true, _) if rng.random_ratio(1, 5) => 0,
            (true, _) => log_normal_count(&mut rng, usual * 0.6, 0.8, 5_000).max(1),
            (false, _) => log_normal_count(&mut rng, usual, 0.8, 5_000).max(1),
        };
        Person { region, birth_year, affluence: 0.5 * common + 0.5 * own + level, payments, lapsed }
    }

    /// An index by popularity: rank r is drawn in proportion to r^-0.6, and ranks are spread over all communities.
    pub(super) fn popular<R: Rng>(&self, rng: &mut R) -> u32 {
        // A prime step is coprime to any smaller number of people, so ranks and indices correspond one to one.
        const STEP: u64 = 3_266_489_917;
        let people = self.config.people;
        let share: f64 = rng.random();
        let rank = whole(f64::from(people) * share * share * share.sqrt(), people - 1);
        u32::try_from(u64::from(rank) * STEP % u64::from(people)).unwrap_or(rank)
    }
}
