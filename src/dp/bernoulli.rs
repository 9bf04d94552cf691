//! Exact coins: Bernoulli(p/q) and Bernoulli(exp(-p/q)) from integers alone.
//!
//! Canonne, Kamath, Steinke, *The Discrete Gaussian for Differential Privacy*, arXiv 2004.00010, Algorithm 1. A coin is
//! a comparison of a uniform real U, whose binary digits are the words of the generator, with a rational. Its first 64
//! digits nearly always decide; otherwise the digits of the rational are worked out one by one, so the coin is exact.

use rand::Rng;

/// Denominators stay below this, so that no step of a comparison can overflow.
pub(crate) const MAX_DENOMINATOR: u128 = 1 << 118;

const WORD: u128 = 1 << 64;

/// Heads with chance `p / q`, where p <= q <= [`MAX_DENOMINATOR`] and q > 0.
pub(crate) fn bernoulli<R: Rng + ?Sized>(p: u128, q: u128, rng: &mut R) -> bool {
    let word = rng.next_u64();
    match decide(p, q, word) {
        Some(heads) => heads,
        None => digit_by_digit(p, q, word, rng),
    }
}

/// Whether U < p/q for every U that starts with `word`, or `None` when that depends on the digits that follow.
#[inline]
fn decide(p: u128, q: u128, word: u64) -> Option<bool> {
    let word = u128::from(word);
    if q < WORD {
        let (least, bound) = (word * q, p << 64);
        return if least >= bound {
            Some(false)
        } else if bound - least >= q {
            Some(true)
        } else {
            None
        };
    }
    // INVARIANT: high_p <= high_q < 2^63, and high_p / (high_q + 1) < p/q < (high_p + 1) / high_q.
    let shift = 65 - q.leading_zeros();
    let (high_p, high_q) = (p >> shift, q >> shift);
    if word * high_q >= (high_p + 1) << 64 {
        Some(false)
    } else if (word + 1) * (high_q + 1) <= high_p << 64 {
        Some(true)
    } else {
        None
    }
}

/// Whether U < p/q, by long division; `word` holds the first 64 digits of U and `rng` the rest.
#[cold]
fn digit_by_digit<R: Rng + ?Sized>(p: u128, q: u128, mut word: u64, rng: &mut R) -> bool {
    let mut rest = p;
    if rest == q {
        return true;
    }
    loop {
        for place in (0..u64::BITS).rev() {
            rest *= 2;
            let digit = rest >= q;
            if digit {
                rest -= q;
            }
            let drawn = (word >> place) & 1 == 1;
            if drawn != digit {
                return digit;
            }
        }
        if rest == 0 {
            return false;
        }
        word = rng.next_u64();
    }
}

/// `2^64 / k!` as (floor, remainder, k!) for k = 2 to 20, the largest factorial below 2^64.
const FACTORIALS: [(u64, u64, u64); 19] = factorials();

#[expect(
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "evaluated by the compiler; k! <= 20! < 2^64 and 2^64 / 2 < 2^64"
)]
const fn factorials() -> [(u64, u64, u64); 19] {
    let mut table = [(0, 0, 0); 19];
    let (mut row, mut factorial) = (0, 1_u128);
    while row < table.len() {
        factorial *= row as u128 + 2;
        table[row] = ((WORD / factorial) as u64, (WORD % factorial) as u64, factorial as u64);
        row += 1;
    }
    table
}

/// Heads with chance exp(-1).
///
/// Algorithm 1 with gamma = 1 counts the coins 1/1, 1/2, 1/3, ... up to the first tails and asks whether that count is
/// odd. All of them are read from one U: the first k are heads if and only if U < 1/k!, because U k! is uniform again
/// when it is below 1.
#[inline]
pub(crate) fn exp_minus_one<R: Rng + ?Sized>(rng: &mut R) -> bool {
    first_tails(rng) % 2 == 1
}

/// The place of the first tails among coins 1/1, 1/2, 1/3, ...
#[inline]
fn first_tails<R: Rng + ?Sized>(rng: &mut R) -> u64 {
    let word = rng.next_u64();
    let mut place = 2;
    for (floor, rest, factorial) in FACTORIALS {
        if word > floor || (word == floor && !bernoulli(rest.into(), factorial.into(), rng)) {
            return place;
        }
        place += 1;
    }
    // U < 1/20!, which one word in 2^61 is: on with a coin at a time.
    while bernoulli(1, place.into(), rng) {
        place += 1;
    }
    place
}

/// Heads with chance exp(-p/q), where q <= [`MAX_DENOMINATOR`] and q > 0; exp(-1) for each whole part, as in
/// Algorithm 1, so a large p ends early.
#[inline]
pub(crate) fn exp_minus<R: Rng + ?Sized>(mut p: u128, q: u128, rng: &mut R) -> bool {
    while p >= q {
        if !exp_minus_one(rng) {
            return false;
        }
        p -= q;
    }
    exp_minus_part(p, q, rng)
}

