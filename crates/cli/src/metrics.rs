//! `hushtag metrics`.

use std::path::PathBuf;

use clap::Args;

use super::sandbox::{Client, open, read};
use super::target::Target;
use super::{Context, Failure};
use crate::render::{metrics_forecast_text, metrics_plot, metrics_text};

#[derive(Args)]
pub(super) struct MetricsCommand {
    #[command(flatten)]
    client: Client,
    /// Draw the metrics, too: bars with intervals, as SVG
    #[arg(long, value_name = "OUT.svg", conflicts_with = "forecast")]
    plot: Option<PathBuf>,
}

impl MetricsCommand {
    pub(super) fn run(self, context: &Context) -> Result<(), Failure> {
        let (output, client) = (&context.output, self.client);
        if client.forecast {
            let reader = read(&client.dir, context)?;
            let view = reader.view(&client.recipient, client.study.as_ref())?;
            let (forecast, remaining) = (view.forecast_metrics()?, view.remaining()?);
            let epoch = view.asked_epoch(client.epoch.as_ref())?;
            return output.either(
                || forecast.to_json(&remaining, epoch.as_ref()),
                || metrics_forecast_text(&forecast, &remaining, epoch.as_ref()),
            );
        }
        // Before anything is charged.
        let plot = self.plot.as_deref().map(Target::new).transpose()?;
        let operator = open(&client.dir, context)?;
        let analyst = operator.analyst(&client.recipient, client.study.as_ref())?;
        let metrics = analyst.metrics(client.epoch.as_ref())?;
        metrics.answers.iter().for_each(|answer| context.answered(answer));
        let accounting = analyst.remaining()?.accounting;
        output.either(|| metrics.to_json(accounting), || metrics_text(&metrics, accounting))?;
        if let Some(plot) = &plot {
            plot.write(&metrics_plot(&metrics))?;
            output.note(&plot.done());
        }
        let refused = metrics.metrics.iter().any(|metric| metric.outcome.is_err());
        if refused { Err(Failure::refused()) } else { Ok(()) }
    }
}
