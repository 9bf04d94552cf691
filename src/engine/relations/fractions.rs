//! Sums and means of many fractions, without rounding that could move a label.
//!
//! A value is only ever compared with declared bounds: a band starts at a fraction whose denominator is at most
//! [`Bound::MOST_DENOMINATOR`], a clamp and a floor are whole numbers. The largest fraction with such a denominator that is not
//! above the exact value reaches exactly the bounds that the exact value reaches, so it replaces it.

use num_bigint::BigUint;

use crate::tags::Bound;

/// Numerator and denominator; the denominator is positive.
pub(in crate::engine) type Fraction = (i128, u32);

/// The sum of `terms` divided by `by`, as the largest fraction with a declarable denominator that is not above it. `None` if
/// `by` is 0. The order of `terms` changes nothing. Terms are clamped measures: at most 2^62 away from zero, and fewer than
/// 2^32.
///
/// # Privacy
/// Terms of people who are out come with the numerator 0 and their denominator, and do not count in `by`, which is at most
/// `most`. Denominators and `most` alone decide which arithmetic is used and how long its numbers are.
pub(in crate::engine) fn quotient(terms: &mut [Fraction], by: u32, most: u32) -> Option<Fraction> {
    terms.sort_unstable_by_key(|(_, denominator)| *denominator);
    let mut whole: i128 = 0;
    let mut parts: Vec<(u128, u32)> = Vec::new();
    for same in terms.chunk_by(|a, b| a.1 == b.1) {
        let denominator = same.first()?.1;
        let sum: i128 = same.iter().map(|(numerator, _)| numerator).sum();
        whole += sum.checked_div_euclid(i128::from(denominator))?;
        let rest = u128::try_from(sum.checked_rem_euclid(i128::from(denominator))?).ok()?;
        if denominator > 1 {
            parts.push((rest, denominator));
        }
    }
    let (own, rest) = (whole.checked_div_euclid(i128::from(by))?, whole.checked_rem_euclid(i128::from(by))?);
    let rest = u128::try_from(rest).ok()?;
    let (top, bottom) = match narrow(&parts, rest, (by, most)) {
        Some((top, bottom)) => largest_below(quotients(top, bottom), Bound::MOST_DENOMINATOR),
        None => {
            let (top, bottom) = wide(&parts, rest, by);
            largest_below(wide_quotients(top, bottom), Bound::MOST_DENOMINATOR)
        }
    };
    Some((own * i128::from(bottom) + i128::try_from(top).ok()?, bottom))
}

/// `(rest + sum of parts) / by`, if its terms would fit however large the parts and `by` were.
fn narrow(parts: &[(u128, u32)], rest: u128, (by, most): (u32, u32)) -> Option<(u128, u128)> {
    let (mut top, mut largest, mut bottom) = (0u128, 0u128, 1u128);
    for (part, denominator) in parts {
        let common = gcd(u64::from(*denominator), u64::try_from(bottom % u128::from(*denominator)).ok()?);
        let factor = u128::from(u64::from(*denominator) / common);
        let unit = bottom / u128::from(common);
        largest = largest.checked_mul(factor)?.checked_add(unit.checked_mul(u128::from(*denominator))?)?;
        top = top.checked_mul(factor)?.checked_add(unit.checked_mul(*part)?)?;
        bottom = bottom.checked_mul(factor)?;
    }
    // A rest is below its divisor, so what follows is at most this.
    bottom.checked_mul(u128::from(most))?.checked_add(largest)?;
    Some((rest.checked_mul(bottom)?.checked_add(top)?, bottom.checked_mul(u128::from(by))?))
}

/// The same for terms of any size.
fn wide(parts: &[(u128, u32)], rest: u128, by: u32) -> (BigUint, BigUint) {
    let (mut top, mut bottom) = (BigUint::from(0u32), BigUint::from(1u32));
    for (part, denominator) in parts {
        // A remainder is below its 32-bit divisor.
        let remainder = u64::try_from(&bottom % *denominator).unwrap_or(0);
        let common = gcd(u64::from(*denominator), remainder);
        let factor = u64::from(*denominator) / common;
        // Each part is larger by one whole, so that a sum is as long whether or not its parts are 0.
        top = top * factor + (&bottom / common) * (*part + u128::from(*denominator));
        bottom *= factor;
    }
    (&bottom * rest + top - &bottom * parts.len(), bottom * by)
}

/// The greatest common divisor; `a` is positive.
fn gcd(mut a: u64, mut b: u64) -> u64 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

/// The partial quotients of the continued fraction of `top / bottom`; `bottom` is positive.
fn quotients(mut top: u128, mut bottom: u128) -> impl Iterator<Item = u128> {
    std::iter::from_fn(move || {
        let quotient = top.checked_div(bottom)?;
        (top, bottom) = (bottom, top % bottom);
        Some(quotient)
    })
}

/// The same for terms of any size; a quotient beyond 128 bits is their largest number, which is above every denominator.
fn wide_quotients(mut top: BigUint, mut bottom: BigUint) -> impl Iterator<Item = u128> {
    std::iter::from_fn(move || {
        if bottom == BigUint::ZERO {
            return None;
        }
        let quotient = &top / &bottom;
        let rest = &top - &quotient * &bottom;
        (top, bottom) = (std::mem::take(&mut bottom), rest);
        Some(u128::try_from(quotient).unwrap_or(u128::MAX))
    })
}

