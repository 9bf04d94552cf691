//! `hushtag demo --study social-commerce`: two companies' relation chains and payments, and every metric of that study.

use std::path::PathBuf;

use super::demo::{Demo, dated, init, made_up, named, write_study};
use super::{Context, Failure};
use crate::render::{budget_text, hygiene_text, metrics_text};
use hushtag::engine::{Reading, Sources};
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
        context.output.result(&format!(
            "\n2. A sandbox in {} with a budget of epsilon 4 for ever\n",
            sandbox.display()
        ))?;
        seal_social(context, &operator, files, as_of)?;
        let analyst = operator.analyst(&named(RecipientId::new(RECIPIENT))?, None)?;
        let accounting = analyst.remaining()?.accounting;
        let metrics = analyst.metrics(None)?;
        context.output.result(&format!(
            "4. Every metric of the study, for the recipient {RECIPIENT}\n{}",
            metrics_text(&metrics, accounting)
        ))?;
        context.output.result(&format!("\n5. The budget\n{}", budget_text(&operator.status()?)))?;
        let verified = verify_log(&Folder::open(&sandbox)?, None, Some(Keys::InFolder), None)?;
        context.output.result(&format!(
            "6. The evidence: {} log entries verified with {}\n   and {} charges of the ledger agree with them\n",
            verified.log.checkpoint.size,
            verified.vkey,
            verified.charges.unwrap_or(0)
        ))?;
        drop(analyst);
        drop(operator);
        self.report(context, &sandbox)?;
        let (sandbox, input) = (sandbox.display(), self.dir.join("input"));
        context.output.result(&format!(
            "Try next\n\
             \x20 hushtag metrics {sandbox} --recipient {RECIPIENT} --format json\n\
             \x20 hushtag ask {sandbox} --recipient {RECIPIENT} \"SELECT sharer, COUNT(*) FROM tags GROUP BY sharer\"\n\
             \x20 hushtag policy explain --study {} --recipient {RECIPIENT}",
            input.join("study.toml").display()
        ))
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
        context.output.result(&format!(
            "1. {} made-up people in {}\n   who follows whom, who shared what, who paid whom on whose invitation, who consented",
            self.people,
            input.display()
        ))?;
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
    let terms = SealTerms { epoch: named(EpochId::new("demo"))?, as_of, reading: Reading::default() };
    let sealed = operator.seal(&terms, sources)?;
    context.output.result(&format!(
        "3. An epoch as of {as_of}, sealed from these files. Who is in is never told; only encrypted tag counts stay\n{}",
        hygiene_text(&sealed.hygiene)
    ))
}
