//! Answers, forecasts, budgets, figures and findings as tables, plots and JUnit XML.

mod answer;
mod figures;
mod junit;
pub(crate) mod metrics;
pub(crate) mod plot;
pub(crate) mod table;
#[cfg(test)]
mod unbiased_tests;

pub(crate) use answer::{answer_table, selection_text};
pub(crate) use figures::{figures_json, figures_text};
pub(crate) use junit::junit;
pub(crate) use metrics::{metrics_forecast_text, metrics_text};
pub(crate) use plot::{answer_plot, metrics_plot};
pub(crate) use table::{
    budget_text, forecast_text, hygiene_text, status_text, unclear_text, vocabulary_text,
};
