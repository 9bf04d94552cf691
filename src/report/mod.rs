//! Layer 6: answers, forecasts and budgets as JSON, CSV, tables, plots and the auditor's page. Sees released values and public constants only.

#[cfg(feature = "cli")]
mod chart;
mod csv;
#[cfg(feature = "cli")]
mod figures;
#[cfg(feature = "cli")]
mod html;
mod json;
#[cfg(feature = "cli")]
mod junit;
mod metrics;
#[cfg(feature = "cli")]
mod plot;
mod sarif;
#[cfg(feature = "cli")]
mod table;

pub use csv::answer_csv;
#[cfg(feature = "cli")]
pub use figures::{figures_json, figures_text};
#[cfg(feature = "cli")]
pub use html::{PageError, Report, report_page};
pub use json::{
    answer_json, budget_json, forecast_json, hygiene_json, refusal_json, status_json, vocabulary_json,
};
#[cfg(feature = "cli")]
pub use junit::junit;
pub use metrics::{metrics_forecast_json, metrics_json};
#[cfg(feature = "cli")]
pub use metrics::{metrics_forecast_text, metrics_text};
#[cfg(feature = "cli")]
pub use plot::{answer_plot, metrics_plot};
pub use sarif::sarif;
#[cfg(feature = "cli")]
pub use table::{
    answer_table, budget_text, forecast_text, hygiene_text, status_text, unclear_text, vocabulary_text,
};

use crate::dp::{Accounting, Delta, epsilon_of};
use crate::types::{NanoEpsilon, NanoRho};

/// What a reader has to know who adds numbers up.
const NOISE_NOTE: &str = "every number has noise of its own, so parts need not add up; intervals leave out clamping, cut lists and missing consent";

/// How a file begins that this crate made and may make anew.
#[cfg(feature = "cli")]
pub(crate) const MADE_BY: &str = concat!("<!-- made by hushtag ", env!("CARGO_PKG_VERSION"), " -->");

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
