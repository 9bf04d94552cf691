//! `hushtag ask`.

use std::path::PathBuf;

use clap::Args;

use super::exit::refusal_text;
use super::sandbox::{open, read};
use super::{Context, Failure, Format};
use crate::operator::{Analyst, Answer, OperatorError, View};
use crate::report::{answer_csv, answer_json, answer_table, forecast_json, forecast_text, refusal_json};
use crate::types::{EpochId, RecipientId, StudyId};

#[derive(Args)]
pub(super) struct AskCommand {
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
    /// Show the cost and the width of the answer; nothing is charged and no data is touched
    #[arg(long)]
    forecast: bool,
    /// The question
    #[arg(value_name = "SQL")]
    question: String,
}

/// A question that does not parse is shown with a caret under the place.
pub(super) fn with_caret(error: OperatorError, question: &str) -> Failure {
    match error {
        OperatorError::Question(error) => {
            Failure::usage(error.render(question), "see `hushtag vocabulary` for tags, labels and measures")
        }
        error => error.into(),
    }
}

impl AskCommand {
    pub(super) fn run(self, context: &Context) -> Result<(), Failure> {
        if self.forecast {
            let reader = read(&self.dir, context)?;
            return self.forecast(&reader.view(&self.recipient, self.study.as_ref())?, context);
        }
        let operator = open(&self.dir, context)?;
        self.ask(&operator.analyst(&self.recipient, self.study.as_ref())?, context)
    }

    fn forecast(&self, view: &View<'_>, context: &Context) -> Result<(), Failure> {
        let forecast = view.forecast(&self.question).map_err(|error| with_caret(error, &self.question))?;
        let remaining = view.remaining()?;
        context
            .output
            .either(|| forecast_json(&forecast, &remaining), || forecast_text(&forecast, &remaining))
    }

    fn ask(&self, analyst: &Analyst, context: &Context) -> Result<(), Failure> {
        let output = &context.output;
        let accounting = analyst.remaining()?.accounting;
        let answer = analyst
            .ask(&self.question, self.epoch.as_ref())
            .map_err(|error| with_caret(error, &self.question))?;
        match answer {
            Answer::Released(released) if output.format() == Format::Csv => {
                output.result(&answer_csv(&released))
            }
            Answer::Released(released) => {
                output.either(|| answer_json(&released, accounting), || answer_table(&released, accounting))
            }
            Answer::Refused(reasons) => {
                match output.format() {
                    Format::Json => output.result(&refusal_json(&reasons).to_string())?,
                    Format::Text | Format::Csv => output.error(&refusal_text(&reasons)),
                }
                Err(Failure::refused())
            }
        }
    }
}
