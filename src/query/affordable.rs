//! At which price a planned query would fit what is left: from the query, the catalogue and public budget alone.

use std::collections::BTreeMap;

use super::payment::PartPrice;
use super::{Plan, Problem, QueryError};
use crate::dp::{NoiseError, Part, PrivacyClaim};
use crate::types::NanoEpsilon;

/// Beyond this no error is searched: no noise is so wide.
const WIDEST: u64 = 1 << 60;

impl Plan {
    /// The least noisy price, written as in `WITH (...)`, at which the query costs at most `units` of the pool. The error of the
    /// most expensive aggregate alone grows, if the others leave room for it; otherwise all errors grow in the proportion in which
    /// they were given. An epsilon shrinks. `None` if no price does.
    ///
    /// # Privacy
    /// A function of the query, the catalogue and `units`, which must be public.
    #[must_use]
    pub fn price_within(&self, units: u128) -> Option<String> {
        let fits = |prices: &[PartPrice]| self.cost_at(prices).is_some_and(|cost| cost <= units);
        match self.prices.first()? {
            PartPrice::Share(epsilon) => {
                let at = |nano: u64| -> Vec<PartPrice> {
                    let epsilon = NanoEpsilon::new(nano.into());
                    self.prices.iter().map(|_| PartPrice::Share(epsilon)).collect()
                };
                // The largest that fits: the one below the smallest that does not.
                let most = u64::try_from(epsilon.get()).ok()?;
                let is_dear = |nano| self.cost_at(&at(nano)).is_some_and(|cost| cost > units);
                let nano = smallest(1, most, is_dear).map_or(most, |above| above - 1);
                if !fits(&at(nano)) {
                    return None;
                }
                Some(format!("epsilon = {}", NanoEpsilon::new(nano.into())))
            }
            PartPrice::Error(_) => {
                let grown = |of: &dyn Fn(&str) -> bool| {
                    let first = self.settings.iter().zip(&self.prices).find(|(name, _)| of(name))?;
                    let PartPrice::Error(first) = *first.1 else { return None };
                    let at = |error| self.errors_at(of, error, first);
                    smallest(first, WIDEST, |error| fits(&at(error))).map(at)
                };
                let most_expensive = self.most_expensive()?;
                let prices = grown(&|name| name == most_expensive).or_else(|| grown(&|_| true))?;
                Some(self.written(&prices))
            }
        }
    }

    /// The prices when the errors of some settings grow as `first` grows to `error`.
    fn errors_at(&self, of: &dyn Fn(&str) -> bool, error: u64, first: u64) -> Vec<PartPrice> {
        let prices = self.settings.iter().zip(&self.prices);
        prices.map(|(name, price)| if of(name) { price.scaled(error, first) } else { *price }).collect()
    }

    /// The setting whose parts cost most together.
    fn most_expensive(&self) -> Option<&str> {
        let mut costs: BTreeMap<&str, u128> = BTreeMap::new();
        for (name, part) in self.settings.iter().zip(&self.claim.parts) {
            let cost = part.mechanism.cost_units(part.sensitivity, self.accounting).unwrap_or(u128::MAX);
            let sum = costs.entry(name).or_default();
            *sum = sum.saturating_add(cost);
        }
        costs.into_iter().max_by_key(|(_, cost)| *cost).map(|(name, _)| name)
    }

    /// Errors as in `WITH (...)`.
    fn written(&self, prices: &[PartPrice]) -> String {
        let mut settings: Vec<String> = Vec::new();
        for (name, price) in self.settings.iter().zip(prices) {
            let PartPrice::Error(error) = price else { continue };
            let setting = format!("{name} = {error}");
            if !settings.contains(&setting) {
                settings.push(setting);
            }
        }
        settings.join(", ")
    }

    /// The cost at other prices of the same parts; `None` where noise cannot be so fine or wide.
    fn cost_at(&self, prices: &[PartPrice]) -> Option<u128> {
        let priced = |(part, price): (&Part, &PartPrice)| {
            let mechanism = price.mechanism(part.sensitivity, self.parts.len(), self.accounting).ok()?;
            Some(Part { mechanism, ..*part })
        };
        let parts = self.claim.parts.iter().zip(prices).map(priced).collect::<Option<Vec<_>>>()?;
        PrivacyClaim { question: self.claim.question, parts, reach: self.claim.reach }
            .cost(self.accounting)
            .ok()
    }
}

/// The smallest number from `from` to `to` for which a condition holds that goes on holding; `None` if it never does.
fn smallest(from: u64, to: u64, holds: impl Fn(u64) -> bool) -> Option<u64> {
    let mut step = 1;
    let mut low = from;
    // Evaluating a wide error takes long, so the search goes up in growing steps first.
    let mut high = from;
    while !holds(high) {
        if high >= to {
            return None;
        }
        low = high + 1;
        high = high.saturating_add(step).min(to);
        step = step.saturating_mul(2);
    }
    while low < high {
        let middle = low + (high - low) / 2;
        if holds(middle) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    Some(high)
}

/// Why noise cannot be had for a part, and between which limits it could.
pub(super) fn unpayable(error: NoiseError, part: &str) -> QueryError {
    let hint = match error {
        NoiseError::NoError => format!("an error is at least 1: give a larger one for {part}"),
        NoiseError::NoCost => format!(
            "each released number costs at least a billionth of the pool's unit: give a larger epsilon, which {part} shares"
        ),
        NoiseError::TooWide => {
            format!("sigma and scale are at most 2^56: give a smaller error or a larger epsilon for {part}")
        }
        _ => format!("give another error or epsilon for {part}"),
    };
    QueryError::new(Problem::Noise(error), hint)
}
