//! `hushtag adopt`.

use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};

use super::exit::refuse;
use super::lang::text;
use super::sandbox::open;
use super::{Context, Failure};
use hushtag::operator::{Adoption, OperatorError, StudySource};

#[derive(Args)]
pub(super) struct Adopt {
    /// The sandbox
    dir: PathBuf,
    /// The study file, with the signatures of its handlers in FILE.sig
    #[arg(long, value_name = "FILE")]
    study: PathBuf,
}

impl Adopt {
    pub(super) fn run(self, context: &Context) -> Result<(), Failure> {
        let output = &context.output;
        let source = StudySource::load_signed(&self.study)?;
        let operator = open(&self.dir, context)?;
        let adoption = match operator.adopt(&source) {
            Err(OperatorError::Refused(reasons)) => return Err(refuse(output, &reasons)),
            other => other?,
        };
        if adoption.changed && adoption.signed_by.is_empty() {
            output.note(&text!("adopt.unsigned"));
        }
        for note in operator.price_notes(Some(&adoption.study))? {
            output.note(&text!("note.price", note));
        }
        output.either(|| adoption_json(&adoption), || adoption_text(&adoption))
    }
}

fn adoption_json(adoption: &Adoption) -> Value {
    json!({
        "study": adoption.study,
        "hash": adoption.hash,
        "regime": adoption.regime,
        "regime_hash": adoption.regime_hash,
        "replaced": adoption.replaced,
        "signed_by": adoption.signed_by,
        "changed": adoption.changed,
    })
}

fn adoption_text(adoption: &Adoption) -> String {
    let Adoption { study, hash, regime, .. } = adoption;
    match (&adoption.replaced, adoption.changed) {
        (_, false) => text!("adopt.unchanged", study),
        (None, true) => text!("adopt.new", study, hash, regime),
        (Some(old), true) => text!("adopt.replaced", study, hash, regime, old),
    }
}
