//! `hushtag policy diff`.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use super::files::{Kind, policy_files, study_under_regime};
use crate::{Context, Failure};
use hushtag::policy::{Comparison, Regime, Relation, diff_regimes, diff_studies};
use hushtag::types::{AsOf, Clock, SystemClock};

#[derive(Args)]
pub(crate) struct Diff {
    /// A study or a regime
    first: PathBuf,
    /// Another of the same kind
    second: PathBuf,
    /// The day on which studies are compared, in the time zone of each [default: today]
    #[arg(long, value_name = "WHEN", value_parser = AsOf::parse)]
    as_of: Option<AsOf>,
}

impl Diff {
    pub(super) fn run(self, context: &Context) -> Result<(), Failure> {
        let now = self.as_of.unwrap_or_else(|| AsOf::Instant(SystemClock.now()));
        let comparison = match (kind(&self.first)?, kind(&self.second)?) {
            (Kind::Regime, Kind::Regime) => diff_regimes(&regime(&self.first)?, &regime(&self.second)?),
            (Kind::Study, Kind::Study) => {
                let (first, second) = (study_under_regime(&self.first)?, study_under_regime(&self.second)?);
                let at = first.0.instant(now);
                if second.0.instant(now) != at {
                    let next = "give --as-of an instant, such as 2026-10-01T00:00:00+08:00";
                    return Err(Failure::usage(
                        "a bare date is two instants in the time zones of the studies",
                        next,
                    ));
                }
                diff_studies((&first.0, &first.1), (&second.0, &second.1), at)
            }
            _ => {
                return Err(Failure::usage(
                    "the two files are not of one kind",
                    "give two studies, or two regimes",
                ));
            }
        };
        context.output.either(|| json!(comparison), || text(&comparison))?;
        if comparison.relation == Relation::Equivalent { Ok(()) } else { Err(Failure::findings()) }
    }
}

fn kind(path: &Path) -> Result<Kind, Failure> {
    let files = policy_files(&[path.to_owned()])?;
    let other = || Failure::usage(format!("{}: not a study or a regime", path.display()), "name the file");
    files.first().filter(|_| path.is_file()).map(|file| file.kind).ok_or_else(other)
}

fn regime(path: &Path) -> Result<Regime, Failure> {
    let name = path.display().to_string();
    Regime::parse(&name, &crate::init::read_text(path)?)
        .map_err(|error| Failure::failed(error.to_string(), "mend the regime"))
}

fn text(comparison: &Comparison) -> String {
    let mut lines = Vec::new();
    for factor in comparison.factors.iter().filter(|factor| factor.relation != Relation::Equivalent) {
        lines.push(format!("{}: {}", factor.factor, factor.relation.as_str()));
        let example = |who: &str, example: &Option<String>| {
            example.as_ref().map(|example| format!("  the {who} alone refuses: {example}"))
        };
        lines.extend(example("second", &factor.refused_by_second));
        lines.extend(example("first", &factor.refused_by_first));
    }
    let same = comparison.factors.iter().filter(|factor| factor.relation == Relation::Equivalent).count();
    lines.push(format!("{same} of {} factors are equivalent", comparison.factors.len()));
    lines.push(format!("the second is: {}", comparison.relation.as_str()));
    lines.join("\n")
}
