//! The one query that a seal asks by itself: how many people are in, and out for which reason.

use super::plan::hash;
use crate::dp::{
    Accounting, Contribution, CostError, Mechanism, NoiseError, Part, PrivacyClaim, Sensitivity,
    SensitivityError, Shape,
};
use crate::types::Timestamp;

/// Why the query has no price.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConsentsError {
    /// No noise is this wide, or none this narrow.
    #[error("no noise has the error that the study asks of its consent counts")]
    Noise(#[from] NoiseError),
    /// A sensitivity that cannot be.
    #[error("the consent counts have no sensitivity")]
    Sensitivity(#[from] SensitivityError),
    /// The pool has no such cost.
    #[error("the consent counts have no cost in this pool")]
    Cost(#[from] CostError),
}

/// The counts of people by status, at the price that the study reserves, once an epoch.
///
/// # Privacy
/// Neighbours: one person's events added or removed. Each person counts under one status, so that one number moves by one:
/// exclusive cells of reach 1. The price depends on the study alone.
pub struct ConsentCounts {
    text: String,
    claim: PrivacyClaim,
    cost: u128,
}

impl ConsentCounts {
    /// The query for `statuses` words, each count within `error` people of the exact one in 95 of 100 cases, of the epoch
    /// that is sealed at this instant: a seal that is tried again queries again.
    ///
    /// # Errors
    /// [`ConsentsError`]
    pub fn new(
        error: u64,
        statuses: usize,
        sealed_at: Timestamp,
        accounting: Accounting,
    ) -> Result<Self, ConsentsError> {
        let text = format!("CONSENTS SEALED AT '{sealed_at}' WITH (error = {error})");
        let mechanism = Mechanism::for_error(error, accounting)?;
        let sensitivity = Sensitivity::of(Contribution::COUNT, 1, Shape::Exclusive)?;
        let parts = vec![Part { mechanism, sensitivity, cells: statuses }];
        let claim = PrivacyClaim { question: hash(&text), parts, reach: 1 };
        let cost = claim.cost(accounting)?;
        Ok(Self { text, claim, cost })
    }

    /// When the epoch was sealed of which `question` counts people by consent; `None` for any other query.
    #[must_use]
    pub fn sealed_at(question: &str) -> Option<Timestamp> {
        let (at, _) = question.strip_prefix("CONSENTS SEALED AT '")?.split_once('\'')?;
        Timestamp::parse(at).ok()
    }

    /// The canonical text.
    #[must_use]
    pub fn question(&self) -> &str {
        &self.text
    }

    /// What it costs and draws.
    #[must_use]
    pub fn claim(&self) -> &PrivacyClaim {
        &self.claim
    }

    /// The charge, in units of the pool.
    #[must_use]
    pub fn cost(&self) -> u128 {
        self.cost
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dp::Delta;

    #[test]
    fn the_price_is_that_of_exclusive_counts_and_another_seal_is_another_question() {
        let accounting = Accounting::Zcdp { delta: Delta::DEFAULT };
        let at = |seconds| ConsentCounts::new(100, 24, Timestamp::from_seconds(seconds), accounting).unwrap();
        let [one, other] = [at(1_000_000), at(1_000_001)];
        assert_eq!(one.question(), "CONSENTS SEALED AT '1970-01-12T13:46:40Z' WITH (error = 100)");
        assert_eq!(one.cost(), other.cost());
        assert_eq!(
            one.cost(),
            one.claim().parts[0]
                .mechanism
                .cost_units(Sensitivity { l1: 1, l2_squared: 1 }, accounting)
                .unwrap()
        );
        assert_ne!(one.claim().question, other.claim().question);
        assert_eq!(ConsentCounts::sealed_at(one.question()), Some(Timestamp::from_seconds(1_000_000)));
        assert_eq!(ConsentCounts::sealed_at("SELECT COUNT(*) FROM tags WITH (error = 100)"), None);
    }
}
