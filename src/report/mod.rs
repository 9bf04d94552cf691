//! Layer 6: answers, forecasts and budgets as JSON, CSV and tables. Sees released values and public constants only.

mod csv;
#[cfg(feature = "cli")]
mod figures;
mod json;
mod metrics;
mod sarif;
#[cfg(feature = "cli")]
mod table;

pub use csv::answer_csv;
#[cfg(feature = "cli")]
pub use figures::{figures_json, figures_text};
pub use json::{
    answer_json, budget_json, forecast_json, hygiene_json, refusal_json, status_json, vocabulary_json,
};
pub use metrics::{metrics_forecast_json, metrics_json};
#[cfg(feature = "cli")]
pub use metrics::{metrics_forecast_text, metrics_text};
pub use sarif::sarif;
#[cfg(feature = "cli")]
pub use table::{answer_table, budget_text, forecast_text, hygiene_text, status_text, vocabulary_text};

use crate::dp::{Accounting, Delta, epsilon_of};
use crate::types::{NanoEpsilon, NanoRho};

/// What a reader has to know who adds numbers up.
const NOISE_NOTE: &str = "every number has noise of its own, so parts need not add up; intervals leave out clamping, cut lists and missing consent";

/// Units of a pool as an epsilon, rounded up.
fn epsilon(units: u128, accounting: Accounting) -> NanoEpsilon {
    match accounting {
        Accounting::Pure => NanoEpsilon::new(units),
        Accounting::Zcdp { .. } if units == 0 => NanoEpsilon::ZERO,
        Accounting::Zcdp { delta } => epsilon_of(NanoRho::new(units), delta),
    }
}

/// The delta of a pool; a pure one has none.
fn delta(accounting: Accounting) -> Option<Delta> {
    match accounting {
        Accounting::Pure => None,
        Accounting::Zcdp { delta } => Some(delta),
    }
}

/// What the units of a pool are called.
fn unit(accounting: Accounting) -> &'static str {
    match accounting {
        Accounting::Pure => "nano_epsilon",
        Accounting::Zcdp { .. } => "nano_rho",
    }
}
