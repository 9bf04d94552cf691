//! What a query asks of the budget, known before any data is touched.

use crate::dp::{Accounting, CostError, Mechanism, Sensitivity};
use std::fmt;

/// The hash of a canonical query.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct QueryHash([u8; 32]);

impl QueryHash {
    /// The hash with these bytes.
    #[must_use]
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for QueryHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Numbers that are released together under one sensitivity and one noise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Part {
    /// The noise on each cell.
    pub mechanism: Mechanism,
    /// How far one person moves all cells together.
    pub sensitivity: Sensitivity,
    /// The number of cells; it does not change the cost.
    pub cells: usize,
}

/// The price of a query and what is paid for: what a plan hands to the release.
///
/// # Privacy
/// A function of the query, the policy and public constants only.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PrivacyClaim {
    /// The canonical query.
    pub question: QueryHash,
    /// What is released; parts may overlap, so their costs add up.
    pub parts: Vec<Part>,
    /// The rows that one person can move, their own included.
    pub reach: u32,
}

impl PrivacyClaim {
    /// The charge in the units of the pool: the sum of the parts, each rounded up.
    ///
    /// # Errors
    /// [`CostError`] when a part has no cost in this pool or the sum does not fit.
    pub fn cost(&self, accounting: Accounting) -> Result<u128, CostError> {
        self.parts.iter().try_fold(0_u128, |sum, part| {
            sum.checked_add(part.mechanism.cost_units(part.sensitivity, accounting)?)
                .ok_or(CostError::TooLarge)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dp::Delta;
    use crate::types::Ratio;

    #[test]
    fn each_part_is_rounded_up_before_the_sum() {
        let accounting = Accounting::Zcdp { delta: Delta::DEFAULT };
        let part = |sensitivity| Part {
            mechanism: Mechanism::gaussian(Ratio::new(3, 1).unwrap()).unwrap(),
            sensitivity,
            cells: 4,
        };
        let one = part(Sensitivity { l1: 1, l2_squared: 1 });
        let claim = |parts| PrivacyClaim { question: QueryHash::new([0xab; 32]), parts, reach: 1 };
        // 10^9 / 6 = 166,666,666.67 each
        assert_eq!(claim(vec![one, one]).cost(accounting).unwrap(), 2 * 166_666_667);
        assert_eq!(claim(vec![]).cost(accounting).unwrap(), 0);
        let huge = part(Sensitivity { l1: 1, l2_squared: u128::MAX });
        assert!(matches!(claim(vec![one, huge]).cost(accounting), Err(CostError::TooLarge)));
        assert_eq!(claim(vec![]).question.to_string(), "ab".repeat(32));
    }
}
