//! `hushtag demo --study social-commerce`: two companies' relation chains and payments, and every metric of that study.

use std::path::PathBuf;

use super::demo::{Demo, dated, evidence, init, made_up, named, write_study};
use super::lang::{text, time};
use super::{Context, Failure};
use crate::render::{budget_text, hygiene_text, metrics_text};
use hushtag::engine::Sources;
use hushtag::operator::{Keys, Operator, SealTerms, verify_log};
use hushtag::storage::Folder;
use hushtag::types::{DatasetName, EpochId, RecipientId, Timestamp};
use hushtag_population::{MAX_CSV_PEOPLE, PopulationConfig, SocialCommerce};

/// Its two dates are moved so that the documents are in date whenever it runs.
const STUDY: &str = include_str!("../../../policies/social-commerce/study.toml");

/// The recipient of the study.
const RECIPIENT: &str = "commerce-insights";

impl Demo {
    pub(super) fn social_commerce(&self, context: &Context, as_of: Timestamp) -> Result<(), Failure> {
        let study = dated(STUDY, as_of);
        let files = self.write_social(context, as_of, &study)?;
        let sandbox = self.dir.join("sandbox");
        let operator = init(&sandbox, &study)?;
        context.output.result(&text!("demo.sandbox", sandbox = sandbox.display()))?;
        seal_social(context, &operator, files, as_of)?;
        let analyst = operator.analyst(&named(RecipientId::new(RECIPIENT))?, None)?;
        let accounting = analyst.remaining()?.accounting;
        let metrics = analyst.metrics(None)?;
        let metrics = metrics_text(&metrics, accounting);
        context.output.result(&text!("demo.metrics", recipient = RECIPIENT, metrics))?;
        context.output.result(&text!("demo.budget", budget = budget_text(&operator.status()?)))?;
        let verified = verify_log(&Folder::open(&sandbox)?, None, Some(Keys::InFolder), None)?;
        context.output.result(&evidence(&verified))?;
        drop(analyst);
        drop(operator);
        self.report(context, &sandbox)?;
        let study = self.dir.join("input").join("study.toml");
        let (sandbox, study) = (sandbox.display(), study.display());
        context.output.result(&text!("demo.try_social", sandbox, study, recipient = RECIPIENT))
    }

    fn write_social(
        &self,
        context: &Context,
        as_of: Timestamp,
        study: &str,
    ) -> Result<Vec<(&'static str, PathBuf)>, Failure> {
        let input = self.empty_input()?;
        let config = PopulationConfig {
            people: self.people,
            seed: self.seed,
            as_of: as_of.seconds(),
            ..SocialCommerce::config()
        };
        let people = SocialCommerce::new(config).map_err(made_up)?;
        let files = people.write_parquet(&input).map_err(made_up)?;
        if self.people <= MAX_CSV_PEOPLE {
            people.write_csv(&input).map_err(made_up)?;
        }
        write_study(&input, study)?;
        let (people, input) = (self.people, input.display());
        context.output.result(&text!("demo.people_social", people, input))?;
        Ok(files)
    }
}

fn seal_social(
    context: &Context,
    operator: &Operator,
    files: Vec<(&'static str, PathBuf)>,
    as_of: Timestamp,
) -> Result<(), Failure> {
    let mut sources = Sources::default();
    for (name, path) in files {
        if name == "consents" {
            sources.consents.push(path.into());
        } else {
            sources.data.push((named(DatasetName::new(name))?, path.into()));
        }
    }
    let terms = SealTerms::new(named(EpochId::new("demo"))?, as_of);
    let sealed = operator.seal(&terms, sources)?;
    let hygiene = hygiene_text(&sealed.hygiene);
    context.output.result(&text!("demo.sealed", as_of = time(as_of), hygiene))
}
