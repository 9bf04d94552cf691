//! Policy files on disk: which kind each is, and the regime that applies to a study.

use std::path::{Path, PathBuf};

use crate::Failure;
use crate::init::read_text;
use crate::lang::text;
use hushtag::operator::StudySource;
use hushtag::policy::{Regime, Study};

/// What a policy file is, by its first table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Study,
    Regime,
    Scenarios,
}

/// A policy file, read.
pub(super) struct PolicyFile {
    pub(super) path: PathBuf,
    pub(super) name: String,
    pub(super) text: String,
    pub(super) kind: Kind,
}

/// Folders inside folders that are looked into.
const DEPTH: usize = 3;

/// The files that were named, and the policy files of the folders that were named.
pub(super) fn policy_files(paths: &[PathBuf]) -> Result<Vec<PolicyFile>, Failure> {
    let mut all = Vec::new();
    for path in paths {
        if path.is_dir() {
            let before = all.len();
            walk(path, DEPTH, &mut all)?;
            if all.len() == before {
                let message = text!("policy.no_files", folder = path.display());
                return Err(Failure::failed(message, text!("policy.no_files_fix")));
            }
        } else {
            let text = read_text(path)?;
            let name = path.display().to_string();
            // A file that is nothing yet is checked as a study: the error names what is missing.
            let kind = kind(&text).unwrap_or(Kind::Study);
            all.push(PolicyFile { path: path.clone(), name, text, kind });
        }
    }
    Ok(all)
}

fn walk(folder: &Path, depth: usize, all: &mut Vec<PolicyFile>) -> Result<(), Failure> {
    let unreadable = |error: std::io::Error| {
        Failure::failed(text!("file.unreadable", file = folder.display(), error), text!("fix.path"))
    };
    let entries = std::fs::read_dir(folder).map_err(unreadable)?.collect::<Result<Vec<_>, _>>();
    let mut paths: Vec<PathBuf> = entries.map_err(unreadable)?.iter().map(std::fs::DirEntry::path).collect();
    paths.sort();
    for path in paths {
        if path.is_symlink() {
            continue;
        }
        if path.is_dir() {
            if depth > 0 {
                walk(&path, depth - 1, all)?;
            }
        } else if path.extension().is_some_and(|ending| ending == "toml") {
            let text = read_text(&path)?;
            if let Some(kind) = kind(&text) {
                all.push(PolicyFile { name: path.display().to_string(), path, text, kind });
            }
        }
    }
    Ok(())
}

/// By the first words of its tables, so that a file that does not parse has a kind too.
fn kind(text: &str) -> Option<Kind> {
    let tables = |name: &str| text.lines().any(|line| line.trim_start().starts_with(name));
    if tables("[[scenarios]]") {
        Some(Kind::Scenarios)
    } else if tables("[regime]") {
        Some(Kind::Regime)
    } else if tables("[study]") {
        Some(Kind::Study)
    } else {
        None
    }
}

/// A study with its regime.
pub(crate) fn study_under_regime(path: &Path) -> Result<(Study, Regime), Failure> {
    Ok(StudySource::load(path)?.parse()?)
}