/// Heads with chance exp(-p/q), where p <= q <= [`MAX_DENOMINATOR`] and q > 0.
///
/// The k-th coin of Algorithm 1, p/(qk), is the conjunction of a coin p/q and a coin 1/k: no product can overflow, and
/// the coins 1/k share one word.
#[inline]
pub(crate) fn exp_minus_part<R: Rng + ?Sized>(p: u128, q: u128, rng: &mut R) -> bool {
    if !bernoulli(p, q, rng) {
        return true;
    }
    let limit = first_tails(rng);
    let mut place = 2;
    while place < limit && bernoulli(p, q, rng) {
        place += 1;
    }
    place % 2 == 1
}

/// A uniform integer below `bound` > 0 without bias (Lemire, *Fast Random Integer Generation in an Interval*, 2019).
///
/// `random_range` of `rand` is slightly biased unless its feature `unbiased` is on.
#[inline]
pub(crate) fn uniform_below<R: Rng + ?Sized>(bound: u64, rng: &mut R) -> u64 {
    let wide = u128::from(bound);
    loop {
        let product = u128::from(rng.next_u64()) * wide;
        let low = product % WORD;
        if low >= wide || low >= WORD % wide {
            return (product >> 64) as u64;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rand::rand_core::TryRng;
    use std::convert::Infallible;

    /// Hands out the given words, then ones only.
    struct Words(Vec<u64>, usize);

    impl TryRng for Words {
        type Error = Infallible;
        fn try_next_u32(&mut self) -> Result<u32, Infallible> {
            Ok((self.try_next_u64()? >> 32) as u32)
        }
        fn try_next_u64(&mut self) -> Result<u64, Infallible> {
            self.1 += 1;
            Ok(self.0.get(self.1 - 1).copied().unwrap_or(u64::MAX))
        }
        fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Infallible> {
            out.fill(0);
            Ok(())
        }
    }

    /// The first 64 binary digits of p/q < 1.
    fn digits(p: u128, q: u128) -> u64 {
        (0..64)
            .fold(
                (p, 0),
                |(rest, word), _| {
                    if rest * 2 >= q { (rest * 2 - q, word * 2 + 1) } else { (rest * 2, word * 2) }
                },
            )
            .1
    }

    /// The coin by long division alone, and how many words it took.
    fn exact(p: u128, q: u128, words: &[u64]) -> (bool, usize) {
        let mut rng = Words(words.to_vec(), 0);
        let word = rng.next_u64();
        let heads = digit_by_digit(p, q, word, &mut rng);
        (heads, rng.1)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4_000))]
        #[test]
        fn the_first_word_never_decides_against_the_exact_coin(
            a in 0..u128::MAX, b in 0..u128::MAX, size in 1_u32..=118, second: u64, random: u64, offset in -3_i64..=3,
        ) {
            let q = (b % (1 << size)).max(1);
            let p = a % (q + 1);
            let sliver = if p == q { u64::MAX } else { digits(p, q) };
            for first in [random, sliver.wrapping_add_signed(offset)] {
                for second in [second, 0, u64::MAX] {
                    let words = [first, second, second];
                    let mut rng = Words(words.to_vec(), 0);
                    let heads = bernoulli(p, q, &mut rng);
                    prop_assert_eq!(heads, exact(p, q, &words).0);
                    if let Some(fast) = decide(p, q, first) {
                        prop_assert_eq!(fast, heads);
                        prop_assert_eq!(rng.1, 1);
                    } else {
                        prop_assert!(first.abs_diff(sliver) <= 3, "the undecided sliver is a few words wide");
                    }
                }
            }
        }
    }

    #[test]
    fn one_word_gives_the_coins_of_exp_minus_one_as_long_division_does() {
        for k in 2..=20_u64 {
            let factorial: u128 = (1..=u128::from(k)).product();
            for offset in -2..=2_i64 {
                for second in [0, 1, u64::MAX / 3, u64::MAX] {
                    let words = [digits(1, factorial).wrapping_add_signed(offset), second, second];
                    // The place of the first tails is the first j with U >= 1/j!.
                    let mut factorials = (2..=20_u64).scan(1_u128, |f, j| {
                        *f *= u128::from(j);
                        Some((j, *f))
                    });
                    let expected = factorials.find(|&(_, f)| !exact(1, f, &words).0).map(|(j, _)| j);
                    let found = first_tails(&mut Words(words.to_vec(), 0));
                    match expected {
                        Some(place) => assert_eq!(found, place, "k {k} offset {offset} second {second}"),
                        None => assert!(found > 20),
                    }
                }
            }
        }
    }

    #[test]
    fn uniform_integers_have_equally_many_words() {
        // With 3 values, the word 0 belongs to none: 2^64 = 3 m + 1.
        let mut rng = Words(vec![0, u64::MAX], 0);
        assert_eq!((uniform_below(3, &mut rng), rng.1), (2, 2));
        let third = u64::MAX / 3;
        for (word, value) in [(1, 0), (third, 0), (third + 1, 1), (2 * third, 1), (2 * third + 1, 2)] {
            assert_eq!(uniform_below(3, &mut Words(vec![word], 0)), value, "{word}");
        }
        assert_eq!(uniform_below(1, &mut Words(vec![], 0)), 0);
    }
}
