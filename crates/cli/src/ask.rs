//! `hushtag ask`.

use std::path::PathBuf;

use clap::Args;

use super::exit::refuse;
use super::sandbox::{Client, open, read};
use super::target::Target;
use super::{Context, Failure, Format};
use crate::render::{answer_plot, answer_table, forecast_text, selection_text};
use hushtag::operator::{Analyst, Answer, OperatorError, View};

#[derive(Args)]
pub(super) struct AskCommand {
    #[command(flatten)]
    client: Client,
    /// The query
    #[arg(value_name = "SQL")]
    question: String,
    /// Draw the answer, too: bars with intervals, as SVG
    #[arg(long, value_name = "OUT.svg", conflicts_with = "forecast")]
    plot: Option<PathBuf>,
    /// Show amounts in minor units, such as fen, where the study declares a unit for them
    #[arg(long)]
    minor_units: bool,
}

/// A query that does not parse is shown with a caret under the place.
pub(super) fn with_caret(error: OperatorError, question: &str) -> Failure {
    match error {
        OperatorError::Query(error) => {
            let message = error.render(question);
            Failure::from(OperatorError::Query(error)).in_words(message)
        }
        error => error.into(),
    }
}

impl AskCommand {
    pub(super) fn run(self, context: &Context) -> Result<(), Failure> {
        let Client { dir, recipient, study, .. } = &self.client;
        if self.client.forecast {
            let reader = read(dir, context)?;
            return self.forecast(&reader.view(recipient, study.as_ref())?, context);
        }
        // Before anything is charged.
        let plot = self.plot.as_deref().map(Target::new).transpose()?;
        let operator = open(dir, context)?;
        self.ask(&operator.analyst(recipient, study.as_ref())?, plot.as_ref(), context)
    }

    fn forecast(&self, view: &View<'_>, context: &Context) -> Result<(), Failure> {
        let forecast = view.forecast(&self.question).map_err(|error| with_caret(error, &self.question))?;
        let forecast = if self.minor_units { forecast.in_minor_units() } else { forecast };
        let remaining = view.remaining()?;
        let epoch = view.asked_epoch(self.client.epoch.as_ref())?;
        context.output.either(
            || forecast.to_json(&remaining, epoch.as_ref()),
            || forecast_text(&forecast, &remaining, epoch.as_ref()),
        )
    }

    fn ask(&self, analyst: &Analyst, plot: Option<&Target>, context: &Context) -> Result<(), Failure> {
        let output = &context.output;
        let accounting = analyst.remaining()?.accounting;
        let answer = analyst
            .ask(&self.question, self.client.epoch.as_ref())
            .map_err(|error| with_caret(error, &self.question))?;
        match answer {
            Answer::Released(released) => {
                context.answered(&released);
                let released = if self.minor_units { released.in_minor_units() } else { *released };
                if output.format() == Format::Csv {
                    output.result(&released.to_csv())?;
                    if let Some(note) = selection_text(&released) {
                        output.note(&note);
                    }
                } else {
                    output.either(|| released.to_json(accounting), || answer_table(&released, accounting))?;
                }
                if let Some(plot) = plot {
                    plot.write(&answer_plot(&released))?;
                    output.note(&plot.done());
                }
                Ok(())
            }
            Answer::Refused(reasons) => Err(refuse(output, &reasons)),
        }
    }
}
