//! `hushtag vocabulary`.

use std::path::PathBuf;

use clap::Args;

use super::sandbox::read;
use super::{Context, Failure};
use crate::render::vocabulary_text;
use hushtag::types::{RecipientId, StudyId};

#[derive(Args)]
pub(super) struct VocabularyCommand {
    /// The sandbox
    dir: PathBuf,
    /// The recipient of answers
    #[arg(long)]
    recipient: RecipientId,
    /// Under which study, if several name the recipient
    #[arg(long)]
    study: Option<StudyId>,
}

impl VocabularyCommand {
    pub(super) fn run(self, context: &Context) -> Result<(), Failure> {
        let reader = read(&self.dir, context)?;
        let vocabulary = reader.view(&self.recipient, self.study.as_ref())?.vocabulary();
        context.output.either(|| vocabulary.to_json(), || vocabulary_text(&vocabulary))
    }
}
