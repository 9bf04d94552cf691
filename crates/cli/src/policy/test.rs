//! `hushtag policy test`.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use super::files::{Kind, PolicyFile, policy_files};
use crate::init::read_text;
use crate::lang::text;
use crate::{Context, Failure, Format};
use hushtag::operator::StudySource;
use hushtag::policy::{Ran, Regime, Scenarios};

#[derive(Args)]
pub(crate) struct Test {
    /// Scenario files, or folders that hold some
    #[arg(required = true)]
    files: Vec<PathBuf>,
}

impl Test {
    pub(super) fn run(self, context: &Context) -> Result<(), Failure> {
        let files = policy_files(&self.files)?;
        let scenarios: Vec<&PolicyFile> = files.iter().filter(|file| file.kind == Kind::Scenarios).collect();
        if scenarios.is_empty() {
            return Err(Failure::failed(text!("policy.no_scenarios"), text!("policy.no_scenarios_fix")));
        }
        let mut ran: Vec<Ran> = Vec::new();
        for file in scenarios {
            ran.extend(run(file)?);
        }
        let failed = ran.iter().filter(|ran| ran.differs.is_some()).count();
        let passed = ran.len() - failed;
        if context.output.format() == Format::Junit {
            context.output.result(&crate::render::junit(&ran))?;
            return if failed == 0 { Ok(()) } else { Err(Failure::findings()) };
        }
        context.output.either(
            || json!({ "passed": passed, "failed": failed, "scenarios": ran }),
            || {
                let differs = ran.iter().filter_map(|ran| {
                    let Ran { place, id, title, .. } = ran;
                    Some(text!("policy.differs", place, id, title, differs = ran.differs.as_ref()?))
                });
                differs.chain([text!("policy.tested", passed, failed)]).collect::<Vec<_>>().join("\n")
            },
        )?;
        if failed == 0 { Ok(()) } else { Err(Failure::findings()) }
    }
}

fn run(file: &PolicyFile) -> Result<Vec<Ran>, Failure> {
    let broken = |error: String| Failure::of_error(error, text!("policy.scenarios_fix"));
    let scenarios = Scenarios::parse(&file.name, &file.text).map_err(|error| broken(error.to_string()))?;
    let folder = file.path.parent().unwrap_or(Path::new(""));
    let source = StudySource::load(&folder.join(scenarios.study()))?;
    let (_, named) = source.parse()?;
    // The regime beside the scenarios, if it is that one, so that a change of it is tested.
    let beside = folder.join("regime.toml");
    let regime = if beside.is_file() {
        let name = beside.display().to_string();
        Regime::parse(&name, &read_text(&beside)?).map_err(|error| broken(error.to_string()))?
    } else {
        named
    };
    Ok(scenarios.run(&source.text, &regime))
}
