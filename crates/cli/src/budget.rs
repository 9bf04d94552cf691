//! `hushtag budget`.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde_json::json;

use super::audit::write_new;
use super::exit::refuse;
use super::lang::{text, time};
use super::sandbox::{open, read};
use super::{Context, Failure};
use crate::render::budget_text;
use hushtag::audit::{RenewalText, amount};
use hushtag::operator::{OperatorError, Renewed};
use hushtag::types::{Days, NanoEpsilon};

#[derive(Args)]
pub(super) struct Budget {
    /// The sandbox
    dir: PathBuf,
    #[command(subcommand)]
    act: Option<Act>,
}

#[derive(Subcommand)]
enum Act {
    /// Draft the text of the next renewal, or renew with the text that every handler has signed
    #[command(
        after_help = "Examples:\n  hushtag budget box renew --draft renewal.txt --reason \"the next quarter\"\n  hushtag policy sign --renewal renewal.txt --key platform.key\n  hushtag budget box renew --text renewal.txt --sig renewal.txt.sig"
    )]
    Renew(Renew),
}

#[derive(Args)]
struct Renew {
    /// Write the text to sign into this new file
    #[arg(
        long,
        value_name = "OUT",
        requires = "reason",
        required_unless_present = "text",
        conflicts_with = "text"
    )]
    draft: Option<PathBuf>,
    /// Why, in one line; part of the text
    #[arg(long, value_name = "TEXT", requires = "draft")]
    reason: Option<String>,
    /// The epsilon of the new pool [default: the limit of the present one]
    #[arg(long, requires = "draft", value_parser = NanoEpsilon::parse)]
    epsilon: Option<NanoEpsilon>,
    /// The window of the new pool, such as 90d [default: that of the present one]
    #[arg(long, requires = "draft", value_parser = Days::parse)]
    window: Option<Days>,
    /// The text that was signed
    #[arg(long, value_name = "FILE", requires = "sig")]
    text: Option<PathBuf>,
    /// The signatures: one file of all handlers, or one of each
    #[arg(long, value_name = "FILE", requires = "text", num_args = 1..)]
    sig: Vec<PathBuf>,
}

impl Budget {
    pub(super) fn run(self, context: &Context) -> Result<(), Failure> {
        match self.act {
            None => {
                let status = read(&self.dir, context)?.status()?;
                context.output.either(|| status.budget_to_json(), || budget_text(&status))
            }
            Some(Act::Renew(Renew { draft: Some(draft), reason: Some(reason), epsilon, window, .. })) => {
                let text = open(&self.dir, context)?.draft_renewal(&reason, epsilon, window)?.to_string();
                write_new(&draft, &text)?;
                let shown = draft.display().to_string();
                context.output.either(|| json!({ "file": shown, "text": text }), || text.clone())
            }
            Some(Act::Renew(renew)) => renew.renew(&self.dir, context),
        }
    }
}

impl Renew {
    fn renew(self, dir: &Path, context: &Context) -> Result<(), Failure> {
        let output = &context.output;
        let path = self.text.unwrap_or_default();
        let text = text_of(&path)?;
        RenewalText::parse(&text).map_err(|error| unfit(&path, &error.to_string()))?;
        let notes = self.sig.iter().map(|path| text_of(path)).collect::<Result<Vec<_>, _>>()?;
        let renewed = match open(dir, context)?.renew(&text, &notes) {
            Err(OperatorError::Refused(reasons)) => return Err(refuse(output, &reasons)),
            other => other?,
        };
        let Renewed { number, limit, next, entry, .. } = renewed;
        output.either(
            || {
                json!({
                    "renewal": number, "limit": amount(limit), "next": next.to_string(), "entry": entry,
                })
            },
            || text!("budget.renewed", number, limit, entry, next = time(next)),
        )
    }
}

/// The text of a file that people sign; never a large one.
fn text_of(path: &Path) -> Result<String, Failure> {
    const LARGEST: u64 = 1 << 20;
    let size = std::fs::metadata(path).map_err(|error| unfit(path, &error.to_string()))?.len();
    if size > LARGEST {
        return Err(unfit(path, &text!("budget.too_large")));
    }
    std::fs::read_to_string(path).map_err(|error| unfit(path, &error.to_string()))
}

fn unfit(path: &Path, why: &str) -> Failure {
    Failure::of_place(path.display(), why, text!("budget.unfit_fix"))
}
