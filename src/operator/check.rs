//! `policy check`: everything that can be said about a study before a sandbox exists.

use serde::Serialize;

use super::Adopted;
use super::analyst::plan;
use super::metrics::check_metrics;
use crate::dp::{Accounting, Delta, rho_of};
use crate::policy::{Decision, Regime, Study, StudyError, decide};
use crate::query::Ask;
use crate::types::Timestamp;

/// Something that should be mended before the study is used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The file.
    pub file: String,
    /// The rule.
    pub rule: String,
    /// Its article, if it has one.
    pub article: String,
    /// What is wrong.
    pub message: String,
    /// What would mend it.
    pub fix: String,
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let article = if self.article.is_empty() { String::new() } else { format!(" ({})", self.article) };
        write!(f, "{}: {}{article}: {}", self.file, self.rule, self.message)?;
        if self.fix.is_empty() { Ok(()) } else { write!(f, "\n  mend: {}", self.fix) }
    }
}

/// A default question may cost a twentieth of the study's cap.
const LARGEST_SHARE: u128 = 20;

/// All findings of one study file: its syntax, the decision for every recipient on the day of `now`, and its prices.
#[must_use]
pub fn check_study(file: &str, text: &str, now: Timestamp) -> Vec<Finding> {
    let finding = |rule: &str, message: String, fix: &str| Finding {
        file: file.to_owned(),
        rule: rule.to_owned(),
        article: String::new(),
        message,
        fix: fix.to_owned(),
    };
    let study = match Study::parse(file, text) {
        Ok(study) => study,
        Err(error) => {
            return vec![finding("SYNTAX", place_of(file, &error), "")];
        }
    };
    let regime = match Regime::built_in(&study.regime) {
        Ok(regime) => regime,
        Err(error) => return vec![finding("REGIME", error.to_string(), "name a regime that is built in")],
    };
    let mut all = Vec::new();
    for recipient in &study.recipients {
        if let Decision::Deny(reasons) = decide(&study, &regime, recipient, now) {
            all.extend(reasons.into_iter().map(|reason| Finding {
                file: file.to_owned(),
                rule: reason.rule,
                article: reason.article,
                message: format!("recipient {}: {}", recipient.id, reason.because),
                fix: reason.fix,
            }));
        }
    }
    let adopted = Adopted { study, regime };
    let accounting = Accounting::Zcdp { delta: Delta::DEFAULT };
    if let Err(error) = check_metrics(&adopted, file, text, accounting) {
        all.push(finding(
            "METRIC",
            place_of(file, &error),
            "mend the formula; names and labels are those of this study",
        ));
    }
    for (name, share) in expensive(&adopted) {
        let message =
            format!("the default question by `{name}` costs {share} % of the study's cap, more than 5 %");
        all.push(finding("PRICE", message, "raise default_error, lower max_reach, or coarsen the tag"));
    }
    all
}

/// The error names the file, and so does its finding: line, column and fault are left.
fn place_of(file: &str, error: &StudyError) -> String {
    let said = error.to_string();
    said.strip_prefix(&format!("{file}:")).unwrap_or(&said).to_owned()
}

/// Tags by which the default count costs too much, with the percentage. A study without a cap has no measure for it.
fn expensive(adopted: &Adopted) -> Vec<(String, u128)> {
    let Some(cap) = adopted.study.cap else { return Vec::new() };
    let cap = rho_of(cap, Delta::DEFAULT).get();
    let accounting = Accounting::Zcdp { delta: Delta::DEFAULT };
    let names = adopted.study.catalogue.tags().iter().map(|tag| tag.name().to_owned());
    names
        .filter_map(|name| {
            let cost = plan(&Ask::count().by(&name), adopted, accounting).ok()?.cost();
            (cost.saturating_mul(LARGEST_SHARE) > cap).then(|| (name, cost.saturating_mul(100) / cap.max(1)))
        })
        .collect()
}
