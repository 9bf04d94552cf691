//! `hushtag policy check`.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::files::{Kind, PolicyFile, policy_files};
use crate::lang::{self, text, word};
use crate::{Context, Failure, Format};
use hushtag::engine::cluster::{ClusterError, refused_by_study};
use hushtag::operator::{StudySource, check_regime, check_sandbox, check_study, studies_in_force};
use hushtag::policy::{Finding, Level, Scenarios, Study};
use hushtag::types::{AsOf, Clock, SystemClock};

#[derive(Args)]
pub(crate) struct Check {
    /// Study, regime and scenario files, folders that hold some, or sandboxes
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// The day to decide on, in the time zone of each study [default: today]
    #[arg(long, value_name = "WHEN", value_parser = AsOf::parse)]
    as_of: Option<AsOf>,
    /// Find also what a seal on a cluster does not do yet (`hushtag-cluster`)
    #[arg(long)]
    cluster: bool,
}

impl Check {
    pub(super) fn run(self, context: &Context) -> Result<(), Failure> {
        let now = self.as_of.unwrap_or_else(|| AsOf::Instant(SystemClock.now()));
        let (mut count, mut all): (usize, Vec<Finding>) = (0, Vec::new());
        for path in &self.files {
            if path.join("sandbox.toml").is_file() {
                all.extend(check_sandbox(path, now)?);
                if self.cluster {
                    let studies = studies_in_force(path)?;
                    all.extend(studies.iter().flat_map(|study| refused(&path.display().to_string(), study)));
                }
                count += 1;
                continue;
            }
            for file in policy_files(std::slice::from_ref(path))? {
                all.extend(findings(&file, now)?);
                if self.cluster && file.kind == Kind::Study {
                    all.extend(findings_of_cluster(&file));
                }
                count += 1;
            }
        }
        if context.output.format() == Format::Sarif {
            let root = std::env::current_dir().ok();
            context.output.result(&hushtag::report::sarif(&all, root.as_deref()).to_string())?;
        } else {
            context.output.either(
                || json!({ "files": count, "findings": all }),
                || {
                    let lines: Vec<String> = all.iter().map(finding_text).collect();
                    let summary = match all.len() {
                        0 => text!("policy.no_findings", count),
                        findings => text!("policy.findings", count, findings),
                    };
                    lines.into_iter().chain([summary]).collect::<Vec<_>>().join("\n")
                },
            )?;
        }
        // A note asks for no change.
        if all.iter().all(|finding| finding.level == Level::Note) { Ok(()) } else { Err(Failure::findings()) }
    }
}

/// A finding; what is wrong and its fix are in English.
pub(crate) fn finding_text(finding: &Finding) -> String {
    if lang::is_english() {
        return finding.to_string();
    }
    let Finding { file, rule, message, .. } = finding;
    let place = finding.place.map_or_else(String::new, |(line, column)| format!(":{line}:{column}"));
    let article = match finding.article.as_str() {
        "" => String::new(),
        article => text!("refusal.article", article),
    };
    let level = word("level", finding.level.as_str());
    let line = text!("policy.finding", file, place, level, rule, article, message);
    match finding.fix.as_str() {
        "" => line,
        fix => format!("{line}\n{}", text!("error.fix", fix)),
    }
}

fn findings(file: &PolicyFile, now: AsOf) -> Result<Vec<Finding>, Failure> {
    let (name, text) = (&file.name, &file.text);
    Ok(match file.kind {
        Kind::Study => check_study(&StudySource::load(&file.path)?, now),
        Kind::Regime => check_regime(name, text),
        Kind::Scenarios => match Scenarios::parse(name, text) {
            Ok(_) => Vec::new(),
            Err(error) => vec![Finding { file: name.clone(), ..Finding::of_error("SYNTAX", &error, "") }],
        },
    })
}

/// What a cluster does not do of a study, in the words in which a seal refuses it.
fn refused(file: &str, study: &Study) -> Vec<Finding> {
    let fix = "seal on one machine with `hushtag seal`, or do without";
    let finding = |refusal| {
        let message = ClusterError::Refused(vec![refusal]).to_string();
        Finding { file: file.to_owned(), ..Finding::new(Level::Error, "CLUSTER", message, fix) }
    };
    refused_by_study(study).into_iter().map(finding).collect()
}

/// As [`refused`]; a file that is no study has a finding of its own.
fn findings_of_cluster(file: &PolicyFile) -> Vec<Finding> {
    Study::parse(&file.name, &file.text).map(|study| refused(&file.name, &study)).unwrap_or_default()
}
