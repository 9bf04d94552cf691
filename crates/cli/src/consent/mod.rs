//! `hushtag consent`: the consent register of a sandbox, for services that keep none of their own.

mod check;
mod erase;
mod files;
pub(super) mod person;
mod receipt;
mod record;
mod request;
pub(super) mod status;

use clap::Subcommand;

use super::exit::chain;
use super::lang::text;
use super::{Context, Failure};
use hushtag::operator::Consents;

#[derive(Subcommand)]
pub(super) enum ConsentCommand {
    /// Record a consent event of a person: consent, refusal, objection or any other
    #[command(
        after_help = "Examples:\n  hushtag consent record box --file event.json --receipt receipt.txt\n  echo 13800000007 | hushtag consent record box --id-file - --kind separate --trigger SC23 \\\n    --purpose campaign-measurement --recipient LEGAL-ID-C --handler social-platform \\\n    --categories 'profile|payment-record' --methods aggregate --notice N-2026-04 --notice-version 3 \\\n    --shown-at 2026-09-01T09:59:00+08:00 --giver self --own-step true --pre-ticked false --bundle-size 1 --service-gate false"
    )]
    Record(record::Record),
    /// Record that a person withdraws; without a scope, every consent that they ever gave (PIPL 15)
    #[command(
        after_help = "Examples:\n  echo 13800000007 | hushtag consent withdraw box --id-file -\n  hushtag consent withdraw box --id-file id.txt --trigger SC23 --receipt receipt.txt"
    )]
    Withdraw(record::Withdraw),
    /// Remove all events of a person from the register; no consent from before counts again, in any file (PIPL 47)
    #[command(
        after_help = "Examples:\n  echo 13800000007 | hushtag consent erase box --id-file -\n  hushtag consent erase box --id-file id.txt --ids phone --receipt receipt.txt"
    )]
    Erase(erase::Erase),
    /// The book of requests of people about their own data: access, copy, correction, erasure and others (PIPL 44 to 50)
    #[command(subcommand)]
    Request(request::RequestCommand),
    /// What decides for one person, and why
    #[command(
        after_help = "Examples:\n  hushtag consent status box --id-file id.txt --as-of 2026-10-01\n  hushtag consent status box --id-file id.txt --recipient brand-insights"
    )]
    Status(status::StatusOf),
    /// Record all events of files (.jsonl, .csv, .parquet, .arrow), each file as a whole or not at all: one row that cannot be
    /// attributed to a person stops it
    #[command(
        after_help = "Examples:\n  hushtag consent import box consents.parquet\n  hushtag consent import box log.csv --study social-commerce"
    )]
    Import(files::Import),
    /// Write everything in the register to a new file (.jsonl, .csv, .parquet) that holds raw ids
    #[command(after_help = "Example:\n  hushtag consent export box --out consents.jsonl")]
    Export(files::Export),
    /// Who of consent files would be included under a study, by these files alone; needs no sandbox
    #[command(
        after_help = "Examples:\n  hushtag consent check consents.csv --study study.toml\n  hushtag consent check log.csv --study study.toml --as-of 2026-10-01 --format json"
    )]
    Check(check::Check),
    /// Check a receipt with the key of its sandbox; needs no sandbox
    #[command(
        after_help = "Example:\n  hushtag consent verify-receipt receipt.txt --key hushtag/...+...+..."
    )]
    VerifyReceipt(receipt::VerifyReceipt),
}

impl ConsentCommand {
    pub(super) fn run(self, context: &Context) -> Result<(), Failure> {
        match self {
            Self::Record(command) => command.run(context),
            Self::Withdraw(command) => command.run(context),
            Self::Erase(command) => command.run(context),
            Self::Request(command) => command.run(context),
            Self::Status(command) => command.run(context),
            Self::Import(command) => command.run(context),
            Self::Export(command) => command.run(context),
            Self::Check(command) => command.run(context),
            Self::VerifyReceipt(command) => command.run(context),
        }
    }
}

/// Notes that events past their retention are still there after an act that wrote to the register; the act itself is done.
fn note_unswept(consents: &Consents<'_>, context: &Context) {
    if let Some(error) = consents.take_unswept() {
        let why = chain(&error);
        context.output.note(&text!("consent.unswept", why));
    }
}
