//! `hushtag tokenize`.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use serde_json::json;

use super::inputs::Inputs;
use super::progress::shown;
use super::{Context, Failure};
use crate::render::hygiene_text;
use hushtag::engine::{IngestReport, MaxBadRows, Progress, Reading, TokeniseTerms, tokenise};
use hushtag::keys::load_token_key;
use hushtag::operator::StudySource;
use hushtag::report::hygiene_json;
use hushtag::types::{AsOf, Clock, SystemClock};

#[derive(Args)]
pub(super) struct Tokenize {
    /// The study that all parties have: it says which columns are written, and how
    #[arg(long, value_name = "FILE")]
    study: PathBuf,
    /// A dataset of the study, or `consents`
    #[arg(long, value_name = "NAME")]
    dataset: String,
    /// The table (.parquet, .csv, .arrow), or - for stdin
    input: PathBuf,
    /// The new file (.parquet)
    out: PathBuf,
    /// The key of tokens that the parties agreed on: a file of mode 0600 that `hushtag key new --for token` made
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// Birth years become age bands of this day, in the study's time zone [default: today]
    #[arg(long, value_name = "WHEN", value_parser = AsOf::parse)]
    as_of: Option<AsOf>,
    /// How many percent of the rows may be bad
    #[arg(long, value_name = "PERCENT", default_value_t = MaxBadRows::default())]
    max_bad_rows: MaxBadRows,
}

impl Tokenize {
    pub(super) fn run(self, context: &Context) -> Result<(), Failure> {
        let output = &context.output;
        let key = load_token_key(&self.key).map_err(Failure::token_key)?;
        let (study, regime) = StudySource::load(&self.study)?.parse()?;
        let progress = Arc::new(Progress::default());
        let reading = Reading {
            max_bad_rows: self.max_bad_rows,
            progress: Some(Arc::clone(&progress)),
            ..Reading::default()
        };
        let as_of = self.as_of.map_or_else(|| SystemClock.now(), |as_of| study.instant(as_of));
        let table = self.dataset.as_str();
        let terms = TokeniseTerms { study: &study, regime: &regime, table, key: &key, as_of, reading };
        let input = Inputs::one(self.input);
        let file = shown(output, &progress, "rows", || tokenise(&terms, input, &self.out))?;
        let hygiene = IngestReport { files: vec![file] };
        let key = key.id().to_string();
        output.either(
            || {
                let mut all = hygiene_json(&hygiene);
                if let Some(map) = all.as_object_mut() {
                    map.insert("key_id".into(), json!(key));
                    map.insert("out".into(), json!(self.out.display().to_string()));
                }
                all
            },
            || hygiene_text(&hygiene),
        )?;
        output.note(&format!("{} holds tokens of key {key}", self.out.display()));
        Ok(())
    }
}
