//! Layer 6: answers, forecasts and budgets as JSON, CSV, tables, plots, the auditor's page and the record of a registry. Sees released values and public constants only.

#[cfg(feature = "cli")]
mod answer;
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
mod registry;
mod sarif;
#[cfg(feature = "cli")]
mod table;
#[cfg(all(test, feature = "cli"))]
mod unbiased_tests;

#[cfg(feature = "cli")]
pub use answer::answer_table;
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
pub(crate) use registry::RECORD_BY;
pub use registry::registry_yaml;
pub use sarif::sarif;
#[cfg(feature = "cli")]
pub use table::{budget_text, forecast_text, hygiene_text, status_text, unclear_text, vocabulary_text};

use crate::dp::{Accounting, Confidence, Delta, epsilon_of};
use crate::release::{NoisySelection, Released};
use crate::types::{NanoEpsilon, NanoRho};

/// What a reader has to know who adds numbers up.
const NOISE_NOTE: &str = "every number has noise of its own, so parts need not add up; intervals leave out clamping, cut lists and missing consent";

/// What a reader has to know of a number that was limited to what is possible.
const UNBIASED_NOTE: &str = "a number that is limited to what is possible (a count below zero is shown as 0) is biased: use the unbiased values in totals and averages";

/// What a reader has to know of a number that is smaller than its interval.
const UNCERTAIN_NOTE: &str = "!: the half-width exceeds half of the number, or the number is not above zero, or unknown: too noisy to compare; small groups are hit hardest";

/// What a reader has to know of rows that were selected by noisy numbers, if they were.
///
/// # Privacy
/// None: post-processing of released numbers.
#[must_use]
pub fn selection_note(released: &Released) -> Option<String> {
    let by = released.selected_on.iter().map(|selection| match selection {
        NoisySelection::MinPeople => "min_people",
        NoisySelection::Having => "HAVING",
        NoisySelection::Limit => "ORDER BY with LIMIT",
    });
    let by: Vec<&str> = by.collect();
    let percent = percent(released.confidence);
    (!by.is_empty()).then(|| {
        format!(
            "rows were selected by noisy numbers ({}): the intervals of the selected rows do not hold with {percent} % as a set",
            by.join(", ")
        )
    })
}

/// A confidence in percent, with one digit after the point where it is not 0.
fn percent(confidence: Confidence) -> f64 {
    (confidence.get() * 1000.0).round() / 10.0
}

/// How a file begins that this crate made and may make anew.
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
