//! `hushtag report`.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use super::lang::text;
use super::sandbox::{Copied, Opened, keys, open, open_or_read, read_copy};
use super::target::{PAGE_MARK, Target, are_one_place};
use super::{Context, Failure};
use crate::annex::Annex;
use crate::page::{Annexes, PageError, Report, report_page};
use hushtag::keys::AuditorKey;
use hushtag::operator::{Act, Anchoring, Keys, Operator, Role, Verification, VerifyTerms, verify_sandbox};
use hushtag::release::JoinDiagnostics;
use hushtag::report::{REGISTRY_MARK, registry_yaml};
use hushtag::storage::Folder;
use hushtag::types::EpochId;

#[derive(Args)]
pub(super) struct ReportCommand {
    /// The sandbox
    dir: PathBuf,
    /// The page: a new file, or one that an earlier report wrote, which is replaced as a whole
    #[arg(long, value_name = "FILE", required_unless_present = "registry")]
    out: Option<PathBuf>,
    /// A draft of the record for the public registry of deployments of differential privacy, as YAML; replaced as the page is
    #[arg(long, value_name = "FILE")]
    registry: Option<PathBuf>,
    /// Write the older answers in full as well, in numbered pages beside the page; else the newest ones are in full, and the numbers of the
    /// older ones are in a CSV file beside it
    #[arg(long, requires = "out")]
    all: bool,
    /// Add a draft of the impact assessment (PIPL art. 56), for a human to complete
    #[arg(long, requires = "out")]
    pipia: bool,
    /// The internal edition, with the exact figures that this auditor's key opens; every opening is logged
    #[arg(long, value_name = "FILE", requires = "out", conflicts_with = "copy")]
    key: Option<PathBuf>,
    #[command(flatten)]
    copied: Copied,
}

impl ReportCommand {
    pub(super) fn run(self, context: &Context) -> Result<(), Failure> {
        if let (Some(out), Some(registry)) = (&self.out, &self.registry)
            && are_one_place(out, registry)
        {
            return Err(Failure::usage(text!("report.one_file"), text!("report.one_file_fix")));
        }
        let out = self.out.as_deref().map(Target::new).transpose()?;
        let registry =
            self.registry.as_deref().map(|path| Target::marked(path, REGISTRY_MARK)).transpose()?;
        let lang = context.lang();
        let (figures, access) = match self.key.as_deref().map(AuditorKey::read_file).transpose()? {
            Some(key) => {
                // Exact figures are opened only where the log records it.
                let operator = open(&self.dir, context)?;
                let access = operator.log_access(Act::Report, Role::Auditor)?;
                (Some(opened(&operator, &key)?), Some(access))
            }
            None => (None, logged(&self.dir, &self.copied, context)?),
        };
        let reader = read_copy(&self.dir, &self.copied, context)?;
        let reader = match access {
            Some(access) => reader.logged_as(access),
            None => reader,
        };
        let anchor = self.copied.anchor()?;
        let verified = verified(&self.dir, keys(context)?, self.copied.anchoring(anchor.as_ref()))?;
        let place = self.dir.display().to_string();
        let (pipia, internal) = (self.pipia, figures.is_some());
        let figures = figures.as_deref();
        if let Some(registry) = &registry {
            registry.write(&registry_yaml(&reader)?)?;
            context.output.note(&registry.done());
        }
        let registry = self.registry.map(|path| path.display().to_string());
        let (Some(out), Some(path)) = (out, self.out) else {
            return context.output.either(
                || json!({ "registry": registry, "verified": true, "log_entry": access }),
                || text!("report.draft"),
            );
        };
        let report = Report { reader: &reader, verified: &verified, place: &place, lang, pipia, figures };
        let page = page(&report, &mut annexes(&path, internal, self.all))?;
        if internal {
            out.write_for_owner(&page)?
        } else {
            out.write(&page)?
        }
        context.output.note(&out.done());
        let (path, bytes) = (path.display().to_string(), page.len());
        context.output.either(
            || json!({ "report": path, "bytes": bytes, "verified": true, "internal": internal, "log_entry": access, "registry": registry }),
            || text!("report.done", page = path),
        )
    }
}

/// The exact figures of all epochs, each opening logged.
fn opened(operator: &Operator, key: &AuditorKey) -> Result<Vec<(EpochId, Vec<JoinDiagnostics>)>, Failure> {
    // Of a retired epoch nothing can be opened.
    let epochs = operator.status()?.epochs.into_iter().filter(|epoch| epoch.retired.is_none());
    let opened = epochs.map(|epoch| Ok((epoch.id.clone(), operator.inspect(&epoch.id, key)?)));
    opened.collect()
}

/// The entry of the log for a page that is about to be made; `None` where the log cannot be written.
fn logged(dir: &Path, copied: &Copied, context: &Context) -> Result<Option<u64>, Failure> {
    Ok(match open_or_read(dir, copied, context)? {
        Opened::Writer(operator) => Some(operator.log_access(Act::Report, Role::Operator)?),
        Opened::Reader(_) => None,
    })
}

/// What was verified of the budget ledger and the audit log against each other.
pub(super) fn verified(dir: &Path, keys: Keys, anchor: Anchoring<'_>) -> Result<Verification, Failure> {
    let terms = VerifyTerms::new().with_keys(keys).with_anchor(anchor).beside_a_writer();
    Ok(verify_sandbox(&Folder::open(dir)?, terms)?)
}

/// The files beside the page at `path` for what it has no room for.
pub(super) fn annexes(path: &Path, for_owner: bool, all: bool) -> Annexes {
    Annexes {
        answers: Annex::beside(path, ".answers.csv", "log_entry,at,study,", for_owner),
        charges: Annex::beside(path, ".charges.csv", "charge,at,recipient,", for_owner),
        pages: all.then(|| Annex::beside(path, ".html", PAGE_MARK, for_owner)),
    }
}

/// The page, or why there is none.
pub(super) fn page(report: &Report<'_>, annexes: &mut Annexes) -> Result<String, Failure> {
    report_page(report, annexes).map_err(|error| match error {
        PageError::Operator(error) => error.into(),
        error @ PageError::Annex(_) => Failure::of_error(error, text!("error.annex_fix")),
        PageError::Texts(_) => Failure::of_error(error, text!("error.bug_fix")),
    })
}
