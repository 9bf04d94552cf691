//! Hashing of whole numbers by one multiplication.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};

/// The upper bits of the product with an odd number (Dietzfelbinger, Hagerup, Katajainen and Penttonen, "A reliable randomized
/// algorithm for the closest-pair problem", 1997): of a random one, two different numbers meet in one of `n` places with a chance of at
/// most `2 / n`.
///
/// # Privacy
/// Ids and values are chosen by strangers, so the multiplier is drawn again from the system's randomness for every table: a fixed one
/// would let a party make all of another party's rows meet in one place.
#[derive(Clone, Copy)]
pub(in crate::engine) struct MultiplyShift(u64);

impl MultiplyShift {
    /// By a random odd number.
    pub(in crate::engine) fn random() -> Self {
        // The standard library keys it by randomness of the system.
        Self(RandomState::new().build_hasher().finish() | 1)
    }

    /// The place of a number among `1 << log`; `log` is 1 to 63.
    #[expect(clippy::cast_possible_truncation, reason = "a place in a table that is in memory")]
    #[inline]
    pub(in crate::engine) const fn place(self, number: u64, log: u32) -> usize {
        number.wrapping_mul(self.0).wrapping_shr(64_u32.wrapping_sub(log)) as usize
    }
}

impl Default for MultiplyShift {
    fn default() -> Self {
        Self::random()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_place_is_inside_and_every_table_has_a_multiplier_of_its_own() {
        let [one, other] = [MultiplyShift::random(), MultiplyShift::random()];
        assert!(one.0 % 2 == 1 && one.0 != other.0);
        for log in 1..64 {
            assert!((0..100_u64).all(|number| one.place(number << 57, log) < 1 << log));
        }
        // Consecutive numbers do not meet more often than others.
        let mut places: Vec<usize> = (0..1_000_u64).map(|number| one.place(number, 20)).collect();
        places.sort_unstable();
        places.dedup();
        assert!(places.len() > 500, "{}", places.len());
    }
}
