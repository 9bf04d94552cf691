//! Layer 6: answers, forecasts, budgets and findings as JSON, CSV, SARIF and the record of a registry. Sees released values and public constants only.

mod answer;
mod csv;
mod json;
mod metrics;
mod registry;
mod sarif;

pub use json::refusal_json;
pub use metrics::metrics_notes;
pub use registry::{REGISTRY_MARK, registry_yaml};
pub use sarif::sarif;

use crate::release::{NoisySelection, Released};

/// What a reader has to know who adds numbers up.
pub const NOISE_NOTE: &str = "noise is independent per cell, so totals may differ; confidence intervals cover noise only, not clamping, truncation or missing consent";

/// What a reader has to know of a number that was limited to what is possible.
pub const UNBIASED_NOTE: &str = "a number that is limited to what is possible (a count below zero is shown as 0) is biased: use the unbiased values in totals and averages";

/// What a reader has to know of an interval that was wholly outside of what is possible, such as 0 to 0.
pub const OUTSIDE_NOTE: &str = "*: the noise was larger than the interval allows for, so the whole interval was outside of what is possible before it was limited: this is no exact value";

/// What a reader has to know of a number that is smaller than its interval.
pub const UNCERTAIN_NOTE: &str = "!: the half-width exceeds half of the number, or the number is not above zero, or unknown: too noisy to compare; small groups are hit hardest";

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
    let percent = released.confidence.percent();
    (!by.is_empty()).then(|| {
        format!(
            "rows were selected by noisy numbers ({}): the intervals of the selected rows do not hold with {percent} % as a set",
            by.join(", ")
        )
    })
}