/// The largest fraction with a denominator of at most `most` that is not above the number with these partial quotients.
///
/// A walk down the Stern-Brocot tree: `low <= x < high` are neighbours, so that nothing between them has a denominator below
/// the sum of theirs. Even quotients say how often `low` moves towards `high`, odd ones how often `high` moves towards `low`.
fn largest_below(quotients: impl Iterator<Item = u128>, most: u32) -> (u128, u32) {
    let ((mut low, mut high), most) = (((0u128, 1u128), (1u128, 0u128)), u128::from(most));
    let mut moves_low = true;
    let shown = |(top, bottom): (u128, u128)| (top, u32::try_from(bottom).unwrap_or(u32::MAX));
    for quotient in quotients {
        let (moved, towards) = if moves_low { (&mut low, high) } else { (&mut high, low) };
        // The first quotient is the whole part, and `high` is then 1/0.
        let steps = most.saturating_sub(moved.1).checked_div(towards.1).map_or(quotient, |s| s.min(quotient));
        moved.0 += steps * towards.0;
        moved.1 += steps * towards.1;
        if steps < quotient {
            return shown(low);
        }
        moves_low = !moves_low;
    }
    // The number itself is what moved last.
    shown(if moves_low { high } else { low })
}

#[cfg(test)]
mod tests {
    use num_bigint::BigInt;
    use proptest::prelude::*;

    use super::*;

    /// By trying every denominator.
    fn by_trying(top: u128, bottom: u128, most: u32) -> (u128, u32) {
        let below = (1..=most).map(|d| (top * u128::from(d) / bottom, d));
        below.reduce(|a, b| if b.0 * u128::from(a.1) > a.0 * u128::from(b.1) { b } else { a }).unwrap()
    }

    /// Guards that the walk ends at the largest fraction that is not above, in both widths of arithmetic.
    #[test]
    fn the_walk_finds_what_trying_every_denominator_finds() {
        for bottom in 1..80 {
            for top in 0..3 * bottom {
                for most in [1, 2, 3, 5, 12, 25] {
                    let wanted = by_trying(top, bottom, most);
                    assert_eq!(largest_below(quotients(top, bottom), most), wanted, "{top}/{bottom}, {most}");
                    let wide = wide_quotients(BigUint::from(top), BigUint::from(bottom));
                    assert_eq!(largest_below(wide, most), wanted, "{top}/{bottom}, {most}, wide");
                }
            }
        }
    }

    fn term() -> impl Strategy<Value = Fraction> {
        let denominator = prop_oneof![Just(1u32), 1..60u32, any::<u32>().prop_map(|d| d.max(1))];
        let value = prop_oneof![-9_i128..9, -(1_i128 << 62)..(1 << 62)];
        (denominator, value, any::<u32>())
            .prop_map(|(d, whole, part)| (whole * i128::from(d) + i128::from(part % d), d))
    }

    proptest! {
        /// Guards the promise that a mean or sum of fractions reaches exactly the bounds that the exact value reaches: it is
        /// not above it, and no fraction with a declarable denominator lies between. Checked by plain big integers.
        #[test]
        fn no_bound_lies_between_a_quotient_and_the_exact_value(
            mut terms in prop::collection::vec(term(), 0..40),
            by in prop_oneof![Just(1u32), 1..50u32, any::<u32>().prop_map(|by| by.max(1))],
            spread in 1..9u32,
            denominators in prop::collection::vec(1..=Bound::MOST_DENOMINATOR, 30),
        ) {
            let all = terms.iter().fold(BigInt::from(1), |all, (_, d)| all * *d);
            let top: BigInt = terms.iter().map(|(n, d)| &all / *d * *n).sum();
            let bottom = &all * by;
            let most = by.saturating_mul(spread);
            let (own, shown) = quotient(&mut terms, by, most).unwrap();
            prop_assert!((1..=Bound::MOST_DENOMINATOR).contains(&shown));
            prop_assert!(&bottom * own <= &top * shown);
            let near = (1..60).chain([shown, Bound::MOST_DENOMINATOR, Bound::MOST_DENOMINATOR - 1]);
            for denominator in denominators.into_iter().chain(near) {
                // The largest fraction with this denominator that is not above the exact value.
                let scaled: BigInt = &top * denominator;
                let rest = ((&scaled % &bottom) + &bottom) % &bottom;
                let floor = (scaled - rest) / &bottom;
                prop_assert!(floor * shown <= BigInt::from(own) * denominator, "{denominator}");
            }
            terms.reverse();
            prop_assert_eq!(quotient(&mut terms, by, u32::MAX), Some((own, shown)));
        }
    }

    #[test]
    fn thirds_make_a_whole_and_nothing_is_divided_by_nothing() {
        assert_eq!(quotient(&mut [(1, 3), (1, 3), (1, 3)], 1, 1), Some((1, 1)));
        assert_eq!(quotient(&mut [(1, 3), (1, 2), (1, 6)], 3, 9), Some((1, 3)));
        assert_eq!(quotient(&mut [(-1, 2)], 1, 1), Some((-1, 2)));
        assert_eq!(quotient(&mut [], 1, 1), Some((0, 1)));
        assert_eq!(quotient(&mut [(1, 3)], 0, 1), None);
    }
}
