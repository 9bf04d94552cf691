//! `hushtag consent verify-receipt`.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::person::{id, read};
use crate::audit::{Receipt, VerifierKey};
use crate::cli::{Context, Failure};

#[derive(Args)]
pub(in crate::cli) struct VerifyReceipt {
    /// The receipt
    file: PathBuf,
    /// The key of the sandbox's log that was in force when the receipt was given
    #[arg(long, value_name = "VKEY")]
    key: VerifierKey,
    /// Check also that it is about the person whose id is the one line of this file, or - for stdin
    #[arg(long, value_name = "FILE|-", requires = "ids")]
    id_file: Option<PathBuf>,
    /// The namespace of that id
    #[arg(long, requires = "id_file")]
    ids: Option<String>,
}

impl VerifyReceipt {
    pub(in crate::cli) fn run(self, context: &Context) -> Result<(), Failure> {
        let bytes = read(&self.file)?;
        if !Receipt::resembles(&bytes) {
            return Err(Failure::failed(
                format!("{}: is no receipt", self.file.display()),
                "give the file that `consent record --receipt` wrote",
            ));
        }
        let next = "ask for another receipt: this one proves nothing under this key";
        let receipt = Receipt::open(&bytes, &self.key)
            .map_err(|error| Failure::damaged(&self.file.display(), &error, next))?;
        let about = match (&self.id_file, &self.ids) {
            (Some(path), Some(ids)) => Some(receipt.is_about(ids, &id(path)?)),
            _ => None,
        };
        if about == Some(false) {
            return Err(Failure::damaged(&self.file.display(), &AnotherPerson, next));
        }
        context.output.either(
            || {
                json!({
                    "verified": true,
                    "sandbox": receipt.sandbox,
                    "recorded_at": receipt.recorded_at.to_string(),
                    "event": receipt.event,
                    "about": about,
                })
            },
            || {
                let said = receipt.event.iter().map(|(term, value)| format!("\n  {term}: {value}"));
                let about = if about.is_some() { "\nit is about the person with this id" } else { "" };
                format!(
                    "verified: sandbox {} recorded this at {}{}{about}",
                    receipt.sandbox,
                    receipt.recorded_at,
                    said.collect::<String>()
                )
            },
        )
    }
}

#[derive(Debug, thiserror::Error)]
#[error("the receipt is about another person")]
struct AnotherPerson;
