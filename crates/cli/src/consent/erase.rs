//! `hushtag consent erase`.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::note_unswept;
use super::person::Person;
use super::receipt::{absent, receipt_note, save};
use crate::lang::{text, time};
use crate::sandbox::open;
use crate::{Context, Failure};
use hushtag::operator::OperatorError;

#[derive(Args)]
pub(crate) struct Erase {
    /// The sandbox
    dir: PathBuf,
    #[command(flatten)]
    person: Person,
    /// Write a signed receipt for the person into this new file
    #[arg(long, value_name = "OUT")]
    receipt: Option<PathBuf>,
}

impl Erase {
    pub(crate) fn run(self, context: &Context) -> Result<(), Failure> {
        absent(self.receipt.as_deref())?;
        let operator = open(&self.dir, context)?;
        let consents = operator.consents();
        let (ids, id) = self.person.raw()?;
        let erased = consents.erase(ids, &id).map_err(|error| match error {
            OperatorError::Event(fault) => self.person.unreadable(fault, &consents),
            error => error.into(),
        })?;
        note_unswept(&consents, context);
        let next = text!("consent.erased_receipt_fix");
        let receipt = match &self.receipt {
            Some(path) => Some(save(path, &consents.erasure_receipt(&erased, &id)?, next)?),
            None => None,
        };
        context.output.either(
            || {
                json!({
                    "erased": true,
                    "at": erased.at.to_string(),
                    "ids": erased.ids,
                    "events": erased.events,
                    "receipt": receipt,
                })
            },
            || {
                let receipt = receipt_note(receipt.as_deref());
                text!(
                    "consent.erased",
                    at = time(erased.at),
                    events = erased.events,
                    ids = erased.ids,
                    receipt
                )
            },
        )
    }
}
