//! `hushtag tokenize`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use serde_json::json;

use super::inputs::Inputs;
use super::lang::text;
use super::output::Output;
use super::progress::{Counted, shown};
use super::token::{Place, threads};
use super::{Context, Failure};
use crate::render::hygiene_text;
use hushtag::blind_token::{BlindTokens, Parties, Work, unblind};
use hushtag::deidentify::TokenKey;
use hushtag::engine::{
    IngestReport, MaxBadRows, Progress, Reading, TokenSource, TokeniseError, TokeniseTerms, tokenise,
};
use hushtag::keys::BlindTokenKey;
use hushtag::operator::StudySource;
use hushtag::policy::Study;
use hushtag::types::{AsOf, Clock, SystemClock};

#[derive(Args)]
pub(super) struct Tokenize {
    /// The study that all parties have: which columns are written, and how
    #[arg(long, value_name = "FILE")]
    study: PathBuf,
    /// A dataset of the study, or `consents`
    #[arg(long, value_name = "NAME")]
    dataset: String,
    /// The table (.parquet, .csv, .arrow), or - for stdin
    input: PathBuf,
    /// The new file (.parquet)
    out: PathBuf,
    /// Your platform's key of blind tokens, with --state and --reply; without them the key that both platforms share
    /// (`hushtag key new --for token`), with which either can reverse the other's tokens. A file of mode 0600
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// What `hushtag token request` kept here
    #[arg(long, value_name = "FILE", requires = "reply")]
    state: Option<PathBuf>,
    /// The other platform's reply to that request
    #[arg(long, value_name = "FILE", requires = "state")]
    reply: Option<PathBuf>,
    /// Birth years become age bands of this day, in the study's time zone [default: today]
    #[arg(long, value_name = "WHEN", value_parser = AsOf::parse)]
    as_of: Option<AsOf>,
    /// How many percent of the rows may be bad
    #[arg(long, value_name = "PERCENT", default_value_t = MaxBadRows::default())]
    max_bad_rows: MaxBadRows,
    /// Where the new file is there already, note it and succeed, instead of exit code 6; nothing of it is read or changed
    #[arg(long)]
    if_absent: bool,
}

/// What tokens are made with.
enum Keys {
    Blind(BlindTokens),
    Shared(TokenKey),
}

/// The tokens of a reply, after all its proofs have held.
fn blind_tokens(
    study: &Study,
    (key, table): (&Path, &str),
    (state, reply): (&Path, &Path),
    output: &Output,
) -> Result<BlindTokens, Failure> {
    let key = BlindTokenKey::load(key).map_err(Failure::blind_token_key)?;
    let parties = Parties::new(study, &key)?;
    parties.check_table(table)?;
    let (state, reply) = (Place::new(state)?, Place::new(reply)?);
    let progress = Arc::new(Progress::default());
    let done = |points| progress.add(points);
    let work = Work { threads: threads(), progress: &done };
    Ok(shown(output, &progress, Counted::Points, || unblind(parties, &key, state.get(), reply.get(), work))?)
}

impl Tokenize {
    pub(super) fn run(self, context: &Context) -> Result<(), Failure> {
        let output = &context.output;
        let (study, regime) = StudySource::load(&self.study)?.parse()?;
        let keys = match (&self.state, &self.reply) {
            (Some(state), Some(reply)) => {
                Keys::Blind(blind_tokens(&study, (&self.key, &self.dataset), (state, reply), output)?)
            }
            _ => Keys::Shared(TokenKey::load(&self.key).map_err(Failure::token_key)?),
        };
        let (tokens, key_id) = match &keys {
            Keys::Blind(tokens) => (TokenSource::Blind(tokens), tokens.key_id().to_string()),
            Keys::Shared(key) => (TokenSource::Shared(key), key.id().to_string()),
        };
        let progress = Arc::new(Progress::default());
        let reading =
            Reading::default().with_max_bad_rows(self.max_bad_rows).with_progress(Arc::clone(&progress));
        let as_of = self.as_of.map_or_else(|| SystemClock.now(), |as_of| study.instant(as_of));
        let table = self.dataset.as_str();
        let terms = TokeniseTerms { study: &study, regime: &regime, table, tokens, as_of, reading };
        let input = Inputs::one(self.input);
        let made = shown(output, &progress, Counted::Rows, || tokenise(&terms, input, &self.out));
        let file = match made {
            Err(TokeniseError::Exists(_)) if self.if_absent => {
                let out = self.out.display().to_string();
                return output
                    .either(|| json!({ "exists": true, "out": out }), || text!("file.exists", file = out));
            }
            made => made?,
        };
        let hygiene = IngestReport { files: vec![file] };
        output.either(
            || {
                let mut all = hygiene.to_json();
                if let Some(map) = all.as_object_mut() {
                    map.insert("key_id".into(), json!(&key_id));
                    map.insert("out".into(), json!(self.out.display().to_string()));
                }
                all
            },
            || hygiene_text(&hygiene),
        )?;
        let (out, key) = (self.out.display(), key_id);
        output.note(&match tokens {
            TokenSource::Blind(_) => text!("tokenize.blind", out, key),
            TokenSource::Shared(_) => text!("tokenize.done", out, key),
        });
        Ok(())
    }
}
