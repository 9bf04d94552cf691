//! `hushtag metrics`.

use std::path::PathBuf;

use clap::Args;

use super::sandbox::{open, read};
use super::{Context, Failure};
use crate::report::{metrics_forecast_json, metrics_forecast_text, metrics_json, metrics_text};
use crate::types::{EpochId, RecipientId, StudyId};

#[derive(Args)]
pub(super) struct MetricsCommand {
    /// The sandbox
    dir: PathBuf,
    /// Who asks
    #[arg(long)]
    recipient: RecipientId,
    /// Under which study, if several name the recipient
    #[arg(long)]
    study: Option<StudyId>,
    /// Which epoch answers [default: greatest as-of, then last sealed]
    #[arg(long)]
    epoch: Option<EpochId>,
    /// Show what the metrics cost; nothing is charged and no data is touched
    #[arg(long)]
    forecast: bool,
}

impl MetricsCommand {
    pub(super) fn run(self, context: &Context) -> Result<(), Failure> {
        let output = &context.output;
        if self.forecast {
            let reader = read(&self.dir, context)?;
            let view = reader.view(&self.recipient, self.study.as_ref())?;
            let (forecast, remaining) = (view.forecast_metrics()?, view.remaining()?);
            return output.either(
                || metrics_forecast_json(&forecast, &remaining),
                || metrics_forecast_text(&forecast, &remaining),
            );
        }
        let operator = open(&self.dir, context)?;
        let analyst = operator.analyst(&self.recipient, self.study.as_ref())?;
        let metrics = analyst.metrics(self.epoch.as_ref())?;
        let accounting = analyst.remaining()?.accounting;
        output.either(|| metrics_json(&metrics, accounting), || metrics_text(&metrics, accounting))?;
        let refused = metrics.metrics.iter().any(|metric| metric.outcome.is_err());
        if refused { Err(Failure::refused()) } else { Ok(()) }
    }
}
