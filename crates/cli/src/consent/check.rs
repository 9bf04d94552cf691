//! `hushtag consent check`: who of a consent file would be included, by that file alone.

use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};

use crate::exit::refuse;
use crate::inputs::Inputs;
use crate::lang::{text, time, word};
use crate::policy::study_under_regime;
use crate::render::hygiene_text;
use crate::{Context, Failure};
use hushtag::consent::ConsentStatus;
use hushtag::engine::{ConsentCheck, Reading, check_consents};
use hushtag::operator::OperatorError;
use hushtag::policy::{Decision, decide};
use hushtag::types::{Clock as _, SystemClock, Timestamp};

#[derive(Args)]
pub(crate) struct Check {
    /// Files of consent events, folders of parts, patterns, or - for stdin, read as one
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// The study whose demands count
    #[arg(long, value_name = "FILE")]
    study: PathBuf,
    /// Events count as of this instant; a bare date means the end of that day [default: now]
    #[arg(long, value_name = "WHEN", value_parser = Timestamp::parse_or_end_of_day)]
    as_of: Option<Timestamp>,
}

impl Check {
    pub(crate) fn run(self, context: &Context) -> Result<(), Failure> {
        let (study, regime) = study_under_regime(&self.study)?;
        let now = SystemClock.now();
        let (mut flows, mut refused) = (Vec::new(), Vec::new());
        for recipient in &study.recipients {
            match decide(&study, &regime, recipient, now) {
                Decision::Permit(flow) => flows.push((recipient.id.clone(), flow.demand().clone())),
                Decision::Deny(reasons) => refused.extend(reasons),
            }
        }
        if flows.is_empty() {
            return Err(refuse(&context.output, &refused));
        }
        let as_of = self.as_of.unwrap_or(now);
        let (mut files, mut inputs) = (Vec::new(), Inputs::default());
        for path in self.files {
            files.extend(inputs.of(path)?);
        }
        let checked = check_consents(&study, &flows, files, as_of, &Reading::default());
        let (checks, hygiene) = checked.map_err(OperatorError::from)?;
        context.output.either(
            || {
                let mut all = hygiene.to_json();
                if let Some(map) = all.as_object_mut() {
                    map.insert("as_of".into(), json!(as_of.to_string()));
                    map.insert("recipients".into(), checks.iter().map(check_json).collect());
                }
                all
            },
            || {
                let mut text = hygiene_text(&hygiene);
                checks.iter().for_each(|check| text.push_str(&check_text(check, as_of)));
                text
            },
        )?;
        context.output.note(&text!("consent.check_limits"));
        Ok(())
    }
}

fn is_in(check: &ConsentCheck) -> u64 {
    check.people.iter().filter(|(status, _)| *status == ConsentStatus::Live).map(|(_, people)| people).sum()
}

fn out(check: &ConsentCheck) -> impl Iterator<Item = &(ConsentStatus, u64)> {
    check.people.iter().filter(|(status, _)| *status != ConsentStatus::Live)
}

fn check_json(check: &ConsentCheck) -> Value {
    let reason = |(status, people): &(ConsentStatus, u64)| json!({ "reason": status.as_str(), "column": status.column(), "people": people });
    json!({ "id": check.recipient, "in": is_in(check), "out": out(check).map(reason).collect::<Vec<_>>() })
}

fn check_text(check: &ConsentCheck, as_of: Timestamp) -> String {
    let people: u64 = check.people.iter().map(|(_, people)| people).sum();
    let (recipient, included) = (&check.recipient, is_in(check));
    let mut text = text!("consent.check", recipient, as_of = time(as_of), included, people);
    for (status, people) in out(check) {
        let column = status.column().map_or_else(String::new, |column| text!("consent.column", column));
        text.push_str(&text!("consent.check_out", people, reason = word("status", status.as_str()), column));
    }
    text.push('\n');
    text
}
