//! `hushtag policy diff`.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use super::files::{Kind, policy_files, study_under_regime};
use crate::lang::{text, word};
use crate::{Context, Failure};
use hushtag::policy::{Comparison, Regime, Relation, Study};
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
            (Kind::Regime, Kind::Regime) => regime(&self.first)?.compare(&regime(&self.second)?),
            (Kind::Study, Kind::Study) => {
                let (first, second) = (study_under_regime(&self.first)?, study_under_regime(&self.second)?);
                let at = first.0.instant(now);
                if second.0.instant(now) != at {
                    return Err(Failure::usage(
                        text!("policy.two_instants"),
                        text!("policy.two_instants_fix"),
                    ));
                }
                Study::compare((&first.0, &first.1), (&second.0, &second.1), at)
            }
            _ => {
                return Err(Failure::usage(text!("policy.two_kinds"), text!("policy.two_kinds_fix")));
            }
        };
        context.output.either(|| json!(comparison), || text(&comparison))?;
        if comparison.relation == Relation::Equivalent { Ok(()) } else { Err(Failure::findings()) }
    }
}

fn kind(path: &Path) -> Result<Kind, Failure> {
    let files = policy_files(&[path.to_owned()])?;
    let other =
        || Failure::usage(text!("policy.no_kind", file = path.display()), text!("policy.no_kind_fix"));
    files.first().filter(|_| path.is_file()).map(|file| file.kind).ok_or_else(other)
}

fn regime(path: &Path) -> Result<Regime, Failure> {
    let name = path.display().to_string();
    Regime::parse(&name, &crate::init::read_text(path)?)
        .map_err(|error| Failure::of_error(error, text!("policy.regime_fix")))
}

fn text(comparison: &Comparison) -> String {
    let mut lines = Vec::new();
    for factor in comparison.factors.iter().filter(|factor| factor.relation != Relation::Equivalent) {
        let relation = word("relation", factor.relation.as_str());
        lines.push(text!("policy.factor", factor = factor.factor, relation));
        let second = factor.refused_by_second.as_ref();
        lines.extend(second.map(|example| text!("policy.second_refuses", example)));
        let first = factor.refused_by_first.as_ref();
        lines.extend(first.map(|example| text!("policy.first_refuses", example)));
    }
    let same = comparison.factors.iter().filter(|factor| factor.relation == Relation::Equivalent).count();
    lines.push(text!("policy.same_factors", same, all = comparison.factors.len()));
    lines.push(text!("policy.relation", relation = word("relation", comparison.relation.as_str())));
    lines.join("\n")
}
