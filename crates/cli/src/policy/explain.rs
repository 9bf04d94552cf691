//! `hushtag policy explain`.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use super::files::study_under_regime;
use crate::lang::{list, text};
use crate::{Context, Failure, Format};
use hushtag::consent::AgeFact;
use hushtag::engine::PersonFile;
use hushtag::operator::{OperatorError, Replay};
use hushtag::policy::{Lang, replayed, with_opinion};
use hushtag::types::{AsOf, EpochId, RecipientId, StudyId};

#[derive(Args)]
pub(crate) struct Explain {
    /// The study: a file or, with --sandbox, the id of a study if several name the recipient
    #[arg(long, value_name = "FILE|ID", required_unless_present = "sandbox")]
    study: Option<PathBuf>,
    /// A sandbox: the decision at the seal of --epoch, made again from the texts of then and compared with the log
    #[arg(long, value_name = "DIR", requires = "epoch", conflicts_with_all = ["as_of", "person_file"])]
    sandbox: Option<PathBuf>,
    /// The epoch of the sandbox
    #[arg(long, requires = "sandbox")]
    epoch: Option<EpochId>,
    /// Who would get the answers
    #[arg(long)]
    recipient: RecipientId,
    /// The day of the decision; a bare date is the end of that day in the study's time zone
    #[arg(long, value_name = "WHEN", value_parser = AsOf::parse, required_unless_present = "sandbox")]
    as_of: Option<AsOf>,
    /// Consent events of one person (a file as for `seal --consents`)
    #[arg(long, value_name = "FILE")]
    person_file: Option<PathBuf>,
    /// The year in which that person was born
    #[arg(long, requires = "person_file", value_name = "YEAR")]
    born: Option<i64>,
}

impl Explain {
    pub(super) fn run(self, context: &Context) -> Result<(), Failure> {
        // As JSON it is in the language that was named, not in that of the environment.
        let lang = match context.output.format() {
            Format::Json => context.lang.unwrap_or(Lang::En),
            _ => context.lang(),
        };
        if let (Some(sandbox), Some(epoch)) = (&self.sandbox, &self.epoch) {
            return self.replay(sandbox, epoch, lang, context);
        }
        let (Some(study), Some(as_of)) = (&self.study, self.as_of) else {
            return Err(Failure::usage(text!("policy.no_study"), text!("policy.no_study_fix")));
        };
        let (study, regime) = study_under_regime(study)?;
        let as_of = study.instant(as_of);
        let recipient = study.recipient(&self.recipient).ok_or_else(|| {
            let known = list(study.recipients.iter().map(|recipient| recipient.id.as_str()));
            let message = text!("policy.unknown_recipient", recipient = self.recipient);
            Failure::usage(message, text!("policy.known_recipients", known))
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

    /// The decision of a seal, as the texts of then make it and as the log holds it.
    fn replay(&self, dir: &Path, epoch: &EpochId, lang: Lang, context: &Context) -> Result<(), Failure> {
        let study = self.study.as_deref().map(|study| {
            let id = StudyId::new(&study.display().to_string());
            id.map_err(|error| Failure::of_usage(error, text!("policy.study_id_fix")))
        });
        let replay = Replay::of(dir, epoch, &self.recipient, study.transpose()?.as_ref())?;
        let (seal, at) = (replay.seal.to_string(), replay.at.to_string());
        let evidence = [
            ("{epoch}", epoch.as_str()),
            ("{at}", &at),
            ("{seal}", &seal),
            ("{study}", &replay.study().hash),
            ("{regime}", replay.regime().hash()),
        ];
        let mut explanation = replay.explain(lang)?;
        explanation.sections.push(replayed(&evidence, replay.names_demand, lang));
        context.output.either(
            || {
                let mut all = json!(explanation);
                if let Some(all) = all.as_object_mut() {
                    all.insert("epoch".into(), json!(replay.epoch));
                    all.insert("sealed_at".into(), json!(replay.at.to_string()));
                    all.insert("seal".into(), json!(replay.seal));
                    all.insert("adopted".into(), json!(replay.adopted));
                    all.insert("study".into(), json!(replay.study().id));
                    all.insert("study_hash".into(), json!(replay.study().hash));
                    all.insert("regime".into(), json!(replay.regime().id()));
                    all.insert("regime_hash".into(), json!(replay.regime().hash()));
                    all.insert("agrees".into(), json!(true));
                    all.insert("demand_compared".into(), json!(replay.names_demand));
                }
                all
            },
            || explanation.to_string(),
        )
    }
}
