//! The price of a query, resolved to each of its parts.

use std::collections::BTreeMap;

use super::canonical::{find_summable, measure_name};
use super::{Cost, Defaults, PartKind, PlannedPart, Problem, QueryError};
use crate::dp::{Accounting, Mechanism, NoiseError, Sensitivity, rho_of};
use crate::tags::Catalogue;
use crate::types::NanoEpsilon;

/// The price of one part.
#[derive(Debug, Clone, Copy)]
pub(super) enum PartPrice {
    Error(u64),
    /// An even share of this.
    Share(NanoEpsilon),
}

impl PartPrice {
    /// An error that grows as `from` grows to `to`, rounded up; a share as it is.
    pub(super) fn scaled(self, to: u64, from: u64) -> Self {
        match self {
            Self::Error(error) => {
                let grown = (u128::from(error) * u128::from(to)).div_ceil(u128::from(from.max(1)));
                Self::Error(u64::try_from(grown).unwrap_or(u64::MAX))
            }
            share @ Self::Share(_) => share,
        }
    }

    pub(super) fn mechanism(
        self,
        sensitivity: Sensitivity,
        parts: usize,
        accounting: Accounting,
    ) -> Result<Mechanism, NoiseError> {
        match self {
            Self::Error(error) => Mechanism::for_error(error, accounting),
            Self::Share(epsilon) => {
                let units = match accounting {
                    Accounting::Pure => epsilon.get(),
                    Accounting::Zcdp { delta } => rho_of(epsilon, delta).get(),
                };
                Mechanism::for_cost(units / (parts.max(1) as u128), sensitivity, accounting)
            }
        }
    }
}

/// The price of every part with the setting that gives it, and the canonical text of them all.
pub(super) struct Payment {
    pub(super) of_parts: Vec<PartPrice>,
    pub(super) settings: Vec<String>,
    pub(super) text: String,
}

impl Payment {
    pub(super) fn resolve(
        cost: &Cost,
        parts: &[PlannedPart],
        catalogue: &Catalogue,
        defaults: &Defaults,
    ) -> Result<Self, QueryError> {
        let (count, sums) = match cost {
            Cost::Epsilon(epsilon) => {
                let of_parts = parts.iter().map(|_| PartPrice::Share(*epsilon)).collect();
                let settings = parts.iter().map(|_| "epsilon".to_owned()).collect();
                return Ok(Self { of_parts, settings, text: format!("epsilon = {epsilon}") });
            }
            Cost::Errors { count, sums } => (*count, sums.clone()),
            Cost::Default => (None, BTreeMap::new()),
        };
        let mut given = BTreeMap::new();
        for (name, error) in &sums {
            given.insert(find_summable(catalogue, name)?, *error);
        }
        let (mut of_parts, mut settings, mut texts) = (Vec::new(), Vec::new(), Vec::new());
        for part in parts {
            let (setting, error) = match part.kind {
                PartKind::Count | PartKind::Present { .. } | PartKind::Histogram { .. } => {
                    ("error".to_owned(), count.unwrap_or(defaults.default_error))
                }
                PartKind::Sum { measure } => {
                    let name = measure_name(catalogue, measure);
                    let error =
                        given.remove(&measure).or_else(|| defaults.default_error_of.get(name).copied());
                    (format!("error({name})"), error.ok_or_else(|| no_default(name))?)
                }
            };
            let text = format!("{setting} = {error}");
            if !texts.contains(&text) {
                texts.push(text);
            }
            settings.push(setting);
            of_parts.push(PartPrice::Error(error));
        }
        let counted = parts.iter().any(|part| part.kind.counts_people());
        let unused =
            given.keys().next().map(|measure| format!("error({})", measure_name(catalogue, *measure)));
        match unused.or_else(|| (count.is_some() && !counted).then(|| "error".to_owned())) {
            Some(setting) => {
                Err(QueryError::new(Problem::UnusedPrice { setting }, "drop it, or select what it prices"))
            }
            None => Ok(Self { of_parts, settings, text: texts.join(", ") }),
        }
    }
}

fn no_default(measure: &str) -> QueryError {
    let hint = format!("write WITH (error({measure}) = n), in the unit of the measure");
    QueryError::new(Problem::NoDefault { measure: measure.to_owned() }, hint)
}
