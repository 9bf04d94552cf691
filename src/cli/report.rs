//! `hushtag report`.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use serde_json::json;

use super::sandbox::{keys, read};
use super::target::Target;
use super::{Context, Failure};
use crate::operator::{Keys, Reader, verify_log};
use crate::policy::Lang;
use crate::report::{PageError, Report, report_page};
use crate::storage::Folder;

/// The language of a page.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Language {
    /// English.
    En,
    /// Simplified Chinese.
    Zh,
}

#[derive(Args)]
pub(super) struct ReportCommand {
    /// The sandbox
    dir: PathBuf,
    /// The page: a new file, or one that an earlier report wrote, which is replaced as a whole
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// The language of the page
    #[arg(long, value_enum, default_value_t = Language::En)]
    lang: Language,
    /// Add a draft of the impact assessment (PIPL art. 56), for a human to complete
    #[arg(long)]
    pipia: bool,
}

impl ReportCommand {
    pub(super) fn run(self, context: &Context) -> Result<(), Failure> {
        let out = Target::new(&self.out)?;
        let lang = match self.lang {
            Language::En => Lang::En,
            Language::Zh => Lang::Zh,
        };
        let reader = read(&self.dir, context)?;
        let page = page(&reader, &self.dir, keys(context)?, lang, self.pipia)?;
        out.write(&page)?;
        context.output.note(&out.done());
        let (path, bytes) = (self.out.display().to_string(), page.len());
        context.output.either(
            || json!({ "report": path, "bytes": bytes, "verified": true }),
            || format!("{path}: both books verified; open it in any browser, or print it"),
        )
    }
}

/// The auditor's page of the sandbox in `dir`, which `reader` has opened, after verifying both of its books.
pub(super) fn page(
    reader: &Reader,
    dir: &Path,
    keys: Keys,
    lang: Lang,
    pipia: bool,
) -> Result<String, Failure> {
    let verified = verify_log(&Folder::open(dir)?, None, Some(keys), None)?;
    let place = dir.display().to_string();
    let report = Report { reader, verified: &verified, place: &place, lang, pipia };
    report_page(&report).map_err(|error| match error {
        PageError::Operator(error) => error.into(),
        PageError::Texts(_) => Failure::failed(error.to_string(), "report this bug"),
    })
}
