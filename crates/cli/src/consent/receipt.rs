//! Receipts: written for a person, and `hushtag consent verify-receipt`.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use super::person::{id, read};
use crate::bundle::{LogKey, log_keys};
use crate::key::log_key;
use crate::lang::{text, time};
use crate::target::is_outside_sandboxes;
use crate::{Context, Failure};
use hushtag::audit::{Receipt, ReceiptError, VerifierKey};

/// A receipt that could not be written must be known before anything is done.
pub(super) fn absent(receipt: Option<&Path>) -> Result<(), Failure> {
    receipt.map_or(Ok(()), is_outside_sandboxes)?;
    match receipt {
        Some(path) if std::fs::symlink_metadata(path).is_ok() => Err(Failure::failed(
            text!("file.exists", file = path.display()),
            text!("consent.receipt_exists_fix"),
        )),
        _ => Ok(()),
    }
}

/// Writes a receipt to a new file and gives its path; `next` is what to do if that fails.
pub(super) fn save(path: &Path, receipt: &str, next: String) -> Result<String, Failure> {
    let written = std::fs::File::create_new(path)
        .and_then(|mut file| file.write_all(receipt.as_bytes()).and_then(|()| file.sync_all()));
    let shown = path.display().to_string();
    written.map_err(|error| Failure::of_place(&shown, error, next))?;
    Ok(shown)
}

/// The line that names a receipt.
pub(super) fn receipt_note(receipt: Option<&str>) -> String {
    receipt.map_or_else(String::new, |file| text!("consent.receipt", file))
}

#[derive(Args)]
pub(crate) struct VerifyReceipt {
    /// The receipt
    file: PathBuf,
    /// The key of the sandbox's log that was in force when the receipt was given; with --log any key that the log had
    #[arg(long, value_name = "VKEY", value_parser = log_key)]
    key: VerifierKey,
    /// The sandbox, or a copy of its `log` in a folder: for a receipt from before or after a change of the key
    #[arg(long, value_name = "DIR")]
    log: Option<PathBuf>,
    /// Check also that it is about the person whose id is the one line of this file, or - for stdin
    #[arg(long, value_name = "FILE|-", requires = "ids")]
    id_file: Option<PathBuf>,
    /// The namespace of that id
    #[arg(long, requires = "id_file")]
    ids: Option<String>,
}

impl VerifyReceipt {
    pub(crate) fn run(self, context: &Context) -> Result<(), Failure> {
        let bytes = read(&self.file)?;
        if !Receipt::resembles(&bytes) {
            let message = text!("consent.no_receipt", file = self.file.display());
            return Err(Failure::failed(message, text!("consent.no_receipt_fix")));
        }
        let next = || text!("consent.receipt_fix");
        let damaged = |error| Failure::damaged(&self.file.display(), &error, next());
        let (receipt, log_key) = match &self.log {
            None => (Receipt::open(&bytes, &self.key).map_err(damaged)?, LogKey::given(&self.key)),
            Some(dir) => {
                let log = log_keys(dir, &self.key)?;
                let (receipt, number) = Receipt::open_with(&bytes, &log).map_err(damaged)?;
                let key = LogKey::of(&log, number).ok_or_else(|| damaged(ReceiptError::Malformed))?;
                (receipt, key)
            }
        };
        let about = match (&self.id_file, &self.ids) {
            (Some(path), Some(ids)) => Some(receipt.is_about(ids, &id(path)?)),
            _ => None,
        };
        if about == Some(false) {
            return Err(Failure::damaged(&self.file.display(), &AnotherPerson, next()));
        }
        context.output.either(
            || {
                json!({
                    "verified": true,
                    "sandbox": receipt.sandbox,
                    "recorded_at": receipt.recorded_at.to_string(),
                    "event": receipt.event,
                    "about": about,
                    "log_key": log_key.json(),
                })
            },
            || {
                let event = receipt.event.iter().map(|(term, value)| format!("\n  {term}: {value}"));
                text!(
                    "consent.receipt_verified",
                    sandbox = receipt.sandbox,
                    at = time(receipt.recorded_at),
                    event = event.collect::<String>(),
                    about = about.map_or_else(String::new, |_| text!("consent.receipt_about")),
                    key = log_key.text(),
                )
            },
        )
    }
}

#[derive(Debug, thiserror::Error)]
#[error("the receipt is about another person")]
struct AnotherPerson;
