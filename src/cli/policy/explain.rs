//! `hushtag policy explain`.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use serde_json::json;

use super::files::study_under_regime;
use crate::cli::{Context, Failure};
use crate::consent::AgeFact;
use crate::engine::PersonFile;
use crate::operator::OperatorError;
use crate::policy::{Lang, with_opinion};
use crate::types::{AsOf, RecipientId};

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Language {
    En,
    Zh,
}

#[derive(Args)]
pub(in crate::cli) struct Explain {
    /// The study
    #[arg(long, value_name = "FILE")]
    study: PathBuf,
    /// Who would get the answers
    #[arg(long)]
    recipient: RecipientId,
    /// The day of the decision; a bare date is the end of that day in the study's time zone
    #[arg(long, value_name = "WHEN", value_parser = AsOf::parse)]
    as_of: AsOf,
    /// Consent events of one person (a file as for `seal --consents`)
    #[arg(long, value_name = "FILE")]
    person_file: Option<PathBuf>,
    /// The year in which that person was born
    #[arg(long, requires = "person_file", value_name = "YEAR")]
    born: Option<i64>,
    /// The language
    #[arg(long, value_enum, default_value_t = Language::En)]
    lang: Language,
}

impl Explain {
    pub(super) fn run(self, context: &Context) -> Result<(), Failure> {
        let (study, regime) = study_under_regime(&self.study)?;
        let as_of = study.instant(self.as_of);
        let lang = match self.lang {
            Language::En => Lang::En,
            Language::Zh => Lang::Zh,
        };
        let recipient = study.recipient(&self.recipient).ok_or_else(|| {
            let known: Vec<&str> = study.recipients.iter().map(|recipient| recipient.id.as_str()).collect();
            let message = format!("unknown recipient `{}`", self.recipient);
            Failure::usage(message, format!("recipients of the study are {}", known.join(", ")))
        })?;
        let read = |path: &Path| PersonFile::read(path, &study.consents);
        let person = self.person_file.as_deref().map(read).transpose().map_err(OperatorError::from)?;
        let age = self.born.map_or(AgeFact::UNKNOWN, AgeFact::from_birth_year);
        let explanation = with_opinion(&study, &regime, recipient, as_of, |opinion| {
            let mut explanation = opinion.explain(lang);
            if let Some(person) = &person {
                let accounts = person.account(&opinion.demand(), as_of, age);
                explanation.sections.push(opinion.explain_person(&accounts, lang));
            }
            explanation
        });
        context.output.either(|| json!(explanation), || explanation.to_string())
    }
}
